"""Run planned queries side by side, pages parsed in threads, a few megabytes at once, while the next ones travel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from truto_usage_nb.errors import UsageError
from truto_usage_nb.frames import BATCH_BYTES, ParsedPage, parse_pages
from truto_usage_nb.jobs import Job, Show, Tally
from truto_usage_nb.paging import Page
from truto_usage_nb.transport import Transport

__all__ = ["Outcome", "run"]

_PARSERS = 4  # threads: parsing leaves the interpreter's lock most of the time
_SMALL_BYTES = 100_000


@dataclass(slots=True)
class Outcome:
    """Hold what came of a job: its records in the order served, and in how many pages, or the error that ended it."""

    job: Job
    parsed: list[ParsedPage] = field(default_factory=list)
    pages: int = 0
    partial: bool = False
    debug: list[Any] = field(default_factory=list)
    error: UsageError | None = None


async def run(
    transport: Transport, jobs: Sequence[Job], *, records_per_page: int | None, show: Show, stop_at_first: bool
) -> list[Outcome]:
    """Run all jobs side by side; outcomes come back in the order of the jobs, whatever arrived first.

    An error ends its own job. With `stop_at_first` it ends the others too. Cancelling this coroutine cancels every
    request on its way.
    """
    outcomes = [Outcome(job) for job in jobs]
    tally = Tally(len(jobs), show)
    with ThreadPoolExecutor(_PARSERS, thread_name_prefix="truto-parse") as parsers:
        tasks = [
            asyncio.ensure_future(_run_one(transport, outcome, records_per_page, tally, parsers))
            for outcome in outcomes
        ]
        try:
            await _all(tasks, outcomes, stop_at_first)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return outcomes


async def _all(tasks: Sequence[asyncio.Future[None]], outcomes: list[Outcome], stop_at_first: bool) -> None:
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if stop_at_first and any(outcome.error is not None for outcome in outcomes):
            return


async def _run_one(
    transport: Transport,
    outcome: Outcome,
    records_per_page: int | None,
    tally: Tally,
    parsers: ThreadPoolExecutor,
) -> None:
    job = outcome.job
    parsing: list[asyncio.Future[list[ParsedPage]]] = []
    held: list[Page] = []
    try:
        async for page in transport.pages(job.query, records_per_page=records_per_page):
            tally.page_done(job.label, page.records)
            outcome.pages += 1
            outcome.partial = outcome.partial or page.is_partial
            if page.debug is not None:
                outcome.debug.append(page.debug)
            held.append(page)
            if sum(len(each.content) for each in held) >= BATCH_BYTES:
                parsing.append(asyncio.ensure_future(_parse(held, job, parsers)))
                held = []
        parsing.append(asyncio.ensure_future(_parse(held, job, parsers)))
        outcome.parsed = [parsed for some in await asyncio.gather(*parsing) for parsed in some]
    except UsageError as error:
        outcome.error = error
    finally:
        for one in parsing:
            one.cancel()
        await asyncio.gather(*parsing, return_exceptions=True)
    tally.query_done(job.label)


async def _parse(pages: Sequence[Page], job: Job, parsers: ThreadPoolExecutor) -> list[ParsedPage]:
    bodies = [page.content for page in pages]
    if sum(map(len, bodies)) < _SMALL_BYTES:
        return parse_pages(bodies, job.source, job.layout)  # done sooner than a thread would have begun
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(parsers, parse_pages, bodies, job.source, job.layout)
