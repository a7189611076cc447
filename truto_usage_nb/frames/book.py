"""The pages of one frame, open side by side: each column is taken out once, so that its parts can go.

Pages are used up by that: a frame is as large as its pages, and both at once would be twice as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import polars as pl

from truto_usage_nb.frames.parts import ParsedPage, Part, Path, Whose, document_order, repeated
from truto_usage_nb.frames.stack import Stack
from truto_usage_nb.schema import SCHEMA

_DOCUMENTED = [tuple(each.path.split(".")) for each in SCHEMA]


class Book:
    """Hold the columns of several pages until each is taken."""

    def __init__(self, pages: Iterable[ParsedPage], *, documented: bool) -> None:
        pages = list(pages)
        self.tables = [page.table for page in pages]
        self.heights = [page.height for page in pages]
        self.is_cut_short = any(page.is_cut_short for page in pages)
        """Whether something was nested too deeply, and is kept as JSON text."""
        self.as_text: set[Path] = set().union(*(table.as_text for table in self.tables))
        self._sources = [page.source for page in pages]
        self._order = document_order(self.tables, _DOCUMENTED if documented else ())
        self._objects: set[Path] = set().union(*(table.objects for table in self.tables))
        self._columns: list[dict[Path, Part]] = [table.columns for table in self.tables]
        self._ids = [table.columns.get(("id",)) for table in self.tables]

    def __contains__(self, path: Path) -> bool:
        return any(columns.get(path) is not None for columns in self._columns)

    def look(self, path: Path) -> Stack:
        """Give a column, and keep it."""
        return Stack(path, [columns.get(path) for columns in self._columns], self.heights, self.owner)

    def take(self, path: Path) -> Stack:
        """Give a column, and let go of it."""
        return Stack(path, [columns.pop(path, None) for columns in self._columns], self.heights, self.owner)

    def rest(self, *, also_empty: bool) -> Iterator[Path]:
        """Give the paths that nobody took, in document order.

        `also_empty`: a path that has nothing but nulls is one too, unless it holds objects elsewhere.
        """
        left = set().union(*self._columns)
        for path in self._order:
            if path in left and (path in self or (also_empty and path not in self._objects)):
                yield path

    def first(self, path: Path) -> Whose:
        """Give the first record that has a value under a path."""
        return self.owner(next((row for row, _ in self.look(path).stated()), 0))

    def stated_by_all(self, name: str) -> tuple[str | None] | None:
        """Give what the sources of all pages state alike for a provenance column; None where they differ."""
        found = {getattr(source, name) for source in self._sources}
        return (found.pop(),) if len(found) == 1 else None

    def stated(self, name: str) -> pl.Series:
        """Give a provenance column as the sources of the pages state it."""
        sources = zip(self._sources, self.heights, strict=True)
        stated = [(getattr(source, name), height) for source, height in sources]
        parts = [
            repeated(value, sum(height for _, height in same), pl.String)
            for value, same in groupby(stated, key=itemgetter(0))
        ]
        return pl.concat(parts, rechunk=True) if parts else pl.Series([], dtype=pl.String)

    def owner(self, row: int) -> Whose:
        """Give the record in a row: its id, or, where it has none, its number."""
        number = row + 1
        for ids, height, source in zip(self._ids, self.heights, self._sources, strict=True):
            if row < height:
                found = None if ids is None else ids[row]
                found = getattr(found, "as_py", lambda value=found: value)()
                return Whose(f"number {number}" if found is None else found, source.integrated_account_id)
            row -= height
        return Whose(f"number {number}")
