"""What time it is, and waiting: the one seam by which tests make time stand still or fly."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime

__all__ = ["Clock"]


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
        return time.monotonic()

    def jitter(self) -> float:
        """Give a number from 0 to 1 by which simultaneous waits are set apart."""
        return random.random()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)
