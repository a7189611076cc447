"""Charts of what the next term should cost: commitments, what if, caches, what is to come, and what came of it.

Each takes the table of the helper of its name. A colour tells apart what was used, what was not, and what was bought
beside; where nothing is told apart there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.format import percent
from truto_usage_nb.native import enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.figures import (
    BLUE,
    GREY,
    INK,
    NAME,
    PALE,
    SOFT,
    Charts,
    bar_height,
    check_top,
    grid,
    headline,
    legend_below,
    named_rows,
    one_panel,
    panels,
    picked,
    said_instead,
    table_of,
    with_names,
)
from truto_usage_nb.plots.wording import amount, amounts, currency_name, day, literal, money_ticks, quantity, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["cache_advice", "commitment_curve", "commitments", "forecast_costs", "outcomes", "what_if"]

_ORANGE, _SAND = "#D55E00", "#F0C36D"
"""What was bought beyond a commitment, and what was paid for and not used."""
_KEYS = ("account", "product", "unit", "currency")
_CENT = 0.005
_LETTERS = 90
"""How many of them the lines under a title hold."""


# commitments ----------------------------------------------------------------------------------------------------------


def commitments(table: Any, product: str | None = None, *, ax: Axes | None = None) -> Charts:
    """Draw a commitment through its months, or with a table of `every="1d"` its days: used, not used, and on demand.

    Bars are money, from zero: what was used of what was paid for, on it what was paid for and not used, on that what
    was bought on demand. Where nobody knows how much was used, the bar says so. Credits are what is left of them, and
    the day on which they end. `product` picks one; else there is a chart, on a figure of its own, for each account,
    product and basis. Gives the Axes, or a list of them. Raises InputError for a product that is not there, or several
    for one `ax`, FrameError for a table that `tu.commitments` did not make.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("datadog", period="2026-10")
    >>> held = {"account": "datadog", "product": "rum", "quantity": 1000, "unit": "session", "price": 3.1}
    >>> term = {"start": "2026-01-01", "end": "2027-01-01", "currency": "USD", "basis": "monthly"}
    >>> tu.plots.commitments(tu.commitments(usage, pl.DataFrame([held | term]))).get_title(loc="left")
    'rum of datadog: what was committed to, and what beside it'
    """
    rows = _rows_of(table, ("basis", "month", "committed_cost", "unused_cost", "on_demand_cost", "left", "ends_on"))
    return _one_each(_of_product(rows, product, ax, ("basis",)), _draw_commitment, ax, "no commitment is held")


def commitment_curve(table: Any, product: str | None = None, *, ax: Axes | None = None) -> Charts:
    """Draw what all use would have cost by committed quantity, from a table of `tu.commitment_curve`.

    The dot is the least, the band the quantities whose total is at most 1 % above it, the dashed line what is held now.
    `product` picks one; else there is a chart for each. Gives the Axes, or a list of them. Raises InputError for a
    product that is not there, FrameError for a table that `tu.commitment_curve` did not make.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("datadog", period="2026-10")
    >>> held = {"account": "datadog", "product": "rum", "quantity": 1000, "unit": "session", "price": 3.1}
    >>> term = {"start": "2026-01-01", "end": "2027-01-01", "currency": "USD", "basis": "monthly"}
    >>> curve = tu.commitment_curve(usage, pl.DataFrame([held | term | {"on_demand_price": 4.0}]))
    >>> tu.plots.commitment_curve(curve).get_xlabel()
    'committed quantity, session'
    """
    rows = _rows_of(table, ("quantity", "total_cost", "above_least", "is_least", "is_held", "flat_from", "flat_to"))
    return _one_each(_of_product(rows, product, ax), _draw_curve, ax, "no commitment has a curve")


def _rows_of(table: Any, columns: Iterable[str]) -> pl.DataFrame:
    require(enter(table), (*_KEYS, *columns), "A chart of commitments (of a table that its helper makes)")
    return table_of(table)


def _of_product(
    rows: pl.DataFrame, product: str | None, ax: Axes | None, more: Sequence[str] = ()
) -> list[pl.DataFrame]:
    """Give the rows of each commitment, or of the one that was named."""
    names = rows["product"].fill_null("credits").unique().sort().to_list()
    if product is not None:
        is_it = pl.col("product").fill_null("credits") == product
        rows = rows.filter(is_it) if isinstance(product, str) else rows.clear()
        if rows.is_empty():
            near = did_you_mean(product, names) if isinstance(product, str) else ""
            raise InputError(
                f"product={shown(product)} is not in this table.{near} There: {', '.join(names) or 'none'}"
            )
    if ax is not None and rows.select(_KEYS).n_unique() > 1:
        raise InputError(f"one ax cannot show {', '.join(names)}; give product={names[0]!r}, or leave ax out.")
    return rows.partition_by([*_KEYS, *more], maintain_order=True) if rows.height else []


def _one_each(
    parts: Sequence[pl.DataFrame], draw: Callable[[Axes, pl.DataFrame], None], ax: Axes | None, empty: str
) -> Charts:
    """Draw a chart for each commitment, on a figure of its own."""
    if not parts:
        return one_panel(lambda axes: said_instead(axes, empty), 1.6, ax)
    made = [one_panel(lambda axes, of=part: draw(axes, of), 3.2, ax) for part in parts]  # type: ignore[misc]
    return made if len(made) > 1 else made[0]


def _called(row: Mapping[str, Any]) -> str:
    return f"{row['product'] or 'credits'} of {row['account']}"


def _draw_commitment(ax: Axes, rows: pl.DataFrame) -> None:
    first = rows.row(0, named=True)
    if first["basis"] == "prepaid":
        return _draw_credits(ax, rows)
    days = rows["day"] if "day" in rows.columns else pl.Series([None] * rows.height, dtype=pl.Date)
    by_day = days.null_count() < rows.height
    rows = rows.with_columns(at=days.fill_null(rows["month"]) if by_day else rows["month"])
    paid, unused = rows["committed_cost"].fill_null(0.0), rows["unused_cost"]
    beyond = rows["on_demand_cost"].fill_null(0.0)
    known = unused.is_not_null().to_list()
    used = [p - (u or 0.0) for p, u in zip(paid, unused, strict=True)]
    places = list(range(rows.height))
    width = 0.8 if rows.height < 40 else 0.9
    tops = [0.0] * rows.height
    legend: dict[str, Any] = {}
    for word, heights, colour in (
        ("used of what is paid for", [u if k else 0.0 for u, k in zip(used, known, strict=True)], BLUE),
        ("paid for, use unknown", [0.0 if k else p for p, k in zip(paid, known, strict=True)], PALE),
        ("paid for and not used", unused.fill_null(0.0).to_list(), _SAND),
        ("on demand beside it", beyond.to_list(), _ORANGE),
    ):
        if any(abs(each) >= _CENT for each in heights):
            legend[word] = ax.bar(places, heights, width, bottom=tops, color=colour)
        tops = [a + b for a, b in zip(tops, heights, strict=True)]
    _days_below(ax, rows["at"].to_list(), by_day=by_day)
    ax.set_ylim(0, (max(tops) or 1.0) * 1.06)
    ax.set_ylabel(f"cost, {currency_name(first['currency'])}")
    money_ticks(ax.yaxis, first["currency"])
    grid(ax, "y")
    legend_below(ax, list(legend.values()), list(legend), columns=4)
    headline(ax, f"{_called(first)}: what was committed to, and what beside it", [_commitment_said(rows)])
    return None


def _commitment_said(rows: pl.DataFrame) -> str:
    currency = rows["currency"][0]
    paid, beyond = float(rows["committed_cost"].sum()), float(rows["on_demand_cost"].sum())
    written = amounts([paid, beyond], currency)
    unknown = rows["unused_cost"].null_count()
    unused = float(rows["unused_cost"].sum())
    if unknown == rows.height:
        said = "how much of it was used is not known"
    elif unused < _CENT:
        said = "all of it used" + (" as far as is known" if unknown else "")
    else:
        share = f" ({percent(unused / paid)})" if paid else ""
        said = f"{written(unused)}{share} of it not used" + (" as far as is known" if unknown else "")
    renews = rows["renews_on"].max() if "renews_on" in rows.columns else None
    ends = f"; renews on {day(renews, year=True)}" if isinstance(renews, date) else ""
    return f"{written(paid)} paid for, {said}, {written(beyond)} on demand{ends}"


def _draw_credits(ax: Axes, rows: pl.DataFrame) -> None:
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    by_day = "day" in rows.columns and rows["day"].null_count() < rows.height
    at = rows["day" if by_day else "month"].to_list()
    ax.bar(range(rows.height), rows["left"].to_list(), 0.8 if rows.height < 40 else 0.9, color=BLUE)
    ax.axhline(last["committed_cost"], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    ax.annotate("bought", (rows.height - 0.6, last["committed_cost"]), (0, -3), textcoords="offset points", ha="right",
                va="top", fontsize=9, color=SOFT)  # fmt: skip
    _days_below(ax, at, by_day=by_day)
    ax.set_ylim(0, max(last["committed_cost"], *rows["left"]) * 1.06 or 1.0)
    ax.set_ylabel(f"credits left, {currency_name(first['currency'])}")
    money_ticks(ax.yaxis, first["currency"])
    grid(ax, "y")
    whole = "drawn from" not in (last["note"] or "")  # else what was drawn before is in no record
    left = f"{'' if whole else 'at most '}{amount(last['left'], first['currency'])}"
    ends = last["ends_on"]
    said = f"{left} left; at the pace of the last thirty days they end on {day(ends, year=True)}" if ends else None
    if last["left"] <= 0 and ends:
        over = float(rows["on_demand_cost"].sum())
        said = f"used up on {day(ends, year=True)}, and {amount(over, first['currency'])} beyond them since"
    whose = first["account"] if first["product"] is None else _called(first)
    headline(ax, f"{whose}: what is left of the credits", [said or f"{left} left; {last['note'] or ''}"])


def _days_below(ax: Axes, at: Sequence[date], *, by_day: bool) -> None:
    """Write days or months below their bars, as many as there is room for."""
    step = max(1, -(-len(at) // (8 if by_day else 13)))
    places = list(range(0, len(at), step))
    ax.set_xticks(places, [day(at[i]) if by_day else f"{at[i]:%Y-%m}" for i in places])
    ax.set_xlim(-0.6, len(at) - 0.4)


def _draw_curve(ax: Axes, rows: pl.DataFrame) -> None:
    rows = rows.sort("quantity")
    first, currency = rows.row(0, named=True), rows["currency"][0]
    levels, total = rows["quantity"].to_list(), rows["total_cost"].to_list()
    flat = ax.axvspan(first["flat_from"], first["flat_to"], color=PALE, alpha=0.6, linewidth=0)
    (line,) = ax.plot(levels, total, color=BLUE, linewidth=2)
    handles, words = [line, flat], ["all use of these months, together", "at most 1 % above the least"]
    least = rows.filter("is_least").row(0, named=True)
    ax.plot([least["quantity"]], [least["total_cost"]], "o", color=BLUE, markersize=8)
    held = rows.filter("is_held")
    if held.height:
        handles.append(ax.axvline(held["quantity"][0], color=INK, linewidth=1, linestyle=(0, (4, 3))))
        words.append("held now")
    ax.set_ylim(0, max(total) * 1.08 or 1.0)
    ax.set_xlim(min(levels), max(*levels, first["flat_to"]) * 1.02 or 1.0)
    ax.xaxis.set_major_formatter(lambda value, _: quantity(value))
    ax.set_xlabel(f"committed quantity, {first['unit'] or 'units'}")
    ax.set_ylabel(f"total cost, {currency_name(currency)}")
    money_ticks(ax.yaxis, currency)
    grid(ax, "y")
    legend_below(ax, handles, words, columns=3)
    said = [f"least at {quantity(least['quantity'])}: {amount(least['total_cost'], currency)}; flat from "
            f"{quantity(first['flat_from'])} to {quantity(first['flat_to'])}{_held_said(held)}"]  # fmt: skip
    headline(ax, f"{_called(first)}: what another commitment would have cost", [*said, first.get("note") or ""])


def _held_said(held: pl.DataFrame) -> str:
    if held.is_empty():
        return ""
    above = held["above_least"][0]
    more = f", {percent(above)} above the least" if above and above > 0.0005 else ", the least within rounding"
    return f"; {quantity(held['quantity'][0])} is held now{more}"


# what if, caches, outcomes --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bars:
    """Hold what each panel of named bars draws from: parts that stand on each other, or beside each other."""

    table: pl.DataFrame
    parts: Mapping[str, tuple[str, str]]
    """By column: what it is called, and its colour."""
    title: str
    said: Callable[[pl.DataFrame, str], Sequence[str]]
    beside: Callable[[Mapping[str, Any], Callable[[float], str]], str]
    top: int
    stacked: bool = True
    what: str = "cost"
    room: float = 1.5
    """How far an axis goes beyond its bars, for the words beside them."""
    reach: str | None = None
    """A column that says how far a row reaches beyond its bar."""

    def height(self, currency: str) -> float:
        count = min(self._rows(currency).height, self.top)
        lines = len(wrapped(self.said(self._rows(currency), currency), _LETTERS))
        return bar_height(count if self.stacked else 2 * count) + 0.5 + 0.17 * max(0, lines - 2)

    def _rows(self, currency: str) -> pl.DataFrame:
        return self.table.filter(pl.col("currency") == currency)

    def draw(self, ax: Axes, currency: str) -> None:
        every = self._rows(currency)
        rows = every.head(self.top)
        if rows.is_empty():
            return said_instead(ax, f"there is nothing to draw in {currency}")
        places = named_rows(ax, rows[NAME].to_list())
        written = amounts([v for name in self.parts for v in rows[name].fill_null(0.0)], currency)
        thick = 0.72 if self.stacked else 0.72 / len(self.parts)
        begun, handles = [0.0] * rows.height, []
        for number, (name, (_, colour)) in enumerate(self.parts.items()):
            widths = rows[name].fill_null(0.0).to_list()
            shift = 0.0 if self.stacked else 0.36 - thick / 2 - number * thick
            handles.append(ax.barh([place + shift for place in places], widths, thick, left=begun, color=colour))
            begun = [a + b for a, b in zip(begun, widths, strict=True)] if self.stacked else begun
        ends = [sum(row[n] or 0.0 for n in self.parts) if self.stacked else max(row[n] or 0.0 for n in self.parts)
                for row in rows.iter_rows(named=True)]  # fmt: skip
        if self.reach is not None:
            ends = [max(end, far or 0.0) for end, far in zip(ends, rows[self.reach], strict=True)]
        for place, end, row in zip(places, ends, rows.iter_rows(named=True), strict=True):
            ax.annotate(literal(self.beside(row, written)), (max(end, 0.0), place), (4, 0),
                        textcoords="offset points", va="center", fontsize=9)  # fmt: skip
        ax.set_xlim(min(0.0, *ends), (max(ends) or 1.0) * self.room)
        ax.set_xlabel(f"{self.what}, {currency_name(currency)}")
        money_ticks(ax.xaxis, currency)
        grid(ax, "x")
        if len(self.parts) > 1:
            legend_below(ax, handles, [word for word, _ in self.parts.values()], columns=2)
        left = [f"{every.height - rows.height:,} smaller not shown"] if every.height > rows.height else []
        headline(ax, self.title, [*self.said(every, currency), *left])
        return None


def _named(table: Any, columns: Sequence[str], what: str) -> pl.DataFrame:
    """The table with the name of each row, by the columns before the first one of these."""
    require(enter(table), ("currency", *columns), f"A chart of {what} (of a table that its helper makes)")
    rows = table_of(table)
    by = rows.columns[: rows.columns.index("currency")]
    return with_names(rows, by) if by else rows.with_columns(pl.lit("all of it").alias(NAME))


def what_if(table: Any, *, top: int = 12, currency: str | None = None, ax: Axes | None = None) -> Charts:
    """Draw what was billed beside what it would have been, from a table of `tu.what_if`, with what that rests on.

    Rows that cannot be compared are counted in the words and not drawn. Gives the Axes, or a list with one for each
    currency. Raises FrameError for a table that `tu.what_if` did not make.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.plots.what_if(tu.what_if(usage, {"claude-opus-5": "claude-sonnet-5"})).get_xlabel()
    'cost, USD'
    """
    check_top(top)
    columns = ("cost", "what_if_cost", "difference", "left_out_cost", "assumptions")
    rows = _named(table, columns, "a scenario")

    def said(every: pl.DataFrame, currency: str) -> list[str]:
        compared = every.filter(pl.col("what_if_cost").is_not_null())
        was, then, out = (
            float(one.sum()) for one in (compared["cost"], compared["what_if_cost"], every["left_out_cost"])
        )
        written = amounts([was, then, out], currency)
        more = f"; {written(out)} cannot be compared" if round(out, 2) else ""
        word = "less" if then <= was else "more"
        first = f"{written(was)} as billed, {written(then)} in this case: {written(abs(was - then))} {word}{more}"
        return [first, f"Assumed: {every['assumptions'][0]}"]

    def beside(row: Mapping[str, Any], written: Callable[[float], str]) -> str:
        change = row["difference"] or 0.0
        return f"{written(row['what_if_cost'])} for {written(row['cost'])}" if round(change, 2) else "as it was"

    drawn = rows.filter(pl.col("what_if_cost").is_not_null() & pl.col("cost").is_not_null())
    bars = _Bars(
        drawn, {"cost": ("as billed", PALE), "what_if_cost": ("in this case", BLUE)}, "The same tokens in another case",
        lambda _, each: said(rows.filter(pl.col("currency") == each), each), beside, top, stacked=False,
    )  # fmt: skip
    return panels(picked(drawn, currency, ax), bars.draw, bars.height, ax, "nothing here can be compared")


def cache_advice(table: Any, *, top: int = 12, currency: str | None = None, ax: Axes | None = None) -> Charts:
    """Draw what caches lost, from a table of `tu.cache_advice`: writes that never came back, and what a fall cost.

    Money is at list price, the vendor's own word it is not. Rows at which nothing was lost are not drawn. Gives the
    Axes, or a list with one for each currency. Raises FrameError for a table that `tu.cache_advice` did not make.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10")
    >>> tu.plots.cache_advice(tu.cache_advice(usage, "model_id")).get_title(loc="left")
    'Where caches lost money'
    """
    check_top(top)
    rows = _named(table, ("unearned_premium", "cost_of_fall", "cache_savings", "cache_hit_rate"), "cache advice")
    rows = rows.with_columns(pl.col("cost_of_fall").fill_null(0.0))
    lost = rows.filter((pl.col("unearned_premium") + pl.col("cost_of_fall")).round(2) > 0)

    def said(_: pl.DataFrame, currency: str) -> list[str]:
        own = rows.filter(pl.col("currency") == currency)
        parts = [float(own[name].sum()) for name in ("unearned_premium", "cost_of_fall", "cache_savings")]
        written = amounts(parts, currency)
        return [f"{written(parts[0])} of writes never came back, falls of the hit rate cost {written(parts[1])}; "
                f"caches saved {written(parts[2])} in all, at list price"]  # fmt: skip

    def beside(row: Mapping[str, Any], written: Callable[[float], str]) -> str:
        stake = written(row["unearned_premium"] + row["cost_of_fall"])
        rate = row["cache_hit_rate"]
        return stake if rate is None else f"{stake}, {percent(rate)} read from cache"

    parts = {"unearned_premium": ("writes that never came back", _ORANGE),
             "cost_of_fall": ("what a fall of the hit rate cost", _SAND)}  # fmt: skip
    bars = _Bars(lost, parts, "Where caches lost money", said, beside, top, what="lost at list price")
    return panels(picked(lost, currency, ax), bars.draw, bars.height, ax, "no cache lost money here")


def outcomes(table: Any, *, top: int = 12, currency: str | None = None, ax: Axes | None = None) -> Charts:
    """Draw what an outcome cost, from a table of `tu.outcomes`; the line is from what it cost at least to at most.

    What had no outcome is in the words. Gives the Axes, or a list with one for each currency. Raises FrameError for a
    table that `tu.outcomes` did not make.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> merged = pl.DataFrame({"day": ["2026-10-05"] * 2, "email": ["priya.raghunathan@tidewheel.example.com"] * 2})
    >>> tu.plots.outcomes(tu.outcomes(usage, merged)).get_xlabel()
    'cost of one, USD'
    """
    check_top(top)
    columns = ("outcome", "cost", "outcomes", "cost_per_outcome", "cost_at_least", "cost_at_most", "grain")
    require(enter(table), ("currency", *columns), "A chart of outcomes (of a table that outcomes makes)")
    rows = table_of(table).with_columns(pl.col("outcome").alias(NAME))
    made = rows.filter(pl.col("outcomes") > 0).sort("cost_per_outcome", NAME, descending=[True, False])
    bars = _Bars(made, {"cost_per_outcome": ("cost of one", BLUE)}, "What an outcome cost", _outcomes_said(rows),
                 _outcome_beside, top, what="cost of one")  # fmt: skip

    def draw(ax: Axes, each: str) -> None:
        bars.draw(ax, each)
        own = made.filter(pl.col("currency") == each).head(top)
        for place, row in enumerate(own.iter_rows(named=True)):
            ends = [row[name] / row["outcomes"] for name in ("cost_at_least", "cost_at_most")]
            if ends[1] - ends[0] > 0.005:
                ax.plot(ends, [-place - 0.42] * 2, color=INK, linewidth=1.2)
                ax.set_xlim(right=max(ax.get_xlim()[1], ends[1] * 1.1))

    return panels(picked(made, currency, ax), draw, bars.height, ax, "no outcome lies in these days")


def _outcomes_said(rows: pl.DataFrame) -> Callable[[pl.DataFrame, str], Sequence[str]]:
    def said(_: pl.DataFrame, currency: str) -> list[str]:
        own = rows.filter(pl.col("currency") == currency)
        rest = float(own.filter(pl.col("outcomes") == 0)["cost"].sum())
        whole = float(own["cost"].sum())
        written = amounts([whole, rest], currency)
        line = "the line below a bar is from what was theirs alone to all that they shared"
        return [f"{written(whole - rest)} of {written(whole)} had outcomes, by {own['grain'][0]}; {line}"]

    return said


def _outcome_beside(row: Mapping[str, Any], written: Callable[[float], str]) -> str:
    return f"{written(row['cost_per_outcome'])} each, {row['outcomes']:,} of them"


# what is to come ------------------------------------------------------------------------------------------------------


def forecast_costs(table: Any, *, top: int = 15, currency: str | None = None, ax: Axes | None = None) -> Charts:
    """Draw what each part is forecast to come to, from a table of `tu.forecast_costs`, and how that did before.

    A bar is what is billed so far, and on it what is to come; the line is where four of five outcomes lie. Beside it
    stand the error of the same forecast in earlier months, and how many of its ranges held. Gives the Axes, or a list
    with one for each currency. Raises FrameError for a table that `tu.forecast_costs` did not make.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period=("2026-11-02", "2026-11-11"))
    >>> tu.plots.forecast_costs(tu.forecast_costs(usage)).get_title(loc="left")
    'What November 2026 will come to'
    """
    check_top(top)
    columns = ("period_start", "period_end", "to_date", "projected", "low", "high", "backtests", "backtest_error")
    rows = _named(table, columns, "a forecast").filter(pl.col("to_date").is_not_null())
    rows = rows.with_columns(coming=pl.max_horizontal(pl.col("projected") - pl.col("to_date"), pl.lit(0.0)))
    title = f"What {_stretch(rows)} will come to"
    parts = {"to_date": ("billed so far", BLUE), "coming": ("to come", PALE)}
    bars = _Bars(rows, parts, title, _forecast_said, _forecast_beside, top, room=2.3, reach="high")

    def draw(ax: Axes, each: str) -> None:
        bars.draw(ax, each)
        own = rows.filter(pl.col("currency") == each).head(top)
        for place, row in enumerate(own.iter_rows(named=True)):
            if row["low"] is not None:
                ax.plot([row["low"], row["high"]], [-place] * 2, color=INK, linewidth=1.4)

    return panels(picked(rows, currency, ax), draw, bars.height, ax, "there is nothing to forecast")


_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip


def _stretch(rows: pl.DataFrame) -> str:
    if rows.is_empty():
        return "it"
    start, end = rows["period_start"][0], rows["period_end"][0]
    if (end - start).days > 31:
        return f"Q{(start.month + 2) // 3} {start.year}"
    return f"{_MONTHS[start.month - 1]} {start.year}"


def _forecast_said(every: pl.DataFrame, currency: str) -> Sequence[str]:
    total, to_date = float(every["projected"].sum()), float(every["to_date"].sum())
    written = amounts([total, to_date], currency)
    unknown = every["projected"].null_count()
    more = f"; of {unknown} too little is known" if unknown else ""
    whole = "" if every.height == 1 else " together"
    tested = every["backtests"].max()
    last = (
        "a line holds four of five outcomes; beside it the error in earlier months, and how many ranges held"
        if isinstance(tested, int) and tested > 0
        else "a line holds four of five outcomes; no earlier month is there to test that on"
    )
    return [f"{written(total)}{whole}, of which {written(to_date)} is billed{more}", last]


def _forecast_beside(row: Mapping[str, Any], written: Callable[[float], str]) -> str:
    if row["projected"] is None:
        return f"{written(row['to_date'])} so far, the rest unknown"
    range_ = f"{written(row['projected'])}, {written(row['low'])} to {written(row['high'])}"
    if not row["backtests"] or row["backtest_error"] is None:
        return range_
    held = round((row.get("backtest_held") or 0.0) * row["backtests"])
    return f"{range_}; off by {percent(row['backtest_error'])}, {held} of {row['backtests']} held"
