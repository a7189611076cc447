"""The endpoints: each reads its request, lets the faults happen and has its page made, as a rule in a worker thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from truto_usage_nb.sandbox import misbehave, shape
from truto_usage_nb.sandbox.ask import Vendor, World
from truto_usage_nb.sandbox.budget import SERVICE_LIMIT, Standing, unmetered
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.directory import account_resource, find_account, matching_accounts
from truto_usage_nb.sandbox.faults import Fault, Faults, Moment
from truto_usage_nb.sandbox.gate import Gate
from truto_usage_nb.sandbox.listing import Item, Listings
from truto_usage_nb.sandbox.misbehave import IN_PROCESS
from truto_usage_nb.sandbox.pages import Page, ask_of, effective_limit, page_of
from truto_usage_nb.sandbox.params import Params, read_params
from truto_usage_nb.sandbox.usage import Usage, answer, lines
from truto_usage_nb.sandbox.vendors import VENDORS
from truto_usage_nb.sandbox.wire import JSON_TYPE, NDJSON_TYPE, Problem, dump, dump_object, problem_response

_LIST_PAGE = 100
_REMEMBERED_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One request the service answered, for tests that count them; it holds no header, so no token."""

    path: str
    pairs: tuple[tuple[str, str], ...]
    status: int


@dataclass(slots=True)
class Visit:
    """One request on its way through the service; `headers` and `broken` are filled in as it goes."""

    request: Request
    endpoint: str
    params: Params = field(default_factory=Params)
    account: Account | None = None
    standing: Standing = field(default_factory=lambda: unmetered(SERVICE_LIMIT))
    changes: set[str] = field(default_factory=set)
    breaking: Fault | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers every answer carries."""
        headers = self.standing.headers()
        if self.params.ignored:
            headers["x-ignored-parameters"] = ", ".join(self.params.ignored).encode("ascii", "replace").decode()
        return headers


Handler = Callable[[Visit], Awaitable[Response]]


class Service:
    """What the routes share: the world, the gate, the faults, the lists already made."""

    def __init__(self, world: Callable[[], World], gate: Gate, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self.seen: deque[Seen] = deque(maxlen=_REMEMBERED_REQUESTS)
        self._gate = gate
        self._listings = Listings()

    def route(self, path: str, endpoint: str, handler: Handler) -> Route:
        """Return a GET route whose errors are envelopes and whose every answer has the rate-limit headers."""

        async def serve(request: Request) -> Response:
            visit = Visit(request, endpoint)
            try:
                response = await handler(visit)
            except Problem as problem:
                response = problem_response(problem)
            for name, value in visit.headers().items():
                response.headers.setdefault(name, value)
            pairs = tuple(request.query_params.multi_items())
            self.seen.append(Seen(request.url.path, pairs, response.status_code))
            return response

        return Route(path, serve, methods=["GET"])

    async def usage(self, visit: Visit) -> Response:
        """Answer `GET /unified/usage-metering/usage`."""
        vendor = self._enter(visit)
        assert visit.account is not None
        ask = ask_of(visit.params, visit.account, self.world())
        usage = Usage(visit.params, ask, vendor, self._listings)
        page = usage.page()
        replaced = await self._befall(visit, page)
        if replaced is not None:
            return replaced
        if visit.params.truto_response_format == "stream" and not _wants_envelope(visit.request):
            return await _stream(usage, page, visit.breaking)
        make = partial(answer, usage, page, visit.changes, visit.headers())
        body = make() if _at_once(visit, ask.world) else await asyncio.to_thread(make)
        return _whole_or_broken(body, visit.breaking)

    async def products(self, visit: Visit) -> Response:
        """Answer `GET /unified/usage-metering/products`."""
        vendor = self._enter(visit)
        assert visit.account is not None
        account = visit.account
        return await self._list(visit, await asyncio.to_thread(vendor.products, account))

    async def accounts(self, visit: Visit) -> Response:
        """Answer `GET /integrated-account`; a token that belongs to one account may not list."""
        self._read(visit)
        return await self._list(visit, matching_accounts(visit.params))

    async def account(self, visit: Visit) -> Response:
        """Answer `GET /integrated-account/{id}`."""
        self._read(visit)
        visit.account = find_account(visit.request.path_params["id"])
        replaced = await self._befall(visit, _only_page())
        return replaced or _whole_or_broken(dump(account_resource(visit.account)), visit.breaking)

    async def _list(self, visit: Visit, rows: list[dict[str, Any]]) -> Response:
        """Return a page of a short list, shaped as usage is, but for remote data."""
        params = replace(visit.params, truto_response_format="raw")
        limit = effective_limit(params)
        key = f"{visit.endpoint} {visit.account} {params.tenant_id} {params.is_sandbox}"
        page = page_of(params, _LIST_PAGE if limit is None else min(limit, _LIST_PAGE), key)
        replaced = await self._befall(visit, page)
        end = page.place.offset + page.size
        found = [Item(dump(row)) for row in rows[page.place.offset : end]]
        following = page.next_cursor(page.size > 0 and end < len(rows))
        body = shape.envelope(found, params, next_cursor=following, prev_cursor=page.prev_cursor())
        return replaced or _whole_or_broken(dump_object(body), visit.breaking)

    def _enter(self, visit: Visit) -> Vendor:
        """Read a request about one account and return the vendor behind it."""
        scope = self._read(visit, scoped=True)
        account_id = visit.params.integrated_account_id or scope
        if account_id is None:
            raise Problem(422, "integrated_account_id is required", {"parameter": "integrated_account_id"})
        if scope is not None and account_id != scope:
            raise Problem(403, f"The token may not read account {account_id!r}")
        visit.account = find_account(account_id)
        vendor = VENDORS[visit.account.integration]
        visit.standing = self._gate.spend(visit.account.id, vendor.RATE_LIMIT)
        if visit.standing.exceeded:
            wait = {"retry-after": str(visit.standing.reset)}
            raise Problem(429, "The provider's rate limit is used up", headers=wait)
        return vendor

    def _read(self, visit: Visit, *, scoped: bool = False) -> str | None:
        """Check the token, read the parameters, and return the account that the token is bound to."""
        scope = self._gate.authorise(visit.request)
        if scope is not None and not scoped:
            raise Problem(403, "A token of one account may not read integrated accounts")
        visit.params = read_params(visit.request.query_params.multi_items())
        return scope

    async def _befall(self, visit: Visit, page: Page) -> Response | None:
        """Let the faults that are due happen; return what stands in the place of the answer, if anything does."""
        account_id = visit.account.id if visit.account else None
        moment = Moment(visit.endpoint, account_id, page.place.page, page.sent_cursor is not None)
        for fault in self.faults.take(moment):
            if fault.kind == "latency":
                await anyio.sleep(fault.seconds)
            elif fault.status is not None:
                raise misbehave.problem(fault)
            elif fault.kind == "garbage":
                return misbehave.garbage()
            elif fault.is_break:
                visit.breaking = fault
            else:
                visit.changes.add(str(fault.kind))
        return None


def _at_once(visit: Visit, world: World) -> bool:
    """Say whether a page is made without a thread: in the caller's own process a thread would wait for the very lock
    that the caller holds, and a company of the usual size has no page that takes long."""
    return IN_PROCESS in (visit.request.scope.get("extensions") or {}) and world.scale <= 1


def _only_page() -> Page:
    return page_of(Params(), 1, "")


def _wants_envelope(request: Request) -> bool:
    """Say whether a stream is asked for as one JSON envelope: `Accept` names JSON and not NDJSON."""
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "ndjson" not in accept


def _whole_or_broken(body: bytes, fault: Fault | None) -> Response:
    if fault is not None:
        return misbehave.Breaking(fault, body, JSON_TYPE)
    return Response(body, media_type=JSON_TYPE)


async def _stream(usage: Usage, page: Page, fault: Fault | None) -> Response:
    """Return the NDJSON stream; its first chunk is made before the answer begins, so that a refusal is a status."""
    source = lines(usage, page)
    first = await asyncio.to_thread(next, source, b"")
    if fault is not None:
        return misbehave.Breaking(fault, first, NDJSON_TYPE)

    def chunks() -> Iterable[bytes]:
        yield first
        yield from source

    return StreamingResponse(chunks(), media_type=NDJSON_TYPE)
