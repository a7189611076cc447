"""The bridge from the period before: how much of the change is volume, rate, mix, what is new and what is gone."""

from __future__ import annotations

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.questions.changes import changed
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, note, notes
from truto_usage_nb.reports.parts.naming import days_name, label_of
from truto_usage_nb.reports.parts.pictures import drawn
from truto_usage_nb.reports.parts.silence import uncompared_told
from truto_usage_nb.reports.parts.tables import spend, table, text

__all__ = ["bridge"]

_EFFECTS = {"volume": "Volume", "rate": "Rate", "mix": "Mix", "new": "New", "gone": "Gone"}
_EXPLAINED = (
    "Volume: more or fewer tokens at the old average price, and all of the change of money that bought no tokens. "
    "Rate: the same tokens at new prices. Mix: a shift between models, accounts and kinds of tokens. New and gone: "
    "a vendor without cost on the other side."
)

_DAYS_ALONE = (
    "Only days are compared that every account holds. What is stated for longer than a day, such as Datadog's month, "
    "is left out of both sides: nobody knows how much of it is of these days."
)


def bridge(book: Book, by: str = "integration") -> Html:
    """Show the change from the period before, taken apart so that it adds up; say why where there is none.

    A month that runs is held against the same days of the month before, without what is stated for longer than a day.
    """
    both, held = book.asked.both_without(book.one_sided), book.comparison
    if both is None:
        return note(book.nothing_before)
    left_out = notes(uncompared_told(book))
    if both.original.is_empty() or book.plain.is_empty() or (book.before is not None and book.before.is_empty()):
        return note("No account has records of both periods, so there is nothing to compare.") + left_out
    if held is None:
        return note(book.nothing_before) + left_out
    change = book.hear(lambda: changed(both, by, held.sides), of=book.reach)
    more = " so far" if held.so_far else ""
    names = (days_name(held.before), f"{days_name(held.now)}{more}")
    caption = f"From {names[0]} to {names[1]}: what moved the cost"
    shown = change.filter(pl.col("currency").is_not_null())
    stated = shown.filter(pl.col("currency") != UNSTATED)
    chart = drawn(book, plots.bridge, stated, names=names, of=shown, caption=caption)
    below = note(_DAYS_ALONE) if held.so_far else Html("")
    return chart + _table(book, shown, by, names) + below + left_out


def _table(book: Book, change: pl.DataFrame, by: str, names: tuple[str, str]) -> Html:
    lines = change.with_columns(_EXACT, vendor=pl.col(by).map_elements(label_of, pl.String))
    lines = lines.filter(pl.col("before").is_not_null() | pl.col("after").is_not_null())
    columns = {"vendor": text("Vendor"), "before": spend(names[0])}
    columns |= {name: spend(label) for name, label in _EFFECTS.items()}
    columns |= {"after": spend(names[1]), "change": spend("Change")}
    return table(lines, columns, order=book.currencies, name="bridge", totals=tuple(columns)[1:], below=(_EXPLAINED,))


_DUST = 0.005
_EXACT = [
    pl.when(pl.col(name).abs() < _DUST).then(0.0).otherwise(pl.col(name)).alias(name) for name in (*_EFFECTS, "change")
]
"""What is less than half a cent comes from adding in another order."""
