"""Markup that a notebook shows as it is: notes, figures, tables a person reads, and how names and days are written.

Everything that came from outside is escaped, and a name that is written from right to left, or says it is, turns no
letter beside it. In tables money has one precision; currencies stand in blocks and are never added.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from html import escape
from typing import Any, NamedTuple

import polars as pl

from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.format import NO_FORMULA, amount_at, digits_of, money, number, percent
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import collect, enter
from truto_usage_nb.prices import unit_prices
from truto_usage_nb.reports.spans import days_name, span_name, stretches

__all__ = [
    "NOBODY",
    "PINNED",
    "UNLABELLED",
    "Html",
    "TableColumn",
    "a_day",
    "answered",
    "as_written",
    "code_lines",
    "count",
    "days_name",
    "dollars",
    "effect",
    "figure",
    "fold",
    "id_text",
    "in_its_currency",
    "in_words",
    "isolated_html",
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
    "stretches",
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
        return f'<div class="{NO_FORMULA}">{self.markup}</div>' if self.markup else ""

    def __repr__(self) -> str:
        return "Html(...)"


def pairs(rows: Mapping[str, str]) -> Html:
    """Show names and values in two columns."""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{isolated_html(value)}</td></tr>' for name, value in rows.items()
    )
    caption = f'<caption class="unseen">{escape(", ".join(rows))}</caption>'
    return Html(f'<table class="pairs">{caption}<tbody>{body}</tbody></table>')


def answered(sentences: Iterable[str]) -> Html:
    """Show what a page says first, a paragraph a sentence; a number is not torn from its sign."""
    body = "".join(f"<p>{escape(each).replace(' %', '&nbsp;%')}</p>" for each in sentences if each)
    return Html(f'<div class="answer">{body}</div>')


def note(text: str) -> Html:
    """Show a remark in small print; an amount that a table calls XXX is said to be without a currency.

    >>> note("XXX 684.35 and $2 are left").markup
    '<p class="note">684.35, currency not stated and $2 are left</p>'
    """
    said = _NAMELESS.sub(r"\1\2, currency not stated", text)
    return Html(f'<p class="note">{escape(said)}</p>')


_NAMELESS = re.compile(rf"(-?)\b{UNSTATED} ([\d,.]*\d)")


def notes(texts: Iterable[str]) -> Html:
    """Show several remarks in small print, each once."""
    return Html("".join(note(text).markup for text in dict.fromkeys(texts)))


def code_lines(lines: Iterable[str]) -> Html:
    """Set lines of code, one below the other."""
    return Html("".join(f"<code>{escape(line)}</code>" for line in lines))


def fold(summary: str, inside: Html) -> Html:
    """Fold what is fine, was said, or is code, under a summary."""
    return Html(f'<details class="fold"><summary>{escape(summary)}</summary>{inside.markup}</details>')


_TURNS = re.compile(
    "[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Letters that are written from right to left, and what turns the direction of others."""
_ISOLATES = str.maketrans("", "", "\u2066\u2067\u2068\u2069")


def isolated_html(text: str) -> str:
    r"""Escape a text that stands for itself, such as a cell's: one that turns the direction of writing turns no other.

    >>> isolated_html("a<b"), isolated_html("exe.\u202egpj")
    ('a&lt;b', '<bdi>exe.\u202egpj</bdi>')
    """
    return f"<bdi>{escape(text)}</bdi>" if _TURNS.search(text) else escape(text)


def in_words(name: str) -> str:
    r"""Give a name as it may stand in a sentence of ours: one that turns the direction of writing is isolated.

    >>> in_words("codex"), in_words("exe.\u202egpj")
    ('codex', '\u2068exe.\u202egpj\u2069')
    """
    return f"\u2068{name.translate(_ISOLATES)}\u2069" if _TURNS.search(name) else name


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


def in_its_currency(amount: float, currency: str, digits: int | None = None) -> str:
    """Write an amount for a sentence.

    >>> in_its_currency(684.35, "XXX"), in_its_currency(12.0, "CHF")
    ('684.35, currency not stated', 'CHF 12.00')
    """
    if currency != UNSTATED:
        return money(amount, currency, digits=digits)
    return f"{amount_at(amount, None, digits)}, {_CURRENCY[UNSTATED]}"


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


def label_of(integration: str | None) -> str:
    """Give a vendor's name as people write it."""
    known = INTEGRATIONS.get(integration or "")
    return known.label if known is not None else integration or "unknown"


NOBODY, UNLABELLED = "(not attributed)", "(unlabelled)"
"""Whose money it is that a vendor does not tell by this; who is not in the reader's table of labels."""
PINNED = "pinned"
_LEFT = ("text", "day", "id")
_ADDS_UP = ("money", "effect", "count", "millions", "part")
_SPEND = ("money", "effect")
_CURRENCY = {None: "no amount stated", UNSTATED: "currency not stated"}


class TableColumn(NamedTuple):
    """Say how a column is headed and how its values are written."""

    label: str
    kind: str = "text"


def text(label: str) -> TableColumn:
    """Words; a missing value is nobody's."""
    return TableColumn(label)


def id_text(label: str) -> TableColumn:
    """An id, or the API's own word: small, for whoever looks it up there; what has none stays empty."""
    return TableColumn(label, "id")


def spend(label: str) -> TableColumn:
    """Money in the line's own currency."""
    return TableColumn(label, "money")


def effect(label: str) -> TableColumn:
    """Money that is a part of what another column says: nothing is a dash, as in the books."""
    return TableColumn(label, "effect")


def as_written(label: str) -> TableColumn:
    """Amounts of several currencies, written already."""
    return TableColumn(label, "stated")


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
    drop: Sequence[str] = (),
    bill: Mapping[str, float] | None = None,
) -> Html:
    """Show a frame's `columns`, a block a currency where there are several, with a total of `totals` under each block.

    Money has one precision in a block: whole units where the largest amount, or what `bill` says of the currency, is
    1,000 or more. `order` says which
    currency comes first; `top` keeps that many lines of each block and adds the others up in one; of `drop` those
    columns are left out in which nothing stands; `name` identifies the table in the page, `title` heads it.
    """
    columns = {key: column for key, column in columns.items() if key not in drop or _says_something(frame, key)}
    shown, kinds = _lines(_in_order(frame, order), columns, totals, top)
    if not shown.height:
        return note(f"{title}: no record states any." if title else "No record states any.") + notes(below)
    blocks = list(_blocks(shown, kinds))
    currencies = [currency for currency, _, _ in blocks]
    headed = "currency" in shown.columns and (len(blocks) > 1 or currencies == [UNSTATED])
    heads = "".join(
        f'<th scope="col" class="{_side(column)}">{escape(column.label)}</th>' for column in columns.values()
    )
    bodies = "".join(
        _body(block, columns, some, (len(columns) if headed else 0, currency), bill or {})
        for currency, block, some in blocks
    )
    listed = ", ".join(column.label for column in columns.values())
    caption = (
        f"<caption>{isolated_html(title)}</caption>" if title else f'<caption class="unseen">{escape(listed)}</caption>'
    )
    head = f"<thead><tr>{heads}</tr></thead>"
    return Html(f'<table class="figures" id="{_id(name)}">{caption}{head}{bodies}</table>') + notes(below)


def _says_something(frame: pl.DataFrame, key: str) -> bool:
    if key not in frame.columns:
        return False
    stated = frame[key].drop_nulls()
    if stated.dtype.is_numeric():
        return bool((stated.abs() >= _NOTHING).any())
    return bool((stated != "").any()) if stated.dtype == pl.String else bool(stated.len())


_NOTHING = 5e-10


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
    """Give the lines to show, block by block, and which of them are totals, or members of a group above them.

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
        grouped, how = _grouped(pinned, columns)
        parts += [kept, *([_sum(rest, columns, f"{rest.height:,} others")] if rest.height else []), *grouped]
        kinds += ["line"] * (kept.height + min(1, rest.height)) + how
        if totals and block.height > 1 and _adds_up(block, totals):
            parts.append(_sum(block, {key: columns[key] for key in columns if key in totals}, "total", columns))
            kinds.append("total")
    return (pl.concat(parts, how="diagonal_relaxed") if parts else frame), kinds


def _grouped(pinned: pl.DataFrame, columns: Mapping[str, TableColumn]) -> tuple[list[pl.DataFrame], list[str]]:
    """Put what is nobody's vendor by vendor under one line that adds it up."""
    first = next(iter(columns))
    if not pinned.height or pinned.schema.get(first) != pl.String:
        return [pinned], ["line"] * pinned.height
    parts, kinds = list[pl.DataFrame](), list[str]()
    of = pl.col(first).str.starts_with
    for word in (NOBODY, UNLABELLED):
        members = pinned.filter(of(f"{word} "))
        if members.height > 1:
            members = members.with_columns(pl.col(first).str.strip_prefix(f"{word} "))
            parts += [_sum(members, columns, word), members]
            kinds += ["line", *["member"] * members.height]
        else:
            parts.append(members)
            kinds += ["line"] * members.height
    rest = pinned.filter(~of(f"{NOBODY} ") & ~of(f"{UNLABELLED} "))
    return [*parts, rest], [*kinds, *["line"] * rest.height]


def _adds_up(block: pl.DataFrame, totals: Sequence[str]) -> bool:
    return any(name in block.columns and block[name].null_count() < block.height for name in totals)


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


def _blocks(shown: pl.DataFrame, kinds: Sequence[str]) -> Iterator[tuple[str | None, pl.DataFrame, Sequence[str]]]:
    if "currency" not in shown.columns or not shown.height:
        yield None, shown, kinds
        return
    begun = 0
    for block in shown.partition_by("currency", maintain_order=True):
        yield block["currency"][0], block, kinds[begun : begun + block.height]
        begun += block.height


def _body(
    block: pl.DataFrame,
    columns: Mapping[str, TableColumn],
    kinds: Sequence[str],
    headed: tuple[int, str | None],
    bill: Mapping[str, float],
) -> str:
    """Write the lines of one currency; where it is headed, over so many columns, its name stands above them."""
    heading, currency = headed
    above = (
        f'<tr class="block"><th scope="rowgroup" colspan="{heading}">{escape(_CURRENCY.get(currency, currency) or "")}'
        "</th></tr>" if heading else ""
    )  # fmt: skip
    held = [key for key in columns if key in block.columns]
    digits = _precision(currency, [block[key] for key in held if columns[key].kind in _SPEND], bill)
    usd = _precision("USD", [block[key] for key in held if columns[key].kind == "dollars"], bill)
    prices = [abs(value) for key in held if columns[key].kind == "price" for value in block[key].drop_nulls()]
    how = _Precision(currency, digits, usd, 2 if max(prices, default=0.0) >= 10 else 4)
    lines = []
    for row, kind in zip(block.iter_rows(named=True), kinds, strict=True):
        cells = "".join(
            f'<td class="{_side(column)}">{_cell(row.get(key), column.kind, how)}</td>'
            for key, column in columns.items()
        )
        lines.append(f'<tr class="{kind}">{cells}</tr>' if kind != "line" else f"<tr>{cells}</tr>")
    return f"<tbody>{above}{''.join(lines)}</tbody>"


def _side(column: TableColumn) -> str:
    return {"text": "words", "id": "words id", "day": "day", "stated": "stated"}.get(column.kind, "number")


class _Precision(NamedTuple):
    """Hold a block's currency, and the decimals of its money, its US dollars and its prices."""

    currency: str | None
    money: int
    dollars: int
    price: int


def _precision(currency: str | None, amounts: Sequence[pl.Series], bill: Mapping[str, float]) -> int:
    """Give the decimals that amounts beside each other are written with: those of the largest, or of the bill."""
    sizes = (abs(value) for each in amounts for value in each.drop_nulls())
    largest = max((*sizes, abs(bill.get(currency or "", 0.0))), default=0.0)
    return digits_of(largest, currency)


def _cell(value: Any, kind: str, how: _Precision) -> str:
    if value is None:
        return {"text": NOBODY, "id": ""}.get(kind, "–")
    if isinstance(value, float):
        value = round(value, 9)  # what lies beyond comes of adding in another order, and must not show
    if kind in _LEFT:
        return isolated_html(str(value))
    if kind in _WRITERS:
        return escape(_WRITERS[kind](value))
    if kind == "effect" and value == 0:
        return "–"
    currency = "USD" if kind == "dollars" else None if how.currency == UNSTATED else how.currency
    digits = {"dollars": how.dollars, "price": how.price}.get(kind, how.money)
    return escape(amount_at(value, currency, digits))


def _in_millions(value: float) -> str:
    size = abs(value) / 1e6
    return "–" if not value else "<0.1" if size < 0.1 else f"{value / 1e6:,.{0 if size >= 10 else 1}f}"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "share": percent,
    "part": percent,
    "millions": _in_millions,
    "count": number,
    "stated": str,
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
