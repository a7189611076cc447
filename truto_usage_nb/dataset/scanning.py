"""A scan from end to end: what is due is fetched side by side, page by page, and what is there is looked at.

Each page is committed as it comes, and an expired cursor starts anew. While a commit is at work the next pages travel,
and what has come by its end is committed together: a service that is slower than the disk has each page committed
alone, one that is faster has many read, written and told at once.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from truto_usage_nb.dataset.files import Disk, locked
from truto_usage_nb.dataset.staging import Begun, Mark, PageColumns, WindowTask
from truto_usage_nb.dataset.store import Store, check_place
from truto_usage_nb.dataset.viewing import dataset_view
from truto_usage_nb.dataset.windows import is_current, overlaps, reach_of, to_fetch
from truto_usage_nb.envelope import read_envelope
from truto_usage_nb.errors import (
    ConnectionFailedError,
    CursorExpiredError,
    InvalidRequestError,
    NotFoundError,
    PeriodError,
    ProtocolError,
    QueryError,
    UsageError,
    WriteError,
    tell,
)
from truto_usage_nb.frames import BATCH_BYTES, Layout, Types, build_frame, merged, parse_pages, told_once, types_of
from truto_usage_nb.integrations import Integration
from truto_usage_nb.jobs import (
    PARTIAL,
    Integrations,
    Job,
    LabelledQuery,
    ProgressTally,
    Show,
    check_on_error,
    check_overhang,
    gaps,
    labelled_queries,
    lost_jobs,
    make_job,
    plan_jobs,
    progress_shown,
    raise_unless_told,
    together,
    unheard,
)
from truto_usage_nb.paging import LONG_PAGE_BYTES, Page
from truto_usage_nb.planning import Period, PlannedQuery, by_day, plan, views
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.transport import Transport
from truto_usage_nb.writing import telling

_THREADS = min(4, os.cpu_count() or 1)
_SHARE = 20  # windows are published together once they are a twentieth of those held: the journal is written less often


@dataclass(slots=True)
class WindowOutcome:
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
        directory: str | Path,
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
        asking = labelled_queries(what, parameters)
        now = self.now().replace(microsecond=0)  # a window ends on a second
        span = Period.parse(period, now=now)
        where = Path(directory)
        check_place(where)
        names = (each.query.integrated_account_id for each in asking)
        behind, failed = await self.integrations.behind(names, integration, needed=True)
        kept, unknown = lost_jobs(asking, failed)
        lost = [WindowOutcome(job, error) for job, error in unknown]
        if not kept:
            raise_unless_told(lost, None, on_error)
        views = views_of(kept, behind, users=users)
        planned = [plan_jobs(each, behind[each.query.integrated_account_id], span, now, users=users) for each in kept]
        told = (*unheard(kept, behind, users=users), *together(planned)[0])
        stops = on_error == "raise" and len(asking) == 1
        call = _Call(self, where, views, span, now, on_error=on_error, stops=stops, lost=lost)
        with progress_shown(progress) as show:
            frame, more = await call.run(show, overhang)
        for text in (*told, *more):
            tell(text)
        return frame


@dataclass(slots=True)
class _Call:
    """Hold one call while it runs."""

    scanner: Scanner
    where: Path
    views: Sequence[AskedView]
    span: Period
    now: datetime
    on_error: str
    stops: bool
    lost: list[WindowOutcome]
    ready: list[_Ready] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    partial: dict[str, None] = field(default_factory=dict)

    async def run(self, show: Show, overhang: str | None) -> tuple[pl.LazyFrame, list[str]]:
        """Fetch what is due under the directory's lock; gives the frame, and what the user must be told."""
        with telling(self.where):
            Path(os.path.realpath(self.where)).mkdir(parents=True, exist_ok=True)
        with locked(self.where / "lock", self.where), ThreadPoolExecutor(_THREADS, "truto-scan") as threads:
            in_thread = partial(asyncio.get_running_loop().run_in_executor, threads)
            store = await in_thread(Store, self.where, self._standard(), self.scanner.disk)
            self.views = views_in(store, self.views)
            store.start()
            tasks = self._tasks(store)
            tally = ProgressTally(len(tasks), show)
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

    def _nothing_due(self, tasks: Sequence[DueWindow]) -> list[WindowOutcome]:
        """Count the views that are there already among what succeeded."""
        due = {each.view.name for each in tasks}
        return [WindowOutcome(each.job()) for each in self.views if each.name not in due]

    def _tasks(self, store: Store) -> list[DueWindow]:
        per_page = self.scanner.records_per_page
        return [due for each in self.views for due in tasks_of(each, self.span, self.now, store, per_page)]

    def _view(self, store: Store, overhang: str | None) -> Any:
        names = [each.name for each in self.views]
        return dataset_view(store.journal, self.where, names, self.span, overhang)

    async def _all(self, tasks: list[DueWindow], walker: Walker, tally: ProgressTally) -> list[WindowOutcome]:
        """Run the windows side by side, as many at once as requests may be under way."""
        queue, outcomes = _Queue(tasks), [WindowOutcome(due.job) for due in tasks]
        publishing = asyncio.Lock()

        async def work() -> None:
            while (taken := queue.take()) is not None:
                number, due = taken
                try:
                    await self._one(due, outcomes[number], walker, publishing)
                except UsageError as error:
                    outcomes[number].error = error
                finally:
                    queue.done(due)
                    tally.query_done(due.view.label)
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

    async def _one(self, due: DueWindow, outcome: WindowOutcome, walker: Walker, publishing: asyncio.Lock) -> None:
        begun, store = await walker.walk(due), walker.store
        notes = tuple(note for page in begun.pages for note in page.mark.notes)
        self.ready.append(_Ready(due.view.label, begun, outcome, notes, begun.partial))
        async with publishing:
            if self.ready and len(self.ready) * _SHARE >= len(store.journal.windows):
                in_thread = asyncio.get_running_loop().run_in_executor
                await in_thread(walker.threads, self._publish, store, self._all_ready())

    def _settle(self, store: Store) -> list[WindowOutcome]:
        """Settle what windows share; where the disk refuses, that is told: a look at the dataset settles it anyway."""
        try:
            store.settle()
        except WriteError as problem:
            return [WindowOutcome(self.views[0].job(), problem)]
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
    outcome: WindowOutcome
    notes: tuple[str, ...]
    partial: bool


class _Queue:
    """Hand out windows so that accounts are asked side by side: the next is of the one with the fewest under way."""

    def __init__(self, tasks: Sequence[DueWindow]) -> None:
        self._waiting: dict[str | None, list[tuple[int, DueWindow]]] = {}
        for number, due in reversed(list(enumerate(tasks))):
            self._waiting.setdefault(due.task.account, []).append((number, due))
        self._under_way: Counter[str | None] = Counter()

    def take(self) -> tuple[int, DueWindow] | None:
        waiting = [account for account, tasks in self._waiting.items() if tasks]
        if not waiting:
            return None
        account = min(reversed(waiting), key=lambda each: self._under_way[each])
        self._under_way[account] += 1
        return self._waiting[account].pop()

    def done(self, due: DueWindow) -> None:
        self._under_way[due.task.account] -= 1

    def empty(self) -> None:
        self._waiting = {}


_NOT_KEPT = ("start_date", "end_date", "date", "page_size")  # which days, and in what pages: not what a row means
_CUTS = ("limit", "cursor", "page")


@dataclass(frozen=True, slots=True)
class AskedView:
    """Hold one query of one account without dates, under a short name that stands for it on disk.

    `by_default`: it asks for days because a period does so, not because the caller said it. `known_as` is the name
    under which a dataset holds it, where that is not the name of the query.
    """

    label: str
    query: UsageQuery
    behind: Integration
    by_default: bool = False
    known_as: str | None = None

    @property
    def name(self) -> str:
        """Give 8 hex digits: the same for the same question, in whatever pages it is asked."""
        return self.known_as or _name_of(self.query, self.behind)

    @property
    def name_before(self) -> str | None:
        """Give the name that the question had while a period left the width of a record to the provider."""
        undivided = self.query.replace(granularity=None)
        is_by_day = self.query != undivided and self.query == by_day(undivided, self.behind)
        return _name_of(undivided, self.behind) if is_by_day else None

    def takes(self, sent: str) -> bool:
        """Tell whether the answers to what was sent serve: whoever says days gets no record longer than one."""
        return self.by_default or json.loads(sent).get("granularity") == self.query.granularity

    def job(self) -> Job:
        """Give the job of the view as a whole."""
        return make_job(self.label, PlannedQuery(self.query), self.behind)

    def planned(self, span: Period, now: datetime) -> list[PlannedQuery]:
        """Plan a stretch of time that has begun."""
        return [] if span.start >= now else list(plan(self.query, self.behind, span, now=now).queries)


def _name_of(query: UsageQuery, behind: Integration) -> str:
    said = {name: value for name, value in query.given().items() if name not in _NOT_KEPT}
    text = json.dumps([behind.name, said], sort_keys=True, default=list)
    return blake2b(text.encode(), digest_size=4).hexdigest()


@dataclass(slots=True)
class DueWindow:
    """Hold one window to fetch, or to go on with: `begun` is None where nothing of it is there."""

    view: AskedView
    job: Job
    task: WindowTask
    begun: Begun | None = None


def views_of(
    found: Sequence[LabelledQuery], behind: dict[str | None, Integration | None], *, users: bool
) -> list[AskedView]:
    """Give the views of what was asked; raises `QueryError` for a query that would leave windows cut."""
    made: list[AskedView] = []
    for each in found:
        for name in _CUTS:
            if (value := getattr(each.query, name)) is not None:
                raise QueryError(
                    f"{name}={value!r} would leave a window cut, and a dataset keeps whole ones; leave it out, and "
                    "take .head(n) of the frame that comes back"
                )
        side = behind[each.query.integrated_account_id]
        assert side is not None, "a scan needs the integration, and looking it up raises"
        asked = views(each.query, side, users=users)
        made += [
            AskedView(each.label, query, side, by_default=query.granularity != each.query.granularity)
            for query in asked
        ]
    return made


def views_in(store: Store, made: Iterable[AskedView]) -> list[AskedView]:
    """Give the views under the names that a dataset holds them by, each question once.

    A dataset may be older than the days that a period asks for: its windows are gone on with, and replaced, under the
    name that they have, so that nothing is there under two names.
    """
    held = {each.view for each in store.journal.windows} | {each.task.view for each in store.begun.values()}
    found: dict[str, AskedView] = {}
    for each in made:
        known = _known_in(held, each)
        if known.name not in found or found[known.name].by_default:  # what the caller said outlasts the default
            found[known.name] = known
    return list(found.values())


def _known_in(held: set[str], view: AskedView) -> AskedView:
    before = view.name_before
    if before in held and (view.by_default or view.name not in held):
        return replace(view, known_as=before)
    return view


def tasks_of(
    view: AskedView, span: Period, now: datetime, store: Store, records_per_page: int | None
) -> list[DueWindow]:
    """Give the windows of a view that are due, oldest first; those begun that are out of date are taken back."""
    planned = [each.window for each in view.planned(span, now) if each.window is not None]
    if not planned:
        return []
    reach = Period(planned[0].start, planned[-1].end)
    held = store.journal.of_view(view.name)
    kept = [
        each
        for each in held
        if view.takes(each.query) and _is_kept(each.settled, each.fetched_at, now, run=each.run, store=store)
    ]
    begun = _gone_on_with(view, reach, now, store)
    old = [each.window for each in held if each not in kept]
    due = to_fetch(
        planned,
        [*(each.window for each in kept), *(each.task.window for each in begun)],
        old,
        lambda piece: [each.window for each in view.planned(piece, now) if each.window is not None],
    )
    for each in [each for each in store.begun.values() if each.task.view == view.name and each not in begun]:
        if any(overlaps(each.task.window, window) for window in due):
            store.drop(each)  # it would answer for days that are asked for in another window now
    tasks = [_resumed(view, each) for each in begun] + [_new(view, each, now, records_per_page) for each in due]
    return sorted(tasks, key=lambda each: each.task.start)


def _is_kept(settled: bool, fetched_at: datetime, now: datetime, *, run: int, store: Store) -> bool:
    """Tell whether a window need not be asked for: final, or fetched just now by the run that goes on."""
    return settled or (run == store.journal.run and is_current(fetched_at, now, settled=False))


def _gone_on_with(view: AskedView, reach: Period, now: datetime, store: Store) -> list[Begun]:
    mine = [each for each in list(store.begun.values()) if each.task.view == view.name]
    current = [
        each
        for each in mine
        if view.takes(each.task.query)
        and is_current(each.task.fetched_at, now, settled=each.task.settled)
        and _query(each) is not None
    ]
    for each in mine:
        if each not in current:
            store.drop(each)
    return [each for each in current if overlaps(each.task.window, reach)]


def _new(view: AskedView, window: Period, now: datetime, records_per_page: int | None) -> DueWindow:
    (planned,) = view.planned(window, now)
    job = make_job(view.label, planned, view.behind)
    task = WindowTask(
        view=view.name, account=job.source.integrated_account_id, report_type=job.source.report_type,
        start=window.start, end=window.end, settled=view.behind.settled_until(now) >= window.end,
        query=json.dumps(job.query.given()), records_per_page=records_per_page, fetched_at=now,
        attempt=uuid4().hex[:12],
    )  # fmt: skip
    return DueWindow(view, job, task)


def _query(begun: Begun) -> UsageQuery | None:
    """Give the query that a window was begun with; None where this version knows no such query."""
    try:
        return UsageQuery(**json.loads(begun.task.query))
    except QueryError:
        return None


def _resumed(view: AskedView, begun: Begun) -> DueWindow:
    query = _query(begun)
    assert query is not None, "a window without one is not gone on with"
    return DueWindow(view, make_job(view.label, PlannedQuery(query, begun.task.window), view.behind), begun.task, begun)


_RESTARTS = 2
_WORTH_BYTES = 16_384
_EXPIRED = (CursorExpiredError, InvalidRequestError, NotFoundError)  # 410, and what services say instead of it


@dataclass(slots=True)
class Walker:
    """Hold what walking needs: the way out, the way down, and threads for the work between."""

    transport: Transport
    store: Store
    tally: ProgressTally
    threads: ThreadPoolExecutor

    async def walk(self, due: DueWindow) -> Begun:
        """Fetch what is left of a window; gives it whole."""
        begun = self.store.begin(due.task) if due.begun is None else due.begun
        restarts = 0
        while not begun.is_whole:
            resumed_at = begun.cursor
            try:
                await self._go_on(due, begun)
            except _EXPIRED as error:
                if not _may_restart(error, begun, resumed_at) or restarts == _RESTARTS:
                    raise
                restarts += 1
                self.store.drop(begun)
                begun = self.store.begin(due.task)
        return begun

    async def _go_on(self, due: DueWindow, begun: Begun) -> None:
        size = begun.task.records_per_page
        pages = self.transport.pages(
            due.job.query, records_per_page=size, cursor=begun.cursor, unread_from=LONG_PAGE_BYTES
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
                        committing, held = asyncio.ensure_future(self._commit(due, begun, held)), []
        except UsageError:
            await self._end(due, begun, committing, held)  # what was had before is kept: the next call goes on there
            raise
        except asyncio.CancelledError:
            if committing is not None:
                await asyncio.wait([committing])
            raise
        await self._end(due, begun, committing, held)

    async def _end(
        self, due: DueWindow, begun: Begun, committing: asyncio.Future[None] | None, held: Sequence[Page]
    ) -> None:
        if committing is not None:
            await committing
        if held:
            await self._commit(due, begun, held)

    async def _commit(self, due: DueWindow, begun: Begun, pages: Sequence[Page]) -> None:
        """Commit pages in a thread; those that were handed on unread and are none are asked for anew."""
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self.threads)
        try:
            records = await in_thread(commit, self.store, due, begun, pages)
        except (ProtocolError, ConnectionFailedError):
            if not any(page.is_unread for page in pages):
                raise
            size = begun.task.records_per_page
            again = partial(self.transport.page_again, due.job.query, records_per_page=size)
            pages = [await again(page) for page in pages]
            records = await in_thread(commit, self.store, due, begun, pages)
        for _ in pages[1:]:
            self.tally.page_done(due.view.label, 0)
        self.tally.page_done(due.view.label, records)


def _may_restart(error: UsageError, begun: Begun, resumed_at: str | None) -> bool:
    """Tell an expired cursor from a refusal of the query itself: that one comes without any cursor as well."""
    if isinstance(error, CursorExpiredError):
        return begun.cursor is not None
    return resumed_at is not None and begun.cursor == resumed_at


def _may_wait(held: Sequence[Page]) -> bool:
    """Tell whether pages may wait for one another: short ones are committed alone, for little is won."""
    sizes = [len(page.content) for page in held]
    return min(sizes) >= _WORTH_BYTES and sum(sizes) < 4 * BATCH_BYTES


def commit(store: Store, due: DueWindow, begun: Begun, pages: Sequence[Page]) -> int:
    """Read pages and commit their records with the last one's cursor; gives how many."""
    bodies = [page.content for page in pages]
    check = read_envelope if any(page.is_unread for page in pages) else None
    parsed = parse_pages(bodies, due.job.source, due.job.layout, check=check)
    built = build_frame(parsed, due.job.layout, store.register)
    types = types_of(built.frame, standard_types(due.job.layout))
    known = store.register.names()
    names = {path: name for path, name in known.items() if name in types}
    number = len(begun.pages) + 1
    is_partial = any(page.is_partial for page in pages)
    mark = Mark(number, begun.cursor, pages[-1].next_cursor, is_partial, built.notes, len(pages))
    store.stage(begun, mark, built.frame, PageColumns(types, names), reach_of(built.frame, due.task.window))
    return built.frame.height


@cache
def standard_types(layout: Layout) -> dict[str, pl.DataType]:
    """Give the columns that every frame of a layout has."""
    return dict(build_frame([], layout).frame.schema)
