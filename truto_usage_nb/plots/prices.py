"""What a million tokens cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.costs import Choices, cost_per_token
from truto_usage_nb.format import money, percent
from truto_usage_nb.plots.figures import Charts, grid, headline, legend_below, panels, picked, said_instead
from truto_usage_nb.plots.kinds import KIND_COLOURS
from truto_usage_nb.plots.palette import Look, Palette, chosen
from truto_usage_nb.plots.ranking import bar_height, named_rows
from truto_usage_nb.plots.reading import NAME, By, asked, by_rank, check_top, named, top_names
from truto_usage_nb.plots.wording import amount, compact, currency_name, dimension, money_ticks, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["price_per_million"]

_PRICE = "cost_per_million_tokens"
_MARKS = {
    "input": "o", "cache_read": "v", "cache_write": "s", "cache_write_5m": "s", "cache_write_1h": "D", "output": "^",
}  # fmt: skip


def price_per_million(
    frame: Any,
    by: By = "model_id",
    *,
    kind: bool = False,
    top: int = 10,
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw what a million tokens cost: the `top` values by cost, the dearest first.

    Each stands with the share of cache reads, which moves a blended price as much as the rate card does. With
    `kind=True` a mark for each kind of token, where the vendor bills by kind, on an axis in powers of ten. Values
    without a price (tokens nobody billed, money that bought no tokens) are not drawn; the chart says how many tokens
    have none. `choices` are those of `cost_per`. Gives the Axes, or a list with one for each currency.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.plots.price_per_million(usage).get_xlabel()
    'cost per million tokens, USD'
    """
    check_top(top)
    table = named(asked(cost_per_token, frame, by, kind=kind, **choices), by)
    priced = table.filter(pl.col(_PRICE).is_not_null() & pl.col("currency").is_not_null())
    if kind:
        priced = priced.filter(pl.col("kind").is_not_null())
    shown = picked(priced, currency, ax)
    looks = dict(chosen(palette).looks(by_rank(priced, "cost", top, shown), by))
    chart = _Prices(priced, by, kind, top, looks, "" if kind else _unpriced(table), shown[:1])
    empty = "no kind of token has a price of its own" if kind else "no tokens have a price"
    return panels(shown, chart.draw, chart.height, ax, empty)


def _unpriced(table: pl.DataFrame) -> str:
    priced, unpriced = float(table["tokens"].sum()), float(table["unpriced_tokens"].sum())
    if not unpriced:
        return ""
    return f"{percent(priced / (priced + unpriced))} of all tokens have a price; {compact(unpriced)} have none"


@dataclass(frozen=True, slots=True)
class _Prices:
    """Hold what every panel draws from; `unpriced` is said once, on the `first` panel."""

    table: pl.DataFrame
    by: By
    kind: bool
    top: int
    looks: dict[str, Look]
    unpriced: str
    first: Sequence[str]

    def _rows(self, currency: str) -> pl.DataFrame:
        return self.table.filter(pl.col("currency") == currency)

    def height(self, currency: str) -> float:
        return bar_height(min(self._rows(currency)[NAME].n_unique(), self.top)) + (0.55 if self.kind else 0.1)

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self._rows(currency)
        if rows.is_empty():
            return said_instead(ax, f"no tokens have a price in {currency}")
        shown = rows.filter(pl.col(NAME).is_in(top_names(rows, "cost", self.top)))
        (self._kinds if self.kind else self._bars)(ax, shown, currency)
        grid(ax, "x")
        ax.set_xlabel(f"cost per million tokens, {currency_name(currency)}")
        by = f" by {dimension(self.by)}" if self.by is not None else ""
        title = f"Price of a million tokens{by}{' and kind' if self.kind else ''}"
        headline(ax, title, [self._line(rows, shown, currency), self.unpriced if currency in self.first else ""])
        return None

    def _bars(self, ax: Axes, rows: pl.DataFrame, currency: str) -> None:
        rows = rows.sort([_PRICE, NAME], descending=[True, False])
        names = [str(name) for name in rows[NAME]]
        places = named_rows(ax, names if self.by is not None else ["all tokens"])
        for place, name, price, share in zip(places, names, rows[_PRICE], rows["cache_read_share"], strict=True):
            look = self.looks[name]
            drawn = ax.barh(place, price, height=0.72, color=look.colour, hatch=look.hatch, edgecolor="white")
            reads = f"  {percent(share)} cache reads" if share is not None else ""
            ax.bar_label(drawn, [plain(f"{amount(price, currency)}{reads}")], padding=4, fontsize=9)
        left, right = min(0.0, *rows[_PRICE]), max(0.0, *rows[_PRICE])
        ax.set_xlim(left, (right or 1.0) * 1.35)
        money_ticks(ax.xaxis, currency)

    def _kinds(self, ax: Axes, rows: pl.DataFrame, currency: str) -> None:
        dearest = rows.group_by(NAME).agg(pl.col(_PRICE).max()).sort([_PRICE, NAME], descending=[True, False])
        names = [str(name) for name in dearest[NAME]]
        places = dict(zip(names, named_rows(ax, names if self.by is not None else ["all tokens"]), strict=True))
        grid(ax, "y")
        kinds = [each for each in KIND_COLOURS if (rows["kind"] == each).any()]
        drawn = []
        for each in kinds:
            some = rows.filter((pl.col("kind") == each) & (pl.col(_PRICE) > 0))
            drawn += ax.plot(
                some[_PRICE].to_list(), [places[str(name)] for name in some[NAME]], _MARKS[each], markersize=8,
                color=KIND_COLOURS[each], markeredgecolor="white", linestyle="none",
            )  # fmt: skip
        _powers(ax, [float(price) for price in rows[_PRICE] if price > 0], currency)
        legend_below(ax, drawn, [each.replace("_", " ") for each in kinds], columns=6)

    def _line(self, rows: pl.DataFrame, shown: pl.DataFrame, currency: str) -> str:
        paid = float((rows["cost"] - rows["other_cost"]).sum())
        left = rows[NAME].n_unique() - shown[NAME].n_unique()
        more = f"; {left:,} smaller line{'s' if left > 1 else ''} not shown" if left else ""
        if self.kind and (lower := rows.filter(pl.col(_PRICE) <= 0).height):
            more += f"; {lower:,} price{'s' if lower > 1 else ''} of 0 or less not drawn"
        return f"{amount(paid, currency)} for {compact(float(rows['tokens'].sum()))} tokens with a price{more}"


def _powers(ax: Axes, prices: Sequence[float], currency: str) -> None:
    """Set a logarithmic axis from one whole power of ten to another, in words of money."""
    if not prices:
        return
    low, high = math.floor(math.log10(min(prices) * 0.8)), math.ceil(math.log10(max(prices) * 1.25))
    powers = range(low, high + 1)
    ax.set_xscale("log")
    ax.set_xlim(10.0**low, 10.0**high)
    words = [money(10.0**power, currency, digits=max(0, -power)).replace("XXX ", "") for power in powers]
    ax.set_xticks([10.0**power for power in powers], [plain(word) for word in words])
    ax.minorticks_off()
