"""Lines of the rule that stand ready, so that one frame's questions need not each have it applied."""

from __future__ import annotations

from typing import NamedTuple

from truto_usage_nb.costs.facts import NOTHING_SAID, Said
from truto_usage_nb.native import Frame, Native

__all__ = ["Lines", "keep", "kept_lines"]

_KEY = "lines"


class Lines(NamedTuple):
    """Hold records with what the rule says of each; is one of them a running total, or charged in two currencies?"""

    frame: Frame
    running: bool
    mixed: bool


def keep(native: Native, lines: Lines) -> Native:
    """Let these be a frame's lines, as long as it is held and not changed."""
    native.found[_KEY] = lines
    return native


def kept_lines(native: Native, said: Said = NOTHING_SAID) -> Lines | None:
    """Give the lines that stand ready, where they say what is asked: whoever says more has the rule applied anew."""
    lines: Lines | None = native.found.get(_KEY) if said == NOTHING_SAID else None
    return lines
