"""What time it is, and the calendar of months: the one seam by which tests make time stand still or fly."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime
from time import monotonic
from typing import TypeVar

__all__ = ["Clock", "month_start"]

_Day = TypeVar("_Day", bound=date)


class Clock:
    """Tell the time and wait; replace it to freeze `now` or to wait without waiting.

    >>> Clock().now().tzinfo
    datetime.timezone.utc
    """

    def now(self) -> datetime:
        """Give the present instant in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give seconds that only ever grow, for measuring waits."""
        return monotonic()

    def jitter(self) -> float:
        """Give a number from 0 to 1 by which simultaneous waits are set apart."""
        return random.random()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)


def month_start(day: _Day, later: int = 0) -> _Day:
    """Give the first day of a day's month, or of one so many months later; of a moment the first moment.

    >>> month_start(date(2026, 12, 5)), month_start(date(2026, 12, 5), 1), month_start(date(2026, 1, 31), -1)
    (datetime.date(2026, 12, 1), datetime.date(2027, 1, 1), datetime.date(2025, 12, 1))
    """
    year, month = divmod(day.year * 12 + day.month - 1 + later, 12)
    first = day.replace(year=year, month=month + 1, day=1)
    return first.replace(hour=0, minute=0, second=0, microsecond=0) if isinstance(first, datetime) else first
