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
from truto_usage_nb.focus.reading import LINE, ROW, Reading
from truto_usage_nb.focus.searches import named

__all__ = ["ALL_KINDS", "KIND", "Pairs", "pair"]

ALL_KINDS = (*KINDS, "unkind")
KIND = pl.Enum(ALL_KINDS)
_OTHER_THINGS = r"web[ _]search|code[ _](execution|interpreter)|session|image|seat|support"
"""Metrics that charge for something other than tokens."""
_FINE = ["organization_id", "product_id", "surface", "resources_workspace_id", "resources_id", "user_id", "user_email"]
_LEVELS = {"fine": _FINE, "coarse": ["product_id", "surface"]}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Hold what met: `money` with its tokens by kind (own or paired) and `metric_kind`; `left` are the tokens, by
    record (`source_row`, `line`) and kind (`n`), that no money paid for.
    """

    money: pl.DataFrame
    left: pl.DataFrame


def pair(reading: Reading, options: Options) -> Pairs:
    """Let tokens meet money."""
    money = with_metric_kind(reading.money)
    tokens = _stated_again(_by_kind(reading.tokens), money)
    takers = _takers(money, options)
    takers, tokens = _placed(takers, tokens, reading.lines)
    got, left = _met(takers, tokens)
    return Pairs(_with_tokens(money, got), left)


def with_metric_kind(money: pl.DataFrame) -> pl.DataFrame:
    """Add the kind of token that a charge's metric names, as the cost tables read it."""
    names = nw.from_native(money.select(pl.col("metric_name").unique().drop_nulls()))
    kinds: pl.DataFrame = names.with_columns(kind=kind_of()).to_native()
    known = dict(kinds.drop_nulls().iter_rows())
    return money.with_columns(
        metric_kind=pl.col("metric_name").replace_strict(known, default=None, return_dtype=pl.String).cast(KIND)
    )


def _by_kind(tokens: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        tokens.select(ROW, LINE, "key", pl.lit(kind, dtype=KIND).alias("kind"), n=kind).filter(pl.col("n") != 0)
        for kind in ALL_KINDS
    )


def has_own_quantity() -> pl.Expr:
    """Money that states how many tokens it charges for: the vendor's own figure."""
    tokens = pl.col("usage_unit").str.to_lowercase() == "tokens"
    return (tokens & (pl.col("usage_quantity") != 0)).fill_null(value=False) & ~has_own_tokens()


def has_own_tokens() -> pl.Expr:
    return pl.sum_horizontal(*ALL_KINDS) != 0


def _stated_again(tokens: pl.DataFrame, money: pl.DataFrame) -> pl.DataFrame:
    """Take away the tokens that a charge of their key and kind has counted itself."""
    key = ["key", "kind"]
    counted = money.filter(has_own_quantity() & pl.col("metric_kind").is_not_null())
    if not counted.height:
        return tokens.filter(pl.col("n") > 0).with_columns(pl.col("n").round())
    own = counted.group_by("key", kind="metric_kind").agg(pl.col("usage_quantity").sum().alias("counted"))
    rows = tokens.join(own, on=key, how="left", maintain_order="left")
    whole = pl.col("n").sum().over(key)
    rest = (whole - pl.col("counted").fill_null(0)).clip(lower_bound=0)
    return rows.with_columns(n=(pl.col("n") * rest / whole).round()).filter(pl.col("n") > 0).drop("counted")


def _takers(money: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The charges that can take tokens: charged in the one currency of their key, with no quantity of their own."""
    charged = ~pl.col("covered") & (pl.col("billed") != 0)
    currencies = money.lazy().filter(charged).group_by("key").agg(pl.col("currency").n_unique())
    one_currency = currencies.filter(pl.col("currency") == 1).collect()
    other_unit = (pl.col("usage_unit").str.to_lowercase() != "tokens") & (pl.col("usage_quantity") != 0)
    seated = pl.col("integrated_account_id").is_in(sorted(options.seated))
    free = ~has_own_tokens() & ~has_own_quantity() & ~other_unit.fill_null(value=False) & ~seated
    things = pl.col("metric_name").is_in(named(money["metric_name"], _OTHER_THINGS)).fill_null(value=False)
    able = money.filter(charged & free & ~things & (pl.col("billed") > 0))
    able = able.join(one_currency, on="key", how="semi", maintain_order="left")
    return able.select("money_row", LINE, "key", "metric_kind", weight=pl.col("billed").cast(pl.Float64))


def _placed(takers: pl.DataFrame, tokens: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number what both sides state: by the key and all of it (`fine`), by the key and a part of it (`coarse`)."""
    both = pl.concat([takers.select(LINE, "key"), tokens.select(LINE, "key")]).unique(LINE)
    both = both.with_columns(lines.select(_FINE)[both[LINE]].iter_columns())
    for name, dims in _LEVELS.items():
        both = _numbered(both, ["key", *dims], name)
    places = both.select(LINE, *_LEVELS)
    joined = (side.join(places, on=LINE, how="left", maintain_order="left") for side in (takers, tokens))
    return next(joined), next(joined)


def _numbered(rows: pl.DataFrame, by: list[str], name: str) -> pl.DataFrame:
    """Number the groups of rows that agree, nulls too."""
    groups = rows.select(by).with_row_index("__at").group_by(by).agg("__at").select("__at")
    return rows.with_columns(groups.with_row_index(name).explode("__at").sort("__at")[name])


def _met(takers: pl.DataFrame, tokens: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Level by level: what is the same on both sides is paired, the rest goes on; at last to any money of the key."""
    found, hungry = [], takers
    rest = tokens.group_by("key", *_LEVELS, "kind").agg(pl.col("n").sum())
    for place in (*_LEVELS, "key"):
        got, rest = _level(hungry, rest, place)
        hungry = hungry.join(got.select("money_row").unique(), on="money_row", how="anti", maintain_order="left")
        found.append(got)
    got, rest = _level(takers, rest, "key")
    left = tokens.join(rest, on=["fine", "kind"], how="semi", maintain_order="left")
    return pl.concat([*found, got]), left.select(ROW, LINE, "kind", "n")


def _level(takers: pl.DataFrame, tokens: pl.DataFrame, place: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Share each kind's tokens among the charges that name it, else among those that name none, by what they charge."""
    sums = tokens.group_by(place, "kind").agg(pl.col("n").sum()).with_row_index("slot")
    met = takers.select("money_row", "weight", "metric_kind", place).join(
        sums, on=place, how="inner", maintain_order="left"
    )
    named = pl.when(pl.col("metric_kind") == pl.col("kind")).then(0)
    writes = (pl.col("metric_kind") == "cache_write") & pl.col("kind").cast(pl.String).str.starts_with("cache_write")
    rank = named.when(writes).then(1).when(pl.col("metric_kind").is_null()).then(2)
    met = met.with_columns(rank=rank.cast(pl.Int8)).filter(pl.col("rank").is_not_null())
    met = met.filter(pl.col("rank") == pl.col("rank").min().over("slot"))
    part = (pl.col("n") * pl.col("weight") / pl.col("weight").sum().over("slot")).floor()
    met = met.select("slot", "money_row", "kind", "n", "weight", part=part)
    rest = pl.col("n") - pl.col("part").sum().over("slot")
    largest = pl.int_range(pl.len()).over("slot") == pl.col("weight").arg_max().over("slot")
    got = met.select("money_row", "kind", n=pl.col("part") + pl.when(largest).then(rest).otherwise(0.0))
    taken = sums.filter(pl.col("slot").is_in(met["slot"].unique().implode()))
    return got, tokens.join(taken, on=[place, "kind"], how="anti")


def _with_tokens(money: pl.DataFrame, got: pl.DataFrame) -> pl.DataFrame:
    """Put the paired tokens where a record's own would stand."""
    each = {f"got_{kind}": pl.when(pl.col("kind") == kind).then(pl.col("n")).sum() for kind in ALL_KINDS}
    wide = got.group_by("money_row").agg(**each)
    joined = money.join(wide, on="money_row", how="left", maintain_order="left")
    added = (pl.col(kind) + pl.col(f"got_{kind}").fill_null(0) for kind in ALL_KINDS)
    return joined.with_columns(added).drop(f"got_{kind}" for kind in ALL_KINDS)
