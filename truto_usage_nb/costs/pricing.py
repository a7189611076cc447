"""List prices beside the rows of a digest: asked once per model, provider, day and tier."""

from __future__ import annotations

from typing import Any

import polars as pl

from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.reading import day_of
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.native import Native
from truto_usage_nb.prices import UnitPrices, unit_prices

__all__ = ["has_price", "priced_by", "with_price", "with_unit_prices"]

_PROVIDER = "model_provider"
_TIERS = ("service_tier", "speed", "context_window")
"""Columns that take part in the price where a frame has them, under the names by which the list is asked."""


def priced_by(native: Native, names: tuple[str, ...]) -> tuple[str, ...]:
    """Give the dimensions that a digest must have, to be priced: those asked for, and what a price goes by."""
    tiers = (tier for tier in _TIERS if tier in native.columns)
    return tuple(dict.fromkeys((*names, _PROVIDER, *tiers)))


def with_unit_prices(rows: pl.DataFrame, read: Digest) -> pl.DataFrame:
    """Add `price_<kind>` (USD a token) for each kind, null where the list has no price for that kind of that model."""
    tiers = [tier for tier in _TIERS if tier in read.by]
    provider, *words = (f"dim_{read.by.index(name)}" for name in (_PROVIDER, *tiers))
    keys = ["model", provider, "day", *words]
    rows = rows.with_columns(day=day_of(read))
    asked = rows.select(keys).unique()
    found = [_prices(row, tiers) for row in asked.iter_rows()]
    schema = pl.Schema({f"price_{kind}": pl.Float64() for kind in KINDS})
    priced = pl.concat([asked, pl.DataFrame(found, schema=schema, orient="row")], how="horizontal")
    return rows.join(priced, on=keys, how="left", nulls_equal=True)


def has_price(kind: str) -> pl.Expr:
    """Whether the list has a price for a kind of token on this row; needs `price_<kind>`."""
    return pl.col(f"price_{kind}").is_not_null()


def with_price(kind: str, column: str) -> pl.Expr:
    """The tokens of a column that are of a kind with a price, else 0."""
    return pl.when(has_price(kind)).then(pl.col(column).fill_null(0)).otherwise(0)


def _prices(row: tuple[Any, ...], tiers: list[str]) -> tuple[float | None, ...]:
    model, provider, day, *words = row
    if model is None or day is None:
        return (None,) * len(KINDS)
    said = {tier: str(word) for tier, word in zip(tiers, words, strict=True) if word is not None}
    found: UnitPrices | None = unit_prices(model, provider, day, **said)
    return tuple(None if found is None else getattr(found, kind) for kind in KINDS)
