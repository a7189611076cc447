"""How a page's records are nested: taken from polars' types, used to lay them flat and to count what they hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from truto_usage_nb.frames.lists import LEAVES
from truto_usage_nb.frames.numbers import is_below
from truto_usage_nb.frames.parts import EXACT_IN_FLOAT, Items, Layout, Path, Table
from truto_usage_nb.schema import EXPANDED, SCHEMA

_JOINT = "\x1f"
_KINDS: dict[Any, str] = {pl.String: "text", pl.Boolean: "flag", pl.Int64: "number", pl.Float64: "number"}
_TEXTS = frozenset(tuple(each.path.split(".")) for each in SCHEMA if each.dtype == "String")
_ITEM_TEXTS = frozenset(path for leaves in LEAVES.values() for path, dtype in leaves.items() if dtype == "String")


class Doubt(Exception):
    """Something may be lost: the page is to be read value by value."""


@dataclass(slots=True)
class Shape:
    """Hold the nesting of records.

    `levels` are the struct columns to unnest, one level after the other; what is left then are the `leaves` (path and
    kind of value: None for nothing but nulls, "object" for objects without keys) and the list columns, of which
    `lists` holds the shape of the items (None: there are no items, or no keys in them). `paths` are all paths in
    document order, `unwanted` those that the layout leaves out, `floats` those to be watched.
    """

    levels: list[list[str]] = field(default_factory=list)
    leaves: dict[str, tuple[Path, str | None]] = field(default_factory=dict)
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
        frame = records.struct.unnest()
        for level in self.levels:
            found["object"] += sum(_present(frame[name]) for name in level)
            frame = frame.unnest(level, separator=_JOINT)
        table = Table(records.len(), dict.fromkeys(self.paths), self.objects)
        for series, absent in zip(frame.get_columns(), frame.null_count().row(0), strict=True):
            if series.name in self.lists:
                self._keep_list(series, table, found)
            elif absent < table.height:
                self._keep_leaf(series, table.height - absent, table, found)
        floats = [part for path, part in table.columns.items() if path in self.floats and isinstance(part, pl.Series)]
        if floats and not is_below(pl.concat(floats, rechunk=False), EXACT_IN_FLOAT):
            raise Doubt
        for path in self.unwanted:
            table.columns.pop(path, None)
            table.lists.pop(path[0], None)
        return table, found

    def _keep_leaf(self, series: pl.Series, present: int, table: Table, found: Counter[str]) -> None:
        path, kind = self.leaves[series.name]
        if kind is not None:
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
    for each in node.fields:
        path, dtype = (*prefix, each.name), each.dtype
        if _JOINT in each.name:
            raise Doubt
        if not prefix and each.name in lists and dtype != pl.Null:
            shape.lists[each.name] = _shape_of_items(dtype)
            continue
        name = _JOINT.join(path)
        if isinstance(dtype, pl.Struct) and dtype.fields:
            shape.levels += [[]] * (len(path) - len(shape.levels))
            shape.levels[len(prefix)] = [*shape.levels[len(prefix)], name]
            shape.objects.add(path)
            shape.paths.append(path)
            _add(shape, dtype, path, texts, lists)
        else:
            _add_leaf(shape, name, path, dtype, texts)


def _add_leaf(shape: Shape, name: str, path: Path, dtype: Any, texts: frozenset[Path]) -> None:
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
    shape.leaves[name] = (path, kind)


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
