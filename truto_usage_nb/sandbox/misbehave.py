"""Faults turned into answers: error envelopes, garbage, and connections that break."""

from __future__ import annotations

import math
from email.utils import formatdate
from time import time
from typing import Any

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from truto_usage_nb.sandbox.faults import Fault
from truto_usage_nb.sandbox.wire import Problem, phrase

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


def problem(fault: Fault) -> Problem:
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
