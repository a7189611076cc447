"""The sandbox over real HTTP, on this machine alone: in a thread for tests, or until interrupted."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Thread

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from truto_usage_nb.sandbox.app import DEFAULT_TOKEN, create_app
from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.faults import SOCKET, Fault, Faults
from truto_usage_nb.sandbox.service import Service

_START_SECONDS = 10.0
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Serving:
    """A sandbox that listens: its address, its token (kept out of the repr) and the service itself."""

    url: str
    service: Service

    def __repr__(self) -> str:
        return f"Serving(url={self.url!r})"


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket on a loopback address; port 0 picks a free one. Any other address is refused."""
    if host != "localhost" and not ip_address(host).is_loopback:
        raise ValueError(f"the sandbox serves this machine alone: {host} is no loopback address, use 127.0.0.1")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(_BACKLOG)
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the base URL that a listening socket answers at."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: ASGIApp) -> uvicorn.Server:
    """Return a quiet server of the application, which stops within a second."""
    config = uvicorn.Config(
        _with_socket(app),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _with_socket(app: ASGIApp) -> ASGIApp:
    """Let the application reach its connection, so that it can break it."""

    async def reaching(scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope = {**scope, "extensions": {**(scope.get("extensions") or {}), SOCKET: transport}}
        await app(scope, receive, send)

    return reaching


@contextmanager
def loopback(
    world: World | int | None = None,
    *,
    token: str = DEFAULT_TOKEN,
    faults: Faults | Iterable[Fault] | None = None,
    app: Starlette | None = None,
) -> Iterator[Serving]:
    """Serve the sandbox on a free port of 127.0.0.1 from a thread, while the block runs.

    >>> import httpx
    >>> with loopback() as serving:
    ...     httpx.get(serving.url + "/integrated-account").status_code
    401
    """
    app = app or create_app(world, token, faults=faults)
    listening = bind("127.0.0.1", 0)
    server = server_of(app)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="sandbox", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield Serving(url_of(listening), app.state.service)
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listening.close()


def _wait_until_started(server: uvicorn.Server, thread: Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the sandbox's server did not start")
        time.sleep(0.005)
