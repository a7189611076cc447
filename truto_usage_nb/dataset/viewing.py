"""The frame over a dataset: lazy, of committed files only, cut to the period, each record once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path as File

import polars as pl

from truto_usage_nb.dataset.journal import Held, Journal
from truto_usage_nb.dataset.naming import restoring, stored
from truto_usage_nb.dataset.windows import overlaps
from truto_usage_nb.frames import on_disk
from truto_usage_nb.jobs import cut_to, dateless_told, overhang_told, prorated, repeats_told
from truto_usage_nb.planning import Period
from truto_usage_nb.schema import RECORD_KEY

__all__ = ["Seen", "view"]

_DATES = ("start_date", "end_date")


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold the frame, and what the user must be told about it."""

    frame: pl.LazyFrame
    told: tuple[str, ...]


def view(
    journal: Journal, records: File, views: Sequence[str] | None, period: Period | None, overhang: str | None = None
) -> Seen:
    """Look at the records of some views (None: all) in the order asked, window by window."""
    order = _every_view(journal) if views is None else views
    chosen = [
        held
        for name in order
        for held in journal.of_view(name)
        if held.file is not None and (period is None or overlaps(held.window, period))
    ]
    if period is not None and any(not isinstance(journal.types.get(name), pl.Datetime) for name in _DATES):
        seen = _once(chosen, journal, records, None)
        return Seen(seen.frame, (*seen.told, _UNCUT))
    seen = _once(chosen, journal, records, period)
    if period is None:
        return seen
    keeps, marks = cut_to(period)
    frame = seen.frame.filter(keeps).with_columns(marks)
    return Seen(_settled(frame, period, overhang), (*seen.told, *_told(frame, period, overhang)))


def _every_view(journal: Journal) -> list[str]:
    """Give all views, account by account, whichever came first."""
    found = {held.view: (str(held.account), str(held.report_type), held.view) for held in journal.windows}
    return sorted(found, key=lambda name: found[name])


_UNCUT = "start_date or end_date is not among the columns as a date: the period is not cut out"


def _opened(files: Sequence[Held], journal: Journal, records: File) -> pl.LazyFrame:
    """Give files as a frame, its columns under their own names: on disk some have others."""
    frame = pl.scan_parquet([records / str(each.file) for each in files], hive_partitioning=False, glob=False)
    if stored(journal.types, journal.kept_as) == stored(journal.types, None):
        return frame
    return frame.select(restoring(journal.types, journal.kept_as))


def _scanned(
    chosen: Sequence[Held], journal: Journal, records: File, repeats: Mapping[str, Collection[int]]
) -> pl.LazyFrame:
    if not chosen:
        return pl.DataFrame(schema={name: on_disk(dtype) for name, dtype in journal.types.items()}).lazy()
    frames = []
    for filtered, group in groupby(chosen, key=lambda held: held.file in repeats):
        for files in [[each] for each in group] if filtered else [list(group)]:
            frame = _opened(files, journal, records)
            if filtered:
                frame = _without(frame, repeats[str(files[0].file)])
            frames.append(frame)
    return frames[0] if len(frames) == 1 else pl.concat(frames)


_ROW, _FILE, _VIEW, _HASH = "__row", "__file", "__view", "__hash"
_HASHED = pl.struct(RECORD_KEY).hash().alias(_HASH)


def _without(frame: pl.LazyFrame, rows: Collection[int]) -> pl.LazyFrame:
    gone = pl.Series(_ROW, list(rows), dtype=pl.UInt32).implode()
    return frame.with_row_index(_ROW).filter(~pl.col(_ROW).is_in(gone)).drop(_ROW)


def _once(chosen: Sequence[Held], journal: Journal, records: File, period: Period | None) -> Seen:
    """Give the records of some windows, each once, and say what several views state."""
    judged = _judged(chosen, journal, records, period) if set(RECORD_KEY) <= set(journal.types) else None
    if judged is None:
        return Seen(_scanned(chosen, journal, records, {}), ())
    from truto_usage_nb.costs.duplicates import billed_in_all
    from truto_usage_nb.repeats import VERDICT

    gone = judged.filter(pl.col(VERDICT).is_in(["same", "restated"]))
    repeats = {str(name): rows[_ROW].to_list() for (name,), rows in gone.partition_by(_FILE, as_dict=True).items()}
    return Seen(_scanned(chosen, journal, records, repeats), tuple(repeats_told(judged, billed_in_all)))


def _judged(chosen: Sequence[Held], journal: Journal, records: File, period: Period | None) -> pl.DataFrame | None:
    """Give the rows that several views state and what becomes of each, looked for a month at a time."""
    order = {name: number for number, name in enumerate(dict.fromkeys(held.view for held in chosen))}

    def place(held: Held) -> tuple[str, str, str]:
        return str(held.account), str(held.report_type), f"{held.start:%Y-%m}"

    found = []
    for _, group in groupby(sorted(chosen, key=place), key=place):
        same = list(group)
        if len({held.view for held in same}) > 1:
            found += _judged_among([held for held in chosen if held in same], order, journal, records, period)
    if not found:
        return None
    from truto_usage_nb.repeats import RECORD

    apart = [rows.with_columns(pl.col(RECORD).cast(pl.Int64) + (number << 32)) for number, rows in enumerate(found)]
    return pl.concat(apart, how="diagonal_relaxed")


def _judged_among(
    same: Sequence[Held], order: dict[str, int], journal: Journal, records: File, period: Period | None
) -> list[pl.DataFrame]:
    """Judge one month's rows: hash their keys, eight bytes a row, then look at those whose hash is there twice."""
    parts = [
        _opened([held], journal, records)
        .with_row_index(_ROW)
        .with_columns(pl.lit(str(held.file)).alias(_FILE), pl.lit(order[held.view], dtype=pl.UInt32).alias(_VIEW))
        for held in same
    ]
    keeps = pl.lit(value=True) if period is None else cut_to(period)[0]
    rows = pl.concat(parts).filter(keeps & pl.col("id").is_not_null()).with_columns(_HASHED)
    hashes = rows.select(_HASH, _VIEW).group_by(_HASH).agg(pl.col(_VIEW).min().alias("one"), pl.col(_VIEW).max())
    twice = hashes.filter(pl.col("one") != pl.col(_VIEW)).select(_HASH).collect(engine="streaming")[_HASH]
    if not twice.len():
        return []
    from truto_usage_nb.repeats import across

    found = across(rows.filter(pl.col(_HASH).is_in(twice.implode())).collect(), _VIEW)
    return [found] if found.height else []


def _told(frame: pl.LazyFrame, period: Period, overhang: str | None) -> list[str]:
    """Count what sticks out and what has no start, looking at the dates alone."""
    counted = frame.group_by("integrated_account_id").agg(
        pl.col("overhangs_period").sum().alias("out"), pl.col("start_date").null_count().alias("dateless")
    )
    counts = counted.collect(engine="streaming")
    told = dateless_told(int(counts["dateless"].sum()))
    if overhang is None:
        out = counts.filter(pl.col("out") > 0)
        told += overhang_told(int(out["out"].sum()), out["integrated_account_id"], period)
    return told


def _settled(frame: pl.LazyFrame, period: Period, overhang: str | None) -> pl.LazyFrame:
    """Settle what sticks out; sharing it out makes counts fractions, whether or not a record sticks out."""
    if overhang is None:
        return frame
    if overhang == "drop":
        return frame.filter(~pl.col("overhangs_period"))
    if overhang == "include":
        return frame.with_columns(overhangs_period=False)
    shared = prorated(frame.head(0).collect(), period)
    return frame.map_batches(
        lambda batch: prorated(batch, period),
        schema=dict(shared.schema), streamable=True, predicate_pushdown=False, projection_pushdown=False,
        slice_pushdown=False,
    )  # fmt: skip
