"""A first look at what was loaded: the head of the frame, what each model cost, and a chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from truto_usage_nb.costs import closing_line, cost_per_model
from truto_usage_nb.errors import UsageError, hearing
from truto_usage_nb.format import money, number
from truto_usage_nb.forms.drawing import bars
from truto_usage_nb.forms.look import listing, note_html, table_html

__all__ = ["Preview", "cell", "cost_rows", "preview"]

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
    rows = [[cell(value) for value in row] for row in top.select(names).rows()]
    right = [frame.schema[name].is_numeric() for name in names]
    caption = f"First {top.height} of {frame.height:,} records, {len(names)} of {len(frame.columns)} columns"
    return table_html(names, rows, right, caption)


def cell(value: Any) -> str:
    """Write one value as a person reads it.

    >>> cell(None), cell(1234567), cell(datetime(2026, 10, 1)), cell(0.000125)
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
    return number(value) if isinstance(value, int) else str(value)


_WHEN = "period_start"
_FORMATS: dict[str, Callable[[Any, str | None], str]] = {
    "cost": money,
    "other_cost": money,
    "spread_cost": money,
    "cost_per_million_tokens": money,
}


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
    rows = [
        [_FORMATS[name](row[name], row["currency"]) if name in _FORMATS else cell(row[name]) for name in names]
        for row in shown.iter_rows(named=True)
    ]
    right = [name in figures for name in names]
    labels = [name.replace("_", " ") for name in names]
    caption = f"Cost by {', '.join(name.removesuffix('_id').replace('_', ' ') for name in by) or 'currency'}"
    left = _left_by_time(table, largest, shown) if when else _left(table, shown, "smaller line", "smaller lines")
    return table_html(labels, rows, right, caption), left


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
        span = cell(first) if first == last else f"{cell(first)} to {cell(last)}"
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
