"""How a page's records are nested: taken from polars' types, used to lay them flat and to count what they hold."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from truto_usage_nb.frames.lists import LEAVES
from truto_usage_nb.frames.numbers import is_below
from truto_usage_nb.frames.parts import Items, Layout, Path, Table
from truto_usage_nb.schema import EXPANDED, SCHEMA

_KINDS: dict[Any, str] = {pl.String: "text", pl.Boolean: "flag", pl.Int64: "number", pl.Float64: "number"}
_TEXTS = frozenset(tuple(each.path.split(".")) for each in SCHEMA if each.dtype == "String")
_ITEM_TEXTS = frozenset(path for leaves in LEAVES.values() for path, dtype in leaves.items() if dtype == "String")

CLEAR_IN_FLOAT = 2**36
"""Up to here a float takes a fraction for a whole number only if it begins with five zeros or nines."""
_RUNS = (b"00000", b"99999")
_ALMOST_WHOLE = re.compile(rb"\.(?:00000|99999)[0-9]*")
_TOLD_APART = 15
"""So many digits tell a float from any other that is written with as many."""


def is_almost_whole(content: bytes) -> bool:
    """Tell whether a number may be there that a float takes for the whole one beside it, such as 1.0000000000000001."""
    if not any(run in content for run in _RUNS):
        return False
    return any(_digits(content, *found.span()) > _TOLD_APART for found in _ALMOST_WHOLE.finditer(content))


def _digits(content: bytes, point: int, end: int) -> int:
    """Count the digits of a number whose decimal point stands there, from the first that is not zero."""
    before = content[max(0, point - 20) : point]
    whole = before[len(before.rstrip(b"0123456789")) :].lstrip(b"0")
    return len(whole) + len(content[point + 1 : end] if whole else content[point + 1 : end].lstrip(b"0"))


class Doubt(Exception):
    """Something may be lost: the page is to be read value by value."""


@dataclass(slots=True)
class Shape:
    """Hold the nesting of records.

    `structs` are the paths of objects with keys, to be taken apart; what is left then are the `leaves` (kind of value:
    None for nothing but nulls, "object" for objects without keys) and the list columns, of which `lists` holds the
    shape of the items (None: there are no items, or no keys in them). `paths` are all paths in document order,
    `unwanted` those that the layout leaves out, `floats` those to be watched.
    """

    structs: set[Path] = field(default_factory=set)
    leaves: dict[Path, str | None] = field(default_factory=dict)
    lists: dict[str, Shape | None] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)
    objects: set[Path] = field(default_factory=set)
    floats: set[Path] = field(default_factory=set)
    unwanted: set[Path] = field(default_factory=set)

    def read(self, records: pl.Series) -> tuple[Table, Counter[str]]:
        """Give the records' columns by path, and how many values of each kind they hold.

        Raises `Doubt` for a float that may have been a whole number with other digits.
        """
        found: Counter[str] = Counter()
        table = Table(records.len(), dict.fromkeys(self.paths), self.objects)
        self._take_apart(records, (), table, found)
        floats = [part for path in self.floats if isinstance(part := table.columns[path], pl.Series)]
        if floats and not is_below(pl.concat(floats, rechunk=False), CLEAR_IN_FLOAT):
            raise Doubt
        for path in self.unwanted:
            table.columns.pop(path, None)
            table.lists.pop(path[0], None)
        return table, found

    def _take_apart(self, node: pl.Series, prefix: Path, table: Table, found: Counter[str]) -> None:
        """Lay an object's values flat; a series at a time, which costs less than a query over a frame."""
        for series in node.struct.unnest().get_columns():
            path = (*prefix, series.name)
            present = _present(series)
            if not prefix and series.name in self.lists:
                self._keep_list(series, table, found)
            elif present and path in self.structs:
                found["object"] += present
                self._take_apart(series, path, table, found)
            elif present and (kind := self.leaves[path]) is not None:
                found[kind] += present
                table.columns[path] = None if kind == "object" else series

    def _keep_list(self, series: pl.Series, table: Table, found: Counter[str]) -> None:
        found["array"] += _present(series)
        lengths = series.list.len()
        items = Table(int(lengths.sum()))
        shape = self.lists[series.name]
        if shape is not None and items.height:
            items, inside = shape.read(series.filter(lengths > 0).explode())
            found.update(inside)
        table.lists[series.name] = Items(lengths.cast(pl.Int64), items)


def shape_of(records: pl.Struct, layout: Layout) -> Shape:
    """Give the shape of records; raises `Doubt` where a type is not to be trusted."""
    texts, lists = (_TEXTS, frozenset(EXPANDED)) if layout.documented else (frozenset(), frozenset())
    shape = Shape()
    _add(shape, records, (), texts, lists)
    shape.unwanted = {path for path in (*shape.paths, *((name,) for name in shape.lists)) if layout.leaves_out(path)}
    return shape


def _add(shape: Shape, node: pl.Struct, prefix: Path, texts: frozenset[Path], lists: frozenset[str]) -> None:
    """Add what is under a path, in document order."""
    if len({each.name for each in node.fields}) < len(node.fields):
        raise Doubt  # a key that is stated twice
    for each in node.fields:
        path, dtype = (*prefix, each.name), each.dtype
        if not prefix and each.name in lists and dtype != pl.Null:
            shape.lists[each.name] = _shape_of_items(dtype)
            continue
        if isinstance(dtype, pl.Struct) and dtype.fields:
            shape.structs.add(path)
            shape.objects.add(path)
            shape.paths.append(path)
            _add(shape, dtype, path, texts, lists)
        else:
            _add_leaf(shape, path, dtype, texts)


def _add_leaf(shape: Shape, path: Path, dtype: Any, texts: frozenset[Path]) -> None:
    shape.paths.append(path)
    kind = "object" if isinstance(dtype, pl.Struct) else _KINDS.get(dtype)
    if kind is None and dtype != pl.Null:
        raise Doubt
    if kind == "object":
        shape.objects.add(path)
    if dtype == pl.Float64:
        if path in texts:
            raise Doubt  # a text is the number as it was written
        shape.floats.add(path)
    shape.leaves[path] = kind


def _shape_of_items(dtype: Any) -> Shape | None:
    if not isinstance(dtype, pl.List):
        raise Doubt
    inner = dtype.inner
    if isinstance(inner, pl.Struct) and inner.fields:
        shape = Shape()
        _add(shape, inner, (), _ITEM_TEXTS, frozenset())
        return shape
    if inner == pl.Null or isinstance(inner, pl.Struct):
        return None
    raise Doubt


def _present(series: pl.Series) -> int:
    return series.len() - series.null_count()
