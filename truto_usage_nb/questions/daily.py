"""Money by day, from where it is looked at, and up to when figures are final, as far as the records themselves show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.choices import Question, check_dims
from truto_usage_nb.costs.digest import Digest, DigestPlan, digest, reduced
from truto_usage_nb.costs.series_of_record import DAY, HOUR, is_running_total
from truto_usage_nb.costs.tables import matched
from truto_usage_nb.errors import InputError
from truto_usage_nb.integrations import INTEGRATIONS, integrations_that
from truto_usage_nb.native import Native, collect, enter, nothing_like, with_instants
from truto_usage_nb.result import UsageResult

__all__ = [
    "Arrivals",
    "Days",
    "RowKey",
    "Span",
    "Stream",
    "View",
    "age_told",
    "arrivals",
    "money_days",
    "opened",
    "seen_at",
    "settled_to",
]

RowKey = tuple[Any, ...]
"""The values of `by`, then the currency."""
_FIRST_DAY = date(1970, 1, 1)


@dataclass(slots=True)
class Span:
    """Money of records longer than a day, [start, until).

    `grows` is the part of it that grows with the days counted, `updated` when they were counted, where that is known.
    """

    start: date
    until: date
    money: float
    grows: float = 0.0
    updated: datetime | None = None


@dataclass(slots=True)
class Stream:
    """One account's money under one key: by day, and by span where a record is longer.

    `taken_back` is the part of a day's money that is negative: refunds, and the like.
    """

    account: str | None
    integration: str | None
    days: dict[date, float] = field(default_factory=lambda: defaultdict(float))
    spans: list[Span] = field(default_factory=list)
    taken_back: dict[date, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, day: date, money: float) -> None:
        self.days[day] += money
        if money < 0:
            self.taken_back[day] += money


@dataclass(frozen=True, slots=True)
class Days:
    """Hold every stream by key, the days on which each account has any record of a day or less, and `by`'s dtypes.

    `totalled` says up to when (microseconds since 1970) the running totals of an account tell, which has no other
    money: they are its days by what they grew.
    """

    by: tuple[str, ...]
    dtypes: dict[str, pl.DataType]
    streams: dict[RowKey, list[Stream]]
    held: dict[str | None, set[date]]
    totalled: dict[str | None, int]

    def billed_otherwise(self, account: str | None, currency: str | None) -> set[date]:
        """The days on which an account is billed, but not in this currency: it has moved on, or not come yet."""
        own: set[date] = set()
        others: set[date] = set()
        for key, streams in self.streams.items():
            days = {
                day for stream in streams if stream.account == account for day, money in stream.days.items() if money
            }
            (own if key[-1] == currency else others).update(days)
        return others - own

    @property
    def last(self) -> date | None:
        """The last day on which any account has a record."""
        return max((max(days) for days in self.held.values() if days), default=None)


def money_days(
    native: Native, by: str | Sequence[str] | None, choices: Mapping[str, Any], reserved: tuple[str, ...]
) -> Days:
    """Read a frame's billed money a day, each counted once; what was chosen is told in one warning.

    Where an account's only money are running totals, a day's is what they grew by.
    """
    question = Question.of(by, None, "UTC", "billed", choices)
    check_dims(question.by, reserved)
    read = matched(native, question)
    rows = read.rows.filter(pl.col("start").is_not_null())
    sums = _Sums()
    totals = _running_totals(native, question, read)
    columns = [*read.dims, "currency", "integrated_account_id", "integration", "start", "end", "money", "money_n"]
    day, a_day = lru_cache(read.date), DAY // read.bin  # thousands of rows are of a few days
    for *key, account, integration, start, end, money, stated in rows.select(columns).iter_rows():
        last = max(end if end is not None else start, start + 1)
        first, single = day(start), last - start <= a_day
        if account in totals:
            continue
        if single:
            sums.held[account].add(first)
        if not stated:
            continue
        stream = sums.stream(tuple(key), account, integration)
        if single:
            stream.add(first, money)
        else:
            stream.spans.append(Span(first, max(day(last), first + timedelta(days=1)), money))
    for growth in totals.values():
        growth.into(sums)
    dtypes = {name: rows.schema[dim] for name, dim in zip(read.by, read.dims, strict=True)}
    return Days(read.by, dtypes, sums.grouped(), dict(sums.held), {a: one.until for a, one in totals.items()})


@dataclass(slots=True)
class _Sums:
    """What is added up on the way."""

    streams: dict[tuple[RowKey, str | None], Stream] = field(default_factory=dict)
    held: dict[str | None, set[date]] = field(default_factory=lambda: defaultdict(set))

    def stream(self, key: RowKey, account: str | None, integration: str | None) -> Stream:
        return self.streams.setdefault((key, account), Stream(account, integration))

    def grouped(self) -> dict[RowKey, list[Stream]]:
        grouped: dict[RowKey, list[Stream]] = defaultdict(list)
        for (own, _), stream in self.streams.items():
            grouped[own].append(stream)
        return dict(grouped)


@dataclass(slots=True)
class _Growth:
    """The states of one account's running totals: what each cycle had come to by when, in microseconds."""

    account: str | None
    integration: str
    states: dict[tuple[RowKey, int, str], dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    """By key, where the cycle begins, and what is totalled."""

    @property
    def until(self) -> int:
        return max(moment for states in self.states.values() for moment in states)

    def into(self, sums: _Sums) -> None:
        for (key, begin, _), states in self.states.items():
            stream, earlier, money = sums.stream(key, self.account, self.integration), begin, 0.0
            for moment, state in sorted(states.items()):
                for day, share in _spread(earlier, moment):
                    stream.add(day, (state - money) * share)
                    sums.held[self.account].add(day)
                earlier, money = moment, state


def _spread(start: int, end: int) -> Iterator[tuple[date, float]]:
    """Yield the days between two instants and the share of the time that each has; the day itself where there is none.

    >>> [(f"{day:%d}", share) for day, share in _spread(0, 5 * DAY // 2)]
    [('01', 0.4), ('02', 0.4), ('03', 0.2)]
    """
    if end <= start:
        yield _day(max(end - 1, 0) // DAY), 1.0
        return
    for number in range(start // DAY, (end - 1) // DAY + 1):
        inside = min(end, (number + 1) * DAY) - max(start, number * DAY)
        yield _day(number), inside / (end - start)


def _running_totals(native: Native, question: Question, read: Digest) -> dict[str | None, _Growth]:
    """Read what each state of a running total says, for the accounts that have no money but running totals."""
    in_cycles = integrations_that(lambda each: each.cycle)
    stating = read.rows.filter((pl.col("money_n") > 0) & pl.col("integration").is_in(in_cycles))
    if not stating.height:
        return {}
    states = _states(native, question)
    if not states.rows.height:
        return {}
    spans = set(_when(states, states.rows))
    found = _grown(states)
    for account, *span in _when(read, stating):
        if (account, *span) not in spans:  # it has money beside
            found.pop(account, None)
    return found


def _when(read: Digest, rows: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    days = (pl.col(name) * read.bin // DAY for name in ("start", "end"))
    return rows.select("integrated_account_id", *days).iter_rows()


def _states(native: Native, question: Question) -> Digest:
    whole = reduced(native, question.by)
    columns = whole.columns
    seen = with_instants(whole, whole.frame, {"__start": "start_date", "__end": "end_date"})
    running = seen.filter(is_running_total(columns)).select(*columns)
    return digest(replace(whole, frame=running), DigestPlan.of(question.by, question.choices))


def _grown(states: Digest) -> dict[str | None, _Growth]:
    found: dict[str | None, _Growth] = {}
    rows = states.rows.filter((pl.col("money_n") > 0) & pl.col("cycle").is_not_null() & pl.col("start").is_not_null())
    columns = [*states.dims, "currency", "integrated_account_id", "integration", "series", "cycle", "start", "seen"]
    for *key, account, integration, series, cycle, start, seen, money in rows.select(*columns, "money").iter_rows():
        begin = states.date(start)
        first = begin if series == "spend" else begin.replace(day=1)
        growth = found.setdefault(account, _Growth(account, integration))
        of = growth.states[tuple(key), (first - _FIRST_DAY).days * DAY, cycle]
        of[seen] = of.get(seen, 0.0) + money
    return found


def _day(number: int) -> date:
    return _FIRST_DAY + timedelta(days=number)


# from where a frame is looked at: which month this is, and what of it has been seen -----------------------------------

_LONG = timedelta(days=366)
"""How long ago everything is, where nothing says when it was seen."""
_A_DAY = timedelta(days=1)


def opened(frame: Any) -> tuple[Native, UsageResult | None]:
    """Take a frame in, or the one of a result."""
    return (enter(frame.frame), frame) if isinstance(frame, UsageResult) else (enter(frame), None)


@dataclass(frozen=True, slots=True)
class View:
    """Say from where a frame is looked at: days before `today` count, and `seen` is when it was fetched, at least."""

    today: date
    seen: datetime
    arrivals: Mapping[str | None, Arrivals]

    @property
    def first(self) -> date:
        return (self.today - _A_DAY).replace(day=1)

    @classmethod
    def of(cls, native: Native, days: Days, result: UsageResult | None, at: datetime | None) -> View:
        came = arrivals(native)
        told = [one.reaches for one in came.values()]
        told += [datetime.fromtimestamp(until / 1e6, UTC) for until in days.totalled.values()]
        told += [stamp] if (stamp := seen_at(native)) is not None else []
        known = result.fetched_at if result is not None else max(told, default=None)
        if at is None and result is not None and result.period is not None:
            at = min(result.period.end, result.fetched_at)
        today = _day_after(at) if at is not None else _last(days) + _A_DAY
        begun = datetime.combine(today, time(), UTC)
        known = known or begun + _LONG  # nothing says when these were seen: they are as they are
        return cls(today, known if at is None else max(known, at), came)

    def unfinished(self, account: str | None, held: set[date]) -> set[date]:
        """The account's last days that were not whole when they were seen."""
        came = self.arrivals.get(account)
        return came.unfinished(held, self.seen) if came is not None else _begun(held, self.seen)


def _begun(held: Iterable[date], seen: datetime) -> set[date]:
    return {day for day in held if datetime.combine(day, time(), UTC) + _A_DAY > seen}


def _day_after(moment: datetime) -> date:
    """The day a moment ends, or else the one after it has begun: midnight ends the day before."""
    return moment.date() if moment.time() == time() else moment.date() + _A_DAY


def _last(days: Days) -> date:
    ends = [span.until for streams in days.streams.values() for s in streams for span in s.spans]
    last = days.last or (max(ends) - _A_DAY if ends else None)
    if last is None:
        raise InputError("pace needs at least one record with a date and a charge; this frame has none.")
    return last


# up to when figures are final, and what is still to come --------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
            named = _moment(day * DAY).date()
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
        ~nw.col("__start").is_null() & (nw.col("__last") - nw.col("__start") <= DAY)
    )
    day = nw.col("__start") // DAY
    after = nw.col("__created_at") - (day + 1) * DAY
    charged = nw.col("charges_count").fill_null(0) > 0
    hours = nw.when(charged & (after > -DAY)).then((after + (HOUR - 1)) // HOUR)
    keys = {
        "k_account": nw.col("integrated_account_id"), "k_integration": nw.col("integration"), "k_day": day,
        "k_hours": hours, "k_whole": nw.col("__last") - nw.col("__start") >= DAY,
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
