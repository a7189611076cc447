"""The list columns, `charges` and `resources`: kept whole as lists of structs, and taken apart for the wide columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from math import isinf
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames.dtypes import documented_column, free_column
from truto_usage_nb.frames.parsed import (
    MOST_PATHS,
    ColumnParts,
    FieldPath,
    Items,
    Owner,
    PageTable,
    document_order,
    nulls,
    unreadable,
)
from truto_usage_nb.schema import CHARGE_TYPES, DType, folded_currency

_Tree: TypeAlias = "dict[str, pl.Series | _Tree]"

LEAVES: dict[str, dict[FieldPath, DType]] = {
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
    leaves: dict[FieldPath, pl.Series]
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
        return nested_lists(structs, self.lengths)


def list_column(name: str, tables: Sequence[PageTable], owner: Owner) -> ListColumn:
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


def _leaves(name: str, parts: Sequence[Items | None], owner: Owner) -> dict[FieldPath, pl.Series]:
    tables = [PageTable(0) if part is None else part.table for part in parts]
    heights = [table.height for table in tables]
    objects = set().union(*(table.objects for table in tables))
    known = LEAVES[name]
    found: dict[FieldPath, pl.Series] = {}
    for number, path in enumerate([*known, *(path for path in document_order(tables) if path not in known)]):
        stack = ColumnParts((name, *path), [table.columns.pop(path, None) for table in tables], heights, owner)
        if number > MOST_PATHS:
            raise _too_many(stack)
        if path in known:
            found[path] = documented_column(stack, known[path])
        elif not (stack.is_empty and path in objects):
            found[path] = free_column(stack)
    return found


def _too_many(stack: ColumnParts) -> UnreadableValueError:
    row = next((row for row, _ in stack.stated()), 0)
    why = f"the items of `{stack.path[0]}` have more than {MOST_PATHS:,} different keys"
    return stack.unreadable(row, stack.path[-1], f"that is a key, and {why}")


def _struct(leaves: dict[FieldPath, pl.Series]) -> pl.Series:
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


def nested_lists(structs: pl.Series, lengths: pl.Series) -> pl.Series:
    """Give lists of the given lengths out of the items, in order."""
    import pyarrow as pa

    ends = lengths.fill_null(0).cum_sum()
    offsets = pl.concat([pl.Series([0], dtype=pl.Int64), ends])
    made = pa.LargeListArray.from_arrays(
        offsets.to_arrow(), structs.to_arrow(compat_level=pl.CompatLevel.newest()), mask=lengths.is_null().to_arrow()
    )
    return pl.Series("items", made)


@dataclass(frozen=True, slots=True)
class Wide:
    """Hold the wide columns of a list: the documented ones by name, and one for each new type of charge."""

    columns: dict[str, pl.Series]
    new_types: dict[str, pl.Series] = field(default_factory=dict)


_STATED_ONCE = ("total", "net")
"""Two identical statements of these on one record are one statement, repeated."""
UNTYPED = "untyped"
"""The type, unknown to any rule, of an amount that states none: it stands in a column like those of other new types."""


def wide_charges(charges: ListColumn) -> Wide:
    """Give the sum of each type of charge, the currency, and the number of charges.

    A record with amounts in several currencies has neither amounts nor a currency; an amount without a currency is
    in another one than an amount with. Capitals and surrounding spaces make no other currency: the spelling stated
    first is given.
    """
    amounts = _amounts(charges)
    word, row = _folded(amounts["currency"]), amounts["row"]
    mixed = row.filter(word.ne_missing(word.shift()) & (row == row.shift())).unique()
    kinds = [*CHARGE_TYPES, *sorted(set(amounts["type"].unique()) - set(CHARGE_TYPES))]
    single = amounts.filter(~pl.col("row").is_in(mixed.implode())) if mixed.len() else amounts
    by_kind = single.partition_by("type", as_dict=True, include_key=False)
    sums = {kind: _summed(charges, by_kind.get((kind,)), kind) for kind in kinds}
    found = {f"charges_{kind}": sums.pop(kind) for kind in CHARGE_TYPES}
    first = single.filter(pl.col("row").ne_missing(pl.col("row").shift()))
    found["charges_currency"] = charges.spread(first["row"], first["currency"])
    found["charges_count"] = charges.lengths.fill_null(0)
    return Wide(found, new_types=sums)


def _amounts(charges: ListColumn) -> pl.DataFrame:
    fields = [charges.leaves[key,].alias(key) for key in ("amount", "currency", "type")]
    amounts = pl.DataFrame([charges.rows.alias("row"), *fields]).filter(pl.col("amount").is_not_null())
    blank = pl.col("type").fill_null("").str.strip_chars() == ""
    return amounts.with_columns(type=pl.when(blank).then(pl.lit(UNTYPED)).otherwise("type"))


def _folded(currencies: pl.Series) -> pl.Series:
    """Give the words by which currencies are compared; there are few of them, however many amounts."""
    words = {stated: folded_currency(stated) for stated in currencies.unique()}
    if all(stated == word for stated, word in words.items()):
        return currencies
    return currencies.replace_strict(list(words), list(words.values()), return_dtype=pl.String)


def _summed(charges: ListColumn, found: pl.DataFrame | None, kind: str) -> pl.Series:
    """Add up the amounts of one type, record by record."""
    if found is None:
        return charges.spread(pl.Series([], dtype=pl.Int64), pl.Series([], dtype=pl.Float64))
    if found["row"].is_unique().all():
        return charges.spread(found["row"], found["amount"])
    if kind in _STATED_ONCE:
        found = found.unique(["row", "amount"], maintain_order=True)
    several = found.filter(pl.col("row").is_duplicated())
    single = found.filter(pl.col("row").is_unique())
    sums: dict[int, Decimal] = {}
    for row, amount in several.select("row", "amount").iter_rows():
        sums[row] = sums.get(row, Decimal(0)) + Decimal(repr(amount))  # as written: 0.1 + 0.2 is 0.3
    rows = pl.concat([single["row"], pl.Series("row", list(sums), dtype=pl.Int64)])
    added = pl.Series("amount", list(map(float, sums.values())), dtype=pl.Float64)
    for row, total in zip(sums, added, strict=True):
        if isinf(total):
            why = f"its amounts of type {kind!r} add up to that, and no float is as large"
            raise unreadable(charges.owner(row), "charges.amount", f"{sums[row]:.6e}", why)
    return charges.spread(rows, pl.concat([single["amount"], added]))


def wide_resources(resources: ListColumn) -> Wide:
    """Give the number of resources, and the fields of the resource where there is exactly one."""
    alone = resources.lengths.gather(resources.rows) == 1
    rows = resources.rows.filter(alone)
    found = {"resources_count": resources.lengths.fill_null(0)}
    for path in LEAVES["resources"]:
        found["_".join(("resources", *path))] = resources.spread(rows, resources.leaves[path].filter(alone))
    return Wide(found)
