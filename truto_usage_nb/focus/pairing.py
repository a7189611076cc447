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
from truto_usage_nb.focus.reading import LINE, ROW, Reading, numbered
from truto_usage_nb.focus.searches import named

__all__ = ["ALL_KINDS", "KIND", "Pairs", "pair"]

ALL_KINDS = (*KINDS, "unkind")
KIND = pl.Enum(ALL_KINDS)
_OTHER_THINGS = r"web[ _]search|code[ _](execution|interpreter)|session|image|seat|support"
"""Metrics that charge for something other than tokens."""
_FINE = ["organization_id", "product_id", "surface", "resources_workspace_id", "resources_id", "user_id", "user_email"]
_LEVELS = ("fine", "coarse")
"""Numbers of what agrees in the key and all of _FINE, and in the key, product and surface."""


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
    takers, tokens = _placed(_takers(money, options), reading.tokens, reading.lines)
    got, left = _met(takers, _stated_again(_by_kind(tokens), money))
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
        tokens.select(ROW, LINE, "key", *_LEVELS, pl.lit(kind, dtype=KIND).alias("kind"), n=kind).filter(
            pl.col("n") != 0
        )
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
    both = pl.concat([takers.select(LINE, "key"), tokens.select(LINE, "key")])
    both = both.with_columns(lines.select(_FINE)[both[LINE]].iter_columns())
    said = [name for name in _FINE if both[name].null_count() < both.height]
    both = numbered(both, ["key", *said], "fine")
    some = [name for name in ("product_id", "surface") if name in said]
    places = numbered(both.select("key", *some, "fine").unique("fine"), ["key", *some], "coarse").sort("fine")
    both = both.select("fine", places["coarse"].gather(both["fine"]))
    beside = (both[: takers.height], both[takers.height :])
    return takers.with_columns(beside[0].iter_columns()), tokens.with_columns(beside[1].iter_columns())


def _met(takers: pl.DataFrame, tokens: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Level by level: what is the same on both sides is paired, the rest goes on; at last to any money of the key.

    Gives what each charge got, a column a kind, and the tokens that are left.
    """
    sums = {kind: pl.when(pl.col("kind") == kind).then(pl.col("n")).sum() for kind in ALL_KINDS}
    rest = tokens.group_by("key", *_LEVELS).agg(**sums)
    found, hungry = [], takers
    for place in (*_LEVELS, "key"):
        got, rest = _level(hungry, rest, place)
        hungry = hungry.join(got.select("money_row"), on="money_row", how="anti", maintain_order="left")
        found.append(got)
    got, rest = _level(takers, rest, "key")
    left = rest.select("fine", *ALL_KINDS).unpivot(ALL_KINDS, index="fine", variable_name="kind", value_name="left")
    left = left.filter(pl.col("left") != 0).with_columns(pl.col("kind").cast(KIND))
    left = tokens.join(left, on=["fine", "kind"], how="semi", maintain_order="left")
    return _together([*found, got]), left.select(ROW, LINE, "kind", "n")


def _together(found: list[pl.DataFrame]) -> pl.DataFrame:
    got = pl.concat(found)
    return got.group_by("money_row").agg(pl.col(ALL_KINDS).sum()) if found[-1].height else got


def _level(takers: pl.DataFrame, tokens: pl.DataFrame, place: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Share each kind's tokens among the charges that name it, else among those that name none, by what they charge."""
    sums = tokens.group_by(place).agg(pl.col(ALL_KINDS).sum())
    there = [kind for kind in ALL_KINDS if (sums[kind] != 0).any()]
    met = takers.select("money_row", "weight", "metric_kind", place)
    met = met.join(sums.select(place, *there), on=place, how="inner", maintain_order="left")
    takes = {kind: (pl.col(kind) != 0) & _takes(kind, met, place) for kind in there}
    met = met.with_columns(takes[kind].alias(f"takes_{kind}") for kind in there)
    met = met.filter(pl.any_horizontal(f"takes_{kind}" for kind in there)) if there else met.clear()
    shares = met.group_by(place).agg("money_row", *(_share(kind) for kind in there), *_taken(there))
    got = shares.select("money_row", *there).explode("money_row", *there)
    rest = tokens.join(shares.select(place, *(f"taken_{kind}" for kind in there)), on=place, how="left")
    gone = {kind: pl.col(f"taken_{kind}").fill_null(value=False) for kind in there}
    rest = rest.with_columns(pl.when(gone[kind]).then(0.0).otherwise(pl.col(kind)).alias(kind) for kind in there)
    return got.select("money_row", *(_or_zero(kind, there) for kind in ALL_KINDS)), rest.select(tokens.columns)


def _takes(kind: str, met: pl.DataFrame, place: str) -> pl.Expr:
    """Whether a charge is of those that name the kind most closely in its place."""
    if not met["metric_kind"].null_count() < met.height:
        return pl.lit(value=True)
    metric = pl.col("metric_kind")
    writes = (metric == "cache_write") & pl.lit(kind.startswith("cache_write"))
    rank = pl.when(metric == kind).then(0).when(writes).then(1).when(metric.is_null()).then(2)
    return (rank == rank.min().over(place)).fill_null(value=False)


def _share(kind: str) -> pl.Expr:
    """What each charge of a place gets of a kind: whole tokens, and the charge that is largest takes the rest."""
    takes, whole = pl.col(f"takes_{kind}"), pl.col(kind).first()
    weight = pl.when(takes).then(pl.col("weight")).otherwise(0.0)
    part = pl.when(takes).then((whole * weight / weight.sum()).floor()).otherwise(0.0)
    largest = takes & (pl.int_range(pl.len()) == weight.arg_max())
    return (part + pl.when(largest).then(whole - part.sum()).otherwise(0.0)).alias(kind)


def _taken(kinds: list[str]) -> list[pl.Expr]:
    return [pl.col(f"takes_{kind}").any().alias(f"taken_{kind}") for kind in kinds]


def _or_zero(kind: str, there: list[str]) -> pl.Expr:
    return pl.col(kind) if kind in there else pl.lit(0.0).alias(kind)


def _with_tokens(money: pl.DataFrame, got: pl.DataFrame) -> pl.DataFrame:
    """Put the paired tokens where a record's own would stand."""
    named = got.rename({kind: f"got_{kind}" for kind in ALL_KINDS})
    joined = money.join(named, on="money_row", how="left", maintain_order="left")
    added = (pl.col(kind) + pl.col(f"got_{kind}").fill_null(0) for kind in ALL_KINDS)
    return joined.with_columns(added).drop(f"got_{kind}" for kind in ALL_KINDS)
