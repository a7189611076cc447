"""What was billed against the list price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.costs import Choices, cost_per
from truto_usage_nb.format import percent
from truto_usage_nb.plots.figures import Charts, grid, headline, panels, picked, said_instead
from truto_usage_nb.plots.palette import GREY, PALE, Look, Palette, chosen
from truto_usage_nb.plots.ranking import bar_height, named_rows
from truto_usage_nb.plots.reading import NAME, By, asked, asked_again, by_rank, check_top, named, top_names
from truto_usage_nb.plots.wording import amount, currency_name, dimension, money_ticks, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["billed_against_list"]

_CENT = 0.005


def billed_against_list(
    frame: Any,
    by: By = "model_id",
    *,
    top: int = 10,
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw what was billed in front of the list price: before discounts, and with usage that a plan covers.

    The `top` values by list price, each with what lies between. A vendor that states no discount counts at
    list = billed, as the cost rule has it. `choices` are those of `cost_per`. Gives the Axes, or a list with one for
    each currency.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.plots.billed_against_list(usage).get_xlabel()
    'cost, USD'
    """
    check_top(top)
    billed = asked(cost_per, frame, by, measure="billed", **choices)
    list_ = asked_again(cost_per, frame, by, measure="list", **choices)
    sums = _summed(billed, by, "billed"), _summed(list_, by, "list")
    table = sums[0].join(sums[1], on=[NAME, "currency"], how="full", coalesce=True, nulls_equal=True)
    table = table.with_columns(pl.col("billed", "list").fill_null(0.0)).sort(NAME, "currency")
    shown = picked(table, currency, ax)
    looks = dict(chosen(palette).looks(by_rank(table, "list", top, shown), by))
    chart = _Against(table, by, top, looks)
    return panels(shown, chart.draw, chart.height, ax, "no cost is stated")


def _summed(table: pl.DataFrame, by: By, name: str) -> pl.DataFrame:
    stated = named(table.filter(pl.col("cost").is_not_null()), by)
    return stated.group_by(NAME, "currency").agg(pl.col("cost").sum().alias(name))


@dataclass(frozen=True, slots=True)
class _Against:
    """Hold what every panel draws from."""

    table: pl.DataFrame
    by: By
    top: int
    looks: dict[str, Look]

    def height(self, currency: str) -> float:
        return bar_height(min(self.table.filter(pl.col("currency") == currency).height, self.top)) + 0.1

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self.table.filter(pl.col("currency") == currency)
        if rows.is_empty():
            return said_instead(ax, f"no cost is stated in {currency}")
        shown = rows.filter(pl.col(NAME).is_in(top_names(rows, "list", self.top)))
        shown = shown.sort(["list", NAME], descending=[True, False])
        names = [str(name) for name in shown[NAME]]
        places = named_rows(ax, names if self.by is not None else ["all cost"])
        for place, name, billed, list_ in zip(places, names, shown["billed"], shown["list"], strict=True):
            look = self.looks[name]
            ax.barh(place, list_, height=0.72, color=PALE, edgecolor="white")
            ax.barh(place, billed, height=0.72, color=look.colour, hatch=look.hatch, edgecolor="white")
            ax.annotate(
                plain(_between(billed, list_, currency)), (max(billed, list_, 0.0), place), (4, 0),
                textcoords="offset points", va="center", fontsize=9,
            )  # fmt: skip
        amounts = [*shown["billed"], *shown["list"]]
        ax.set_xlim(min(0.0, *amounts), (max(0.0, *amounts) or 1.0) * 1.42)
        ax.axvline(0, color=GREY, linewidth=0.8)
        grid(ax, "x")
        ax.set_xlabel(f"cost, {currency_name(currency)}")
        money_ticks(ax.xaxis, currency)
        by = f" by {dimension(self.by)}" if self.by is not None else ""
        headline(ax, f"Billed against list price{by}", [_line(rows, shown.height, currency)])
        return None


def _line(rows: pl.DataFrame, shown: int, currency: str) -> str:
    billed, list_ = float(rows["billed"].sum()), float(rows["list"].sum())
    left = f"; {rows.height - shown:,} smaller not shown" if rows.height > shown else ""
    lower = f", {percent((list_ - billed) / list_)} below" if list_ - billed > _CENT and list_ > 0 else ""
    return f"{amount(billed, currency)} billed of {amount(list_, currency)} at list price (grey){lower}{left}"


def _between(billed: float, list_: float, currency: str) -> str:
    if abs(list_ - billed) < _CENT:
        return f"{amount(billed, currency)}, at list"
    if list_ < billed or list_ <= 0:
        return f"{amount(billed, currency)} for {amount(list_, currency)}"
    return f"{amount(billed, currency)} of {amount(list_, currency)}, {percent((list_ - billed) / list_)} below"
