"""How fast an account may be asked: follow the rate-limit headers before a 429 comes.

Every call is a live call to the provider, so the budget is the customer's own there, per account. Source: the headers
`ratelimit-limit` (`110;w=10`), `ratelimit-remaining` and `ratelimit-reset` (seconds), on successes as well.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from truto_usage_nb.clock import Clock
from truto_usage_nb.errors import ProtocolError, RateLimitError
from truto_usage_nb.outside import cut

__all__ = ["AccountLimit", "RateLimit", "read_rate_limit"]

_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class RateLimit:
    """State a budget as last heard: `remaining` of `limit` calls, anew `reset_seconds` after `seen_at`."""

    limit: int | None
    window_seconds: int | None
    remaining: int | None
    reset_seconds: float | None
    seen_at: datetime


def read_rate_limit(headers: Mapping[str, str], now: datetime) -> RateLimit | None:
    """Read the rate-limit headers of an answer, None if there are none.

    What is no number at all is passed over. Raises `ProtocolError` for a number that no budget has.

    >>> from datetime import UTC
    >>> headers = {"ratelimit-limit": "110;w=10", "ratelimit-remaining": "7"}
    >>> seen = read_rate_limit(headers, datetime(2026, 10, 1, tzinfo=UTC))
    >>> seen.limit, seen.window_seconds, seen.remaining, seen.reset_seconds
    (110, 10, 7, None)
    """
    limit, remaining, reset, window = (_read(headers, *each) for each in _READ)
    if limit is None and remaining is None and reset is None:
        return None
    return RateLimit(_whole(limit), _whole(window), _whole(remaining), None if reset is None else float(reset), now)


_READ = (
    ("ratelimit-limit", re.compile(r"^\s*(\d+)", re.ASCII)),
    ("ratelimit-remaining", re.compile(r"^\s*(\d+)", re.ASCII)),
    ("ratelimit-reset", re.compile(r"^\s*(\d+(?:\.\d+)?)\s*$", re.ASCII)),
    ("ratelimit-limit", re.compile(r";\s*w=(\d+)", re.ASCII)),
)


def _read(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str | None:
    found = form.search(headers.get(name, ""))
    if found and len(found[1].partition(".")[0].lstrip("0")) > _MOST_DIGITS:
        raise ProtocolError(
            f"the header {name} is {cut(headers[name], 60)!r}, and no budget is as large; "
            "ask again; if it stays so, report it to Truto"
        )
    return found[1] if found else None


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)


class AccountLimit:
    """Let requests of one account through as its budget allows, in one event loop.

    The first request goes alone, for only its answer tells the budget. After it, each request takes one off what was
    last heard to remain. When nothing remains, a request waits for those under way to answer, and when there are none,
    for the budget to open again.
    """

    def __init__(self, clock: Clock, longest_wait_seconds: float) -> None:
        self._clock = clock
        self._longest = longest_wait_seconds
        self._changed = asyncio.Event()
        self._under_way = 0
        self._known = False
        self._sent = 0
        self._newest = 0
        self._limit: int | None = None
        self._remaining: int | None = None
        self._opens = self._refused_until = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int]:
        """Wait for this request's turn and hold it: its number. Raises `RateLimitError` when that takes too long."""
        while not self._may_pass():
            await (self._changed.wait() if self._under_way else self._until_open())
        self._under_way += 1
        self._sent += 1
        if self._remaining is not None:
            self._remaining -= 1
        try:
            yield self._sent
        finally:
            self._under_way -= 1
            self._wake()

    def heard(self, seen: RateLimit | None, number: int) -> None:
        """Take in what the answer to request `number` says; called while its turn is held.

        The service has counted that request and those before it; those sent since come off what it says remains.
        Answers may overtake each other: only the newest request's counts.
        """
        self._known = True
        if seen is None or number < self._newest or self._clock.monotonic() < self._refused_until:
            return
        self._newest = number
        self._remaining = None if seen.remaining is None else seen.remaining - (self._sent - number)
        self._limit, self._opens = seen.limit, self._clock.monotonic() + (seen.reset_seconds or 0.0)

    def shut(self, seconds: float) -> None:
        """Let nothing through for that many seconds, because a refusal said so."""
        self._known, self._remaining = True, 0
        self._opens = self._refused_until = self._clock.monotonic() + seconds

    def _may_pass(self) -> bool:
        if self._remaining is not None and self._remaining <= 0 and self._clock.monotonic() >= self._opens:
            self._remaining = self._limit or None  # a budget of no calls at all tells nothing: ask one by one
            self._known = self._remaining is not None
        if not self._known:
            return self._under_way == 0
        return self._remaining is None or self._remaining > 0

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until_open(self) -> None:
        seconds = self._opens - self._clock.monotonic()
        if seconds > self._longest:
            raise RateLimitError(
                f"the provider's budget for this account is used up and opens again in {seconds:,.0f} seconds, more "
                f"than the {self._longest:,.0f} that are waited for; ask again then",
                details={"opens_in_seconds": seconds},
            )
        await self._clock.sleep(max(0.0, seconds))
