"""Tokens by kind and at list price: what they were, what caching saved, and our estimate beside the bill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import By, Choices, Question, by_columns, check_choices, check_dims
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.digest import Digest, DigestPlan, reduced, within_period
from truto_usage_nb.costs.matching import HEADS
from truto_usage_nb.costs.tables import counted_once, matched
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.errors import tell
from truto_usage_nb.native import Native, enter
from truto_usage_nb.prices import CURRENCY, price_columns, price_source

__all__ = ["cache_savings", "estimate_costs", "estimated", "priced_by", "token_mix"]

_COLUMNS = (
    "currency", "cost", "other_cost", "estimate_currency", "estimated_cost", "estimated_tokens", "unknown_tokens",
    "cost_to_estimate", "price_source",
)  # fmt: skip


def estimate_costs(frame: Any, by: By = None, **choices: Unpack[Choices]) -> Any:
    """Put what the tokens would cost at list price beside what was billed; the two are never mixed.

    Comes back as the kind of frame that came in, a row per value of `by` and currency: `cost` and `other_cost` as
    `cost_per` has them, `estimated_cost` in `estimate_currency` (USD), of `estimated_tokens`; `unknown_tokens` are
    those whose kind is not stated, or for which the list has no price: unpriced, never $0. `cost_to_estimate` is
    (cost - other_cost) over the estimate of the same tokens: 1 is list price, 0.85 a discount of 15 %, about 100 cents
    taken for dollars, and well below that a sign of tokens that somebody else paid for; null in other currencies.

    Prices are those of the usage date and of the base tier, writes of an hour at their own price; `price_source` names
    list and version. A model is looked up by its identity, fast mode at the fast price; columns `service_tier`,
    `speed` and `context_window`, as `remote_field` adds them, have the price of that tier where the list has it.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.estimate_costs(usage, "model_id").columns[:4]
    ['model_id', 'currency', 'cost', 'other_cost']
    """
    names = by_columns(by)
    check_dims(names, _COLUMNS)
    native = enter(frame)
    asked = priced_by(native, names)
    read = matched(native, Question.of(asked, None, "UTC", "billed", choices, kinds=True))
    return native.leave(_beside_the_bill(estimated(read), read, names))


def estimated(read: Digest) -> pl.DataFrame:
    """What each row's tokens would cost, those with a price (`of_priced`) also by themselves."""
    rows = _with_unit_prices(read.rows, read)
    counted = {head: _counted(head) for head in HEADS}
    known = pl.sum_horizontal(*counted.values())
    return rows.with_columns(
        estimate=pl.sum_horizontal(*(_worth(head) for head in HEADS)),
        of_priced=_worth("priced"),
        estimated_tokens=known,
        unknown_tokens=pl.sum_horizontal(*HEADS) - known,
        unknown_priced=pl.col("priced").fill_null(0) - counted["priced"],
        known_n=(known != 0).cast(pl.Int64),
    )


def _worth(head: str) -> pl.Expr:
    """What tokens cost at list price, those of a kind without one left out."""
    return pl.sum_horizontal(*(_with_price(kind, f"{head}_{kind}") * pl.col(f"price_{kind}") for kind in KINDS))


def _counted(head: str) -> pl.Expr:
    """The tokens that have a price."""
    return pl.sum_horizontal(*(_with_price(kind, f"{head}_{kind}") for kind in KINDS))


def _beside_the_bill(rows: pl.DataFrame, read: Digest, names: tuple[str, ...]) -> pl.DataFrame:
    dims = {f"dim_{read.by.index(name)}": name for name in names}
    sums = (
        "money", "money_n", "other", "estimate", "of_priced", "estimated_tokens", "unknown_tokens", "unknown_priced",
        "known_n",
    )  # fmt: skip
    table = rows.group_by(*dims, "currency").agg(pl.col(*sums).sum()).rename(dims)
    stated, comparable = pl.col("money_n") > 0, (pl.col("currency") == CURRENCY) & (pl.col("unknown_priced") == 0)
    cost, other = pl.when(stated).then(pl.col("money")), pl.when(stated).then(pl.col("other"))
    ratio = pl.when(comparable & (pl.col("of_priced") > 0)).then((cost - other) / pl.col("of_priced"))
    table = table.select(
        *names,
        "currency",
        cost.alias("cost"),
        other.alias("other_cost"),
        pl.lit(CURRENCY).alias("estimate_currency"),
        pl.when(pl.col("known_n") > 0).then(pl.col("estimate")).alias("estimated_cost"),
        "estimated_tokens",
        "unknown_tokens",
        ratio.alias("cost_to_estimate"),
        pl.lit(price_source()).alias("price_source"),
    )
    says = pl.col("cost").is_not_null() | (pl.sum_horizontal("estimated_tokens", "unknown_tokens") != 0)
    order = [in_blocks(table, "cost"), "currency", "cost", "estimated_cost", *names]
    down = [False, False, True, True, *[False] * len(names)]
    return table.filter(says).sort(order, descending=down, nulls_last=True)


# what the tokens were -------------------------------------------------------------------------------------------------

_WRITES = ("cache_write_5m", "cache_write_1h", "cache_write")
_MIX = (
    "tokens", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "input_share",
    "cache_read_share", "cache_write_share", "output_share", "cache_hit_rate",
)  # fmt: skip
_SAVINGS = (
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
    names = _dimensions(by, _MIX)
    check_choices(choices, "billed")
    native = enter(frame)
    read = _token_digest(native, names, choices)
    written = pl.sum_horizontal(*_WRITES)
    table = _summed(_stated(read.rows), read, ["tokens", *KINDS]).with_columns(cache_write=written)
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
    names = _dimensions(by, _SAVINGS)
    check_choices(choices, "billed")
    native = enter(frame)
    asked = priced_by(native, names)
    read = _token_digest(native, asked, choices)
    rows = _with_unit_prices(_stated(read.rows), read)
    offered = ("input", "cache_read", *_WRITES)
    tokens = {kind: pl.when(_has_price("input")).then(_with_price(kind, kind)).otherwise(0) for kind in offered}
    known = pl.sum_horizontal(*tokens.values())
    premium = {kind: pl.col(f"price_{kind}") - pl.col("price_input") for kind in _WRITES}
    priced = _has_price("input")
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


def _token_digest(native: Native, by: tuple[str, ...], choices: Mapping[str, Any]) -> Digest:
    """Read a frame's tokens by kind; what was chosen is told in one warning."""
    native, told = within_period(reduced(native, by), choices.get("overhang"))
    _, counted = counted_once(native, DigestPlan.of(by, choices, kinds=True), choices)
    notes = [*told, *counted.told]
    if notes:
        tell("; ".join(notes) + ".")
    return counted


def _stated(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with tokens of any kind, charged and covered ones together."""
    together = rows.with_columns(pl.col(kind) + pl.col(f"covered_{kind}") for kind in (*KINDS, "tokens"))
    return together.filter(pl.sum_horizontal("tokens", *KINDS) != 0)


# list prices beside the rows of a digest ------------------------------------------------------------------------------

_PROVIDER = "model_provider"
_TIERS = ("service_tier", "speed", "context_window")
"""Columns that take part in the price where a frame has them, under the names by which the list is asked."""


def priced_by(native: Native, names: tuple[str, ...]) -> tuple[str, ...]:
    """Give the dimensions that a digest must have, to be priced: those asked for, and what a price goes by."""
    tiers = (tier for tier in _TIERS if tier in native.columns)
    return tuple(dict.fromkeys((*names, _PROVIDER, *tiers)))


def _with_unit_prices(rows: pl.DataFrame, read: Digest) -> pl.DataFrame:
    """Add `price_<kind>` (USD a token) for each kind, null where the list has no price for that kind of that model."""
    tiers = [tier for tier in _TIERS if tier in read.by]
    provider, *words = (f"dim_{read.by.index(name)}" for name in (_PROVIDER, *tiers))
    keys = ["model", provider, "day", *words]
    rows = rows.with_columns(day=read.day.cast(pl.Int32).cast(pl.Date))
    asked = rows.select(keys).unique()
    prices = price_columns(asked.rename(dict(zip(words, tiers, strict=True))), KINDS)
    return rows.join(asked.hstack(prices), on=keys, how="left", nulls_equal=True)


def _has_price(kind: str) -> pl.Expr:
    """Whether the list has a price for a kind of token on this row; needs `price_<kind>`."""
    return pl.col(f"price_{kind}").is_not_null()


def _with_price(kind: str, column: str) -> pl.Expr:
    """The tokens of a column that are of a kind with a price, else 0."""
    return pl.when(_has_price(kind)).then(pl.col(column).fill_null(0)).otherwise(0)
