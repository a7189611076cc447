"""Seats that are used, and seats that are only paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from truto_usage_nb.format import money
from truto_usage_nb.native import enter, require
from truto_usage_nb.plots.figures import headline, legend_below, one_panel, said_instead
from truto_usage_nb.plots.palette import INK, Look, Palette, chosen
from truto_usage_nb.plots.ranking import bar_height, named_rows
from truto_usage_nb.plots.reading import table_of
from truto_usage_nb.plots.wording import label, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

__all__ = ["seats"]

_UNUSED = ("idle", "never seen")
_BESIDE = "seen, not on the roster"
"""The status of people who are no seats."""
_NEEDED = ("integration", "status", "idle_cost", "currency")


def seats(table: Any, *, roster: bool = True, palette: Palette | None = None, ax: Axes | None = None) -> Axes:
    """Draw how many seats of each vendor are in which status, from a table of `tu.seats`, and what the idle ones cost.

    A bar holds the seats of the roster; how many people were seen beside it is a number of its own, written and not
    drawn. `roster=False` says that the table was made without one: then the bars are people seen, and called so.
    Counts have no currency, so this is one chart; the money beside a bar is written in each currency that it has.
    Raises FrameError for a table that lacks what is drawn.
    """
    require(enter(table), _NEEDED, "A chart of seats (of a table that seats makes)")
    rows = table_of(table).select(pl.col("integration", "status").fill_null("unknown"), "idle_cost", "currency")
    what = "seat" if roster else "person seen"
    counts = rows.filter(pl.col("status") != _BESIDE).group_by("integration", "status").len()
    statuses = sorted(counts["status"].unique(), key=lambda status: (status != "active", status))
    looks = chosen(palette).looks(statuses, "status")
    height = bar_height(rows["integration"].n_unique()) + 0.4
    drawn = {each: looks[each] for each in statuses}
    return one_panel(lambda axes: _draw(axes, rows, counts, drawn, what), height, ax)


def _draw(ax: Axes, rows: pl.DataFrame, counts: pl.DataFrame, looks: Mapping[str, Look], what: str) -> None:
    from matplotlib.ticker import MaxNLocator

    if rows.is_empty():
        return said_instead(ax, "no seats are known")
    totals = dict.fromkeys(rows["integration"].unique(), 0)
    totals |= dict(counts.group_by("integration").agg(pl.col("len").sum()).iter_rows())
    names = sorted(totals, key=lambda name: (-totals[name], name))
    places = named_rows(ax, names)
    begun, drawn = [0] * len(names), []
    for status, look in looks.items():
        found = dict(counts.filter(pl.col("status") == status).select("integration", "len").iter_rows())
        widths = [found.get(name, 0) for name in names]
        drawn.append(ax.barh(places, widths, left=begun, height=0.72, color=look.colour, hatch=look.hatch,
                             edgecolor="white"))  # fmt: skip
        for place, start, width in zip(places, begun, widths, strict=True):
            if width:
                _count(ax, start + width / 2, place, width)
        begun = [a + b for a, b in zip(begun, widths, strict=True)]
    for place, name in zip(places, names, strict=True):
        said = _beside(rows.filter(pl.col("integration") == name), what)
        ax.annotate(plain(said), (totals[name], place), (5, 0),
                    textcoords="offset points", va="center", fontsize=9)  # fmt: skip
    ax.set_xlim(0, (max(totals.values()) or 1) * 1.5)
    ax.set_xlabel("seats" if what == "seat" else "people seen")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(ax, drawn, [label(status) for status in looks], columns=4)
    count = sum(totals.values())
    title = "Seats by vendor and use" if what == "seat" else "People seen by vendor and use"
    headline(ax, title, [f"{count:,} {_plural(what, count)}; {_beside(rows, what)}"])
    return None


def _plural(what: str, count: int) -> str:
    if what == "seat":
        return "seat" if count == 1 else "seats"
    return "person seen" if count == 1 else "people seen"


def _beside(rows: pl.DataFrame, what: str) -> str:
    """What idle seats cost, and how many people were seen who have none."""
    count = rows.filter(pl.col("status") == _BESIDE).height
    seats_ = rows.filter(pl.col("status") != _BESIDE)
    idle = (
        _idle(seats_) if what == "seat" else f"{seats_.filter(pl.col('status').is_in(_UNUSED)).height:,} of them idle"
    )
    if not count:
        return idle
    people = f"{count:,} {_plural('person seen', count)} beside the roster"
    return f"{idle}; {people}" if seats_.height else people


def _count(ax: Axes, x: float, y: float, count: int) -> None:
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
    ax.text(x, y, f"{count:,}", ha="center", va="center", fontsize=8, color=INK, bbox=box)


def _idle(rows: pl.DataFrame) -> str:
    costs = rows.filter(pl.col("idle_cost").fill_null(0.0) > 0).group_by("currency").agg(pl.col("idle_cost").sum())
    amounts = [money(cost, currency) for currency, cost in costs.sort("currency", nulls_last=True).iter_rows()]
    if amounts:
        return f"{' and '.join(amounts)} for idle seats"
    unpriced = rows.filter(pl.col("status").is_in(_UNUSED) & pl.col("idle_cost").is_null()).height
    return "price of idle seats not known" if unpriced else "none idle"
