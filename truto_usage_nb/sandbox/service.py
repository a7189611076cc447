"""The endpoints: each reads its request, lets the faults happen and has its page made, as a rule in a worker thread.

Before them the door, who may come in and how often, and the linked accounts as the service lists them.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from hmac import compare_digest
from threading import Lock
from typing import Any
from uuid import UUID

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from truto_usage_nb.sandbox.ask import Vendor, World
from truto_usage_nb.sandbox.company import ACCOUNTS, Account
from truto_usage_nb.sandbox.faults import IN_PROCESS, Breaking, Fault, Faults, RequestMoment, garbage, problem_of
from truto_usage_nb.sandbox.pages import Item, Listings, ServedPage, ask_of, effective_limit, page_of
from truto_usage_nb.sandbox.params import Params, read_params
from truto_usage_nb.sandbox.usage import Usage, envelope, ndjson_lines, page_body
from truto_usage_nb.sandbox.vendors import LISTED, VENDORS
from truto_usage_nb.sandbox.wire import JSON_TYPE, NDJSON_TYPE, Problem, dump, dump_object, problem_response

_LIMIT = re.compile(r"^(\d+);\s*w=(\d+(?:\.\d+)?)$")
SERVICE_LIMIT = "110;w=10"


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a caller stands: the limit as stated, the requests left, seconds until the window opens anew."""

    limit: str
    remaining: int
    reset: int
    exceeded: bool = False

    def headers(self) -> dict[str, str]:
        """Return the three `ratelimit-*` headers."""
        return {
            "ratelimit-limit": self.limit,
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset),
        }


def parse_limit(text: str) -> tuple[int, float]:
    """Read `110;w=10` as requests and window seconds.

    >>> parse_limit("110;w=10")
    (110, 10.0)
    """
    match = _LIMIT.match(text)
    if match is None:
        raise ValueError(f"a rate limit is written like 110;w=10, not {text!r}")
    return int(match[1]), float(match[2])


def unmetered(limit: str) -> _Standing:
    """Return what a caller who is never refused is told: this one request is spent."""
    requests, window = parse_limit(limit)
    return _Standing(limit, max(0, requests - 1), math.ceil(window))


class RequestBudget:
    """A count of requests per account in fixed windows; `tick` is the clock in seconds."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._spent: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def spend(self, account: str, limit: str) -> _Standing:
        """Count one request and return where the account stands after it."""
        requests, window = parse_limit(limit)
        now = self._tick()
        with self._lock:
            opened, spent = self._spent.get(account, (now, 0))
            if now >= opened + window:
                opened, spent = now, 0
            self._spent[account] = (opened, spent + 1)
        reset = math.ceil(opened + window - now)
        return _Standing(limit, max(0, requests - spent - 1), reset, exceeded=spent >= requests)


class Gate:
    """Tokens and budgets. A token is good for every account, or bound to one.

    `budget`: False refuses nobody, True counts against the vendor's own limit, a text such as `3;w=1` against that.
    """

    def __init__(self, token: str, scoped_tokens: Mapping[str, str], budget: bool | str) -> None:
        self._tokens: dict[str, str | None] = {token: None, **scoped_tokens}
        self._limit = budget
        self._budget = RequestBudget()

    def authorise(self, request: Request) -> str | None:
        """Return the account the request's token is bound to, None for all; 401 without a valid token."""
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        for token, scope in self._tokens.items():
            if scheme.lower() == "bearer" and compare_digest(sent.strip().encode(), token.encode()):
                return scope
        raise Problem(401, "The request has no valid bearer token", headers={"www-authenticate": "Bearer"})

    def spend(self, account_id: str, limit: str) -> _Standing:
        """Count a request against the account's budget and return where it stands."""
        if self._limit is False:
            return unmetered(limit)
        return self._budget.spend(account_id, limit if self._limit is True else self._limit)


def find_account(account_id: str) -> Account:
    """Return the account; 404 when there is none of that id."""
    for account in ACCOUNTS:
        if account.id == account_id:
            return account
    raise Problem(404, f"Integrated account {account_id!r} not found", {"integrated_account_id": account_id})


def account_resource(account: Account) -> dict[str, Any]:
    """Return an account as the service shows it."""
    label, category = LISTED[account.integration]
    integration = {
        "id": str(UUID(bytes=blake2b(account.integration.encode(), digest_size=16).digest(), version=4)),
        "name": account.integration,
        "label": label,
        "category": category,
    }
    return {
        "id": account.id,
        "tenant_id": account.tenant_id,
        "status": account.status,
        "is_sandbox": account.is_sandbox,
        "label": account.label,
        "integration": integration,
        "created_at": account.created_at,
        "updated_at": account.created_at,
    }


def matching_accounts(params: Params) -> list[dict[str, Any]]:
    """Return the accounts that pass the `tenant_id` and `is_sandbox` filters."""
    return [
        account_resource(account)
        for account in ACCOUNTS
        if params.tenant_id in (None, account.tenant_id) and params.is_sandbox in (None, account.is_sandbox)
    ]


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
    standing: _Standing = field(default_factory=lambda: unmetered(SERVICE_LIMIT))
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
        make = partial(page_body, usage, page, visit.changes, visit.headers())
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
        body = envelope(found, params, next_cursor=following, prev_cursor=page.prev_cursor())
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

    async def _befall(self, visit: Visit, page: ServedPage) -> Response | None:
        """Let the faults that are due happen; return what stands in the place of the answer, if anything does."""
        account_id = visit.account.id if visit.account else None
        moment = RequestMoment(visit.endpoint, account_id, page.place.page, page.sent_cursor is not None)
        for fault in self.faults.take(moment):
            if fault.kind == "latency":
                await anyio.sleep(fault.seconds)
            elif fault.status is not None:
                raise problem_of(fault)
            elif fault.kind == "garbage":
                return garbage()
            elif fault.is_break:
                visit.breaking = fault
            else:
                visit.changes.add(str(fault.kind))
        return None


def _at_once(visit: Visit, world: World) -> bool:
    """Say whether a page is made without a thread: in the caller's own process a thread would wait for the very lock
    that the caller holds, and a company of the usual size has no page that takes long."""
    return IN_PROCESS in (visit.request.scope.get("extensions") or {}) and world.scale <= 1


def _only_page() -> ServedPage:
    return page_of(Params(), 1, "")


def _wants_envelope(request: Request) -> bool:
    """Say whether a stream is asked for as one JSON envelope: `Accept` names JSON and not NDJSON."""
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "ndjson" not in accept


def _whole_or_broken(body: bytes, fault: Fault | None) -> Response:
    if fault is not None:
        return Breaking(fault, body, JSON_TYPE)
    return Response(body, media_type=JSON_TYPE)


async def _stream(usage: Usage, page: ServedPage, fault: Fault | None) -> Response:
    """Return the NDJSON stream; its first chunk is made before the answer begins, so that a refusal is a status."""
    source = ndjson_lines(usage, page)
    first = await asyncio.to_thread(next, source, b"")
    if fault is not None:
        return Breaking(fault, first, NDJSON_TYPE)

    def chunks() -> Iterable[bytes]:
        yield first
        yield from source

    return StreamingResponse(chunks(), media_type=NDJSON_TYPE)
