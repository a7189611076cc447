"""Markup that a notebook shows as it is. Everything that came from outside is escaped before it gets here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_DPI = 144

__all__ = ["Html", "figure", "fold", "joined", "note", "notes", "pairs", "plural"]


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
