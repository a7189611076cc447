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


def billing_periods(rows: pl.DataFrame, closed_before: datetime | None) -> pl.DataFrame:
    """Give a row per issuer and billing period; closed where every account's figures are final to its end."""
    end = pl.col("BillingPeriodEnd")
    settled = (pl.col("x_SettledUntil") >= end).fill_null(value=False)
    said = pl.lit(value=False) if closed_before is None else end <= _moment(closed_before)
    table = rows.group_by("InvoiceIssuerName", "BillingPeriodStart", "BillingPeriodEnd").agg(
        (settled | said).all().alias("closed"),
        pl.max_horizontal("x_FetchedAt", "x_SettledUntil").max().alias("updated"),
    )
    status = pl.when(pl.col("closed")).then(pl.lit("Closed")).otherwise(pl.lit("Open"))
    start = pl.col("BillingPeriodStart")
    return table.select(
        "InvoiceIssuerName", "BillingPeriodStart", "BillingPeriodEnd", status.alias("BillingPeriodStatus"),
        start.alias("BillingPeriodCreated"),
        pl.max_horizontal(start, pl.coalesce("updated", "BillingPeriodEnd")).alias("BillingPeriodLastUpdated"),
    ).sort("InvoiceIssuerName", "BillingPeriodStart")  # fmt: skip


def _moment(value: Any) -> pl.Expr:
    return pl.lit(value).cast(DTYPES["Time"])


def as_text(table: pl.DataFrame) -> pl.DataFrame:
    """Give the table with every value as the text that belongs into a file."""
    return table.select(_text(name, dtype) for name, dtype in table.schema.items())


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
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
