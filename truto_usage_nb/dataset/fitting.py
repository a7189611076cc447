"""Which type holds what stands in several files, by the rule of one frame: nothing is lost or changed.

Whole numbers beside fractions are fractions. Where a float cannot hold one of them exactly, a column that nobody
documented is text, as it would be in one frame; a documented count cannot be, so what brings the fraction is refused.
A key of a list's items that has a value in one and an object in another is two fields, the object's with `_` behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import polars as pl

from truto_usage_nb.frames import Types, merged
from truto_usage_nb.schema import columns

__all__ = ["COUNTS", "Leaf", "aligned", "as_counts", "as_text", "inexact", "joined", "of_type", "plain", "whole_leaves"]

Leaf: TypeAlias = tuple[str, ...]
"""A column, or a field inside of it: the column's name, then the keys down to it; items of a list have none."""

COUNTS = frozenset(field.column for field in columns(remote_data=True) if field.dtype in ("Int64", "Float64"))
"""The documented columns that hold numbers."""


def joined(one: Types, other: Types) -> Types:
    """Give the columns of both, each of the type that holds both.

    >>> old = {"c": pl.List(pl.Struct({"a": pl.Struct({"b": pl.Int64()})}))}
    >>> joined(old, {"c": pl.List(pl.Struct({"a": pl.String()}))})
    {'c': List(Struct({'a': String, 'a_': Struct({'b': Int64})}))}
    """
    return {name: _held_by(one.get(name, _UNKNOWN), other.get(name, _UNKNOWN)) for name in {**one, **other}}


_UNKNOWN = pl.Null()


def _held_by(one: Any, other: Any) -> pl.DataType:
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        return pl.List(_held_by(one.inner, other.inner))
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        made: Types = {}
        for each in (*one.fields, *other.fields):
            _put(made, each.name, each.dtype)
        return pl.Struct(made)
    return merged({"": one}, {"": other})[""]


def _put(fields: Types, key: str, dtype: Any) -> None:
    """Put a field among others; a value has its key, an object that meets one there the key with `_` behind it."""
    there = fields.get(key, _UNKNOWN)
    if not _are_apart(there, dtype):
        fields[key] = _held_by(there, dtype)
    elif isinstance(dtype, pl.Struct):
        _put(fields, f"{key}_", dtype)
    else:
        fields[key] = dtype
        _put(fields, f"{key}_", there)


def _are_apart(one: Any, other: Any) -> bool:
    return pl.Null() not in (one, other) and isinstance(one, pl.Struct) != isinstance(other, pl.Struct)


def aligned(frame: pl.DataFrame, types: Mapping[str, Any]) -> pl.DataFrame:
    """Give a frame whose objects stand under the keys that `joined` has given them."""
    made = [
        _moved(pl.col(name), dtype, types[name])
        for name, dtype in frame.schema.items()
        if name in types and _renamed(dtype, types[name]) != dtype
    ]
    return frame.with_columns(made) if made else frame


def _renamed(have: Any, want: Any) -> pl.DataType:
    """Give a type with its fields under their keys in another."""
    if isinstance(have, pl.List) and isinstance(want, pl.List):
        return pl.List(_renamed(have.inner, want.inner))
    if not (isinstance(have, pl.Struct) and isinstance(want, pl.Struct)):
        made: pl.DataType = have
        return made
    keys, wanted = _keys(have, want), {each.name: each.dtype for each in want.fields}
    pairs = zip(keys, have.fields, strict=True)
    return pl.Struct({key: _renamed(each.dtype, wanted.get(key, each.dtype)) for key, each in pairs})


def _keys(have: pl.Struct, want: pl.Struct) -> list[str]:
    wanted, keys = {each.name: each.dtype for each in want.fields}, list[str]()
    for each in have.fields:
        key = each.name
        while key in keys or _are_apart(wanted.get(key, _UNKNOWN), each.dtype):
            key += "_"
        keys.append(key)
    return keys


def _moved(column: pl.Expr, have: Any, want: Any) -> pl.Expr:
    if isinstance(have, pl.List) and isinstance(want, pl.List):
        return column.list.eval(_moved(pl.element(), have.inner, want.inner))
    if not (isinstance(have, pl.Struct) and isinstance(want, pl.Struct)):
        return column
    keys, wanted = _keys(have, want), {each.name: each.dtype for each in want.fields}
    inner = [
        _moved(pl.field(each.name), each.dtype, wanted[key])
        for key, each in zip(keys, have.fields, strict=True)
        if key in wanted and _renamed(each.dtype, wanted[key]) != each.dtype
    ]
    column = column.struct.with_fields(inner) if inner else column
    return column.struct.rename_fields(keys)


def plain(leaf: Leaf) -> Leaf:
    """Give a place as it is called wherever its objects stand."""
    return (leaf[0], *(key.rstrip("_") for key in leaf[1:]))


def of_type(types: Types, wanted: pl.DataType) -> set[Leaf]:
    """Give the columns, and the fields in them, of a type."""
    return {leaf for name, dtype in types.items() for leaf in _leaves((name,), dtype, wanted)}


def whole_leaves(types: Types) -> set[Leaf]:
    """Give the columns, and the fields in them, that hold whole numbers, by their `plain` names."""
    return set(map(plain, of_type(types, pl.Int64())))


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
