"""Is the bill what the tokens should have cost? Billed money against our own estimate, model by model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import Choices, Question, by_columns, check_dims
from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.estimates import estimated, priced_by
from truto_usage_nb.costs.matching import one_name_a_model
from truto_usage_nb.costs.tables import matched
from truto_usage_nb.native import Native, enter
from truto_usage_nb.prices import CURRENCY

__all__ = ["check_prices"]

MODEL = "model_id"
COLUMNS = ("month", "currency", "billed", "estimate", "ratio", "reading")
_SUMS = [
    "money",
    "money_n",
    "other",
    "estimate",
    "of_priced",
    "unknown_priced",
    "priced",
    "unpriced",
    "included",
    "known_n",
]
_UNPAID = "tokens without a price: Priority Tier, prepaid or included?"
_BELOW = f"below list price: a discount, or {_UNPAID}"
_ABOVE = "above list price: a long-context tier, fast mode, or a fee?"
_READINGS = (
    (0.47365, _BELOW),
    (0.52635, f"about half of list price: batch or flex, or {_UNPAID}"),
    (0.90365, _BELOW),
    (1.07365, "at list price"),
    (1.12635, "about 1.1 times list price: data residency, a regional endpoint, or a fee?"),
    (47.365, _ABOVE),
    (151.365, "about 100 times list price: cents read as dollars?"),
    (float("inf"), _ABOVE),
)
"""What a ratio below each edge says. No discount in whole or tenths of a percent falls on an edge, nor does one beside
the 1.1 of data residency: how floats round never decides. Half price in cents is a ratio of 50."""


def check_prices(frame: Any, by: str | Sequence[str] | None = "model_id", **choices: Unpack[Choices]) -> Any:
    """Hold what was billed for tokens against what they cost at list price, a line a month, and say what it means.

    Comes back as the kind that came in, a row per value of `by`, `month` (its first day, UTC) and currency: `billed`
    (money that bought tokens), `estimate` (USD, of the tokens that have a price), `ratio` (billed over estimate), and
    `reading`, the ratio in words: about 0.5 is batch or flex, 1.1 data residency, 100 cents read as dollars. The ratio
    is null where there is nothing to compare: another currency, no charge, a refund, or tokens without a list price.
    Prices are those of the usage date and the base tier, as `estimate_costs` has them, without any discount. In lines
    of `model_id` the spellings of a model share one, as in `cost_per_model`.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.check_prices(usage).filter(model_id="claude-opus-5")["reading"].to_list()
    ['at list price']
    """
    native = enter(frame)
    return native.leave(_checked(native, by, choices))


def _checked(native: Native, by: str | Sequence[str] | None, choices: Any) -> pl.DataFrame:
    names = by_columns(by)
    check_dims(names, COLUMNS)
    asked = priced_by(native, names)
    read = matched(native, Question.of(asked, None, "UTC", "billed", choices, kinds=True))
    rows = estimated(read).with_columns(month=pl.col("day").dt.truncate("1mo"))
    if MODEL in names:  # money and tokens may spell a model in two ways
        rows = one_name_a_model(rows, f"dim_{names.index(MODEL)}", read.dims[: len(names)])
    return _table(rows, read, names)


def _table(rows: pl.DataFrame, read: Digest, names: tuple[str, ...]) -> pl.DataFrame:
    dims = {f"dim_{read.by.index(name)}": name for name in names}
    table = rows.group_by(*dims, "month", "currency").agg(pl.col(_SUMS).sum()).rename(dims)
    billed = pl.when(pl.col("money_n") > 0).then(pl.col("money") - pl.col("other"))
    worth = pl.when((pl.col("of_priced") > 0) & (pl.col("unknown_priced") == 0)).then(pl.col("of_priced"))
    table = table.with_columns(billed=billed, estimate=worth).with_columns(
        ratio=pl.when((pl.col("currency") == CURRENCY) & (pl.col("billed") >= 0)).then(
            pl.col("billed") / pl.col("estimate")
        )
    )
    bought = pl.col("priced") + pl.col("unpriced") + pl.col("included") > 0
    table = table.filter(bought | (pl.col("billed") != 0)).with_columns(reading=_reading())
    return table.select(*names, *COLUMNS).sort(
        "currency", "month", "billed", *names, descending=[False, False, True, *[False] * len(names)], nulls_last=True
    )


def _reading() -> pl.Expr:
    ratio = pl.col("ratio")
    said = pl.lit(None, dtype=pl.String)
    for edge, reading in reversed(_READINGS):
        said = pl.when(ratio < edge).then(pl.lit(reading)).otherwise(said)
    return (
        pl.when(ratio.is_not_null())
        .then(said)
        .when(pl.col("billed").is_null() | (pl.col("priced") == 0))
        .then(pl.lit("tokens without a charge"))
        .when(pl.col("currency").is_null() | (pl.col("currency") != CURRENCY))
        .then(pl.lit("not in USD: the list has no price to compare"))
        .when(pl.col("billed") < 0)
        .then(pl.lit("a refund: more was given back than billed"))
        .otherwise(pl.lit("no list price: a model, or kinds of tokens, that the list does not price"))
    )
