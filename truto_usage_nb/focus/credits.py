"""Credits at a stated rate: the only way by which a virtual currency reaches an export."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from truto_usage_nb.costs.currencies import ISO_4217
from truto_usage_nb.costs.rule import PARTS
from truto_usage_nb.focus.options import Options
from truto_usage_nb.schema import CHARGE_TYPES

__all__ = ["CREDITS", "with_credit_rates", "with_restatements"]

CREDITS = "CREDITS"


def with_credit_rates(records: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Turn the amounts of records in a virtual or unstated currency into money, at the account's rate.

    Adds `credit_rate` (null where the record's own currency stands) and `credit_unit`.
    """
    if not options.credit_rate:
        nothing = {"credit_rate": pl.lit(None, dtype=pl.Float64), "credit_unit": pl.lit(None, dtype=pl.String)}
        return records.with_columns(**nothing)
    account, stated = pl.col("integrated_account_id"), pl.col("charges_currency").str.to_uppercase()
    money = stated.is_in(sorted(ISO_4217)).fill_null(value=False)
    some = pl.any_horizontal(*(pl.col(f"charges_{kind}").is_not_null() for kind in CHARGE_TYPES))
    rates = _mapped(account, {name: rate for name, (_, rate) in options.credit_rate.items()}, pl.Float64)
    targets = _mapped(account, {name: code for name, (code, _) in options.credit_rate.items()}, pl.String)
    counts = ~money & some & rates.is_not_null()
    virtual = pl.when(stated == "XXX").then(None).otherwise(stated)
    records = records.with_columns(
        credit_rate=pl.when(counts).then(rates),
        credit_unit=pl.when(counts).then(pl.coalesce(virtual, pl.lit(CREDITS))),
        charges_currency=pl.when(counts).then(targets).otherwise(pl.col("charges_currency")),
    )
    factor = pl.col("credit_rate").fill_null(1.0)
    return records.with_columns(pl.col(f"charges_{kind}").cast(pl.Float64) * factor for kind in CHARGE_TYPES)


def _mapped(column: pl.Expr, values: Mapping[str, object], dtype: type[pl.DataType]) -> pl.Expr:
    return column.replace_strict(values, default=None, return_dtype=dtype)


def with_restatements(lines: pl.DataFrame) -> pl.DataFrame:
    """Where a record states one charge in money and in a virtual currency too, take its own rate from the two."""
    virtual = ~pl.col("cost_currency").is_in([*sorted(ISO_4217), "XXX"]).fill_null(value=True)
    nothing = {"restated": pl.lit(value=False)}
    if not lines.select(virtual.any()).item():
        return lines.with_columns(**nothing)
    parts = pl.sum_horizontal(*(f"charges_{kind}" for kind in PARTS))
    amount = pl.coalesce("charges_net", "charges_total", pl.when(parts != 0).then(parts))
    said = (
        lines.lazy()
        .filter(virtual)
        .group_by("source_row")
        .agg(pl.col("cost_currency").first().alias("said_unit"), amount.first().alias("said"), pl.len().alias("said_n"))
        .filter(pl.col("said_n") == 1)
        .collect()
    )
    stating = lines.select("source_row", "cost_billed").filter(pl.col("cost_billed").is_not_null())
    in_money = stating.join(said, on="source_row", how="semi").group_by("source_row").len("money_lines")
    said = said.join(in_money.filter(pl.col("money_lines") == 1), on="source_row")
    if not said.height:
        return lines.with_columns(**nothing)
    places = lines.select("source_row").join(said, on="source_row", how="left", maintain_order="left")
    joined = lines.with_columns(places.select("said_unit", "said").iter_columns())
    rate = pl.col("cost_billed") / pl.when((pl.col("said") != 0) & (pl.col("cost_billed") != 0)).then(pl.col("said"))
    return joined.with_columns(
        restated=rate.is_not_null(),
        credit_rate=pl.coalesce("credit_rate", rate),
        credit_unit=pl.coalesce("credit_unit", pl.when(rate.is_not_null()).then(pl.col("said_unit"))),
    ).drop("said_unit", "said")
