"""Bars by name: cost by rank, what was billed against the list price, who pays, what was agreed on, seats by use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from truto_usage_nb.checks import a_mapping
from truto_usage_nb.costs import Choices, cost_per
from truto_usage_nb.costs.choices import By, Measure
from truto_usage_nb.errors import FrameError
from truto_usage_nb.format import money, percent
from truto_usage_nb.native import enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.figures import (
    GREY,
    INK,
    NAME,
    PALE,
    Charts,
    Look,
    Palette,
    asked,
    asked_again,
    bar_height,
    beside_names,
    by_rank,
    check_top,
    chosen,
    grid,
    headline,
    legend_below,
    named_rows,
    one_panel,
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
    currency_name,
    dimension,
    label,
    literal,
    money_ticks,
)
from truto_usage_nb.questions.tables import amount_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["allocation", "bars_of", "billed_against_list", "checks", "cost_bars", "seats"]


def cost_bars(
    frame: Any,
    by: By,
    *,
    top: int = 10,
    measure: Measure = "billed",
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw cost as ranked bars, the `top` largest values and all others as one, with the share of the whole.

    The bars add up to what the line under the title says. They are of one colour, since their names stand beside them;
    with `palette` each takes its own. Shares are left out where refunds make the whole 0 or less.
    `measure` and `choices` are those of `cost_per`. Gives the Axes, or a list with one for each currency.

    Raises InputError for several currencies on one `ax`, and what `cost_per` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-09-14")
    >>> tu.plots.cost_bars(usage, "product_name").get_title(loc="left")
    'Cost by product'
    """
    check_top(top)
    table = asked(cost_per, frame, by, measure=measure, **choices)
    return bars_of(table, by, top=top, measure=measure, currency=currency, palette=palette, ax=ax)


def bars_of(
    table: pl.DataFrame,
    by: By,
    *,
    top: int,
    measure: Measure,
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
) -> Charts:
    """Draw the bars of a cost table that stands ready."""
    table = with_names(table.filter(pl.col("cost").is_not_null()), by)
    shown = picked(table, currency, ax)
    looks = beside_names(palette, by_rank(table, "cost", top, shown), by)
    bars = _Ranked(table, by, top, measure, looks)
    return panels(shown, bars.draw, bars.height, ax, "no cost is stated")


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Hold what every panel draws from."""

    table: pl.DataFrame
    by: By
    top: int
    measure: Measure
    looks: dict[str, Look]

    def height(self, currency: str) -> float:
        count = self.table.filter(pl.col("currency") == currency)[NAME].n_unique()
        return bar_height(min(count, self.top + 1))

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self.table.filter(pl.col("currency") == currency)
        if rows.is_empty():
            return said_instead(ax, f"no cost is stated in {currency}")
        sums = dict(rows.group_by(NAME).agg(pl.col("cost").sum()).iter_rows())
        names = top_names(rows, "cost", self.top)
        names.sort(key=lambda name: (-sums[name], name))
        left = [cost for name, cost in sums.items() if name not in names]
        shown = [(name, name, float(sums[name])) for name in names]
        if left:
            shown.append((f"all other ({len(left):,})", OTHER, float(sum(left))))
        self._bars(ax, shown, currency)
        total = sum(cost for _, _, cost in shown)
        headline(ax, f"Cost by {dimension(self.by)}", [f"{amount(total, currency)} {MEASURE_WORDS[self.measure]}"])
        return None

    def _bars(self, ax: Axes, shown: Sequence[tuple[str, str, float]], currency: str) -> None:
        total = sum(cost for _, _, cost in shown)
        written = amounts((cost for _, _, cost in shown), currency)
        places = named_rows(ax, [name for name, _, _ in shown])
        for place, (_, key, cost) in zip(places, shown, strict=True):
            drawn = ax.barh(
                place, cost, height=0.72, color=self.looks[key].colour, hatch=self.looks[key].hatch, edgecolor="white"
            )
            share = f"  {percent(cost / total)}" if total > 0 and cost >= 0 else ""
            ax.bar_label(drawn, [literal(f"{written(cost)}{share}")], padding=4, fontsize=9)
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.margins(x=0.2)
        if all(cost >= 0 for _, _, cost in shown):
            ax.set_xlim(left=0)
        grid(ax, "x")
        ax.set_xlabel(f"cost, {currency_name(currency)}")
        money_ticks(ax.xaxis, currency)


_CENT = 0.005


def billed_against_list(
    frame: Any,
    by: By = "model_id",
    *,
    top: int = 10,
    currency: str | None = None,
    palette: Palette | None = None,
    ax: Axes | None = None,
    **choices: Unpack[Choices],
) -> Charts:
    """Draw what was billed in front of the list price: before discounts, and with usage that a plan covers.

    The `top` values by list price, each with what lies between. A vendor that states no discount counts at
    list = billed, as the cost rule has it. Bars have one colour, or those of `palette`. `choices` are those of
    `cost_per`. Gives the Axes, or a list with one for each currency.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.plots.billed_against_list(usage).get_xlabel()
    'cost, USD'
    """
    check_top(top)
    billed = asked(cost_per, frame, by, measure="billed", **choices)
    list_ = asked_again(cost_per, frame, by, measure="list", **choices)
    sums = _summed(billed, by, "billed"), _summed(list_, by, "list")
    table = sums[0].join(sums[1], on=[NAME, "currency"], how="full", coalesce=True, nulls_equal=True)
    table = table.with_columns(pl.col("billed", "list").fill_null(0.0)).sort(NAME, "currency")
    shown = picked(table, currency, ax)
    looks = beside_names(palette, by_rank(table, "list", top, shown), by)
    chart = _Against(table, by, top, looks)
    return panels(shown, chart.draw, chart.height, ax, "no cost is stated")


def _summed(table: pl.DataFrame, by: By, name: str) -> pl.DataFrame:
    stated = with_names(table.filter(pl.col("cost").is_not_null()), by)
    return stated.group_by(NAME, "currency").agg(pl.col("cost").sum().alias(name))


@dataclass(frozen=True, slots=True)
class _Against:
    """Hold what every panel draws from."""

    table: pl.DataFrame
    by: By
    top: int
    looks: dict[str, Look]

    def height(self, currency: str) -> float:
        return bar_height(min(self.table.filter(pl.col("currency") == currency).height, self.top)) + 0.1

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self.table.filter(pl.col("currency") == currency)
        if rows.is_empty():
            return said_instead(ax, f"no cost is stated in {currency}")
        shown = rows.filter(pl.col(NAME).is_in(top_names(rows, "list", self.top)))
        shown = shown.sort(["list", NAME], descending=[True, False])
        names = [str(name) for name in shown[NAME]]
        places = named_rows(ax, names if self.by is not None else ["all cost"])
        written = amounts([*shown["billed"], *shown["list"]], currency)
        for place, name, billed, list_ in zip(places, names, shown["billed"], shown["list"], strict=True):
            look = self.looks[name]
            ax.barh(place, list_, height=0.72, color=PALE, edgecolor="white")
            ax.barh(place, billed, height=0.72, color=look.colour, hatch=look.hatch, edgecolor="white")
            ax.annotate(
                literal(_between(billed, list_, written)), (max(billed, list_, 0.0), place), (4, 0),
                textcoords="offset points", va="center", fontsize=9,
            )  # fmt: skip
        low, high = min(0.0, *shown["billed"], *shown["list"]), max(0.0, *shown["billed"], *shown["list"])
        ax.set_xlim(low, (high or 1.0) * 1.42)
        ax.axvline(0, color=GREY, linewidth=0.8)
        grid(ax, "x")
        ax.set_xlabel(f"cost, {currency_name(currency)}")
        money_ticks(ax.xaxis, currency)
        by = f" by {dimension(self.by)}" if self.by is not None else ""
        headline(ax, f"Billed against list price{by}", [_against_line(rows, shown.height, currency)])
        return None


def _against_line(rows: pl.DataFrame, shown: int, currency: str) -> str:
    billed, list_ = float(rows["billed"].sum()), float(rows["list"].sum())
    left = f"; {rows.height - shown:,} smaller not shown" if rows.height > shown else ""
    lower = f", {percent((list_ - billed) / list_)} below" if list_ - billed > _CENT and list_ > 0 else ""
    return f"{amount(billed, currency)} billed of {amount(list_, currency)} at list price (grey){lower}{left}"


def _between(billed: float, list_: float, written: Callable[[float], str]) -> str:
    if abs(list_ - billed) < _CENT:
        return f"{written(billed)}, at list"
    if list_ < billed or list_ <= 0:
        return f"{written(billed)} for {written(list_)}"
    return f"{written(billed)} of {written(list_)}, {percent((list_ - billed) / list_)} below"


_UNALLOCATED = "(unallocated)"
_PARTS = {
    "direct_cost": "placed by a rule",
    "shared_cost": "from a shared pool",
    "purchased_cost": "seats and purchases",
}
_OF_AN_ALLOCATION = ("target", "currency", "cost", *_PARTS)


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
    require(enter(allocated), _OF_AN_ALLOCATION, "A chart of an allocation (of a table that allocate makes)")
    marks = a_mapping("budgets", budgets, "{'mobile': 9000}")
    table = table_of(allocated).filter(pl.col("cost").is_not_null())
    table = table.group_by("target", "currency").agg(pl.col("cost", *_PARTS).sum())
    limits = {str(name): amount_given(f"budgets[{shown(name)}]", value) for name, value in marks.items()}
    looks = dict(chosen(palette).looks(_PARTS.values(), "part of a cost"))
    bars = _Payers(table, top, looks, limits)
    return panels(picked(table, currency, ax), bars.draw, bars.height, ax, "nothing was allocated")


@dataclass(frozen=True, slots=True)
class _Payers:
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
            pl.col("target").fill_null(_UNALLOCATED)
        )

    def draw(self, ax: Axes, currency: str) -> None:
        rows = self._rows(currency)
        if rows.is_empty():
            return said_instead(ax, f"nothing was allocated in {currency}")
        places = named_rows(ax, rows["target"].to_list())
        handles: dict[str, Any] = {}
        total = float(rows["cost"].sum())
        written = amounts(rows["cost"], currency)
        for place, row in zip(places, rows.iter_rows(named=True), strict=True):
            self._bar(ax, place, row, handles)
            marked = self._said(ax, place, row, total, written)
            handles |= {"budget": marked} if marked is not None else {}
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.margins(x=0.22)
        if (rows["cost"] >= 0).all():
            ax.set_xlim(left=0)
        grid(ax, "x")
        ax.set_xlabel(f"cost after credits and tax, {currency_name(currency)}")
        money_ticks(ax.xaxis, currency)
        if len(handles) > 1:
            legend_below(ax, list(handles.values()), list(handles))
        missed = float(rows.filter(pl.col("target") == _UNALLOCATED)["cost"].sum())
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
            colour = GREY if row["target"] == _UNALLOCATED else look.colour
            drawn = ax.barh(place, value, left=begun[value > 0], height=0.72, color=colour, hatch=look.hatch,
                            edgecolor="white")  # fmt: skip
            begun[value > 0] += value
            if row["target"] == _UNALLOCATED:
                handles["no rule reached it"] = drawn
            else:
                handles.setdefault(words, drawn)

    def _said(
        self, ax: Axes, place: float, row: Mapping[str, Any], total: float, written: Callable[[float], str]
    ) -> Any:
        """Write what a bar comes to, and mark its budget; gives the mark."""
        cost = float(row["cost"])
        said = written(cost)
        said += f"  {percent(cost / total)}" if total > 0 and cost >= 0 else ""
        if row["shared_cost"] < 0:
            said = f"{written(cost)}  ({written(-float(row['shared_cost']))} handed out)"
        at = max(cost, 0.0)
        budget, marked = self.budgets.get(row["target"]), None
        if budget is not None:
            (marked,) = ax.plot([budget, budget], [place - 0.42, place + 0.42], color=INK, linewidth=1.6)
            said += f"  of {written(budget)}"
            at = max(at, budget)
        ax.annotate(literal(said), (at, place), (4, 0), textcoords="offset points", va="center", fontsize=9)
        return marked


_UNUSED = ("idle", "never seen")
_BESIDE = "seen, not on the roster"
"""The status of people who are no seats."""
_OF_SEATS = ("integration", "status", "idle_cost", "currency")


def seats(table: Any, *, roster: bool = True, palette: Palette | None = None, ax: Axes | None = None) -> Axes:
    """Draw how many seats of each vendor are in which status, from a table of `tu.seats`, and what the idle ones cost.

    A bar holds the seats of the roster; how many people were seen beside it is a number of its own, written and not
    drawn. `roster=False` says that the table was made without one: then the bars are people seen, and called so.
    Counts have no currency, so this is one chart; the money beside a bar is written in each currency that it has.
    Raises FrameError for a table that lacks what is drawn.
    """
    require(enter(table), _OF_SEATS, "A chart of seats (of a table that seats makes)")
    rows = table_of(table).select(pl.col("integration", "status").fill_null("unknown"), "idle_cost", "currency")
    what = "seat" if roster else "person seen"
    counts = rows.filter(pl.col("status") != _BESIDE).group_by("integration", "status").len()
    statuses = sorted(counts["status"].unique(), key=lambda status: (status != "active", status))
    looks = chosen(palette).looks(statuses, "status")
    height = bar_height(rows["integration"].n_unique()) + 0.4
    drawn = {each: looks[each] for each in statuses}
    return one_panel(lambda axes: _draw_seats(axes, rows, counts, drawn, what), height, ax)


def _draw_seats(ax: Axes, rows: pl.DataFrame, counts: pl.DataFrame, looks: Mapping[str, Look], what: str) -> None:
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
        ax.annotate(literal(said), (totals[name], place), (5, 0),
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


_STATUSES = {
    "ok": ("hold", "#0072B2"), "breached": ("breached", "#D55E00"), "not judged": ("could not be judged", GREY),
}  # fmt: skip
_OF_CHECKS = ("check", "name", "status", "currency", "value", "limit")


def checks(checked: Any, *, ax: Axes | None = None) -> Axes:
    """Draw how far each budget, and each limit on a unit price, is used, from a table of `tu.check_usage`.

    A bar is a share of the limit, which is the line at 100 %: so currencies stand side by side and are never added.
    Checks that know no such limit, as of unusual days, are counted in the line under the title. Raises FrameError for a
    table that lacks what is drawn.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-10-05")
    >>> budget = {"total": True, "amount": 1_000, "currency": "USD", "period": "day"}
    >>> tu.plots.checks(tu.check_usage(usage, {"version": 1, "budgets": [budget]})).get_title(loc="left")
    'What was agreed on'
    """
    require(enter(checked), _OF_CHECKS, "A chart of checks (of a table that check_usage makes)")
    rows = table_of(checked)
    for name in ("value", "limit"):
        if not rows.schema[name].is_numeric():
            raise FrameError(f"{name} holds {rows.schema[name]}, no number; give a table of check_usage as it is.")
    some = rows.filter(pl.col("check").is_in(["budget", "unit_price"]) & (pl.col("limit") > 0) & (pl.col("value") >= 0))
    drawn = some.with_columns(share=pl.col("value") / pl.col("limit")).sort("share", "name", descending=[True, False])
    return one_panel(lambda axes: _draw_checks(axes, rows, drawn), bar_height(drawn.height) + 0.3, ax)


def _draw_checks(ax: Axes, rows: pl.DataFrame, drawn: pl.DataFrame) -> None:
    from matplotlib.ticker import PercentFormatter

    counts = {status: rows.filter(pl.col("status") == status).height for status in _STATUSES}
    said = ", ".join(f"{counts[status]} {words}" for status, (words, _) in _STATUSES.items() if counts[status])
    if drawn.is_empty():
        return said_instead(ax, said or "nothing was checked")
    named = [str(row["name"]) if row["check"] == "unit_price" else f"budget {row['name']}" for row in drawn.to_dicts()]
    for place, row in zip(named_rows(ax, named), drawn.iter_rows(named=True), strict=True):
        colour = _STATUSES.get(row["status"], ("", GREY))[1]
        ax.barh(place, row["share"], height=0.72, color=colour, edgecolor="white")
        text = literal(f"{amount(row['value'], row['currency'])} of {amount(row['limit'], row['currency'])}")
        at = (max(1.0, row["share"]), place)  # behind the line, which would run through it
        ax.annotate(text, at, (5, 0), textcoords="offset points", va="center", fontsize=9)
    ax.axvline(1, color=INK, linewidth=1.2)
    ax.set_xlim(0, 1.35 * max(1.0, *drawn["share"]))
    grid(ax, "x")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("of the limit, tolerance included")
    headline(ax, "What was agreed on", [said])
    return None
