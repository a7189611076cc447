"""Charts as a report shows them: each with its description, closed after it is drawn, the same bytes every time."""

from __future__ import annotations

from typing import Any

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.costs.lines import as_frame
from truto_usage_nb.native import Native
from truto_usage_nb.plots.figures import add_to_title
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, figure, note
from truto_usage_nb.reports.parts.naming import label_of

__all__ = ["bars_chart", "drawn", "list_chart", "price_chart", "time_chart"]


def drawn(book: Book, chart: Any, *arguments: Any, caption: str, of: pl.DataFrame, **options: Any) -> Html:
    """Draw with one of `tu.plots`, a panel for each currency of the lines `of`; without a line nothing is drawn.

    Amounts without a currency are told, not drawn: they would take as much room as the bill.
    """
    there = set(of["currency"].drop_nulls())
    left = note("Amounts whose currency nobody stated are in the tables and not drawn.")
    shown = Html("")
    if not there <= {UNSTATED}:
        made = book.hear(lambda: chart(*arguments, **options))
        if book.running:
            add_to_title(made, "so far")
        shown = figure(made, caption)
    return shown + left if UNSTATED in there else shown


def time_chart(book: Book, by: str, caption: str, *, every: str = "1d") -> Html:
    """Draw the cost of each day by one dimension."""
    frame, column = _vendors(book.asked.lines, by)
    stated = _stated(book.bill)
    return drawn(book, plots.cost_over_time, frame, column, every=every, of=stated, caption=_titled(book, caption))


def bars_chart(book: Book, by: str, caption: str, *, top: int = 10) -> Html:
    """Draw ranked bars of one dimension, of the records that have a value there."""
    named, column = _vendors(book.asked.lines.filter(pl.col(by).is_not_null()), by)
    stated = _stated(book.bill, by)
    return drawn(book, plots.cost_bars, named, column, top=top, of=stated, caption=_titled(book, caption))


def price_chart(book: Book, caption: str, *, top: int = 10) -> Html:
    """Draw what a million tokens of each model cost."""
    named = as_frame(book.asked.lines.filter(pl.col("model_id").is_not_null()))
    priced = _stated(book.bill, "model_id").filter(pl.col("tokens") > 0)
    return drawn(book, plots.price_per_million, named, top=top, of=priced, caption=_titled(book, caption))


def list_chart(book: Book, by: str, caption: str, *, top: int = 10) -> Html:
    """Draw what was billed in front of the list price."""
    named, column = _vendors(book.asked.lines.filter(pl.col(by).is_not_null()), by)
    stated = _stated(book.bill, by)
    return drawn(book, plots.billed_against_list, named, column, top=top, of=stated, caption=_titled(book, caption))


def _stated(bill: pl.DataFrame, by: str | None = None) -> pl.DataFrame:
    """The lines with a cost, and a value of the dimension."""
    lines = bill.filter(pl.col("cost").is_not_null())
    return lines if by is None else lines.filter(pl.col(by).is_not_null())


def _vendors(lines: pl.DataFrame, by: str) -> tuple[Native, str]:
    """Name vendors as people do."""
    if by != "integration":
        return as_frame(lines), by
    labels = {name: label_of(name) for name in lines["integration"].unique().drop_nulls()}
    return as_frame(lines.with_columns(vendor=pl.col("integration").replace(labels))), "vendor"


def _titled(book: Book, caption: str) -> str:
    return f"{caption}, {book.name}"
