"""Rate limits: the headers on every answer, and a count per account when a test asks for a real one."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

_LIMIT = re.compile(r"^(\d+);\s*w=(\d+(?:\.\d+)?)$")
SERVICE_LIMIT = "110;w=10"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands: the limit as stated, the requests left, seconds until the window opens anew."""

    limit: str
    remaining: int
    reset: int
    exceeded: bool = False

    def headers(self) -> dict[str, str]:
        """Return the three `ratelimit-*` headers."""
        return {
            "ratelimit-limit": self.limit,
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset),
        }


def parse_limit(text: str) -> tuple[int, float]:
    """Read `110;w=10` as requests and window seconds.

    >>> parse_limit("110;w=10")
    (110, 10.0)
    """
    match = _LIMIT.match(text)
    if match is None:
        raise ValueError(f"a rate limit is written like 110;w=10, not {text!r}")
    return int(match[1]), float(match[2])


def unmetered(limit: str) -> Standing:
    """Return what a caller who is never refused is told: this one request is spent."""
    requests, window = parse_limit(limit)
    return Standing(limit, max(0, requests - 1), math.ceil(window))


class Budget:
    """A count of requests per account in fixed windows; `tick` is the clock in seconds."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._spent: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def spend(self, account: str, limit: str) -> Standing:
        """Count one request and return where the account stands after it."""
        requests, window = parse_limit(limit)
        now = self._tick()
        with self._lock:
            opened, spent = self._spent.get(account, (now, 0))
            if now >= opened + window:
                opened, spent = now, 0
            self._spent[account] = (opened, spent + 1)
        reset = math.ceil(opened + window - now)
        return Standing(limit, max(0, requests - spent - 1), reset, exceeded=spent >= requests)
