"""Pace and oddities: where the month goes, and the days that cost what they usually do not."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.errors import FrameError
from truto_usage_nb.planning import Period
from truto_usage_nb.questions import pace as paced
from truto_usage_nb.questions import unusual as oddities
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.book import Book, span_name
from truto_usage_nb.reports.parts.markup import Html, note
from truto_usage_nb.reports.parts.pictures import drawn
from truto_usage_nb.reports.parts.tables import Column, day, spend, table, text

__all__ = ["pace", "unusual"]


def pace(book: Book) -> Html:
    """Show the month as it adds up, against its budget, and where an open month will end."""
    if book.period != Period.parse(f"{book.period.start:%Y-%m}"):
        return note("Pace is of one calendar month; this period is another.")
    frame = book.asked.both or book.asked.plain
    end = min(book.period.end, book.result.fetched_at)
    lines = book.hear(lambda: paced(frame, book.budget, now=f"{end:%Y-%m-%d}"), of=book.reach)
    lines = lines.filter(pl.col("to_date").is_not_null())
    columns: dict[str, Column] = {"to_date": spend("Billed so far")}
    if end < book.period.end:
        columns |= {"projected": spend("Month's end, projected"), "low": spend("Low"), "high": spend("High")}
    if book.budget is not None:
        columns |= {"budget": spend("Budget"), "breaks_on": day("Budget passed on")}
    if book.bill_before is not None:
        lines = lines.join(book.by(bill=book.bill_before).select("currency", before="cost"), on="currency", how="left")
        columns["before"] = spend(f"All of {span_name(period_before(book.period))}")
    named = lines.with_columns(month=pl.lit(span_name(book.period)))
    chart = drawn(
        book,
        plots.pace,
        book.asked.drawable,
        book.budget,
        of=lines,
        caption=f"Cost as it adds up, {span_name(book.period)}",
    )
    below = () if book.budget is not None else ("No budget was given (budget=), so there is none to hold it against.",)
    return chart + table(named, {"month": text("Month"), **columns}, order=book.currencies, name="pace", below=below)


def unusual(book: Book, by: str = "integrated_account_id", *, top: int = 12) -> Html:
    """Show the days that cost far more or less than such days of the account usually do, the farthest off first."""
    frame = book.asked.both or book.asked.plain
    try:
        found = book.hear(lambda: oddities(frame, by), of=book.reach)
    except FrameError as too_few:
        return note(f"Nothing can be called unusual here: {too_few}")
    first, last = book.period.start.date(), (book.period.end - timedelta(microseconds=1)).date()
    days = found.filter(pl.col("day").is_between(first, last)).sort(
        ["currency", pl.col("excess").abs(), "day", by], descending=[False, True, False, False]
    )
    if not days.height:
        return note("No day of this period cost far more or less than such days of its account usually do.")
    columns = {
        "day": day("Day (UTC)"), by: text("Account"), "cost": spend("Cost"), "usual_low": spend("Usually from"),
        "usual_high": spend("to"), "excess": spend("Beyond it"),
    }  # fmt: skip
    rule = (
        "A working day is held against the other working days of four weeks before and after, a weekend day against "
        "the other weekend days: their median, give or take the larger of five times their spread and a quarter of it."
    )
    return table(days, columns, order=book.currencies, name="unusual", top=top, below=(rule,))
