"""Up to when figures are final, and what is still to come, as far as the records themselves show."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import narwhals.stable.v2 as nw

from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, nothing_like, with_instants

__all__ = ["Arrivals", "age_told", "arrivals", "seen_at", "settled_to"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR, _DAY = 3_600_000_000, 86_400_000_000
"""Microseconds."""
_UNKNOWN_LATE = timedelta(days=7)
"""The longest that an unknown integration is waited for."""
_ALL_BUT = 0.01
"""The share of records that may be later than what is taken for a delay: a backfill is none."""


def seen_at(native: Native) -> datetime | None:
    """The newest moment (UTC) that any record states of itself: the load is not older than that.

    None where no record says when it was made. A load may be newer: then more is final than is said here.
    """
    names = {f"__{c}": c for c in ("updated_at", "created_at") if c in native.columns}
    if not names:
        return None
    moments = with_instants(native, native.frame, names)
    latest = collect(moments.select(*(nw.col(name).max() for name in names))).row(0)
    known = [int(value) for value in latest if value is not None]
    return _EPOCH + timedelta(microseconds=max(known)) if known else None


def settled_to(integrations: set[str | None], now: datetime) -> date | None:
    """The day up to which (exclusive) all of these integrations' figures are final at a moment."""
    days = [INTEGRATIONS[name].settled_until(now).date() for name in integrations if name in INTEGRATIONS]
    return min(days) if days else None


def age_told(
    native: Native, before: tuple[datetime, datetime], after: tuple[datetime, datetime], now: datetime | None
) -> str | None:
    """Say which integrations may still change in one of two buckets while the other is final."""
    if now is None:
        return None
    held = set(collect(native.frame.select("integration").unique())["integration"].drop_nulls())
    known = {name: INTEGRATIONS[name].settled_until(now) for name in sorted(held & INTEGRATIONS.keys())}
    open_ = [f"{name} ({until:%Y-%m-%d})" for name, until in known.items() if before[1] <= until < after[1]]
    if not open_:
        return None
    return (
        f"the two are of different age: {before[0]:%Y-%m-%d} is final, {after[0]:%Y-%m-%d} may still "
        f"change for {', '.join(open_)}, where "
        f"figures are final up to the date named; part of the change may be records to come."
    )


@dataclass(slots=True)
class Arrivals:
    """Hold what the records of a day or less say of when an account's days were there.

    `reaches` is the newest moment that any of them covers, `touched` when the records of a day were last worked on,
    where they state it, and `delay` how long after a day's end its last charges appeared: ninety-nine in a hundred of
    the records charged, as `created_at` states, and no longer than the vendor says.
    """

    integration: str | None
    reaches: datetime = _EPOCH
    delay: timedelta = timedelta(0)
    touched: dict[date, datetime] = field(default_factory=dict)

    def unfinished(self, held: set[date], seen: datetime) -> set[date]:
        """Give the last days of those held that were not whole at the moment they were seen.

        A day is not whole before it has ended and the delay has passed, nor while its records were last worked on
        before its end. An account whose every day is such stamps its records with their start: that says nothing.
        """
        open_: set[date] = set()
        for day in sorted(held, reverse=True):
            end = datetime.combine(day, time(), UTC) + timedelta(days=1)
            if end + self.delay > seen or self.touched.get(day, end) < end:
                open_.add(day)
            else:
                return open_
        return {day for day in open_ if datetime.combine(day, time(), UTC) + timedelta(days=1) + self.delay > seen}


def arrivals(native: Native) -> dict[str | None, Arrivals]:
    """Read, account by account, up to when the records of a day or less reach, and how late they appear."""
    found: dict[str | None, Arrivals] = {}
    late: dict[str | None, dict[int, int]] = defaultdict(dict)
    for account, integration, day, hours, whole, reaches, touched, count in _appeared(native):
        of = found.setdefault(account, Arrivals(integration))
        of.reaches = max(of.reaches, _moment(reaches))
        if whole and touched is not None:
            named = _moment(day * _DAY).date()
            of.touched[named] = max(of.touched.get(named, _EPOCH), _moment(touched))
        if hours is not None:
            late[account][hours] = late[account].get(hours, 0) + count
    for account, counts in late.items():
        found[account].delay = min(_delay(counts), _longest(found[account].integration))
    return found


def _appeared(native: Native) -> list[tuple[Any, ...]]:
    """Count the records of a day or less by account, day and the hours after its end at which they appeared."""
    have = native.columns
    stamps = {f"__{c}": c for c in ("updated_at", "created_at") if c in have}
    rows = with_instants(native, native.frame, {"__start": "start_date", "__end": "end_date", **stamps})
    missing = {f"__{c}": nothing_like("__start") for c in ("updated_at", "created_at") if c not in have}
    end = nw.coalesce(nw.col("__end"), nw.col("__start"))
    rows = rows.with_columns(**missing, __last=end).filter(
        ~nw.col("__start").is_null() & (nw.col("__last") - nw.col("__start") <= _DAY)
    )
    day = nw.col("__start") // _DAY
    after = nw.col("__created_at") - (day + 1) * _DAY
    charged = nw.col("charges_count").fill_null(0) > 0
    hours = nw.when(charged & (after > -_DAY)).then((after + (_HOUR - 1)) // _HOUR)
    keys = {
        "k_account": nw.col("integrated_account_id"), "k_integration": nw.col("integration"), "k_day": day,
        "k_hours": hours, "k_whole": nw.col("__last") - nw.col("__start") >= _DAY,
    }  # fmt: skip
    grouped = (
        rows.with_columns(**keys)
        .group_by(*keys)
        .agg(nw.col("__last").max(), nw.col("__updated_at").max(), nw.len().alias("n"))
    )
    return collect(grouped).select(*keys, "__last", "__updated_at", "n").rows()


def _delay(counts: dict[int, int]) -> timedelta:
    """Within how many hours of a day's end all but one in a hundred appeared."""
    left = _ALL_BUT * sum(counts.values())
    for hours in sorted(counts, reverse=True):
        left -= counts[hours]
        if left < 0:
            return timedelta(hours=max(hours, 0))
    return timedelta(0)


def _longest(integration: str | None) -> timedelta:
    return INTEGRATIONS[integration].late if integration in INTEGRATIONS else _UNKNOWN_LATE


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
