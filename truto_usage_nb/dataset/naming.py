"""The names that columns have on disk: distinct without regard to case, and none of them a folder's.

DuckDB and Spark know no case, and `account` and `month` are what the folders say. A frame keeps its names; a column
whose name is taken on disk is kept under another there, and so is a field of a list's items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

import polars as pl

from truto_usage_nb.frames import Path, Types, on_disk

__all__ = ["FOLDERS", "kept_as", "restoring", "stored", "storing"]

FOLDERS = ("account", "month")
_WIDEST_JOINT = 4


def kept_as(types: Types, paths: Mapping[Path, str], before: Mapping[str, str], held: Iterable[str]) -> dict[str, str]:
    """Give the names on disk of the columns that have another one there; what is `held` keeps the name of `before`.

    The first to come has its own name; a later one is joined by `__` at every joint, as two paths of one name are, or
    gets a number.

    >>> types = dict.fromkeys(["ext_r", "ext_R", "Month"], pl.Int64())
    >>> kept_as(types, {("ext", "r"): "ext_r", ("ext", "R"): "ext_R"}, {}, [])
    {'ext_R': 'ext__R', 'Month': 'Month__2'}
    """
    made = {name: before.get(name, name) for name in held if name in types}
    used = {name.casefold() for name in (*FOLDERS, *made.values())}
    natural = {name.casefold() for name in types}
    of = {name: path for path, name in paths.items()}
    for name in types:
        if name in made:
            continue
        chosen = name
        if name.casefold() in used:
            free = (each for each in _others(name, of.get(name, ())) if each.casefold() not in used | natural)
            chosen = next(free)
        made[name] = chosen
        used.add(chosen.casefold())
    return {name: made[name] for name in types if made[name] != name}


def _others(name: str, path: Path) -> Iterator[str]:
    keys = [key.replace(".", "_") for key in path]
    if len(keys) > 1:
        yield from (("_" * width).join(keys) for width in range(2, _WIDEST_JOINT + 1))
    yield from (f"{name}__{number}" for number in count(2))


def stored(types: Types, names: Mapping[str, str] | None) -> list[tuple[str, pl.DataType]]:
    """Give the columns as they stand in a file; `names` None: as an earlier version wrote them, under their own."""
    if names is None:
        return [(name, on_disk(dtype)) for name, dtype in types.items()]
    return [(names.get(name, name), _folded(on_disk(dtype))) for name, dtype in types.items()]


def storing(types: Types, names: Mapping[str, str] | None) -> list[pl.Expr]:
    """Give what makes columns of a frame that has been fitted into those that stand in a file."""
    pairs = zip(types.items(), stored(types, names), strict=True)
    return [_renamed(pl.col(name), on_disk(dtype), kept).alias(as_) for (name, dtype), (as_, kept) in pairs]


def restoring(types: Types, names: Mapping[str, str] | None) -> list[pl.Expr]:
    """Give what makes a frame's columns of those that stand in a file."""
    pairs = zip(types.items(), stored(types, names), strict=True)
    return [_renamed(pl.col(as_), kept, on_disk(dtype)).alias(name) for (name, dtype), (as_, kept) in pairs]


def _folded(dtype: Any) -> pl.DataType:
    """Give a type whose structs' fields are distinct without regard to case: a later one gets `_` behind it."""
    if isinstance(dtype, pl.List):
        return pl.List(_folded(dtype.inner))
    if isinstance(dtype, pl.Struct):
        natural, used = {each.name.casefold() for each in dtype.fields}, set[str]()
        fields: dict[str, pl.DataType] = {}
        for each in dtype.fields:
            name = each.name
            while name.casefold() in used or (name != each.name and name.casefold() in natural):
                name += "_"
            used.add(name.casefold())
            fields[name] = _folded(each.dtype)
        return pl.Struct(fields)
    made: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return made


def _renamed(column: pl.Expr, have: Any, want: Any) -> pl.Expr:
    """Give a column with the fields of its structs named as in another type of the same shape."""
    if have == want:
        return column
    if isinstance(have, pl.List):
        return column.list.eval(_renamed(pl.element(), have.inner, want.inner))
    inner = [
        _renamed(pl.field(one.name), one.dtype, two.dtype)
        for one, two in zip(have.fields, want.fields, strict=True)
        if one.dtype != two.dtype
    ]
    column = column.struct.with_fields(inner) if inner else column
    return column.struct.rename_fields([each.name for each in want.fields])
