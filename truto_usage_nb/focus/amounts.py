"""Exact amounts, and their exact splitting: parts add up to the whole, always.

Amounts are decimals of ten places. Each part is cut towards zero and the row with the largest weight takes the rest, so
no part ever has another sign than the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

__all__ = ["AMOUNT", "PRICE", "exact", "split", "unit_price"]

AMOUNT, PRICE = pl.Decimal(38, 10), pl.Decimal(38, 18)
_SHARE = "__share"


def exact(values: pl.Series) -> pl.Series:
    """Read floats by their decimal text, to ten places."""
    if not (values != 0).any():  # as most taxes and credits are
        return values.cast(AMOUNT)
    return values.cast(pl.String).cast(AMOUNT)


def split(rows: pl.DataFrame, columns: Sequence[str], key: str, weight: str) -> pl.DataFrame:
    """Replace whole amounts, repeated on the rows of one `key`, by parts in proportion to `weight` (not negative).

    Where all weights of a key are 0 its first row takes the whole.
    """
    if not rows.height:
        return rows
    whole = pl.col(weight).sum().over(key)
    first = pl.int_range(pl.len()).over(key) == 0
    share = pl.when(whole > 0).then(pl.col(weight) / whole).otherwise(first.cast(pl.Float64))
    rows = rows.with_columns(share.alias(_SHARE)).with_columns(
        __takes_rest=pl.int_range(pl.len()).over(key) == pl.col(_SHARE).arg_max().over(key)
    )
    for column in columns:
        part = (pl.col(column).cast(pl.Float64) * pl.col(_SHARE) * 1e10).truncate() / 1e10
        rows = rows.with_columns(__part=part.cast(AMOUNT))
        rest = pl.col(column) - pl.col("__part").sum().over(key)
        own = pl.col("__part") + pl.when(pl.col("__takes_rest")).then(rest).otherwise(pl.lit(Decimal(0), dtype=AMOUNT))
        rows = rows.with_columns(own.alias(column))
    return rows.drop(_SHARE, "__takes_rest", "__part")


def unit_price(cost: str, quantity: str) -> pl.Expr:
    """Give the price that, times the quantity, is the cost; 0 where there is no quantity."""
    amount, number = pl.col(cost).cast(pl.Float64), pl.col(quantity).cast(pl.Float64)
    price = pl.when(number != 0).then(amount / number).otherwise(0.0)
    return price.abs().cast(PRICE)
