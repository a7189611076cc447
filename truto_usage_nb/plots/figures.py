"""Figures and panels: one panel a currency, dark on white, the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from truto_usage_nb.checks import a_path
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.errors import InputError, WriteError, did_you_mean
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.palette import INK, RULE, SOFT
from truto_usage_nb.plots.wording import currency_name, plain, wrapped
from truto_usage_nb.writing import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Charts",
    "Draw",
    "add_to_title",
    "grid",
    "headline",
    "legend_below",
    "one_panel",
    "panels",
    "picked",
    "said_instead",
    "save",
]

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
    heights = [height(each) for each in currencies] or [1.6]
    figure = _figure(heights)
    with _styled():
        made = _axes(figure, heights)
        if not currencies:
            said_instead(made[0], empty)
        for axes, currency in zip(made, currencies, strict=False):
            draw(axes, currency)
            if len(made) > 1:
                _say_currency(axes, currency)
    return made if len(made) > 1 else made[0]


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
    under = [plain(line) for line in wrapped(lines, width)]
    ax.set_title(plain(title), loc="left", fontsize=11, fontweight="bold", pad=8 + 12.5 * len(under))
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
    ax.text(0.5, 0.5, plain(text), ha="center", va="center", transform=ax.transAxes, fontsize=10, color=SOFT)


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
