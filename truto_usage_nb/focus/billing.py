"""The Billing Period dataset of FOCUS 1.4: which months are still open."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from truto_usage_nb.focus.finishing import DTYPES

__all__ = ["billing_periods"]

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
