"""Pages on their way: each committed in one step together with its cursor, until their window is whole.

A page is a Parquet file that carries what led to it and where it leads. Its name is its number, its folder the
window; while pages are taken back, the last goes first, so that what is left is always the beginning of a walk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path as File
from typing import Any

import polars as pl

from truto_usage_nb.dataset.disk import Disk
from truto_usage_nb.dataset.types import read_names, read_types, write_names, write_types
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.frames import Path, Types
from truto_usage_nb.planning import Period

__all__ = ["Begun", "Columns", "Errand", "Mark", "StagedPage", "begun_windows", "discard", "folder_name", "stage"]

PAGES = "pages"
_KEY = "truto_usage_page"
_SUFFIX = ".page"


@dataclass(frozen=True, slots=True)
class Errand:
    """State what every page of a window has in common: enough to go on asking exactly as it was begun.

    `query` is what is sent, as JSON; a cursor is good only with the query, and the size of page, that it came with.
    `settled` says that the window's figures were final when its first page was asked for.
    """

    view: str
    account: str | None
    report_type: str | None
    start: datetime
    end: datetime
    settled: bool
    query: str
    records_per_page: int | None
    fetched_at: datetime
    attempt: str

    @property
    def window(self) -> Period:
        """Give the window."""
        return Period(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Mark:
    """State where a page stands in its walk: the cursor it was asked with, and the one it leads to."""

    number: int
    cursor: str | None
    next_cursor: str | None
    partial: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StagedPage:
    """Hold a page that is committed: where, and how many records it keeps."""

    path: File
    mark: Mark
    records: int


@dataclass(frozen=True, slots=True)
class Columns:
    """State what columns a page has, and the names that undocumented paths were given."""

    types: Types
    names: dict[Path, str]


@dataclass(slots=True)
class Begun:
    """Hold a window that was begun, and its pages so far."""

    errand: Errand
    folder: File
    pages: list[StagedPage]

    @property
    def is_whole(self) -> bool:
        """Tell whether the last page is there."""
        return bool(self.pages) and self.pages[-1].mark.next_cursor is None

    @property
    def cursor(self) -> str | None:
        """Give the cursor to go on with."""
        return self.pages[-1].mark.next_cursor if self.pages else None

    @property
    def records(self) -> int:
        """Give how many records its pages hold."""
        return sum(page.records for page in self.pages)

    @property
    def partial(self) -> bool:
        """Tell whether the provider said of a page that it is incomplete."""
        return any(page.mark.partial for page in self.pages)


def folder_name(view: str, window: Period) -> str:
    """Give a name to a view's window.

    >>> folder_name("0f0f0f0f", Period.parse("2026-10"))
    '0f0f0f0f-20261001-20261101'
    """
    return f"{view}-{_stamp(window.start)}-{_stamp(window.end)}"


def _stamp(moment: datetime) -> str:
    text = moment.strftime("%Y%m%dT%H%M%S")
    return text.removesuffix("T000000") if not moment.microsecond else f"{text}.{moment.microsecond:06}"


def stage(begun: Begun, mark: Mark, frame: pl.DataFrame, columns: Columns, disk: Disk) -> None:
    """Commit a page."""
    said = {
        "errand": {name: _plain(value) for name, value in asdict(begun.errand).items()},
        "mark": asdict(mark),
        "types": write_types(columns.types),
        "names": write_names(columns.names),
        "records": frame.height,
    }
    path = begun.folder / f"{mark.number:06}{_SUFFIX}"
    disk.place(
        path, lambda half: frame.write_parquet(half, compression="lz4", metadata={_KEY: json.dumps(said)}, mkdir=False)
    )
    begun.pages.append(StagedPage(path, mark, frame.height))


def discard(begun: Begun, disk: Disk) -> None:
    """Take a window's pages back, the last one first."""
    for page in reversed(begun.pages):
        disk.remove(page.path)
    begun.pages = []
    with suppress(OSError):
        begun.folder.rmdir()


def begun_windows(directory: File) -> Iterator[tuple[Begun, list[Columns]]]:
    """Give the windows that were begun, with their pages' columns; raises `DatasetError` for an unreadable page."""
    for folder in sorted((directory / PAGES).glob("*")):
        read = [_read(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))]
        if not read:
            continue
        pages = [page for _, page, _ in read]
        gapless = all(one.mark.next_cursor == two.mark.cursor is not None for one, two in pairwise(pages))
        if not gapless or [page.mark.number for page in pages] != list(range(1, len(pages) + 1)):
            raise DatasetError(
                f"{folder} does not hold the first pages of a walk, one after the other; {_remedy(folder)}"
            )
        yield Begun(read[0][0], folder, pages), [columns for _, _, columns in read]


def _read(path: File) -> tuple[Errand, StagedPage, Columns]:
    try:
        said = json.loads(pl.read_parquet_metadata(path)[_KEY])
        errand = Errand(**{**said["errand"], **{name: _moment(said["errand"][name]) for name in _MOMENTS}})
        mark = Mark(**{**said["mark"], "notes": tuple(said["mark"]["notes"])})
        columns = Columns(read_types(said["types"]), read_names(said["names"]))
        return errand, StagedPage(path, mark, said["records"]), columns
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as problem:
        raise DatasetError(f"{path} is damaged ({problem}); {_remedy(path.parent)}") from None


def _remedy(folder: File) -> str:
    return f"delete {folder} and scan again: its window was not finished, and is fetched anew"


_MOMENTS = ("start", "end", "fetched_at")
_moment = datetime.fromisoformat


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
