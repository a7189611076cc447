"""Where the money goes, by one dimension at a time, each adding up to the bill."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from truto_usage_nb.reports.loading import Failed
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, joined, notes
from truto_usage_nb.reports.parts.naming import days_name, label_of
from truto_usage_nb.reports.parts.silence import silent_names, uncompared_told
from truto_usage_nb.reports.parts.tables import NOBODY, PINNED, millions, part, price, share, spend, table, text
from truto_usage_nb.unanswered import SilentView

__all__ = ["by_product", "unit_prices", "where"]

_LEFT_OUT = "What is stated for longer than a day, such as Datadog's month, is not compared: nobody knows its days."


def where(book: Book, by: str, title: str, *, top: int = 12) -> Html:
    """Show the cost by one dimension of the bill, with its share; what has no value there is not attributed, vendor by
    vendor, and stands last."""
    if by == "integration":
        lines = book.by(by).filter(pl.col("cost").is_not_null()).with_columns(integration=_vendor())
        return shares_table(book, with_shares(lines), by, title, top=top)
    named = book.by(by, bill=book.bill.filter(pl.col(by).is_not_null())).filter(pl.col("cost").is_not_null())
    rest = book.by("integration", bill=book.bill.filter(pl.col(by).is_null())).filter(pl.col("cost").is_not_null())
    nobody = rest.select(
        pl.format(f"{NOBODY} {{}}", _vendor()).alias(by), pl.exclude("integration"), pl.lit(value=True).alias(PINNED)
    )
    lines = pl.concat([named.with_columns(pl.lit(value=False).alias(PINNED)), nobody], how="diagonal_relaxed")
    ranked = lines.sort([book.place(), PINNED], maintain_order=True)
    return shares_table(book, with_shares(ranked), by, title, top=top)


def _vendor() -> pl.Expr:
    return pl.col("integration").map_elements(label_of, pl.String)


def with_shares(lines: pl.DataFrame) -> pl.DataFrame:
    """Add the share of each line in its currency."""
    whole = pl.col("cost").sum().over("currency")
    return lines.with_columns(share=pl.when(whole != 0).then(pl.col("cost") / whole))


def shares_table(book: Book, lines: pl.DataFrame, by: str, title: str, *, top: int = 12) -> Html:
    """Show cost and share by a column of names."""
    columns = {by: text(title), "cost": spend("Cost so far" if book.running else "Cost"), "share": part("Share")}
    return table(lines, columns, order=book.currencies, name=f"where-{by}", totals=("cost", "share"), top=top)


def unit_prices(book: Book, *, top: int = 15) -> Html:
    """Show what a million priced tokens of each model cost, how many have a price, and how many were cache reads."""
    from truto_usage_nb.costs import cost_per_token

    priced = book.hear(lambda: cost_per_token(book.asked.now, "model_id"))
    lines = priced.filter((pl.col("tokens") > 0) & pl.col("model_id").is_not_null()).with_columns(
        token_cost=pl.col("cost") - pl.col("other_cost"),
        priced_share=pl.col("tokens") / (pl.col("tokens") + pl.col("unpriced_tokens")),
    )
    columns = {
        "model_id": text("Model"),
        "token_cost": spend("Cost of tokens"),
        "tokens": millions("Priced tokens, millions"),
        "cost_per_million_tokens": price("Per million"),
        "cache_read_share": share("Cache reads"),
        "unpriced_tokens": millions("Without a price, millions"),
        "priced_share": share("Priced"),
    }
    from truto_usage_nb.costs import closing_line

    below = (
        closing_line(book.by()),
        "A price per million is a blend: it moves with the share of cache reads as much as with the rate card.",
    )
    return table(lines, columns, order=book.currencies, name="prices", top=top, below=below)


def by_product(book: Book, integrations: Sequence[str], *, top: int = 25) -> Html:
    """Show the products of vendors that sell no tokens, with what each cost in the period before.

    Of a period that runs the days so far stand beside the same days before; what is stated for longer has none.
    """
    lines = _products(book.bill, book, integrations)
    columns = {
        "vendor": text("Vendor"),
        "product_name": text("Product"),
        "cost": spend("Cost so far" if book.running else "Cost"),
        "share": part("Share"),
    }
    held, before = book.comparison, book.bill_before
    below: tuple[str, ...] = ()
    if held is not None and before is not None:
        keys = ["integration", "product_name", "currency"]
        was, now = (
            _products(held.cut(bill, earlier=earlier), book, integrations).select(*keys, pl.col("cost").alias(name))
            for bill, earlier, name in ((before, True, "was"), (book.bill, False, "of_days"))
        )
        lines = lines.join(was, on=keys, how="full", coalesce=True, nulls_equal=True)
        lines = lines.join(now, on=keys, how="left", nulls_equal=True)
        change = pl.col("of_days").fill_null(0.0) - pl.col("was").fill_null(0.0)
        known = pl.col("was").is_not_null() | pl.col("of_days").is_not_null()
        known &= ~pl.col("integration").is_in(_apart(book)).fill_null(value=False)
        lines = lines.with_columns(change=pl.when(known).then(change))
        columns |= {"of_days": spend(f"{days_name(held.now)}")} if held.so_far else {}
        columns |= {"was": spend(days_name(held.before)), "change": spend("Change")}
        below = (*((_LEFT_OUT,) if held.so_far else ()), *(uncompared_told(book) if _apart(book) else ()))
    if not lines.height:
        silent = silent_names(view for view in book.silent if view.integration in integrations)
        lost = [f"{each}." for each in book.failed if each.integration in integrations]
        came = notes([*([f"No record came of {joined(silent)}."] if silent else []), *lost])
        return Html(f"<p>No cost of {' or '.join(label_of(name) for name in integrations)} in this period.</p>") + came
    lines = with_shares(lines).with_columns(vendor=_vendor())
    lines = lines.sort(["currency", "cost"], descending=[False, True], nulls_last=True)
    sums = ("cost", "share", "of_days", "was", *(() if _apart(book) else ("change",)))
    totals = tuple(name for name in sums if name in columns)
    return table(lines, columns, order=book.currencies, name="products", totals=totals, top=top, below=below)


def _apart(book: Book) -> list[str]:
    """The vendors of which an account delivered in one of the two periods alone: their change is not known."""
    views: list[SilentView | Failed] = [*book.silent, *book.silent_before, *book.failed, *book.failed_before]
    return sorted({str(view.integration) for view in views if view.account in book.one_sided})


def _products(bill: pl.DataFrame, book: Book, integrations: Sequence[str]) -> pl.DataFrame:
    mine = bill.filter(pl.col("integration").is_in(integrations))
    return book.by(["integration", "product_name"], bill=mine).filter(pl.col("cost").is_not_null())
