"""Who pays: the bill handed out by the reader's rules, a summary first, then each team's own lines."""

from __future__ import annotations

from html import escape

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.allocation.chargeback import UNALLOCATED
from truto_usage_nb.allocation.tables import suggestions
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.format import money, percent
from truto_usage_nb.planning import Period
from truto_usage_nb.questions import pace as paced
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, note
from truto_usage_nb.reports.parts.pictures import drawn
from truto_usage_nb.reports.parts.sharing import csv_link
from truto_usage_nb.reports.parts.tables import PINNED, Column, millions, part, spend, table, text

__all__ = ["allocation", "allocation_lines", "team_sections", "unallocated"]

_MONEY = ("direct_cost", "shared_cost", "purchased_cost", "cost")
_MOST = 15
"""So many rules of a team have a line each."""


def allocation_lines(book: Book) -> pl.DataFrame:
    """Give what each team pays, with its budget, and where the month runs where the bill's pace would take it."""
    made = book.allocation
    assert made is not None
    lines = made.table().filter(pl.col("cost").is_not_null()).drop("rules_sha256")
    budgets = pl.DataFrame(
        [(team, currency, amount) for (team, currency), amount in book.team_budgets.items()],
        schema={"target": pl.String, "currency": pl.String, "budget": pl.Float64},
        orient="row",
    )
    lines = lines.join(budgets, on=["target", "currency"], how="left", maintain_order="left")
    lines = lines.join(_ahead(book), on="currency", how="left", maintain_order="left")
    whole = pl.col("cost").sum().over("currency")
    return lines.with_columns(
        pl.when(whole > 0).then(pl.col("cost") / whole).alias("share"),
        pl.when(pl.col("budget") > 0).then(pl.col("cost") / pl.col("budget")).alias("used"),
        (pl.col("cost") * pl.col("grows")).round(2).alias("projected"),
        pl.col("target").is_null().alias(PINNED),
        pl.col("target").fill_null(UNALLOCATED),
    )


def _ahead(book: Book) -> pl.DataFrame:
    """By how much the whole bill will have grown by the month's end, by currency; nothing where it does not run."""
    none = pl.DataFrame(schema={"currency": pl.String, "grows": pl.Float64})
    is_month = book.period == Period.parse(f"{book.period.start:%Y-%m}")
    if not (book.running and is_month):
        return none
    frame = book.asked.both or book.asked.plain
    end = min(book.period.end, book.result.fetched_at)
    ahead: pl.DataFrame = book.hear(lambda: paced(frame, None, now=end), of=book.reach)
    ahead = ahead.filter((pl.col("to_date") > 0) & pl.col("projected").is_not_null())
    return ahead.select("currency", grows=pl.col("projected") / pl.col("to_date"))


def allocation(book: Book, *, heading: bool = False) -> Html:
    """Show who pays what: a chart, and a table that adds up to the bill, with budgets and pace beside it.

    With `heading` it has one of its own, for where no rules were given there is nothing to show.
    """
    if book.rules is None:
        return Html("") if heading else note("No rules were given (rules=), so nothing is handed out.")
    lines = allocation_lines(book)
    columns: dict[str, Column] = {
        "target": text("Who pays"), "direct_cost": spend("By a rule"), "shared_cost": spend("From pools"),
        "purchased_cost": spend("Seats, purchases"), "cost": spend("Cost so far" if book.running else "Cost"),
        "share": part("Share"), "tokens": millions("Tokens, millions"),
    }  # fmt: skip
    if book.team_budgets:
        columns |= {"budget": spend("Budget"), "used": Column("Of it used", "share")}
    if lines["projected"].null_count() < lines.height:
        columns["projected"] = spend("Month's end, at the bill's pace")
    marks = {team: amount for (team, currency), amount in book.team_budgets.items() if currency in book.currencies[:1]}
    made = book.allocation
    assert made is not None
    stated = made.table().filter(pl.col("currency") != UNSTATED)
    chart = drawn(book, plots.allocation, stated, budgets=marks, of=lines, caption=f"Who pays, {book.name}")
    totals = (*_MONEY, "share", "tokens", "budget", "projected")
    shown = table(lines, columns, order=book.currencies, name="allocation", totals=totals, below=_rule(book))
    saved = csv_link(book, lines.drop(PINNED, "grows"), "allocation")
    title = Html("<h2>Who pays</h2>") if heading else Html("")
    return title + chart + shown + saved


def _rule(book: Book) -> list[str]:
    assert book.rules is not None
    hashes = ", ".join(each[:12] for each in book.rules.sha256.split(";"))
    return [
        f"Handed out by {book.rules.what} (SHA-256 {hashes}): the first rule that matches a record places it, then "
        "pools are split. Amounts are after credits and tax, rounded so that they add up to the bill.",
        *book.not_in_it,
    ]


def team_sections(book: Book) -> Html:
    """Show for each team which rule, pool or purchase its cost comes from."""
    made = book.allocation
    if made is None:
        return Html("")
    lines = made.table(explain=True).filter(pl.col("cost").is_not_null() & pl.col("target").is_not_null())
    lines = lines.sort(book.place(), maintain_order=True)
    sections = [
        _section(book, place, own) for place, own in enumerate(lines.partition_by("target", maintain_order=True))
    ]
    return Html("\n".join(each.markup for each in sections)) if sections else note("No rule reached anything.")


def _section(book: Book, place: int, lines: pl.DataFrame) -> Html:
    """One team's lines; a column in which nothing stands is left out."""
    parts = {
        "direct_cost": spend("By a rule"), "shared_cost": spend("From pools"),
        "purchased_cost": spend("Seats, purchases"), "tokens": millions("Tokens, millions"),
    }  # fmt: skip
    held = {name: column for name, column in parts.items() if (lines[name] != 0).any()}
    columns = {"what": text("What"), **held, "cost": spend("Cost")}
    named = lines.with_columns(what=pl.format("{} ({})", "reason", "rule"))
    sums = lines.group_by("currency", maintain_order=True).agg(pl.col("cost").sum())
    spent = " and ".join(_spent(book, lines["target"][0], *row) for row in sums.iter_rows())
    shown = table(named, columns, order=book.currencies, name=f"team-{place}", totals=(*_MONEY, "tokens"), top=_MOST)
    return Html(f"<h3>{escape(lines['target'][0])}</h3><p>{escape(spent)}</p>") + shown


def _spent(book: Book, team: str, currency: str, cost: float) -> str:
    budget = book.team_budgets.get((team, currency))
    against = f" of a budget of {money(budget, currency)} ({percent(cost / budget)})" if budget and cost >= 0 else ""
    return f"{money(cost, currency)}{against}"


def unallocated(book: Book) -> Html:
    """Show what no rule reached, why, and which rules would catch most of it."""
    made = book.allocation
    if made is None:
        return Html("")
    rest = made.table(explain=True).filter(pl.col("target").is_null() & pl.col("cost").is_not_null())
    if not rest.height:
        return note("Every record was reached by a rule.")
    columns = {"reason": text("What no rule reached"), "cost": spend("Cost"), "tokens": millions("Tokens, millions")}
    shown = table(rest, columns, order=book.currencies, name="unallocated", totals=("cost", "tokens"))
    found = suggestions(made.rest)
    if not found.height:
        return shown
    offered = {"rule": text("Rules that would catch most of it"), "cost": spend("Cost"), "share": part("Share")}
    return shown + table(found, offered, order=book.currencies, name="suggested", totals=("cost",))
