"""The one UTC day that an ask is about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from truto_usage_nb.sandbox.ask import Ask, Refused


def requested_day(ask: Ask) -> date:
    """Return the day asked for: `date`, else the day portion of `start_date`, else yesterday.

    Raises `Refused` (400) for text that is no day.
    """
    text = ask.date if ask.date is not None else ask.start_date
    if text is None:
        return (ask.world.now - timedelta(days=1)).date()
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refused(400, _error(text)) from None


def _error(text: str) -> dict[str, object]:
    message = f"Invalid 'date': expected YYYY-MM-DD, got {text!r}."
    return {"error": {"message": message, "type": "invalid_request_error", "param": "date", "code": None}}


def midnight(day: date) -> datetime:
    """Return the first instant of a day, in UTC."""
    return datetime.combine(day, time(), UTC)


def instant(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds.

    >>> instant(datetime(2026, 10, 1, tzinfo=UTC))
    '2026-10-01T00:00:00.000Z'
    """
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def bucket(day: date) -> dict[str, int]:
    """Return the bounds of a day's bucket in Unix seconds, the end excluded.

    >>> bucket(date(2024, 11, 1))
    {'start_time': 1730419200, 'end_time': 1730505600}
    """
    start = int(midnight(day).timestamp())
    return {"start_time": start, "end_time": start + 86_400}


def days(start: date, end: date) -> Iterator[date]:
    """Yield the days from start up to, not including, end."""
    for offset in range((end - start).days):
        yield start + timedelta(days=offset)
