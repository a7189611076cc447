"""Tokens: what they were, what caching saved, and what a million of them cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.costs import Choices, cost_per_token
from truto_usage_nb.costs import cache_savings as savings_table
from truto_usage_nb.costs import token_mix as mix_table
from truto_usage_nb.costs.choices import By
from truto_usage_nb.format import money, percent
from truto_usage_nb.plots.figures import (
    NAME,
    PALE,
    Charts,
    Look,
    Palette,
    asked,
    bar_height,
    beside_names,
    by_rank,
    check_top,
    grid,
    headline,
    legend_below,
    named_rows,
    one_panel,
    panels,
    picked,
    said_instead,
    top_names,
    with_names,
)
from truto_usage_nb.plots.wording import amount, compact, currency_name, dimension, literal, money_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["cache_savings", "price_per_million", "token_mix"]

_KIND_COLOURS = {
    "input": "#0072B2", "cache_read": "#56B4E9", "cache_write": "#CC79A7", "cache_write_5m": "#CC79A7",
    "cache_write_1h": "#7A3E65", "output": "#E69F00",
}  # fmt: skip
"""A kind of token has one colour in every chart."""
_KINDS = {"input": "fresh input", "cache_read": "cache reads", "cache_write": "cache writes", "output": "output"}
_KNOWN = pl.sum_horizontal(*(f"{kind}_tokens" for kind in _KINDS))
_ROOM = 0.07  # a part smaller than this has no room for its own number


def token_mix(frame: Any, by: By = None, *, top: int = 10, ax: Axes | None = None, **choices: Unpack[Choices]) -> Axes:
    """Draw what the tokens were: fresh input, cache reads, cache writes and output, as shares of each value's tokens.

    The values with the most tokens, `top` of them; beside each stands how many. Tokens have no currency, so this is one
    chart. `choices` are those of `cost_per`. Raises what `tu.token_mix` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.plots.token_mix(usage, "model_id").get_xlabel()
    'share of tokens'
    """
    check_top(top)
    table = with_names(asked(mix_table, frame, by, **choices), by)
    table = table.filter(_KNOWN > 0)
    shown = table.head(top)
    return one_panel(lambda axes: _draw_mix(axes, shown, table, by), bar_height(shown.height) + 0.35, ax)


def _draw_mix(ax: Axes, shown: pl.DataFrame, table: pl.DataFrame, by: By) -> None:
    if shown.is_empty():
        return said_instead(ax, "no tokens are stated by kind")
    names = [str(name) if by is not None else "all tokens" for name in shown[NAME]]
    counts = [compact(count) for count in shown.select(_KNOWN).to_series()]
    places = named_rows(ax, names)
    begun = [0.0] * shown.height
    drawn = []
    for kind, words in _KINDS.items():
        shares = [float(share) for share in shown[f"{kind}_share"]]
        drawn.append(
            ax.barh(places, shares, left=begun, height=0.72, color=_KIND_COLOURS[kind], edgecolor="white", label=words)
        )
        for place, start, share in zip(places, begun, shares, strict=True):
            if share >= _ROOM:
                dark = "white" if kind == "input" else "black"
                ax.text(start + share / 2, place, percent(share), ha="center", va="center", fontsize=8, color=dark)
        begun = [a + b for a, b in zip(begun, shares, strict=True)]
    for place, count in zip(places, counts, strict=True):
        ax.text(1.01, place, count, ha="left", va="center", fontsize=9)
    ax.set_xlim(0, 1.09)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.set_xlabel("share of tokens")
    ax.spines["bottom"].set_visible(False)
    legend_below(ax, drawn, list(_KINDS.values()), columns=4)
    headline(ax, "Token mix" + (f" by {dimension(by)}" if by is not None else ""), [_mix_line(shown, table)])
    return None


def _mix_line(shown: pl.DataFrame, table: pl.DataFrame) -> str:
    read, offered = float(table["cache_read_tokens"].sum()), 0.0
    for kind in ("input", "cache_read", "cache_write"):
        offered += float(table[f"{kind}_tokens"].sum())
    rate = f", {percent(read / offered)} of all input read from a cache" if offered > 0 else ""
    left = table.height - shown.height
    more = f"; {left:,} smaller line{'s' if left > 1 else ''} not shown" if left else ""
    return f"{compact(float(table.select(_KNOWN).to_series().sum()))} tokens{rate}{more}"


def cache_savings(
    frame: Any,
    by: By = "model_id",
    *,
    top: int = 10,
    palette: Palette | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Axes:
    """Draw what input cost at list price with caching, in front of what it would have cost without.

    Our estimate at list prices of the day, in USD, not the vendor's bill; the line under the title says so, names the
    price list, and counts the tokens it does not know. The values with the largest difference, `top` of them.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.plots.cache_savings(usage).get_xlabel()
    'cost of input at list price, USD'
    """
    check_top(top)
    table = with_names(asked(savings_table, frame, by, **choices), by)
    priced = table.filter(pl.col("cost_without_cache").fill_null(0.0) > 0)
    names = [str(name) if by is not None else "all input" for name in priced.head(top)[NAME]]
    looks = beside_names(palette, names, by)
    height = bar_height(min(top, priced.height)) + 0.15
    return one_panel(lambda axes: _draw_savings(axes, priced.head(top), table, by, looks), height, ax)


def _draw_savings(ax: Axes, shown: pl.DataFrame, table: pl.DataFrame, by: By, looks: Mapping[str, Look]) -> None:
    if shown.is_empty():
        return said_instead(ax, "no tokens have a list price")
    names = [str(name) if by is not None else "all input" for name in shown[NAME]]
    places = named_rows(ax, names)
    rows = zip(places, names, shown["cost_without_cache"], shown["cost_with_cache"], strict=True)
    for place, name, without, with_ in rows:
        drawn = ax.barh(place, without, height=0.72, color=PALE, edgecolor="white")
        ax.barh(place, with_, height=0.72, color=looks[name].colour, hatch=looks[name].hatch, edgecolor="white")
        saved = without - with_
        words = "saved" if saved >= 0 else "more with caching"
        share = f" ({percent(saved / without)})" if saved >= 0 else ""
        ax.bar_label(drawn, [literal(f"{money(abs(saved), 'USD')} {words}{share}")], padding=4, fontsize=9)
    ax.margins(x=0.3)
    ax.set_xlim(left=0)
    grid(ax, "x")
    ax.set_xlabel("cost of input at list price, USD")
    money_ticks(ax.xaxis, "USD")
    headline(ax, "What caching saved" + (f" by {dimension(by)}" if by is not None else ""), _savings_lines(table))
    return None


def _savings_lines(table: pl.DataFrame) -> list[str]:
    sums = table.select(pl.col("cost_without_cache", "cache_savings", "unpriced_tokens").sum()).row(0)
    without, saved, unpriced = (float(each or 0) for each in sums)
    source = table["price_source"][0]
    share = f", {percent(saved / without)} of {money(without, 'USD')}" if saved >= 0 and without > 0 else ""
    lines = [f"{money(saved, 'USD')} saved{share} that the same input costs without a cache (grey); "
             f"estimate at list prices, {source}"]  # fmt: skip
    return [*lines, f"{compact(unpriced)} tokens of models without a list price are left out"] if unpriced else lines


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
    table = with_names(asked(cost_per_token, frame, by, kind=kind, **choices), by)
    priced = table.filter(pl.col(_PRICE).is_not_null() & pl.col("currency").is_not_null())
    if kind:
        priced = priced.filter(pl.col("kind").is_not_null())
    shown = picked(priced, currency, ax)
    looks = beside_names(palette, by_rank(priced, "cost", top, shown), by)
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
            ax.bar_label(drawn, [literal(f"{amount(price, currency)}{reads}")], padding=4, fontsize=9)
        left, right = min(0.0, *rows[_PRICE]), max(0.0, *rows[_PRICE])
        ax.set_xlim(left, (right or 1.0) * 1.35)
        money_ticks(ax.xaxis, currency)

    def _kinds(self, ax: Axes, rows: pl.DataFrame, currency: str) -> None:
        dearest = rows.group_by(NAME).agg(pl.col(_PRICE).max()).sort([_PRICE, NAME], descending=[True, False])
        names = [str(name) for name in dearest[NAME]]
        places = dict(zip(names, named_rows(ax, names if self.by is not None else ["all tokens"]), strict=True))
        grid(ax, "y")
        kinds = [each for each in _KIND_COLOURS if (rows["kind"] == each).any()]
        drawn = []
        for each in kinds:
            some = rows.filter((pl.col("kind") == each) & (pl.col(_PRICE) > 0))
            drawn += ax.plot(
                some[_PRICE].to_list(), [places[str(name)] for name in some[NAME]], _MARKS[each], markersize=8,
                color=_KIND_COLOURS[each], markeredgecolor="white", linestyle="none",
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
    ax.set_xticks([10.0**power for power in powers], [literal(word) for word in words])
    ax.minorticks_off()
