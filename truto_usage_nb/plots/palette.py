"""One colour a name: the same model looks the same in every chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from truto_usage_nb.checks import texts
from truto_usage_nb.costs.choices import by_columns
from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.wording import NO_MODEL, NOT_ATTRIBUTED, OTHER, dimension

__all__ = ["GREY", "INK", "PALE", "RULE", "SOFT", "Look", "Palette", "colours", "shared"]

INK, SOFT, RULE = "#1F2328", "#57606A", "#D8DEE4"
"""Text, text of the second rank, and lines."""
GREY, PALE = "#8C959F", "#D0D7DE"
"""What stands for no name in particular, and what stands behind."""

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's, which people who do not tell red from green can tell apart; black is left to the text."""
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


shared = Palette()
"""What charts use that are given no palette of their own: one a process, and so one a report."""


def chosen(palette: Palette | None) -> Palette:
    """Give the palette that a chart uses. Raises InputError for what is none."""
    if palette is not None and not isinstance(palette, Palette):
        raise InputError(f"palette={shown(palette)} is no palette; give a tu.plots.Palette, or leave it out.")
    return shared if palette is None else palette


def colours(names: Iterable[str], by: str | Sequence[str] | None = "model_id") -> dict[str, str]:
    """Give the colours that the charts of this session use for these names, for a chart of one's own.

    >>> import truto_usage_nb as tu
    >>> list(tu.plots.colours(["claude-opus-5-5"]))
    ['claude-opus-5-5']
    """
    if isinstance(names, str):
        raise InputError(f"colours({shown(names)}) is given a text; give a list of names, such as [{shown(names)}]")
    by_columns(by)
    return shared.colours(texts("names", names, "a list of names"), by)
