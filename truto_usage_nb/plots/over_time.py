"""Cost over time, stacked by a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.checks import one_of
from truto_usage_nb.costs import Choices, cost_per
from truto_usage_nb.costs.buckets import all_buckets
from truto_usage_nb.costs.choices import EVERY, Measure
from truto_usage_nb.errors import FrameError
from truto_usage_nb.format import percent
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.figures import Charts, grid, headline, legend_below, panels, picked, said_instead
from truto_usage_nb.plots.palette import GREY, Look, Palette, chosen
from truto_usage_nb.plots.reading import NAME, By, asked, asked_again, by_rank, check_top, named, top_names
from truto_usage_nb.plots.wording import (
    MEASURE_WORDS,
    OTHER,
    amount,
    bucket,
    currency_name,
    dimension,
    label,
    money_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["cost_over_time"]

_NAMES = {"1h": "an hour", "1d": "a day", "1w": "a week", "1mo": "a month", "1q": "a quarter", "1y": "a year"}
_DAYS = {"1h": 1 / 24, "1d": 1.0, "1w": 7.0, "1mo": 28.0, "1q": 90.0, "1y": 365.0}
_BUCKET = "period_start"
_MOST_TICKS, _FEWEST = 8, 6  # names under the bars; and the bars that a panel has room for at least
_MOST_BARS, _MOST_BUCKETS = 400, 20_000
_EMPTY = "no cost is stated"


def cost_over_time(
    frame: Any,
    by: By = None,
    *,
    every: str = "1d",
    top: int = 6,
    measure: Measure = "billed",
    time_zone: str = "UTC",
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw cost over time as bars, stacked by one dimension or several: the `top` largest, and all others as one.

    `every`: "1h", "1d", "1w" (from Monday), "1mo", "1q" or "1y", in `time_zone`; records of a day or longer keep their
    UTC date. Refunds hang below the line. Cost that is stated for longer than a bar is spread evenly, and the chart
    says how much; hours of records that are a day long would be made up, which is an error. `measure` and `choices` are
    those of `cost_per`. Gives the Axes, or a list with one for each currency.

    Raises FrameError naming who states no hours, InputError for several currencies on one `ax`, and what `cost_per`
    raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-09-14")
    >>> tu.plots.cost_over_time(usage, "product_name").get_ylabel()
    'cost a day, USD'
    """
    check_top(top)
    one_of("every", every, EVERY)
    table = asked(cost_per, frame, by, every=every, time_zone=time_zone, measure=measure, **choices)
    return over_time_of(
        table, frame, by, every=every, top=top, measure=measure, time_zone=time_zone, currency=currency,
        palette=palette, ax=ax, **choices,
    )  # fmt: skip


def over_time_of(
    table: pl.DataFrame,
    frame: Any,
    by: By,
    *,
    every: str,
    top: int,
    measure: Measure,
    time_zone: str = "UTC",
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw a cost table of the frame that stands ready."""
    table = named(table.filter(pl.col("cost").is_not_null()), by)
    if every == "1h":
        _refuse_days(frame, table, time_zone, measure, choices)
    _refuse_many(table, every)
    shown = picked(table, currency, ax)
    names = by_rank(table, "cost", top, shown)
    looks = dict(chosen(palette).looks(names, by))
    stack = _Stack(table, by, every, top, measure, time_zone, looks)
    return panels(shown, stack.draw, lambda _: 3.3 if by is None else 3.9, ax, _EMPTY)


def _refuse_days(frame: Any, table: pl.DataFrame, time_zone: str, measure: Measure, choices: Choices) -> None:
    """Hours of a record that is a day long are nobody's figures."""
    if not _spread(table).height:
        return
    who = asked_again(
        cost_per, frame, "integrated_account_id", every="1h", time_zone=time_zone, measure=measure, **choices
    )  # fmt: skip
    names = ", ".join(sorted({str(name) for name in _spread(who)["integrated_account_id"]}))
    raise FrameError(
        f"every='1h' needs records of an hour or shorter, and the cost of {names} is stated by the day or longer. "
        "Ask for every='1d', or draw the accounts that state hours alone."
    )


def _refuse_many(table: pl.DataFrame, every: str) -> None:
    """A date that is wrong by years would make more buckets than a machine, or a reader, can hold."""
    dated = sorted(table[_BUCKET].drop_nulls().unique().to_list())
    if dated and (count := (dated[-1] - dated[0]).days / _DAYS[every]) > _MOST_BUCKETS:
        first, last = f"{dated[0]:%Y-%m-%d}", f"{dated[-1]:%Y-%m-%d}"
        raise FrameError(
            f"every={shown(every)} makes {count:,.0f} buckets from {first} to {last}. Ask for longer ones, such as "
            "every='1mo', or draw a part of the frame."
        )


def _spread(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("spread_cost").fill_null(0.0) != 0)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Say how one name is drawn, and how wide its bars are, in days."""

    look: Look
    width: float

    @property
    def style(self) -> dict[str, Any]:
        return {"color": self.look.colour, "hatch": self.look.hatch, "edgecolor": "white"}


@dataclass(frozen=True, slots=True)
class _Stack:
    """Hold what every panel draws from."""

    table: pl.DataFrame
    by: By
    every: str
    top: int
    measure: Measure
    time_zone: str
    looks: dict[str, Look]

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self.table.filter(pl.col("currency") == currency)
        dated = rows.drop_nulls(_BUCKET)
        if dated.is_empty():
            return said_instead(ax, "no cost has a date")
        names = top_names(dated, "cost", self.top)
        kept = pl.when(pl.col(NAME).is_in(names)).then(pl.col(NAME)).otherwise(pl.lit(OTHER))
        dated = dated.with_columns(kept.alias(NAME))
        series = [*names, *([OTHER] if (dated[NAME] == OTHER).any() else [])]
        buckets = self._buckets()
        self._stack(ax, dated, buckets, series)
        self._axes(ax, buckets, currency)
        title = f"Cost {_NAMES[self.every]}" + (f" by {dimension(self.by)}" if self.by is not None else "")
        headline(ax, title, self._lines(rows, dated, currency), width=112)
        return None

    def _buckets(self) -> list[datetime]:
        """Give every bucket from the first to the last of all panels, so that gaps show and panels compare."""
        held = self.table[_BUCKET].drop_nulls().sort()
        return all_buckets(held[0], held[-1], self.every, self.time_zone)

    def _stack(self, ax: Axes, rows: pl.DataFrame, buckets: Sequence[datetime], series: Sequence[str]) -> None:
        places = _places(buckets)
        up, down = [0.0] * len(buckets), [0.0] * len(buckets)
        drawn = []
        draw = _bars if len(buckets) <= _MOST_BARS else _steps
        for name in series:
            # as instants: to Python an hour that comes twice is one and the same
            instant = pl.col(_BUCKET).dt.convert_time_zone("UTC")
            found = dict(rows.filter(pl.col(NAME) == name).group_by(instant).agg(pl.col("cost").sum()).iter_rows())
            heights = [float(found.get(each.astimezone(UTC), 0.0)) for each in buckets]
            floor = [up[n] if height >= 0 else down[n] for n, height in enumerate(heights)]
            drawn.append(draw(ax, places, heights, floor, _Drawn(self.looks[name], _DAYS[self.every])))
            up = [a + max(0.0, b) for a, b in zip(up, heights, strict=True)]
            down = [a + min(0.0, b) for a, b in zip(down, heights, strict=True)]
        if self.by is not None:
            legend_below(ax, drawn, [label(name) for name in series])

    def _axes(self, ax: Axes, buckets: Sequence[datetime], currency: str) -> None:
        places, step = _places(buckets), -(-len(buckets) // _MOST_TICKS)
        if self.every == "1h":
            step = next((hours for hours in (1, 2, 3, 6, 12) if hours >= step), -(-step // 24) * 24)
        ax.set_xticks(places[::step], [bucket(each, self.every) for each in buckets[::step]])
        margin = _DAYS[self.every] * max(0.7, (_FEWEST - len(buckets)) / 2)
        ax.set_xlim(places[0] - margin, places[-1] + margin)
        ax.set_ylabel(f"cost {_NAMES[self.every]}, {currency_name(currency)}")
        unit = "week from Monday" if self.every == "1w" else _NAMES[self.every].split()[-1]
        year = f" of {buckets[0].year}" if self.every in ("1h", "1d", "1w") else ""
        ax.set_xlabel(f"{unit}{year}, {self.time_zone}", loc="right", fontsize=8)
        ax.axhline(0, color=GREY, linewidth=0.8)
        grid(ax, "y")
        money_ticks(ax.yaxis, currency)

    def _lines(self, rows: pl.DataFrame, dated: pl.DataFrame, currency: str) -> list[str]:
        total, spread = float(dated["cost"].sum()), float(dated["spread_cost"].sum())
        undated = float(rows["cost"].sum()) - total
        first, last = dated[_BUCKET].min(), dated[_BUCKET].max()
        begun = [bucket(each, self.every) for each in dict.fromkeys([first, last])]  # type: ignore[arg-type]
        span = ("weeks of " if self.every == "1w" else "") + " to ".join(begun)
        lines = [f"{amount(total, currency)} {MEASURE_WORDS[self.measure]}, {span}"]
        if abs(spread) > 0.005:
            share = f" ({percent(spread / total)})" if 0 < spread <= total else ""
            lines[0] += f"; {amount(spread, currency)}{share} is stated for longer than {_NAMES[self.every]} and spread"
        if abs(undated) > 0.005:
            lines.append(f"{amount(undated, currency)} more has no date and is not drawn")
        return lines


def _bars(ax: Axes, places: list[float], heights: list[float], floor: list[float], look: _Drawn) -> Any:
    line = 0.4 if len(places) < 100 else 0.0
    return ax.bar(places, heights, bottom=floor, width=look.width * 0.86, linewidth=line, **look.style)


def _steps(ax: Axes, places: list[float], heights: list[float], floor: list[float], look: _Drawn) -> Any:
    """Draw as one shape what would be too many bars to tell apart, and slow."""
    tops = [a + b for a, b in zip(floor, heights, strict=True)]
    return ax.fill_between(places, floor, tops, step="mid", linewidth=0.0, **look.style)


def _places(buckets: Sequence[datetime]) -> list[float]:
    from matplotlib.dates import date2num

    wall = [each.replace(tzinfo=None) for each in buckets]
    return [float(date2num(each)) for each in wall]  # type: ignore[no-untyped-call]
