"""The line under a cost table."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.format import money, percent
from truto_usage_nb.native import Native, collect, require

__all__ = ["closing"]


def closing(native: Native) -> str:
    """Say what share of the tokens has a price, and how much money bought no tokens."""
    require(native, ("currency", "other_cost", "tokens", "unpriced_tokens"), "The closing line")
    table = collect(native.frame.select("currency", "other_cost", "tokens", "unpriced_tokens"))
    priced, unpriced = float(table["tokens"].sum() or 0), float(table["unpriced_tokens"].sum() or 0)
    parts = []
    if priced + unpriced > 0:
        parts.append(f"{percent(priced / (priced + unpriced))} of tokens have a price")
    other = table.group_by("currency").agg(pl.col("other_cost").sum()).filter(pl.col("other_cost").abs() > 0)
    amounts = [money(amount, currency) for currency, amount in other.sort("currency", nulls_last=True).iter_rows()]
    if amounts:
        parts.append(f"{' and '.join(amounts)} {'has' if len(amounts) == 1 else 'have'} no tokens")
    return f"{'; '.join(parts)}." if parts else "No tokens and no money here."
