"""From a period to requests: pure, no I/O.

A period means the same for every account: half-open, UTC. Each integration has its own longest request, its own
resolution and its own idea of an end; its `Window` says so, and this room turns one query and one period into the
exact list of queries to send. Windows never overlap; whose record it is that two of them bring, its key decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from truto_usage_nb.clock import month_start
from truto_usage_nb.errors import PeriodError
from truto_usage_nb.integrations import Integration
from truto_usage_nb.outside import shown
from truto_usage_nb.query import UsageQuery

__all__ = ["DATED", "Period", "Plan", "PlannedQuery", "by_day", "plan", "views"]

DATED = ("start_date", "end_date", "date", "cursor", "page")
"""The parameters that say a time or a place themselves; a period takes none of them."""

_DAY = timedelta(days=1)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Hold a half-open stretch of time, `[start, end)`, in UTC.

    >>> import truto_usage_nb as tu
    >>> print(tu.Period.parse("2026-10"))
    2026-10-01 to 2026-11-01 (UTC, end excluded)
    >>> tu.Period.parse("2026-13")
    Traceback (most recent call last):
    ...
    truto_usage_nb.errors.PeriodError: period='2026-13' is not a period: month must be in 1..12
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a bound without a zone, and an end that is not after the start; keep both in UTC."""
        for name in ("start", "end"):
            value = getattr(self, name)
            if not isinstance(value, datetime):
                said = f"Period({name}={shown(value)})"
                raise PeriodError(f"{said} is not a datetime; Period.parse reads dates and texts")
            object.__setattr__(self, name, _bound(value))
        if self.end <= self.start:
            raise PeriodError(f"period {self} is empty: its end, which is excluded, must lie after its start")

    @classmethod
    def parse(cls, what: Any, *, now: datetime | None = None) -> Period:
        """Read "2026", "2026-10", "2026-10-05", or a pair of dates, datetimes or texts; or a word for one.

        A pair is `(start, end)` with the end excluded. "last-month", "this-month" and "yesterday" are seen from `now`
        (aware; the present by default), in UTC. Raises `PeriodError`, which says what is allowed.
        """
        if isinstance(what, Period):
            return what
        if isinstance(what, str):
            return _relative(what, now) or _named(what)
        if isinstance(what, date) and not isinstance(what, datetime):
            return cls(_midnight(what), _midnight(what) + _DAY)
        if isinstance(what, list | tuple) and len(what) == 2:
            return _pair(what[0], what[1])
        raise PeriodError(f"period={shown(what)} is not a period; {_ALLOWED}")

    def __str__(self) -> str:
        return f"{_moment(self.start)} to {_moment(self.end)} (UTC, end excluded)"


_RELATIVE = ("last-month", "this-month", "yesterday")
"""The words for a period that moves with the day on which they are said."""
_ALLOWED = (
    "give '2026', '2026-10', '2026-10-05', 'last-month', 'this-month', 'yesterday', or a pair of dates such as "
    "('2026-10-01', '2026-10-15'), end excluded"
)


def _relative(text: str, now: datetime | None) -> Period | None:
    """Give the period that a word means at a moment, or None for any other text."""
    word = "-".join(text.casefold().replace("_", " ").replace("-", " ").split())
    if word not in _RELATIVE:
        return None
    today = _midnight((datetime.now(UTC) if now is None else now.astimezone(UTC)).date())
    if word == "yesterday":
        return Period(today - _DAY, today)
    later = 0 if word == "this-month" else -1
    return Period(month_start(today, later), month_start(today, later + 1))


def _named(text: str) -> Period:
    parts = re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", text.strip())
    if parts is None:
        raise PeriodError(f"period={shown(text)} is not a period; {_ALLOWED}")
    year, month, day = (None if part is None else int(part) for part in parts.groups())
    assert year is not None
    try:
        start = _midnight(date(year, 1 if month is None else month, 1 if day is None else day))
        if day is not None:
            return Period(start, start + _DAY)
        return Period(start, month_start(start, 1) if month is not None else _midnight(date(year + 1, 1, 1)))
    except (ValueError, OverflowError) as problem:
        raise PeriodError(f"period={shown(text)} is not a period: {problem}") from None


def _pair(start: Any, end: Any) -> Period:
    first, last = _bound(start), _bound(end)
    if last <= first:
        said = f"period=({shown(start)}, {shown(end)})"
        raise PeriodError(f"{said} is empty: its end, which is excluded, must lie after its start")
    return Period(first, last)


def _bound(value: Any) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PeriodError(f"period bound {shown(value)} has no time zone; add one, such as tzinfo=datetime.UTC")
        return value.astimezone(UTC)
    if isinstance(value, date):
        return _midnight(value)
    if isinstance(value, str):
        text = UsageQuery(start_date=value).start_date  # the same texts are dates everywhere
        assert text is not None
        moment = datetime.fromisoformat(text.upper())
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    raise PeriodError(f"period bound {shown(value)} is not a date; {_ALLOWED}")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _moment(moment: datetime) -> str:
    """Write a bound as a date where it is a midnight, else as RFC 3339 in UTC."""
    if moment.time() == time():
        return moment.date().isoformat()
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class PlannedQuery:
    """Hold one query to send, and the window it answers for (None: whatever comes back)."""

    query: UsageQuery
    window: Period | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold the queries of one account and period, in order; what the user must be told, and what he may read."""

    queries: tuple[PlannedQuery, ...]
    told: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def views(query: UsageQuery, integration: Integration, *, users: bool = False) -> tuple[UsageQuery, ...]:
    """Give the views that a period asks for: the query itself, or the integration's default pair when it names none.

    A view whose records would cover a whole window is asked for by day, unless the query says otherwise.
    """
    chosen = integration.user_views if users else integration.default_views
    if not chosen or query.report_type is not None or query.group_by is not None:
        return (by_day(query, integration),)
    return tuple(
        by_day(query.replace(report_type=report_type, group_by=group_by), integration)
        for report_type, group_by in chosen
    )


def by_day(query: UsageQuery, integration: Integration) -> UsageQuery:
    """Ask for days where a record would cover the whole window; a query that says a width of its own stays as it is.

    >>> from truto_usage_nb.integrations import INTEGRATIONS
    >>> by_day(UsageQuery(report_type="cost"), INTEGRATIONS["claude"])
    UsageQuery(report_type='cost', granularity='day')
    """
    told = query.granularity is not None or integration.bucket_width in (query.remote_query or {})
    # no report type, once grouped, is answered with one of these
    long = integration.range_long and (query.report_type is None or query.report_type in integration.range_long)
    return query.replace(granularity="day") if long and not told else query


def plan(query: UsageQuery, integration: Integration, period: Period, *, now: datetime, users: bool = False) -> Plan:
    """Turn a query without dates and a period into the exact list of queries, view by view, oldest window first.

    `now` (UTC) is the clock. A period wholly in the future is a `PeriodError`; one that reaches past `now` is cut and
    told; one that begins before the vendor's memory is a note.
    """
    _refuse_dates(query, period)
    if period.start >= now:
        raise PeriodError(f"period {period} lies in the future (it is {_moment(now)} UTC); ask for one that has begun")
    late = period.end > now
    told = (f"the period ends {_moment(period.end)}, after now: figures reach to {_moment(now)} UTC",) if late else ()
    reach = Period(period.start, min(period.end, now))
    windows = tuple(_windows(integration, reach, query.granularity))
    planned = tuple(
        PlannedQuery(_dated(view, integration, window), window)
        for view in views(query, integration, users=users)
        for window in windows
    )
    return Plan(planned, told, _memory(integration, period, now))


def _refuse_dates(query: UsageQuery, period: Period) -> None:
    for name in DATED:
        if (value := getattr(query, name)) is not None:
            both = f"period ({period}) and {name}={shown(value)}"
            raise PeriodError(f"{both} are both given; keep one: a period is planned, a date is not")


def _memory(integration: Integration, period: Period, now: datetime) -> tuple[str, ...]:
    oldest = integration.oldest_day(now)
    if oldest is None or period.start.date() >= oldest:
        return ()
    return (f"{integration.label} keeps {integration.keeps_days} days: nothing is expected before {oldest}",)


def _windows(integration: Integration, reach: Period, granularity: str | None) -> Iterator[Period]:
    """Cut what is reached at calendar months, then at the integration's longest request."""
    rule = integration.window
    if rule.grain == "whole months":
        yield from _months(_whole_months(reach))
        return
    fine = rule.end_inclusive or granularity in {"hour", "minute"}
    for month in _months(reach if fine and rule.instants else _whole_days(reach)):
        yield from _pieces(month, timedelta(days=1 if granularity == "minute" else rule.days))


def _months(reach: Period) -> Iterator[Period]:
    start = reach.start
    while start < reach.end:
        end = min(month_start(start, 1), reach.end)
        yield Period(start, end)
        start = end


def _pieces(reach: Period, longest: timedelta) -> Iterator[Period]:
    start = reach.start
    while start < reach.end:
        end = min(start + longest, reach.end)
        yield Period(start, end)
        start = end


def _whole_days(reach: Period) -> Period:
    start, end = _midnight(reach.start.date()), _midnight(reach.end.date())
    return Period(start, end if end == reach.end else end + _DAY)


def _whole_months(reach: Period) -> Period:
    return Period(month_start(reach.start), month_start(reach.end - timedelta(microseconds=1), 1))


def _dated(query: UsageQuery, integration: Integration, window: Period) -> UsageQuery:
    """Write a window into a query, in the words of its integration."""
    grain = integration.window.grain
    if grain == "one day":
        return query.replace(date=window.start.date().isoformat())
    if grain == "whole months":  # on both sides: the first of the next would name that month too
        return query.replace(start_date=_moment(window.start), end_date=_moment(window.end - _DAY))
    if integration.window.end_inclusive:
        return query.replace(start_date=_moment(window.start), end_date=_moment(window.end - _MILLISECOND))
    return query.replace(start_date=_moment(window.start), end_date=_moment(window.end))
