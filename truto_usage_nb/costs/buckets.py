"""Calendar buckets, and the spreading of records that are longer than one.

Computed on the digest, in polars, so that weeks, months and zones are the same whatever the caller holds. A record
counts in the bucket of its start. One that is longer than the shortest such bucket is spread evenly over the time it
covers; the sum is unchanged. Records of a day or longer keep their UTC date in every zone: their vendor cut them there.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from truto_usage_nb.costs.digest import DAY, Digest
from truto_usage_nb.costs.shapes import HOUR
from truto_usage_nb.errors import InputError, did_you_mean

__all__ = ["BUCKET", "EVERY", "check_calendar", "needs_hours", "with_buckets"]

BUCKET = "period_start"
EVERY = {"1h": HOUR, "1d": DAY, "1w": 7 * DAY, "1mo": 28 * DAY, "1q": 90 * DAY, "1y": 365 * DAY}
"""The buckets, with the length of the shortest of each in microseconds."""
DAY_LENGTH = 3


def check_calendar(every: str | None, time_zone: str) -> None:
    """Refuse a bucket or a zone that does not exist."""
    if every is not None and every not in EVERY:
        raise InputError(f"every={every!r} is not allowed.{did_you_mean(every, EVERY)} Allowed: {', '.join(EVERY)}.")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(f"time_zone={time_zone!r} is no time zone; write it like 'Europe/Berlin'.") from error


def needs_hours(every: str | None, time_zone: str) -> bool:
    """Whether days are too coarse to find a record's bucket."""
    return every is not None and (every == "1h" or time_zone != "UTC")


def with_buckets(digest: Digest, every: str, time_zone: str) -> pl.DataFrame:
    """Give the matched rows with `period_start`, long ones spread, and `spread`: the part of `money` that was."""
    rows = digest.rows.with_columns(
        begin=_instant("start", digest.bin), finish=_instant("end", digest.bin), spread=pl.lit(0.0)
    )
    # A record within one bucket needs no spreading, however long both are.
    long = ((pl.col("end") - pl.col("start")) * digest.bin > EVERY[every]).fill_null(False) & (pl.col("length") > 0)
    short = rows.filter(~long).with_columns(_bucket("begin", every, time_zone).alias(BUCKET))
    spread = _spread(rows.filter(long), every, time_zone)
    return pl.concat([short, _aligned(spread, short)], how="vertical_relaxed")


def _aligned(rows: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(c).cast(like.schema[c]) for c in like.columns)


def _instant(column: str, bin_: int) -> pl.Expr:
    return (pl.col(column) * bin_).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _bucket(column: str, every: str, time_zone: str) -> pl.Expr:
    """The bucket's start: of the local clock for shorter records, of the UTC date for those of a day or longer."""
    local = pl.col(column).dt.convert_time_zone(time_zone).dt.truncate(every)
    dated = _at_midnight(pl.col(column).dt.replace_time_zone(None).dt.truncate(every), time_zone)
    return pl.when(pl.col("length") >= DAY_LENGTH).then(dated).otherwise(local)


def _at_midnight(wall: pl.Expr, time_zone: str) -> pl.Expr:
    return wall.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")


def _spread(rows: pl.DataFrame, every: str, time_zone: str) -> pl.DataFrame:
    """One row per bucket that a record touches, with its share of every figure."""
    rows = _edges(rows, every, time_zone)
    share = pl.col("until") - pl.col("before")
    parted = [c for c in ("money", "other") if c in rows.columns]
    rows = rows.with_columns(
        *((pl.col(c) * share).alias(c) for c in parted),
        *(_whole_share(c, rows) for c in rows.columns if c.split("_")[0] in ("priced", "unpriced", "included")),
    )
    # A record that lies in one bucket after all is not spread.
    return rows.with_columns(spread=pl.when(share < 1).then(pl.col("money").fill_null(0.0)).otherwise(0.0))


def _edges(rows: pl.DataFrame, every: str, time_zone: str) -> pl.DataFrame:
    """Add the bucket's start, and the share of the record's time before it (`before`) and before its end (`until`)."""
    if every == "1h":
        rows = rows.with_columns(pl.col("begin", "finish").dt.convert_time_zone(time_zone))
    first = pl.col("begin").dt.truncate(every)
    rows = rows.with_row_index("record").with_columns(edge=pl.datetime_ranges(first, "finish", every, closed="left"))
    rows = rows.explode("edge")
    ends = pl.min_horizontal(pl.col("edge").dt.offset_by(every), "finish")
    total = (pl.col("finish") - pl.col("begin")).dt.total_microseconds()
    rows = rows.with_columns(until=(ends - pl.col("begin")).dt.total_microseconds() / total)
    rows = rows.with_columns(before=pl.col("until").shift(1).over("record").fill_null(0.0))
    dated = _at_midnight(pl.col("edge").dt.replace_time_zone(None), time_zone)
    return rows.with_columns((pl.col("edge") if every == "1h" else dated).alias(BUCKET))


def _whole_share(column: str, rows: pl.DataFrame) -> pl.Expr:
    """Whole numbers stay whole, and add up: each bucket takes what the running share rounds to."""
    taken = (pl.col(column) * pl.col("until")).round() - (pl.col(column) * pl.col("before")).round()
    return taken.cast(rows.schema[column]).alias(column)
