"""Estimates of ours, apart from the bill: tokens times list price, and what the difference says."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.costs import cache_savings, estimate_costs
from truto_usage_nb.format import money, percent
from truto_usage_nb.questions import check_prices
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, note
from truto_usage_nb.reports.parts.naming import label_of
from truto_usage_nb.reports.parts.tables import Column, dollars, millions, share, spend, table, text

__all__ = ["cache_line", "estimates", "list_and_billed", "price_check"]


def estimates(book: Book) -> Html:
    """Show what each vendor's tokens would cost at list price beside what was billed for them, framed as what it is."""
    made = book.hear(lambda: estimate_costs(book.asked.plain, "integration"))
    lines = (
        made.filter(pl.col("estimated_cost").is_not_null())
        .with_columns(
            vendor=pl.col("integration").map_elements(label_of, pl.String),
            billed=pl.struct("cost", "other_cost", "currency").map_elements(_billed, pl.String),
        )
        .sort("estimated_cost", descending=True)
    )
    if not lines.height:
        return note("No tokens here have a list price, so there is nothing to estimate.")
    columns = {
        "vendor": text("Vendor"), "billed": text("Billed for tokens"), "estimated_cost": dollars("Estimate"),
        "estimated_tokens": millions("Of tokens, millions"), "unknown_tokens": millions("Without list price, millions"),
    }  # fmt: skip
    source = f"Our estimate, never part of the bill: tokens times list price of their day, {made['price_source'][0]}."
    shown = table(lines.drop("currency"), columns, name="estimates", below=(source, cache_line(book)))
    return Html(f'<div class="estimate">{shown.markup}</div>')


def _billed(row: dict[str, object]) -> str:
    cost, other, currency = row["cost"], row["other_cost"], row["currency"]
    if not isinstance(cost, float):
        return "nothing stated"
    return money(cost - (other if isinstance(other, float) else 0.0), str(currency))


def cache_line(book: Book) -> str:
    """Say in a sentence what reading from the cache saved, at list prices."""
    rows = book.hear(lambda: cache_savings(book.asked.plain))
    known = rows.filter(pl.col("cost_without_cache") > 0).select("cache_savings", "cost_without_cache", "currency")
    parts = [
        f"caching saved {money(saved, currency)} of {money(without, currency)} ({percent(saved / without)})"
        for saved, without, currency in known.iter_rows()
    ]
    return f"At list prices {' and '.join(parts)}." if parts else "No cached tokens have a list price."


def price_check(book: Book, *, top: int = 20) -> Html:
    """Hold what each model's tokens were billed at against the list, and say what the ratio means."""
    lines = book.hear(lambda: check_prices(book.asked.plain))
    lines = lines.filter(pl.col("billed").is_not_null() | pl.col("estimate").is_not_null())
    columns: dict[str, Column] = {
        "model_id": text("Model"), "billed": spend("Billed for tokens"), "estimate": dollars("At list price"),
        "ratio": share("Billed to list"), "reading": text("What that says"),
    }  # fmt: skip
    return table(lines, columns, order=book.currencies, name="check", top=top)


def list_and_billed(book: Book, by: str, title: str, *, top: int = 15) -> Html:
    """Show what was billed beside the vendor's own list price, where it states one."""
    billed = book.by(by).filter(pl.col("cost").is_not_null()).select(by, "currency", "cost")
    at_list = book.costs(book.asked.plain, by, measure="list").select(by, "currency", list_="cost")
    lines = billed.join(at_list, on=[by, "currency"], how="left", nulls_equal=True, maintain_order="left")
    lines = lines.with_columns(off=pl.col("list_") - pl.col("cost")).with_columns(
        off=pl.when(pl.col("off").abs() < 0.005).then(0.0).otherwise(pl.col("off")),
        share=pl.when(pl.col("list_") > 0).then(pl.col("cost") / pl.col("list_")),
    )
    if by == "integration":
        lines = lines.with_columns(pl.col(by).map_elements(label_of, pl.String))
    columns = {
        by: text(title), "cost": spend("Billed"), "list_": spend("List price"), "off": spend("Discount and plan"),
        "share": share("Billed to list"),
    }  # fmt: skip
    below = ("A vendor that states no discount counts at list = billed.",)
    return table(
        lines, columns, order=book.currencies, name=f"list-{by}", totals=("cost", "list_", "off"), top=top, below=below
    )
