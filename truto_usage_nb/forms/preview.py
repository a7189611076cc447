"""A look at a frame: its head, what each model cost, and charts in the colours of the front end’s theme.

Charts are drawn without pyplot, so that any thread may.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import polars as pl

from truto_usage_nb.costs import closing_line, cost_per_model
from truto_usage_nb.errors import UsageError, hearing
from truto_usage_nb.format import amount_at, digits_of, escape, money, number
from truto_usage_nb.forms.look import listing, note_html, table_html
from truto_usage_nb.outside import plain
from truto_usage_nb.plots.figures import INK, RULE, SOFT

__all__ = ["Preview", "bars", "cost_rows", "over_time", "preview", "ready_to_draw"]

_ROWS, _COLUMNS, _LINES = 5, 10, 10
_MOST_LINES, _MOST_TIMED = 100, 400
_FIRST = (
    "start_date", "integrated_account_id", "report_type", "product_name", "surface", "user_email", "model_id",
    "metric_name", "usage_tokens_total", "charges_net", "charges_total", "charges_currency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preview:
    """Hold markup: the head of the frame, the cost table, the chart."""

    head: str
    costs: str
    chart: str


def preview(frame: pl.DataFrame) -> Preview:
    """Look at a frame; a cost that cannot be tabled as it is says why in its place."""
    try:
        with hearing() as said:
            table = cost_per_model(frame)
    except UsageError as problem:
        return Preview(_head(frame), listing([f"No cost table: {problem}"]), "")
    named = table.with_columns(
        model=pl.coalesce("model_id", "metric_name", pl.lit("(no model)")), model_id=None, metric_name=None
    )
    shown, left = cost_rows(named, ["model"], _LINES)
    notes = note_html(closing_line(table)) + note_html(left) + listing(said)
    return Preview(_head(frame), f"{shown}{notes}", _chart(frame, table))


def _chart(frame: pl.DataFrame, table: pl.DataFrame) -> str:
    """Draw the table's lines: money without a model under the name of what it was for."""
    named = frame.with_columns(model=pl.coalesce("model_id", "metric_name"))
    with hearing():  # the table says it already
        return bars(named, "model", table, top=_LINES)


def _head(frame: pl.DataFrame) -> str:
    top = frame.head(_ROWS)
    held = [name for name in frame.columns if top[name].null_count() < top.height and name != "query_id"]
    flat = [name for name in held if not isinstance(frame.schema[name], pl.List)]
    first = [name for name in _FIRST if name in flat]
    names = [*first, *(name for name in flat if name not in first)][:_COLUMNS]
    if not names:
        return note_html("No record came: the accounts have no usage in this period.")
    rows = [[_cell(value) for value in row] for row in top.select(names).rows()]
    right = [frame.schema[name].is_numeric() for name in names]
    caption = f"First {top.height} of {frame.height:,} records, {len(names)} of {len(frame.columns)} columns"
    return table_html(names, rows, right, caption)


def _cell(value: Any) -> str:
    """Write one value as a person reads it.

    >>> _cell(None), _cell(1234567), _cell(datetime(2026, 10, 1)), _cell(0.000125)
    ('–', '1,234,567', '2026-10-01', '0.000125')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == datetime.min.time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:,.6g}"
    return number(value) if isinstance(value, int) else plain(str(value))


_WHEN = "period_start"
_MONEY = ("cost", "other_cost", "spread_cost", "cost_per_million_tokens")


def cost_rows(table: pl.DataFrame, by: Sequence[str], top: int) -> tuple[str, str]:
    """Write the largest lines of each currency of a cost table, and a sentence on those that are left.

    With a time bucket, the lines of the `top` values that cost most over all of it; where those are too many, whole
    buckets are left out, the earliest first.
    """
    largest = _largest(table, by, top)
    shown = _latest(largest) if _WHEN in table.columns else largest.head(_MOST_LINES)
    figures = [
        name
        for name in ("cost", "tokens", "cost_per_million_tokens", "unpriced_tokens", "included_tokens", "other_cost")
        if name in table.columns and (name == "cost" or _says_something(shown[name]))
    ]
    when = [_WHEN] if _WHEN in table.columns else []
    names = [*when, *by, *figures]
    digits = _digits(shown, [name for name in names if name in _MONEY])
    rows = [
        [
            _cell(row[name]) if name not in _MONEY or row[name] is None
            else amount_at(row[name], row["currency"], digits[name, row["currency"]])
            for name in names
        ]
        for row in shown.iter_rows(named=True)
    ]  # fmt: skip
    right = [name in figures for name in names]
    labels = [name.replace("_", " ") for name in names]
    caption = f"Cost by {', '.join(name.removesuffix('_id').replace('_', ' ') for name in by) or 'currency'}"
    left = _left_by_time(table, largest, shown) if when else _left(table, shown, "smaller line", "smaller lines")
    return table_html(labels, rows, right, caption), left


def _digits(table: pl.DataFrame, names: Sequence[str]) -> dict[tuple[str, str | None], int]:
    """Give how many decimals each column of money is written with in each currency: as its largest amount needs."""
    sizes = table.group_by("currency").agg(pl.col(name).abs().max() for name in names)
    return {
        (name, row["currency"]): digits_of(row[name] or 0.0, row["currency"])
        for row in sizes.iter_rows(named=True)
        for name in names
    }


def _largest(table: pl.DataFrame, by: Sequence[str], top: int) -> pl.DataFrame:
    """Keep the lines of the values that cost most, so many in each currency; the order stays."""
    keys = ["currency", *by]
    sums = table.group_by(keys, maintain_order=True).agg(size=pl.col("cost").sum().abs())
    kept = sums.sort("size", descending=True, maintain_order=True).filter(pl.int_range(pl.len()).over("currency") < top)
    return table.join(kept.select(keys), on=keys, how="semi", nulls_equal=True, maintain_order="left")


def _latest(table: pl.DataFrame) -> pl.DataFrame:
    """Keep as many whole buckets as there is room for, the latest, and one at least; what has no time stays."""
    counts = table.drop_nulls(_WHEN).group_by(_WHEN).len().sort(_WHEN, descending=True)
    fits = counts.filter((pl.col("len").cum_sum() <= _MOST_TIMED) | (pl.int_range(pl.len()) == 0))
    return table.filter(pl.col(_WHEN).is_null() | pl.col(_WHEN).is_in(fits[_WHEN].implode()))


def _left_by_time(table: pl.DataFrame, largest: pl.DataFrame, shown: pl.DataFrame) -> str:
    """Say which buckets are left out, and apart from them which values."""
    early = largest.join(shown.select(_WHEN).unique(), on=_WHEN, how="anti", nulls_equal=True)
    said = []
    if early.height:
        first, last, count = early[_WHEN].min(), early[_WHEN].max(), early[_WHEN].n_unique()
        span = _cell(first) if first == last else f"{_cell(first)} to {_cell(last)}"
        times = "1 earlier time" if count == 1 else f"{count:,} earlier times"
        said.append(f"{times}, {span}, {_sums_between(largest, shown)} together, {_are(count)} not shown.")
    rest = _left(table, largest, "smaller line, of what costs less in all", "smaller lines, of what costs less in all")
    return " ".join([*said, rest] if rest else said)


def _says_something(values: pl.Series) -> bool:
    return bool((values.fill_null(0) != 0).any())


def _left(table: pl.DataFrame, shown: pl.DataFrame, one: str, many: str) -> str:
    count = table.height - shown.height
    if count == 0:
        return ""
    return f"{count:,} {one if count == 1 else many}, {_sums_between(table, shown)} together, {_are(count)} not shown."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _sums_between(table: pl.DataFrame, shown: pl.DataFrame) -> str:
    """What a table comes to beyond the part of it that is shown, by currency."""
    sums = [pl.col("cost").sum(), pl.len()]
    whole, part = (each.group_by("currency").agg(sums) for each in (table, shown))
    rest = whole.join(part, on="currency", how="left", nulls_equal=True, suffix="_shown").sort("currency")
    return " and ".join(
        money(row["cost"] - (row["cost_shown"] or 0.0), row["currency"])
        for row in rest.iter_rows(named=True)
        if row["len"] > (row["len_shown"] or 0)
    )


def ready_to_draw() -> None:
    """Import what draws here and now: two threads that import matplotlib at a time may find half of it."""
    import matplotlib.figure  # noqa: F401


_WIDTH = 7.2  # inches
_THEME = {
    "#000000": "var(--tu-ink)", INK: "var(--tu-ink)", SOFT: "var(--tu-quiet)", RULE: "var(--tu-line)",
    "#EAEEF2": "var(--tu-rule)", "#FFFFFF": "var(--tu-paper)",
}  # fmt: skip
_THEME_OF = {key.lower(): value for key, value in _THEME.items()}
_COLOUR = re.compile("|".join(map(re.escape, _THEME_OF)), re.IGNORECASE)
_ID = re.compile(r'((?<= )id="|href="#|url\(#)')
_SHEET = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)


def _currencies(table: pl.DataFrame) -> list[str]:
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
    for currency in _currencies(table):
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
    for currency in _currencies(table):
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
    text = _ID.sub(rf"\g<1>{uuid4().hex[:8]}-", text)  # charts of one page would share them
    named = f'<svg role="img" aria-label="{escape(name)}"'
    return f'<div class="tu-chart">{text.replace("<svg", named, 1)}</div>'
