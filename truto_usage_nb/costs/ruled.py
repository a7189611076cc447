"""The rule beside every record, as the tables read it: lazily for one question, or once for many of them.

Whoever asks many questions of one frame, as a report does, has the rule applied once (`ruled`), takes parts of it by
filtering, and asks of each part what he wants (`asked`). The result must not be changed but for rows taken out and
columns added: what stands beside a record is no longer looked at, but believed.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.facts import NOTHING_SAID, Said, look
from truto_usage_nb.costs.kept import Lines, keep
from truto_usage_nb.costs.lines import rule_lines
from truto_usage_nb.costs.reasons import REASONS
from truto_usage_nb.costs.rule import OUTPUTS, Facts
from truto_usage_nb.costs.shapes import length, shape
from truto_usage_nb.costs.tokens import KINDS, with_tokens
from truto_usage_nb.native import Frame, Native, collect, enter, nothing_like

__all__ = ["asked", "counted", "prepared", "ruled"]

_BESIDE = (
    "__start", "__end", "__updated", "__is_state", "__covered", "__tokens", *(f"__{kind}" for kind in KINDS),
    "__charged", "__shape", "__length",
    *OUTPUTS[:-1], *(f"__is_{reason}" for reason in REASONS if reason != "dual_currency"),
)  # fmt: skip
"""What the rule says of a record, as far as a table reads it."""


def prepared(native: Native, facts: Facts, said: Said = NOTHING_SAID, *, kinds: bool) -> Frame:
    """Apply the rule to a frame's records, and add all else that a table reads of each."""
    return counted(rule_lines(native.frame, facts, native), said, kinds=kinds)


def counted(lines: Frame, said: Said = NOTHING_SAID, *, kinds: bool) -> Frame:
    """Add to lines of the rule their tokens, whether they are charged, their shape and how long they are."""
    lines = with_tokens(lines, said.input_includes_cache, kinds=kinds).with_columns(
        __charged=nw.col("charges_count").fill_null(0) > 0
    )
    return lines.with_columns(__shape=shape(), __length=length())


def ruled(frame: pl.DataFrame) -> pl.DataFrame:
    """Put beside each record what the rule says of it, by the rule alone: nothing is said of totals or credits.

    Raises FrameError for a frame without the needed columns, or with columns of these names.
    """
    native = enter(frame)
    lines = prepared(native, look(native), kinds=True)
    if "__updated" not in lines.collect_schema().names():
        lines = lines.with_columns(__updated=nothing_like("__start"))
    return collect(lines.select(*frame.columns, *_BESIDE))


def asked(lines: pl.DataFrame) -> Native:
    """Give rows of `ruled` as the helpers take a frame; rows without what the rule says are a frame like any other.

    What is found of them is remembered as long as the answer is held: ask it again, not its frame.
    """
    native = enter(lines.drop(_BESIDE, strict=False))
    if not set(_BESIDE) <= set(lines.columns):
        return native
    running, mixed = (bool(lines[f"__is_{each}"].any()) for each in ("state", "mixed_currency"))
    return keep(native, Lines(enter(lines).frame, running, mixed))
