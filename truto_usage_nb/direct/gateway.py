"""The unified endpoints, answered in process: a page that is asked for becomes one request to a vendor, and its answer
one page of unified records. It stands where the line to the service stands, so all that asks there asks here.

What may be tried again (429, 5xx, a broken line) goes through as it is, for whoever asks knows how to wait. What may
not is raised as the error that it comes to, naming vendor, endpoint and key.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from weakref import WeakKeyDictionary

import httpx

from truto_usage_nb.direct import telling
from truto_usage_nb.direct.engine import ByNumber, Endpoint, VendorRow, WalkPlace
from truto_usage_nb.direct.question import DirectQuestion, read_question
from truto_usage_nb.direct.spec import DirectAccount
from truto_usage_nb.errors import (
    InputError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
    ServiceError,
    UsageError,
    did_you_mean,
    tell,
)
from truto_usage_nb.outside import cut, one_line, shown
from truto_usage_nb.secret import Secret, masked
from truto_usage_nb.transport.connections import (
    CODINGS,
    MAX_BODY_BYTES,
    SAYS_WHERE,
    certificates,
    check_proxies,
    proxies_refused,
    read_body,
)

__all__ = ["GATEWAY_URL", "MEMBERS_PATH", "Gateway", "noting"]


def _answer_of(
    question: DirectQuestion,
    rows: list[VendorRow],
    next_cursor: str | None,
    *,
    partial: bool = False,
    debug: dict[str, Any] | None = None,
) -> bytes:
    """Write the envelope of a page. A row that comes to several records stands behind each as its remote data."""
    found = list(_shown(question, rows))
    records = [_left(each, question.truto_exclude_fields) for each in found]
    by = question.truto_key_by
    body: dict[str, Any] = {
        "result": records
        if by is None
        else {_key(whole, by): each for whole, each in zip(found, records, strict=True)},
        "next_cursor": next_cursor,
        "prev_cursor": None,
        "result_count": len(records),
        "is_partial_response": partial,
    }
    if debug is not None:
        told = {"nextCursor": next_cursor, "isLooping": False, "isEmptyResult": not rows, "resultCount": len(records)}
        body["debug"] = {**debug, **told}
    return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()


def _listing_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the envelope of a short list."""
    return {"result": rows, "next_cursor": None, "prev_cursor": None, "result_count": len(rows)}


def _shown(question: DirectQuestion, rows: list[VendorRow]) -> Iterator[dict[str, Any]]:
    form = question.truto_response_format
    if form == "raw":
        yield from (row.raw for row in rows)
        return
    beside = form != "normalized" and not question.truto_ignore_remote_data
    for row in rows:
        yield from ({**record, "remote_data": row.raw} if beside else record for record in row.records)


def _left(record: dict[str, Any], excluded: tuple[str, ...]) -> dict[str, Any]:
    for path in excluded:
        record = _without_field(record, path.split("."))
    return record


def _without_field(value: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Give the object without a field; a path may lead into objects and lists."""
    head, *rest = path
    if head not in value:
        return value
    if not rest:
        return {name: kept for name, kept in value.items() if name != head}
    child = value[head]
    if isinstance(child, dict):
        return {**value, head: _without_field(child, rest)}
    if isinstance(child, list):
        return {**value, head: [_without_field(one, rest) if isinstance(one, dict) else one for one in child]}
    return value


def _key(value: Any, field: str) -> str:
    """Give what a record is keyed by, read before fields are left out; one without the field is `undefined`."""
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return "undefined"
    return str(value).lower() if isinstance(value, bool) else str(value)


GATEWAY_URL = "http://direct.localhost"
MEMBERS_PATH = "/direct/members"
_USAGE = "/unified/usage-metering/usage"
_PRODUCTS = "/unified/usage-metering/products"
_ACCOUNTS = "/integrated-account"
_HEADERS = {"Accept": "application/json", "Accept-Encoding": CODINGS, "User-Agent": "truto-usage-nb"}
_LARGE = 64 * 1024
_NO_KEY = 401  # which every other endpoint would say too
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What reading a body of another shape than the documented one comes to, and writing down what no JSON can hold."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Hold a vendor's whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Hold one request to a vendor, without its key."""

    account: DirectAccount
    endpoint: Endpoint
    url: str
    pairs: list[tuple[str, str]]
    body: Any


class Gateway(httpx.AsyncBaseTransport):
    """An httpx transport behind which the vendors stand.

    `now` tells the time; `transport` is httpx's own seam for the lines to the vendors. Each event loop has connections
    of its own, and each account, so that nothing that one answer sets reaches another's request.
    """

    def __init__(
        self,
        accounts: Iterable[DirectAccount],
        now: Callable[[], datetime],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._accounts = {account.label: account for account in accounts}
        self._now = now
        self._transport = transport
        self._most = max_body_bytes
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, httpx.AsyncClient]] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"Gateway({', '.join(self._accounts)})"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request of the unified API."""
        path, pairs = unquote(request.url.path), request.url.params.multi_items()
        if path == _ACCOUNTS:
            return _json(_listing_of([_resource(account) for account in self._accounts.values()]))
        if path.startswith(f"{_ACCOUNTS}/"):
            return _json(_resource(self._account(path.removeprefix(f"{_ACCOUNTS}/"))))
        question = read_question(pairs, self._now())
        account = self._account(question.integrated_account_id)
        question = _begun(replace(question, facts=account.facts))
        if path == _PRODUCTS:
            return _json(_listing_of([_product(each) for each in account.access.products(account.facts)]))
        if path == MEMBERS_PATH:
            if account.access.members is None:
                raise NotFoundError(
                    f"account {account.label!r}: {account.vendor.label} has no list of members", status=404
                )
            return await self._page(request, question, account, (account.access.members,))
        if path == _USAGE and question.endpoint is not None and not account.access.names_endpoints:
            raise InvalidRequestError(
                f"account {account.label!r}: {account.vendor.label}'s endpoints follow report_type; "
                f"leave remote_query's endpoint={shown(question.endpoint, 60)} out",
                status=422,
            )
        if path == _USAGE:
            return await self._page(request, question, account, _planned(account, question))
        raise NotFoundError(f"account {account.label!r}: {account.vendor.label} has nothing at {path}", status=404)

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        for line in (self._lines.pop(asyncio.get_running_loop(), None) or {}).values():
            await line.aclose()

    def _account(self, label: str | None) -> DirectAccount:
        if label is None and len(self._accounts) == 1:
            return next(iter(self._accounts.values()))
        if label is None or label not in self._accounts:
            near = "" if label is None else did_you_mean(label, self._accounts)
            raise NotFoundError(
                f"there is no account {shown(label)}.{near} Described are: {', '.join(self._accounts)}", status=404
            )
        return self._accounts[label]

    async def _page(
        self, request: httpx.Request, question: DirectQuestion, account: DirectAccount, plan: tuple[Endpoint, ...]
    ) -> httpx.Response:
        if not plan:  # of a day that the vendor does not have yet there is nothing to ask
            return _json(_answer_of(question, [], None))
        place = _place(question, plan)
        endpoint = plan[place.endpoint]
        if question.truto_skip_api_call:
            return _json(_answer_of(question, [], None))
        asked = _asked(account, question, endpoint, place)
        headers: dict[str, str] = {}
        try:
            heard = await self._ask(asked, request.extensions.get("timeout"))
            headers = telling.budget(heard.headers, self._now())
            refused = telling.refusal(asked.account, endpoint, heard.status, heard.headers, heard.content)
            if refused is not None:
                return httpx.Response(refused.status, headers=headers, content=refused.content)
            read = _Reading(asked, question, place, len(plan), heard)
            content = read.page() if len(heard.content) < _LARGE else await asyncio.to_thread(read.page)
        except ServiceError as problem:
            content = _without(problem, question, place, plan)
        except UsageError as problem:
            if not problem.retryable:
                raise
            damaged = telling.damaged(problem)
            return httpx.Response(damaged.status, content=damaged.content)
        return httpx.Response(200, headers={**headers, "content-type": "application/json"}, content=content)

    async def _ask(self, asked: _Asked, timeout: Any) -> Heard:
        """Send one request with the account's key in its headers; nothing that is raised shows it."""
        if all(key.is_held for key in asked.account.keys.values()):
            secrets = _revealed(asked.account)
        else:  # a person may have to be asked, which takes its time
            secrets = await asyncio.to_thread(_revealed, asked.account)
        line = await self._line(asked.account)
        problem: Exception
        try:
            return await _sent(line, asked, secrets, timeout, self._most)
        except httpx.HTTPError as fault:
            said = cut(one_line(masked(str(fault))), 300) or type(fault).__name__
            problem = _anew(fault, f"{asked.account.vendor.label} at {asked.account.base_url}: {said}")
        except UnicodeError as fault:
            problem = proxies_refused(fault)
        except httpx.InvalidURL:
            problem = InputError(
                f"account {asked.account.label!r}: the question is too long for an address; ask for less at a time"
            )
        except BaseException as fault:
            traceback.clear_frames(fault.__traceback__)
            raise
        raise problem

    async def _line(self, account: DirectAccount) -> httpx.AsyncClient:
        lines = self._lines.setdefault(asyncio.get_running_loop(), {})
        if account.label not in lines:
            lines[account.label] = _open(account, self._transport)
        return lines[account.label]


def _open(account: DirectAccount, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """Open a line to where an account is asked; plain http stays on this machine, and no proxy may see it."""
    encrypted = account.base_url.lower().startswith("https")
    if encrypted and transport is None:
        check_proxies()
    try:
        return httpx.AsyncClient(
            headers=_HEADERS,
            follow_redirects=False,  # a key is not carried elsewhere
            trust_env=encrypted,
            verify=certificates() if encrypted else False,
            transport=transport,
            event_hooks={"response": [_set_aside]},
        )
    except (httpx.InvalidURL, ValueError, ImportError) as problem:
        refused = proxies_refused(problem)
    raise refused


async def _set_aside(response: httpx.Response) -> None:
    """Keep httpx from reading where a redirect leads: it is not followed, and may be no address at all."""
    if "location" in response.headers:
        response.extensions["truto_usage_nb.location"] = response.headers.pop("location")


async def _sent(
    line: httpx.AsyncClient, asked: _Asked, secrets: Mapping[str, Secret], timeout: Any, most: int
) -> Heard:
    request = line.build_request(
        asked.endpoint.method,
        asked.url,
        params=httpx.QueryParams(tuple(asked.pairs)) if asked.pairs else None,
        json=asked.body,
        headers=dict(asked.endpoint.headers),
        extensions={"timeout": timeout} if timeout else None,
    )
    revealed = {name: secret.reveal() for name, secret in secrets.items()}
    request.headers.update(asked.account.access.headers(revealed))
    revealed.clear()
    response = await line.send(request, stream=True)
    try:
        content = await read_body(response, most)
    finally:
        await response.aclose()
    if isinstance(content, UsageError):
        raise content
    headers = {name.lower(): value for name, value in response.headers.items()}
    location = response.extensions.get("truto_usage_nb.location")
    return Heard(response.status_code, headers if location is None else {**headers, "location": location}, content)


def _revealed(account: DirectAccount) -> dict[str, Secret]:
    return {name: key.reveal() for name, key in account.keys.items()}


def _anew(fault: httpx.HTTPError, text: str) -> httpx.HTTPError:
    """Make the same error without the request that it held, in whose headers the key stands."""
    anew = type(fault)(text)
    setattr(anew, SAYS_WHERE, True)
    traceback.clear_frames(fault.__traceback__)
    return anew


def _begun(question: DirectQuestion) -> DirectQuestion:
    """Give the question as of when its walk began, so that what is asked by default stays what it was."""
    return replace(question, now=WalkPlace.of(question.cursor, question).began) if question.cursor else question


def _planned(account: DirectAccount, question: DirectQuestion) -> tuple[Endpoint, ...]:
    try:
        return account.access.plan(question)
    except (ValueError, OverflowError) as problem:
        if isinstance(problem, UsageError):
            raise
        raise _unaskable(account, question) from None


def _asked(account: DirectAccount, question: DirectQuestion, endpoint: Endpoint, place: WalkPlace) -> _Asked:
    try:
        url, pairs, body = endpoint.url(account.base_url, question, endpoint.params(question, place))
    except (ValueError, OverflowError) as problem:
        if isinstance(problem, UsageError):
            raise
        raise _unaskable(account, question) from None
    return _Asked(account, endpoint, url, pairs, body)


def _unaskable(account: DirectAccount, question: DirectQuestion) -> InputError:
    dates = {name: value for name in ("date", "start_date", "end_date") if (value := getattr(question, name))}
    said = ", ".join(f"{name}={shown(value, 60)}" for name, value in dates.items())
    return InputError(
        f"account {account.label!r}: {account.vendor.label} cannot be asked with {said}: no calendar of its holds that"
    )


def _place(question: DirectQuestion, plan: tuple[Endpoint, ...]) -> WalkPlace:
    if question.cursor:
        place = WalkPlace.of(question.cursor, question)
        if 0 <= place.endpoint < len(plan):
            return replace(place, size=place.size or plan[place.endpoint].size(question))
        raise InvalidRequestError(f"cursor={shown(question.cursor, 60)} leads nowhere; leave it out", status=422)
    numbered = isinstance(plan[0].paging, ByNumber) and (question.page or 1) > 1
    return WalkPlace(question.now, 0, str(question.page) if numbered else None, plan[0].size(question))


_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[list[str]]:
    """Note what is told to be missing inside, in this task and those that it starts."""
    noted: list[str] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def _without(problem: ServiceError, question: DirectQuestion, place: WalkPlace, plan: tuple[Endpoint, ...]) -> bytes:
    """Go on without an endpoint that was refused, and say so; where all of a plan were, the refusal stands."""
    refused = place.refused + 1
    spoilt = problem.status == _NO_KEY or place.bookmark is not None or refused >= len(plan)
    if spoilt or not plan[place.endpoint].may_be_refused:
        raise problem
    text = f"{problem.message}; its records are missing, and the others stand"
    tell(text)
    if (noted := _noted.get()) is not None:
        noted.append(text)
    following = replace(place, endpoint=place.endpoint + 1, bookmark=None, size=None, refused=refused)
    cursor = following.cursor(question) if following.endpoint < len(plan) else None
    return _answer_of(question, [], cursor, partial=True)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Read a vendor's answer and write the page that it comes to."""

    asked: _Asked
    question: DirectQuestion
    place: WalkPlace
    endpoints: int
    heard: Heard

    def page(self) -> bytes:
        """Give the page; raises `ProtocolError` for an answer that is not what the vendor documents."""
        body = self._body()
        try:
            rows = list(self.asked.endpoint.read(body, self.question))
            bookmark = self.asked.endpoint.paging.following(
                body, self.place.bookmark, len(rows), self.asked.account.hosts
            )
            return _answer_of(self.question, rows, self._cursor(bookmark), debug=self._debug(rows))
        except UsageError as problem:
            raise self._unreadable(problem.message) from None
        except _UNREADABLE as problem:
            raise self._unreadable(f"{type(problem).__name__}: {one_line(str(problem))}") from None

    def _body(self) -> Any:
        try:
            return json.loads(self.heard.content, parse_constant=_no_number)
        except (ValueError, RecursionError):
            start = cut(one_line(masked(self.heard.content[:400].decode("utf-8", "replace"))), 120)
        raise self._unreadable(f"it is no JSON: {start!r}", retryable=True)

    def _cursor(self, bookmark: str | None) -> str | None:
        """Give the cursor of the page that follows: of this endpoint, or the first of the next."""
        place = replace(self.place, bookmark=bookmark)
        if bookmark is None:
            if self.place.endpoint + 1 >= self.endpoints:
                return None
            place = replace(place, endpoint=self.place.endpoint + 1, size=None)
        return place.cursor(self.question)

    def _debug(self, rows: list[VendorRow]) -> dict[str, Any] | None:
        if self.question.truto_response_format != "debug":
            return None
        url = str(httpx.URL(self.asked.url, params=self.asked.pairs)) if self.asked.pairs else self.asked.url
        return {
            "requestUrl": url,
            "requestOptions": {"method": self.asked.endpoint.method, "body": self.asked.body},
            "data": [row.raw for row in rows],
            "responseHeaders": masked(dict(self.heard.headers)),
        }

    def _unreadable(self, why: str, *, retryable: bool = False) -> ProtocolError:
        vendor, endpoint = self.asked.account.vendor, self.asked.endpoint
        return ProtocolError(
            f"account {self.asked.account.label!r}: {vendor.label}'s answer to {endpoint.name} cannot be read "
            f"({cut(why, 300)}); if it stays so, the vendor has changed it, or something between here and there has",
            retryable=retryable,
        )


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _resource(account: DirectAccount) -> dict[str, Any]:
    return {
        "id": account.label,
        "name": account.label,
        "status": "active",
        "is_sandbox": False,
        "integration": {"name": account.vendor.name, "label": account.vendor.label},
    }


def _product(said: tuple[str, str, str]) -> dict[str, Any]:
    return dict(zip(("id", "name", "description"), said, strict=True))


def _json(body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(200, headers={"content-type": "application/json"}, content=content)
