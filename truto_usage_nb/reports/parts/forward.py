"""Pace and oddities: where the month goes, and the days that cost what they usually do not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.errors import FrameError
from truto_usage_nb.planning import Period
from truto_usage_nb.questions import pace as paced
from truto_usage_nb.questions.oddities import judged
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, note, notes
from truto_usage_nb.reports.parts.naming import days_name, span_name
from truto_usage_nb.reports.parts.pictures import drawn
from truto_usage_nb.reports.parts.tables import Column, day, spend, table, text

__all__ = ["pace", "unusual"]


def pace(book: Book) -> Html:
    """Show a month that runs as it adds up, and where it will end; of one that is over nothing but its budget.

    It has a heading of its own, for where it has nothing to say there is none.
    """
    if book.period != Period.parse(f"{book.period.start:%Y-%m}") or not (book.running or book.budget is not None):
        return Html("")
    heading = "Pace" if book.running else "Budget"
    return Html(f"<h2>{heading}</h2>") + (_pace(book) if book.running else _budget(book))


def _budget(book: Book) -> Html:
    """A month that is over against its budget."""
    frame = book.asked.both or book.asked.plain
    lines = book.hear(lambda: paced(frame, book.budget, now=f"{book.period.end:%Y-%m-%d}"), of=book.reach)
    lines = lines.filter(pl.col("to_date").is_not_null()).with_columns(
        month=pl.lit(span_name(book.period)),
        left=pl.lit(None, pl.Float64) if book.not_in_it else pl.col("budget") - pl.col("to_date"),
    )
    columns = {
        "month": text("Month"), "to_date": spend("Billed"), "budget": spend("Budget"),
        "left": spend("Left of it"), "breaks_on": day("Budget passed on"),
    }  # fmt: skip
    return table(lines, columns, order=book.currencies, name="pace", below=book.not_in_it)


def _pace(book: Book) -> Html:
    frame = book.asked.both or book.asked.plain
    end = min(book.period.end, book.result.fetched_at)
    lines = book.hear(lambda: paced(frame, book.budget, now=end), of=book.reach)
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
        book.asked.drawable_both,
        book.budget,
        now=end,
        of=lines,
        caption=f"Cost as it adds up, {book.name}",
    )
    below = () if book.budget is not None else ("No budget was given (budget=), so there is none to hold it against.",)
    below = (*below, *book.not_in_it)
    return chart + table(named, {"month": text("Month"), **columns}, order=book.currencies, name="pace", below=below)


def unusual(book: Book, by: str = "integrated_account_id", *, top: int = 12) -> Html:
    """Show the days that cost far more or less than such days of the account usually do, the farthest off first."""
    frame = book.asked.both or book.asked.plain
    within = (book.period.start.date(), (book.period.end - timedelta(microseconds=1)).date())
    try:
        found = book.hear(lambda: judged(frame, by, within=within), of=book.reach)
    except FrameError as too_few:
        return note(f"Nothing can be called unusual here: {too_few}")
    left = (f"{found.told[0].upper()}{found.told[1:]}.",) if found.told else ()
    spans = zip(found.table["day"], found.until, strict=True)
    named = found.table.with_columns(when=pl.Series([_when(*span) for span in spans], dtype=pl.String))
    days = named.sort(["currency", pl.col("excess").abs(), "day", by], descending=[False, True, False, False])
    if not days.height:
        return notes(["No day of this period cost far more or less than such days of its account usually do.", *left])
    columns = {
        "when": text("Day (UTC)"), by: text("Account"), "cost": spend("Cost"), "usual_low": spend("Usually from"),
        "usual_high": spend("to"), "excess": spend("Beyond it"),
    }  # fmt: skip
    rule = (
        "A working day is held against the other working days of four weeks before and after, a weekend day against "
        "the other weekend days: their median, give or take the larger of five times their spread and a quarter of it. "
        "What is stated for a month is held against the months before."
    )
    return table(days, columns, order=book.currencies, name="unusual", top=top, below=(rule, *left))


def _when(first: date, last: date) -> str:
    """A day as it is written in tables; a longer stretch by its name."""
    moments = (datetime.combine(each, time(), UTC) for each in (first, last + timedelta(days=1)))
    return f"{first:%Y-%m-%d}" if first == last else days_name(Period(*moments))
