"""The wide columns of `charges` and `resources`."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from math import isinf

import polars as pl

from truto_usage_nb.frames.lists import LEAVES, ListColumn
from truto_usage_nb.frames.parts import unreadable
from truto_usage_nb.schema import CHARGE_TYPES, folded_currency


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
