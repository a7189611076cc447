"""Markup that a notebook shows as it is: notes, figures, tables a person reads, and how names and days are written.

Everything that came from outside is escaped before it gets here. Tables are made by great-tables: money in its
currency, currencies in blocks, never added.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from html import escape
from typing import Any, NamedTuple

import polars as pl

from truto_usage_nb.format import money, number, percent
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import collect, enter
from truto_usage_nb.planning import Period
from truto_usage_nb.prices import unit_prices

__all__ = [
    "NOBODY",
    "PINNED",
    "Html",
    "TableColumn",
    "a_day",
    "count",
    "days_name",
    "dollars",
    "figure",
    "fold",
    "joined",
    "label_of",
    "millions",
    "note",
    "notes",
    "pairs",
    "part",
    "plural",
    "price",
    "share",
    "span_name",
    "spend",
    "table",
    "text",
    "warm",
]

_DPI = 144


class Html:
    """Hold markup; `+` puts two pieces below each other."""

    __slots__ = ("markup",)

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def __add__(self, other: Html) -> Html:
        return Html(f"{self.markup}\n{other.markup}")

    def _repr_html_(self) -> str:
        return self.markup

    def __repr__(self) -> str:
        return "Html(...)"


def pairs(rows: Mapping[str, str]) -> Html:
    """Show names and values in two columns."""
    body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return Html(f'<table class="pairs"><tbody>{body}</tbody></table>')


def note(text: str) -> Html:
    """Show a remark in small print."""
    return Html(f'<p class="note">{escape(text)}</p>')


def notes(texts: Iterable[str]) -> Html:
    """Show several remarks in small print, each once."""
    return Html("".join(note(text).markup for text in dict.fromkeys(texts)))


def fold(summary: str, lines: Iterable[str]) -> Html:
    """Fold lines of code under a summary."""
    body = "".join(f"<code>{escape(line)}</code>" for line in lines)
    return Html(f'<details class="fold"><summary>{escape(summary)}</summary>{body}</details>')


def figure(drawn: Any, caption: str) -> Html:
    """Show a chart (an Axes, a Figure, or several Axes of one) as a picture with its description for those who do not
    see it, the same bytes each time, and close it."""
    import base64

    import matplotlib.pyplot as plt

    whole = _figure_of(drawn)
    picture = _picture(whole)
    plt.close(whole)
    data = base64.b64encode(picture).decode("ascii")
    width = int.from_bytes(picture[16:20], "big") * 2 // 3
    return Html(f'<figure><img alt="{escape(caption)}" width="{width}" src="data:image/png;base64,{data}"></figure>')


def _picture(whole: Any) -> bytes:
    """Draw a figure as PNG, cut to what is drawn.

    To cut, matplotlib draws a figure twice. One that lays itself out needs no more than the layout to be measured, so
    that is done here, and it is drawn once.
    """
    import io

    from matplotlib import rcParams
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    cut: Any = "tight"
    layout = whole.get_layout_engine()
    if layout is not None:
        whole.dpi = _DPI
        measure = FigureCanvasAgg(whole).get_renderer()  # type: ignore[no-untyped-call]
        layout.execute(whole)
        whole.set_layout_engine(None)
        cut = whole.get_tightbbox(measure).padded(rcParams["savefig.pad_inches"])
    held = io.BytesIO()
    whole.savefig(held, format="png", dpi=_DPI, bbox_inches=cut, metadata={"Software": None})
    return held.getvalue()


def _figure_of(drawn: Any) -> Any:
    if hasattr(drawn, "savefig"):
        return drawn
    first = drawn.flat[0] if hasattr(drawn, "flat") else drawn[0] if isinstance(drawn, list | tuple) else drawn
    return first.get_figure(root=True)


def joined(names: Iterable[str]) -> str:
    """Write a list as a sentence has it.

    >>> joined(["a", "b", "c"]), joined(["a"])
    ('a, b and c', 'a')
    """
    listed = list(names)
    return f"{', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else "".join(listed)


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun.

    >>> plural(1, "day"), plural(1200, "query", "queries")
    ('1 day', '1,200 queries')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


_INSTANT = timedelta(microseconds=1)


def label_of(integration: str | None) -> str:
    """Give a vendor's name as people write it."""
    known = INTEGRATIONS.get(integration or "")
    return known.label if known is not None else integration or "unknown"


def days_name(span: Period) -> str:
    """Write a period as a sentence has it: a month by its name, a day with its weekday, else its first and last day.

    >>> days_name(Period.parse("2026-10")), days_name(Period.parse("2026-10-04"))
    ('October 2026', 'Sunday 4 October 2026')
    >>> days_name(Period.parse(("2026-10-01", "2026-10-22"))), days_name(Period.parse(("2026-09-28", "2026-10-05")))
    ('1 to 21 October 2026', '28 September to 4 October 2026')
    """
    named = span_name(span)
    if not named[0].isdigit() or named.isdigit():
        return named
    first, last = span.start, span.end - _INSTANT
    if first.date() == last.date():
        return f"{first:%A} {_day_name(first)}"
    same = (first.year == last.year, first.month == last.month)
    return f"{_day_name(first, month=not all(same), year=not same[0])} to {_day_name(last)}"


def span_name(span: Period) -> str:
    """Write a period as people say it.

    >>> span_name(Period.parse("2026-10")), span_name(Period.parse(("2026-10-05", "2026-10-08")))
    ('October 2026', '2026-10-05 to 2026-10-07')
    """
    if span == Period.parse(f"{span.start:%Y-%m}"):
        return f"{span.start:%B %Y}"
    if span == Period.parse(f"{span.start:%Y}"):
        return f"{span.start:%Y}"
    last = span.end - _INSTANT
    return f"{span.start:%Y-%m-%d}" if last.date() == span.start.date() else f"{span.start:%Y-%m-%d} to {last:%Y-%m-%d}"


def _day_name(moment: datetime, *, month: bool = True, year: bool = True) -> str:
    return f"{moment.day}" + (f" {moment:%B}" if month or year else "") + (f" {moment:%Y}" if year else "")


NOBODY = "(not attributed)"
PINNED = "pinned"
_STYLE = re.compile(r"<style>.*?</style>\s*", re.DOTALL)
_DIV = re.compile(r'^<div id="[^"]*" style="[^"]*">', re.MULTILINE)
_LEFT = ("text", "day")
_ADDS_UP = ("money", "count", "millions", "part")
_CURRENCY = {None: "no money stated", "XXX": "currency not stated (XXX)"}


class TableColumn(NamedTuple):
    """Say how a column is headed and how its values are written."""

    label: str
    kind: str = "text"


def text(label: str) -> TableColumn:
    """Words; a missing value is nobody's."""
    return TableColumn(label)


def spend(label: str) -> TableColumn:
    """Money in the line's own currency."""
    return TableColumn(label, "money")


def dollars(label: str) -> TableColumn:
    """Money in US dollars, whatever the line's currency: an estimate at list prices."""
    return TableColumn(label, "dollars")


def price(label: str) -> TableColumn:
    """A price, with more digits than money has."""
    return TableColumn(label, "price")


def count(label: str) -> TableColumn:
    """A count."""
    return TableColumn(label, "count")


def millions(label: str) -> TableColumn:
    """A count, in millions."""
    return TableColumn(label, "millions")


def share(label: str) -> TableColumn:
    """A share between 0 and 1."""
    return TableColumn(label, "share")


def part(label: str) -> TableColumn:
    """A share of the whole, which adds up."""
    return TableColumn(label, "part")


def a_day(label: str) -> TableColumn:
    """A date."""
    return TableColumn(label, "day")


def _id(name: str) -> str:
    r"""Give an id for the page: a name may be a column of the reader's own, with whatever stands in it.

    >>> _id('where-x"><b>')
    't-where-x-b-'
    """
    return "t-" + re.sub(r"[^\w-]+", "-", name)


def table(
    frame: pl.DataFrame,
    columns: Mapping[str, TableColumn],
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
    frame: pl.DataFrame, columns: Mapping[str, TableColumn], totals: Sequence[str], top: int | None
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
    block: pl.DataFrame, summed: Mapping[str, TableColumn], label: str, named: Mapping[str, TableColumn] | None = None
) -> pl.DataFrame:
    """Add a block's lines up; prices and shares have no sum, and a sum of unknowns is unknown."""
    adding = [key for key, column in summed.items() if column.kind in _ADDS_UP]
    known = [pl.when(pl.col(k).is_not_null().any()).then(pl.col(k).sum()).alias(k) for k in adding]
    words = [key for key, column in (named or summed).items() if column.kind in _LEFT]
    said = [pl.lit(label if place == 0 else "", dtype=pl.String).alias(key) for place, key in enumerate(words)]
    keys = [pl.col("currency").first()] if "currency" in block.columns else []
    return block.select(*keys, *known).with_columns(said)


def _written(frame: pl.DataFrame, key: str, column: TableColumn) -> pl.Series:
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


def warm() -> None:
    """Draw a chart, set a table and ask a price: libraries are imported and lists read while the figures still load."""
    import matplotlib.pyplot as plt

    frame = pl.DataFrame({"nothing": [0]})
    collect(enter(frame).frame)
    table(frame, {"nothing": TableColumn("Nothing", "count")}, name="nothing")
    unit_prices("gpt-5", "openai", date(2026, 1, 1))
    _, axes = plt.subplots(layout="constrained")
    figure(axes, "nothing")
    gc.freeze()  # what is imported stays: no cell should wait while the collector looks through it
