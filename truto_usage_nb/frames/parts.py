"""What a page is between its bytes and its frame: columns by path, as the service sent them, not yet given their dtype.

A column's values may widen on the last record of the last page, so dtypes are settled once, over all pages
(in `resolve`). Until then a column of one page is a `Part`:

- a polars Series, where all its values are of one JSON kind and nothing of them was lost: Boolean, Int64, Float64
  (every value below 2⁵³, so no digit is missing) or String;
- a list of Python values, where kinds are mixed or a number does not fit: None, bool, int, `jsontext.Real`, str;
- None, where the key occurs with nothing but nulls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import polars as pl

from truto_usage_nb.errors import UnreadableValueError

Path: TypeAlias = tuple[str, ...]
Part: TypeAlias = pl.Series | list[Any] | None

EXACT_IN_FLOAT = 2**53
"""Every whole number up to here has a float of its own."""


@dataclass(slots=True)
class Table:
    """Hold the columns of one page in document order, and which paths hold objects."""

    height: int
    columns: dict[Path, Part] = field(default_factory=dict)
    objects: set[Path] = field(default_factory=set)
    lists: dict[str, Items] = field(default_factory=dict)


@dataclass(slots=True)
class Items:
    """Hold a list column: how many items each record has (null: no list), and the items one below the other."""

    lengths: pl.Series
    table: Table


@dataclass(frozen=True, slots=True)
class Source:
    """Say where a page came from: what the provenance columns state."""

    integrated_account_id: str | None = None
    integration: str | None = None
    report_type: str | None = None
    query_id: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Say which columns a frame has.

    `documented`: the documented columns are always all there (False for the provider's own objects, `raw`).
    `remote_data`: keep the provider's row as JSON text. `excluded`: API paths that the query left out.
    """

    documented: bool = True
    remote_data: bool = False
    excluded: tuple[str, ...] = ()

    def leaves_out(self, path: Path) -> bool:
        """Tell whether a path, or a parent of it, was excluded or not asked for."""
        if self.documented and not self.remote_data and path[0] == "remote_data":
            return True
        name = dotted(path)
        return any(name == excluded or name.startswith(f"{excluded}.") for excluded in self.excluded)


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """Hold one page's records, cut and read, until `build_frame` gives them their columns."""

    table: Table
    source: Source

    @property
    def height(self) -> int:
        """Give the number of records."""
        return self.table.height


def pack(values: list[Any]) -> Part:
    """Give a column's Python values as a Series if they are of one kind that a Series holds, else as they are."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return None
    if len(kinds) > 1:
        return values
    return _packed(kinds.pop(), values)


def _packed(kind: type, values: list[Any]) -> Part:
    try:
        if kind is bool:
            return pl.Series(values, dtype=pl.Boolean)
        if kind is int:
            return pl.Series(values, dtype=pl.Int64, strict=True)
        if kind is str:
            return pl.Series(values, dtype=pl.String)
    except (OverflowError, TypeError, UnicodeEncodeError, pl.exceptions.PolarsError):
        return values
    return values


def nulls(height: int, dtype: Any) -> pl.Series:
    """Give a column of nulls."""
    return repeated(None, height, dtype)


def repeated(value: Any, height: int, dtype: Any) -> pl.Series:
    """Give a column of one value; by a query, as `pl.repeat` does it, it takes twenty times as long."""
    return pl.Series([value], dtype=dtype).new_from_index(0, height)


def document_order(tables: Iterable[Table], first: Iterable[Path] = ()) -> list[Path]:
    """Give all paths as one document would: keys in order of first appearance under their parent, parents whole.

    The paths in `first` come before all others under their parent, in the order given, where they appear at all.
    """
    root: dict[str, Any] = {}
    there: set[Path] = set()
    for path in first:
        _plant(root, path)
    for table in tables:
        there.update(table.columns)
        for path in table.columns:
            _plant(root, path)
    return [path for path in _flat(root, ()) if path in there]


def _plant(root: dict[str, Any], path: Path) -> None:
    for key in path:
        root = root.setdefault(key, {})


def _flat(node: dict[str, Any], prefix: Path) -> Iterable[Path]:
    for key, below in node.items():
        path = (*prefix, key)
        yield path
        yield from _flat(below, path)


def dotted(path: Sequence[str]) -> str:
    """Write a path as the API's reference does."""
    return ".".join(path)


def unreadable(record_id: object, path: str, value: object, why: str) -> UnreadableValueError:
    """Make the error for a value that its column cannot hold."""
    text = f"record {record_id!r}: {path} is {_shown(value)}, but {why}"
    advice = f"leave the field out (truto_exclude_fields=[{path!r}]), or look at it with truto_response_format='raw'"
    return UnreadableValueError(f"{text}; {advice}", details={"record_id": record_id, "path": path, "value": value})


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"
