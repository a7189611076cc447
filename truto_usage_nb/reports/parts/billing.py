"""The bill: a line a vendor and currency, beside the invoice where one is given."""

from __future__ import annotations

from typing import cast

import polars as pl

from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.questions import reconcile
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html
from truto_usage_nb.reports.parts.naming import label_of
from truto_usage_nb.reports.parts.tables import spend, table, text

__all__ = ["bill", "bill_table"]

_DUST = 0.005
"""Half a cent: less comes of rounding, or of adding in another order."""
_AMOUNTS = ("metered", "credits", "expected", "invoice", "difference")


def bill_table(book: Book) -> pl.DataFrame:
    """Give `tu.reconcile` of the period, a line a vendor and currency: what was metered, credits, what that comes to,
    the invoice where one was given, and what lies between."""
    lines = cast("pl.DataFrame", book.hear(lambda: reconcile(book.asked.plain, _invoices(book))))
    first, last = book.period.start.date().replace(day=1), book.period.end.date()
    mine = lines.filter((pl.col("month") >= first) & (pl.col("month") < last))
    sums = [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in _AMOUNTS]
    summed = mine.group_by("integration", "currency", maintain_order=True).agg(*sums, pl.col("cannot_know").first())
    exact = pl.col("credits", "difference")
    short = pl.col("integration").is_in(book.failing_vendors)  # what is not here is no difference
    summed = summed.with_columns(difference=pl.when(~short).then(pl.col("difference")))
    return summed.with_columns(pl.when(exact.abs() < _DUST).then(0.0).otherwise(exact).name.keep()).sort(
        book.place(), pl.col("expected"), descending=[False, True], nulls_last=True
    )


def _invoices(book: Book) -> pl.DataFrame:
    if book.invoices is not None:
        return book.invoices
    nowhere = {"integration": next(iter(INTEGRATIONS)), "month": "1970-01", "currency": "USD", "amount": 0.0}
    return pl.DataFrame([nowhere])  # a month that no report is of: there is no invoice to compare with


def bill(book: Book) -> Html:
    """Show the bill."""
    lines = bill_table(book).with_columns(vendor=pl.col("integration").map_elements(label_of, pl.String))
    columns = {
        "vendor": text("Vendor"),
        "metered": spend("Metered so far" if book.running else "Metered"),
        "credits": spend("Credits and tax"),
        "expected": spend("After credits"),
    }
    if book.invoices is not None:
        columns |= {
            "invoice": spend("Invoice"),
            "difference": spend("Difference"),
            "cannot_know": text("May explain it"),
        }
    totals = tuple(name for name in columns if name in _AMOUNTS)
    none = "No invoice was given (invoices=), so there is none to compare with."
    below = [*([] if book.invoices is not None else [none]), *book.not_in_it]
    return table(lines, columns, order=book.currencies, name="bill", totals=totals, below=below)
