"""What a vendor says when it says no, and what it says of its budget."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from truto_usage_nb.direct.engine import Endpoint
from truto_usage_nb.direct.spec import DirectAccount
from truto_usage_nb.errors import (
    AuthenticationError,
    CursorExpiredError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
    ServiceError,
    UsageError,
)
from truto_usage_nb.outside import cut, one_line
from truto_usage_nb.retry import RETRYABLE_STATUSES
from truto_usage_nb.secret import masked

__all__ = ["budget", "damaged", "refusal"]

_SHOWN = 300
_OF_THE_KEY = (401, 403, 404)
_KINDS: dict[int, type[ServiceError]] = {
    401: AuthenticationError, 403: ForbiddenError, 404: NotFoundError, 410: CursorExpiredError,
}  # fmt: skip
_WORDS = ("message", "detail", "error", "errors", "title", "description")


class _Refused(NamedTuple):
    """An answer that may be asked for again: its status, and the envelope of its words."""

    status: int
    content: bytes


def refusal(
    account: DirectAccount, endpoint: Endpoint, status: int, headers: Mapping[str, str], content: bytes
) -> _Refused | None:
    """Give what may be tried again, None for a success; raises what may not.

    The error names the vendor, the endpoint and, where it may be the key's fault, where the key was found and which
    kind is needed; never the key.
    """
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        raise _redirected(account, endpoint, status, headers)
    said = f"{account.vendor.label} answered {status} {_phrase(status)}".rstrip() + f" to {endpoint.name}"
    words = _words(content)
    message = said + (f": {words}" if words else "")
    if status in RETRYABLE_STATUSES or status >= 500:
        return _again(status if status in RETRYABLE_STATUSES else 503, message, _body(content))
    advice = _advice(account, status, words)
    raise _KINDS.get(status, InvalidRequestError)(
        f"account {account.label!r}: {message}" + (f"; {advice}" if advice else ""),
        status=status,
        is_remote=True,
        raw_response=_body(content),
    )


def damaged(problem: UsageError) -> _Refused:
    """Give an answer that came to no page, and may be whole when it is asked for again, as a gateway says it."""
    return _again(502, problem.message, None)


def _again(status: int, message: str, body: Any) -> _Refused:
    told = {"statusCode": status, "message": message, "truto_is_remote_error": True, "raw_response": body}
    return _Refused(status, json.dumps(told).encode())


def _advice(account: DirectAccount, status: int, words: str) -> str:
    """Say which key was sent and what it is to be, where the status or its words may mean that it is another."""
    told = (meant for part, meant in account.access.wrong_keys if part in words)
    meant = next(told, account.access.refusals.get(status))
    if status not in _OF_THE_KEY and meant is None:
        return ""
    keys = " and ".join(f"{key.named} is to hold {key.key.kind}" for key in account.keys.values())
    return f"{meant}; {keys}" if meant else keys


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _body(content: bytes) -> Any:
    try:
        return masked(json.loads(content))
    except (ValueError, RecursionError):
        return None


def _words(content: bytes) -> str:
    """Find the sentence in a vendor's error, whatever its shape; else the beginning of what there is."""
    body = _body(content)
    found = _sentence(body)
    if found is None and body is None:
        found = masked(content[: 4 * _SHOWN].decode("utf-8", "replace"))
    return cut(one_line(found or ""), _SHOWN).rstrip(".")


def _sentence(body: Any, depth: int = 4) -> str | None:
    if isinstance(body, str):
        return body or None
    if isinstance(body, list):
        said = [text for each in body[:3] if (text := _sentence(each, depth - 1)) is not None] if depth else []
        return "; ".join(said) or None
    if isinstance(body, Mapping) and depth:
        return next((text for name in _WORDS if (text := _sentence(body.get(name), depth - 1)) is not None), None)
    return None


def _redirected(account: DirectAccount, endpoint: Endpoint, status: int, headers: Mapping[str, str]) -> ProtocolError:
    try:
        parts = urlsplit(headers.get("location", ""))
        to = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another place"
    except ValueError:
        to = "another place"
    return ProtocolError(
        f"account {account.label!r}: {account.vendor.label} answered {status} to {endpoint.name} and points to "
        f"{cut(one_line(to), 200)}; a key is not carried along a redirect: if that is where it is to go, state it as "
        "base_url",
        status=status,
    )


_SECONDS = re.compile(r"\d+(?:\.\d+)?")
_EPOCH_FROM = 1e8  # seconds: three years as a wait, 1973 as a moment
_NAMES = ("limit", "remaining", "reset")


def budget(headers: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Give the headers by which whoever asks paces himself, as the vendor's own come to.

    Understood are `X-RateLimit-*` (Confluent, Datadog: seconds), `anthropic-ratelimit-requests-*` (a moment), and
    `Retry-After`.

    >>> seen = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "7"}
    >>> budget(seen, datetime(2026, 10, 1, tzinfo=UTC))
    {'ratelimit-limit': '100', 'ratelimit-remaining': '3', 'ratelimit-reset': '7'}
    """
    told = {"retry-after": headers["retry-after"]} if "retry-after" in headers else {}
    for prefix in ("ratelimit-", "x-ratelimit-", "anthropic-ratelimit-requests-"):
        said = {name: headers[prefix + name].strip() for name in _NAMES if prefix + name in headers}
        if not said:
            continue
        if "reset" in said:
            said["reset"] = _seconds(said["reset"], now)
        period = headers.get(f"{prefix}period", "")
        if "limit" in said and period.isdecimal():
            said["limit"] += f";w={period}"
        return {**told, **{f"ratelimit-{name}": text for name, text in said.items() if text}}
    return told


def _seconds(text: str, now: datetime) -> str:
    """Give a reset as seconds from now: it may be those, seconds of the epoch, or a moment."""
    if _SECONDS.fullmatch(text):
        seconds = float(text)
        return text if seconds < _EPOCH_FROM else f"{max(0.0, seconds - now.timestamp()):.0f}"
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return ""
    then = then.replace(tzinfo=UTC) if then.tzinfo is None else then
    return f"{max(0.0, (then - now).total_seconds()):.0f}"
