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

from truto_usage_nb.costs.tokens import KINDS, kind_of
from truto_usage_nb.focus.options import Options
from truto_usage_nb.focus.reading import LINE, ROW, Reading, named, numbered

__all__ = ["ALL_KINDS", "KIND", "Pairs", "pair"]

ALL_KINDS = (*KINDS, "unkind")
KIND = pl.Enum(ALL_KINDS)
_OTHER_THINGS = r"web[ _]search|code[ _](execution|interpreter)|session|image|seat|support"
"""Metrics that charge for something other than tokens."""
_FINE = ["organization_id", "product_id", "surface", "resources_workspace_id", "resources_id", "user_id", "user_email"]
_JUST_BELOW = 1 + 2**-47
"""Lifts a share that floats leave just below a whole number: half of 7,038 tokens are 3,519, not 3,518."""
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
    got, left = _met(takers, _stated_again(tokens, money))
    return Pairs(_with_tokens(money, got), left)


def with_metric_kind(money: pl.DataFrame) -> pl.DataFrame:
    """Add the kind of token that a charge's metric names, as the cost tables read it."""
    names = nw.from_native(money.select(pl.col("metric_name").unique().drop_nulls()))
    kinds: pl.DataFrame = names.with_columns(kind=kind_of()).to_native()
    known = dict(kinds.drop_nulls().iter_rows())
    return money.with_columns(
        metric_kind=pl.col("metric_name").replace_strict(known, default=None, return_dtype=pl.String).cast(KIND)
    )


def has_own_quantity() -> pl.Expr:
    """Money that states how many tokens it charges for: the vendor's own figure."""
    tokens = pl.col("usage_unit").str.to_lowercase() == "tokens"
    return (tokens & (pl.col("usage_quantity") != 0)).fill_null(value=False) & ~has_own_tokens()


def has_own_tokens() -> pl.Expr:
    return pl.sum_horizontal(*ALL_KINDS) != 0


def _stated_again(tokens: pl.DataFrame, money: pl.DataFrame) -> pl.DataFrame:
    """Take away the tokens that a charge of their key and kind has counted itself; what is left are whole tokens."""
    counted = money.filter(has_own_quantity() & pl.col("metric_kind").is_not_null())
    for kind in counted["metric_kind"].unique().to_list():
        named = counted.filter(pl.col("metric_kind") == kind)
        own = named.group_by("key").agg(pl.col("usage_quantity").sum().alias("counted"))
        tokens = tokens.join(own, on="key", how="left", maintain_order="left")
        whole = pl.col(kind).sum().over("key")
        rest = (whole - pl.col("counted").fill_null(0)).clip(lower_bound=0)
        part = pl.when(pl.col(kind) != 0).then(pl.col(kind) * rest / whole).otherwise(0.0)
        tokens = tokens.with_columns(part.alias(kind)).drop("counted")
    some = [kind for kind in ALL_KINDS if (tokens[kind] != 0).any()]
    return tokens.with_columns(pl.when(pl.col(k) > 0).then(pl.col(k).round()).otherwise(0.0).alias(k) for k in some)


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
    rest = tokens.group_by("key", *_LEVELS).agg(pl.col(ALL_KINDS).sum())
    found, hungry = [], takers
    for place in (*_LEVELS, "key"):
        got, rest = _level(hungry, rest, place)
        hungry = hungry.join(got.select("money_row"), on="money_row", how="anti", maintain_order="left")
        found.append(got)
    got, rest = _level(takers, rest, "key")
    return _together([*found, got]), _left(tokens, rest)


def _left(tokens: pl.DataFrame, rest: pl.DataFrame) -> pl.DataFrame:
    """The tokens of which nobody took any, by record and kind."""
    there = [kind for kind in ALL_KINDS if (rest[kind] != 0).any()]
    parts = [tokens.select(ROW, LINE, pl.lit(None, dtype=KIND).alias("kind"), n=pl.lit(0.0)).clear()]
    for kind in there:
        places = rest.filter(pl.col(kind) != 0).select("fine")
        some = tokens.filter(pl.col(kind) > 0).join(places, on="fine", how="semi", maintain_order="left")
        parts.append(some.select(ROW, LINE, pl.lit(kind, dtype=KIND).alias("kind"), n=kind))
    return pl.concat(parts)


def _together(found: list[pl.DataFrame]) -> pl.DataFrame:
    got = pl.concat(found)
    return _summed(got) if found[-1].height else got


def _level(takers: pl.DataFrame, tokens: pl.DataFrame, place: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Share each kind's tokens among the charges that name it, else among those that name none, by what they charge."""
    sums = tokens.group_by(place).agg(pl.col(ALL_KINDS).sum())
    there = [kind for kind in ALL_KINDS if (sums[kind] != 0).any()]
    sums = sums.select(place, *there).filter(pl.any_horizontal(pl.col(k) != 0 for k in there) if there else False)
    met = takers.select("money_row", "weight", "metric_kind", place)
    met = met.join(sums, on=place, how="inner", maintain_order="left")
    if met["metric_kind"].null_count() == met.height:
        shares = [_shared(met, there, place)]
    else:  # who takes differs by kind
        shares = [_shared(met.filter((pl.col(kind) != 0) & _takes(kind, place)), [kind], place) for kind in there]
    taken = dict(zip(there, shares, strict=True)) if len(shares) > 1 else dict.fromkeys(there, shares[0])
    rest = tokens.with_columns(_untaken(tokens, taken[kind], kind, place) for kind in there if taken[kind].height)
    got = pl.concat(share.select("money_row", *(_or_zero(kind, share) for kind in ALL_KINDS)) for share in shares)
    return _summed(got) if len(shares) > 1 else got, rest


def _takes(kind: str, place: str) -> pl.Expr:
    """Whether a charge is of those that name the kind most closely in its place."""
    metric = pl.col("metric_kind")
    writes = (metric == "cache_write") & pl.lit(kind.startswith("cache_write"))
    rank = pl.when(metric == kind).then(0).when(writes).then(1).when(metric.is_null()).then(2)
    return (rank == rank.min().over(place)).fill_null(value=False)


def _shared(takers: pl.DataFrame, kinds: list[str], place: str) -> pl.DataFrame:
    """What each charge of a place gets of each kind: whole tokens, and the first of the largest takes the rest."""
    weight, at = pl.col("weight"), pl.int_range(pl.len())
    parts = {kind: (pl.col(kind) * weight / pl.col("__all") * _JUST_BELOW).floor() for kind in kinds}
    takers = takers.with_columns(
        __all=weight.sum().over(place), __at=pl.when(weight == weight.max().over(place)).then(at)
    ).with_columns(__first=at == pl.col("__at").min().over(place))
    takers = takers.with_columns(part.alias(f"__{kind}") for kind, part in parts.items())
    rests = {kind: pl.col(kind) - pl.col(f"__{kind}").sum().over(place) for kind in kinds}
    first = pl.col("__first")
    return takers.select(
        "money_row", place, *(pl.col(f"__{k}") + pl.when(first).then(rests[k]).otherwise(0.0) for k in kinds)
    ).rename({f"__{kind}": kind for kind in kinds})


def _untaken(tokens: pl.DataFrame, share: pl.DataFrame, kind: str, place: str) -> pl.Expr:
    taken = pl.lit(tokens[place].is_in(share[place].unique().implode()))
    return pl.when(taken).then(0.0).otherwise(pl.col(kind)).alias(kind)


def _or_zero(kind: str, share: pl.DataFrame) -> pl.Expr:
    return pl.col(kind) if kind in share.columns else pl.lit(0.0).alias(kind)


def _summed(got: pl.DataFrame) -> pl.DataFrame:
    return got.group_by("money_row").agg(pl.col(ALL_KINDS).sum())


def _with_tokens(money: pl.DataFrame, got: pl.DataFrame) -> pl.DataFrame:
    """Put the paired tokens where a record's own would stand."""
    named = got.rename({kind: f"got_{kind}" for kind in ALL_KINDS})
    joined = money.join(named, on="money_row", how="left", maintain_order="left")
    added = (pl.col(kind) + pl.col(f"got_{kind}").fill_null(0) for kind in ALL_KINDS)
    return joined.with_columns(added).drop(f"got_{kind}" for kind in ALL_KINDS)
