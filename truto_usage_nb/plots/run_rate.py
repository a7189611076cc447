"""The month so far against its budget."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.costs import Choices, cost_per
from truto_usage_nb.costs.choices import Measure
from truto_usage_nb.errors import InputError
from truto_usage_nb.format import percent
from truto_usage_nb.plots.figures import Charts, grid, headline, panels, picked, said_instead
from truto_usage_nb.plots.palette import INK
from truto_usage_nb.plots.reading import asked
from truto_usage_nb.plots.wording import amount, currency_name, day, money_ticks, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pace"]

_COST, _BUDGET = "#0072B2", "#D55E00"
Budget = float | Mapping[str, float] | None


def pace(
    frame: Any,
    budget: Budget = None,
    *,
    measure: Measure = "billed",
    currency: str | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw the cost of the frame's last month as it adds up day by day, against its budget.

    `budget` is an amount for the month, or one for each currency, such as {"USD": 150_000}. `measure` and `choices`
    are those of `cost_per`. Gives the Axes, or a list with one for each currency.

    Raises InputError for one amount where the frame has several currencies, and what `cost_per` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-09-14")
    >>> tu.plots.pace(usage, 40_000).get_ylabel()
    'cost since 1 Sep, USD'
    """
    table = asked(cost_per, frame, every="1d", measure=measure, **choices).filter(pl.col("cost").is_not_null())
    shown = picked(table, currency, ax)
    chart = _Month(table, _budgets(budget, shown))
    return panels(shown, chart.draw, lambda _: 3.3, ax, "no cost is stated")


def _budgets(budget: Budget, shown: list[str]) -> dict[str, float]:
    if budget is None:
        return {}
    if isinstance(budget, Mapping):
        return {name: float(each) for name, each in budget.items()}
    if len(shown) > 1:
        raise InputError(
            f"budget={budget!r} is one amount for {', '.join(shown)}; give one for each, such as "
            f"{{{shown[0]!r}: {budget!r}}}, or currency="
        )
    return dict.fromkeys(shown, float(budget))


@dataclass(frozen=True, slots=True)
class _Month:
    """Hold what every panel draws from."""

    table: pl.DataFrame
    budgets: Mapping[str, float]

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self.table.filter(pl.col("currency") == currency).sort("period_start")
        if rows.is_empty():
            return said_instead(ax, f"no cost is stated in {currency}")
        month: datetime = rows["period_start"].to_list()[-1].replace(day=1)
        rows = rows.filter(pl.col("period_start") >= month)
        days = [each.day for each in rows["period_start"]]
        sums = [float(each) for each in rows["cost"].cum_sum()]
        last = monthrange(month.year, month.month)[1]
        ax.fill_between([0, *days], [0.0, *sums], color=_COST, alpha=0.12, step=None, linewidth=0)
        ax.plot([0, *days], [0.0, *sums], color=_COST, linewidth=2, label="cost so far")
        lines = [f"{amount(sums[-1], currency)} by {day(month.replace(day=days[-1]), year=True)}"]
        if (budget := self.budgets.get(currency)) is not None:
            lines = [f"{lines[0]}, {percent(sums[-1] / budget) if budget else '–'} of {amount(budget, currency)}"]
            self._budget(ax, budget, days, sums, currency)
        self._axes(ax, month, last, currency)
        headline(ax, "The month against its budget" if budget is not None else "The month so far", lines)
        return None

    @staticmethod
    def _budget(ax: Axes, budget: float, days: list[int], sums: list[float], currency: str) -> None:
        ax.axhline(budget, color=_BUDGET, linewidth=1.4, linestyle=(0, (5, 3)))
        ax.annotate(
            plain(f"budget {amount(budget, currency)}"), (0, budget), (4, 3), textcoords="offset points", color=_BUDGET,
            fontsize=9,
        )  # fmt: skip
        over = next((n for n, cost in zip(days, sums, strict=True) if cost > budget), None)
        if over is not None:
            ax.plot([over], [budget], "o", color=_BUDGET, markersize=6)

    @staticmethod
    def _axes(ax: Axes, month: datetime, last: int, currency: str) -> None:
        ticks = sorted({1, *range(5, last - 1, 5), last})
        ax.set_xticks(ticks, [day(month.replace(day=n)) for n in ticks])
        ax.set_xlim(0, last + 0.5)
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        ax.margins(y=0.15)
        ax.set_xlabel(f"day, UTC {month.year}", loc="right", fontsize=8)
        ax.set_ylabel(f"cost since {day(month)}, {currency_name(currency)}", color=INK)
        grid(ax, "y")
        money_ticks(ax.yaxis, currency)
