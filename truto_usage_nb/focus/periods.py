"""Charge periods and billing periods: half-open, in UTC, and no charge across two billing periods."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from truto_usage_nb.focus.amounts import split

__all__ = ["in_billing_periods", "period_bounds", "with_charge_period"]

_PARTS = ("billed", "list", "contracted", "quantity")


def with_charge_period(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `charge_start` and `charge_end`: an instant is charged in the hour that holds it, `event_time` keeps it."""
    instant = pl.col("start_date") == pl.col("end_date")
    hour = pl.col("start_date").dt.truncate("1h")
    return rows.with_columns(
        event_time=pl.when(instant).then(pl.col("start_date")),
        charge_start=pl.when(instant).then(hour).otherwise(pl.col("start_date")),
        charge_end=pl.when(instant).then(hour.dt.offset_by("1h")).otherwise(pl.col("end_date")),
    )


def period_bounds(days: Mapping[str, int], moment: str) -> tuple[pl.Expr, pl.Expr]:
    """Give the billing period that holds an instant: the calendar month, or from an account's billing day on."""
    if not days:
        month = pl.col(moment).dt.truncate("1mo")
        return month, month.dt.offset_by("1mo")
    account = pl.col("integrated_account_id")
    day = account.replace_strict(dict(days), default=1, return_dtype=pl.Int64)
    shift = pl.concat_str((day - 1).cast(pl.String), pl.lit("d"))
    begin = pl.col(moment).dt.offset_by(pl.concat_str(pl.lit("-"), shift)).dt.truncate("1mo")
    return begin.dt.offset_by(shift), begin.dt.offset_by("1mo").dt.offset_by(shift)


def in_billing_periods(rows: pl.DataFrame, days: Mapping[str, int]) -> pl.DataFrame:
    """Add `period_start` and `period_end`, and cut a row that reaches into the next period in proportion to time."""
    start, end = period_bounds(days, "charge_start")
    over = pl.col("charge_end") > pl.col("period_end")
    rows = rows.with_columns(period_start=start, period_end=end)
    if not rows.select(over.any()).item():
        return rows.with_columns(charge_end=pl.min_horizontal("charge_end", "period_end"), prorated=pl.lit(value=False))
    rows = rows.with_row_index("__whole")
    done: list[pl.DataFrame] = []
    rest = rows
    while rest.height or not done:
        rest = rest.with_columns(period_start=start, period_end=end)
        done.append(rest.with_columns(charge_end=pl.min_horizontal("charge_end", "period_end"), over=over))
        rest = rest.filter(over).with_columns(charge_start=pl.col("period_end"))
    cut = pl.concat(done, how="diagonal_relaxed").sort("__whole", "charge_start", maintain_order=True)
    cut = cut.with_columns(prorated=pl.len().over("__whole") > 1)
    whole, parts = cut.filter(~pl.col("prorated")), cut.filter(pl.col("prorated"))
    parts = parts.with_columns(__time=(pl.col("charge_end") - pl.col("charge_start")).dt.total_microseconds())
    parts = split(parts.with_columns(pl.col("__time").cast(pl.Float64)), _PARTS, "__whole", "__time")
    together = pl.concat([whole, parts], how="diagonal_relaxed").sort("__whole", "charge_start", maintain_order=True)
    return together.drop([name for name in ("__whole", "__time", "over") if name in together.columns])
