"""What the tokens were, and what caching saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import Choices, by_columns, check_choices
from truto_usage_nb.costs.digest import Digest, check_dims
from truto_usage_nb.costs.pricing import has_price, priced_by, with_price, with_unit_prices
from truto_usage_nb.costs.reading import stated, token_digest
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.native import enter
from truto_usage_nb.prices import CURRENCY, price_source

__all__ = ["cache_savings", "token_mix"]

By = str | Sequence[str] | None
WRITES = ("cache_write_5m", "cache_write_1h", "cache_write")
MIX = (
    "tokens", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "input_share",
    "cache_read_share", "cache_write_share", "output_share", "cache_hit_rate",
)  # fmt: skip
SAVINGS = (
    "currency", "cost_without_cache", "cost_with_cache", "cache_savings", "cache_write_premium", "unpriced_tokens",
    "price_source",
)  # fmt: skip


def token_mix(frame: Any, by: By = None, **choices: Unpack[Choices]) -> Any:
    """Say what the tokens were: input, cache reads, cache writes and output, as counts and as shares (0 to 1).

    Comes back as the kind of frame that came in, the most tokens first. `tokens` is all of them, whether charged or
    covered by a plan; the shares are of those whose kind is stated, so they add up to 1. `cache_hit_rate` is what part
    of all input was read from a cache: cache_read / (input + cache_read + cache_write). Null where there is nothing to
    divide by. Each token counts once, as in a cost table; `choices` are the same.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.token_mix(usage, "model_id").columns[:3]
    ['model_id', 'tokens', 'input_tokens']
    """
    names = _dimensions(by, MIX)
    check_choices(choices, "billed")
    native = enter(frame)
    read = token_digest(native, names, choices)
    written = pl.sum_horizontal(*WRITES)
    table = _summed(stated(read.rows), read, ["tokens", *KINDS]).with_columns(cache_write=written)
    known = pl.sum_horizontal("input", "cache_read", "cache_write", "output")
    table = table.with_columns(known=known, offered=pl.sum_horizontal("input", "cache_read", "cache_write"))
    parts = ("input", "cache_read", "cache_write", "output")
    table = table.select(
        *names,
        "tokens",
        *(pl.col(part).alias(f"{part}_tokens") for part in parts),
        *(_ratio(part, "known").alias(f"{part}_share") for part in parts),
        _ratio("cache_read", "offered").alias("cache_hit_rate"),
    )
    return native.leave(table.sort("tokens", *names, descending=[True, *[False] * len(names)], nulls_last=True))


def cache_savings(frame: Any, by: By = None, **choices: Unpack[Choices]) -> Any:
    """Say what prompt caching saved, at list prices of the day and of the base tier, in USD.

    `cost_without_cache` prices all input as fresh input, `cost_with_cache` as it was: fresh, written (at the price of
    its lifetime) and read; `cache_savings` is the difference, `cache_write_premium` what the writes cost above fresh
    input. Output is in neither. `unpriced_tokens` is the input for which the list has no price, in no other column;
    `price_source` names the list. Ours, not the vendor's: an estimate. Comes back as the kind of frame that came in.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.cache_savings(usage).columns[:3]
    ['currency', 'cost_without_cache', 'cost_with_cache']
    """
    names = _dimensions(by, SAVINGS)
    check_choices(choices, "billed")
    native = enter(frame)
    asked = priced_by(native, names)
    read = token_digest(native, asked, choices)
    rows = with_unit_prices(stated(read.rows), read)
    offered = ("input", "cache_read", *WRITES)
    tokens = {kind: pl.when(has_price("input")).then(with_price(kind, kind)).otherwise(0) for kind in offered}
    known = pl.sum_horizontal(*tokens.values())
    premium = {kind: pl.col(f"price_{kind}") - pl.col("price_input") for kind in WRITES}
    priced = has_price("input")
    rows = rows.with_columns(
        cost_without_cache=pl.when(priced).then(known * pl.col("price_input")),
        cost_with_cache=pl.when(priced).then(pl.sum_horizontal(*(n * pl.col(f"price_{k}") for k, n in tokens.items()))),
        cache_write_premium=pl.when(priced).then(pl.sum_horizontal(*(tokens[k] * more for k, more in premium.items()))),
        unpriced_tokens=pl.sum_horizontal(*offered) - known,
        n=priced.cast(pl.Int64),
    )
    sums = ["cost_without_cache", "cost_with_cache", "cache_write_premium", "unpriced_tokens", "n"]
    table = _summed(rows, read, sums, names)
    some = pl.col("n") > 0
    table = table.with_columns(pl.when(some).then(pl.col(c)).alias(c) for c in sums[:3]).select(
        *names,
        pl.lit(CURRENCY).alias("currency"),
        "cost_without_cache",
        "cost_with_cache",
        (pl.col("cost_without_cache") - pl.col("cost_with_cache")).alias("cache_savings"),
        "cache_write_premium",
        "unpriced_tokens",
        pl.lit(price_source()).alias("price_source"),
    )
    down = [True, *[False] * len(names)]
    return native.leave(table.sort("cache_savings", *names, descending=down, nulls_last=True))


def _dimensions(by: By, reserved: tuple[str, ...]) -> tuple[str, ...]:
    names = by_columns(by)
    check_dims(names, reserved)
    return names


def _summed(rows: pl.DataFrame, read: Digest, sums: list[str], names: tuple[str, ...] | None = None) -> pl.DataFrame:
    wanted = read.by if names is None else names
    dims = {f"dim_{read.by.index(name)}": name for name in wanted}
    if not dims:
        return rows.select(pl.col(sums).sum()).filter(pl.lit(rows.height > 0))
    return rows.group_by(*dims).agg(pl.col(sums).sum()).rename(dims)


def _ratio(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))
