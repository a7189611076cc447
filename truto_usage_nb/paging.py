"""The walk over a query's pages: a generator of requests that is sent pages. No I/O.

    walking = walk(query)
    request = next(walking)                    # the first request
    request = walking.send(page)               # the next one, or StopIteration at the end

Whoever drives it decides how a request travels. The walk knows cursors and the cap on records, and nothing else.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from truto_usage_nb.envelope import glanced_envelope, read_envelope
from truto_usage_nb.errors import CursorLoopError, ProtocolError
from truto_usage_nb.outside import cut
from truto_usage_nb.query import UsageQuery

__all__ = ["LONG_PAGE_BYTES", "MAX_PAGES", "USAGE_PATH", "Page", "PageRequest", "after", "read_page", "walk"]

LONG_PAGE_BYTES = 100_000
"""A page of so many bytes is worth a thread, and a second look at all of it worth sparing."""
USAGE_PATH = "/unified/usage-metering/usage"
"""Where the endpoint lies under the service's URL."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Ask for one page.

    `number` counts from 1 in this walk; `cursor` is the bookmark asked with (None on a first page); `keep` is how many
    more records the query's cap lets in (None: all); `stream` says that lines were asked for.
    """

    path: str
    params: tuple[tuple[str, str], ...]
    number: int
    cursor: str | None = None
    keep: int | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Hold one answer: its bytes, unparsed, and the small facts of its envelope.

    `records` is how many it holds, `keep` how many of them, from the first on, lie within the query's cap;
    `result_count` is what the service states (None: nothing). `cursor` is what was asked with, `next_cursor` what the
    next page is asked with (None: this is the last). `is_unread` says that only its end was looked at: `records` and
    `keep` are 0, and whether it is a whole page says whoever reads its records.
    """

    content: bytes
    number: int
    cursor: str | None
    next_cursor: str | None
    is_partial: bool
    result_count: int | None
    records: int
    keep: int
    debug: dict[str, Any] | None
    content_type: str
    is_unread: bool = False

    def __repr__(self) -> str:
        return f"Page(number={self.number}, records={self.records}, next_cursor={self.next_cursor!r})"


def read_page(request: PageRequest, content: bytes, content_type: str = "", *, unread_from: int | None = None) -> Page:
    """Make a page of an answer's body; the records of one of `unread_from` bytes or more are left to who needs them.

    Raises `ConnectionFailedError` for a body that ends early, `ProtocolError` for one that is not a page.

    >>> from truto_usage_nb.query import UsageQuery
    >>> request = next(walk(UsageQuery(integrated_account_id="cursor")))
    >>> read_page(request, b'{"result": [], "next_cursor": "abc"}')
    Page(number=1, records=0, next_cursor='abc')
    """
    glanced = None
    if unread_from is not None and len(content) >= unread_from and request.keep is None:
        glanced = glanced_envelope(content)
    said = glanced or read_envelope(content, content_type, stream=request.stream)
    return Page(
        content=content,
        number=request.number,
        cursor=request.cursor,
        next_cursor=said.next_cursor,
        is_partial=said.is_partial,
        result_count=said.result_count,
        records=said.records,
        keep=said.records if request.keep is None else min(said.records, request.keep),
        debug=said.debug,
        content_type=content_type,
        is_unread=glanced is not None,
    )


MAX_PAGES = 100_000
"""How many pages one query may have, where a client does not say otherwise."""
EMPTY_PAGES = 1_000
"""How many pages without a record may follow each other: a service that always has one more would be asked for ever."""


def walk(
    query: UsageQuery,
    *,
    records_per_page: int | None = None,
    cursor: str | None = None,
    max_pages: int = MAX_PAGES,
) -> Generator[PageRequest, Page, None]:
    """Yield a query's requests one by one, being sent the page of each; end where the service's cursors end.

    `records_per_page` is the size of page asked for where the query names none. `cursor` starts in the middle, before
    the query's own `cursor`. The query's `limit` caps the records of the whole walk, unless `truto_ignore_limit`.
    An empty page with a cursor goes on, up to `EMPTY_PAGES` in a row; a cursor that comes a second time is a
    `CursorLoopError`, and one that leads beyond `max_pages` a `ProtocolError`.

    >>> walking = walk(UsageQuery(integrated_account_id="cursor"), records_per_page=100)
    >>> first = next(walking); first.params
    (('integrated_account_id', 'cursor'), ('limit', '100'))
    >>> walking.send(read_page(first, b'{"result": [{"id": "1"}], "next_cursor": "abc"}')).params
    (('integrated_account_id', 'cursor'), ('limit', '100'), ('next_cursor', 'abc'))
    """
    request = _first(query, records_per_page, query.cursor if cursor is None else cursor)
    asked: set[str] = set()
    empty = 0
    while request.keep is None or request.keep > 0:
        page = yield request
        if page.next_cursor is None:
            return
        asked.add(page.cursor or "")
        if page.next_cursor in asked:
            raise _loop(page, query.integrated_account_id)
        empty = 0 if page.records else empty + 1
        if empty >= EMPTY_PAGES:
            raise _nothing(page, query.integrated_account_id)
        if page.number >= max_pages:
            raise _endless(page, query.integrated_account_id, max_pages)
        request = after(request, page.next_cursor, had=page.keep)


def after(request: PageRequest, cursor: str, *, had: int = 0) -> PageRequest:
    """Give the request that follows another where the answer's cursor leads; `had` records come off the cap."""
    keep = None if request.keep is None else request.keep - had
    params = _with_cursor(request.params, cursor)
    return replace(request, params=params, number=request.number + 1, cursor=cursor, keep=keep)


def _first(query: UsageQuery, records_per_page: int | None, cursor: str | None) -> PageRequest:
    params = tuple(_first_params(query, records_per_page))
    return PageRequest(
        path=USAGE_PATH,
        params=_with_cursor(params, cursor) if cursor else params,
        number=1,
        cursor=cursor or None,
        keep=None if query.truto_ignore_limit else query.limit,
        stream=query.truto_response_format == "stream",
    )


def _with_cursor(params: tuple[tuple[str, str], ...], cursor: str) -> tuple[tuple[str, str], ...]:
    """Ask with a cursor; a page's number, and the cursor before, would contradict it."""
    return (*(pair for pair in params if pair[0] not in ("cursor", "next_cursor", "page")), ("next_cursor", cursor))


def _first_params(query: UsageQuery, records_per_page: int | None) -> list[tuple[str, str]]:
    """Give the query's parameters with the size of a page: the same on every page, for cursors may depend on it."""
    params = query.to_params()
    if records_per_page is None or query.truto_ignore_limit or query.page_size is not None:
        return params
    size = records_per_page if query.limit is None else min(query.limit, records_per_page)
    return [*(pair for pair in params if pair[0] != "limit"), ("limit", str(size))]


def _whose(account: str | None) -> str:
    return "" if account is None else f" of account {account!r}"


def _nothing(page: Page, account: str | None) -> ProtocolError:
    return ProtocolError(
        f"{EMPTY_PAGES:,} pages in a row{_whose(account)} held no record, and each pointed to another, up to "
        f"page {page.number}: the service would go on for ever. Ask for a shorter period, and report it to Truto",
        pages=page.number,
    )


def _endless(page: Page, account: str | None, most: int) -> ProtocolError:
    return ProtocolError(
        f"page {page.number:,}{_whose(account)} points to another, and a query may have max_pages={most:,}: ask for a "
        f"shorter period or larger pages (records_per_page=), or allow more: Client(max_pages=…)",
        pages=page.number,
    )


def _loop(page: Page, account: str | None) -> CursorLoopError:
    return CursorLoopError(
        f"page {page.number}{_whose(account)} points to the cursor {cut(repr(page.next_cursor))}, which was asked for "
        f"before: the service would go in circles. {page.number} pages were had; ask again, or for a shorter period",
        pages=page.number,
        details={"cursor": page.next_cursor},
    )
