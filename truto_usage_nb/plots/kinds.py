"""What the tokens were, and what caching saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.costs import Choices
from truto_usage_nb.costs import cache_savings as savings_table
from truto_usage_nb.costs import token_mix as mix_table
from truto_usage_nb.format import money, percent
from truto_usage_nb.plots.figures import grid, headline, legend_below, one_panel, said_instead
from truto_usage_nb.plots.palette import PALE, Palette, chosen
from truto_usage_nb.plots.ranking import bar_height, named_rows
from truto_usage_nb.plots.reading import NAME, By, asked, check_top, named
from truto_usage_nb.plots.wording import compact, dimension, money_ticks, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["KIND_COLOURS", "cache_savings", "token_mix"]

KIND_COLOURS = {
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
    table = named(asked(mix_table, frame, by, **choices), by)
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
            ax.barh(places, shares, left=begun, height=0.72, color=KIND_COLOURS[kind], edgecolor="white", label=words)
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
    table = named(asked(savings_table, frame, by, **choices), by)
    priced = table.filter(pl.col("cost_without_cache").fill_null(0.0) > 0)
    looks = chosen(palette)
    height = bar_height(min(top, priced.height)) + 0.15
    return one_panel(lambda axes: _draw_savings(axes, priced.head(top), table, by, looks), height, ax)


def _draw_savings(ax: Axes, shown: pl.DataFrame, table: pl.DataFrame, by: By, palette: Palette) -> None:
    if shown.is_empty():
        return said_instead(ax, "no tokens have a list price")
    names = [str(name) if by is not None else "all input" for name in shown[NAME]]
    looks = palette.looks(names, by)
    places = named_rows(ax, names)
    rows = zip(places, names, shown["cost_without_cache"], shown["cost_with_cache"], strict=True)
    for place, name, without, with_ in rows:
        drawn = ax.barh(place, without, height=0.72, color=PALE, edgecolor="white")
        ax.barh(place, with_, height=0.72, color=looks[name].colour, hatch=looks[name].hatch, edgecolor="white")
        saved = without - with_
        words = "saved" if saved >= 0 else "more with caching"
        share = f" ({percent(saved / without)})" if saved >= 0 else ""
        ax.bar_label(drawn, [plain(f"{money(abs(saved), 'USD')} {words}{share}")], padding=4, fontsize=9)
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
