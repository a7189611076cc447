"""The bridge from the period before: how much of the change is volume, rate, mix, what is new and what is gone."""

from __future__ import annotations

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.planning import Period
from truto_usage_nb.questions import cost_change
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.book import UNSTATED, Book, label_of, span_name
from truto_usage_nb.reports.parts.markup import Html, note, notes
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


def bridge(book: Book, by: str = "integration") -> Html:
    """Show the change from the period before, taken apart so that it adds up; say why where it cannot be."""
    every = _grain(book.period)
    both = book.asked.both_without(book.one_sided)
    if both is None:
        return note("The snapshot does not hold the period before, so there is nothing to compare with.")
    if every is None:
        return note("A bridge compares whole months or single days; this period is neither.")
    left_out = notes(uncompared_told(book))
    if both.original.is_empty() or book.plain.is_empty() or (book.before is not None and book.before.is_empty()):
        return note("No account has records of both periods, so there is nothing to compare.") + left_out
    start = period_before(book.period).start
    change = book.hear(
        lambda: cost_change(both, by, every=every, before=f"{start:%Y-%m-%d}", after=f"{book.period.start:%Y-%m-%d}"),
        of=book.reach,
    )
    names = (span_name(period_before(book.period)), span_name(book.period))
    caption = f"From {names[0]} to {names[1]}: what moved the cost"
    shown = change.filter(pl.col("currency").is_not_null())
    chart = drawn(book, plots.bridge, shown.filter(pl.col("currency") != UNSTATED), of=shown, caption=caption)
    return chart + _table(book, shown, by, names) + left_out


def _grain(span: Period) -> str | None:
    if span == Period.parse(f"{span.start:%Y-%m}"):
        return "1mo"
    return "1d" if span == Period.parse(f"{span.start:%Y-%m-%d}") else None


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
