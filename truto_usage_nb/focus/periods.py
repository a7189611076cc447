"""When a row is charged, and in which billing period it is billed: cut at its end, and corrected once it is closed."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from truto_usage_nb.focus.amounts import split
from truto_usage_nb.focus.options import Options

__all__ = ["corrected", "in_billing_periods", "period_bounds", "whole_seconds", "with_charge_period"]

_PARTS = ("billed", "list", "contracted", "quantity")


def with_charge_period(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `charge_start` and `charge_end`: an instant is charged in the hour that holds it, `event_time` keeps it.

    FOCUS's instants have whole seconds, so a charge period begins with the second that holds its beginning, and ends
    with the one that holds its end: 0.8 seconds are no empty period.
    """
    start, end = pl.col("start_date"), pl.col("end_date")
    instant = start == end
    hour = start.dt.truncate("1h")
    if rows.select(pl.any_horizontal((start.dt.microsecond() != 0).any(), (end.dt.microsecond() != 0).any())).item():
        start, end = whole_seconds("start_date", "end_date")
    return rows.with_columns(
        event_time=pl.when(instant).then(pl.col("start_date")),
        charge_start=pl.when(instant).then(hour).otherwise(start),
        charge_end=pl.when(instant).then(hour.dt.offset_by("1h")).otherwise(end),
    )


def corrected(rows: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Bill the refunds of invoiced billing periods in the first that is open; their charge periods stay what they were.

    FOCUS, CorrectionHandling: BillingPeriodStart and BillingPeriodEnd are those of a subsequent open billing period,
    ChargePeriodStart and ChargePeriodEnd those in which the cost was originally incurred.
    """
    if options.closed_before is None:
        return rows.with_columns(correction=pl.lit(value=False))
    refund = pl.col("category").is_in(["Usage", "Purchase"]) & (pl.col("quantity") < 0)
    correction = refund & (pl.col("period_end") <= pl.lit(options.closed_before))
    rows = rows.with_columns(correction=correction.fill_null(value=False), __open=pl.lit(options.closed_before))
    start, end = period_bounds(options.billing_day, "__open")
    return rows.with_columns(
        period_start=pl.when("correction").then(start).otherwise("period_start"),
        period_end=pl.when("correction").then(end).otherwise("period_end"),
    ).drop("__open")


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


def whole_seconds(start: str, end: str) -> tuple[pl.Expr, pl.Expr]:
    """From the second that holds the beginning to the one that holds the end: FOCUS's instants have whole seconds."""
    last = pl.col(end).dt.truncate("1s")
    return pl.col(start).dt.truncate("1s"), pl.when(last == pl.col(end)).then(last).otherwise(last.dt.offset_by("1s"))


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
