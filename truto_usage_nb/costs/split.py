"""Records charged in several currencies, taken apart: a row a currency, amounts wide again.

Such records are few, and no dataframe library but polars takes lists apart on every platform, so they come through
polars whatever the caller holds.
"""

from __future__ import annotations

import polars as pl

from truto_usage_nb.costs.currencies import is_virtual
from truto_usage_nb.costs.facts import mixed
from truto_usage_nb.errors import FrameError
from truto_usage_nb.native import Native, collect
from truto_usage_nb.schema import CHARGE_TYPES, SPACES

__all__ = ["RATIO_TOLERANCE", "split_currencies"]

RATIO_TOLERANCE = 0.001
"""How far two amounts' ratios may part and still be one charge stated twice: both are rounded to cents."""


def split_currencies(native: Native) -> pl.DataFrame | None:
    """Give the records in several currencies as lines, or None where there are none.

    A line is a row per record and currency in the order the record states them, with the wide amounts of that currency,
    `__line` (0 for the record's first) and `__is_dual_currency`. Raises FrameError, with their count, where the frame
    has no list of charges to take apart.
    """
    found = native.frame.filter(mixed())
    if "charges" not in native.columns or native.kind == "dask":
        _refuse(collect(found.select("charges_count")).height)
        return None
    records = collect(found)
    return _lines(records) if records.height else None


def _refuse(count: int) -> None:
    if count:
        raise FrameError(
            f"{count} record{'s are' if count > 1 else ' is'} charged in several currencies, and this frame has only "
            f"the wide amounts, which are null for them. Keep the column charges, or leave these records out."
        )


def _lines(records: pl.DataFrame) -> pl.DataFrame:
    records = records.with_row_index("__record")
    stated = _stated(records)
    amounts = _wide(stated).join(_dual(stated), on=["__record", "__currency"], how="left", nulls_equal=True)
    wide = [f"charges_{kind}" for kind in CHARGE_TYPES]
    lines = records.drop([*wide, "charges_currency"]).join(
        amounts, on="__record", how="inner", maintain_order="left_right"
    )
    lines = lines.with_columns(
        charges_currency=pl.col("__currency"),
        __line=pl.int_range(pl.len()).over("__record"),
        __is_dual_currency=pl.col("__is_dual_currency").fill_null(False),
    )
    return lines.drop("__record", "__currency").select(*records.columns[1:], "__line", "__is_dual_currency")


def _stated(records: pl.DataFrame) -> pl.DataFrame:
    """A row per record, currency and type; identical repeats of total and net count once."""
    each = records.select("__record", "charges").explode("charges").unnest("charges").with_row_index("__order")
    word = pl.col("currency").cast(pl.String).str.strip_chars(SPACES).str.to_uppercase()
    each = each.with_columns(__currency=pl.when(word != "").then(word), amount=pl.col("amount").cast(pl.Float64))
    once = pl.col("type").is_in(["total", "net"])
    key = ["__record", "__currency", "type", "amount"]
    each = pl.concat([each.filter(once).unique(key, keep="first"), each.filter(~once.fill_null(False))])
    return each.filter(pl.col("amount").is_not_null()).sort("__order")


def _wide(stated: pl.DataFrame) -> pl.DataFrame:
    columns = [
        pl.when((pl.col("type") == kind).any()).then(pl.col("amount").filter(pl.col("type") == kind).sum())
        for kind in CHARGE_TYPES
    ]
    named = [column.alias(f"charges_{kind}") for column, kind in zip(columns, CHARGE_TYPES, strict=True)]
    return stated.group_by("__record", "__currency", maintain_order=True).agg(*named)


def _dual(stated: pl.DataFrame) -> pl.DataFrame:
    """Which currencies of a record state one charge twice: two of them, the same types, one ratio."""
    sums = stated.group_by("__record", "__currency", "type", maintain_order=True).agg(pl.col("amount").sum())
    sides = sums.group_by("__record", "__currency", maintain_order=True).agg(
        pl.col("type").sort().alias("types"), pl.col("amount").sort_by("type").alias("amounts")
    )
    pairs = sides.group_by("__record", maintain_order=True).agg(pl.col("__currency"), "types", "amounts")
    rows = [
        (record, currency)
        for record, currencies, types, amounts in pairs.iter_rows()
        if _is_one_charge(currencies, types, amounts)
        for currency in currencies
    ]
    schema = pl.Schema({"__record": stated.schema["__record"], "__currency": pl.String()})
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(__is_dual_currency=pl.lit(True))


def _is_one_charge(currencies: list[str | None], types: list[list[str]], amounts: list[list[float]]) -> bool:
    if len(currencies) != 2 or types[0] != types[1] or any(is_virtual(c) for c in currencies):
        return False
    pairs = [(a, b) for a, b in zip(*amounts, strict=True) if a != 0 or b != 0]
    if not pairs or any(a == 0 or b == 0 for a, b in pairs):
        return False
    ratios = [b / a for a, b in pairs]
    return bool(min(ratios) > 0 and max(ratios) - min(ratios) <= RATIO_TOLERANCE * max(ratios))
