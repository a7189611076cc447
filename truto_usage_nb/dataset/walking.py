"""One window, page by page: each is committed as it comes, and an expired cursor starts anew.

While a commit is at work the next pages travel, and what has come by its end is committed together: a service that is
slower than the disk has each page committed alone, one that is faster has many read, written and told at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache, partial

import polars as pl

from truto_usage_nb.dataset.answers import reach
from truto_usage_nb.dataset.staging import Begun, Columns, Mark
from truto_usage_nb.dataset.store import Store
from truto_usage_nb.dataset.views import Task
from truto_usage_nb.envelope import read_envelope
from truto_usage_nb.errors import (
    ConnectionFailedError,
    CursorExpiredError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
    UsageError,
)
from truto_usage_nb.frames import BATCH_BYTES, Layout, build_frame, parse_pages, types_of
from truto_usage_nb.jobs import Tally
from truto_usage_nb.paging import LONG_PAGE_BYTES, Page
from truto_usage_nb.transport import Transport

__all__ = ["Walker"]

_RESTARTS = 2
_WORTH_BYTES = 16_384
_EXPIRED = (CursorExpiredError, InvalidRequestError, NotFoundError)  # 410, and what services say instead of it


@dataclass(slots=True)
class Walker:
    """Hold what walking needs: the way out, the way down, and threads for the work between."""

    transport: Transport
    store: Store
    tally: Tally
    threads: ThreadPoolExecutor

    async def walk(self, task: Task) -> Begun:
        """Fetch what is left of a window; gives it whole."""
        begun = self.store.begin(task.errand) if task.begun is None else task.begun
        restarts = 0
        while not begun.is_whole:
            resumed_at = begun.cursor
            try:
                await self._go_on(task, begun)
            except _EXPIRED as error:
                if not _may_restart(error, begun, resumed_at) or restarts == _RESTARTS:
                    raise
                restarts += 1
                self.store.drop(begun)
                begun = self.store.begin(task.errand)
        return begun

    async def _go_on(self, task: Task, begun: Begun) -> None:
        size = begun.errand.records_per_page
        pages = self.transport.pages(
            task.job.query, records_per_page=size, cursor=begun.cursor, unread_from=LONG_PAGE_BYTES
        )
        held, committing = list[Page](), None
        try:
            async with aclosing(pages):
                async for page in pages:
                    held.append(page)
                    if committing is not None and (committing.done() or not _may_wait(held)):
                        await committing
                        committing = None
                    if committing is None:
                        committing, held = asyncio.ensure_future(self._commit(task, begun, held)), []
        except UsageError:
            await self._end(task, begun, committing, held)  # what was had before is kept: the next call goes on there
            raise
        except asyncio.CancelledError:
            if committing is not None:
                await asyncio.wait([committing])
            raise
        await self._end(task, begun, committing, held)

    async def _end(
        self, task: Task, begun: Begun, committing: asyncio.Future[None] | None, held: Sequence[Page]
    ) -> None:
        if committing is not None:
            await committing
        if held:
            await self._commit(task, begun, held)

    async def _commit(self, task: Task, begun: Begun, pages: Sequence[Page]) -> None:
        """Commit pages in a thread; those that were handed on unread and are none are asked for anew."""
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self.threads)
        try:
            records = await in_thread(commit, self.store, task, begun, pages)
        except (ProtocolError, ConnectionFailedError):
            if not any(page.is_unread for page in pages):
                raise
            size = begun.errand.records_per_page
            again = partial(self.transport.page_again, task.job.query, records_per_page=size)
            pages = [await again(page) for page in pages]
            records = await in_thread(commit, self.store, task, begun, pages)
        for _ in pages[1:]:
            self.tally.page_done(task.view.label, 0)
        self.tally.page_done(task.view.label, records)


def _may_restart(error: UsageError, begun: Begun, resumed_at: str | None) -> bool:
    """Tell an expired cursor from a refusal of the query itself: that one comes without any cursor as well."""
    if isinstance(error, CursorExpiredError):
        return begun.cursor is not None
    return resumed_at is not None and begun.cursor == resumed_at


def _may_wait(held: Sequence[Page]) -> bool:
    """Tell whether pages may wait for one another: short ones are committed alone, for little is won."""
    sizes = [len(page.content) for page in held]
    return min(sizes) >= _WORTH_BYTES and sum(sizes) < 4 * BATCH_BYTES


def commit(store: Store, task: Task, begun: Begun, pages: Sequence[Page]) -> int:
    """Read pages and commit their records with the last one's cursor; gives how many."""
    bodies = [page.content for page in pages]
    check = read_envelope if any(page.is_unread for page in pages) else None
    parsed = parse_pages(bodies, task.job.source, task.job.layout, check=check)
    built = build_frame(parsed, task.job.layout, store.register)
    types = types_of(built.frame, standard_types(task.job.layout))
    known = store.register.names()
    names = {path: name for path, name in known.items() if name in types}
    number = len(begun.pages) + 1
    is_partial = any(page.is_partial for page in pages)
    mark = Mark(number, begun.cursor, pages[-1].next_cursor, is_partial, built.notes, len(pages))
    store.stage(begun, mark, built.frame, Columns(types, names), reach(built.frame, task.errand.window))
    return built.frame.height


@cache
def standard_types(layout: Layout) -> dict[str, pl.DataType]:
    """Give the columns that every frame of a layout has."""
    return dict(build_frame([], layout).frame.schema)
