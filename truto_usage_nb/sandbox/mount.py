"""The sandbox behind an httpx client without a socket: the service mounted in the client's own process."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
from starlette.types import ASGIApp, Message, Scope

from truto_usage_nb.sandbox.faults import IN_PROCESS, WireBroken

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

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; raises the httpx error of the fault that befell it."""
        timeout = _read_timeout(request)
        try:
            with anyio.move_on_after(timeout):
                return await _answer(self.app, request)
        except WireBroken as broken:
            await _break(broken, timeout, request)
        raise httpx.ReadTimeout(f"no answer within {timeout} seconds", request=request)


async def _answer(app: ASGIApp, request: httpx.Request) -> httpx.Response:
    """Call the application once; httpx's own mount would look for trio anew at every request."""
    told = {"type": "http.request", "body": await request.aread(), "more_body": False}
    heard, over = [told], anyio.Event()
    answer = _Answer()

    async def receive() -> Message:
        if heard:
            return heard.pop()
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if answer.take(message):
            over.set()

    await app(_scope(request), receive, send)
    return httpx.Response(answer.status, headers=answer.headers, content=b"".join(answer.parts))


class _Answer:
    """Hold what the application sent."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []

    def take(self, message: Message) -> bool:
        """Take one message; True for the last."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
            return False
        self.parts.append(message.get("body", b""))
        return not message.get("more_body", False)


def _scope(request: httpx.Request) -> Scope:
    """Say what is asked, and that there is no socket to break."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 123),
        "root_path": "",
        "extensions": {IN_PROCESS: {}},
    }


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
