"""The month so far, where it will end, and the budget it is held against."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.clock import month_start
from truto_usage_nb.costs import Choices
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.format import percent
from truto_usage_nb.plots.figures import Charts, grid, headline, panels, picked, said_instead
from truto_usage_nb.plots.wording import amount, currency_name, day, money_ticks, plain
from truto_usage_nb.questions.daily import money_days, opened
from truto_usage_nb.questions.pacing import GivenBudget, Month, Row, paced_month
from truto_usage_nb.questions.tables import DecimalMark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pace"]

_COST, _BUDGET = "#0072B2", "#D55E00"
_ONE = timedelta(days=1)
_TINY = 0.005


def pace(
    frame: Any,
    budget: GivenBudget = None,
    *,
    now: date | str | None = None,
    currency: str | None = None,
    ax: Axes | None = None,
    decimal: DecimalMark | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw the current month's cost as it adds up, where `tu.pace` expects it to end, and the budget.

    The figures are those of `tu.pace`, which takes a frame or a `UsageResult`, and says what the current month is and
    how the projection comes about: the solid line is what is there, the dashed one ends at the expected cost, the
    band holds four outcomes in five. `budget` is an amount for the month, or one for each currency, such as {"USD":
    150_000}, or a file or frame with `currency` and `amount` (`decimal` as in `tu.pace`). Gives the Axes, or a list
    with one for each currency.

    Raises InputError for one amount where there are several currencies, and what `tu.pace` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period=("2026-11-02", "2026-11-11"))
    >>> tu.plots.pace(usage, 9_000).get_ylabel()
    'cost since 1 Nov, USD'
    """
    native, result = opened(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)  # the month below tells the same
        empty = not money_days(native, None, choices, ()).streams
    if empty:
        return panels([], _nothing, lambda _: 1.6, ax, "no cost is stated")
    if currency is not None and isinstance(budget, int | float | Decimal):
        budget = {currency: budget}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        month = paced_month(native, None, now, choices, result)
        chart = _Chart(month, month.table(budget, decimal), dated=now is not None or result is not None)
    for each in told:
        warnings.warn(each.message, each.category, stacklevel=2)
    return panels(picked(chart.weighed(), currency, ax), chart.draw, lambda _: 3.4, ax, "no cost is stated")


def _nothing(ax: Axes, currency: str) -> None:  # pragma: no cover - no currency, no panel
    said_instead(ax, f"no cost is stated in {currency}")


@dataclass(frozen=True, slots=True)
class _Chart:
    """Hold what every panel draws from; `dated` says that somebody said from which day one looks."""

    month: Month
    table: pl.DataFrame
    dated: bool

    def weighed(self) -> pl.DataFrame:
        """Give each currency a line for every amount there is: the one of the most comes first, as elsewhere."""
        amounts = {
            key[-1]: sum(len(stream.days) + len(stream.spans) for stream in streams)
            for key, streams in self.month.days.streams.items()
        }
        each = pl.col("currency").replace_strict(amounts, default=1)
        return self.table.select(pl.col("currency").repeat_by(each).explode())

    def draw(self, ax: Axes, currency: str) -> None:
        row = self.table.filter(pl.col("currency") == currency).row(0, named=True)
        of = self.month.rows[currency,]
        last = month_start(self.month.first, 1) - _ONE
        until = min(last, self.month.today - _ONE)
        sums = list(accumulate(self._spent(of, until)))
        places = list(range(until.day + 1))
        ax.fill_between(places, [0.0, *sums], color=_COST, alpha=0.12, linewidth=0)
        ax.plot(places, [0.0, *sums], color=_COST, linewidth=2)
        expected = row["projected"] is not None and (until < last or bool(of.coming))
        if expected:
            _expected(ax, (until, sums[-1]), of, row, currency)
        if row["budget"] is not None:
            _budget(ax, row["budget"], row["breaks_on"], until, currency)
        _axes(ax, self.month.first, last.day, currency)
        title = "The month so far" if row["budget"] is None else "The month against its budget"
        if not self.dated and until == last:
            row["settled_to"] = None  # a month that is over says nothing of the day on which it is looked at
        lines = _lines(row, until, last if expected else None, currency)
        if abs(of.ahead) > _TINY:
            lines.append(f"{amount(of.ahead, currency)} is stated for longer than a day and counts from its first")
        headline(ax, title, lines, width=112)

    def _spent(self, of: Row, until: date) -> list[float]:
        """Give the money of each day so far; what is stated for days to come already counts on the last."""
        spent = [0.0] * until.day
        for each, money in of.spent.items():
            spent[min(each, until).day - 1] += money
        return spent


def _expected(ax: Axes, here: tuple[date, float], of: Row, row: Mapping[str, Any], currency: str) -> None:
    """Draw the days to come as they add up to the month's end, and the band that holds four outcomes in five there."""
    until, so_far = here
    last = month_start(row["month"], 1) - _ONE
    steps = [0.0] * (last.day - until.day + 1)
    for each, money in of.coming.items():  # what is still to come of days that are over comes with the next one
        steps[min(max(each.day - until.day, 1), len(steps) - 1)] += money
    places, ends = list(range(until.day, last.day + 1)), [so_far + step for step in accumulate(steps)]
    shares = [place / max(len(steps) - 1, 1) for place in range(len(steps))]
    low, high = (
        [end + share * (row[name] - row["projected"]) for end, share in zip(ends, shares, strict=True)]
        for name in ("low", "high")
    )
    ax.fill_between(places, low, high, color=_COST, alpha=0.18, linewidth=0)
    ax.plot(places, ends, color=_COST, linewidth=2, linestyle=(0, (2, 2)))
    if until == last:  # the days are over, and some of what they cost is still to come
        ax.plot([last.day], [row["projected"]], "o", color=_COST, markersize=4)
        ax.vlines(last.day, row["low"], row["high"], color=_COST, alpha=0.4, linewidth=4)
    above = row["budget"] is not None and row["projected"] > row["budget"]
    ax.annotate(
        plain(amount(row["projected"], currency)), (last.day, row["projected"]), (-4, 9 if above else -9),
        textcoords="offset points", ha="right", va="bottom" if above else "top", fontsize=9, fontweight="bold",
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip


def _budget(ax: Axes, budget: float, breaks_on: date | None, until: date, currency: str) -> None:
    ax.axhline(budget, color=_BUDGET, linewidth=1.4, linestyle=(0, (5, 3)))
    said = f"budget {amount(budget, currency)}"
    if breaks_on is not None:
        said += f", {'passed' if breaks_on <= until else 'expected to break'} on {day(breaks_on)}"
    ax.annotate(plain(said), (0, budget), (6, 4), textcoords="offset points", color=_BUDGET, fontsize=9)
    if breaks_on is not None:
        ax.plot([breaks_on.day], [budget], "o", color=_BUDGET, markersize=6)


def _axes(ax: Axes, month: date, last: int, currency: str) -> None:
    ticks = [1, *range(5, last - 2, 5), last]
    ax.set_xticks(ticks, [day(month.replace(day=n)) for n in ticks])
    ax.set_xlim(0, last + 0.5)
    low, high = ax.get_ylim()
    ax.set_ylim(min(0.0, low), high * 1.06)
    ax.set_xlabel(f"day of {month.year}, UTC", loc="right", fontsize=8)
    ax.set_ylabel(f"cost since {day(month)}, {currency_name(currency)}")
    grid(ax, "y")
    money_ticks(ax.yaxis, currency)


def _lines(row: Mapping[str, Any], until: date, end: date | None, currency: str) -> list[str]:
    so_far = f"{amount(row['to_date'], currency)} by {day(until, year=True)}"
    if budget := row["budget"]:
        so_far += f", {percent(row['to_date'] / budget)} of {amount(budget, currency)}"
    if row["settled_to"] is not None and row["settled_to"] <= until:
        so_far += f"; final up to {day(row['settled_to'])}, later figures may still change"
    if end is None:
        return [so_far]
    low, high = amount(row["low"], currency), amount(row["high"], currency)
    return [so_far, f"{amount(row['projected'], currency)} expected by {day(end)}; four times in five {low} to {high}"]
