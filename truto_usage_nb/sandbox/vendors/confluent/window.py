"""The days a request to `billing/v1/costs` covers, and the windows Confluent refuses."""

from __future__ import annotations

import calendar
from datetime import date

from truto_usage_nb.sandbox.ask import Ask, Refused
from truto_usage_nb.sandbox.seeds import token_id


def window(ask: Ask) -> tuple[date, date]:
    """Return the first day and the day after the last one, UTC.

    Without dates it is this month; without an end, the month of the start. Dates of `remote_query` come first, since
    they reach Confluent as they are. Raises `Refused` (400) as Confluent does
    for dates it cannot read, an empty window, one longer than a month and a start more than a year back.
    """
    today = ask.world.now.date()
    sent = {"start_date": ask.start_date, "end_date": ask.end_date, **ask.remote_query}
    start = _day("start_date", sent["start_date"]) or today.replace(day=1)
    end = _day("end_date", sent["end_date"]) or _months_on(start.replace(day=1), 1)
    if end <= start:
        raise _refused(f"end date {end} must be after start date {start}")
    if end > _months_on(start, 1):
        raise _refused(f"the date range {start} to {end} exceeds the maximum of one month")
    if start < _months_on(today, -12):
        raise _refused(f"start date is too far in the past: {start} is more than one year ago")
    return start, end


def _day(name: str, text: str | None) -> date | None:
    """Read the day portion of a date or RFC 3339 instant."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise _refused(f"{name} must be formatted as YYYY-MM-DD, got {text!r}") from None


def _months_on(day: date, months: int) -> date:
    """Return the same day some months later, or the last of that month when it is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _refused(detail: str) -> Refused:
    error = {"id": token_id(0, "", detail).lower(), "status": "400", "code": "invalid_request", "detail": detail}
    return Refused(400, {"errors": [error]})
