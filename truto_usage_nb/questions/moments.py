"""Days as people write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from truto_usage_nb.errors import InputError

__all__ = ["day_named", "first_of_next"]


def day_named(value: date | str, name: str) -> date:
    """Give the day (UTC) of a date, a moment, "2026-10" (its first) or "2026-10-05".

    >>> day_named("2026-10", "before"), day_named("2026-10-05", "before")
    (datetime.date(2026, 10, 1), datetime.date(2026, 10, 5))
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).date() if value.tzinfo else value.date()
    if isinstance(value, date):
        return value
    text = f"{value}-01" if re.fullmatch(r"\d{4}-\d{2}", str(value)) else str(value)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{name}={value!r} is no day; write it like '2026-10-05' or '2026-10'.") from error


def first_of_next(month: date) -> date:
    """Give the first day of the month after.

    >>> first_of_next(date(2026, 12, 5))
    datetime.date(2027, 1, 1)
    """
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
