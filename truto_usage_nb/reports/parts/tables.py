"""Tables a person reads, by great-tables: money in its currency, currencies in blocks, never added."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from truto_usage_nb.format import money, number, percent
from truto_usage_nb.reports.parts.markup import Html, notes

__all__ = [
    "NOBODY",
    "PINNED",
    "Column",
    "count",
    "day",
    "dollars",
    "millions",
    "part",
    "price",
    "share",
    "spend",
    "table",
    "text",
]

NOBODY = "(not attributed)"
PINNED = "pinned"
_STYLE = re.compile(r"<style>.*?</style>\s*", re.DOTALL)
_DIV = re.compile(r'^<div id="[^"]*" style="[^"]*">', re.MULTILINE)
_LEFT = ("text", "day")
_ADDS_UP = ("money", "count", "millions", "part")
_CURRENCY = {None: "no money stated", "XXX": "currency not stated (XXX)"}


class Column(NamedTuple):
    """Say how a column is headed and how its values are written."""

    label: str
    kind: str = "text"


def text(label: str) -> Column:
    """Words; a missing value is nobody's."""
    return Column(label)


def spend(label: str) -> Column:
    """Money in the line's own currency."""
    return Column(label, "money")


def dollars(label: str) -> Column:
    """Money in US dollars, whatever the line's currency: an estimate at list prices."""
    return Column(label, "dollars")


def price(label: str) -> Column:
    """A price, with more digits than money has."""
    return Column(label, "price")


def count(label: str) -> Column:
    """A count."""
    return Column(label, "count")


def millions(label: str) -> Column:
    """A count, in millions."""
    return Column(label, "millions")


def share(label: str) -> Column:
    """A share between 0 and 1."""
    return Column(label, "share")


def part(label: str) -> Column:
    """A share of the whole, which adds up."""
    return Column(label, "part")


def day(label: str) -> Column:
    """A date."""
    return Column(label, "day")


def _id(name: str) -> str:
    r"""Give an id for the page: a name may be a column of the reader's own, with whatever stands in it.

    >>> _id('where-x"><b>')
    't-where-x-b-'
    """
    return "t-" + re.sub(r"[^\w-]+", "-", name)


def table(
    frame: pl.DataFrame,
    columns: Mapping[str, Column],
    *,
    name: str,
    order: Sequence[str] = (),
    title: str | None = None,
    totals: Sequence[str] = (),
    top: int | None = None,
    below: Sequence[str] = (),
) -> Html:
    """Show a frame's `columns`, a block a currency where there are several, with a total of `totals` under each block.

    `order` says which currency comes first; `top` keeps that many lines of each block and adds the others up in one;
    `name` identifies the table in the page.
    """
    from great_tables import GT, loc, style

    shown, kinds = _lines(_in_order(frame, order), columns, totals, top)
    blocks = "currency" in shown.columns and shown["currency"].n_unique() > 1
    body = shown.select(
        *([pl.Series("block", [_CURRENCY.get(c, c) for c in shown["currency"]])] if blocks else []),
        *(_written(shown, key, column) for key, column in columns.items()),
    )
    made = GT(body, id=_id(name), groupname_col="block" if blocks else None)
    made = made.cols_label({key: column.label for key, column in columns.items()})
    made = made.cols_align("left", [key for key, column in columns.items() if column.kind in _LEFT])
    made = made.cols_align("right", [key for key, column in columns.items() if column.kind not in _LEFT])
    dates = [key for key, column in columns.items() if column.kind == "day"]
    if dates:
        made = made.tab_style(style.css("white-space: nowrap"), loc.body(columns=dates))
    if title is not None:
        made = made.tab_header(title=title)
    sums = [i for i, kind in enumerate(kinds) if kind == "total"]
    if sums:
        made = made.tab_style(style.text(weight="bold"), loc.body(rows=sums))
    return Html(_bare(made.as_raw_html())) + notes(below)


def _bare(markup: str) -> str:
    """Leave the style to the page: great-tables brings 10 kB of its own for each table."""
    return _DIV.sub("<div>", _STYLE.sub("", markup), count=1)


def _in_order(frame: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Put the currencies' blocks in an order, the lines of each as they come; what it does not name comes last."""
    if not order or "currency" not in frame.columns:
        return frame
    places = {one: place for place, one in enumerate(order)}
    place = pl.col("currency").replace_strict(places, default=len(order), return_dtype=pl.Int64)
    return frame.sort(place, maintain_order=True)


def _lines(
    frame: pl.DataFrame, columns: Mapping[str, Column], totals: Sequence[str], top: int | None
) -> tuple[pl.DataFrame, list[str]]:
    """Give the lines to show, block by block, and which of them are totals.

    Lines marked `PINNED` stand last and are never among the others that are added up.
    """
    currency = "currency" in frame.columns
    dates = [key for key, column in columns.items() if column.kind == "day" and key in frame.columns]
    frame = frame.with_columns(pl.col(dates).dt.strftime("%Y-%m-%d"))
    parts, kinds = [], list[str]()
    for block in frame.partition_by("currency", maintain_order=True) if currency else [frame]:
        pinned = block.filter(pl.col(PINNED)) if PINNED in block.columns else block.clear()
        ranked = block.filter(~pl.col(PINNED)) if PINNED in block.columns else block
        kept = ranked if top is None or ranked.height <= top + 1 else ranked.head(top)
        rest = ranked.slice(kept.height)
        parts += [kept, *([_sum(rest, columns, f"{rest.height:,} others")] if rest.height else []), pinned]
        kinds += ["line"] * (kept.height + min(1, rest.height) + pinned.height)
        if totals and block.height > 1 and _adds_up(block, totals):
            parts.append(_sum(block, {key: columns[key] for key in columns if key in totals}, "total", columns))
            kinds.append("total")
    return (pl.concat(parts, how="diagonal_relaxed") if parts else frame), kinds


def _adds_up(block: pl.DataFrame, totals: Sequence[str]) -> bool:
    return any(block[name].null_count() < block.height for name in totals)


def _sum(
    block: pl.DataFrame, summed: Mapping[str, Column], label: str, named: Mapping[str, Column] | None = None
) -> pl.DataFrame:
    """Add a block's lines up; prices and shares have no sum, and a sum of unknowns is unknown."""
    adding = [key for key, column in summed.items() if column.kind in _ADDS_UP]
    known = [pl.when(pl.col(k).is_not_null().any()).then(pl.col(k).sum()).alias(k) for k in adding]
    words = [key for key, column in (named or summed).items() if column.kind in _LEFT]
    said = [pl.lit(label if place == 0 else "", dtype=pl.String).alias(key) for place, key in enumerate(words)]
    keys = [pl.col("currency").first()] if "currency" in block.columns else []
    return block.select(*keys, *known).with_columns(said)


def _written(frame: pl.DataFrame, key: str, column: Column) -> pl.Series:
    currencies = frame["currency"].to_list() if "currency" in frame.columns else [None] * frame.height
    if key not in frame.columns:
        return pl.Series(key, ["–"] * frame.height, dtype=pl.String)
    cells = zip(frame[key].to_list(), currencies, strict=True)
    return pl.Series(key, [_cell(value, currency, column.kind) for value, currency in cells], dtype=pl.String)


def _cell(value: Any, currency: str | None, kind: str) -> str:
    if value is None:
        return NOBODY if kind == "text" else "–"
    if isinstance(value, float):
        value = round(value, 9)  # what lies beyond comes of adding in another order, and must not show
    if kind == "money":
        return money(value, currency)
    if kind == "price":
        return money(value, currency, digits=4 if abs(value) < 10 else 2)
    return _WRITERS[kind](value)


def _in_millions(value: float) -> str:
    size = abs(value) / 1e6
    return "0" if not value else "<0.1" if size < 0.1 else f"{value / 1e6:,.{0 if size >= 10 else 1}f}"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "share": percent,
    "part": percent,
    "dollars": lambda value: money(value, "USD"),
    "day": str,
    "millions": _in_millions,
    "count": number,
}
