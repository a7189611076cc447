"""One column over all pages: its parts one below the other, and whose record each row is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import polars as pl

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames.parts import Part, Path, Whose, dotted, nulls, unreadable

Owner = Callable[[int], Whose]
"""Gives the record that a row belongs to."""


_Opened: TypeAlias = "pl.Series | list[Any] | None"


class Stack:
    """Hold the parts of one column, a part a page, and the heights of the pages."""

    def __init__(self, path: Path, parts: Sequence[Part], heights: Sequence[int], owner: Owner) -> None:
        self.path = path
        self.parts = [_opened(part) for part in parts]
        self.heights = heights
        self.owner = owner
        self.is_empty = all(part is None for part in parts)
        self._is_mixed = any(isinstance(part, list) for part in parts)
        self._dtypes = {part.dtype for part in self.parts if isinstance(part, pl.Series)}

    def holds_only(self, *dtypes: Any) -> bool:
        """Tell whether every part is a Series of one of these dtypes."""
        return not self._is_mixed and self._dtypes <= set(dtypes)

    def joined(self, dtype: Any) -> pl.Series:
        """Give the whole column, each part cast; the caller knows that no cast loses anything."""
        blank = nulls(max(self.heights, default=0), dtype)
        pieces = [blank.head(height) if part is None else _cast(part, dtype) for part, height in self._rows()]
        return pl.concat(pieces, rechunk=True) if pieces else blank

    def values(self) -> Iterator[Any]:
        """Give every value of the column, from the first row to the last."""
        for part, height in self._rows():
            yield from [None] * height if part is None else part

    def stated(self) -> Iterator[tuple[int, Any]]:
        """Give each value that is there, with its row; a page without the column costs no time."""
        start = 0
        for part, height in self._rows():
            if part is not None:
                values = part.to_list() if isinstance(part, pl.Series) else part
                yield from ((row, value) for row, value in enumerate(values, start) if value is not None)
            start += height

    def unreadable(self, row: int, value: object, why: str) -> UnreadableValueError:
        """Make the error for the value in a row."""
        return unreadable(self.owner(row), dotted(self.path), value, why)

    def _rows(self) -> Iterator[tuple[_Opened, int]]:
        return zip(self.parts, self.heights, strict=True)


def _opened(part: Part) -> _Opened:
    return part if part is None or isinstance(part, pl.Series | list) else pl.Series(part)


def _cast(part: pl.Series | list[Any], dtype: Any) -> pl.Series:
    series = part if isinstance(part, pl.Series) else pl.Series(part)
    return series if series.dtype == dtype else series.cast(dtype)
