"""One call from what is asked to frames with provenance: look up, plan, run side by side, join.

Pages are parsed in threads, a megabyte at once, while the next ones travel.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from truto_usage_nb.envelope import read_envelope
from truto_usage_nb.errors import (
    ConnectionFailedError,
    ProtocolError,
    QueryError,
    UnreadableValueError,
    UsageError,
    tell,
)
from truto_usage_nb.frames import BATCH_BYTES, BuiltFrame, Layout, ParsedPage, build_frame, parse_pages
from truto_usage_nb.integrations import Integration
from truto_usage_nb.jobs import (
    MORE_THAN_ASKED,
    PARTIAL,
    Integrations,
    Job,
    LabelledQuery,
    Planned,
    ProgressTally,
    Show,
    account_spans_told,
    check_on_error,
    check_overhang,
    cut_to,
    dateless_told,
    first_errors,
    gaps,
    identity,
    labelled_queries,
    lost_jobs,
    outside_told,
    overhang_told,
    owns,
    parted,
    plan_jobs,
    progress_shown,
    raise_unless_told,
    repeats_told,
    settle_overhang,
    stands,
    together,
    unheard,
)
from truto_usage_nb.paging import LONG_PAGE_BYTES, Page
from truto_usage_nb.planning import Period
from truto_usage_nb.result import UsageResult
from truto_usage_nb.schema import RECORD_KEY
from truto_usage_nb.transport import Transport
from truto_usage_nb.unanswered import heard, unanswered


@dataclass(slots=True)
class Loader:
    """Hold what every load of a client shares: the way in, the clock, and the integrations looked up so far."""

    transport: Transport
    now: Callable[[], datetime]
    integrations: Integrations
    records_per_page: int | None = None

    async def fetch(
        self,
        what: Any,
        *,
        period: Any = None,
        integration: Any = None,
        on_error: str = "raise",
        overhang: str | None = None,
        users: bool = False,
        progress: bool | Show | None = None,
        backend: str = "polars",
        **parameters: Any,
    ) -> UsageResult:
        """Load what is asked; see `truto_usage_nb.load_usage` for the words."""
        check_on_error(on_error)
        check_overhang(overhang)
        found = labelled_queries(what, parameters)
        now = self.now()
        span = None if period is None else Period.parse(period, now=now)
        _refuse_mixture(found)
        with progress_shown(progress) as show:
            ran = await self._run(
                found, span, now, integration, users=users, show=show,
                stop_at_first=on_error == "raise" and len(found) == 1,
            )  # fmt: skip
        outcomes, behind = ran.outcomes, ran.behind
        frames = build_frames(outcomes)
        if all(each.error is not None for each in outcomes):
            raise_unless_told(outcomes, None, on_error)
        settled = {str(name): one.settled_until(now) for name, one in behind.items() if one is not None}
        limits = {str(name): one for name, one in self.transport.rate_limits.items()}
        result = replace(
            _result(outcomes, frames, span, overhang, ran.told, now=now),
            backend=backend,
            rate_limit=limits,
            settled_until=settled,
            integrations={str(name): one.name for name, one in behind.items() if one is not None},
        )
        silent = _silent(outcomes, result)
        result = replace(result, notes=(*ran.notes, *result.notes, *silent), told=(*result.told, *_spans(result)))
        raise_unless_told(outcomes, result, on_error)
        for text in result.told:
            tell(text)
        return result

    async def _run(
        self,
        found: Sequence[LabelledQuery],
        span: Period | None,
        now: datetime,
        integration: Any,
        *,
        users: bool,
        show: Show,
        stop_at_first: bool,
    ) -> _Ran:
        """Look every account up, plan it as soon as that is known, and run its jobs beside the other look-ups."""
        names = (each.query.integrated_account_id for each in found)
        looking = self.integrations.looking(names, integration, needed=span is not None)
        planned: dict[int, Planned] = {}

        async def plan_account(number: int, each: LabelledQuery) -> Sequence[Job]:
            known = await looking[each.query.integrated_account_id]
            if isinstance(known, UsageError):
                return ()
            planned[number] = plan_jobs(each, known, span, now, users=users)
            return planned[number].jobs

        try:
            outcomes = await run_jobs(
                self.transport,
                [partial(plan_account, *each) for each in enumerate(found)],
                records_per_page=self.records_per_page,
                show=show,
                stop_at_first=stop_at_first,
            )
        finally:
            for one in looking.values():
                one.cancel()
        behind, failed = parted(looking)
        kept, lost = lost_jobs(found, failed)
        told, notes = together([planned[number] for number in sorted(planned)])
        outcomes += [Outcome(job, error=error) for job, error in lost]
        return _Ran(outcomes, behind, (*unheard(kept, behind, users=users), *told), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Ran:
    """Hold what came of every job, what stands behind each account, and what planning tells and notes."""

    outcomes: list[Outcome]
    behind: dict[str | None, Integration | None]
    told: tuple[str, ...]
    notes: tuple[str, ...]


def _result(
    outcomes: Sequence[Outcome],
    frames: dict[Layout, BuiltFrame],
    span: Period | None,
    overhang: str | None,
    told: Sequence[str],
    *,
    now: datetime,
) -> UsageResult:
    """Join what was loaded; what failed is stated in `gaps`."""
    whole = [each for each in outcomes if each.error is None]
    joined = join(whole, frames, span, overhang)
    partial = dict.fromkeys(each.job.label for each in whole if each.partial)
    missing = gaps(outcomes)
    return UsageResult(
        polars=joined.frame,
        queries=tuple(each.job.query for each in outcomes),
        fetched_at=now,
        pages=sum(each.pages for each in whole),
        partial=bool(partial) or bool(missing),
        debug=tuple(one for each in whole for one in each.debug),
        period=span,
        told=(*told, *joined.told, *(PARTIAL.format(name) for name in partial), *missing),
        gaps=tuple(missing),
        errors=first_errors(outcomes),
        notes=joined.notes,
    )


def _spans(result: UsageResult) -> list[str]:
    """Tell each account's span where a query left it to the account: no period, and no date of its own."""
    given = [{"start_date", "end_date", "date"} & set(query.given()) for query in result.queries]
    return account_spans_told(result.polars) if result.period is None and not all(given) else []


def _silent(outcomes: Sequence[Outcome], result: UsageResult) -> list[str]:
    """Name whoever answered without a single record; who failed is stated in the gaps already."""
    whole = [each.job.query for each in outcomes if each.error is None]
    span = "" if result.period is None else f" of {result.period}"
    return [f"{view}{span}" for view in unanswered(whole, heard(result.polars), result.integrations)]


def _refuse_mixture(found: Sequence[LabelledQuery]) -> None:
    """Keep the providers' own records apart from unified ones: a column of one name would mean two things."""
    raw = dict.fromkeys(each.label for each in found if each.query.truto_response_format == "raw")
    if raw and any(each.query.truto_response_format != "raw" for each in found):
        raise QueryError(
            f"truto_response_format='raw' is asked of {', '.join(raw)} and not of the others; raw and unified records "
            "do not belong in one frame: load them apart"
        )


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


_Planning = Callable[[], Awaitable[Sequence[Job]]]


async def run_jobs(
    transport: Transport,
    accounts: Sequence[_Planning],
    *,
    records_per_page: int | None,
    show: Show,
    stop_at_first: bool,
) -> list[Outcome]:
    """Run the jobs of each account as soon as they are planned, beside all others.

    Outcomes come back in the order of the accounts and their jobs, whatever arrived first. An error ends its own job,
    with `stop_at_first` the account's others too; an error of planning ends all. Cancelling this coroutine cancels
    every request on its way.
    """
    outcomes: list[list[Outcome]] = [[] for _ in accounts]
    tally = ProgressTally(len(accounts), show)
    with ThreadPoolExecutor(_PARSERS, thread_name_prefix="truto-parse") as parsers:

        async def run_account(number: int, plan: _Planning) -> None:
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
    tally: ProgressTally,
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
    tally: ProgressTally
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


_JOB = "__job"  # the number of the query a record came from; never leaves this room
_ROW, _OWN, _ASKED = "__row", "__own", "__asked"


@dataclass(frozen=True, slots=True)
class Joined:
    """Hold the frame, what the user must be told about how it came together, and what he may read."""

    frame: pl.DataFrame
    told: tuple[str, ...]
    notes: tuple[str, ...] = ()


def build_frames(outcomes: Sequence[Outcome]) -> dict[Layout, BuiltFrame]:
    """Build a frame a layout of what can be read, in the order of the queries.

    A query with a value that cannot be read ends in the error that names it, and the others are built without it.
    """
    made: dict[Layout, BuiltFrame] = {}
    for layout in dict.fromkeys(each.job.layout for each in outcomes):
        made[layout] = _built([each for each in outcomes if each.error is None and each.job.layout == layout], layout)
    return made


def _built(same: Sequence[Outcome], layout: Layout) -> BuiltFrame:
    try:
        # pages are used up by a frame, and of several queries one may have to be left out
        return _frame(same, layout, spare=len(same) > 1)
    except UnreadableValueError as problem:
        if len(same) == 1:
            same[0].error = problem
            return build_frame([], layout)
    for each in same:
        try:
            _frame([each], layout)
        except UnreadableValueError as problem:
            each.error = problem
    if all(each.error is None for each in same):
        _accuse(same, layout)
    return _built([each for each in same if each.error is None], layout)


def _accuse(same: Sequence[Outcome], layout: Layout) -> None:
    """Find the query that cannot be read together with those before it, by halves, though each can alone."""
    low, high = 1, len(same)
    while True:
        try:
            _frame(same[: (low + high) // 2], layout)
            low = (low + high) // 2 + 1
        except UnreadableValueError as problem:
            high = (low + high) // 2
            if low == high:
                same[high - 1].error = problem
                return


def _frame(same: Sequence[Outcome], layout: Layout, *, spare: bool = True) -> BuiltFrame:
    return build_frame([page.copy() if spare else page for each in same for page in each.parsed], layout)


def join(
    outcomes: Sequence[Outcome], frames: dict[Layout, BuiltFrame], period: Period | None, overhang: str | None = None
) -> Joined:
    """Join what was loaded and built, in the order of the queries, into one frame.

    A query's `limit` caps its records. With a period, a record that lies in it at least in part is kept, whichever
    window returned it, once; `overhangs_period` marks those that stick out of the period, and those wholly outside are
    cut, and told with their money. A record of several
    queries counts once: the newest `updated_at` stays. One that they state with other figures, none of them newer,
    stays as often as it is stated, and is told.
    """
    frame, told = _together(outcomes, frames)
    notes: list[str] = []
    frame = _capped(frame, outcomes)
    if period is not None:
        frame, cut, notes = _in_period(frame, outcomes, period)
        told += cut
    frame, repeats = _without_repeats(frame)  # before dates are cut to the period: they are part of a record's key
    if period is not None:
        told += dateless_told(_dateless(frame))
        told += _overhang_told(frame, period) if overhang is None else []
        frame = settle_overhang(frame, period, overhang)
    return Joined(frame.drop(_JOB), (*told, *repeats), tuple(notes))


def _together(outcomes: Sequence[Outcome], made: dict[Layout, BuiltFrame]) -> tuple[pl.DataFrame, list[str]]:
    """Set the frames of all layouts below each other."""
    frames: list[pl.DataFrame] = []
    told: list[str] = []
    for layout in dict.fromkeys(outcome.job.layout for outcome in outcomes):
        heights = [
            (number, sum(page.height for page in each.parsed))
            for number, each in enumerate(outcomes)
            if each.job.layout == layout
        ]
        job = pl.concat(pl.repeat(number, height, dtype=pl.UInt32, eager=True) for number, height in heights)
        frames.append(made[layout].frame.with_columns(job.alias(_JOB)))
        told += [note for note in made[layout].notes if note not in told]
    frame = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed").sort(_JOB, maintain_order=True)
    return frame, told


def _capped(frame: pl.DataFrame, outcomes: Sequence[Outcome]) -> pl.DataFrame:
    caps = {
        number: each.job.query.limit
        for number, each in enumerate(outcomes)
        if each.job.query.limit is not None and each.job.query.truto_ignore_limit is not True
    }
    if not caps:
        return frame
    asked: dict[object, int] = {}
    groups = [asked.setdefault((each.job.label, each.job.source), number) for number, each in enumerate(outcomes)]
    group = pl.col(_JOB).replace_strict(list(range(len(groups))), groups, return_dtype=pl.UInt32)
    cap = group.replace_strict(list(caps), list(caps.values()), default=None, return_dtype=pl.Int64)
    return frame.filter((pl.int_range(pl.len()).over(group) < cap) | cap.is_null())


def _in_period(
    frame: pl.DataFrame, outcomes: Sequence[Outcome], period: Period
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Cut to the period; also give what is told of it, and what is only noted: records that had to come along."""
    if any(not isinstance(frame.schema.get(name), pl.Datetime) for name in ("start_date", "end_date")):
        return frame, ["start_date or end_date is not among the columns as a date: the period is not cut out"], []
    frame = _each_by_its_window(frame, outcomes)
    keeps, marks = cut_to(period)
    told, notes = _outside_told(frame.filter(~keeps), period)
    kept = frame.filter(keeps).with_columns(marks).drop(_OWN)
    return kept, told, notes


def _dateless(frame: pl.DataFrame) -> int:
    return frame["start_date"].null_count() if isinstance(frame.schema.get("start_date"), pl.Datetime) else 0


def _each_by_its_window(frame: pl.DataFrame, outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """Give a record that several windows of one query returned once; adds whether it starts in the window asked.

    It is that of the window which holds its start, or newer; where that window did not return it, any other did: a
    vendor whose days are those of its own zone answers so, and one that ignores the dates.
    """
    windows = [each.job.window for each in outcomes]
    frame = frame.with_columns(owns(*(_bounds(windows, side) for side in ("start", "end"))).alias(_OWN))
    if frame[_OWN].all():
        return frame
    views: dict[object, int] = {}
    view = [views.setdefault((each.job.label, each.job.source), number) for number, each in enumerate(outcomes)]
    asked = pl.lit(pl.Series(view, dtype=pl.UInt32)).gather(pl.col(_JOB)).alias(_ASKED)
    judged = frame.with_columns(asked).select(_JOB, _OWN, *identity(frame.schema, _ASKED))
    return frame.filter(judged.select(keeps=stands(_OWN, _JOB))["keeps"])


def _outside_told(cut: pl.DataFrame, period: Period) -> tuple[list[str], list[str]]:
    """Say what is cut: what was not asked for is told; what lies in a window that had to be wider is noted."""
    if not cut.height:
        return [], []
    from truto_usage_nb.costs.lines import billed_in_all

    wide = "the vendor answers for no narrower a span"
    return (
        outside_told(cut.filter(~pl.col(_OWN)), period, billed_in_all, MORE_THAN_ASKED),
        outside_told(cut.filter(_OWN), period, billed_in_all, wide),
    )


def _bounds(windows: Sequence[Period | None], side: str) -> pl.Expr:
    """Give the bound of each record's own window, as an expression over the job number."""
    bounds = pl.Series(
        [None if each is None else getattr(each, side) for each in windows], dtype=pl.Datetime("us", "UTC")
    )
    return pl.lit(bounds).gather(pl.col(_JOB))


def _overhang_told(frame: pl.DataFrame, period: Period) -> list[str]:
    if "overhangs_period" not in frame.columns:
        return []
    out = frame.filter("overhangs_period")
    return overhang_told(out.height, out["integrated_account_id"].unique(), period)


def _without_repeats(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Leave out what another query states too; what only differs in figures, and is not older, stays."""
    if not set(RECORD_KEY) <= set(frame.columns) or frame[_JOB].n_unique() < 2:
        return frame, []
    rows = frame.with_row_index(_ROW).filter(_suspected(frame))
    if not rows.height:
        return frame, []
    from truto_usage_nb.costs.lines import billed_in_all
    from truto_usage_nb.repeats import VERDICT, across

    judged = across(rows, _JOB)
    gone = judged.filter(pl.col(VERDICT).is_in(["same", "restated"]))[_ROW]
    kept = frame.with_row_index(_ROW).filter(~pl.col(_ROW).is_in(gone.implode())).drop(_ROW)
    return kept, repeats_told(judged, billed_in_all)


def _suspected(frame: pl.DataFrame) -> pl.Series:
    """Tell which rows may be of several queries, by eight bytes a row: two keys may share a hash."""
    hashed = frame.select(_JOB, hash=pl.struct(RECORD_KEY).hash())
    span = hashed.group_by("hash").agg(pl.col(_JOB).min().alias("first"), pl.col(_JOB).max().alias("last"))
    twice = span.filter(pl.col("first") != pl.col("last"))["hash"]
    return hashed["hash"].is_in(twice.implode()) & frame["id"].is_not_null()
