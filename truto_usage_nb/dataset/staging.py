"""Pages on their way: each committed in one step together with its cursor, until their window is whole.

A page is a Parquet file that carries what led to it and where it leads. Its name is its number, its folder the
window; while pages are taken back, the last goes first, so that what is left is always the beginning of a walk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import Field, TypeAdapter

from truto_usage_nb.dataset.files import UNREADABLE, Disk, check_own
from truto_usage_nb.dataset.journal import Attempt, Reach, SentQuery, ViewName
from truto_usage_nb.dataset.stored_columns import (
    Leaf,
    joined_types,
    read_names,
    read_types,
    whole_leaves,
    write_names,
    write_types,
)
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.frames import FieldPath, Types
from truto_usage_nb.planning import Period
from truto_usage_nb.recall import CountSaid, MomentSaid, recalled
from truto_usage_nb.writing import filling

__all__ = [
    "PAGES", "Begun", "Mark", "PageColumns", "StagedPage", "WindowTask", "begun_windows", "discard", "folder_name",
    "stage",
]  # fmt: skip

PAGES = "pages"
_KEY = "truto_usage_page"
_SUFFIX = ".page"


@dataclass(frozen=True, slots=True)
class WindowTask:
    """State what every page of a window has in common: enough to go on asking exactly as it was begun.

    `query` is what is sent, as JSON; a cursor is good only with the query, and the size of page, that it came with.
    `settled` says that the window's figures were final when its first page was asked for.
    """

    view: ViewName
    account: str | None
    report_type: str | None
    start: MomentSaid
    end: MomentSaid
    settled: bool
    query: SentQuery
    records_per_page: Annotated[int, Field(ge=1)] | None
    fetched_at: MomentSaid
    attempt: Attempt

    @property
    def window(self) -> Period:
        """Give the window."""
        return Period(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Mark:
    """State where a page stands in its walk: the cursor it was asked with, and the one it leads to.

    `pages` are those of the service that it holds, one after the other.
    """

    number: CountSaid
    cursor: str | None
    next_cursor: str | None
    partial: bool
    notes: tuple[str, ...]
    pages: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True, slots=True)
class StagedPage:
    """Hold a page that is committed: where, how many records it has, and how far those of other windows reach."""

    path: Path
    mark: Mark
    records: int
    strays: Reach | None = None


@dataclass(frozen=True, slots=True)
class PageColumns:
    """State what columns a page has, and the names that undocumented paths were given."""

    types: Types
    names: dict[FieldPath, str]


@dataclass(slots=True)
class Begun:
    """Hold a window that was begun, its pages so far, and their columns.

    `whole` are the columns, and the fields of items, that hold whole numbers in one of its pages.
    """

    task: WindowTask
    folder: Path
    pages: list[StagedPage]
    types: Types = field(default_factory=dict)
    names: dict[FieldPath, str] = field(default_factory=dict)
    whole: set[Leaf] = field(default_factory=set)

    def take_in(self, page: StagedPage, columns: PageColumns) -> None:
        """Take in a page that is committed."""
        self.pages.append(page)
        self.types = joined_types(self.types, columns.types)
        self.names |= columns.names
        self.whole |= whole_leaves(columns.types)

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
    def strays(self) -> Reach | None:
        """Tell how far the records of its pages reach that are of other windows, or of no time."""
        found = [page.strays for page in self.pages if page.strays is not None]
        return (min(first for first, _ in found), max(last for _, last in found)) if found else None

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


def stage(
    begun: Begun, mark: Mark, frame: pl.DataFrame, columns: PageColumns, disk: Disk, *, strays: Reach | None = None
) -> None:
    """Commit a page."""
    said = {
        "errand": {name: _plain(value) for name, value in asdict(begun.task).items()},
        "mark": asdict(mark),
        "types": write_types(columns.types),
        "names": write_names(columns.names),
        "records": frame.height,
        "strays": None if strays is None else [each.isoformat() for each in strays],
    }
    path = begun.folder / f"{mark.number:06}{_SUFFIX}"

    def write(half: Path) -> None:
        with filling(half) as file:
            frame.write_parquet(file, compression="lz4", metadata={_KEY: json.dumps(said)})

    disk.place(path, write)
    begun.take_in(StagedPage(path, mark, frame.height, strays), columns)


def discard(begun: Begun, disk: Disk) -> None:
    """Take a window's pages back, the last one first."""
    for page in reversed(begun.pages):
        disk.remove(page.path)
    begun.pages, begun.types, begun.names, begun.whole = [], {}, {}, set()
    with suppress(OSError):
        begun.folder.rmdir()


def begun_windows(directory: Path) -> Iterator[Begun]:
    """Give the windows that were begun.

    Raises `DatasetError` for a page that cannot be read, and for one that leads elsewhere.
    """
    check_own(directory, PAGES)
    for folder in sorted((directory / PAGES).glob("*")):
        paths = sorted(folder.glob(f"*{_SUFFIX}"))
        check_own(directory, *(f"{PAGES}/{folder.name}/{path.name}" for path in paths))
        read = [_read(path) for path in paths]
        if not read:
            continue
        pages = [page for _, page, _ in read]
        gapless = all(one.mark.next_cursor == two.mark.cursor is not None for one, two in pairwise(pages))
        if not gapless or [page.mark.number for page in pages] != list(range(1, len(pages) + 1)):
            raise DatasetError(
                f"{folder} does not hold the first pages of a walk, one after the other; {_remedy(folder)}"
            )
        task = read[0][0]
        if any(each != task for each, _, _ in read) or folder.name != folder_name(task.view, task.window):
            raise DatasetError(f"{folder} holds pages of another window than it is named for; {_remedy(folder)}")
        begun = Begun(task, folder, [])
        for _, page, columns in read:
            begun.take_in(page, columns)
        yield begun


@dataclass(frozen=True, slots=True)
class _Said:
    """State what stands in a page beside its records, each value of its type; `types` reads types and names."""

    errand: WindowTask  # as the files of every version call it
    mark: Mark
    types: list[Any]
    names: list[Any]
    records: CountSaid
    strays: Reach | None = None


@cache
def _kind() -> TypeAdapter[_Said]:
    return TypeAdapter(_Said)


def _read(path: Path) -> tuple[WindowTask, StagedPage, PageColumns]:
    try:
        said = recalled(_kind(), pl.read_parquet_metadata(path)[_KEY])
        if said.errand.start >= said.errand.end:
            raise ValueError("its window ends before it begins")
        columns = PageColumns(read_types(said.types), read_names(said.names))
        return said.errand, StagedPage(path, said.mark, said.records, said.strays), columns
    except (*UNREADABLE, KeyError, TypeError, RecursionError) as problem:
        why = " ".join(str(problem).split())[:200]
        raise DatasetError(f"{path} is damaged ({why}); {_remedy(path.parent)}") from None


def _remedy(folder: Path) -> str:
    return f"delete {folder} and scan again: its window was not finished, and is fetched anew"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
