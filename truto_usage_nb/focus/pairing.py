"""Tokens meet money, kind by kind, and land on the records that charge for them.

The key is that of the cost tables: account, UTC day and model. Within it the tokens go to the money that shares most of
what both sides state (organisation, product, surface, workspace, resource, person), then to less, so that every token
of a key that has money ends on a row that has money, and none twice. Money that names a kind takes that kind alone,
and money that names searches, sessions or other things takes none.
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.kinds import kind_of
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.focus.options import Options
from truto_usage_nb.focus.reading import KEY, ROW, Reading

__all__ = ["ALL_KINDS", "Pairs", "pair"]

ALL_KINDS = (*KINDS, "unkind")
_OTHER_THINGS = r"web[ _]search|code[ _](execution|interpreter)|session|image|seat|support"
"""Metrics that charge for something other than tokens."""
_FINE = ["organization_id", "product_id", "surface", "resources_workspace_id", "resources_id", "user_id", "user_email"]
_LEVELS: tuple[list[str], ...] = (_FINE, ["product_id", "surface"], [])


@dataclass(frozen=True, slots=True)
class Pairs:
    """Hold what met: `money` with its tokens by kind (own or paired) and `metric_kind`; `left` are the tokens, by
    record (`source_row`) and kind (`n`), that no money paid for.
    """

    money: pl.DataFrame
    left: pl.DataFrame


def pair(reading: Reading, options: Options) -> Pairs:
    """Let tokens meet money."""
    money = with_metric_kind(reading.money)
    tokens = _by_kind(reading.tokens)
    tokens = _stated_again(tokens, money)
    takers = _takers(money, options)
    got, left = _met(takers, tokens)
    return Pairs(_with_tokens(money, got), left)


def with_metric_kind(money: pl.DataFrame) -> pl.DataFrame:
    """Add the kind of token that a charge's metric names, as the cost tables read it."""
    named: pl.DataFrame = nw.from_native(money).with_columns(metric_kind=kind_of()).to_native()
    return named


def _by_kind(tokens: pl.DataFrame) -> pl.DataFrame:
    base = [ROW, *KEY, *_FINE]
    long = tokens.select(*base, *ALL_KINDS).unpivot(ALL_KINDS, index=base, variable_name="kind", value_name="n")
    return long.filter(pl.col("n") != 0).with_columns(pl.col("n").cast(pl.Float64))


def has_own_quantity() -> pl.Expr:
    """Money that states how many tokens it charges for: the vendor's own figure."""
    tokens = pl.col("usage_unit").str.to_lowercase() == "tokens"
    return (tokens & (pl.col("usage_quantity") != 0)).fill_null(value=False) & ~has_own_tokens()


def has_own_tokens() -> pl.Expr:
    return pl.sum_horizontal(*ALL_KINDS) != 0


def _stated_again(tokens: pl.DataFrame, money: pl.DataFrame) -> pl.DataFrame:
    """Take away the tokens that a charge of their key and kind has counted itself."""
    key = [*KEY, "kind"]
    counted = money.filter(has_own_quantity() & pl.col("metric_kind").is_not_null())
    own = counted.group_by(*KEY, kind="metric_kind").agg(pl.col("usage_quantity").sum().alias("counted"))
    rows = tokens.join(own, on=key, how="left", nulls_equal=True)
    whole = pl.col("n").sum().over(key)
    rest = (whole - pl.col("counted").fill_null(0)).clip(lower_bound=0)
    return rows.with_columns(n=(pl.col("n") * rest / whole).round()).filter(pl.col("n") > 0).drop("counted")


def _takers(money: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The charges that can take tokens: charged in the one currency of their key, with no quantity of their own."""
    charged = ~pl.col("covered") & (pl.col("billed") != 0)
    one_currency = pl.col("currency").filter(charged).n_unique().over(KEY) == 1
    other_unit = (pl.col("usage_unit").str.to_lowercase() != "tokens") & (pl.col("usage_quantity") != 0)
    seated = pl.col("integrated_account_id").is_in(sorted(options.seated))
    free = ~has_own_tokens() & ~has_own_quantity() & ~other_unit.fill_null(value=False) & ~seated
    things = pl.col("metric_name").str.to_lowercase().str.contains(_OTHER_THINGS).fill_null(value=False)
    able = money.filter(charged & one_currency & free & ~things & (pl.col("billed") > 0))
    able = able.select("money_row", *KEY, *_FINE, "metric_kind", weight=pl.col("billed").cast(pl.Float64))
    kinds = pl.DataFrame({"kind": list(ALL_KINDS)})
    writes = (pl.col("metric_kind") == "cache_write") & pl.col("kind").str.starts_with("cache_write")
    named = pl.when(pl.col("metric_kind") == pl.col("kind")).then(0)
    rank = named.when(writes).then(1).when(pl.col("metric_kind").is_null()).then(2)
    return able.join(kinds, how="cross").with_columns(rank=rank).filter(pl.col("rank").is_not_null())


def _met(takers: pl.DataFrame, tokens: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Level by level: what is the same on both sides is paired, the rest goes on; at last to any money of the key."""
    found, hungry = [], takers
    for dims in _LEVELS:
        got, tokens = _level(hungry, tokens, dims)
        hungry = hungry.join(got.select("money_row").unique(), on="money_row", how="anti")
        found.append(got)
    got, tokens = _level(takers, tokens, [])
    return pl.concat([*found, got]), tokens.select(ROW, "kind", "n")


def _level(takers: pl.DataFrame, tokens: pl.DataFrame, dims: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Share each kind's tokens among the charges that name it, else among those that name none, by what they charge."""
    key = [*KEY, *dims, "kind"]
    best = takers.filter(pl.col("rank") == pl.col("rank").min().over(key))
    sums = tokens.group_by(key).agg(pl.col("n").sum())
    met = best.select("money_row", "weight", *key).join(sums, on=key, how="inner", nulls_equal=True)
    part = (pl.col("n") * pl.col("weight") / pl.col("weight").sum().over(key)).floor()
    met = met.with_columns(part=part)
    rest = pl.col("n") - pl.col("part").sum().over(key)
    largest = pl.int_range(pl.len()).over(key) == pl.col("weight").arg_max().over(key)
    got = met.select("money_row", "kind", n=pl.col("part") + pl.when(largest).then(rest).otherwise(0.0))
    return got, tokens.join(best.select(key).unique(), on=key, how="anti", nulls_equal=True)


def _with_tokens(money: pl.DataFrame, got: pl.DataFrame) -> pl.DataFrame:
    """Put the paired tokens where a record's own would stand."""
    wide = got.group_by("money_row").agg(
        *(pl.col("n").filter(pl.col("kind") == kind).sum().alias(f"got_{kind}") for kind in ALL_KINDS)
    )
    joined = money.join(wide, on="money_row", how="left", maintain_order="left")
    added = (pl.col(kind) + pl.col(f"got_{kind}").fill_null(0) for kind in ALL_KINDS)
    return joined.with_columns(added).drop(f"got_{kind}" for kind in ALL_KINDS)
