"""Which type holds what stands in several files, by the rule of one frame: nothing is lost or changed.

Whole numbers beside fractions are fractions. Where a float cannot hold one of them exactly, a column that nobody
documented is text, as it would be in one frame; a documented count cannot be, so what brings the fraction is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeAlias

import polars as pl

from truto_usage_nb.frames import Types
from truto_usage_nb.schema import columns

__all__ = ["Leaf", "as_counts", "as_text", "inexact", "of_type", "whole_leaves"]

Leaf: TypeAlias = tuple[str, ...]
"""A column, or a field inside of it: the column's name, then the keys down to it; items of a list have none."""

COUNTS = frozenset(field.column for field in columns(remote_data=True) if field.dtype in ("Int64", "Float64"))
"""The documented columns that hold numbers."""


def of_type(types: Types, wanted: pl.DataType) -> set[Leaf]:
    """Give the columns, and the fields in them, of a type."""
    return {leaf for name, dtype in types.items() for leaf in _leaves((name,), dtype, wanted)}


def whole_leaves(types: Types) -> set[Leaf]:
    """Give the columns, and the fields in them, that hold whole numbers."""
    return of_type(types, pl.Int64())


def _leaves(path: Leaf, dtype: Any, wanted: pl.DataType) -> Iterator[Leaf]:
    if isinstance(dtype, pl.List):
        yield from _leaves(path, dtype.inner, wanted)
    elif isinstance(dtype, pl.Struct):
        for each in dtype.fields:
            yield from _leaves((*path, each.name), each.dtype, wanted)
    elif dtype == wanted:
        yield path


def as_text(types: Types, leaves: Collection[Leaf]) -> Types:
    """Give the types with text in some places."""
    return {name: _replaced((name,), dtype, leaves) for name, dtype in types.items()}


def _replaced(path: Leaf, dtype: Any, leaves: Collection[Leaf]) -> pl.DataType:
    if path in leaves and not dtype.is_nested():
        return pl.String()
    if isinstance(dtype, pl.List):
        return pl.List(_replaced(path, dtype.inner, leaves))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({each.name: _replaced((*path, each.name), each.dtype, leaves) for each in dtype.fields})
    made: pl.DataType = dtype
    return made


def inexact(frames: Iterable[pl.DataFrame], leaves: Collection[Leaf]) -> set[Leaf]:
    """Give those places where a frame has a whole number that no float holds exactly."""
    found: set[Leaf] = set()
    for frame in frames:
        for leaf in leaves:
            if leaf not in found and any(_is_inexact(each) for each in _values(frame, leaf)):
                found.add(leaf)
    return found


def _values(frame: pl.DataFrame, leaf: Leaf) -> Iterator[pl.Series]:
    """Give what stands in a place, where it is whole numbers."""
    if leaf[0] not in frame.columns:
        return
    series = frame[leaf[0]]
    for key in (*leaf[1:], None):
        while isinstance(series.dtype, pl.List):
            series = series.explode()
        if key is None:
            break
        if not isinstance(series.dtype, pl.Struct) or key not in {each.name for each in series.dtype.fields}:
            return
        series = series.struct.field(key)
    if series.dtype == pl.Int64():
        yield series.drop_nulls()


def _is_inexact(counts: pl.Series) -> bool:
    back = counts.cast(pl.Float64).cast(pl.Int64, strict=False)
    return not back.eq_missing(counts).all()


def as_counts(frame: pl.DataFrame, types: Types) -> pl.DataFrame:
    """Give a frame with whole numbers where they are wanted and stand as floats without a fraction."""
    back = [name for name, dtype in types.items() if dtype == pl.Int64() and frame.schema.get(name) == pl.Float64()]
    whole = frame.select(pl.col(back).cast(pl.Int64, strict=False))
    back = [name for name in back if whole[name].cast(pl.Float64).eq_missing(frame[name]).all()]
    return frame.with_columns(whole.select(back)) if back else frame
