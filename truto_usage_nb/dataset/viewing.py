"""The frame over a dataset: lazy, of committed files only, cut to the period, each record once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path as File

import polars as pl

from truto_usage_nb.dataset.journal import Held, Journal
from truto_usage_nb.dataset.windows import overlaps
from truto_usage_nb.frames import on_disk
from truto_usage_nb.jobs import cut_to, dateless_told, overhang_told, prorated, repeat_key, repeats_told
from truto_usage_nb.planning import Period

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
    key = repeat_key(journal.types)[2:]  # account and report type are those of the file
    repeats = _repeats(chosen, records, key) if key else {}
    frame = _scanned(chosen, journal, records, repeats)
    told = repeats_told(sum(map(len, repeats.values())))
    if period is None:
        return Seen(frame, tuple(told))
    if any(not isinstance(journal.types.get(name), pl.Datetime) for name in _DATES):
        return Seen(frame, (*told, _UNCUT))
    keeps, marks = cut_to(period)
    frame = frame.filter(keeps).with_columns(marks)
    told += _told(frame, period, overhang)
    return Seen(_settled(frame, period, overhang), tuple(told))


def _every_view(journal: Journal) -> list[str]:
    """Give all views, account by account, whichever came first."""
    found = {held.view: (str(held.account), str(held.report_type), held.view) for held in journal.windows}
    return sorted(found, key=lambda name: found[name])


_UNCUT = "start_date or end_date is not among the columns as a date: the period is not cut out"


def _scanned(
    chosen: Sequence[Held], journal: Journal, records: File, repeats: dict[str, Collection[int]]
) -> pl.LazyFrame:
    if not chosen:
        return pl.DataFrame(schema={name: on_disk(dtype) for name, dtype in journal.types.items()}).lazy()
    frames = []
    for filtered, group in groupby(chosen, key=lambda held: held.file in repeats):
        for files in [[each] for each in group] if filtered else [list(group)]:
            frame = pl.scan_parquet([records / str(each.file) for each in files], hive_partitioning=False, glob=False)
            if filtered:
                frame = _without(frame, repeats[str(files[0].file)])
            frames.append(frame)
    return frames[0] if len(frames) == 1 else pl.concat(frames)


_ROW = "__row"


def _without(frame: pl.LazyFrame, rows: Collection[int]) -> pl.LazyFrame:
    gone = pl.Series(_ROW, list(rows), dtype=pl.UInt32).implode()
    return frame.with_row_index(_ROW).filter(~pl.col(_ROW).is_in(gone)).drop(_ROW)


def _repeats(chosen: Sequence[Held], records: File, key: Sequence[str]) -> dict[str, Collection[int]]:
    """Give, by file, the rows that another view states too and updated later; looked for a month at a time."""
    found: dict[str, Collection[int]] = {}

    def place(held: Held) -> tuple[str, str, str]:
        return str(held.account), str(held.report_type), f"{held.start:%Y-%m}"

    for _, group in groupby(sorted(chosen, key=place), key=place):
        same = list(group)
        if len({held.view for held in same}) > 1:
            found |= _repeats_among(same, chosen, records, key)
    return found


def _repeats_among(
    same: Sequence[Held], chosen: Sequence[Held], records: File, key: Sequence[str]
) -> dict[str, Collection[int]]:
    in_order = [held for held in chosen if held in same]
    parts = [
        pl.scan_parquet(records / str(held.file), hive_partitioning=False, glob=False)
        .select(*key, "updated_at")
        .with_row_index(_ROW)
        .with_columns(pl.lit(number, dtype=pl.UInt32).alias("__file"))
        for number, held in enumerate(in_order)
    ]
    views = {name: number for number, name in enumerate(dict.fromkeys(held.view for held in in_order))}
    of_file = pl.Series([views[held.view] for held in in_order], dtype=pl.UInt32)
    keys = pl.concat(parts).filter(pl.col("id").is_not_null() & pl.col("start_date").is_not_null()).collect()
    keys = keys.with_columns(of_file.gather(keys["__file"]).alias("__view"))
    newest = pl.col("__view").sort_by(["updated_at", "__view"], descending=True, nulls_last=True).first()
    gone = keys.filter(pl.col("__view") != newest.over(key))
    return {
        str(in_order[number].file): rows["__row"].to_list()
        for (number,), rows in gone.partition_by("__file", as_dict=True).items()
    }


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
