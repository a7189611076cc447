"""Whether a directory is a dataset of ours, and whole."""

from __future__ import annotations

from pathlib import Path as File

import polars as pl

from truto_usage_nb.dataset.disk import is_left_over
from truto_usage_nb.dataset.journal import JOURNAL, RECORDS, Journal, Part, place_of
from truto_usage_nb.dataset.naming import stored
from truto_usage_nb.dataset.writing import KEY, UNREADABLE, rows_of, types_in
from truto_usage_nb.errors import DatasetError

__all__ = ["check_files", "check_held", "check_place", "is_ours"]

_REMEDY = "restore the directory from a copy, or scan into a new one"


def is_ours(directory: File) -> bool:
    """Tell whether a directory is a dataset."""
    return (directory / JOURNAL).is_file()


def check_place(directory: File) -> None:
    """Refuse a directory that holds something else."""
    try:
        if not directory.exists():
            return
        if not directory.is_dir():
            raise DatasetError(f"{directory} is a file; scan_usage keeps a directory: give an empty or a new one")
        others = sorted(each.name for each in directory.iterdir() if not _may_come_first(each.name))
    except OSError as problem:
        raise DatasetError(f"{directory} cannot be looked into: {problem.strerror or problem}") from None
    if others and not is_ours(directory):
        raise DatasetError(
            f"{directory} is not a dataset of scan_usage: it holds {', '.join(map(repr, others[:3]))}, and no "
            f"{JOURNAL}; give an empty or a new directory"
        )


def _may_come_first(name: str) -> bool:
    """Tell what may be there before there is a journal."""
    return name == "lock" or is_left_over(name)


def check_files(journal: Journal, directory: File) -> None:
    """Check that every file is there and whole, and that there is no other."""
    check_held(journal, directory)
    held, records = journal.files(), directory / RECORDS
    there = {each.relative_to(records).as_posix() for each in records.rglob("*.parquet")}
    if unknown := sorted(there - held.keys()):
        raise DatasetError(
            f"{records / unknown[0]} is not a file of this dataset: its {JOURNAL} does not name it, so a reader would "
            "count records that nobody vouches for; move it elsewhere"
        )


def check_held(journal: Journal, directory: File) -> None:
    """Check that every file that the journal names is there and whole."""
    columns = stored(journal.types, journal.kept_as)
    for file, part in journal.files().items():
        _check_file(place_of(directory, file), part, columns)


def _check_file(path: File, held: Part, columns: list[tuple[str, pl.DataType]]) -> None:
    if not path.is_file():
        raise DatasetError(f"{path} is missing, with {held.records:,} records; {_REMEDY}")
    size = path.stat().st_size
    if size != held.size:
        raise DatasetError(f"{path} is damaged: it has {size:,} bytes, and {held.size:,} were written; {_REMEDY}")
    try:
        rows, is_ours = rows_of(path), KEY in pl.read_parquet_metadata(path)
    except UNREADABLE as problem:
        raise DatasetError(f"{path} is damaged ({' '.join(str(problem).split())[:200]}); {_REMEDY}") from None
    if rows != held.records or not is_ours:
        raise DatasetError(f"{path} was changed: it has {rows:,} records, and {held.records:,} were written; {_REMEDY}")
    if list(types_in(path).items()) != columns:
        raise DatasetError(f"{path} was changed: its columns are not those that were written; {_REMEDY}")
