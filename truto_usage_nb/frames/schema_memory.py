"""How a page's records are nested, and how those of earlier pages were: what has that shape need not be inferred again.

A shape is taken from polars' types, lays records flat, and counts what they hold. Only what cannot change the result is
remembered: documented fields and paths of the open maps, all numbers as floats (a whole one becomes a count again when
the column is made; one that a float may not hold is caught on reading). That a page does have the remembered shape is
proved for each page (in `fast`).
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeAlias

import polars as pl

from truto_usage_nb.frames.column_names import map_of
from truto_usage_nb.frames.dtypes import is_below
from truto_usage_nb.frames.list_columns import LEAVES
from truto_usage_nb.frames.parsed import REMOTE_DATA, FieldPath, Items, Layout, PageTable, Provenance
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


class Unproved(Exception):
    """Something may be lost: the page is to be read value by value."""


@dataclass(slots=True)
class Shape:
    """Hold the nesting of records.

    `structs` are the paths of objects with keys, to be taken apart; what is left then are the `leaves` (kind of value:
    None for nothing but nulls, "object" for objects without keys) and the list columns, of which `lists` holds the
    shape of the items (None: there are no items, or no keys in them). `paths` are all paths in document order,
    `unwanted` those that the layout leaves out, `floats` those to be watched.
    """

    structs: set[FieldPath] = field(default_factory=set)
    leaves: dict[FieldPath, str | None] = field(default_factory=dict)
    lists: dict[str, Shape | None] = field(default_factory=dict)
    paths: list[FieldPath] = field(default_factory=list)
    objects: set[FieldPath] = field(default_factory=set)
    floats: set[FieldPath] = field(default_factory=set)
    unwanted: set[FieldPath] = field(default_factory=set)

    def read(self, records: pl.Series) -> tuple[PageTable, Counter[str]]:
        """Give the records' columns by path, and how many values of each kind they hold.

        Raises `Unproved` for a float that may have been a whole number with other digits.
        """
        found: Counter[str] = Counter()
        table = PageTable(records.len(), dict.fromkeys(self.paths), self.objects)
        self._take_apart(records, (), table, found)
        floats = [part for path in self.floats if isinstance(part := table.columns[path], pl.Series)]
        if floats and not is_below(pl.concat(floats, rechunk=False), CLEAR_IN_FLOAT):
            raise Unproved
        for path in self.unwanted:
            table.columns.pop(path, None)
            table.lists.pop(path[0], None)
        return table, found

    def _take_apart(self, node: pl.Series, prefix: FieldPath, table: PageTable, found: Counter[str]) -> None:
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

    def _keep_list(self, series: pl.Series, table: PageTable, found: Counter[str]) -> None:
        found["array"] += _present(series)
        lengths = series.list.len()
        items = PageTable(int(lengths.sum()))
        shape = self.lists[series.name]
        if shape is not None and items.height:
            items, inside = shape.read(series.filter(lengths > 0).explode())
            found.update(inside)
        table.lists[series.name] = Items(lengths.cast(pl.Int64), items)


def shape_of(records: pl.Struct, layout: Layout) -> Shape:
    """Give the shape of records; raises `Unproved` where a type is not to be trusted."""
    texts, lists = (_TEXTS, frozenset(EXPANDED)) if layout.documented else (frozenset(), frozenset())
    shape = Shape()
    _add(shape, records, (), texts, lists)
    shape.unwanted = {path for path in (*shape.paths, *((name,) for name in shape.lists)) if layout.leaves_out(path)}
    return shape


def _add(shape: Shape, node: pl.Struct, prefix: FieldPath, texts: frozenset[FieldPath], lists: frozenset[str]) -> None:
    """Add what is under a path, in document order."""
    if len({each.name for each in node.fields}) < len(node.fields):
        raise Unproved  # a key that is stated twice
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


def _add_leaf(shape: Shape, path: FieldPath, dtype: Any, texts: frozenset[FieldPath]) -> None:
    shape.paths.append(path)
    kind = "object" if isinstance(dtype, pl.Struct) else _KINDS.get(dtype)
    if kind is None and dtype != pl.Null:
        raise Unproved
    if kind == "object":
        shape.objects.add(path)
    if dtype == pl.Float64:
        if path in texts:
            raise Unproved  # a text is the number as it was written
        shape.floats.add(path)
    shape.leaves[path] = kind


def _shape_of_items(dtype: Any) -> Shape | None:
    if not isinstance(dtype, pl.List):
        raise Unproved
    inner = dtype.inner
    if isinstance(inner, pl.Struct) and inner.fields:
        shape = Shape()
        _add(shape, inner, (), _ITEM_TEXTS, frozenset())
        return shape
    if inner == pl.Null or isinstance(inner, pl.Struct):
        return None
    raise Unproved


def _present(series: pl.Series) -> int:
    return series.len() - series.null_count()


_Key: TypeAlias = tuple[str | None, str | None, Layout]
"""Whose shape it is: an integration and a report type, and the layout read with."""

_MOST_SHAPES = 64
_PATIENCE = 8
_NATIVE_PATIENCE = 3
_MOST_LEAVES = 1000  # what one page after the other adds to an open map would soon be read into every page
_SENT_AS: dict[str, Any] = {
    "String": pl.String, "Datetime": pl.String, "Boolean": pl.Boolean, "Int64": pl.Float64, "Float64": pl.Float64,
}  # fmt: skip
_LEAVES: dict[FieldPath, Any] = {tuple(each.path.split(".")): _SENT_AS.get(each.dtype) for each in SCHEMA} | {
    (name, *path): _SENT_AS[dtype] for name, leaves in LEAVES.items() for path, dtype in leaves.items()
}
_LEAVES[REMOTE_DATA] = pl.Boolean  # what stands in its place while the rest is read
_LISTS = {(name,) for name in LEAVES}
_OBJECTS = {path[:length] for path in _LEAVES for length in range(1, len(path))}


def key_of(source: Provenance, layout: Layout) -> _Key:
    """Say under what the shape of a source's pages is remembered."""
    return source.integration, source.report_type, layout


class Pattern:
    """Hold one remembered shape, ready to read a page with; what was only ever null may be there."""

    def __init__(self, dtype: pl.Struct, layout: Layout) -> None:
        self.dtype = dtype
        stated = _without_nulls(dtype)
        self.shape: Shape = shape_of(stated, layout)
        self._decode = pl.col("page").cast(pl.String).str.json_decode(pl.List(stated)).explode()

    def decode(self, content: bytes) -> pl.Series:
        """Give the records of a page, read as if they had this shape."""
        return pl.DataFrame({"page": [content]}).select_seq(self._decode).to_series()


class Memory:
    """Remember the latest shapes, by source and layout; safe in threads."""

    def __init__(self) -> None:
        self._patterns: OrderedDict[_Key, Pattern] = OrderedDict()
        self._misses: dict[_Key, int] = {}
        self._refusals: dict[_Key, int] = {}
        self._lock = Lock()

    def get(self, key: _Key) -> Pattern | None:
        """Give the shape to try; None if there is none, or if it has failed too often."""
        with self._lock:
            return self._patterns.get(key) if self._misses.get(key, 0) < _PATIENCE else None

    def missed(self, key: _Key) -> None:
        """Take note that a page had another shape."""
        with self._lock:
            self._misses[key] = self._misses.get(key, 0) + 1

    def pattern(self, key: _Key) -> Pattern | None:
        """Give the shape that is remembered."""
        with self._lock:
            return self._patterns.get(key)

    def may_try(self, key: _Key) -> bool:
        """Say whether pages are worth reading natively: those before fitted, or there were few."""
        with self._lock:
            return self._refusals.get(key, 0) < _NATIVE_PATIENCE

    def tried(self, key: _Key, *, worked: bool) -> None:
        """Take note whether pages of a known shape could be read natively."""
        with self._lock:
            self._refusals[key] = 0 if worked else self._refusals.get(key, 0) + 1

    def learn(self, key: _Key, records: pl.Struct) -> None:
        """Remember a shape, joined with what is remembered; one with anything undocumented is passed over."""
        if not key[-1].documented:
            return
        with self._lock:
            known = self._patterns.get(key)
            try:
                dtype = _joined(None if known is None else known.dtype, records, ())
            except Unproved:
                return
            if known is None or dtype != known.dtype:
                pattern = Pattern(dtype, key[-1])
                if len(pattern.shape.leaves) <= _MOST_LEAVES and not _is_ambiguous(pattern.shape):
                    self._patterns[key] = pattern
            while len(self._patterns) > _MOST_SHAPES:
                dropped, _ = self._patterns.popitem(last=False)
                self._misses.pop(dropped, None)
                self._refusals.pop(dropped, None)

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._patterns.clear()
            self._misses.clear()
            self._refusals.clear()


KNOWN = Memory()
"""What this process has seen."""


def _joined(old: Any, new: pl.Struct, prefix: FieldPath) -> pl.Struct:
    """Give a struct with the fields of both; raises `Unproved` where the page has something not to be remembered."""
    fields = {} if old is None else {each.name: each.dtype for each in old.fields}
    for each in new.fields:
        path = (*prefix, each.name)
        if each.dtype != pl.Null:
            known = fields.get(each.name)
            fields[each.name] = _field(None if known == pl.Null else known, each.dtype, path)
        elif path in _LEAVES or path in _OBJECTS or path in _LISTS or map_of(path) is not None:
            fields.setdefault(each.name, pl.Null())
    return pl.Struct(fields)


def _without_nulls(dtype: Any) -> Any:
    if isinstance(dtype, pl.List):
        return pl.List(_without_nulls(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({each.name: _without_nulls(each.dtype) for each in dtype.fields if each.dtype != pl.Null})
    return dtype


def _field(old: Any, new: Any, path: FieldPath) -> Any:
    is_open = map_of(path) is not None
    if isinstance(new, pl.Struct) and (old is None or isinstance(old, pl.Struct)) and (is_open or path in _OBJECTS):
        return _joined(old, new, path)
    if isinstance(new, pl.List) and isinstance(new.inner, pl.Struct) and path in _LISTS and _is_list(old):
        return pl.List(_joined(None if old is None else old.inner, new.inner, path))
    sent = pl.Float64 if new == pl.Int64 else new
    if old not in (None, sent) or (not is_open and _LEAVES.get(path) != sent):
        raise Unproved
    return sent


def _is_list(old: Any) -> bool:
    return old is None or (isinstance(old, pl.List) and isinstance(old.inner, pl.Struct))


def _is_ambiguous(shape: Shape) -> bool:
    """Tell whether two paths share a column name: then their order in the page counts, and is not remembered."""
    names = ["_".join(path).replace(".", "_") for path in shape.leaves]
    return len(set(names)) < len(names)
