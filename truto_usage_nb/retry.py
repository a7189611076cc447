"""What the service says when it says no, as our errors; when to ask again, and how long to wait before. No I/O.

Source: the error envelope `{statusCode, error, message, details?}`, with `truto_is_remote_error` and `raw_response`
when the provider behind the service failed. The service asks to retry 408, 409, 425, 429, 502, 503, 504 and broken
connections; `ratelimit-reset` is in seconds, `Retry-After` in seconds or an HTTP date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from truto_usage_nb.errors import (
    AuthenticationError,
    CursorExpiredError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    ServiceUnavailableError,
)
from truto_usage_nb.outside import cut, one_line
from truto_usage_nb.secret import masked

_SHOWN_CHARACTERS = 300
_MOST_CHARACTERS = 1000
_PHRASE_CHARACTERS = 100
_MOST_MESSAGES = 20
_KINDS: dict[int, type[ServiceError]] = {
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    410: CursorExpiredError,
    429: RateLimitError,
}
_ADVICE = {
    401: "check the token: Client(token=…) or TRUTO_API_TOKEN",
    403: "the token may not do this: check what it is scoped to",
    404: "check the account's id and base_url",
    410: "the cursor is no longer good: start the query again without it",
}


def service_error(status: int, content: bytes) -> ServiceError:
    """Make the error of an answer that is not a success, carrying the service's own words: one line of them, if need be
    cut, without control codes.

    >>> service_error(404, b'{"statusCode": 404, "error": "Not Found", "message": "no such account"}')
    NotFoundError("the service answered 404 Not Found: no such account; check the account's id and base_url")
    """
    body = _envelope(content)
    is_remote = body.get("truto_is_remote_error") is True
    return _kind(status)(
        _sentence(status, body, content, is_remote),
        status=status,
        retryable=status in RETRYABLE_STATUSES,
        is_remote=is_remote,
        raw_response=body.get("raw_response"),
        details=body.get("details"),
    )


def _kind(status: int) -> type[ServiceError]:
    if status >= 500 or (status in RETRYABLE_STATUSES and status != 429):
        return ServiceUnavailableError
    return _KINDS.get(status, InvalidRequestError)


def _envelope(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}  # no JSON, or none that anyone meant
    return body if isinstance(body, dict) else {}


def _sentence(status: int, body: dict[str, Any], content: bytes, is_remote: bool) -> str:
    who = "the provider behind the service" if is_remote else "the service"
    said = f"{who} answered {status} {_phrase(status, body)}".rstrip()
    message = _message(body, content)
    advice = None if is_remote else _ADVICE.get(status)
    return said + (f": {message}" if message else "") + (f"; {advice}" if advice else "")


def _phrase(status: int, body: dict[str, Any]) -> str:
    stated = body.get("error")
    if isinstance(stated, str):
        return _fit(stated, _PHRASE_CHARACTERS)
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _message(body: dict[str, Any], content: bytes) -> str:
    said = body.get("message")
    if said is None and not body:
        text = one_line(masked(content[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace")))
        return text.rstrip(".") if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    if isinstance(said, list):
        said = "; ".join(str(masked(each)) for each in said[:_MOST_MESSAGES])
    return _fit(str(masked(said) or ""), _MOST_CHARACTERS).rstrip(".")


def _fit(text: str, most: int) -> str:
    return cut(one_line(masked(text)), most)


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
