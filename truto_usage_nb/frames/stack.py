"""One column over all pages: its parts one below the other, and whose record each row is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames.parts import Part, Path, dotted, nulls, unreadable

Owner = Callable[[int], object]
"""Gives the id of the record that a row belongs to."""


@dataclass(slots=True)
class Stack:
    """Hold the parts of one column, a part a page, and the heights of the pages."""

    path: Path
    parts: Sequence[Part]
    heights: Sequence[int]
    owner: Owner

    @property
    def height(self) -> int:
        """Give the number of rows."""
        return sum(self.heights)

    @property
    def is_mixed(self) -> bool:
        """Tell whether some part holds what no Series holds."""
        return any(isinstance(part, list) for part in self.parts)

    @property
    def dtypes(self) -> set[Any]:
        """Give the dtypes of the parts that are Series."""
        return {part.dtype for part in self.parts if isinstance(part, pl.Series)}

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing but nulls."""
        return all(part is None for part in self.parts)

    def holds_only(self, *dtypes: Any) -> bool:
        """Tell whether every part is a Series of one of these dtypes."""
        return not self.is_mixed and self.dtypes <= set(dtypes)

    def joined(self, dtype: Any) -> pl.Series:
        """Give the whole column, each part cast; the caller knows that no cast loses anything."""
        if self.is_empty:
            return nulls(self.height, dtype)
        return pl.concat([_cast(part, height, dtype) for part, height in self._rows()], rechunk=True)

    def values(self) -> Iterator[Any]:
        """Give every value of the column, from the first row to the last."""
        for part, height in self._rows():
            yield from [None] * height if part is None else part

    def unreadable(self, row: int, value: object, why: str) -> UnreadableValueError:
        """Make the error for the value in a row."""
        return unreadable(self.owner(row), dotted(self.path), value, why)

    def _rows(self) -> Iterator[tuple[Part, int]]:
        return zip(self.parts, self.heights, strict=True)


def _cast(part: Part, height: int, dtype: Any) -> pl.Series:
    if part is None:
        return nulls(height, dtype)
    series = part if isinstance(part, pl.Series) else pl.Series(part)
    return series if series.dtype == dtype else series.cast(dtype)
