"""Days as people write them."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import TypeVar

from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown

__all__ = ["day_named", "first_of_next", "moment_named"]

Day = TypeVar("Day", bound=date)

_YEARS = (1970, 2999)
"""A day of another year is a slip of the pen, and arithmetic with it soon has no calendar."""


def day_named(value: date | str, name: str) -> date:
    """Give the day (UTC) of a date, a moment, "2026-10" (its first) or "2026-10-05".

    >>> day_named("2026-10", "before"), day_named("2026-10-05", "before")
    (datetime.date(2026, 10, 1), datetime.date(2026, 10, 5))
    """
    if isinstance(value, date):
        return _dated(value, name).date() if isinstance(value, datetime) else _dated(value, name)
    try:
        text = f"{value}-01" if re.fullmatch(r"\d{4}-\d{2}", str(value)) else str(value)
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{name}={shown(value)} is no day; write it like '2026-10-05' or '2026-10'.") from error
    return _dated(day, name)


def moment_named(value: date | str, name: str) -> datetime:
    """Give the moment (UTC) of a day, which is its begin, or of a moment: a datetime, or text in ISO form.

    >>> moment_named("2026-10-05", "now").hour, moment_named("2026-10-05T14:30Z", "now").hour
    (0, 14)
    """
    if isinstance(value, str) and "T" in value:
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return _dated(value, name)
    return datetime.combine(day_named(value, name), time(), UTC)


def _dated(value: Day, name: str) -> Day:
    """A day, or a moment in UTC, of a year that records can have."""
    if not _YEARS[0] <= value.year <= _YEARS[1]:
        raise InputError(f"{name}={shown(value)} is of no year that records have; give one from {_YEARS[0]} on.")
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return value


def first_of_next(month: date) -> date:
    """Give the first day of the month after.

    >>> first_of_next(date(2026, 12, 5))
    datetime.date(2027, 1, 1)
    """
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
