"""One thing to fetch, how its answer is read, what is said when it cannot be had; and the page after it, on its way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from truto_usage_nb.envelope import check_json, hinted_cursor, is_lines
from truto_usage_nb.errors import InputError, ProtocolError, UsageError
from truto_usage_nb.limits import RateLimit
from truto_usage_nb.outside import cut, one_line
from truto_usage_nb.paging import Page, PageRequest, after
from truto_usage_nb.retry import service_error
from truto_usage_nb.secret import Secret
from truto_usage_nb.transport.connections import Answer

_T = TypeVar("_T")

_TURNS_TO_LEAVE = 5  # turns of the loop that a request needs to be on the wire; reading keeps the loop busy


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold a successful answer: its bytes, what they are, and the budget it told of."""

    content: bytes = field(repr=False)
    content_type: str
    status: int
    rate_limit: RateLimit | None

    def json(self) -> Any:
        """Give the body's JSON value."""
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class FailedTry:
    """Hold the error that a try came to, and the seconds the answer asked to wait (None: it asked nothing)."""

    error: UsageError
    told: float | None = None


@dataclass(frozen=True, slots=True)
class Fetch(Generic[_T]):
    """Say what to fetch and how to read it; `read` raises a `UsageError` for a body that is not what it should be.

    `account` is whose budget it counts on; `pages` were had before it (None: it is no page), `cursor` leads to it.
    `glance` is shown a successful answer before it is read, and says whether it sent something out. `may_be_empty`:
    lines were asked for, of which there may be none.
    """

    path: str
    params: tuple[tuple[str, str], ...]
    read: Callable[[Reply], _T]
    account: str | None = None
    pages: int | None = None
    cursor: str | None = None
    glance: Callable[[Reply], bool] | None = None
    may_be_empty: bool = False

    async def outcome(
        self, answer: Answer, seen: RateLimit | None, told: float | None, token: Secret | None
    ) -> _T | FailedTry:
        """Give what was read from an answer, or the error it comes to; neither shows the token."""
        if 300 <= answer.status < 400:
            return FailedTry(_redirected(answer))
        if not 200 <= answer.status < 300:
            return FailedTry(service_error(answer.status, answer.content), told)
        reply = Reply(answer.content, answer.headers.get("content-type", ""), answer.status, seen)
        if not (answer.content.strip() or self.may_be_empty or is_lines(reply.content_type)):
            return FailedTry(_empty(answer))
        if self.glance is not None and self.glance(reply):
            for _ in range(_TURNS_TO_LEAVE):
                await asyncio.sleep(0)
        try:
            return self.read(reply)
        except UsageError as problem:
            error = problem.with_traceback(None)
        if token is not None and token.is_in(answer.content):
            error = ProtocolError("the answer repeats the token, so it is not shown", retryable=error.retryable)
        return FailedTry(error)


def read_json(reply: Reply) -> Reply:
    """Give the reply back once its body is known to be whole JSON."""
    check_json(reply.content)
    return reply


def given_up(error: UsageError, fetch: Fetch[Any], tries: int, told: float | None) -> UsageError:
    """Make the error that the caller sees: what happened, how often it was tried, what was had, how to go on.

    `told` are the seconds that the answer asked to wait, when that was too long to wait.
    """
    said = [error.message]
    if fetch.account is not None and isinstance(error, ProtocolError | InputError):
        said = [f"account {fetch.account!r}: {error.message}"]
    if told is not None:
        said.append(f"it asks to wait {told:,.0f} seconds, which is longer than is waited for")
    if tries > 1:
        said.append(f"tried {tries} times")
    if fetch.pages is not None and (fetch.pages or tries > 1):
        said.append(_how_to_go_on(fetch.pages, fetch.cursor))
    details = {"cursor": fetch.cursor, "tries": tries} if error.details is None else error.details
    return type(error)(
        "; ".join(said),
        status=error.status,
        retryable=error.retryable,
        is_remote=error.is_remote,
        raw_response=error.raw_response,
        details=details,
        pages=fetch.pages,
    )


def _how_to_go_on(pages: int, cursor: str | None) -> str:
    had = "no page was" if pages == 0 else "1 page was" if pages == 1 else f"{pages:,} pages were"
    if cursor is None:
        return f"{had} had; ask again later"
    return f"{had} had; to go on from there, ask with cursor={cut(repr(cursor))}"


def _empty(answer: Answer) -> ProtocolError:
    return ProtocolError(
        f"the service answered {answer.status} without a body, where an object with 'result' was expected; "
        "ask again later; if it stays so, report it to Truto",
        status=answer.status,
    )


def _redirected(answer: Answer) -> ProtocolError:
    to = "another place"
    with suppress(ValueError):  # no address at all
        where = urlsplit(answer.headers.get("location", ""))
        to = f"{where.scheme}://{where.hostname}" if where.hostname else to
    return ProtocolError(
        f"the service answered {answer.status} and points to {cut(one_line(to), 300)}; a token is not carried along a "
        "redirect: if that is where the service lives, pass it as base_url",
        status=answer.status,
    )


_SendOut = Callable[[PageRequest, Callable[[Reply], bool]], Coroutine[Any, Any, Page]]


class Prefetch:
    """Fetch one page, and send out for the one after it as soon as this one's bytes are here.

    The page after it is asked for on a hint, before this page is read; whoever drives the walk takes it over only if
    the walk asks for the very same. While the caller is busy elsewhere (`wanted` is False), nothing is sent out.
    """

    def __init__(self, fetch: _SendOut, request: PageRequest) -> None:
        self.request = request
        self.wanted = False
        self._fetch = fetch
        self._early: Prefetch | None = None
        self._task = asyncio.create_task(fetch(request, self._glance))

    async def page(self) -> Page:
        """Wait for the page."""
        self.wanted = True
        return await self._task

    async def next(self, request: PageRequest | None) -> Prefetch | None:
        """Give the prefetch of `request`: the one sent out early if it is that, else a new one."""
        early, self._early = self._early, None
        if early is not None and early.request == request:
            return early
        if early is not None:
            await early.call_off()
        return None if request is None else Prefetch(self._fetch, request)

    async def call_off(self) -> None:
        """End what is under way, and wait until it has ended."""
        for each in (self, self._early):
            if each is not None:
                each._task.cancel()
                await asyncio.wait([each._task])
                _take_note(each._task)

    def _glance(self, reply: Reply) -> bool:
        """Send out for the next page if the tail of this one hints at it; says whether something left."""
        if not self.wanted or self._early is not None or self.request.keep is not None:
            return False
        cursor = hinted_cursor(reply.content)
        if cursor is None:
            return False
        self._early = Prefetch(self._fetch, after(self.request, cursor))
        return True


def following(walking: Generator[PageRequest, Page, None], page: Page) -> PageRequest | None:
    """Send a page into a walk; gives the next request, None at the end."""
    try:
        return walking.send(page)
    except StopIteration:
        return None


def _take_note(task: asyncio.Task[Page]) -> None:
    """Look at an error that nobody waits for any more, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()
