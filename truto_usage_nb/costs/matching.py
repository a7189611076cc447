"""Tokens meet money: inside one account, UTC day, model and service tier, before any grouping.

Most vendors put tokens and money in different records. A key is what both state: the account, the day, the model where
both sides of that account name models, and likewise the service tier where somebody added that column. Tokens whose key
has money are *priced*; money whose key has no tokens is *other*. Only then may anything be added up by the dimensions
somebody picked, else tokens would dilute the price of money that never paid for them.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from truto_usage_nb.costs.digest import DAY, Digest

__all__ = ["keyed", "match"]

KEY = ["integrated_account_id", "day", "key_model", "key_tier"]
"""Where tokens meet money."""


def match(digest: Digest, contract: Mapping[str, str] | None = None) -> Digest:
    """Give the digest with its rows taken apart: money in its currency, tokens in the currency that paid for them.

    Adds `priced`, `unpriced`, `included` (tokens), `other` (the part of `money` whose key has no priced tokens) and
    `matched_n` (charged records whose key has priced tokens). Tells of keys charged in two currencies.
    """
    rows = keyed(digest)
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


def keyed(digest: Digest) -> pl.DataFrame:
    """Add `day`, `key_model` and `key_tier`: with the account they make KEY; the latter where both sides state them."""
    per_day = DAY // digest.bin
    return digest.rows.with_columns(
        day=pl.col("start") // per_day,
        key_model=_where_both_name("model"),
        key_tier=_where_both_name("tier"),
    )


def _where_both_name(column: str) -> pl.Expr:
    named = pl.col(column).is_not_null()
    both = (named & (pl.col("charged_n") > 0)).any() & (named & (pl.col("tokens") > 0)).any()
    return pl.when(both.over("integrated_account_id")).then(pl.col(column))


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
    return ["integrated_account_id", "integration", "length", "start", "end", "model", *digest.dims]


def _told(keys: pl.DataFrame) -> list[str]:
    two = keys.filter((pl.col("key_currencies") > 1) & (pl.col("key_tokens") > 0))
    if not two.height:
        return []
    accounts = ", ".join(sorted({str(a) for a in two["integrated_account_id"]}))
    count = int(two["key_tokens"].sum())
    return [f"{count:,} tokens of {accounts} stay unpriced: their day and model is charged in two currencies"]
