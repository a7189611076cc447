"""The bill: a line a vendor and currency, beside the invoice where one is given."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.reports.parts.book import Book, label_of
from truto_usage_nb.reports.parts.markup import Html
from truto_usage_nb.reports.parts.tables import spend, table, text

__all__ = ["bill", "bill_table"]

_DUST = 1e-6
"""Two sums of the same amounts in another order differ by less than this."""


def bill_table(book: Book) -> pl.DataFrame:
    """Give `integration`, `currency`, `metered`, `credits`, `after_credits`, `invoice`, `difference`."""
    metered = book.by("integration").filter(pl.col("cost").is_not_null()).select("integration", "currency", "cost")
    payable = book.costs(book.now, "integration", measure="payable")
    both = metered.rename({"cost": "metered"}).join(
        payable.select("integration", "currency", after_credits="cost"), on=["integration", "currency"], how="left",
        nulls_equal=True, maintain_order="left",
    )  # fmt: skip
    apart = pl.col("after_credits") - pl.col("metered")
    lines = both.with_columns(credits=pl.when(apart.abs() < _DUST).then(0.0).otherwise(apart))
    if book.invoices is None:
        return lines
    given = book.invoices.group_by("integration", "currency").agg(pl.col("invoice").cast(pl.Float64).sum())
    lines = lines.join(given, on=["integration", "currency"], how="full", coalesce=True, maintain_order="left")
    return lines.with_columns(difference=pl.col("invoice") - pl.col("after_credits"))


def bill(book: Book) -> Html:
    """Show the bill."""
    lines = bill_table(book).with_columns(vendor=pl.col("integration").map_elements(label_of, pl.String))
    columns = {
        "vendor": text("Vendor"),
        "metered": spend("Metered"),
        "credits": spend("Credits and tax"),
        "after_credits": spend("After credits"),
    }
    if "invoice" in lines.columns:
        columns |= {"invoice": spend("Invoice"), "difference": spend("Difference")}
    below = (
        () if "invoice" in lines.columns else ("No invoice was given (invoices=), so there is none to compare with.",)
    )
    return table(lines, columns, name="bill", totals=tuple(columns)[1:], below=below)
