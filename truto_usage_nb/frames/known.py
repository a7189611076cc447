"""Shapes that earlier pages had: a page of the same shape need not be inferred again, which halves its time.

Only what cannot change the result is remembered: documented fields and paths of the open maps, all numbers as floats
(a whole one becomes a count again when the column is made; one that a float may not hold is caught on reading).
That a page does have the remembered shape is proved for each page by `census`.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, TypeAlias

import polars as pl

from truto_usage_nb.frames.lists import LEAVES
from truto_usage_nb.frames.openmaps import map_of
from truto_usage_nb.frames.parts import Layout, Path, Source
from truto_usage_nb.frames.remote import REMOTE
from truto_usage_nb.frames.shape import Doubt, Shape, shape_of
from truto_usage_nb.schema import SCHEMA

Key: TypeAlias = tuple[str | None, str | None, Layout]
"""Whose shape it is: an integration and a report type, and the layout read with."""

_MOST_SHAPES = 64
_PATIENCE = 8
_NATIVE_PATIENCE = 3
_MOST_LEAVES = 1000  # what one page after the other adds to an open map would soon be read into every page
_SENT_AS: dict[str, Any] = {
    "String": pl.String, "Datetime": pl.String, "Boolean": pl.Boolean, "Int64": pl.Float64, "Float64": pl.Float64,
}  # fmt: skip
_LEAVES: dict[Path, Any] = {tuple(each.path.split(".")): _SENT_AS.get(each.dtype) for each in SCHEMA} | {
    (name, *path): _SENT_AS[dtype] for name, leaves in LEAVES.items() for path, dtype in leaves.items()
}
_LEAVES[REMOTE] = pl.Boolean  # what stands in its place while the rest is read
_LISTS = {(name,) for name in LEAVES}
_OBJECTS = {path[:length] for path in _LEAVES for length in range(1, len(path))}


def key_of(source: Source, layout: Layout) -> Key:
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
        self._patterns: OrderedDict[Key, Pattern] = OrderedDict()
        self._misses: dict[Key, int] = {}
        self._refusals: dict[Key, int] = {}
        self._lock = Lock()

    def get(self, key: Key) -> Pattern | None:
        """Give the shape to try; None if there is none, or if it has failed too often."""
        with self._lock:
            return self._patterns.get(key) if self._misses.get(key, 0) < _PATIENCE else None

    def missed(self, key: Key) -> None:
        """Take note that a page had another shape."""
        with self._lock:
            self._misses[key] = self._misses.get(key, 0) + 1

    def pattern(self, key: Key) -> Pattern | None:
        """Give the shape that is remembered."""
        with self._lock:
            return self._patterns.get(key)

    def may_try(self, key: Key) -> bool:
        """Say whether pages are worth reading natively: those before fitted, or there were few."""
        with self._lock:
            return self._refusals.get(key, 0) < _NATIVE_PATIENCE

    def tried(self, key: Key, *, worked: bool) -> None:
        """Take note whether pages of a known shape could be read natively."""
        with self._lock:
            self._refusals[key] = 0 if worked else self._refusals.get(key, 0) + 1

    def learn(self, key: Key, records: pl.Struct) -> None:
        """Remember a shape, joined with what is remembered; one with anything undocumented is passed over."""
        if not key[-1].documented:
            return
        with self._lock:
            known = self._patterns.get(key)
            try:
                dtype = _joined(None if known is None else known.dtype, records, ())
            except Doubt:
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


def _joined(old: Any, new: pl.Struct, prefix: Path) -> pl.Struct:
    """Give a struct with the fields of both; raises `Doubt` where the page has something not to be remembered."""
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


def _field(old: Any, new: Any, path: Path) -> Any:
    is_open = map_of(path) is not None
    if isinstance(new, pl.Struct) and (old is None or isinstance(old, pl.Struct)) and (is_open or path in _OBJECTS):
        return _joined(old, new, path)
    if isinstance(new, pl.List) and isinstance(new.inner, pl.Struct) and path in _LISTS and _is_list(old):
        return pl.List(_joined(None if old is None else old.inner, new.inner, path))
    sent = pl.Float64 if new == pl.Int64 else new
    if old not in (None, sent) or (not is_open and _LEAVES.get(path) != sent):
        raise Doubt
    return sent


def _is_list(old: Any) -> bool:
    return old is None or (isinstance(old, pl.List) and isinstance(old.inner, pl.Struct))


def _is_ambiguous(shape: Shape) -> bool:
    """Tell whether two paths share a column name: then their order in the page counts, and is not remembered."""
    names = ["_".join(path).replace(".", "_") for path in shape.leaves]
    return len(set(names)) < len(names)
