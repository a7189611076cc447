"""Run planned queries side by side, pages parsed in threads, a megabyte at once, while the next ones travel."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from truto_usage_nb.envelope import read_envelope
from truto_usage_nb.errors import ConnectionFailedError, ProtocolError, UsageError
from truto_usage_nb.frames import BATCH_BYTES, ParsedPage, parse_pages
from truto_usage_nb.jobs import Job, Show, Tally
from truto_usage_nb.paging import LONG_PAGE_BYTES, Page
from truto_usage_nb.transport import Transport

__all__ = ["Outcome", "run"]

_PARSERS = min(4, os.cpu_count() or 1)  # threads: parsing leaves the interpreter's lock most of the time


@dataclass(slots=True)
class Outcome:
    """Hold what came of a job: its records in the order served, and in how many pages, or the error that ended it."""

    job: Job
    parsed: list[ParsedPage] = field(default_factory=list)
    pages: int = 0
    partial: bool = False
    debug: list[Any] = field(default_factory=list)
    error: UsageError | None = None


Plan = Callable[[], Awaitable[Sequence[Job]]]


async def run(
    transport: Transport, accounts: Sequence[Plan], *, records_per_page: int | None, show: Show, stop_at_first: bool
) -> list[Outcome]:
    """Run the jobs of each account as soon as they are planned, beside all others.

    Outcomes come back in the order of the accounts and their jobs, whatever arrived first. An error ends its own job,
    with `stop_at_first` the account's others too; an error of planning ends all. Cancelling this coroutine cancels
    every request on its way.
    """
    outcomes: list[list[Outcome]] = [[] for _ in accounts]
    tally = Tally(len(accounts), show)
    with ThreadPoolExecutor(_PARSERS, thread_name_prefix="truto-parse") as parsers:

        async def run_account(number: int, plan: Plan) -> None:
            outcomes[number] += [Outcome(job) for job in await plan()]
            tally.more_queries(len(outcomes[number]) - 1)
            jobs = (_run_one(transport, one, records_per_page, tally, parsers) for one in outcomes[number])
            async with _side_by_side(jobs) as tasks:
                for task in asyncio.as_completed(tasks):
                    await task
                    if stop_at_first and any(one.error is not None for one in outcomes[number]):
                        return

        async with _side_by_side(run_account(*each) for each in enumerate(accounts)) as tasks:
            await asyncio.gather(*tasks)
    return [one for some in outcomes for one in some]


@asynccontextmanager
async def _side_by_side(work: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Begin all of it; whatever is not done when the block is left is cancelled, and waited for."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run_one(
    transport: Transport,
    outcome: Outcome,
    records_per_page: int | None,
    tally: Tally,
    parsers: ThreadPoolExecutor,
) -> None:
    job = outcome.job
    reader = _Reader(transport, job, records_per_page, tally, parsers)
    parsing: list[asyncio.Future[list[ParsedPage]]] = []
    held, size = list[Page](), 0
    walk = transport.pages(job.query, records_per_page=records_per_page, unread_from=LONG_PAGE_BYTES)
    try:
        async for page in walk:
            tally.page_done(job.label, page.records)
            outcome.pages += 1
            outcome.partial = outcome.partial or page.is_partial
            if page.debug is not None:
                outcome.debug.append(page.debug)
            held.append(page)
            size += len(page.content)
            if size >= BATCH_BYTES:
                parsing.append(asyncio.ensure_future(reader.read(held)))
                held, size = [], 0
        parsing.append(asyncio.ensure_future(reader.read(held)))
        outcome.parsed = [parsed for some in await asyncio.gather(*parsing) for parsed in some]
    except UsageError as error:
        outcome.error = error
    finally:
        await walk.aclose()
        for one in parsing:
            one.cancel()
        await asyncio.gather(*parsing, return_exceptions=True)
    tally.query_done(job.label)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Read the pages of a job, and have those asked for anew that turn out to be none."""

    transport: Transport
    job: Job
    records_per_page: int | None
    tally: Tally
    parsers: ThreadPoolExecutor

    async def read(self, pages: Sequence[Page]) -> list[ParsedPage]:
        try:
            parsed = await self._parse(pages)
        except (ProtocolError, ConnectionFailedError):
            if not any(page.is_unread for page in pages):
                raise
            again = partial(self.transport.page_again, self.job.query, records_per_page=self.records_per_page)
            parsed = await self._parse([await again(page) for page in pages])
        if any(page.is_unread for page in pages):
            known = sum(page.records for page in pages)
            self.tally.records_read(self.job.label, sum(each.height for each in parsed) - known)
        return parsed

    async def _parse(self, pages: Sequence[Page]) -> list[ParsedPage]:
        bodies, source, layout = [page.content for page in pages], self.job.source, self.job.layout
        if sum(map(len, bodies)) < LONG_PAGE_BYTES:
            return parse_pages(bodies, source, layout)  # done sooner than a thread would have begun
        read = partial(parse_pages, bodies, source, layout, check=read_envelope)
        return await asyncio.get_running_loop().run_in_executor(self.parsers, read)
