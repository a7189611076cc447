"""One window, page by page: each page is committed before the next one is taken, and an expired cursor starts anew."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache, partial

import polars as pl

from truto_usage_nb.dataset.answers import reach
from truto_usage_nb.dataset.staging import Begun, Columns, Mark
from truto_usage_nb.dataset.store import Store
from truto_usage_nb.dataset.views import Task
from truto_usage_nb.errors import CursorExpiredError, InvalidRequestError, NotFoundError, UsageError
from truto_usage_nb.frames import Layout, build_frame, parse_page, types_of
from truto_usage_nb.jobs import Tally
from truto_usage_nb.paging import Page
from truto_usage_nb.transport import Transport

__all__ = ["Walker"]

_RESTARTS = 2
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
        loop = asyncio.get_running_loop()
        errand = begun.errand
        pages = self.transport.pages(task.job.query, records_per_page=errand.records_per_page, cursor=begun.cursor)
        async with aclosing(pages):
            async for page in pages:
                await loop.run_in_executor(self.threads, partial(commit, self.store, task, begun, page))
                self.tally.page_done(task.view.label, page.records)


def _may_restart(error: UsageError, begun: Begun, resumed_at: str | None) -> bool:
    """Tell an expired cursor from a refusal of the query itself: that one comes without any cursor as well."""
    if isinstance(error, CursorExpiredError):
        return begun.cursor is not None
    return resumed_at is not None and begun.cursor == resumed_at


def commit(store: Store, task: Task, begun: Begun, page: Page) -> None:
    """Read a page and commit its records with the cursor."""
    parsed = parse_page(page.content, task.job.source, task.job.layout)
    built = build_frame([parsed], task.job.layout, store.register)
    types = types_of(built.frame, standard_types(task.job.layout))
    known = store.register.names()
    names = {path: name for path, name in known.items() if name in types}
    number = len(begun.pages) + 1
    mark = Mark(number, begun.cursor, page.next_cursor, page.is_partial, built.notes)
    store.stage(begun, mark, built.frame, Columns(types, names), reach(built.frame, task.errand.window))


@cache
def standard_types(layout: Layout) -> dict[str, pl.DataType]:
    """Give the columns that every frame of a layout has."""
    return dict(build_frame([], layout).frame.schema)
