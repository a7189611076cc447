"""What is made of finished rows: the Billing Period dataset, and files as FOCUS asks for them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from truto_usage_nb.errors import FrameError
from truto_usage_nb.focus.finishing import DTYPES
from truto_usage_nb.writing import write_file

__all__ = ["as_text", "billing_periods", "write_csv"]

NEEDED = ("InvoiceIssuerName", "BillingPeriodStart", "BillingPeriodEnd", "x_SettledUntil", "x_FetchedAt")
_KEY = ["InvoiceIssuerName", "BillingPeriodStart"]
PERIODS: dict[str, Any] = {
    "InvoiceIssuerName": pl.String, "BillingPeriodStart": DTYPES["Time"], "BillingPeriodEnd": DTYPES["Time"],
    "BillingPeriodStatus": pl.String, "BillingPeriodCreated": DTYPES["Time"],
    "BillingPeriodLastUpdated": DTYPES["Time"],
}  # fmt: skip
"""The columns of the Billing Period dataset."""


def billing_periods(
    rows: pl.DataFrame, closed_before: datetime | None, previous: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Give a row per issuer and billing period; closed where its invoices are issued, as the caller says or said."""
    start, end = pl.col("BillingPeriodStart"), pl.col("BillingPeriodEnd")
    table = rows.group_by("InvoiceIssuerName", "BillingPeriodStart", "BillingPeriodEnd").agg(
        pl.max_horizontal("x_FetchedAt", "x_SettledUntil").max().alias("updated")
    )
    closed = pl.lit(value=False) if closed_before is None else end <= _moment(closed_before)
    updated = pl.max_horizontal(start, pl.coalesce("updated", end))
    status = pl.when(closed).then(pl.lit("Closed")).otherwise(pl.lit("Open"))
    table = table.select(
        "InvoiceIssuerName", start, end, status.alias("BillingPeriodStatus"),
        start.alias("BillingPeriodCreated"), updated.alias("BillingPeriodLastUpdated"),
    )  # fmt: skip
    if previous is not None:  # what is closed stays as it was said then
        read = [pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC") if previous.schema[name] == pl.String and
                dtype != pl.String else pl.col(name).cast(dtype) for name, dtype in PERIODS.items()]  # fmt: skip
        before = previous.select(read).filter(pl.col("BillingPeriodStatus") == "Closed")
        table = pl.concat([before, table.join(before, on=_KEY, how="anti")])
    return table.sort(_KEY)


def _moment(value: Any) -> pl.Expr:
    return pl.lit(value).cast(DTYPES["Time"])


def as_text(table: pl.DataFrame) -> pl.DataFrame:
    """Give the table with every value as the text that belongs into a file."""
    return table.select(_text(name, dtype) for name, dtype in table.schema.items())


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")  # a fraction of a second only where there is one
    if isinstance(dtype, pl.Decimal):
        # Zeros that say nothing go, but one decimal stays, so that no reader takes a column of costs for integers.
        text = column.cast(pl.String).str.replace(r"(\.\d+?)0+$", "$1")
        return pl.when(text.str.contains(".", literal=True)).then(text).otherwise(text + ".0").alias(name)
    return column.cast(pl.String)


def write_csv(table: pl.DataFrame, path: Path) -> Path:
    """Write the file; it appears whole or not at all."""
    for name, dtype in table.schema.items():
        if dtype.is_nested() or dtype in (pl.Duration, pl.Object, pl.Binary):
            raise FrameError(f"{name} holds {dtype}, and a CSV of FOCUS texts, numbers and times; write .parquet.")
    texts = as_text(table)
    return write_file(path, lambda file: texts.write_csv(file, null_value="", line_terminator="\n"))
