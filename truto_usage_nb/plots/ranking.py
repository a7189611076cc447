"""Cost as ranked bars, each with its share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.costs import Choices, cost_per
from truto_usage_nb.costs.choices import Measure
from truto_usage_nb.format import percent
from truto_usage_nb.plots.figures import Charts, grid, headline, panels, picked, said_instead
from truto_usage_nb.plots.palette import GREY, Look, Palette, chosen
from truto_usage_nb.plots.reading import NAME, By, asked, by_rank, check_top, named, top_names
from truto_usage_nb.plots.wording import (
    MEASURE_WORDS,
    OTHER,
    amount,
    currency_name,
    dimension,
    label,
    money_ticks,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bar_height", "cost_bars", "named_rows"]


def cost_bars(
    frame: Any,
    by: By,
    *,
    top: int = 10,
    measure: Measure = "billed",
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw cost as ranked bars, the `top` largest values and all others as one, with the share of the whole.

    The bars add up to what the line under the title says. Shares are left out where refunds make the whole 0 or less.
    `measure` and `choices` are those of `cost_per`. Gives the Axes, or a list with one for each currency.

    Raises InputError for several currencies on one `ax`, and what `cost_per` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-09-14")
    >>> tu.plots.cost_bars(usage, "product_name").get_title(loc="left")
    'Cost by product'
    """
    check_top(top)
    table = asked(cost_per, frame, by, measure=measure, **choices)
    return bars_of(table, by, top=top, measure=measure, currency=currency, palette=palette, ax=ax)


def bars_of(
    table: pl.DataFrame,
    by: By,
    *,
    top: int,
    measure: Measure,
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
) -> Charts:
    """Draw the bars of a cost table that stands ready."""
    table = named(table.filter(pl.col("cost").is_not_null()), by)
    shown = picked(table, currency, ax)
    looks = dict(chosen(palette).looks(by_rank(table, "cost", top, shown), by))
    bars = _Bars(table, by, top, measure, looks)
    return panels(shown, bars.draw, bars.height, ax, "no cost is stated")


def bar_height(count: int) -> float:
    """Give the inches that a panel of so many rows needs."""
    return 1.15 + 0.27 * max(1, count)


def named_rows(ax: Axes, names: Sequence[str]) -> list[float]:
    """Give each name a row, the first at the top, and write it beside its row."""
    places = [float(-n) for n in range(len(names))]
    ax.set_yticks(places, [label(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(places[-1] - 0.6, 0.6)
    ax.spines["left"].set_visible(False)
    return places


@dataclass(frozen=True, slots=True)
class _Bars:
    """Hold what every panel draws from."""

    table: pl.DataFrame
    by: By
    top: int
    measure: Measure
    looks: dict[str, Look]

    def height(self, currency: str) -> float:
        count = self.table.filter(pl.col("currency") == currency)[NAME].n_unique()
        return bar_height(min(count, self.top + 1))

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self.table.filter(pl.col("currency") == currency)
        if rows.is_empty():
            return said_instead(ax, f"no cost is stated in {currency}")
        sums = dict(rows.group_by(NAME).agg(pl.col("cost").sum()).iter_rows())
        names = top_names(rows, "cost", self.top)
        names.sort(key=lambda name: (-sums[name], name))
        left = [cost for name, cost in sums.items() if name not in names]
        shown = [(name, name, float(sums[name])) for name in names]
        if left:
            shown.append((f"all other ({len(left):,})", OTHER, float(sum(left))))
        self._bars(ax, shown, currency)
        total = sum(cost for _, _, cost in shown)
        headline(ax, f"Cost by {dimension(self.by)}", [f"{amount(total, currency)} {MEASURE_WORDS[self.measure]}"])
        return None

    def _bars(self, ax: Axes, shown: Sequence[tuple[str, str, float]], currency: str) -> None:
        total = sum(cost for _, _, cost in shown)
        places = named_rows(ax, [name for name, _, _ in shown])
        for place, (_, key, cost) in zip(places, shown, strict=True):
            drawn = ax.barh(
                place, cost, height=0.72, color=self.looks[key].colour, hatch=self.looks[key].hatch, edgecolor="white"
            )
            share = f"  {percent(cost / total)}" if total > 0 and cost >= 0 else ""
            ax.bar_label(drawn, [plain(f"{amount(cost, currency)}{share}")], padding=4, fontsize=9)
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.margins(x=0.2)
        if all(cost >= 0 for _, _, cost in shown):
            ax.set_xlim(left=0)
        grid(ax, "x")
        ax.set_xlabel(f"cost, {currency_name(currency)}")
        money_ticks(ax.xaxis, currency)
