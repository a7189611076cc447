"""One length of record in one series: hours and days of the same thing are the same thing twice."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.shapes import LENGTHS
from truto_usage_nb.errors import OverlapError

__all__ = ["one_grain"]

_KEY = ["integrated_account_id", "integration", "series"]


def one_grain(digest: Digest, granularity: str | None) -> Digest:
    """Refuse one series in several lengths over the same time, until `granularity` picks one.

    Raises OverlapError naming account, series and lengths.
    """
    counted = pl.col("length").is_not_null() & (pl.col("length") > 0) & pl.col("cycle").is_null()
    says = (pl.col("money_n") > 0) | (pl.sum_horizontal("tokens", "covered_tokens") != 0)
    spans = digest.rows.filter(counted & says).group_by(*_KEY, "length").agg(pl.col("start").min(), pl.col("end").max())
    pairs = spans.join(spans, on=_KEY, suffix="_other", nulls_equal=True).filter(
        (pl.col("length") < pl.col("length_other"))
        & (pl.col("start") < pl.col("end_other"))
        & (pl.col("start_other") < pl.col("end"))
    )
    pairs = pairs.filter(_really(digest, pairs)) if pairs.height else pairs
    if not pairs.height:
        return digest
    if granularity is None:
        account, integration, series, *_ = pairs.sort(_KEY, "length").row(0)
        short, long = LENGTHS[pairs["length"][0]], LENGTHS[pairs["length_other"][0]]
        raise OverlapError(
            f"{account}: {series or integration} is there by {short} and by {long} for the same time, so everything "
            f"would count twice. Pick one: granularity={short!r} or granularity={long!r}."
        )
    return _picked(digest, pairs, granularity)


def _really(digest: Digest, pairs: pl.DataFrame) -> list[bool]:
    """Whether some long record covers the start of some short one; spans alone may merely touch."""
    return [_covers(digest, row) for row in pairs.iter_rows(named=True)]


def _covers(digest: Digest, pair: dict[str, object]) -> bool:
    same = pl.all_horizontal(*(pl.col(name).eq_missing(pl.lit(pair[name])) for name in _KEY))
    rows = digest.rows.filter(same & pl.col("cycle").is_null())
    short = rows.filter(pl.col("length") == pair["length"]).select("start").unique()
    long = rows.filter(pl.col("length") == pair["length_other"]).select(begin="start", finish="end").unique()
    return short.join_where(long, pl.col("start") >= pl.col("begin"), pl.col("start") < pl.col("finish")).height > 0


def _picked(digest: Digest, pairs: pl.DataFrame, granularity: str) -> Digest:
    wanted = LENGTHS.index(granularity)
    contested = pairs.select(*_KEY).unique()
    rows = digest.rows.join(contested.with_columns(contested=pl.lit(True)), on=_KEY, how="left", nulls_equal=True)
    kept = rows.filter(pl.col("contested").is_null() | (pl.col("length") == wanted)).drop("contested")
    left_out = digest.rows.height - kept.height
    told = f"only the records by {granularity} count: {left_out} sums of other lengths are left out"
    return digest.with_rows(kept, told)
