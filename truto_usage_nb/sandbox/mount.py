"""The sandbox behind an httpx client without a socket: the service mounted in the client's own process."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from truto_usage_nb.sandbox.misbehave import IN_PROCESS, WireBroken

BASE_URL = "http://sandbox.localhost"


class SandboxTransport(httpx.AsyncBaseTransport):
    """An httpx transport that hands requests to an ASGI application and lets the line break as a real one does.

    `httpx.ASGITransport` alone ignores timeouts and turns a cut body into a whole answer; here an answer later than
    the request's read timeout raises `httpx.ReadTimeout`, and a broken line the error that a socket would have given.

    >>> import asyncio
    >>> from truto_usage_nb.sandbox.app import create_app
    >>> async def accounts() -> int:
    ...     async with httpx.AsyncClient(transport=SandboxTransport(create_app()), base_url=BASE_URL) as client:
    ...         answer = await client.get("/integrated-account", headers={"authorization": "Bearer sandbox-token"})
    ...     return len(answer.json()["result"])
    >>> asyncio.run(accounts())
    11
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._inner = httpx.ASGITransport(app=_marked(app))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; raises the httpx error of the fault that befell it."""
        timeout = _read_timeout(request)
        try:
            with anyio.move_on_after(timeout):
                return await self._inner.handle_async_request(request)
        except WireBroken as broken:
            await _break(broken, timeout, request)
        raise httpx.ReadTimeout(f"no answer within {timeout} seconds", request=request)


def _marked(app: ASGIApp) -> ASGIApp:
    """Tell the application that there is no socket to break."""

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = {**(scope.get("extensions") or {}), IN_PROCESS: {}}
        await app({**scope, "extensions": extensions}, receive, send)

    return marked


def _read_timeout(request: httpx.Request) -> float | None:
    timeout: dict[str, Any] = request.extensions.get("timeout") or {}
    return timeout.get("read")


async def _break(broken: WireBroken, timeout: float | None, request: httpx.Request) -> None:
    """Raise what a socket would have; return when the client's patience ended first."""
    if broken.kind == "stall":
        patient = timeout is None or timeout > broken.seconds
        await anyio.sleep(broken.seconds if timeout is None else min(timeout, broken.seconds))
        if not patient:
            return
    if broken.kind == "connect":
        raise httpx.ConnectError("the connection was refused", request=request)
    if broken.kind == "reset":
        raise httpx.ReadError("the connection was reset", request=request)
    raise httpx.RemoteProtocolError("the connection closed before the whole body came", request=request)
