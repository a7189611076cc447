"""From outcomes to one frame: caps, windows, duplicates and what sticks out of the period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames import BuiltFrame, Layout, build_frame
from truto_usage_nb.jobs import (
    MORE_THAN_ASKED,
    cut_to,
    dateless_told,
    identity,
    outside_told,
    overhang_told,
    owns,
    repeats_told,
    settle_overhang,
    stands,
)
from truto_usage_nb.loader.running import Outcome
from truto_usage_nb.planning import Period
from truto_usage_nb.schema import RECORD_KEY

__all__ = ["Joined", "build", "join"]

_JOB = "__job"  # the number of the query a record came from; never leaves this room
_ROW, _OWN, _ASKED = "__row", "__own", "__asked"


@dataclass(frozen=True, slots=True)
class Joined:
    """Hold the frame, what the user must be told about how it came together, and what he may read."""

    frame: pl.DataFrame
    told: tuple[str, ...]
    notes: tuple[str, ...] = ()


def build(outcomes: Sequence[Outcome]) -> dict[Layout, BuiltFrame]:
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
