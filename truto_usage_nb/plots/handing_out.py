"""Who pays: what each target of an allocation comes to, and what that is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from truto_usage_nb.checks import a_mapping
from truto_usage_nb.format import percent
from truto_usage_nb.native import enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.figures import Charts, grid, headline, legend_below, panels, picked, said_instead
from truto_usage_nb.plots.palette import GREY, INK, Look, Palette, chosen
from truto_usage_nb.plots.ranking import bar_height, named_rows
from truto_usage_nb.plots.reading import check_top, table_of
from truto_usage_nb.plots.wording import amount, currency_name, money_ticks, plain
from truto_usage_nb.questions.tables import amount_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["allocation"]

UNALLOCATED = "(unallocated)"
_PARTS = {
    "direct_cost": "placed by a rule",
    "shared_cost": "from a shared pool",
    "purchased_cost": "seats and purchases",
}
_NEEDED = ("target", "currency", "cost", *_PARTS)


def allocation(
    allocated: Any,
    *,
    budgets: Mapping[str, float] | None = None,
    top: int = 15,
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
) -> Charts:
    """Draw what each target of a table of `tu.allocate` pays: a bar of what a rule placed, a pool gave and was bought.

    What no rule reached is the last bar, in grey, and a pool that was handed out is written as handed out. `budgets`
    puts a mark on the bar of each target that has one. The bars add up to what the line under the title says. Gives
    the Axes, or a list with one for each currency. Raises FrameError for a table that is no allocation.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-10-05")
    >>> made = tu.allocate(usage, [{"to": "platform", "match": {"account": "confluent"}}])
    >>> tu.plots.allocation(made).get_title(loc="left")
    'Who pays'
    """
    check_top(top)
    require(enter(allocated), _NEEDED, "A chart of an allocation (of a table that allocate makes)")
    marks = a_mapping("budgets", budgets, "{'mobile': 9000}")
    table = table_of(allocated).filter(pl.col("cost").is_not_null())
    table = table.group_by("target", "currency").agg(pl.col("cost", *_PARTS).sum())
    limits = {str(name): amount_given(f"budgets[{shown(name)}]", value) for name, value in marks.items()}
    looks = dict(chosen(palette).looks(_PARTS.values(), "part of a cost"))
    bars = _Bars(table, top, looks, limits)
    return panels(picked(table, currency, ax), bars.draw, bars.height, ax, "nothing was allocated")


@dataclass(frozen=True, slots=True)
class _Bars:
    """Hold what every panel draws from."""

    table: pl.DataFrame
    top: int
    looks: Mapping[str, Look]
    budgets: Mapping[str, float]

    def height(self, currency: str) -> float:
        return bar_height(min(self._rows(currency).height, self.top + 2)) + 0.45

    def _rows(self, currency: str) -> pl.DataFrame:
        """The targets by cost, those that are small as one, and last what nobody pays."""
        own = self.table.filter(pl.col("currency") == currency)
        named = own.filter(pl.col("target").is_not_null()).sort("cost", "target", descending=[True, False])
        kept, rest = named.head(self.top), named.slice(self.top)
        if rest.height:
            name = pl.lit(f"all other ({rest.height})").alias("target")
            kept = pl.concat([kept, rest.select(name, "currency", pl.col("cost", *_PARTS).sum()).head(1)])
        return pl.concat([kept, own.filter(pl.col("target").is_null())]).with_columns(
            pl.col("target").fill_null(UNALLOCATED)
        )

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self._rows(currency)
        if rows.is_empty():
            return said_instead(ax, f"nothing was allocated in {currency}")
        places = named_rows(ax, rows["target"].to_list())
        handles: dict[str, Any] = {}
        total = float(rows["cost"].sum())
        for place, row in zip(places, rows.iter_rows(named=True), strict=True):
            self._bar(ax, place, row, handles)
            marked = self._said(ax, place, row, total, currency)
            handles |= {"budget": marked} if marked is not None else {}
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.margins(x=0.22)
        if (rows["cost"] >= 0).all():
            ax.set_xlim(left=0)
        grid(ax, "x")
        ax.set_xlabel(f"cost after credits and tax, {currency_name(currency)}")
        money_ticks(ax.xaxis, currency)
        legend_below(ax, list(handles.values()), list(handles))
        missed = float(rows.filter(pl.col("target") == UNALLOCATED)["cost"].sum())
        reached = f", {percent(1 - missed / total)} of it allocated" if 0 <= missed <= total and total > 0 else ""
        headline(ax, "Who pays", [f"{amount(total, currency)} after credits and tax{reached}"])
        return None

    def _bar(self, ax: Axes, place: float, row: Mapping[str, Any], handles: dict[str, Any]) -> None:
        """Put the parts behind each other; of a pool that was handed out nothing is left to draw."""
        begun = {True: 0.0, False: 0.0}
        parts = {part: float(row[part]) for part in _PARTS}
        if row["shared_cost"] < 0:  # a pool: what is left of it is all there is to see
            parts = {"direct_cost": float(row["cost"])}
        for part, value in parts.items():
            if abs(value) < 0.005:
                continue
            look, words = self.looks[_PARTS[part]], _PARTS[part]
            colour = GREY if row["target"] == UNALLOCATED else look.colour
            drawn = ax.barh(place, value, left=begun[value > 0], height=0.72, color=colour, hatch=look.hatch,
                            edgecolor="white")  # fmt: skip
            begun[value > 0] += value
            if row["target"] == UNALLOCATED:
                handles["no rule reached it"] = drawn
            else:
                handles.setdefault(words, drawn)

    def _said(self, ax: Axes, place: float, row: Mapping[str, Any], total: float, currency: str) -> Any:
        """Write what a bar comes to, and mark its budget; gives the mark."""
        cost = float(row["cost"])
        said = f"{amount(cost, currency)}"
        said += f"  {percent(cost / total)}" if total > 0 and cost >= 0 else ""
        if row["shared_cost"] < 0:
            said = f"{amount(cost, currency)}  ({amount(-float(row['shared_cost']), currency)} handed out)"
        at = max(cost, 0.0)
        budget, marked = self.budgets.get(row["target"]), None
        if budget is not None:
            (marked,) = ax.plot([budget, budget], [place - 0.42, place + 0.42], color=INK, linewidth=1.6)
            said += f"  of {amount(budget, currency)}"
            at = max(at, budget)
        ax.annotate(plain(said), (at, place), (4, 0), textcoords="offset points", va="center", fontsize=9)
        return marked
