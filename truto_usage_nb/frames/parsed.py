"""What a page is between its bytes and its frame: columns by path, as the service sent them, not yet given their dtype.

A column's values may widen on the last record of the last page, so dtypes are settled once, over all pages
(in `dtypes`). Until then a column of one page is a `ColumnPart`:

- a polars Series, where all its values are of one JSON kind and nothing of them was lost: Boolean, Int64, Float64
  (every value below 2⁵³, so no digit is missing) or String;
- an Arrow array of one of these kinds, which becomes a Series when the column is taken: until then it takes less room;
- a list of Python values, where kinds are mixed or a number does not fit: None, bool, int, `jsontext.Real`, str;
- None, where the key occurs with nothing but nulls.

`ColumnParts` are those of one column over all pages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import polars as pl

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames.jsontext import Real
from truto_usage_nb.outside import cut, one_line
from truto_usage_nb.schema import SCHEMA
from truto_usage_nb.secret import masked

if TYPE_CHECKING:
    import pyarrow as pa

FieldPath: TypeAlias = tuple[str, ...]
ColumnPart: TypeAlias = "pl.Series | pa.Array | list[Any] | None"

EXACT_IN_FLOAT = 2**53
"""Every whole number up to here has a float of its own."""

_SHOWN_CHARACTERS = 200
_CROWD = 256
_DOCUMENTED = [tuple(each.path.split(".")) for each in SCHEMA]
OBJECTS = frozenset(path[:length] for path in _DOCUMENTED for length in range(1, len(path)))
"""The objects of the documentation that are no maps."""
REMOTE_DATA: FieldPath = ("remote_data",)
"""The provider's own row, which is kept as the text it is."""
MOST_LEVELS = 64
"""How deep objects and lists may be nested, the list of records counted; what is deeper stays JSON text."""
MOST_PATHS = 4096
"""How many different paths the records of an answer, or the fields that nobody documented, may have."""
MOST_CELLS = 64 * 1024 * 1024
"""How many cells a page may take beyond one for each of its bytes, whether or not anything stands in them."""


@dataclass(slots=True)
class PageTable:
    """Hold the columns of one page in document order, which paths hold objects, and which objects are JSON text."""

    height: int
    columns: dict[FieldPath, ColumnPart] = field(default_factory=dict)
    objects: set[FieldPath] = field(default_factory=set)
    lists: dict[str, Items] = field(default_factory=dict)
    as_text: set[FieldPath] = field(default_factory=set)

    def copy(self) -> PageTable:
        """Give a table of the same columns, to take them out of it."""
        return replace(self, columns=dict(self.columns))


@dataclass(slots=True)
class Items:
    """Hold a list column: how many items each record has (null: no list), and the items one below the other."""

    lengths: pl.Series
    table: PageTable


@dataclass(frozen=True, slots=True)
class Provenance:
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

    def leaves_out(self, path: FieldPath) -> bool:
        """Tell whether a path, or a parent of it, was excluded or not asked for."""
        if self.documented and not self.remote_data and path[0] == REMOTE_DATA[0]:
            return True
        name = dotted(path)
        return any(name == excluded or name.startswith(f"{excluded}.") for excluded in self.excluded)


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """Hold one page's records, cut and read, until `build_frame` gives them their columns."""

    table: PageTable
    source: Provenance
    is_cut_short: bool = False
    """Whether something was nested too deeply, and is kept as JSON text."""

    @property
    def height(self) -> int:
        """Give the number of records."""
        return self.table.height

    def copy(self) -> ParsedPage:
        """Give a page of the same columns, which a frame may use up while these are kept."""
        lists = {name: replace(each, table=each.table.copy()) for name, each in self.table.lists.items()}
        return replace(self, table=replace(self.table.copy(), lists=lists))


def pack(values: list[Any]) -> ColumnPart:
    """Give a column's Python values as a Series if they are of one kind that a Series holds, else as they are."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return None
    if len(kinds) > 1:
        return values
    return _packed(kinds.pop(), values)


def _packed(kind: type, values: list[Any]) -> ColumnPart:
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
    return repeated_value(None, height, dtype)


def repeated_value(value: Any, height: int, dtype: Any) -> pl.Series:
    """Give a column of one value; by a query, as `pl.repeat` does it, it takes twenty times as long."""
    return pl.Series([value], dtype=dtype).new_from_index(0, height)


def document_order(tables: Iterable[PageTable], first: Iterable[FieldPath] = ()) -> list[FieldPath]:
    """Give all paths as one document would: keys in order of first appearance under their parent, parents whole.

    The paths in `first` come before all others under their parent, in the order given, where they appear at all.
    """
    root: dict[str, Any] = {}
    there: set[FieldPath] = set()
    for path in first:
        _plant(root, path)
    for table in tables:
        there.update(table.columns)
        for path in table.columns:
            _plant(root, path)
    return [path for path in _flat(root, ()) if path in there]


def _plant(root: dict[str, Any], path: FieldPath) -> None:
    for key in path:
        root = root.setdefault(key, {})


def _flat(node: dict[str, Any], prefix: FieldPath) -> Iterable[FieldPath]:
    for key, below in node.items():
        path = (*prefix, key)
        yield path
        yield from _flat(below, path)


def most_crowded(paths: Iterable[FieldPath], spared: Collection[FieldPath]) -> FieldPath | None:
    """Give the object with the most keys of its own, if it has enough to be a map of sorts; never a spared one.

    >>> most_crowded([("by_user", f"u{n}", "cost") for n in range(300)], ())
    ('by_user',)
    """
    keys: dict[FieldPath, set[str]] = {}
    for path in paths:
        for length in range(1, len(path)):
            keys.setdefault(path[:length], set()).add(path[length])
    found = max((path for path in keys if path not in spared), key=lambda path: len(keys[path]), default=None)
    return found if found is not None and len(keys[found]) >= _CROWD else None


def dotted(path: Sequence[str]) -> str:
    """Write a path as the API's reference does."""
    return ".".join(path)


class Whose(NamedTuple):
    """Say whose a value is: the id of its record, and the account (None: nobody said)."""

    record_id: object
    account: str | None = None


def unreadable(whose: Whose, path: str, value: object, why: str) -> UnreadableValueError:
    """Make the error for a value that its column cannot hold."""
    record_id, account = whose
    record = f"record {shown_value(record_id)}"
    record = record if account is None else f"account {account!r}, {record}"
    left_out = f"truto_exclude_fields=[{shown_value(path)}]"
    remedy = f"leave the field out ({left_out}), or look at it with truto_response_format='raw'"
    return UnreadableValueError(
        f"{record}: {cut(one_line(masked(path)), _SHOWN_CHARACTERS)} is {shown_value(value)}, but {why}; {remedy}",
        details={"record_id": record_id, "path": path, "value": value},
    )


def unusable_key(whose: Whose, path: FieldPath) -> UnreadableValueError | None:
    """Make the error for a key that no column can be named by; None where it can."""
    key = path[-1]
    if "\0" in key:
        why = "no column's name holds a NUL"
    elif any("\ud800" <= letter <= "\udfff" for letter in key):
        why = "half of a surrogate pair is no text"
    else:
        return None
    return unreadable(whose, dotted(path), key, f"that is a key, and {why}")


def shown_value(value: object) -> str:
    """Write a value for an error: in one line, without a secret, and not too long."""
    text = value.text if isinstance(value, Real) else repr(value)
    return cut(masked(text), _SHOWN_CHARACTERS)


Owner = Callable[[int], Whose]
"""Gives the record that a row belongs to."""


_Opened: TypeAlias = "pl.Series | list[Any] | None"


class ColumnParts:
    """Hold the parts of one column, a part a page, and the heights of the pages."""

    def __init__(self, path: FieldPath, parts: Sequence[ColumnPart], heights: Sequence[int], owner: Owner) -> None:
        self.path = path
        self.parts = [_opened(part) for part in parts]
        self.heights = heights
        self.owner = owner
        self.is_empty = all(part is None for part in parts)
        self._is_mixed = any(isinstance(part, list) for part in parts)
        self._dtypes = {part.dtype for part in self.parts if isinstance(part, pl.Series)}

    def holds_only(self, *dtypes: Any) -> bool:
        """Tell whether every part is a Series of one of these dtypes."""
        return not self._is_mixed and self._dtypes <= set(dtypes)

    def joined(self, dtype: Any) -> pl.Series:
        """Give the whole column, each part cast; the caller knows that no cast loses anything."""
        blank = nulls(max(self.heights, default=0), dtype)
        pieces = [blank.head(height) if part is None else _cast(part, dtype) for part, height in self._rows()]
        return pl.concat(pieces, rechunk=True) if pieces else blank

    def values(self) -> Iterator[Any]:
        """Give every value of the column, from the first row to the last."""
        for part, height in self._rows():
            yield from [None] * height if part is None else part

    def stated(self) -> Iterator[tuple[int, Any]]:
        """Give each value that is there, with its row; a page without the column costs no time."""
        start = 0
        for part, height in self._rows():
            if part is not None:
                values = part.to_list() if isinstance(part, pl.Series) else part
                yield from ((row, value) for row, value in enumerate(values, start) if value is not None)
            start += height

    def unreadable(self, row: int, value: object, why: str) -> UnreadableValueError:
        """Make the error for the value in a row."""
        return unreadable(self.owner(row), dotted(self.path), value, why)

    def _rows(self) -> Iterator[tuple[_Opened, int]]:
        return zip(self.parts, self.heights, strict=True)


def _opened(part: ColumnPart) -> _Opened:
    return part if part is None or isinstance(part, pl.Series | list) else pl.Series(part)


def _cast(part: pl.Series | list[Any], dtype: Any) -> pl.Series:
    series = part if isinstance(part, pl.Series) else pl.Series(part)
    return series if series.dtype == dtype else series.cast(dtype)
