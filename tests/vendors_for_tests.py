"""The vendors' own servers for tests: in process or on loopback, and a client of the direct door in front of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx

import truto_usage_nb as tu
from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.mount import SandboxTransport
from truto_usage_nb.sandbox.raw_server import create_raw_app, description_of, vendor_server

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WORLD = World(seed=7, now=NOW)


def giving(key: str) -> Any:
    """Give a function that gives a key, as a person would with getpass."""
    return lambda: key


def described(*names: str, base_url: str | None = None, **changed: Any) -> dict[str, dict[str, Any]]:
    """Describe accounts of vendors' servers, each labelled by the way in, with the keys that open them."""
    return {label: {**fields, **changed} for label, fields in description_of(*names, base_url=base_url).items()}


def in_process(*names: str, faults: Any = None, world: World = WORLD, **options: Any) -> Any:
    """Give a client whose vendors stand in this process; `.seen` holds what they were asked."""
    app = create_raw_app(*names, world=world, faults=faults)
    client = tu.direct(described(*names), transport=SandboxTransport(app), clock=lambda: world.now, **options)
    client.seen = app.state.service.seen  # type: ignore[attr-defined]
    return client


@contextmanager
def on_loopback(*names: str, faults: Any = None, **options: Any) -> Iterator[Any]:
    """Give a client whose vendors stand behind real HTTP on this machine."""
    with (
        vendor_server(*names, world=WORLD, faults=faults) as serving,
        tu.direct(described(*names, base_url=serving.url), clock=lambda: NOW, **options) as client,
    ):
        yield SimpleNamespace(client=client, url=serving.url, seen=serving.service.seen)


class Scripted(httpx.AsyncBaseTransport):
    """A vendor that answers what a test says, one answer a request, and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            status, body, *headers = answer
            content = {"content": body} if isinstance(body, bytes) else {"json": body}
            return httpx.Response(status, headers=headers[0] if headers else None, **content)
        return httpx.Response(200, json=answer)


def scripted(spec: dict[str, Any], *answers: Any, **options: Any) -> tuple[Any, Scripted]:
    """Give a client of a description, and the scripted vendor behind it."""
    vendor = Scripted(*answers)
    return tu.direct(spec, transport=vendor, clock=lambda: NOW, **options), vendor
