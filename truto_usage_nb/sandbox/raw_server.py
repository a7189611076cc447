"""The vendors' own APIs on this machine: the sandbox's world as raw rows, by each vendor's rules.

It asks for the vendor's kind of key in the vendor's kind of header, pages as the vendor does, refuses what the vendor
refuses, in the vendor's words. It knows no unified record, and shares no code with what reads it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Protocol, cast

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from truto_usage_nb.sandbox.app import DEFAULT_WORLD
from truto_usage_nb.sandbox.ask import RawAnswer, RawAsk, RawRoute, Refused, World
from truto_usage_nb.sandbox.faults import Breaking, Fault, Faults, RequestMoment, garbage, problem_of
from truto_usage_nb.sandbox.serve import Serving, loopback
from truto_usage_nb.sandbox.service import RequestBudget
from truto_usage_nb.sandbox.vendors import SANDBOX_VENDORS
from truto_usage_nb.sandbox.wire import JSON_TYPE, dump

__all__ = ["RawService", "RawVendor", "create_raw_app", "description_of", "keys_of", "vendor_server"]

_REMEMBERED_REQUESTS = 10_000
_FORBIDDEN_HEADERS = frozenset({"authorization", "x-api-key", "dd-api-key", "dd-application-key"})


class RawVendor(Protocol):
    """What every `raw` module in `vendors/` offers."""

    @property
    def KEYS(self) -> Mapping[str, Mapping[str, str]]:
        """Invented keys that open it: by the name of a way in, the fields that an account's description states."""

    @property
    def ROUTES(self) -> tuple[RawRoute, ...]:
        """Its endpoints."""

    def admit(self, ask: RawAsk) -> RawAnswer | None:
        """Return the vendor's refusal of a request without the right key, None for one that may pass."""

    def error(self, status: int) -> dict[str, Any]:
        """Return the vendor's error body for a status."""


@dataclass(frozen=True, slots=True)
class RawSeen:
    """One request a vendor's server answered; of its headers none that holds a key."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    body: Any
    headers: Mapping[str, str]
    status: int


@dataclass(slots=True)
class RawService:
    """What the routes share: the world, the faults, what was seen."""

    world: Callable[[], World]
    faults: Faults
    seen: deque[RawSeen] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_REQUESTS))
    budget: RequestBudget = field(default_factory=RequestBudget)

    async def serve(self, vendor: RawVendor, route: RawRoute, request: Request) -> Response:
        """Answer one request as the vendor does."""
        ask = await _ask(request, self.world())
        response = await self._answer(vendor, route, ask)
        shown = {name: value for name, value in ask.headers.items() if name not in _FORBIDDEN_HEADERS}
        status = response.status_code
        self.seen.append(RawSeen(request.method, request.url.path, ask.pairs, ask.body, shown, status))
        return response

    async def _answer(self, vendor: RawVendor, route: RawRoute, ask: RawAsk) -> Response:
        refused = vendor.admit(ask)
        if refused is not None:
            return _response(refused)
        standing: dict[str, str] = {}
        if self.faults.budget:
            limit = route.limit if self.faults.budget is True else self.faults.budget
            spent = self.budget.spend(route.path, limit)
            if spent.exceeded:
                wait = {"retry-after": str(spent.reset)}
                return _response(RawAnswer(vendor.error(429), 429, wait))
        breaking: Fault | None = None
        for fault in self.faults.take(RequestMoment("usage", None, ask.page, ask.page > 0)):
            if fault.kind == "latency":
                await anyio.sleep(fault.seconds)
            elif fault.status is not None:
                headers = problem_of(fault).headers
                return _response(RawAnswer(vendor.error(fault.status), fault.status, headers))
            elif fault.kind == "garbage":
                return garbage()
            elif fault.is_break:
                breaking = fault
        try:
            answer = await asyncio.to_thread(route.answer, ask)
        except Refused as refusal:
            answer = RawAnswer(refusal.body, refusal.status)
        if breaking is not None:
            return Breaking(breaking, dump(answer.body), JSON_TYPE)
        return _response(answer, standing)


async def _ask(request: Request, world: World) -> RawAsk:
    content = await request.body()
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body = None
    return RawAsk(
        world=world,
        pairs=tuple(request.query_params.multi_items()),
        body=body,
        headers=dict(request.headers),
        base_url=str(request.base_url).rstrip("/"),
        path=dict(request.path_params),
    )


def _response(answer: RawAnswer, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dump(answer.body), answer.status, {**(headers or {}), **answer.headers}, media_type=JSON_TYPE)


def _vendor(name: str) -> RawVendor:
    return cast(RawVendor, import_module(f"truto_usage_nb.sandbox.vendors.{name}.raw"))


def keys_of(name: str) -> Mapping[str, Mapping[str, str]]:
    """Return the invented keys that open a vendor's server: fields of an account's description, by the way in.

    >>> sorted(keys_of("confluent")["confluent"])
    ['api_key', 'api_secret']
    """
    return _vendor(name).KEYS


def description_of(*vendors: str, base_url: str | None = None) -> dict[str, dict[str, Any]]:
    """Return a description of all accounts of some vendors' servers, or of all, for `direct`: labels to fields.

    The keys are invented, and given by functions, as a person would give them.

    >>> sorted(description_of("cursor", base_url="http://127.0.0.1:8000")["cursor"])
    ['api_key', 'base_url', 'integration']
    """
    return {
        label: {
            "integration": vendor,
            **({} if base_url is None else {"base_url": base_url}),
            **{name: _giving(text) if _is_key(name) else text for name, text in fields.items()},
        }
        for vendor in vendors or SANDBOX_VENDORS
        for label, fields in keys_of(vendor).items()
    }


def _is_key(name: str) -> bool:
    return name.endswith(("_key", "_secret"))


def _giving(text: str) -> Callable[[], str]:
    return lambda: text


def create_raw_app(
    *vendors: str, world: World | None = None, faults: Faults | Iterable[Fault] | None = None
) -> Starlette:
    """Return the APIs of some vendors, or of all, as one ASGI application; their paths are apart.

    Of the faults, statuses, latency, garbage and breaks befall requests that hold the right key.
    """
    standing = world or DEFAULT_WORLD
    service = RawService(lambda: standing, Faults.of(faults))
    routes = []
    for name in vendors or SANDBOX_VENDORS:
        vendor = _vendor(name)
        for route in vendor.ROUTES:
            endpoint = partial(service.serve, vendor, route)
            routes.append(Route(route.path, _endpoint(endpoint), methods=[route.method]))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    app.state.service = service
    return app


def _endpoint(serve: Callable[[Request], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return cast(Response, await serve(request))

    return endpoint


def vendor_server(
    *vendors: str, world: World | None = None, faults: Faults | Iterable[Fault] | None = None
) -> AbstractContextManager[Serving]:
    """Serve some vendors' APIs, or all, on a free port of this machine while the block runs.

    >>> import httpx
    >>> with vendor_server("cursor") as serving:
    ...     httpx.get(serving.url + "/teams/members").status_code
    401
    """
    return loopback(app=create_raw_app(*vendors, world=world, faults=faults))
