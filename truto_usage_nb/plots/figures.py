"""What every chart is drawn from: the table that a frame gives, a colour a name, and panels, one a currency.

Dark on white, and the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from truto_usage_nb.checks import a_path, a_whole_number, texts
from truto_usage_nb.costs.choices import By, by_columns
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.costs.overlaps import NOT_ATTRIBUTED
from truto_usage_nb.errors import InputError, WriteError, did_you_mean, hearing
from truto_usage_nb.native import collect, enter
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.wording import NO_MODEL, OTHER, currency_name, dimension, label, literal, wrapped
from truto_usage_nb.writing import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "GREY",
    "INK",
    "NAME",
    "PALE",
    "RULE",
    "SOFT",
    "Charts",
    "Look",
    "Palette",
    "a_figure_each",
    "add_to_title",
    "asked",
    "asked_again",
    "bar_height",
    "beside_names",
    "by_rank",
    "check_top",
    "chosen",
    "colours",
    "grid",
    "headline",
    "legend_below",
    "named_rows",
    "one_panel",
    "panels",
    "picked",
    "said_instead",
    "save",
    "table_of",
    "top_names",
    "with_names",
]

INK, SOFT, RULE = "#1F2328", "#57606A", "#D8DEE4"
"""Text, text of the second rank, and lines."""
GREY, PALE = "#8C959F", "#D0D7DE"
"""What stands for no name in particular, and what stands behind."""

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's, which people who do not tell red from green can tell apart; black is left to the text."""
BLUE = _COLOURS[0]
"""What stands for a value where its name stands beside it."""
_HATCHES = ("", "///", "...", "xx")


@dataclass(frozen=True, slots=True)
class Look:
    """Say how a name is drawn: its colour, and a pattern where the colours have been gone through."""

    colour: str
    hatch: str = ""


_FIXED = {OTHER: Look("#AFB8C1"), NOT_ATTRIBUTED: Look("#6E7781"), NO_MODEL: Look("#6E7781")}


@dataclass(slots=True)
class Palette:
    """Give each name a colour and remember it: the first names get the most distinct ones.

    `by` keeps the names of models, teams and surfaces apart. Names come in the order of their rank, so the
    largest of the first chart take the first colours; what follows in later charts is added and nothing moves.

    >>> import truto_usage_nb as tu
    >>> palette = tu.plots.Palette()
    >>> palette.colours(["opus", "sonnet"])
    {'opus': '#0072B2', 'sonnet': '#E69F00'}
    >>> palette.colours(["haiku", "opus"])["opus"]
    '#0072B2'
    """

    _known: dict[str, dict[str, Look]] = field(default_factory=dict)

    def looks(self, names: Iterable[str], by: str | Sequence[str] | None = "model_id") -> Mapping[str, Look]:
        """Give each name its colour and pattern."""
        known = self._known.setdefault(dimension(by), {})
        for name in names:
            if name not in known and name not in _FIXED:
                round_, place = divmod(len(known), len(_COLOURS))
                known[name] = Look(_COLOURS[place], _HATCHES[round_ % len(_HATCHES)])
        return {**known, **_FIXED}

    def colours(self, names: Iterable[str], by: str | Sequence[str] | None = "model_id") -> dict[str, str]:
        """Give each name its colour."""
        listed = list(names)
        looks = self.looks(listed, by)
        return {name: looks[name].colour for name in listed}


_of_the_process = Palette()
"""What charts use that are given no palette of their own: one a process, and so one a report."""


def chosen(palette: Palette | None) -> Palette:
    """Give the palette that a chart uses. Raises InputError for what is none."""
    if palette is not None and not isinstance(palette, Palette):
        raise InputError(f"palette={shown(palette)} is no palette; give a tu.plots.Palette, or leave it out.")
    return _of_the_process if palette is None else palette


def beside_names(palette: Palette | None, names: Iterable[str], by: str | Sequence[str] | None) -> dict[str, Look]:
    """Give the looks of bars that stand beside their names: one colour, unless a palette was given."""
    if palette is None:
        return {name: Look(BLUE) for name in names} | _FIXED
    return dict(chosen(palette).looks(names, by))


def colours(names: Iterable[str], by: str | Sequence[str] | None = "model_id") -> dict[str, str]:
    """Give the colours that the charts of this session use for these names, for a chart of one's own.

    >>> import truto_usage_nb as tu
    >>> list(tu.plots.colours(["claude-opus-5-5"]))
    ['claude-opus-5-5']
    """
    if isinstance(names, str):
        raise InputError(f"colours({shown(names)}) is given a text; give a list of names, such as [{shown(names)}]")
    by_columns(by)
    return _of_the_process.colours(texts("names", names, "a list of names"), by)


NAME = "__name"


def asked(helper: Callable[..., Any], frame: Any, *arguments: Any, **options: Any) -> pl.DataFrame:
    """Ask a helper for its table as polars."""
    return table_of(helper(frame, *arguments, **options))


def asked_again(helper: Callable[..., Any], frame: Any, *arguments: Any, **options: Any) -> pl.DataFrame:
    """Ask a helper of a frame that `asked` has read: what there is to tell of it was told."""
    with hearing():
        return table_of(helper(frame, *arguments, **options))


def table_of(table: Any) -> pl.DataFrame:
    """Bring a table into polars, whatever holds it."""
    return table if isinstance(table, pl.DataFrame) else collect(enter(table).frame)


def with_names(table: pl.DataFrame, by: By) -> pl.DataFrame:
    """Add the one name that the dimensions of a line make; a null is nobody's, and of models none's."""
    names = [by] if isinstance(by, str) else list(by or ())
    nobody = {name: NO_MODEL if name == "model_id" else NOT_ATTRIBUTED for name in names}
    parts = [pl.col(name).cast(pl.String).fill_null(nobody[name]) for name in names]
    return table.with_columns((pl.concat_str(parts, separator=" · ") if parts else pl.lit("cost")).alias(NAME))


def top_names(table: pl.DataFrame, value: str, top: int) -> list[str]:
    """Give the names with the largest amounts, refunds by their size; ties by name."""
    sums = table.group_by(NAME).agg(pl.col(value).sum()).with_columns(size=pl.col(value).abs())
    return list(sums.sort(["size", NAME], descending=[True, False]).head(top)[NAME])


def by_rank(table: pl.DataFrame, value: str, top: int, currencies: Sequence[str]) -> list[str]:
    """Give the names that panels will show, the first of each panel first, so that colours go by rank."""
    ranked = [top_names(table.filter(pl.col("currency") == each), value, top) for each in currencies]
    return list(dict.fromkeys(name for names in ranked for name in names))


_MOST = 1_000


def check_top(top: object) -> None:
    """Refuse a number of names that is none."""
    a_whole_number("top", top)
    if int(top) > _MOST:  # type: ignore[call-overload]  # it is a number by now
        raise InputError(f"top={shown(top)} is not allowed; no chart shows more than {_MOST:,} names.")


Charts = Any
"""`Axes`, or a list of them where there are several currencies and no `ax`; told as Any, so that one may draw on."""
Draw = Callable[["Axes", str], None]

_WIDTH, _DPI = 8.0, 100  # inches; 800 pixels, which still reads when a page shows 700
_LEGEND = 105  # letters beside each other
_STYLE = {
    "axes.facecolor": "white", "text.color": INK, "axes.labelcolor": SOFT,
    "axes.edgecolor": RULE, "axes.titlecolor": INK, "xtick.color": SOFT, "ytick.color": INK, "font.size": 9.0,
    "axes.labelsize": 9.0, "xtick.labelsize": 9.0, "ytick.labelsize": 9.0, "legend.fontsize": 9.0,
    "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.8,
    "text.usetex": False, "axes.axisbelow": True, "axes.grid": False, "axes.prop_cycle": "cycler('color', ['#0072B2'])",
}  # fmt: skip


def picked(table: pl.DataFrame, currency: str | None, ax: Axes | None) -> list[str]:
    """Give the currencies to draw, one a panel: that of the most lines first, what states none last.

    Raises InputError where the one asked for is not there, or several would share the one `ax` given.
    """
    counted = table.drop_nulls("currency").group_by("currency").len()
    counted = counted.sort(pl.col("currency") == UNSTATED, -pl.col("len").cast(pl.Int64), "currency")
    there: list[str] = counted["currency"].to_list()
    if currency is not None:
        if not isinstance(currency, str) or currency not in there:
            known = ", ".join(there) or "none: no cost is stated"
            raise InputError(
                f"currency={shown(currency)} is not in this frame.{did_you_mean(currency, there)} There: {known}"
            )
        return [currency]
    if ax is not None and len(there) > 1:
        raise InputError(
            f"one ax cannot show {', '.join(there)} on one scale; give currency={there[0]!r} or another of them, "
            "or leave ax out and get a panel for each"
        )
    return there


def panels(
    currencies: Sequence[str], draw: Draw, height: Callable[[str], float], ax: Axes | None, empty: str
) -> Charts:
    """Draw one panel a currency and give its Axes, or the list of them; nothing to draw is said in words."""
    _check_ax(ax)
    if ax is not None:
        draw(ax, currencies[0]) if currencies else said_instead(ax, empty)
        return ax
    held = _apart.get()
    if held is not None:
        for each in currencies:
            held[each] = _drawn([each], draw, [height(each)])[0]
            _say_currency(held[each], each) if len(currencies) > 1 else None
        return list(held.values())
    made = _drawn(currencies, draw, [height(each) for each in currencies], empty)
    for axes, currency in zip(made, currencies if len(made) > 1 else (), strict=False):
        _say_currency(axes, currency)
    return made if len(made) > 1 else made[0]


def _drawn(currencies: Sequence[str], draw: Draw, heights: Sequence[float], empty: str = "") -> list[Axes]:
    """Draw panels below each other on a figure of their own."""
    heights = heights or [1.6]
    figure = _figure(heights)
    with _styled():
        made = _axes(figure, heights)
        if not currencies:
            said_instead(made[0], empty)
        for axes, currency in zip(made, currencies, strict=False):
            draw(axes, currency)
    return made


_apart: ContextVar[dict[str, Any] | None] = ContextVar("apart", default=None)


@contextmanager
def a_figure_each() -> Iterator[dict[str, Any]]:
    """Draw what several currencies share no scale for on a figure each, and give their Axes by currency.

    A page can then break between them.
    """
    held: dict[str, Any] = {}
    token = _apart.set(held)
    try:
        yield held
    finally:
        _apart.reset(token)


def _check_ax(ax: object) -> None:
    if ax is not None and not hasattr(ax, "set_yticks"):
        raise InputError(f"ax={shown(ax)} is no Axes; give one of matplotlib's, or leave it out.")


def _say_currency(ax: Axes, currency: str) -> None:
    """Add the currency to the title, which stays as it stands."""
    add_to_title(ax, currency_name(currency))


def add_to_title(axes: Any, words: str) -> None:
    """Add words to the title of each panel that has one and does not say them."""
    for ax in axes if isinstance(axes, list) else [axes]:
        title = ax.get_title(loc="left")
        for text in ax.get_children():
            if title and words not in title and getattr(text, "get_text", str)() == title:
                text.set_text(f"{title}, {words}")


def one_panel(draw: Callable[[Axes], None], height: float, ax: Axes | None) -> Axes:
    """Draw what has no currency."""
    _check_ax(ax)
    if ax is not None:
        draw(ax)
        return ax
    figure = _figure([height])
    with _styled():
        made = _axes(figure, [height])[0]
        draw(made)
    return made


@contextmanager
def _styled() -> Iterator[None]:
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        yield


def _figure(heights: Sequence[float]) -> Figure:
    """Make the figure before the style: a notebook's backend turns interactive here, and the style would undo that."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(_WIDTH, sum(heights)), dpi=_DPI, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.08, hspace=0.04)  # type: ignore[union-attr, call-arg]
    return figure


def _axes(figure: Figure, heights: Sequence[float]) -> list[Axes]:
    made = list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=list(heights))[:, 0])
    for each in made:
        each.tick_params(axis="x", colors=RULE, labelcolor=SOFT)  # ticks made later ask this, not the style
        each.tick_params(axis="y", colors=RULE, labelcolor=INK)
    return made


def headline(ax: Axes, title: str, lines: Sequence[str] = (), *, width: int = 90) -> None:
    """Say what is shown, and under it what it comes to; both in the words given, never as mathematics."""
    under = [literal(line) for line in wrapped(lines, width)]
    ax.set_title(literal(title), loc="left", fontsize=11, fontweight="bold", pad=8 + 12.5 * len(under))
    if under:
        ax.annotate(
            "\n".join(under), (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", va="bottom",
            ha="left", fontsize=9, color=SOFT, linespacing=1.25,
        )  # fmt: skip


def legend_below(ax: Axes, handles: Sequence[Any], labels: Sequence[str], *, columns: int = 3) -> None:
    """Set the legend under the axis' own words, however high the panel is."""
    from matplotlib.transforms import ScaledTranslation

    fits = max(1, _LEGEND // (max(map(len, labels), default=0) + 7))  # a wider one would squeeze the axes
    moved = ScaledTranslation(0, -38 / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=ax.transAxes + moved,
        ncols=min(columns, fits), frameon=False, borderaxespad=0.0, handlelength=1.2, handletextpad=0.5,
        columnspacing=1.6,
    )  # fmt: skip


def grid(ax: Axes, axis: Literal["x", "y"]) -> None:
    """Draw the faint lines that a value is read against, behind everything."""
    ax.set_axisbelow(True)
    ax.grid(axis=axis, color="#EAEEF2", linewidth=0.8)


def said_instead(ax: Axes, text: str) -> None:
    """Say in words what there is not to draw."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, literal(text), ha="center", va="center", transform=ax.transAxes, fontsize=10, color=SOFT)


def save(axes: Axes | Figure | Sequence[Axes], path: str | Path) -> Path:
    """Write the figure of a chart as PNG, SVG or PDF, white behind, and give the path.

    The same chart gives the same bytes with the same matplotlib: no date is written, and the ids of an SVG do not
    change from run to run.
    """
    import matplotlib as mpl

    first: Any = next(iter(axes), None) if isinstance(axes, Sequence) else axes
    figure: Any = first if hasattr(first, "savefig") else getattr(first, "figure", None)
    if not hasattr(figure, "savefig"):
        raise InputError(f"axes={shown(axes)} is no chart; give the Axes that a function of tu.plots gave.")
    to = a_path("path", path, WriteError)
    kind = to.suffix.lower().removeprefix(".")
    if kind not in (known := figure.canvas.get_supported_filetypes()):
        raise InputError(
            f"{to} ends in none of .png, .svg and .pdf.{did_you_mean(kind, known)} The ending says the kind"
        )
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with mpl.rc_context({"svg.hashsalt": "truto_usage_nb", "svg.fonttype": "path"}):
        return write_file(
            to, lambda file: figure.savefig(file, format=kind, dpi=144, facecolor="white", metadata=undated)
        )


def bar_height(count: int) -> float:
    """Give the inches that a panel of so many rows needs."""
    return 1.15 + 0.27 * max(1, count)


def named_rows(ax: Axes, names: Sequence[str]) -> list[float]:
    """Give each name a row, the first at the top, and write it beside its row."""
    places = [float(-n) for n in range(len(names))]
    ax.set_yticks(places, [label(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(places[-1] - 0.6, 0.6)
    ax.spines["left"].set_visible(False)
    return places
