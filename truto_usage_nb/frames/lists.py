"""The list columns, `charges` and `resources`: kept whole as lists of structs, and taken apart for the wide columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames.columns import documented, free
from truto_usage_nb.frames.parts import MOST_PATHS, Items, Path, Table, document_order, nulls
from truto_usage_nb.frames.stack import Owner, Stack
from truto_usage_nb.schema import DType

_Tree: TypeAlias = "dict[str, pl.Series | _Tree]"

LEAVES: dict[str, dict[Path, DType]] = {
    "charges": {("amount",): "Float64", ("currency",): "String", ("type",): "String"},
    "resources": {
        ("id",): "String",
        ("name",): "String",
        ("workspace", "id"): "String",
        ("workspace", "name"): "String",
    },
}
"""The documented fields of an item of each list column."""


@dataclass(frozen=True, slots=True)
class ListColumn:
    """Hold a list column taken apart: `lengths` a record (null: no list), `rows` the record of each item, and the
    items' fields by path. `owner` gives whose a record is."""

    lengths: pl.Series
    rows: pl.Series
    leaves: dict[Path, pl.Series]
    owner: Owner

    @property
    def height(self) -> int:
        """Give the number of records."""
        return self.lengths.len()

    def spread(self, rows: pl.Series, values: pl.Series) -> pl.Series:
        """Give a column with a value in each of the given rows, null elsewhere."""
        return nulls(self.height, values.dtype).scatter(rows, values)

    def series(self) -> pl.Series:
        """Give the list column itself. An item without any value is null."""
        structs = _struct(self.leaves)
        if self.height == 0 or self.lengths.null_count() == self.height:
            return nulls(self.height, pl.List(structs.dtype))
        return listed(structs, self.lengths)


def list_column(name: str, tables: Sequence[Table], owner: Owner) -> ListColumn:
    """Give a list column of all pages; raises `UnreadableValueError` for an item's value that cannot be read."""
    parts = [table.lists.pop(name, None) for table in tables]
    lengths = [
        nulls(table.height, pl.Int64) if part is None else part.lengths
        for table, part in zip(tables, parts, strict=True)
    ]
    joined = pl.concat(lengths, rechunk=True) if lengths else nulls(0, pl.Int64)
    rows = _owners(joined)
    return ListColumn(joined, rows, _leaves(name, parts, lambda row: owner(rows[row])), owner)


def _owners(lengths: pl.Series) -> pl.Series:
    """Give the record of each item."""
    return pl.Series(np.repeat(np.arange(lengths.len()), lengths.fill_null(0).to_numpy()), dtype=pl.Int64)


def _leaves(name: str, parts: Sequence[Items | None], owner: Owner) -> dict[Path, pl.Series]:
    tables = [Table(0) if part is None else part.table for part in parts]
    heights = [table.height for table in tables]
    objects = set().union(*(table.objects for table in tables))
    known = LEAVES[name]
    found: dict[Path, pl.Series] = {}
    for number, path in enumerate([*known, *(path for path in document_order(tables) if path not in known)]):
        stack = Stack((name, *path), [table.columns.pop(path, None) for table in tables], heights, owner)
        if number > MOST_PATHS:
            raise _too_many(stack)
        if path in known:
            found[path] = documented(stack, known[path])
        elif not (stack.is_empty and path in objects):
            found[path] = free(stack)
    return found


def _too_many(stack: Stack) -> UnreadableValueError:
    row = next((row for row, _ in stack.stated()), 0)
    why = f"the items of `{stack.path[0]}` have more than {MOST_PATHS:,} different keys"
    return stack.unreadable(row, stack.path[-1], f"that is a key, and {why}")


def _struct(leaves: dict[Path, pl.Series]) -> pl.Series:
    """Nest the leaves as they were sent: objects are structs, null where nothing in them has a value."""
    tree: _Tree = {}
    for path, series in leaves.items():
        node = tree
        for key in path[:-1]:
            node = _branch(node, key)
        node[_free_key(node, path[-1])] = series
    return pl.Series("item", _nested(tree))


def _branch(node: _Tree, key: str) -> _Tree:
    """Give the object under a key; where the key holds a value elsewhere, under the key with `_` behind it."""
    below = node.setdefault(key, {})
    return _branch(node, f"{key}_") if isinstance(below, pl.Series) else below


def _free_key(node: _Tree, key: str) -> str:
    return _free_key(node, f"{key}_") if key in node else key


def _nested(tree: _Tree) -> Any:
    """Give an Arrow array of structs; polars would take time by the cube of the nesting."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fields = [
        node.to_arrow(compat_level=pl.CompatLevel.newest()) if isinstance(node, pl.Series) else _nested(node)
        for node in tree.values()
    ]
    empty = reduce(pc.and_, (field.is_null() for field in fields))
    return pa.StructArray.from_arrays(fields, names=list(tree), mask=empty)


def listed(structs: pl.Series, lengths: pl.Series) -> pl.Series:
    """Give lists of the given lengths out of the items, in order."""
    import pyarrow as pa

    ends = lengths.fill_null(0).cum_sum()
    offsets = pl.concat([pl.Series([0], dtype=pl.Int64), ends])
    made = pa.LargeListArray.from_arrays(
        offsets.to_arrow(), structs.to_arrow(compat_level=pl.CompatLevel.newest()), mask=lengths.is_null().to_arrow()
    )
    return pl.Series("items", made)
