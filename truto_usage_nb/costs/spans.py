"""Whether the accounts of a table cover the same days: sums of other spans are no comparison.

A frame that was loaded for a period says so (it has `overhangs_period`), and whoever has no record on its first days
had none: nothing is told of it. A bare frame cannot know what it was loaded for. It is told where one account has
records on a week's days or more and another spans less than half of the days that it does: so look vendors that each
answered for a span of their own.
"""

from __future__ import annotations

import polars as pl

from truto_usage_nb.costs.digest import DAY, OVERHANG, Digest
from truto_usage_nb.format import spans_named
from truto_usage_nb.native import Native

__all__ = ["spans_told"]

_WEEK = 7


def spans_told(native: Native, read: Digest) -> list[str]:
    """Say once of which days each account's records are, where a bare frame's accounts cover other spans."""
    if OVERHANG in native.columns:
        return []
    last = pl.max_horizontal("start", pl.col("end") - 1)
    days = read.rows.filter(pl.col("start").is_not_null()).select(
        "integrated_account_id",
        first=(pl.col("start") * read.bin // DAY).cast(pl.Int64),
        last=(last * read.bin // DAY).cast(pl.Int64),
    )
    spans = days.group_by("integrated_account_id").agg(
        pl.col("first").min(), pl.col("last").max(), pl.col("first").n_unique().alias("days")
    )
    long = (pl.col("last") - pl.col("first") + 1).alias("long")
    if spans.height < 2 or not _a_part_alone(spans.with_columns(long)):
        return []
    dates = spans.with_columns(pl.col("first", "last").cast(pl.Int32).cast(pl.Date)).sort("integrated_account_id")
    rows = dates.select("integrated_account_id", "first", "last").rows()
    return [f"the accounts cover other spans: {spans_named(rows)}"]


def _a_part_alone(spans: pl.DataFrame) -> bool:
    daily = spans.filter(pl.col("days") >= _WEEK)["long"].max()
    return daily is not None and bool(spans.select((pl.col("long") * 2 < daily).any()).item())
