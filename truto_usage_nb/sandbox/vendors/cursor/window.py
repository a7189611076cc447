"""The dates of an ask as Cursor takes them: two instants, both included, at most 30 days apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from truto_usage_nb.sandbox.ask import Ask, Refused
from truto_usage_nb.sandbox.vendors.cursor.fields import milliseconds_of, moment_of

_LONGEST = timedelta(days=30)
_YEARS = range(1971, 9999)  # epoch milliseconds are not negative, and a calendar ends


@dataclass(frozen=True, slots=True)
class Window:
    """First and last instant, both included, in epoch milliseconds."""

    first: int
    last: int

    @property
    def first_day(self) -> date:
        """The UTC day of the first instant."""
        return moment_of(self.first).date()

    @property
    def last_day(self) -> date:
        """The UTC day of the last instant."""
        return moment_of(self.last).date()

    def __contains__(self, milliseconds: int) -> bool:
        return self.first <= milliseconds <= self.last


def window_of(ask: Ask) -> Window:
    """Return the window asked for; a missing end is 30 days from the other, and nothing given is up to now.

    A date alone is its midnight in UTC. Raises `Refused` (400) for text that is no date, a start after the end, and
    more than 30 days.
    """
    start, end = _instant("startDate", ask.start_date), _instant("endDate", ask.end_date)
    if end is None:
        end = ask.world.now if start is None else min(ask.world.now, start + _LONGEST)
        end = end if start is None else max(start, end)
    if start is None:
        start = end - _LONGEST
    if start > end:
        raise _bad_request("startDate must be before or equal to endDate")
    if end - start > _LONGEST:
        raise _bad_request("Date range cannot exceed 30 days")
    return Window(milliseconds_of(start), milliseconds_of(end))


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad_request(f"{name} is not a valid date: {text!r}") from None
    if moment.year not in _YEARS:
        raise _bad_request(f"{name} is out of range: {text!r}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _bad_request(message: str) -> Refused:
    return Refused(400, {"error": "Bad Request", "message": message})
