"""What to do with records that stick out of the loaded period, when the caller says so."""

from __future__ import annotations

from typing import Any

import polars as pl

from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.planning import Period
from truto_usage_nb.schema import columns

__all__ = ["OVERHANG", "check_overhang", "cut_to", "prorated", "settle_overhang"]

OVERHANG = ("prorate", "include", "drop")
_FLAG = "overhangs_period"


def cut_to(period: Period, held: pl.Expr | None = None) -> tuple[pl.Expr, pl.Expr]:
    """Give what keeps a record, and what marks one that sticks out of the period.

    A record is kept that has no start, or, besides what `held` asks of its start, lies in the period at least in part.
    """
    start, end = pl.col("start_date"), pl.coalesce("end_date", "start_date")
    inside = (start < period.end) & ((end > period.start) | (start >= period.start))
    kept = start.is_null() | (inside if held is None else held & inside)
    return kept, ((start < period.start) | (end > period.end)).fill_null(value=False).alias(_FLAG)


def settle_overhang(frame: pl.DataFrame, period: Period, overhang: str | None) -> pl.DataFrame:
    """Apply `overhang`: None marks only, "include" takes the records whole, "drop" leaves them out.

    "prorate" keeps the share of each additive figure (charges, quantity, tokens, ...) that its time inside the period
    has of its whole time, and cuts the record's dates to the period; counts become fractions.
    """
    if overhang is None or _FLAG not in frame.columns:
        return frame
    if overhang == "drop":
        return frame.filter(~pl.col(_FLAG))
    if overhang == "prorate" and frame[_FLAG].any():
        return prorated(frame, period)
    return frame.with_columns(pl.lit(value=False).alias(_FLAG))


def check_overhang(overhang: Any) -> None:
    """Refuse an `overhang` that is none of the three."""
    if overhang is not None and overhang not in OVERHANG:
        raise InputError(
            f"overhang={overhang!r} is not allowed.{did_you_mean(overhang, OVERHANG)} Allowed: {', '.join(OVERHANG)}"
        )


def prorated(frame: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Keep of each record the share that lies in the period; see `settle_overhang`."""
    start, end = pl.col("start_date"), pl.col("end_date")
    inside = pl.min_horizontal(end, pl.lit(period.end)) - pl.max_horizontal(start, pl.lit(period.start))
    share = pl.when(_FLAG).then(inside.dt.total_microseconds() / (end - start).dt.total_microseconds()).otherwise(1.0)
    frame = frame.with_columns(__share=share)
    additive = [each.column for each in columns() if each.additivity == "sum" and each.column in frame.columns]
    changed = [(pl.col(name) * pl.col("__share")).alias(name) for name in additive]
    cut = [
        pl.when(_FLAG).then(pl.max_horizontal(start, pl.lit(period.start))).otherwise(start).alias("start_date"),
        pl.when(_FLAG).then(pl.min_horizontal(end, pl.lit(period.end))).otherwise(end).alias("end_date"),
    ]
    whole = _charges_prorated(frame.with_columns(*changed, *cut)).drop("__share")
    return whole.with_columns(pl.lit(value=False).alias(_FLAG))


def _charges_prorated(frame: pl.DataFrame) -> pl.DataFrame:
    """Scale the amounts inside the list column too, so that both forms of the charges agree."""
    if "charges" not in frame.columns or not isinstance(frame.schema["charges"], pl.List):
        return frame
    amounts = (
        frame.select(pl.int_range(pl.len()).alias("__row"), "charges", "__share")
        .filter(pl.col("charges").list.len() > 0)
        .explode("charges")
        .with_columns(pl.col("charges").struct.with_fields((pl.field("amount") * pl.col("__share")).alias("amount")))
        .group_by("__row", maintain_order=True)
        .agg("charges")
    )
    rows = frame.drop("charges").with_columns(pl.int_range(pl.len()).alias("__row"))
    joined = rows.join(amounts, on="__row", how="left", maintain_order="left").drop("__row")
    empty = frame["charges"].list.len() == 0
    charges = pl.when(empty).then(frame["charges"]).otherwise(joined["charges"])
    return joined.with_columns(charges.alias("charges")).select(frame.columns)
