"""Read a page whole, in native code, and prove that nothing was lost; what cannot be proved is left to `exact`.

polars infers a page's types from all of its records. That is trusted only where `census` agrees and no number is in
danger: below 2⁵³ a float is the number that was sent, above it may have been a whole number with other digits.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl

from truto_usage_nb.errors import ProtocolError
from truto_usage_nb.frames.census import count_values
from truto_usage_nb.frames.lists import LEAVES
from truto_usage_nb.frames.numbers import is_below
from truto_usage_nb.frames.parts import EXACT_IN_FLOAT, Items, Layout, Part, Path, Table
from truto_usage_nb.frames.remote import cut_remote, put_back
from truto_usage_nb.schema import EXPANDED, SCHEMA

_KINDS: dict[Any, str] = {pl.String: "text", pl.Boolean: "flag", pl.Int64: "number", pl.Float64: "number"}
_TEXTS = {tuple(field.path.split(".")) for field in SCHEMA if field.dtype == "String"}
_ITEM_TEXTS = {path for leaves in LEAVES.values() for path, dtype in leaves.items() if dtype == "String"}


class _Doubt(Exception):
    """Something may be lost: the page is to be read value by value."""


def infer(content: bytes, layout: Layout) -> Table | None:
    """Give the columns of a JSON array of records; None where that cannot be done, or not proved right."""
    if b"\\ud" in content or b"\\uD" in content:
        return None  # half of a surrogate pair would come out as another letter
    try:
        return _infer(content.decode(), layout)
    except (_Doubt, ProtocolError, UnicodeDecodeError, pl.exceptions.PolarsError):
        return None


def _infer(text: str, layout: Layout) -> Table:
    cut: list[str] = []
    if layout.documented and '"remote_data"' in text:
        text, cut = cut_remote(text)
    reader = _Reader(_TEXTS if layout.documented else set(), set(EXPANDED) if layout.documented else set())
    table = reader.read(_records(text))
    if reader.found != count_values(text.encode()) or not put_back(table, cut):
        raise _Doubt
    for path in [path for path in table.columns if layout.leaves_out(path)]:
        del table.columns[path]
    table.lists = {name: items for name, items in table.lists.items() if not layout.leaves_out((name,))}
    return table


def _records(text: str) -> pl.DataFrame:
    """Give the records as polars infers them."""
    records = pl.Series([text]).str.json_decode(infer_schema_length=None).explode()
    if not isinstance(records.dtype, pl.Struct) or not records.dtype.fields or records.null_count():
        raise _Doubt
    return records.struct.unnest()


class _Reader:
    """Lay nested columns flat, counting what they hold."""

    def __init__(self, texts: set[Path], lists: set[str]) -> None:
        self.found: Counter[str] = Counter()
        self._texts = texts
        self._lists = lists

    def read(self, frame: pl.DataFrame) -> Table:
        """Give a frame's columns by path; raises `_Doubt` where one may not be what was sent."""
        table = Table(frame.height)
        self._lay(frame, (), table)
        return table

    def _lay(self, frame: pl.DataFrame, prefix: Path, table: Table) -> None:
        for series in frame:
            path = (*prefix, series.name)
            present = series.len() - series.null_count()
            if isinstance(series.dtype, pl.Struct):
                self.found["object"] += present
                table.columns[path] = None
                table.objects.add(path)
                if series.dtype.fields:
                    self._lay(series.struct.unnest(), path, table)
            elif len(path) == 1 and path[0] in self._lists:
                self._keep_list(series, present, table)
            else:
                table.columns[path] = self._part(series, present, path)

    def _part(self, series: pl.Series, present: int, path: Path) -> Part:
        if present == 0 and series.dtype == pl.Null:
            return None
        kind = _KINDS.get(series.dtype)
        if kind is None:
            raise _Doubt
        if series.dtype == pl.Float64 and (path in self._texts or not is_below(series, EXACT_IN_FLOAT)):
            raise _Doubt
        self.found[kind] += present
        return series

    def _keep_list(self, series: pl.Series, present: int, table: Table) -> None:
        if not isinstance(series.dtype, pl.List):
            if present:
                raise _Doubt
            return
        self.found["array"] += present
        items = series.filter(series.list.len() > 0).explode()
        reader = _Reader(_ITEM_TEXTS, set())
        if isinstance(items.dtype, pl.Struct) and items.dtype.fields:
            inner = reader.read(items.struct.unnest())
        elif items.len() == 0:
            inner = Table(0)
        else:
            raise _Doubt
        self.found += reader.found
        table.lists[series.name] = Items(series.list.len().cast(pl.Int64), inner)
