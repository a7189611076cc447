"""From where a frame is looked at: which month this is, and what of it has been seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from truto_usage_nb.errors import InputError
from truto_usage_nb.native import Native, enter
from truto_usage_nb.questions.age import Arrivals, arrivals, seen_at
from truto_usage_nb.questions.daily import Days
from truto_usage_nb.result import UsageResult

__all__ = ["View", "opened"]

LONG = timedelta(days=366)
"""How long ago everything is, where nothing says when it was seen."""
_DAY = timedelta(days=1)


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
        return (self.today - _DAY).replace(day=1)

    @classmethod
    def of(cls, native: Native, days: Days, result: UsageResult | None, at: datetime | None) -> View:
        came = arrivals(native)
        told = [one.reaches for one in came.values()]
        told += [datetime.fromtimestamp(until / 1e6, UTC) for until in days.totalled.values()]
        told += [stamp] if (stamp := seen_at(native)) is not None else []
        known = result.fetched_at if result is not None else max(told, default=None)
        if at is None and result is not None and result.period is not None:
            at = min(result.period.end, result.fetched_at)
        today = _day_after(at) if at is not None else _last(days) + _DAY
        begun = datetime.combine(today, time(), UTC)
        known = known or begun + LONG  # nothing says when these were seen: they are as they are
        return cls(today, known if at is None else max(known, at), came)

    def unfinished(self, account: str | None, held: set[date]) -> set[date]:
        """The account's last days that were not whole when they were seen."""
        came = self.arrivals.get(account)
        return came.unfinished(held, self.seen) if came is not None else _begun(held, self.seen)


def _begun(held: Iterable[date], seen: datetime) -> set[date]:
    return {day for day in held if datetime.combine(day, time(), UTC) + _DAY > seen}


def _day_after(moment: datetime) -> date:
    """The day a moment ends, or else the one after it has begun: midnight ends the day before."""
    return moment.date() if moment.time() == time() else moment.date() + _DAY


def _last(days: Days) -> date:
    ends = [span.until for streams in days.streams.values() for s in streams for span in s.spans]
    last = days.last or (max(ends) - _DAY if ends else None)
    if last is None:
        raise InputError("pace needs at least one record with a date and a charge; this frame has none.")
    return last
