"""One row a kind of token: what a record charges is parted among its kinds, exactly.

Where the vendor says the kind there is one row. Where one amount paid for several kinds it is parted by tokens times
list price of the day, which is flagged; where the list does not know the model there is one row of all its tokens.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from truto_usage_nb.focus.amounts import split
from truto_usage_nb.focus.pairing import ALL_KINDS
from truto_usage_nb.prices import price_source, unit_prices

__all__ = ["by_kind", "with_list_prices"]

_KEY = ["model_id", "model_provider", "price_day"]
_TIERS = ("service_tier", "speed", "context_window")
"""Columns of the caller that change a price, under the names by which the list is asked."""
_SPLIT = ("billed", "list", "contracted")
_PRICED = tuple(kind for kind in ALL_KINDS if kind != "unkind")


def by_kind(money: pl.DataFrame) -> pl.DataFrame:
    """Give a row per charge and kind of token: `kind`, `n` (tokens) and the amounts' parts; others stay one row.

    `kind` is null where the charge has no tokens, and "tokens" where its kinds cannot be told apart. Tax and credit
    stay with the first row of a charge.
    """
    money = with_list_prices(money.with_columns(**_own_quantity()))
    stated = {kind: pl.col(kind) != 0 for kind in ALL_KINDS}
    several = pl.sum_horizontal(*stated.values()) > 1
    known = pl.all_horizontal(*(~stated[k] | pl.col(f"price_{k}").is_not_null() for k in _PRICED)) & ~stated["unkind"]
    worth = pl.sum_horizontal(*(pl.col(kind) * pl.col(f"price_{kind}").fill_null(0.0) for kind in _PRICED))
    money = money.with_columns(
        __several=several, __splits=several & known & (worth > 0) & pl.col("metric_kind").is_null()
    )
    whole = _whole(money.filter(~pl.col("__splits")))
    parts = _parts(money.filter(pl.col("__splits")))
    rows = pl.concat([whole, parts], how="diagonal_relaxed").sort("money_row", "__nth", maintain_order=True)
    first = pl.int_range(pl.len()).over("money_row") == 0
    nothing = {name: pl.when(first).then(pl.col(name)).otherwise(pl.col(name) * 0) for name in ("tax", "credit")}
    prices = [f"price_{kind}" for kind in _PRICED]
    return rows.with_columns(**nothing).drop(*ALL_KINDS, *prices, "__several", "__splits", "__nth", "price_day")


def _own_quantity() -> dict[str, pl.Expr]:
    """A charge that counts its own tokens has them under the kind that its metric names."""
    silent = pl.sum_horizontal(*ALL_KINDS) == 0
    counts = ((pl.col("usage_unit").str.to_lowercase() == "tokens") & silent).fill_null(value=False)
    quantity = pl.col("usage_quantity").fill_null(0.0)
    kind = pl.col("metric_kind").fill_null("unkind")
    return {k: pl.when(counts & (kind == k)).then(quantity).otherwise(pl.col(k)) for k in ALL_KINDS}


def _whole(money: pl.DataFrame) -> pl.DataFrame:
    total = pl.sum_horizontal(*ALL_KINDS)
    only = pl.coalesce(*(pl.when(pl.col(kind) != 0).then(pl.lit(kind)) for kind in _PRICED), pl.lit("tokens"))
    kind = pl.when(pl.col("__several")).then(pl.coalesce("metric_kind", pl.lit("tokens"))).otherwise(only)
    return money.with_columns(
        kind=pl.when(total != 0).then(kind), n=total, allocated=pl.lit(value=False), __nth=pl.lit(0)
    )


def _parts(money: pl.DataFrame) -> pl.DataFrame:
    each = [
        money.filter(pl.col(kind) != 0).with_columns(
            kind=pl.lit(kind),
            n=pl.col(kind),
            allocated=pl.lit(value=True),
            __nth=pl.lit(nth),
            __weight=pl.col(kind).abs() * pl.col(f"price_{kind}"),
        )
        for nth, kind in enumerate(_PRICED)
    ]
    rows = pl.concat(each).sort("money_row", "__nth")
    return split(rows, _SPLIT, "money_row", "__weight").drop("__weight")


def with_list_prices(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `price_<kind>` (USD a token, null where the list has no price for that kind of the model) and `price_source`.

    Columns `service_tier`, `speed` and `context_window` take part where the rows have them.
    """
    rows = rows.with_columns(price_day=pl.col("start_date").dt.date())
    has = rows.filter(pl.sum_horizontal(*ALL_KINDS) != 0) if set(ALL_KINDS) <= set(rows.columns) else rows
    tiers = [tier for tier in _TIERS if tier in rows.columns]
    asked = has.select(*_KEY, *tiers).unique()
    schema = pl.Schema({f"price_{kind}": pl.Float64() for kind in _PRICED})
    found = [_prices(row, tiers) for row in asked.iter_rows()]
    priced = pl.concat([asked, pl.DataFrame(found, schema=schema, orient="row")], how="horizontal")
    rows = rows.join(priced, on=[*_KEY, *tiers], how="left", nulls_equal=True, maintain_order="left")
    source = price_source() if asked.height else None
    known = pl.any_horizontal(*(pl.col(f"price_{kind}").is_not_null() for kind in _PRICED))
    return rows.with_columns(price_source=pl.when(known).then(pl.lit(source)))


def _prices(row: tuple[Any, ...], tiers: list[str]) -> tuple[float | None, ...]:
    model, provider, day, *words = row
    if model is None or day is None:
        return (None,) * len(_PRICED)
    said = {tier: str(word) for tier, word in zip(tiers, words, strict=True) if word is not None}
    found = unit_prices(model, provider, day, **said)
    return tuple(None if found is None else getattr(found, kind) for kind in _PRICED)
