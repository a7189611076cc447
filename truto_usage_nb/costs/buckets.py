"""Calendar buckets, and the spreading of records that are longer than one.

Computed on the digest, in polars, so that weeks, months and zones are the same whatever the caller holds. A record
counts in the bucket of its start. One that is longer than the shortest such bucket is spread evenly over the time it
covers; the sum is unchanged. What runs up over a cycle covers the days that it was counted up to, and no day that has
not happened: an open month seen on its 22nd day is spread over 22. Records of a day or longer keep their UTC date in
every zone: their vendor cut them there.

A bucket is what the clock on the wall says: the day of 24 April, whether it has 23 hours or 25. It begins at the first
instant at which the clock is not before its start, which is 1:00 where a midnight is skipped, and the earlier midnight
where there are two. An hour that comes twice is two buckets.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from truto_usage_nb.costs.choices import BUCKET, EVERY
from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.series_of_record import DAY

__all__ = ["all_buckets", "with_buckets"]

DAY_LENGTH = 3


def with_buckets(digest: Digest, every: str, time_zone: str) -> pl.DataFrame:
    """Give the matched rows with `period_start`, long ones spread, and `spread`: the part of `money` that was."""
    rows = digest.rows.with_columns(end=_counted_to(digest))
    rows = rows.with_columns(
        begin=_instant("start", digest.bin), finish=_instant("end", digest.bin), spread=pl.lit(0.0)
    )
    # A record within one bucket needs no spreading, however long both are.
    long = ((pl.col("end") - pl.col("start")) * digest.bin > EVERY[every]).fill_null(False) & (pl.col("length") > 0)
    short = _with_starts(rows.filter(~long), "begin", every, time_zone, dated=pl.col("length") >= DAY_LENGTH)
    spread = _spread(rows.filter(long), every, time_zone)
    return pl.concat([short, _aligned(spread, short)], how="vertical_relaxed")


def _counted_to(digest: Digest) -> pl.Expr:
    """The bin in which a row ends: of what runs up over a cycle, the end of the day up to which it was counted."""
    if "seen" not in digest.rows.columns:
        return pl.col("end")
    day = ((pl.col("seen") + (DAY - 1)) // DAY) * (DAY // digest.bin)
    return pl.when(pl.col("seen").is_not_null()).then(pl.min_horizontal("end", day)).otherwise(pl.col("end"))


def all_buckets(first: datetime, last: datetime, every: str, time_zone: str) -> list[datetime]:
    """Give every bucket from that of one instant to that of another, both included, whether anything is in it or not.

    >>> from zoneinfo import ZoneInfo
    >>> days = [datetime(2026, 4, day, tzinfo=ZoneInfo("Africa/Cairo")) for day in (23, 25)]
    >>> [f"{each:%d %H:%M}" for each in all_buckets(*days, "1d", "Africa/Cairo")]  # the clock goes from 24:00 to 1:00
    ['23 00:00', '24 01:00', '25 00:00']
    """
    ends = pl.DataFrame({"edge": [first, last]}).with_columns(pl.col("edge").dt.convert_time_zone("UTC"))
    if every == "1h" or time_zone == "UTC":
        grid = pl.datetime_range(pl.col("edge").first(), pl.col("edge").last(), _step(every, time_zone))
        found = _with_starts(ends.select(grid.alias("edge")), "edge", every, time_zone)[BUCKET]
    else:
        wall = _wall("edge", time_zone).dt.truncate(every)
        found = _first_instants(ends.select(pl.datetime_range(wall.first(), wall.last(), every)).to_series(), time_zone)
    return found.unique().sort().to_list()


def _aligned(rows: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(c).cast(like.schema[c]) for c in like.columns)


def _instant(column: str, bin_: int) -> pl.Expr:
    return (pl.col(column) * bin_).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _wall(column: str, time_zone: str) -> pl.Expr:
    """What the clock on a wall there showed."""
    return pl.col(column).dt.convert_time_zone(time_zone).dt.replace_time_zone(None)


def _with_starts(
    rows: pl.DataFrame, column: str, every: str, time_zone: str, *, dated: pl.Expr | None = None
) -> pl.DataFrame:
    """Add the start of the bucket that holds an instant: of the local clock, or of the UTC date where it is `dated`."""
    at = pl.col(column)
    if time_zone == "UTC":
        return rows.with_columns(at.dt.truncate(every).alias(BUCKET))
    local = _wall(column, time_zone)
    shown = local if dated is None else pl.when(dated).then(_wall(column, "UTC")).otherwise(local)
    rows = rows.with_columns(__wall=shown.dt.truncate(every))
    walls = rows["__wall"].drop_nulls().unique()
    starts = pl.DataFrame({"__wall": walls, BUCKET: _first_instants(walls, time_zone)})
    rows = rows.join(starts, on="__wall", how="left", maintain_order="left")
    if every == "1h":
        # Where the clock goes back, an hour begins twice, and each time it is a bucket of its own.
        rows = rows.with_columns(__own=at - (local - pl.col("__wall")))
        again = _wall("__own", time_zone) == pl.col("__wall")
        own = pl.col("__own").dt.convert_time_zone(time_zone)
        rows = rows.with_columns(pl.when(again).then(own).otherwise(pl.col(BUCKET)).alias(BUCKET)).drop("__own")
    return rows.drop("__wall")


def _first_instants(walls: pl.Series, time_zone: str) -> pl.Series:
    """When the clock first showed a time, or went past one that it never showed, as at a midnight that was skipped."""
    found = walls.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    skipped = {wall: _jump(wall, ZoneInfo(time_zone)) for wall in walls.filter(found.is_null() & walls.is_not_null())}
    if not skipped:
        return found
    jumps = walls.replace_strict(skipped, default=None, return_dtype=pl.Datetime("us", "UTC"))
    return found.fill_null(jumps.dt.convert_time_zone(time_zone))


def _jump(wall: datetime, zone: ZoneInfo) -> datetime:
    """Find the second in which the clock jumped over a time."""
    # Of a time in a gap Python gives both readings: by the offset after the jump (fold=1), which is an instant before
    # it, and by the offset before, which is an instant after it.
    early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    while (between := (late - early) // timedelta(seconds=2)) > 0:
        middle = early + timedelta(seconds=between)
        passed = middle.astimezone(zone).replace(tzinfo=None) >= wall
        early, late = (early, middle) if passed else (middle, late)
    return late


def _spread(rows: pl.DataFrame, every: str, time_zone: str) -> pl.DataFrame:
    """One row per bucket that a record touches, with its share of every figure."""
    pieces = _pieces(rows.select("begin", "finish").unique(), every, time_zone)
    rows = rows.join(pieces, on=["begin", "finish"])
    share = pl.col("until") - pl.col("before")
    parted = [c for c in ("money", "other") if c in rows.columns]
    rows = rows.with_columns(
        *((pl.col(c) * share).alias(c) for c in parted),
        *(_whole_share(c, rows) for c in rows.columns if c.split("_")[0] in ("priced", "unpriced", "included")),
    )
    # A record that lies in one bucket after all is not spread.
    return rows.with_columns(spread=pl.when(share < 1).then(pl.col("money").fill_null(0.0)).otherwise(0.0))


def _pieces(spans: pl.DataFrame, every: str, time_zone: str) -> pl.DataFrame:
    """Part spans of time by bucket: its start, and the share of the span before it (`before`) and before its end."""
    step = _step(every, time_zone)
    grid = pl.datetime_ranges(pl.col("begin").dt.truncate(step), "finish", step, closed="left")
    grid_rows = spans.with_row_index("span").with_columns(edge=grid).explode("edge")
    dated = None if every == "1h" else pl.lit(value=True)
    pieces = _with_starts(grid_rows, "edge", every, time_zone, dated=dated)
    pieces = pieces.unique(["span", BUCKET], keep="first", maintain_order=True)
    ends = pl.col("edge").shift(-1).over("span").fill_null(pl.col("finish"))
    total = (pl.col("finish") - pl.col("begin")).dt.total_microseconds()
    pieces = pieces.with_columns(until=(ends - pl.col("begin")).dt.total_microseconds() / total)
    pieces = pieces.with_columns(before=pl.col("until").shift(1).over("span").fill_null(0.0))
    return pieces.select("begin", "finish", BUCKET, "before", "until")


def _step(every: str, time_zone: str) -> str:
    """How far apart to look for buckets: clocks differ, and change, by quarters of an hour."""
    return "15m" if every == "1h" and time_zone != "UTC" else every


def _whole_share(column: str, rows: pl.DataFrame) -> pl.Expr:
    """Whole numbers stay whole, and add up: each bucket takes what the running share rounds to."""
    taken = (pl.col(column) * pl.col("until")).round() - (pl.col(column) * pl.col("before")).round()
    return taken.cast(rows.schema[column]).alias(column)
