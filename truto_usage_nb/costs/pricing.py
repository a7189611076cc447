"""List prices beside the rows of a digest: asked once per model, provider and day."""

from __future__ import annotations

from datetime import date

import polars as pl

from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.reading import day_of
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.prices import UnitPrices, unit_prices

__all__ = ["PROVIDER", "with_unit_prices"]

PROVIDER = "model_provider"
"""The dimension that a digest must have, to be priced."""


def with_unit_prices(rows: pl.DataFrame, read: Digest) -> pl.DataFrame:
    """Add `price_<kind>` (USD a token) for each kind, null where the list does not know the model."""
    provider = f"dim_{read.by.index(PROVIDER)}"
    keys = ["model", provider, "day"]
    rows = rows.with_columns(day=day_of(read))
    asked = rows.select(keys).unique()
    found = [_prices(model, maker, day) for model, maker, day in asked.iter_rows()]
    schema = pl.Schema({f"price_{kind}": pl.Float64() for kind in KINDS})
    priced = pl.concat([asked, pl.DataFrame(found, schema=schema, orient="row")], how="horizontal")
    return rows.join(priced, on=keys, how="left", nulls_equal=True)


def _prices(model: str | None, provider: str | None, day: date | None) -> tuple[float | None, ...]:
    found: UnitPrices | None = unit_prices(model, provider, day) if model is not None and day is not None else None
    return tuple(None if found is None else float(getattr(found, kind)) for kind in KINDS)
