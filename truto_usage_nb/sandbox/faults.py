"""How the sandbox misbehaves, on request: a list of faults, each with where, how often and to whom.

And how they become answers: error envelopes, garbage, and connections that break.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from threading import Lock
from time import time
from typing import Any

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from truto_usage_nb.sandbox.wire import Problem, phrase

STATUSES = (401, 403, 404, 408, 409, 410, 422, 425, 429, 500, 502, 503, 504)
BREAKS = ("cut_body", "reset", "stall", "connect")
PAGE_FAULTS = ("empty_page", "partial", "repeated_cursor")
_KINDS = (*map(str, STATUSES), "latency", "expired_cursor", "garbage", *PAGE_FAULTS, *BREAKS)
_ENDPOINTS = ("usage", "products", "accounts", "any")
HINTS = ("both", "ratelimit-reset", "retry-after", "retry-after-date", "none")

_NEEDS_CURSOR = ("expired_cursor", "repeated_cursor")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave.

    `kind`: a status (401, 403, 404, 408, 409, 410, 422 as the provider's own refusal, 425, 429, 500, 502, 503, 504) or
    `latency` (answer after `seconds`), `empty_page` (no records, yet a cursor), `partial` (half the page, and saying
    so), `repeated_cursor` (the cursor that was sent comes back), `garbage` (HTML in the place of JSON),
    `expired_cursor` (410 to a request with a cursor), `cut_body` (the line closes inside the body), `reset` (the line
    breaks before any answer), `stall` (half a body, then silence for `seconds`), `connect` (no connection; over a real
    socket a reset).

    `at` is the page's index in its walk, 0 the first; `request` the index of the account's request at the endpoint
    since the faults were made; None is any. It fires `times` times (None: always). `seconds` is also what a 429 or a
    503 tells the client to wait, by the headers that `hint` names.

    >>> Fault(429, at=1, seconds=2).kind
    '429'
    """

    kind: str | int
    at: int | None = None
    request: int | None = None
    times: int | None = 1
    account: str | None = None
    endpoint: str = "usage"
    seconds: float = 0.0
    hint: str = "both"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", str(self.kind))
        _check("kind", self.kind, _KINDS)
        _check("endpoint", self.endpoint, _ENDPOINTS)
        _check("hint", self.hint, HINTS)

    @property
    def status(self) -> int | None:
        """Return the HTTP status it answers with, or None when it is no status."""
        if self.kind == "expired_cursor":
            return 410
        return int(self.kind) if str(self.kind).isdigit() else None

    @property
    def is_break(self) -> bool:
        """Say whether it breaks the connection instead of answering."""
        return self.kind in BREAKS


def _check(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; allowed are {', '.join(allowed)}")


@dataclass(frozen=True, slots=True)
class RequestMoment:
    """A request as the faults see it."""

    endpoint: str
    account: str | None
    page: int = 0
    has_cursor: bool = False


class Faults:
    """The faults of one sandbox and how often each has fired; safe to share between threads.

    `budget` makes the rate limit real: True counts against each vendor's own, a text such as `"3;w=1"` (requests,
    seconds) against that. Without it the headers are there and nothing is ever refused.
    """

    def __init__(self, *faults: Fault, budget: bool | str = False) -> None:
        self.faults = faults
        self.budget = budget
        self.fired = [0] * len(faults)
        self._requests: dict[tuple[str, str | None], int] = {}
        self._lock = Lock()

    @classmethod
    def of(cls, faults: Faults | Iterable[Fault] | None) -> Faults:
        """Return faults as given, or made of single ones; none at all is a sandbox that behaves."""
        return faults if isinstance(faults, Faults) else cls(*(faults or ()))

    def take(self, moment: RequestMoment) -> list[Fault]:
        """Return what befalls this request, and count it as fired.

        All latencies, then one fault that answers or breaks in the place of the page, or else all that change the page.
        """
        with self._lock:
            number = self._count(moment)
            due = [index for index, fault in enumerate(self.faults) if self._is_due(index, fault, moment, number)]
            return list(self._fire(due))

    def _count(self, moment: RequestMoment) -> int:
        key = (moment.endpoint, moment.account)
        self._requests[key] = self._requests.get(key, -1) + 1
        return self._requests[key]

    def _is_due(self, index: int, fault: Fault, moment: RequestMoment, number: int) -> bool:
        return (
            (fault.times is None or self.fired[index] < fault.times)
            and fault.endpoint in ("any", moment.endpoint)
            and fault.account in (None, moment.account)
            and fault.at in (None, moment.page)
            and fault.request in (None, number)
            and (moment.has_cursor or fault.kind not in _NEEDS_CURSOR)
        )

    def _fire(self, due: list[int]) -> Iterator[Fault]:
        late = self._pick(due, lambda fault: fault.kind == "latency")
        stopping = self._pick(due, lambda fault: fault.kind != "latency" and fault.kind not in PAGE_FAULTS)[:1]
        changing = self._pick(due, lambda fault: fault.kind in PAGE_FAULTS)
        for index in late + (stopping or changing):
            self.fired[index] += 1
            yield self.faults[index]

    def _pick(self, due: list[int], test: Callable[[Fault], bool]) -> list[int]:
        return [index for index in due if test(self.faults[index])]


IN_PROCESS = "truto_sandbox.in_process"
SOCKET = "truto_sandbox.socket"

_DEFAULT_STALL_SECONDS = 30.0
_MESSAGES = {
    401: "The token is not valid",
    403: "The token may not read this account",
    404: "Integrated account not found",
    410: "The cursor has expired: start the walk again",
    422: "The provider refused the request: Rate window is not open for this organization",
    429: "The provider's rate limit is used up",
}
_REMOTE_BODY = {
    "type": "error",
    "error": {"type": "invalid_request_error", "message": "Rate window is not open for this organization"},
}


class WireBroken(Exception):
    """In process there is no line to break: the mount turns this into the matching httpx error."""

    def __init__(self, kind: str, seconds: float) -> None:
        super().__init__(f"the sandbox was asked for {kind}")
        self.kind = kind
        self.seconds = seconds


def problem_of(fault: Fault) -> Problem:
    """Return the error a status fault answers with; 422 is the provider's own refusal."""
    status = fault.status or 500
    message = _MESSAGES.get(status, phrase(status))
    raw_response = _REMOTE_BODY if status == 422 else None
    return Problem(status, message, raw_response=raw_response, headers=_wait_headers(fault, status))


def _wait_headers(fault: Fault, status: int) -> dict[str, str]:
    """Tell the client how long to wait: always at 429, elsewhere when the fault has seconds."""
    if fault.hint == "none" or (status != 429 and not fault.seconds):
        return {}
    seconds = math.ceil(fault.seconds)
    headers = {}
    if status == 429:
        headers["ratelimit-remaining"] = "0"
    if fault.hint in ("both", "ratelimit-reset"):
        headers["ratelimit-reset"] = str(seconds)
    if fault.hint in ("both", "retry-after"):
        headers["retry-after"] = str(seconds)
    if fault.hint == "retry-after-date":
        headers["retry-after"] = formatdate(time() + seconds, usegmt=True)
    return headers


def garbage() -> Response:
    """Return a 200 that calls itself JSON and is a proxy's HTML page."""
    return Response(b"<html><body>Bad gateway</body></html>", media_type="application/json")


class Breaking(Response):
    """An answer whose connection breaks on the way, after half its body or before any of it."""

    def __init__(self, fault: Fault, body: bytes, media_type: str) -> None:
        super().__init__(body, media_type=media_type)
        self._kind = str(fault.kind)
        self._seconds = fault.seconds or _DEFAULT_STALL_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extensions: dict[str, Any] = scope.get("extensions") or {}
        if IN_PROCESS in extensions:
            raise WireBroken(self._kind, self._seconds)
        if self._kind in ("reset", "connect") and SOCKET in extensions:
            extensions[SOCKET].abort()
            return
        await self._send_half(send)
        if self._kind == "stall":
            await _silence(receive, self._seconds)
        # Returning without the rest makes the server close the connection.

    async def _send_half(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


async def _silence(receive: Receive, seconds: float) -> None:
    """Wait until the time is up or the client has hung up."""
    with anyio.move_on_after(seconds):
        while (await receive())["type"] != "http.disconnect":
            pass
