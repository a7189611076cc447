"""A scan from end to end: what is due is fetched side by side, and what is there is looked at."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path as File
from typing import Any

import polars as pl

from truto_usage_nb.dataset.checks import check_place
from truto_usage_nb.dataset.disk import Disk, locked
from truto_usage_nb.dataset.staging import Begun
from truto_usage_nb.dataset.store import Store
from truto_usage_nb.dataset.viewing import view
from truto_usage_nb.dataset.views import Task, View, tasks_of, views_in, views_of
from truto_usage_nb.dataset.walking import Walker, standard_types
from truto_usage_nb.errors import PeriodError, UsageError, WriteError, tell
from truto_usage_nb.frames import Types, merged, told_once
from truto_usage_nb.jobs import (
    PARTIAL,
    Integrations,
    Job,
    Show,
    Tally,
    asked,
    check_on_error,
    check_overhang,
    gaps,
    lost_jobs,
    make_jobs,
    progress_shown,
    raise_unless_told,
)
from truto_usage_nb.planning import Period
from truto_usage_nb.transport import Transport
from truto_usage_nb.writing import telling

__all__ = ["Scanner"]

_THREADS = min(4, os.cpu_count() or 1)
_SHARE = 20  # windows are published together once they are a twentieth of those held: the journal is written less often


@dataclass(slots=True)
class Outcome:
    """Hold what came of a window."""

    job: Job
    error: UsageError | None = None


@dataclass(slots=True)
class Scanner:
    """Hold what every scan of a client shares: the way in, the clock, the integrations looked up so far, the disk."""

    transport: Transport
    now: Callable[[], datetime]
    integrations: Integrations
    records_per_page: int | None = None
    disk: Disk = field(default_factory=Disk)

    async def scan(
        self,
        what: Any,
        directory: str | File,
        *,
        period: Any = None,
        integration: Any = None,
        on_error: str = "raise",
        overhang: str | None = None,
        users: bool = False,
        progress: bool | Show | None = None,
        **parameters: Any,
    ) -> pl.LazyFrame:
        """Bring a directory up to date and look at it; see `truto_usage_nb.scan_usage` for the words."""
        check_on_error(on_error)
        check_overhang(overhang)
        if period is None:
            raise PeriodError("a scan needs a period, such as period='2026-10': the directory is kept by month")
        asking = asked(what, parameters)
        span, now = Period.parse(period), self.now().replace(microsecond=0)  # a window ends on a second
        where = File(directory)
        check_place(where)
        names = (each.query.integrated_account_id for each in asking)
        behind, failed = await self.integrations.behind(names, integration, needed=True)
        kept, unknown = lost_jobs(asking, failed)
        lost = [Outcome(job, error) for job, error in unknown]
        if not kept:
            raise_unless_told(lost, None, on_error)
        views = views_of(kept, behind, users=users)
        _, told, _ = make_jobs(kept, behind, span, now, users=users)
        stops = on_error == "raise" and len(asking) == 1
        call = _Call(self, where, views, span, now, on_error=on_error, stops=stops, lost=lost)
        with progress_shown(progress) as show:
            frame, more = await call.run(show, overhang)
        for text in (*told, *more):
            tell(text, stacklevel=2)
        return frame


@dataclass(slots=True)
class _Call:
    """Hold one call while it runs."""

    scanner: Scanner
    where: File
    views: Sequence[View]
    span: Period
    now: datetime
    on_error: str
    stops: bool
    lost: list[Outcome]
    ready: list[_Ready] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    partial: dict[str, None] = field(default_factory=dict)

    async def run(self, show: Show, overhang: str | None) -> tuple[pl.LazyFrame, list[str]]:
        """Fetch what is due under the directory's lock; gives the frame, and what the user must be told."""
        with telling(self.where):
            File(os.path.realpath(self.where)).mkdir(parents=True, exist_ok=True)
        with locked(self.where / "lock", self.where), ThreadPoolExecutor(_THREADS, "truto-scan") as threads:
            in_thread = partial(asyncio.get_running_loop().run_in_executor, threads)
            store = await in_thread(Store, self.where, self._standard(), self.scanner.disk)
            self.views = views_in(store, self.views)
            store.start()
            tasks = self._tasks(store)
            tally = Tally(len(tasks), show)
            walker = Walker(self.scanner.transport, store, tally, threads)
            outcomes = self._nothing_due(tasks) + await self._all(tasks, walker, tally) + self.lost
            await in_thread(self._publish, store, self._all_ready())
            outcomes += await in_thread(self._settle, store)
            missing = gaps(outcomes)
            seen = await in_thread(self._view, store, overhang)
            raise_unless_told(outcomes, seen.frame, self.on_error)
            store.finish()
        told = [*told_once(self.notes), *seen.told, *(PARTIAL.format(label) for label in self.partial), *missing]
        return seen.frame, told

    def _standard(self) -> Types:
        made: Types = {}
        for each in self.views:
            made = merged(made, standard_types(each.job().layout))
        return made

    def _nothing_due(self, tasks: Sequence[Task]) -> list[Outcome]:
        """Count the views that are there already among what succeeded."""
        due = {task.view.name for task in tasks}
        return [Outcome(each.job()) for each in self.views if each.name not in due]

    def _tasks(self, store: Store) -> list[Task]:
        per_page = self.scanner.records_per_page
        return [task for each in self.views for task in tasks_of(each, self.span, self.now, store, per_page)]

    def _view(self, store: Store, overhang: str | None) -> Any:
        names = [each.name for each in self.views]
        return view(store.journal, self.where, names, self.span, overhang)

    async def _all(self, tasks: list[Task], walker: Walker, tally: Tally) -> list[Outcome]:
        """Run the windows side by side, as many at once as requests may be under way."""
        queue, outcomes = _Queue(tasks), [Outcome(task.job) for task in tasks]
        publishing = asyncio.Lock()

        async def work() -> None:
            while (taken := queue.take()) is not None:
                number, task = taken
                try:
                    await self._one(task, outcomes[number], walker, publishing)
                except UsageError as error:
                    outcomes[number].error = error
                finally:
                    queue.done(task)
                    tally.query_done(task.view.label)
                if self.stops and (failed := [each.error for each in outcomes if each.error is not None]):
                    queue.empty()
                    raise failed[0]

        workers = [asyncio.ensure_future(work()) for _ in range(min(self.scanner.transport.concurrency, len(tasks)))]
        try:
            await asyncio.gather(*workers)
        except UsageError:
            pass  # it stands in its outcome
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return outcomes

    async def _one(self, task: Task, outcome: Outcome, walker: Walker, publishing: asyncio.Lock) -> None:
        begun, store = await walker.walk(task), walker.store
        notes = tuple(note for page in begun.pages for note in page.mark.notes)
        self.ready.append(_Ready(task.view.label, begun, outcome, notes, begun.partial))
        async with publishing:
            if self.ready and len(self.ready) * _SHARE >= len(store.journal.windows):
                in_thread = asyncio.get_running_loop().run_in_executor
                await in_thread(walker.threads, self._publish, store, self._all_ready())

    def _settle(self, store: Store) -> list[Outcome]:
        """Settle what windows share; where the disk refuses, that is told: a look at the dataset settles it anyway."""
        try:
            store.settle()
        except WriteError as problem:
            return [Outcome(self.views[0].job(), problem)]
        return []

    def _all_ready(self) -> list[_Ready]:
        ready, self.ready = self.ready, []
        return ready

    def _publish(self, store: Store, ready: Sequence[_Ready]) -> None:
        """Publish whole windows together; one that cannot be fails alone, and what was noted of it is not told."""
        failed = store.publish([each.begun for each in ready])
        for each in ready:
            each.outcome.error = failed.get(each.begun.folder.name)
            if each.outcome.error is None:
                self.notes |= dict.fromkeys(each.notes)
                self.partial |= {each.label: None} if each.partial else {}


@dataclass(frozen=True, slots=True)
class _Ready:
    """Hold a window that is whole, and what there is to tell of it once it is published."""

    label: str
    begun: Begun
    outcome: Outcome
    notes: tuple[str, ...]
    partial: bool


class _Queue:
    """Hand out windows so that accounts are asked side by side: the next is of the one with the fewest under way."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._waiting: dict[str | None, list[tuple[int, Task]]] = {}
        for number, task in reversed(list(enumerate(tasks))):
            self._waiting.setdefault(task.errand.account, []).append((number, task))
        self._under_way: Counter[str | None] = Counter()

    def take(self) -> tuple[int, Task] | None:
        waiting = [account for account, tasks in self._waiting.items() if tasks]
        if not waiting:
            return None
        account = min(reversed(waiting), key=lambda each: self._under_way[each])
        self._under_way[account] += 1
        return self._waiting[account].pop()

    def done(self, task: Task) -> None:
        self._under_way[task.errand.account] -= 1

    def empty(self) -> None:
        self._waiting = {}
