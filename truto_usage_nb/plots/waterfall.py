"""The bridge from one period's cost to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from truto_usage_nb.checks import one_of, texts
from truto_usage_nb.errors import InputError
from truto_usage_nb.native import enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.figures import Charts, grid, headline, panels, picked, said_instead
from truto_usage_nb.plots.palette import GREY, SOFT
from truto_usage_nb.plots.ranking import bar_height, named_rows
from truto_usage_nb.plots.reading import NAME, check_top, named, table_of, top_names
from truto_usage_nb.plots.wording import amount, currency_name, day, dimension, money_ticks, plain, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bridge"]

_MORE, _LESS, _LEVEL = "#D55E00", "#0072B2", SOFT
_EFFECTS = {
    "volume": "volume: more or less used", "rate": "rate: prices", "mix": "mix: dearer or cheaper kinds", "new": "new",
    "gone": "gone",
}  # fmt: skip
_OTHER_COLUMNS = ("currency", "before_start", "after_start", "before", "after", "change", *_EFFECTS)
_STEPS = ("effects", "values")
_TINY = 0.005


def bridge(
    change: Any,
    *,
    top: int = 8,
    steps: Literal["effects", "values"] = "effects",
    names: tuple[str, str] | None = None,
    currency: str | None = None,
    ax: Axes | None = None,
) -> Charts:
    """Draw the way from the cost before to the cost after, from a table of `cost_change`.

    `steps="effects"`: a step each for volume, rate, mix, what is new and what is gone. `steps="values"`: a step for
    each of the `top` values that moved the most, and one for all others. The steps always add up: what the effects
    leave unexplained stands as a step of its own. `names` are what the two sides are called, their days when left out.
    The axis begins above 0 where the steps would otherwise be too small to see, and says so. Gives the Axes, or a list
    with one for each currency.

    Raises FrameError for a table that `cost_change` did not make, InputError for several currencies on one `ax`.
    """
    check_top(top)
    one_of("steps", steps, _STEPS)
    if names is not None and len(texts("names", names, "what the two sides are called")) != 2:
        raise InputError(f"names={shown(names)} are not two; give what the two sides are called.")
    native = enter(change)
    require(native, _OTHER_COLUMNS, "A bridge (of a table that cost_change makes)")
    table = table_of(change)
    chart = _Bridge(table, tuple(c for c in table.columns if c not in _NOT_DIMENSIONS), top, steps, names)
    return panels(picked(table, currency, ax), chart.draw, chart.height, ax, "no cost to compare")


_NOT_DIMENSIONS = {*_OTHER_COLUMNS, "before_tokens", "after_tokens", "before_end", "after_end"}


@dataclass(frozen=True, slots=True)
class _Bridge:
    """Hold what every panel draws from."""

    table: pl.DataFrame
    by: tuple[str, ...]
    top: int
    steps: str
    names: tuple[str, str] | None

    def height(self, currency: str) -> float:
        return bar_height(len(self._moves(self._rows(currency))) + 2)

    def _rows(self, currency: str) -> pl.DataFrame:
        return self.table.filter(pl.col("currency") == currency)

    def _moves(self, rows: pl.DataFrame) -> list[tuple[str, float]]:
        """Give the steps between the two levels; they add up to the change."""
        whole = _total(rows, "after") - _total(rows, "before")
        if self.steps == "effects":
            moves = [(words, _total(rows, effect)) for effect, words in _EFFECTS.items()]
        else:
            seen = named(rows, self.by).with_columns(
                moved=pl.col("after").fill_null(0.0) - pl.col("before").fill_null(0.0)
            )
            sums = dict(seen.group_by(NAME).agg(pl.col("moved").sum()).iter_rows())
            moves = [(name, float(sums[name])) for name in top_names(seen, "moved", self.top)]
            moves.sort(key=lambda move: (-move[1], move[0]))
        moves = [(name, move) for name, move in moves if abs(move) > _TINY]
        left = whole - sum(move for _, move in moves)
        rest = "not explained" if self.steps == "effects" else "all others"
        return [*moves, (rest, left)] if abs(left) > _TINY else moves

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self._rows(currency)
        if rows.is_empty():
            return said_instead(ax, f"no cost to compare in {currency}")
        before, after = _total(rows, "before"), _total(rows, "after")
        moves = self._moves(rows)
        first, last = self.names or (_side(rows, "before"), _side(rows, "after"))
        places = named_rows(ax, [first, *(name for name, _ in moves), last])
        edge = self._steps(ax, places, before, moves, currency)
        self._levels(ax, places, (before, after), edge, currency)
        by = f" by {dimension(self.by)}" if self.by and self.steps == "values" else ""
        headline(ax, f"What changed the cost{by}", [_line(before, after, currency)])
        return None

    @staticmethod
    def _steps(
        ax: Axes, places: Sequence[float], before: float, moves: Sequence[tuple[str, float]], currency: str
    ) -> float:
        """Draw the steps; give where the axis begins."""
        level, levels = before, [before]
        for place, (_, move) in zip(places[1:], moves, strict=False):
            ax.barh(place, move, left=level, height=0.66, color=_MORE if move > 0 else _LESS)
            ax.plot([level, level], [place + 1.33, place - 0.33], color=GREY, linewidth=0.8)
            sign = "+" if move > 0 else ""
            ax.annotate(
                plain(f"{sign}{amount(move, currency)}"), (max(level, level + move), place), (4, 0),
                textcoords="offset points", va="center", fontsize=9,
            )  # fmt: skip
            level += move
            levels.append(level)
        ax.plot([level, level], [places[-1] + 1.33, places[-1] - 0.33], color=GREY, linewidth=0.8)
        return _edge(levels)

    @staticmethod
    def _levels(ax: Axes, places: Sequence[float], levels: tuple[float, float], edge: float, currency: str) -> None:
        for place, cost in zip((places[0], places[-1]), levels, strict=True):
            ax.barh(place, cost - edge, left=edge, height=0.66, color=_LEVEL)
            ax.annotate(
                plain(amount(cost, currency)), (max(cost, edge), place), (4, 0), textcoords="offset points",
                va="center", fontsize=9, fontweight="bold",
            )  # fmt: skip
        low, high = ax.get_xlim()
        right = max(high, *levels)
        left = edge if edge > 0 else min(0.0, low)
        ax.set_xlim(left, right + 0.16 * (right - left or 1.0))
        begins = f" (axis begins at {amount(edge, currency)})" if edge > 0 else ""
        ax.set_xlabel(plain(f"cost, {currency_name(currency)}{begins}"))
        grid(ax, "x")
        money_ticks(ax.xaxis, currency)


def _side(rows: pl.DataFrame, which: str) -> str:
    """Name the days of a side: a whole month, quarter or year by its name, else by its first day and its last."""
    start, end = (
        next(iter(rows[name].drop_nulls().sort()), None) if name in rows.columns else None
        for name in (f"{which}_start", f"{which}_end")
    )
    if start is None:
        return which
    return span(start, end) if end is not None else f"from {day(start, year=True)}"


def _total(rows: pl.DataFrame, column: str) -> float:
    return float(rows[column].fill_null(0.0).sum())


def _edge(levels: Sequence[float]) -> float:
    """Begin the axis at a round number where all levels lie in its upper part, else at 0."""
    low, high = min(levels), max(levels)
    if low <= 0 or high - low > 0.35 * high:
        return 0.0
    room = max(high - low, 0.02 * high)
    unit = 10.0 ** math.floor(math.log10(room))
    return max(0.0, math.floor((low - room) / unit) * unit)


def _line(before: float, after: float, currency: str) -> str:
    change = after - before
    if before <= 0:
        return f"{amount(before, currency)} before, {amount(after, currency)} after"
    moved = f"{amount(abs(change), currency)} {'more' if change >= 0 else 'less'}"
    share = f"{abs(change) / before * 100:.1f} %"
    return f"{amount(after, currency)} after {amount(before, currency)}: {moved} ({share})"
