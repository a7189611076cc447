"""The only room that knows httpx: a request goes out, its whole answer comes back, or an error that says why not.

What is tried again and after how long: `retry`. The pace of an account: `limits`. The walk over pages: `paging`.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import httpx

from truto_usage_nb.address import checked_token, checked_url
from truto_usage_nb.clock import Clock
from truto_usage_nb.errors import InputError, ProtocolError, UsageError
from truto_usage_nb.limits import RateLimit, read_rate_limit
from truto_usage_nb.outside import shown
from truto_usage_nb.paging import MAX_PAGES, Page, PageRequest, read_page, walk
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.retry import Backoff, told_wait
from truto_usage_nb.secret import Secret
from truto_usage_nb.transport.connections import MAX_BODY_BYTES, Connections, Settings
from truto_usage_nb.transport.fetch import FailedTry, Fetch, Prefetch, Reply, following, given_up, read_json

__all__ = ["MAX_BODY_BYTES", "Reply", "Transport", "copied"]

_T = TypeVar("_T")


class Transport:
    """Ask the service: authenticated, paced, patient.

    Works from several event loops at once, each with connections of its own that close when the loop ends or `aclose`
    is called. `timeout` is in seconds for connecting and for each wait for bytes, or an `httpx.Timeout`; `retries`
    counts the tries after the first (or is a `Backoff`); `concurrency` is the most requests under way in a loop;
    `max_body_bytes` the most that an answer may have, unpacked; `max_pages` how many pages one query may have.
    Raises `InputError` for a URL that a token must not be sent to: anything but https, save http on loopback. A copy,
    and what a pickle gives back, has no token, and says so when it is to ask.
    """

    base_url: str = ""  # a repr is also asked of a transport that was refused half made

    def __init__(
        self,
        *,
        token: str | Secret | None,
        base_url: str,
        timeout: float | httpx.Timeout = 60.0,
        retries: int | Backoff = 5,
        concurrency: int = 8,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_pages: int = MAX_PAGES,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        token = Secret(token.strip()) if isinstance(token, str) else token  # from here on no frame holds it bare
        self._backoff = retries if isinstance(retries, Backoff) else Backoff(retries=_whole("retries", retries, 0))
        self._clock = clock or Clock()
        self._max_pages = _whole("max_pages", max_pages, 1)
        self._token = None if token is None else checked_token(token)
        try:
            self.base_url = checked_url(base_url, self._token)
        except InputError as problem:
            base_url = ""  # in which the token may stand
            raise problem.with_traceback(None) from None
        self._settings = Settings(
            base_url=self.base_url,
            token=self._token,
            timeout=_timeout(timeout),
            concurrency=_whole("concurrency", concurrency, 1),
            max_body_bytes=_whole("max_body_bytes", max_body_bytes, 1),
            longest_wait_seconds=self._backoff.longest_told_seconds,
            transport=transport,
            clock=self._clock,
        )
        self._connections: dict[asyncio.AbstractEventLoop, Connections] = {}
        self._rate_limits: dict[str | None, RateLimit] = {}
        weakref.finalize(self, _close_all, self._connections).atexit = False  # at exit the loops close what is theirs

    @property
    def rate_limits(self) -> Mapping[str | None, RateLimit]:
        """Give the budget last heard of each account; None stands for requests that name no account."""
        return MappingProxyType(self._rate_limits)

    @property
    def has_lost_its_token(self) -> bool:
        """Whether this is a copy, which can say so and do nothing else."""
        return self._token is not None and self._token.is_empty

    @property
    def concurrency(self) -> int:
        """Give the most requests that are under way at once."""
        return self._settings.concurrency

    async def get(
        self,
        path: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        account: str | None = None,
        pages: int | None = None,
    ) -> Reply:
        """Get one JSON answer, whole.

        `account` is whose budget the request counts on, `pages` how many were had before (an error says so). Raises
        `ServiceError` and its kin, `ConnectionFailedError`, `ProtocolError`.
        """
        return await self._run(Fetch(path, tuple(params), read_json, account=account, pages=pages))

    async def pages(
        self,
        query: UsageQuery,
        *,
        records_per_page: int | None = None,
        cursor: str | None = None,
        on_page: Callable[[Page], object] | None = None,
        unread_from: int | None = None,
    ) -> AsyncGenerator[Page, None]:
        """Yield a query's pages in order; while the caller works on one, the next is on its way.

        See `paging.walk` and `paging.read_page` for the arguments. `on_page` is called with each page before it is
        yielded. A caller who stops early closes the generator (`contextlib.aclosing`), which calls the request under
        way off.
        """
        walking = walk(query, records_per_page=records_per_page, cursor=cursor, max_pages=self._max_pages)
        fetch = partial(self._fetch, query.integrated_account_id, unread_from)
        request = next(walking, None)
        prefetch = None if request is None else Prefetch(fetch, request)
        try:
            while prefetch is not None:
                page = await prefetch.page()
                prefetch = await prefetch.next(following(walking, page))
                if on_page is not None:
                    on_page(page)
                yield page
        finally:
            if prefetch is not None:
                await prefetch.call_off()

    async def page_again(self, query: UsageQuery, page: Page, *, records_per_page: int | None = None) -> Page:
        """Give a page that was handed on unread once more: as it is where it is whole, else asked for anew.

        One that was read is given back. Raises what `pages` raises for such a body.
        """
        if not page.is_unread:
            return page
        request = next(walk(query, records_per_page=records_per_page, cursor=page.cursor))
        request = replace(request, number=page.number)
        try:
            return read_page(request, page.content, page.content_type)
        except UsageError:
            return await self._fetch(query.integrated_account_id, None, request, lambda _: False)

    async def aclose(self) -> None:
        """Close the connections of every loop; a later request opens new ones."""
        here = asyncio.get_running_loop()
        for loop, connections in list(self._connections.items()):
            self._connections.pop(loop, None)
            if loop is here:
                await connections.aclose()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(connections.aclose(), loop))

    def __repr__(self) -> str:
        return f"Transport(base_url={self.base_url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return copied, (self.base_url,)

    async def _fetch(
        self, account: str | None, unread_from: int | None, request: PageRequest, glance: Callable[[Reply], bool]
    ) -> Page:
        left = {} if unread_from is None else {"unread_from": unread_from}
        fetch = Fetch(
            path=request.path,
            params=request.params,
            read=lambda reply: read_page(request, reply.content, reply.content_type, **left),
            account=account,
            pages=request.number - 1,
            cursor=request.cursor,
            glance=glance,
            may_be_empty=request.stream,
        )
        return await self._run(fetch)

    async def _run(self, fetch: Fetch[_T]) -> _T:
        """Try until it succeeds, until trying again would not help, or until there were enough tries."""
        if self.has_lost_its_token:
            raise InputError(
                "this client was copied, or came out of a pickle, and has no token: tokens stay where they are; "
                "make a client here, as this one was made: Client(token=…), or direct(…)"
            )
        connections = await self._here()
        tries = 0
        while True:
            tries += 1
            outcome = await self._try(connections, fetch)
            if not isinstance(outcome, FailedTry):
                return outcome
            error, told = outcome.error, outcome.told
            if not error.retryable or tries > self._backoff.retries or self._too_long(told):
                raise given_up(error, fetch, tries, told if self._too_long(told) else None)
            await self._clock.sleep(self._backoff.wait(tries, told, self._clock.jitter()))

    def _too_long(self, told: float | None) -> bool:
        return told is not None and told > self._backoff.longest_told_seconds

    async def _try(self, connections: Connections, fetch: Fetch[_T]) -> _T | FailedTry:
        """Try once, in the account's turn and one of the slots."""
        limit = connections.limit(fetch.account)
        async with limit.turn() as number, connections.slots:
            answer = await connections.send(fetch.path, fetch.params)
            if isinstance(answer, UsageError):
                return FailedTry(answer)
            now = self._clock.now()
            try:
                seen = read_rate_limit(answer.headers, now)
            except ProtocolError as problem:
                if 200 <= answer.status < 300:
                    return FailedTry(problem.with_traceback(None))
                seen = None  # a refusal says more than a header of no use
            limit.heard(seen, number)
            if seen is not None:
                self._rate_limits[fetch.account] = seen
            told = told_wait(answer.status, answer.headers, now)
            if answer.status == 429:
                limit.shut(told if told is not None else 0.0)
        return await fetch.outcome(answer, seen, told, self._token)

    async def _here(self) -> Connections:
        loop = asyncio.get_running_loop()
        connections = self._connections.get(loop)
        if connections is None:
            for other in [each for each in list(self._connections) if each.is_closed()]:
                self._connections.pop(other, None)
            connections = self._connections[loop] = Connections(
                self._settings, partial(self._connections.pop, loop, None)
            )
            await connections.open()
        return connections


def copied(base_url: str) -> Transport:
    """Make what a copy of a transport comes to: one that has no token, and says so."""
    made = Transport(token=None, base_url=base_url)
    made._token = Secret("")
    return made


def _close_all(connections_by_loop: dict[asyncio.AbstractEventLoop, Connections]) -> None:
    """Have each loop close its connections, once nobody holds the transport any more."""
    for loop, connections in list(connections_by_loop.items()):
        if not loop.is_closed():
            loop.call_soon_threadsafe(_close, loop, connections)


def _close(loop: asyncio.AbstractEventLoop, connections: Connections) -> None:
    loop.create_task(connections.aclose())


def _timeout(value: float | httpx.Timeout) -> httpx.Timeout:
    if isinstance(value, httpx.Timeout):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InputError(f"timeout={shown(value)} is not allowed; give seconds, more than 0, or an httpx.Timeout")
    return httpx.Timeout(value)


def _whole(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name}={shown(value)} is not allowed; give a whole number, {least} or more")
    return value
