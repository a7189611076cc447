"""Tokens meet money: inside one account, stretch of time, model and tier, before any grouping.

Most vendors put tokens and money in different records. A key is what both state: the account, the time, the model
where both sides of that account name models, and likewise the tiers where somebody added their columns. The time is
the UTC day, or the whole of a longer record: a week of money meets the tokens of its seven days, and a week of tokens
the money of its seven days. Tokens whose key has money are *priced*; money whose key has no tokens is *other*. Only
then may anything be added up by the dimensions somebody picked, else tokens would dilute the price of money that never
paid for them.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from truto_usage_nb.costs.digest import TIERS, Digest
from truto_usage_nb.costs.overlaps import Stretches
from truto_usage_nb.costs.series_of_record import DAY
from truto_usage_nb.models import model_identity

__all__ = ["HEADS", "KEY", "identity_of", "match", "one_name_a_model", "with_keys"]


_WHAT = ["integrated_account_id", "key_model", *(f"key_{tier}" for tier in TIERS)]
KEY = [*_WHAT, "meets"]
"""Where tokens meet money: `meets` is the first day (since 1970, UTC) of the stretch of time in which they do."""
HEADS = ("priced", "unpriced", "included")
"""How tokens stand once they met money: columns of these names, and with kinds `<head>_<kind>`."""


def match(digest: Digest, contract: Mapping[str, str] | None = None) -> Digest:
    """Give the digest with its rows taken apart: money in its currency, tokens in the currency that paid for them.

    Adds `priced`, `unpriced`, `included` (tokens), `other` (the part of `money` whose key has no priced tokens) and
    `matched_n` (charged records whose key has priced tokens). Tells of keys charged in two currencies.
    """
    rows = with_keys(digest)
    keys = rows.group_by(KEY).agg(
        pl.col("charged_n").sum().alias("key_charged"),
        pl.col("tokens").sum().alias("key_tokens"),
        pl.col("currency").filter(pl.col("charged_n") > 0).n_unique().alias("key_currencies"),
        pl.col("currency").filter(pl.col("charged_n") > 0).min().alias("key_currency"),
    )
    seats = [
        account for account, kind in (contract or {}).items() if kind == "seat_overage" and digest.measure != "list"
    ]
    seated = pl.col("integrated_account_id").is_in(seats).fill_null(False)
    priced = (pl.col("key_charged") > 0) & (pl.col("key_currencies") == 1) & (pl.col("key_tokens") != 0) & ~seated
    keys = keys.with_columns(key_priced=priced)
    rows = rows.join(keys, on=KEY, how="left", nulls_equal=True).join(
        _only_currency(rows), on="integrated_account_id", how="left", nulls_equal=True
    )
    parts = pl.concat([_money(rows, digest), _tokens(rows, digest)], how="diagonal_relaxed")
    return digest.with_rows(parts, *_told(keys))


def with_keys(digest: Digest) -> pl.DataFrame:
    """Add the columns of KEY that a digest has not: models and tiers where both sides state them, and the time."""
    rows = digest.rows.with_columns(key_model=identity_of(digest.rows, "model"))
    rows = rows.with_columns(
        _where_both_name("key_model", "key_model"), *(_where_both_name(tier, f"key_{tier}") for tier in TIERS)
    )
    per_day = DAY // digest.bin
    first = pl.col("start") // per_day
    days = ((pl.col("end") - pl.col("start")).fill_null(0) + (per_day - 1)) // per_day
    rows = rows.with_columns(meets=first, until=first + days.clip(1))
    says = (pl.col("charged_n") > 0) | (pl.col("tokens") != 0)
    if not rows.filter(says & (pl.col("until") > pl.col("meets") + 1)).height:
        return rows.drop("until")
    return _in_longest(rows, says).drop("until")


def _in_longest(rows: pl.DataFrame, says: pl.Expr) -> pl.DataFrame:
    """Let all that lies in, or overlaps, a record of several days meet at that record's first day."""
    long = rows.filter(says & (pl.col("until") > pl.col("meets") + 1)).select("integrated_account_id").unique()
    dated = rows.filter(pl.col("meets").is_not_null())
    dated = dated.join(long, on="integrated_account_id", how="semi", nulls_equal=True)
    spans = dated.select(*_WHAT, "meets", "until").unique()
    unions = {
        what: Stretches(of.select("meets", "until").rows())
        for what, of in dated.filter(says).select(*_WHAT, "meets", "until").unique().group_by(*_WHAT)
    }
    begins = [
        unions[key].begin_of(meets) if (key := tuple(what)) in unions and unions[key].meets(meets, meets + 1) else meets
        for *what, meets, _ in spans.iter_rows()
    ]
    found = spans.with_columns(begins=pl.Series(begins, dtype=pl.Int64))
    joined = rows.join(found, on=[*_WHAT, "meets", "until"], how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(meets=pl.coalesce("begins", "meets")).drop("begins")


def _where_both_name(column: str, key: str) -> pl.Expr:
    named = pl.col(column).is_not_null()
    both = (named & (pl.col("charged_n") > 0)).any() & (named & (pl.col("tokens") > 0)).any()
    return pl.when(both.over("integrated_account_id")).then(pl.col(column)).alias(key)


def _only_currency(rows: pl.DataFrame) -> pl.DataFrame:
    """An account's currency, where it is charged in one alone."""
    money = rows.filter((pl.col("money_n") > 0) & pl.col("currency").is_not_null())
    grouped = money.group_by("integrated_account_id").agg(
        pl.col("currency").n_unique().alias("n"), pl.col("currency").min().alias("only_currency")
    )
    return grouped.filter(pl.col("n") == 1).drop("n")


def _money(rows: pl.DataFrame, digest: Digest) -> pl.DataFrame:
    priced = pl.col("key_priced")
    return rows.filter(pl.col("money_n") > 0).select(
        *_shared(digest),
        "currency",
        "money",
        "money_n",
        other=pl.when(priced).then(0.0).otherwise(pl.col("money")),
        matched_n=pl.when(priced).then(pl.col("charged_n")).otherwise(0),
    )


def _tokens(rows: pl.DataFrame, digest: Digest) -> pl.DataFrame:
    """A row for priced, unpriced and included tokens each, in the currency each belongs to."""
    own = pl.coalesce("currency", "only_currency")
    sides = (
        ("priced", "", pl.col("key_priced"), pl.col("key_currency")),
        ("unpriced", "", ~pl.col("key_priced"), pl.col("only_currency")),
        ("included", "covered_", pl.lit(True), own),
    )
    parts = []
    for name, prefix, wanted, currency in sides:
        source = f"{prefix}tokens"
        kinds = [pl.col(f"{prefix}{kind}").alias(f"{name}_{kind}") for kind in digest.kinds]
        some = rows.filter(wanted & (pl.col(source) != 0))
        parts.append(some.select(*_shared(digest), currency.alias("currency"), pl.col(source).alias(name), *kinds))
    return pl.concat(parts, how="diagonal_relaxed")


def _shared(digest: Digest) -> list[str]:
    return ["integrated_account_id", "integration", "length", "start", "end", "seen", "model", *digest.dims]


def _told(keys: pl.DataFrame) -> list[str]:
    two = keys.filter((pl.col("key_currencies") > 1) & (pl.col("key_tokens") > 0))
    if not two.height:
        return []
    accounts = ", ".join(sorted({str(a) for a in two["integrated_account_id"]}))
    count = int(two["key_tokens"].sum())
    return [f"{count:,} tokens of {accounts} stay unpriced: their time and model is charged in two currencies"]


# models by their identity ---------------------------------------------------------------------------------------------


def identity_of(rows: pl.DataFrame, column: str) -> pl.Expr:
    """Give the identity of each model that a column names; null stays null."""
    names = rows[column].drop_nulls().unique().cast(pl.String).to_list()
    text = pl.col(column).cast(pl.String)
    return text.replace_strict(names, [model_identity(name) for name in names], default=None) if names else text


def one_name_a_model(rows: pl.DataFrame, column: str, dims: list[str]) -> pl.DataFrame:
    """Write each model of a dimension one way, so that its spellings meet in one line.

    The stated spelling stands where a line has one alone, whatever its time and currency; else the identity.
    """
    found = rows.with_columns(__identity=identity_of(rows, column))
    line = [dim for dim in dims if dim != column and not found.schema[dim].is_nested()]
    alone = pl.col(column).n_unique().over(*line, "__identity") == 1
    name = pl.when(alone).then(pl.col(column).cast(pl.String)).otherwise("__identity")
    return found.with_columns(name.alias(column)).drop("__identity")
