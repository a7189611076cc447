"""Calendar months: which a request covers, how far each has come, and when its figures are final."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from truto_usage_nb.sandbox.ask import Ask, Refused, World

_FINAL_ON = 16  # day of the next month from which the historical figures stand
_LAG = timedelta(hours=24)  # a day is counted a day after it has ended
_MONTH_TEXT = len("2026-10")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One calendar month, UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> Month:
        """Return the month a day is in."""
        return cls(day.year, day.month)

    @property
    def start(self) -> date:
        """The first day."""
        return date(self.year, self.month, 1)

    @property
    def next(self) -> Month:
        """The month after."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def final_at(self) -> datetime:
        """When the historical figures stand: the 16th of the month after."""
        return datetime.combine(self.next.start.replace(day=_FINAL_ON), time(0), UTC)

    def final(self, world: World) -> bool:
        """Say whether the figures are historical, or else still an estimate."""
        return world.now >= self.final_at

    def counted_days(self, world: World) -> list[date]:
        """Return the days that are in the figures by now, from the 1st."""
        length = (self.next.start - self.start).days
        days = (self.start + timedelta(days=offset) for offset in range(length))
        return [day for day in days if datetime.combine(day, time(0), UTC) + timedelta(days=1) + _LAG <= world.now]

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def asked(ask: Ask) -> tuple[Month, Month]:
    """Return the first and the last month a request covers, both included.

    `start_date` and `end_date` have month resolution: the end is exclusive, so `2026-11-01` ends October, while a bare
    month such as `2026-10` is covered. Without dates it is this month; without an end, the month of the start.
    `start_month` and `end_month` of `remote_query` come first. Raises `Refused` (400) as Datadog does.
    """
    start = ask.remote_query.get("start_month", ask.start_date)
    end = ask.remote_query.get("end_month", ask.end_date)
    first = Month.of(_day("start_month", start)) if start is not None else Month.of(ask.world.now.date())
    last = first if end is None else _last(first, end)
    if last < first:
        raise refused(f"the end {end!r} is before start_month {first}")
    return first, last


def months(first: Month, last: Month, world: World) -> Iterator[Month]:
    """Yield the months from first to last that have begun."""
    month = first
    while month <= last and month.start <= world.now.date():
        yield month
        month = month.next


def refused(detail: str) -> Refused:
    """Return Datadog's answer to a request it cannot serve."""
    return Refused(400, {"errors": [detail]})


def _last(first: Month, end: str) -> Month:
    """Return the last month covered; an end on the very day of the start still covers its month."""
    day = _day("end_month", end)
    if len(end) == _MONTH_TEXT or day == first.start:
        return Month.of(day)
    return Month.of(day - timedelta(days=1))


def _day(name: str, text: str) -> date:
    """Read `YYYY-MM`, `YYYY-MM-DD` or the day portion of an RFC 3339 instant."""
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == _MONTH_TEXT else text[:10])
    except ValueError:
        raise refused(f"{name} must be formatted as YYYY-MM, got {text!r}") from None
