"""What the figures cover, account by account, and what they cannot hold."""

from __future__ import annotations

from html import escape

import polars as pl

from truto_usage_nb.format import money
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html
from truto_usage_nb.reports.parts.naming import label_of
from truto_usage_nb.reports.parts.tables import count, day, millions, share, table, text

__all__ = ["coverage", "not_in_these_figures"]

_KEY = ("integrated_account_id", "integration", "report_type")


def not_in_these_figures(book: Book) -> Html:
    """Say before any chart what no figure below can hold."""
    held = [name for name in book.now["integration"].drop_nulls().unique().sort() if name in INTEGRATIONS]
    beyond = {name: escape(INTEGRATIONS[name].beyond) for name in held}
    lines = "".join(f"<li><strong>{escape(label_of(name))}</strong>: {text}</li>" for name, text in beyond.items())
    lines += "".join(f"<li>{escape(each)}</li>" for each in book.not_in_it)
    general = "What an invoice may hold that no usage API tells, and so no figure below:"
    end = "Tax counts where a record states it. No total below is an invoice: it is what was metered."
    return Html(f'<div class="aside"><p>{general}</p><ul>{lines}</ul><p>{end}</p></div>')


def coverage(book: Book) -> Html:
    """Show days held and missing, money, and the share of priced tokens of each account and report type."""
    held = book.coverage
    accounts = held.accounts.with_columns(
        cost=pl.Series([_money(held.money, row) for row in held.accounts.select(_KEY).iter_rows()], dtype=pl.String),
        report_type=pl.col("report_type").fill_null("–"),
        missing_days=pl.col("missing_days").fill_null("none"),
    ).sort(pl.col("records") > 0, maintain_order=True)
    columns = {
        "integrated_account_id": text("Account"),
        "report_type": text("Report type"),
        "records": count("Records"),
        "days_held": count("Days"),
        "missing_days": text("Missing"),
        "cost": text("Cost stated"),
        "tokens": millions("Tokens, millions"),
        "priced_share": share("With a price"),
        "settled_until": day("Final until"),
    }
    below = [text for text in held.notes if text not in book.result.gaps] + book.lacking
    return table(accounts, columns, order=book.currencies, name="coverage", below=below)


def _money(stated: pl.DataFrame, key: tuple[str | None, ...]) -> str:
    same = pl.all_horizontal(*(pl.col(name).eq_missing(pl.lit(value)) for name, value in zip(_KEY, key, strict=True)))
    return (
        ", ".join(money(cost, currency) for currency, cost in stated.filter(same).select("currency", "cost").rows())
        or "–"
    )
