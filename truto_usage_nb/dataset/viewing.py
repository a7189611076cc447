"""The frame over a dataset, whether or not a scan made it just now: lazy, of committed files only, each record once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import polars as pl

from truto_usage_nb.dataset.files import RECORDS_KEY, UNREADABLE
from truto_usage_nb.dataset.journal import PREPARED, Held, Journal, place_of, read_journal
from truto_usage_nb.dataset.staging import PAGES
from truto_usage_nb.dataset.store import check_held, is_ours
from truto_usage_nb.dataset.windows import (
    JOB,
    ROW,
    Rows,
    WindowAnswer,
    dropped,
    numbered_rows,
    open_files,
    overlaps,
    records_among,
    sifted,
    stated_twice,
    within,
    without,
)
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.frames import on_disk
from truto_usage_nb.jobs import (
    MORE_THAN_ASKED,
    cut_to,
    dateless_told,
    outside_told,
    overhang_told,
    prorated,
    repeats_told,
)
from truto_usage_nb.planning import Period
from truto_usage_nb.schema import RECORD_KEY


@dataclass(frozen=True, slots=True)
class DatasetView:
    """Hold the frame, and what the user must be told about it."""

    frame: pl.LazyFrame
    told: tuple[str, ...]


def dataset_view(
    journal: Journal, directory: Path, views: Sequence[str] | None, period: Period | None, overhang: str | None = None
) -> DatasetView:
    """Look at the records of some views (None: all) in the order asked, window by window."""
    order = _every_view(journal) if views is None else views
    chosen = [
        held
        for name in order
        for held in journal.of_view(name)
        if held.parts and (period is None or overlaps(held.window, period))
    ]
    are_dates = all(isinstance(journal.types.get(name), pl.Datetime) for name in ("start_date", "end_date"))
    if not are_dates:
        seen = _once(chosen, journal, directory, None, are_dates=False)
        return seen if period is None else DatasetView(seen.frame, (*seen.told, _UNCUT))
    seen = _once(chosen, journal, directory, period, are_dates=True)
    if period is None:
        return seen
    keeps, marks = cut_to(period)
    frame = seen.frame.filter(keeps).with_columns(marks)
    return DatasetView(_settled(frame, period, overhang), (*seen.told, *_told(frame, period, overhang)))


def _every_view(journal: Journal) -> list[str]:
    """Give all views, account by account, whichever came first."""
    found = {held.view: (str(held.account), str(held.report_type), held.view) for held in journal.windows}
    return sorted(found, key=lambda name: found[name])


_UNCUT = "start_date or end_date is not among the columns as a date: the period is not cut out"


def _once(
    chosen: Sequence[Held], journal: Journal, directory: Path, period: Period | None, *, are_dates: bool
) -> DatasetView:
    """Give the records of some windows, each once, and say what several of them state, and what nobody asked for."""
    answers = [
        WindowAnswer(number, held.window, _answer(held, journal, directory)) for number, held in enumerate(chosen)
    ]
    gone, told = _foreign(chosen, answers, journal, period) if are_dates else ({}, [])
    judged = _judged(chosen, answers, gone, period) if set(RECORD_KEY) <= set(journal.types) else None
    if judged is not None:
        from truto_usage_nb.costs.lines import billed_in_all

        for (number,), rows in dropped(judged).partition_by(JOB, as_dict=True).items():
            gone.setdefault(number, set()).update(rows[ROW])
        told += repeats_told(judged, billed_in_all)
    return DatasetView(_scanned(chosen, answers, gone, journal, directory), tuple(told))


def _answer(held: Held, journal: Journal, directory: Path) -> pl.LazyFrame:
    return open_files([place_of(directory, part.file) for part in held.parts], journal)


def _scanned(
    chosen: Sequence[Held], answers: Sequence[WindowAnswer], gone: Rows, journal: Journal, directory: Path
) -> pl.LazyFrame:
    """Set what stands of the windows below each other; those of which all does are read together."""
    if not chosen:
        return pl.DataFrame(schema={name: on_disk(dtype) for name, dtype in journal.types.items()}).lazy()
    frames = []
    for filtered, group in groupby(answers, key=lambda each: bool(gone.get(each.number))):
        if filtered:
            frames += [without(each.rows.with_row_index(ROW), gone[each.number]).drop(ROW) for each in group]
        else:
            parts = [part for each in group for part in chosen[each.number].parts]
            frames.append(open_files([place_of(directory, part.file) for part in parts], journal))
    return frames[0] if len(frames) == 1 else pl.concat(frames)


def _foreign(
    chosen: Sequence[Held], answers: Sequence[WindowAnswer], journal: Journal, period: Period | None
) -> tuple[Rows, list[str]]:
    """Give what does not stand of what windows brought of others' time, and say what nobody asked for."""
    gone: Rows = {}
    outside: list[pl.DataFrame] = []
    for view in dict.fromkeys(held.view for held in chosen if held.strays is not None):
        mine = [each for each in answers if chosen[each.number].view == view]
        held = [period] if period is not None else [each.window for each in journal.of_view(view)]
        found = sifted(mine, within(held))
        gone |= found.gone
        outside += [records_among(answers[number], rows).collect() for number, rows in found.outside.items()]
    if period is None or not outside:
        return gone, []
    from truto_usage_nb.costs.lines import billed_in_all

    return gone, outside_told(pl.concat(outside), period, billed_in_all, MORE_THAN_ASKED)


def _judged(
    chosen: Sequence[Held], answers: Sequence[WindowAnswer], gone: Rows, period: Period | None
) -> pl.DataFrame | None:
    """Give the rows that several windows state and what becomes of each, looked for a month at a time."""
    keeps = pl.lit(value=True) if period is None else cut_to(period)[0]
    loose = {(held.account, held.report_type) for held in chosen if held.strays is not None}

    def place(held: Held) -> tuple[str, str, str]:
        is_loose = (held.account, held.report_type) in loose
        return str(held.account), str(held.report_type), "" if is_loose else f"{held.start:%Y-%m}"

    found = []
    for _, group in groupby(
        sorted(answers, key=lambda each: place(chosen[each.number])), key=lambda each: place(chosen[each.number])
    ):
        same = [(each, chosen[each.number]) for each in group]
        if len({held.view for _, held in same}) > 1 or any(held.strays is not None for _, held in same):
            rows = pl.concat([numbered_rows(each, gone.get(each.number, ())) for each, _ in same])
            if (judged := stated_twice(rows.filter(keeps))) is not None:
                found.append(judged)
    if not found:
        return None
    from truto_usage_nb.repeats import RECORD

    apart = [rows.with_columns(pl.col(RECORD).cast(pl.Int64) + (number << 32)) for number, rows in enumerate(found)]
    return pl.concat(apart, how="diagonal_relaxed")


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


is_dataset = is_ours


def is_records(path: Path) -> bool:
    """Tell whether a file holds records of a dataset."""
    try:
        return RECORDS_KEY in pl.read_parquet_metadata(path)
    except UNREADABLE:
        return False


def read_records(path: Path) -> pl.DataFrame:
    """Give the records of one file of a dataset; raises `DatasetError` where it is damaged."""
    try:
        return pl.read_parquet(path, hive_partitioning=False, glob=False)
    except UNREADABLE as problem:
        raise DatasetError(
            f"{path} is damaged ({problem}); restore it from a copy, or scan into a new directory"
        ) from None


def read_dataset(directory: Path) -> pl.LazyFrame:
    """Give every record of a dataset's committed windows, once, of all accounts and views.

    Raises `DatasetError` where a file is missing or damaged.
    """
    journal = read_journal(directory)
    for _ in range(_TIMES):
        try:
            _check(journal, directory)
            return dataset_view(journal, directory, None, None).frame
        except DatasetError as problem:
            before, journal = journal, read_journal(directory)
            if before == journal:  # else a scan was at work meanwhile, and the files are those of its new journal
                raise _explained(directory, problem) from None
    raise DatasetError(f"a scan of {directory} is at work: wait for it to end, or scan again")


_TIMES = 3


def _check(journal: Journal, directory: Path) -> None:
    if journal.widening:
        raise DatasetError(f"the columns of {directory} are being widened; wait for the scan to end, or scan again")
    if journal.prepared is not None and (directory / PREPARED / journal.prepared).exists():
        raise DatasetError(f"files of {directory} are on their way; wait for the scan to end, or scan again")
    check_held(journal, directory)


def _explained(directory: Path, problem: DatasetError) -> DatasetError:
    under_way = any((directory / PAGES).glob("*/*")) or any((directory / PREPARED).glob("*/*"))
    if not under_way or "scan again" in str(problem):
        return problem
    return DatasetError(f"a scan of {directory} was cut short or is at work: scan again ({problem})")
