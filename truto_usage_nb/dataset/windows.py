"""Which windows to fetch, and what stands of their answers: a record that several of a query returned counts once.

What is held and final is kept, what an interrupted scan has begun is gone on with, what was not final is fetched again
in one piece, and what is missing is planned.

A window's answer is what its file holds, and what is kept beside it. Its own records start in it; all others are loose,
and so are those that do not say when they start. `jobs.owns` and `jobs.stands` say which of them stand; those that lie
outside of all that is held, or looked at, do not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import NamedTuple

import polars as pl

from truto_usage_nb.dataset.journal import Journal, Reach
from truto_usage_nb.dataset.stored_columns import restoring, stored
from truto_usage_nb.jobs import SAME, cut_to, identity, owns, stands
from truto_usage_nb.planning import Period
from truto_usage_nb.schema import RECORD_KEY

STILL_CURRENT = timedelta(days=1)
"""How long after its first request an interrupted scan is gone on with where figures may still change."""

Planner = Callable[[Period], Sequence[Period]]
"""Gives the windows that a stretch of time is asked for in."""


def overlaps(one: Period, other: Period) -> bool:
    """Tell whether two stretches of time share a moment."""
    return one.start < other.end and other.start < one.end


def contains(whole: Period, part: Period) -> bool:
    """Tell whether one stretch of time holds another."""
    return whole.start <= part.start and part.end <= whole.end


def uncovered(reach: Period, held: Iterable[Period]) -> list[Period]:
    """Give what is left of a stretch of time, oldest first.

    >>> october = Period.parse("2026-10")
    >>> [str(each) for each in uncovered(october, [Period.parse("2026-10-05"), Period.parse("2026-10-31")])]
    ['2026-10-01 to 2026-10-05 (UTC, end excluded)', '2026-10-06 to 2026-10-31 (UTC, end excluded)']
    """
    left: list[Period] = []
    start = reach.start
    for each in sorted(held, key=lambda period: period.start):
        if each.start > start:
            left.append(Period(start, min(each.start, reach.end)))
        start = max(start, each.end)
        if start >= reach.end:
            return left
    return [*left, Period(start, reach.end)]


def to_fetch(windows: Sequence[Period], kept: Sequence[Period], old: Sequence[Period], plan: Planner) -> list[Period]:
    """Give the windows to ask for, oldest first.

    `windows` are those of the whole period; `kept` need not be asked for; `old` are held, and asked for anew where
    they touch the period. A window to ask for holds an old one whole or not at all, so that it can take its place.
    """
    reach = Period(windows[0].start, windows[-1].end)
    anew = [each for each in old if overlaps(each, reach) and not any(contains(other, each) for other in kept)]
    extent = Period(min([reach.start, *(each.start for each in anew)]), max([reach.end, *(each.end for each in anew)]))
    beside = [each for each in old if each not in anew and not overlaps(each, reach)]
    found: list[Period] = []
    for piece in uncovered(extent, [*kept, *beside]):
        found += _in_one_piece(piece, [each for each in anew if overlaps(each, piece)], plan)
    return found


def _in_one_piece(piece: Period, old: Sequence[Period], plan: Planner) -> list[Period]:
    """Plan a piece; where a new window would end inside an old one, ask for the old ones as they were."""
    planned = list(plan(piece))
    if all(any(contains(new, each) for new in planned) for each in old):
        return planned
    pieces = sorted([*old, *uncovered(piece, old)], key=lambda period: period.start)
    return [window for each in pieces for window in plan(each)]


def is_current(fetched_at: datetime, now: datetime, *, settled: bool) -> bool:
    """Tell whether what an interrupted scan fetched still goes with what is fetched now."""
    return settled or now - fetched_at < STILL_CURRENT


ROW, JOB = "__row", "__job"
_OWN, _LOOSE, _HASH = "__own", "__loose", "__hash"
_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_DATES = ("start_date", "end_date")
_INSTANT = timedelta(microseconds=1)

Rows = dict[int, set[int]]
"""Places of records in their answers, by the number of the answer."""


class WindowAnswer(NamedTuple):
    """Hold what a window returned; `number` is its place among others."""

    number: int
    window: Period
    rows: pl.LazyFrame


class Sifted(NamedTuple):
    """Hold which records do not stand, and which of those it is because nobody asked for them."""

    gone: Rows
    outside: Rows


def loose(window: Period) -> pl.Expr:
    """Tell the records of a window's answer that do not start in it, and those that do not say when."""
    return pl.col("start_date").is_null() | ~owns(window.start, window.end)


def reach_of(frame: pl.DataFrame, window: Period) -> Reach | None:
    """Tell how far the loose records of an answer reach; None where there are none, or where days are no dates."""
    if not all(isinstance(frame.schema.get(name), pl.Datetime) for name in _DATES):
        return None
    found = frame.select(_DATES).filter(loose(window))
    if found.is_empty():
        return None
    first, last = found.select(
        pl.col("start_date").min(), end=pl.max_horizontal(*_DATES).max().fill_null(pl.col("start_date").max())
    ).row(0)
    if found["start_date"].null_count() or first is None:
        return _EVER
    return first, last + _INSTANT


def meet(one: Reach, other: Reach) -> bool:
    """Tell whether two stretches of time share a moment."""
    return one[0] < other[1] and other[0] < one[1]


def open_files(paths: Sequence[Path], journal: Journal) -> pl.LazyFrame:
    """Give files as a frame, its columns under their own names: on disk some have others."""
    frame = pl.scan_parquet(list(paths), hive_partitioning=False, glob=False)
    if stored(journal.types, journal.kept_as) == stored(journal.types, None):
        return frame
    return frame.select(restoring(journal.types, journal.kept_as))


def records_among(answer: WindowAnswer, rows: Collection[int]) -> pl.LazyFrame:
    """Give some records of an answer."""
    return answer.rows.with_row_index(ROW).filter(_among(rows)).drop(ROW)


def without(frame: pl.LazyFrame, rows: Collection[int]) -> pl.LazyFrame:
    """Give a frame that has its rows numbered without some of them."""
    return frame.filter(~_among(rows)) if rows else frame


def _among(rows: Collection[int]) -> pl.Expr:
    return pl.col(ROW).is_in(pl.Series(ROW, sorted(rows), dtype=pl.UInt32).implode())


def sifted(answers: Sequence[WindowAnswer], inside: pl.Expr) -> Sifted:
    """Sift the answers of one query's windows; `inside` tells which records lie in the time that counts."""
    marked = pl.concat([_marked(each) for each in answers])
    free = marked.filter(_LOOSE).collect(engine="streaming")
    firm = marked.filter(~pl.col(_LOOSE) & pl.col(SAME).is_in(free[SAME].unique().implode()))
    found = pl.concat([free, firm.collect(engine="streaming")])
    found = found.select(ROW, JOB, stands=stands(_OWN, JOB), asked=pl.col(_OWN) | inside.fill_null(value=True))
    outside = found.filter(pl.col("stands") & ~pl.col("asked"))
    return Sifted(_by_answer(found.filter(~(pl.col("stands") & pl.col("asked")))), _by_answer(outside))


def _marked(answer: WindowAnswer) -> pl.LazyFrame:
    own = owns(answer.window.start, answer.window.end)
    rows = answer.rows.with_row_index(ROW)
    number = pl.lit(answer.number, dtype=pl.UInt32).alias(JOB)
    return rows.select(
        ROW, number, own.alias(_OWN), loose(answer.window).alias(_LOOSE), *_DATES,
        *identity(answer.rows.collect_schema()),
    )  # fmt: skip


def _by_answer(found: pl.DataFrame) -> Rows:
    return {number: set(rows[ROW]) for (number,), rows in found.partition_by(JOB, as_dict=True).items()}


def stated_twice(rows: pl.LazyFrame) -> pl.DataFrame | None:
    """Give the records that several answers state, and what becomes of each (see `repeats.across`).

    Their keys are hashed, eight bytes a record; those whose hash is there twice are looked at.
    """
    hashed = rows.filter(pl.col("id").is_not_null()).with_columns(pl.struct(RECORD_KEY).hash().alias(_HASH))
    hashes = hashed.select(_HASH, JOB).group_by(_HASH).agg(pl.col(JOB).min().alias("one"), pl.col(JOB).max())
    twice = hashes.filter(pl.col("one") != pl.col(JOB)).select(_HASH).collect(engine="streaming")[_HASH]
    if not twice.len():
        return None
    from truto_usage_nb.repeats import across

    found = across(hashed.filter(pl.col(_HASH).is_in(twice.implode())).collect(), JOB)
    return found if found.height else None


def not_standing(answers: Sequence[WindowAnswer], held: Iterable[Period]) -> Rows:
    """Give the records of one query's windows that do not stand, over all time that is `held`."""
    gone = sifted(answers, within(held)).gone
    parts = (numbered_rows(each, gone.get(each.number, ())) for each in answers)
    if (judged := stated_twice(pl.concat(parts))) is not None:
        for number, rows in _by_answer(dropped(judged)).items():
            gone.setdefault(number, set()).update(rows)
    return gone


def within(periods: Iterable[Period]) -> pl.Expr:
    """Tell the records that lie in some stretches of time at least in part."""
    return reduce(or_, (cut_to(each)[0] for each in _joined(periods)))


def numbered_rows(answer: WindowAnswer, gone: Collection[int]) -> pl.LazyFrame:
    """Give what stands of an answer, its rows numbered."""
    rows = answer.rows.with_row_index(ROW).with_columns(pl.lit(answer.number, dtype=pl.UInt32).alias(JOB))
    return without(rows, gone)


def dropped(judged: pl.DataFrame) -> pl.DataFrame:
    """Give those of `stated_twice` that another answer states as well, or states newer."""
    from truto_usage_nb.repeats import VERDICT

    return judged.filter(pl.col(VERDICT).is_in(["same", "restated"]))


def _joined(periods: Iterable[Period]) -> list[Period]:
    """Join stretches of time that touch."""
    made: list[Period] = []
    for each in sorted(periods, key=lambda period: period.start):
        if made and each.start <= made[-1].end:
            made[-1] = Period(made[-1].start, max(made[-1].end, each.end))
        else:
            made.append(each)
    return made
