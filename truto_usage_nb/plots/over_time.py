"""Cost in time: a bar an hour, a day or a month, the month so far, and the way from one period to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, Unpack

import polars as pl

from truto_usage_nb.checks import one_of, texts
from truto_usage_nb.clock import month_start
from truto_usage_nb.costs import Choices, cost_per
from truto_usage_nb.costs.buckets import all_buckets
from truto_usage_nb.costs.choices import EVERY, By, Measure
from truto_usage_nb.errors import FrameError, InputError, hearing
from truto_usage_nb.format import percent
from truto_usage_nb.native import enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.figures import (
    BLUE,
    GREY,
    INK,
    NAME,
    Charts,
    Look,
    Palette,
    asked,
    asked_again,
    bar_height,
    by_rank,
    check_top,
    chosen,
    grid,
    headline,
    legend_below,
    named_rows,
    panels,
    picked,
    said_instead,
    table_of,
    top_names,
    with_names,
)
from truto_usage_nb.plots.wording import (
    MEASURE_WORDS,
    OTHER,
    amount,
    amounts,
    bucket,
    currency_name,
    day,
    dimension,
    label,
    literal,
    money_ticks,
    span,
)
from truto_usage_nb.questions.daily import money_days, opened
from truto_usage_nb.questions.pacing import GivenBudget, Month, Row, paced_month
from truto_usage_nb.questions.tables import DecimalMark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bridge", "cost_over_time", "over_time_of", "pace"]

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
    table = with_names(table.filter(pl.col("cost").is_not_null()), by)
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
        headline(ax, title, self._lines(rows, dated, series, currency), width=112)
        return None

    def _buckets(self) -> list[datetime]:
        """Give every bucket from the first to the last of all panels, so that gaps show and panels compare."""
        held = self.table[_BUCKET].drop_nulls().sort()
        return all_buckets(held[0], held[-1], self.every, self.time_zone)

    def _stack(self, ax: Axes, rows: pl.DataFrame, buckets: Sequence[datetime], series: Sequence[str]) -> None:
        places = _places(buckets)
        up, down = [0.0] * len(buckets), [0.0] * len(buckets)
        drawn = []
        draw = _as_bars if len(buckets) <= _MOST_BARS else _as_one_shape
        for name in series:
            # as instants: to Python an hour that comes twice is one and the same
            instant = pl.col(_BUCKET).dt.convert_time_zone("UTC")
            found = dict(rows.filter(pl.col(NAME) == name).group_by(instant).agg(pl.col("cost").sum()).iter_rows())
            heights = [float(found.get(each.astimezone(UTC), 0.0)) for each in buckets]
            floor = [up[n] if height >= 0 else down[n] for n, height in enumerate(heights)]
            drawn.append(draw(ax, places, heights, floor, _Drawn(self.looks[name], _DAYS[self.every])))
            up = [a + max(0.0, b) for a, b in zip(up, heights, strict=True)]
            down = [a + min(0.0, b) for a, b in zip(down, heights, strict=True)]
        if len(series) > 1:
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

    def _lines(self, rows: pl.DataFrame, dated: pl.DataFrame, series: Sequence[str], currency: str) -> list[str]:
        total, spread = float(dated["cost"].sum()), float(dated["spread_cost"].sum())
        undated = float(rows["cost"].sum()) - total
        first, last = dated[_BUCKET].min(), dated[_BUCKET].max()
        begun = [bucket(each, self.every) for each in dict.fromkeys([first, last])]  # type: ignore[arg-type]
        span = ("weeks of " if self.every == "1w" else "") + " to ".join(begun)
        alone = f", all of it {label(series[0])}" if self.by is not None and len(series) == 1 else ""
        lines = [f"{amount(total, currency)} {MEASURE_WORDS[self.measure]}, {span}{alone}"]
        if abs(spread) > 0.005:
            share = f" ({percent(spread / total)})" if 0 < spread <= total else ""
            lines[0] += f"; {amount(spread, currency)}{share} is stated for longer than {_NAMES[self.every]} and spread"
        if abs(undated) > 0.005:
            lines.append(f"{amount(undated, currency)} more has no date and is not drawn")
        return lines


def _as_bars(ax: Axes, places: list[float], heights: list[float], floor: list[float], look: _Drawn) -> Any:
    line = 0.4 if len(places) < 100 else 0.0
    return ax.bar(places, heights, bottom=floor, width=look.width * 0.86, linewidth=line, **look.style)


def _as_one_shape(ax: Axes, places: list[float], heights: list[float], floor: list[float], look: _Drawn) -> Any:
    """Draw as one shape what would be too many bars to tell apart, and slow."""
    tops = [a + b for a, b in zip(floor, heights, strict=True)]
    return ax.fill_between(places, floor, tops, step="mid", linewidth=0.0, **look.style)


def _places(buckets: Sequence[datetime]) -> list[float]:
    from matplotlib.dates import date2num

    wall = [each.replace(tzinfo=None) for each in buckets]
    return [float(date2num(each)) for each in wall]  # type: ignore[no-untyped-call]


_COST_COLOUR, _BUDGET_COLOUR = "#0072B2", "#D55E00"
_ONE = timedelta(days=1)
_NO_MONEY = 0.005


def pace(
    frame: Any,
    budget: GivenBudget = None,
    *,
    now: date | str | None = None,
    currency: str | None = None,
    ax: Axes | None = None,
    decimal: DecimalMark | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw the current month's cost as it adds up, where `tu.pace` expects it to end, and the budget.

    The figures are those of `tu.pace`, which takes a frame or a `UsageResult`, and says what the current month is and
    how the projection comes about: the solid line is what is there, the dashed one ends at the expected cost, the
    band holds four outcomes in five. `budget` is an amount for the month, or one for each currency, such as {"USD":
    150_000}, or a file or frame with `currency` and `amount` (`decimal` as in `tu.pace`). Gives the Axes, or a list
    with one for each currency.

    Raises InputError for one amount where there are several currencies, and what `tu.pace` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period=("2026-11-02", "2026-11-11"))
    >>> tu.plots.pace(usage, 9_000).get_ylabel()
    'cost since 1 Nov, USD'
    """
    native, result = opened(frame)
    with hearing():  # the month below tells the same
        empty = not money_days(native, None, choices, ()).streams
    if empty:
        return panels([], _no_panel, lambda _: 1.6, ax, "no cost is stated")
    if currency is not None and isinstance(budget, int | float | Decimal):
        budget = {currency: budget}
    month = paced_month(native, None, now, choices, result)
    chart = _MonthSoFar(month, month.table(budget, decimal), dated=now is not None or result is not None)
    return panels(picked(chart.weighed(), currency, ax), chart.draw, lambda _: 3.4, ax, "no cost is stated")


def _no_panel(ax: Axes, currency: str) -> None:  # pragma: no cover - no currency, no panel
    said_instead(ax, f"no cost is stated in {currency}")


@dataclass(frozen=True, slots=True)
class _MonthSoFar:
    """Hold what every panel draws from; `dated` says that somebody said from which day one looks."""

    month: Month
    table: pl.DataFrame
    dated: bool

    def weighed(self) -> pl.DataFrame:
        """Give each currency a line for every amount there is: the one of the most comes first, as elsewhere."""
        amounts = {
            key[-1]: sum(len(stream.days) + len(stream.spans) for stream in streams)
            for key, streams in self.month.days.streams.items()
        }
        each = pl.col("currency").replace_strict(amounts, default=1)
        return self.table.select(pl.col("currency").repeat_by(each).explode())

    def draw(self, ax: Axes, currency: str) -> None:
        row = self.table.filter(pl.col("currency") == currency).row(0, named=True)
        of = self.month.rows[currency,]
        last = month_start(self.month.first, 1) - _ONE
        until = min(last, self.month.today - _ONE)
        sums = list(accumulate(self._spent(of, until)))
        places = list(range(until.day + 1))
        ax.fill_between(places, [0.0, *sums], color=_COST_COLOUR, alpha=0.12, linewidth=0)
        ax.plot(places, [0.0, *sums], color=_COST_COLOUR, linewidth=2)
        expected = row["projected"] is not None and (until < last or bool(of.coming))
        if expected:
            _expected(ax, (until, sums[-1]), of, row, currency)
        if row["budget"] is not None:
            _budget(ax, row["budget"], row["breaks_on"], until, currency)
        _month_axes(ax, self.month.first, last.day, currency)
        title = "The month so far" if row["budget"] is None else "The month against its budget"
        if not self.dated and until == last:
            row["settled_to"] = None  # a month that is over says nothing of the day on which it is looked at
        lines = _month_lines(row, until, last if expected else None, currency)
        if abs(of.ahead) > _NO_MONEY:
            lines.append(f"{amount(of.ahead, currency)} is stated for longer than a day and counts from its first")
        headline(ax, title, lines, width=112)

    def _spent(self, of: Row, until: date) -> list[float]:
        """Give the money of each day so far; what is stated for days to come already counts on the last."""
        spent = [0.0] * until.day
        for each, money in of.spent.items():
            spent[min(each, until).day - 1] += money
        return spent


def _expected(ax: Axes, here: tuple[date, float], of: Row, row: Mapping[str, Any], currency: str) -> None:
    """Draw the days to come as they add up to the month's end, and the band that holds four outcomes in five there."""
    until, so_far = here
    last = month_start(row["month"], 1) - _ONE
    steps = [0.0] * (last.day - until.day + 1)
    for each, money in of.coming.items():  # what is still to come of days that are over comes with the next one
        steps[min(max(each.day - until.day, 1), len(steps) - 1)] += money
    places, ends = list(range(until.day, last.day + 1)), [so_far + step for step in accumulate(steps)]
    shares = [place / max(len(steps) - 1, 1) for place in range(len(steps))]
    low, high = (
        [end + share * (row[name] - row["projected"]) for end, share in zip(ends, shares, strict=True)]
        for name in ("low", "high")
    )
    ax.fill_between(places, low, high, color=_COST_COLOUR, alpha=0.18, linewidth=0)
    ax.plot(places, ends, color=_COST_COLOUR, linewidth=2, linestyle=(0, (2, 2)))
    if until == last:  # the days are over, and some of what they cost is still to come
        ax.plot([last.day], [row["projected"]], "o", color=_COST_COLOUR, markersize=4)
        ax.vlines(last.day, row["low"], row["high"], color=_COST_COLOUR, alpha=0.4, linewidth=4)
    above = row["budget"] is not None and row["projected"] > row["budget"]
    ax.annotate(
        literal(amount(row["projected"], currency)), (last.day, row["projected"]), (-4, 9 if above else -9),
        textcoords="offset points", ha="right", va="bottom" if above else "top", fontsize=9, fontweight="bold",
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip


def _budget(ax: Axes, budget: float, breaks_on: date | None, until: date, currency: str) -> None:
    ax.axhline(budget, color=_BUDGET_COLOUR, linewidth=1.4, linestyle=(0, (5, 3)))
    said = f"budget {amount(budget, currency)}"
    if breaks_on is not None:
        said += f", {'passed' if breaks_on <= until else 'expected to break'} on {day(breaks_on)}"
    ax.annotate(literal(said), (0, budget), (6, 4), textcoords="offset points", color=_BUDGET_COLOUR, fontsize=9)
    if breaks_on is not None:
        ax.plot([breaks_on.day], [budget], "o", color=_BUDGET_COLOUR, markersize=6)


def _month_axes(ax: Axes, month: date, last: int, currency: str) -> None:
    ticks = [1, *range(5, last - 2, 5), last]
    ax.set_xticks(ticks, [day(month.replace(day=n)) for n in ticks])
    ax.set_xlim(0, last + 0.5)
    low, high = ax.get_ylim()
    ax.set_ylim(min(0.0, low), high * 1.06)
    ax.set_xlabel(f"day of {month.year}, UTC", loc="right", fontsize=8)
    ax.set_ylabel(f"cost since {day(month)}, {currency_name(currency)}")
    grid(ax, "y")
    money_ticks(ax.yaxis, currency)


def _month_lines(row: Mapping[str, Any], until: date, end: date | None, currency: str) -> list[str]:
    so_far = f"{amount(row['to_date'], currency)} by {day(until, year=True)}"
    if budget := row["budget"]:
        so_far += f", {percent(row['to_date'] / budget)} of {amount(budget, currency)}"
    if row["settled_to"] is not None and row["settled_to"] <= until:
        so_far += f"; final up to {day(row['settled_to'])}, later figures may still change"
    if end is None:
        return [so_far]
    low, high = amount(row["low"], currency), amount(row["high"], currency)
    return [so_far, f"{amount(row['projected'], currency)} expected by {day(end)}; four times in five {low} to {high}"]


_EFFECTS = {
    "volume": "volume: more or less used", "rate": "rate: prices", "mix": "mix: dearer or cheaper kinds", "new": "new",
    "gone": "gone",
}  # fmt: skip
_OTHER_COLUMNS = ("currency", "before_start", "after_start", "before", "after", "change", *_EFFECTS)
_STEPS = ("effects", "values")
_NO_STEP = 0.005


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
    Each step is a bar from zero, so that one twice as long is twice as much; the two totals are marks on the same
    scale, the first where nothing has changed and the last where the steps lead. Gives the Axes, or a list with one for
    each currency.

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
            seen = with_names(rows, self.by).with_columns(
                moved=pl.col("after").fill_null(0.0) - pl.col("before").fill_null(0.0)
            )
            sums = dict(seen.group_by(NAME).agg(pl.col("moved").sum()).iter_rows())
            moves = [(name, float(sums[name])) for name in top_names(seen, "moved", self.top)]
            moves.sort(key=lambda move: (-move[1], move[0]))
        moves = [(name, move) for name, move in moves if abs(move) > _NO_STEP]
        left = whole - sum(move for _, move in moves)
        rest = "not explained" if self.steps == "effects" else "all others"
        return [*moves, (rest, left)] if abs(left) > _NO_STEP else moves

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self._rows(currency)
        if rows.is_empty():
            return said_instead(ax, f"no cost to compare in {currency}")
        before, after = _total(rows, "before"), _total(rows, "after")
        moves = self._moves(rows)
        first, last = self.names or (_side(rows, "before"), _side(rows, "after"))
        places = named_rows(ax, [first, *(name for name, _ in moves), last])
        written = amounts((before, after, *(move for _, move in moves)), currency)
        for place, (_, move) in zip(places[1:], moves, strict=False):
            ax.barh(place, move, height=0.66, color=BLUE)
            self._say(ax, place, move, f"{'+' if move > 0 else ''}{written(move)}")
        for place, at, total in ((places[0], 0.0, before), (places[-1], after - before, after)):
            ax.plot([at, at], [place - 0.36, place + 0.36], color=INK, linewidth=2.2, solid_capstyle="butt")
            self._say(ax, place, at, written(total), total=True)
        self._axes(ax, [after - before, *(move for _, move in moves)], currency, first)
        by = f" by {dimension(self.by)}" if self.by and self.steps == "values" else ""
        headline(ax, f"What changed the cost{by}", [_change_line(before, after, currency)])
        return None

    @staticmethod
    def _say(ax: Axes, place: float, at: float, words: str, *, total: bool = False) -> None:
        """Write beside a mark what it is, and beside a bar what it comes to, on the right of zero."""
        ax.annotate(
            literal(words), (at if total else max(at, 0.0), place), (5, 0), textcoords="offset points", va="center",
            fontsize=9, fontweight="bold" if total else "normal",
        )  # fmt: skip

    @staticmethod
    def _axes(ax: Axes, moves: Sequence[float], currency: str, first: str) -> None:
        low, high = min(0.0, *moves), max(0.0, *moves)
        room = high - low or 1.0
        ax.set_xlim(low - 0.04 * room, high + 0.2 * room)
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.set_xlabel(literal(f"change since {first.removeprefix('from ')}, {currency_name(currency)}"))
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


def _change_line(before: float, after: float, currency: str) -> str:
    change = after - before
    if before <= 0:
        return f"{amount(before, currency)} before, {amount(after, currency)} after"
    moved = f"{amount(abs(change), currency)} {'more' if change >= 0 else 'less'}"
    share = f"{abs(change) / before * 100:.1f} %"
    return f"{amount(after, currency)} after {amount(before, currency)}: {moved} ({share})"
