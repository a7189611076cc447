"""A chart as markup in the colours of the front end's theme. Drawn without pyplot, so that any thread may."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from truto_usage_nb.format import escape
from truto_usage_nb.plots.figures import INK, RULE, SOFT

if TYPE_CHECKING:
    import polars as pl

__all__ = ["bars", "currencies", "over_time"]

_WIDTH = 7.2  # inches
_THEME = {
    "#000000": "var(--tu-ink)", INK: "var(--tu-ink)", SOFT: "var(--tu-quiet)", RULE: "var(--tu-line)",
    "#EAEEF2": "var(--tu-rule)", "#FFFFFF": "var(--tu-paper)",
}  # fmt: skip
_THEME_OF = {key.lower(): value for key, value in _THEME.items()}
_COLOUR = re.compile("|".join(map(re.escape, _THEME_OF)), re.IGNORECASE)
_SHEET = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)


def currencies(table: pl.DataFrame) -> list[str]:
    """Give the currencies in which a table states a cost that is not nothing, in the table's order."""
    stated = table.filter((table["cost"].fill_null(0.0) != 0) & table["currency"].is_not_null())
    return list(stated["currency"].unique(maintain_order=True))


def bars(frame: Any, by: Any, table: pl.DataFrame, *, top: int, ready: bool = False, **options: Any) -> str:
    """Draw the cost of each value as ranked bars, a chart a currency; `table` is the cost table of the same.

    `ready` says that the table is just what the chart would ask of the frame, so that it is not asked again.
    """
    from truto_usage_nb.plots import cost_bars
    from truto_usage_nb.plots.bars import bars_of
    from truto_usage_nb.plots.figures import bar_height

    drawn = []
    for currency in currencies(table):
        count = table.filter(table["currency"] == currency).height
        axes = _axes(bar_height(min(count, top + 1)))
        if ready:
            bars_of(table, by, top=top, currency=currency, ax=axes, **options)
        else:
            cost_bars(frame, by, top=top, currency=currency, ax=axes, **options)
        drawn.append(_svg(axes, f"cost by {_names(by)}, {currency}"))
    return "".join(drawn)


def over_time(frame: Any, by: Any, table: pl.DataFrame, *, top: int, ready: bool = False, **options: Any) -> str:
    """Draw cost over time, stacked, a chart a currency; `ready` as in `bars`."""
    from truto_usage_nb.plots import cost_over_time
    from truto_usage_nb.plots.over_time import over_time_of

    drawn = []
    for currency in currencies(table):
        axes = _axes(4.1)
        if ready:
            over_time_of(table, frame, by, top=top, currency=currency, ax=axes, **options)
        else:
            cost_over_time(frame, by, top=top, currency=currency, ax=axes, **options)
        drawn.append(_svg(axes, f"cost over time by {_names(by)}, {currency}"))
    return "".join(drawn)


def _names(by: str | Iterable[str] | None) -> str:
    return by if isinstance(by, str) else ", ".join(by or ("currency",))


def _axes(height: float) -> Any:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(_WIDTH, height), layout="constrained").add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(RULE)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", colors=RULE, labelcolor=SOFT, labelsize=9)
    axes.tick_params(axis="y", colors=RULE, labelcolor=INK, labelsize=9)
    axes.xaxis.label.set_color(SOFT)
    axes.yaxis.label.set_color(SOFT)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    return axes


def _svg(axes: Any, name: str) -> str:
    """Write a figure as inline SVG whose ink and paper are the theme's."""
    held = io.StringIO()
    axes.figure.savefig(held, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    text = held.getvalue()
    text = _SHEET.sub("", text[text.index("<svg") :])  # its style sheet would reach beyond the picture
    text = _COLOUR.sub(lambda found: _THEME_OF[found[0].lower()], text)
    named = f'<svg role="img" aria-label="{escape(name)}"'
    return f'<div class="tu-chart">{text.replace("<svg", named, 1)}</div>'
