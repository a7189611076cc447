"""Our estimate beside the bill: tokens times the list price of their day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.building import Question, matched
from truto_usage_nb.costs.choices import Choices, by_columns
from truto_usage_nb.costs.digest import Digest, check_dims
from truto_usage_nb.costs.pricing import priced_by, with_price, with_unit_prices
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.native import enter
from truto_usage_nb.prices import CURRENCY, price_source

__all__ = ["estimate_costs", "estimated"]

COLUMNS = (
    "currency", "cost", "other_cost", "estimate_currency", "estimated_cost", "estimated_tokens", "unknown_tokens",
    "cost_to_estimate", "price_source",
)  # fmt: skip
_HEADS = ("priced", "unpriced", "included")


def estimate_costs(frame: Any, by: str | Sequence[str] | None = None, **choices: Unpack[Choices]) -> Any:
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
    check_dims(names, COLUMNS)
    native = enter(frame)
    asked = priced_by(native, names)
    read = matched(native, Question.of(asked, None, "UTC", "billed", choices, kinds=True))
    table = _table(estimated(read), read, names)
    return native.leave(table)


def estimated(read: Digest) -> pl.DataFrame:
    """What each row's tokens would cost, those with a price (`of_priced`) also by themselves."""
    rows = with_unit_prices(read.rows, read)
    counted = {head: _counted(head) for head in _HEADS}
    known = pl.sum_horizontal(*counted.values())
    return rows.with_columns(
        estimate=pl.sum_horizontal(*(_worth(head) for head in _HEADS)),
        of_priced=_worth("priced"),
        estimated_tokens=known,
        unknown_tokens=pl.sum_horizontal(*_HEADS) - known,
        unknown_priced=pl.col("priced").fill_null(0) - counted["priced"],
        known_n=(known != 0).cast(pl.Int64),
    )


def _worth(head: str) -> pl.Expr:
    """What tokens cost at list price, those of a kind without one left out."""
    return pl.sum_horizontal(*(with_price(kind, f"{head}_{kind}") * pl.col(f"price_{kind}") for kind in KINDS))


def _counted(head: str) -> pl.Expr:
    """The tokens that have a price."""
    return pl.sum_horizontal(*(with_price(kind, f"{head}_{kind}") for kind in KINDS))


def _table(rows: pl.DataFrame, read: Digest, names: tuple[str, ...]) -> pl.DataFrame:
    dims = {f"dim_{read.by.index(name)}": name for name in names}
    sums = [
        "money",
        "money_n",
        "other",
        "estimate",
        "of_priced",
        "estimated_tokens",
        "unknown_tokens",
        "unknown_priced",
    ]
    table = rows.group_by(*dims, "currency").agg(pl.col(*sums, "known_n").sum()).rename(dims)
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
    order = ["currency", "cost", "estimated_cost", *names]
    down = [False, True, True, *[False] * len(names)]
    return table.filter(says).sort(order, descending=down, nulls_last=True)
