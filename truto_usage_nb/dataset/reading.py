"""A dataset that is already there, looked at without asking the service."""

from __future__ import annotations

from pathlib import Path as File

import polars as pl

from truto_usage_nb.dataset.checks import check_held, is_ours
from truto_usage_nb.dataset.journal import PREPARED, Journal, read_journal
from truto_usage_nb.dataset.staging import PAGES
from truto_usage_nb.dataset.viewing import view
from truto_usage_nb.dataset.writing import KEY, UNREADABLE
from truto_usage_nb.errors import DatasetError

__all__ = ["is_dataset", "is_records", "read_dataset", "read_records"]

is_dataset = is_ours


def is_records(path: File) -> bool:
    """Tell whether a file holds records of a dataset."""
    try:
        return KEY in pl.read_parquet_metadata(path)
    except UNREADABLE:
        return False


def read_records(path: File) -> pl.DataFrame:
    """Give the records of one file of a dataset; raises `DatasetError` where it is damaged."""
    try:
        return pl.read_parquet(path, hive_partitioning=False, glob=False)
    except UNREADABLE as problem:
        raise DatasetError(
            f"{path} is damaged ({problem}); restore it from a copy, or scan into a new directory"
        ) from None


def read_dataset(directory: File) -> pl.LazyFrame:
    """Give every record of a dataset's committed windows, once, of all accounts and views.

    Raises `DatasetError` where a file is missing or damaged.
    """
    journal = read_journal(directory)
    for _ in range(_TIMES):
        try:
            _check(journal, directory)
            return view(journal, directory, None, None).frame
        except DatasetError as problem:
            before, journal = journal, read_journal(directory)
            if before == journal:  # else a scan was at work meanwhile, and the files are those of its new journal
                raise _explained(directory, problem) from None
    raise DatasetError(f"a scan of {directory} is at work: wait for it to end, or scan again")


_TIMES = 3


def _check(journal: Journal, directory: File) -> None:
    if journal.widening:
        raise DatasetError(f"the columns of {directory} are being widened; wait for the scan to end, or scan again")
    if journal.prepared is not None and (directory / PREPARED / journal.prepared).exists():
        raise DatasetError(f"files of {directory} are on their way; wait for the scan to end, or scan again")
    check_held(journal, directory)


def _explained(directory: File, problem: DatasetError) -> DatasetError:
    under_way = any((directory / PAGES).glob("*/*")) or any((directory / PREPARED).glob("*/*"))
    if not under_way or "scan again" in str(problem):
        return problem
    return DatasetError(f"a scan of {directory} was cut short or is at work: scan again ({problem})")
