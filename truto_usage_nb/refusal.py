"""What the service says when it says no, as our errors. No I/O.

Source: the error envelope `{statusCode, error, message, details?}`, with `truto_is_remote_error` and `raw_response`
when the provider behind the service failed.
"""

from __future__ import annotations

import json
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
from truto_usage_nb.retry import RETRYABLE_STATUSES
from truto_usage_nb.secret import masked

__all__ = ["service_error"]

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
