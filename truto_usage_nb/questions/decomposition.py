"""The arithmetic of a change, on cells of one account and model within a row; a model is one under any spelling.

    price of a cell       p = money / tokens
    price of a row        P = money of its cells / tokens of its cells
    old price, new kinds  p' = p_before * (list price of the new kinds / list price of the old kinds)

    volume = (Q_after - Q_before) * P_before + (money without tokens after - before)
    mix    = sum(q_after * p') - Q_after * P_before
    rate   = money after - sum(q_after * p')

The three add up to the change by themselves; a cell without an old price takes its new one for p'.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from truto_usage_nb.costs.choices import BUCKET
from truto_usage_nb.costs.matching import identity_of
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.prices import unit_prices

__all__ = ["cells_of", "decomposed"]

_PRICED = [f"priced_{kind}" for kind in KINDS]
_SUMS = ["money", "money_n", "other", "matched_n", "priced", *_PRICED]


def cells_of(rows: pl.DataFrame, keys: list[str], first: datetime, second: datetime) -> pl.DataFrame:
    """A row per key, account and model: `q` tokens, `m` their money, `o` money without tokens, `n`; 0 and 1.

    `rows` are those of the two buckets. `ratio` is what the shift between kinds does to the list price, 1 where it is
    not known.
    """
    cell = [*keys, "integrated_account_id", "model"]
    missing = [c for c in _SUMS if c not in rows.columns]
    rows = rows.with_columns(pl.lit(0).alias(c) for c in missing).with_columns(pl.col(_SUMS).fill_null(0))
    rows = rows.with_columns(model=identity_of(rows, "model"))
    rows = _unnamed_where_apart(rows, keys)
    sums = rows.group_by(*cell, BUCKET).agg(pl.col(_SUMS).sum())
    bought = (pl.col("priced") > 0) & (pl.col("matched_n") > 0)
    with_tokens = pl.col("money") - pl.col("other")
    sums = sums.with_columns(
        q=pl.when(bought).then(pl.col("priced")).otherwise(0).cast(pl.Float64),
        m=pl.when(bought).then(with_tokens).otherwise(0.0),
        o=pl.when(bought).then(pl.col("other")).otherwise(pl.col("money")),
        n=pl.col("money_n"),
    )
    values = ["q", "m", "o", "n", *_PRICED]
    sides = [sums.filter(pl.col(BUCKET) == bucket).select(*cell, *values) for bucket in (first, second)]
    joined = sides[0].join(sides[1], on=cell, how="full", suffix="_after", nulls_equal=True, coalesce=True)
    joined = joined.with_columns(pl.selectors.numeric().exclude(cell).fill_null(0))
    ratios = [_ratio(row, second) for row in joined.iter_rows(named=True)]
    return joined.with_columns(ratio=pl.Series(ratios, dtype=pl.Float64))


def _unnamed_where_apart(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Take the model off where an account's money and tokens do not both state it: then they meet without."""
    account = [*keys, "integrated_account_id"]
    sides = rows.group_by(*account, "model", BUCKET).agg(pl.col("priced", "matched_n").sum())
    apart = sides.filter((pl.col("priced") > 0) != (pl.col("matched_n") > 0)).select(account).unique()
    marked = rows.join(apart.with_columns(apart=pl.lit(value=True)), on=account, how="left", nulls_equal=True)
    return marked.with_columns(model=pl.when(pl.col("apart").is_null()).then(pl.col("model"))).drop("apart")


def _ratio(cell: dict[str, object], moment: datetime) -> float:
    """New kinds over old kinds, both at one day's list prices, a token each."""
    model = cell["model"]
    prices = unit_prices(model, None, moment.date()) if isinstance(model, str) else None
    if prices is None:
        return 1.0
    worth = []
    for suffix in ("", "_after"):
        tokens = [float(str(cell[f"{kind}{suffix}"])) for kind in _PRICED]
        whole = sum(tokens)
        if whole <= 0 or whole != cell[f"q{suffix}"]:  # kinds not stated, or not all of them
            return 1.0
        each = [(n, getattr(prices, kind)) for n, kind in zip(tokens, KINDS, strict=True) if n]
        if any(price is None for _, price in each):
            return 1.0
        worth.append(sum(n * price for n, price in each) / whole)
    return worth[1] / worth[0] if worth[0] > 0 and worth[1] > 0 else 1.0


def decomposed(cells: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """A row per key with `before`, `after`, `change` and its five parts."""
    old = pl.when((pl.col("q") > 0) & (pl.col("q_after") > 0)).then(pl.col("m") / pl.col("q") * pl.col("ratio"))
    standard = pl.when(old.is_not_null()).then(old * pl.col("q_after")).otherwise(pl.col("m_after"))
    sums = (
        cells.with_columns(standard=standard)
        .group_by(keys)
        .agg(pl.col("q", "m", "o", "n", "q_after", "m_after", "o_after", "n_after", "standard").sum())
    )
    sums = sums.filter((pl.col("n") > 0) | (pl.col("n_after") > 0)).with_columns(
        before=pl.col("m") + pl.col("o"), after=pl.col("m_after") + pl.col("o_after")
    )
    return (
        sums.with_columns(change=pl.col("after") - pl.col("before"))
        .with_columns(_parts())
        .select(*keys, "before", "after", "change", "volume", "rate", "mix", "new", "gone")
    )


def _parts() -> list[pl.Expr]:
    born, died = pl.col("n") == 0, pl.col("n_after") == 0
    had, has = pl.col("q") > 0, pl.col("q_after") > 0
    both = had & has & ~born & ~died
    lived = ~born & ~died
    price = pl.col("m") / pl.col("q")
    other = pl.col("o_after") - pl.col("o")
    return [
        pl.when(both)
        .then((pl.col("q_after") - pl.col("q")) * price + other)
        .when(lived)
        .then(other)
        .otherwise(0.0)
        .alias("volume"),
        pl.when(both).then(pl.col("m_after") - pl.col("standard")).otherwise(0.0).alias("rate"),
        pl.when(both).then(pl.col("standard") - pl.col("q_after") * price).otherwise(0.0).alias("mix"),
        pl.when(born)
        .then(pl.col("after"))
        .when(lived & ~had & has)
        .then(pl.col("m_after"))
        .otherwise(0.0)
        .alias("new"),
        pl.when(died).then(-pl.col("before")).when(lived & had & ~has).then(-pl.col("m")).otherwise(0.0).alias("gone"),
    ]
