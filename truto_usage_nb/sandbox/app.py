"""The whole service as one ASGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.faults import Fault, Faults
from truto_usage_nb.sandbox.service import Gate, Service
from truto_usage_nb.sandbox.wire import Problem, json_response

DEFAULT_TOKEN = "sandbox-token"
DEFAULT_WORLD = World(seed=7, now=datetime(2026, 11, 23, tzinfo=UTC), scale=1.0)


async def _http_problem(_request: Request, error: Exception) -> Response:
    """Answer an unknown path or method with the error envelope."""
    assert isinstance(error, HTTPException)
    return json_response(Problem(error.status_code, error.detail).body(), error.status_code, error.headers)


def create_app(
    world: World | int | None = None,
    token: str = DEFAULT_TOKEN,
    clock: Callable[[], datetime] | None = None,
    *,
    faults: Faults | Iterable[Fault] | None = None,
    scoped_tokens: Mapping[str, str] | None = None,
) -> Starlette:
    """Return the whole service as an ASGI application.

    `world` is the seed, the moment and the size, or a seed alone; `clock`, when given, tells the moment anew at each
    request (UTC). `scoped_tokens` maps further tokens to the one account each may read. The application's state offers
    `service.seen`, the requests answered so far.

    >>> create_app(world=7).state.service.world().now.isoformat()
    '2026-11-23T00:00:00+00:00'
    """
    base = replace(DEFAULT_WORLD, seed=world) if isinstance(world, int) else world or DEFAULT_WORLD

    def present() -> World:
        return base if clock is None else replace(base, now=clock())

    plan = Faults.of(faults)
    service = Service(present, Gate(token, scoped_tokens or {}, plan.budget), plan)
    routes = [
        service.route("/unified/usage-metering/usage", "usage", service.usage),
        service.route("/unified/usage-metering/products", "products", service.products),
        service.route("/integrated-account", "accounts", service.accounts),
        service.route("/integrated-account/{id}", "accounts", service.account),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_problem})
    app.router.redirect_slashes = False
    app.state.service = service
    return app
