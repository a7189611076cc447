"""When a request may be sent again, and how long to wait before. No I/O.

Source: the service asks to retry 408, 409, 425, 429, 502, 503, 504 and broken connections; `ratelimit-reset` is in
seconds, `Retry-After` in seconds or an HTTP date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["RETRYABLE_STATUSES", "Backoff", "told_wait"]

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 502, 503, 504})

_SECONDS = re.compile(r"\s*(\d+(?:\.\d*)?)\s*", re.ASCII)
_FOR_EVER = 1e9


@dataclass(frozen=True, slots=True)
class Backoff:
    """Set how often and how patiently to try again.

    `retries` comes on top of the first try. Unless the service says how long, the wait doubles from `first_seconds` up
    to `most_seconds`, less a random half. `longest_told_seconds` is how long a wait the service may ask for; beyond it
    the request fails at once and says so.
    """

    retries: int = 5
    first_seconds: float = 0.5
    most_seconds: float = 20.0
    longest_told_seconds: float = 300.0

    def wait(self, tries: int, told: float | None, jitter: float) -> float:
        """Give the seconds to wait after `tries` tries; a told wait is never shortened, only set apart by up to 10 %.

        >>> Backoff().wait(3, None, 0.0), Backoff().wait(3, None, 1.0), Backoff().wait(1, 30, 0.0)
        (1.0, 2.0, 30.0)
        """
        own = min(self.first_seconds * 2.0 ** (tries - 1), self.most_seconds) * (0.5 + jitter / 2)
        return own if told is None else max(own, told * (1 + jitter / 10))


def told_wait(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Give the seconds that an answer asks to wait, None if it asks nothing; the longer of the two headers counts.

    >>> told_wait(429, {"ratelimit-reset": "7", "retry-after": "3"}, datetime(2026, 10, 1, tzinfo=UTC))
    7.0
    """
    told = [_retry_after(headers.get("retry-after"), now)]
    if status == 429 or headers.get("ratelimit-remaining") == "0":
        told.append(_seconds(headers.get("ratelimit-reset")))
    said = [seconds for seconds in told if seconds is not None]
    return max(said) if said else None


def _seconds(text: str | None) -> float | None:
    found = _SECONDS.fullmatch(text or "")
    return min(float(found[1]), _FOR_EVER) if found else None  # a number of 5,000 digits is a very long wait


def _retry_after(text: str | None, now: datetime) -> float | None:
    if text is None:
        return None
    seconds = _seconds(text)
    return seconds if seconds is not None else _until(text, now)


def _until(http_date: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(http_date)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None  # no date, in one of the ways in which the standard library says so
    then = then.replace(tzinfo=UTC) if then.tzinfo is None else then
    return max(0.0, (then - now).total_seconds())
