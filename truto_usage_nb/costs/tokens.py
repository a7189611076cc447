"""How many tokens a record states, in all and by kind.

The kinds are disjoint, and what a vendor states of them may not add up. Whatever it states, no count here falls below
zero: writes to a cache are the greater of what is stated and the sum of their lifetimes, and where the kinds exceed the
total the kinds count (`token_mismatch`). Claude's input never holds the cache; elsewhere a total that equals input plus
output beside cached tokens shows that it does. Where no total shows it the caller may say it, else it is told.
"""

from __future__ import annotations

from collections.abc import Mapping

import narwhals.stable.v2 as nw

from truto_usage_nb.costs.series_of_record import length_number, shape
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.native import Frame

__all__ = [
    "CACHED_COLUMNS",
    "KINDS",
    "TOKEN_COLUMNS",
    "kind_of",
    "token_mismatch",
    "undecided_input",
    "with_measures",
    "with_tokens",
]

KINDS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write", "output")
"""The disjoint kinds. `cache_write` holds writes whose lifetime is not stated, beside those of 5 minutes and 1 hour."""

_COLUMN = {
    "input": "usage_tokens_input",
    "output": "usage_tokens_output",
    "cache_read": "usage_tokens_cache_read",
    "cache_write": "usage_tokens_cache_write",
    "cache_write_5m": "usage_tokens_cache_write_ephemeral_5m",
    "cache_write_1h": "usage_tokens_cache_write_ephemeral_1h",
}
TOTAL = "usage_tokens_total"
TOKEN_COLUMNS = (*_COLUMN.values(), TOTAL)
CACHED_COLUMNS = tuple(column for kind, column in _COLUMN.items() if kind.startswith("cache"))


def _zero(kind: str) -> nw.Expr:
    return nw.col(_COLUMN[kind]).fill_null(0)


def _lifetimes() -> nw.Expr:
    return _zero("cache_write_5m") + _zero("cache_write_1h")


def _cached() -> nw.Expr:
    """Tokens read from, or written to, a cache."""
    return _zero("cache_read") + nw.max_horizontal(_zero("cache_write"), _lifetimes())


def _stated(*kinds: str) -> nw.Expr:
    return nw.any_horizontal(*(~nw.col(_COLUMN[kind]).is_null() for kind in kinds or _COLUMN), ignore_nulls=False)


def _may_contain() -> nw.Expr:
    """Whether the input is large enough to hold the cache, at a vendor whose input may."""
    vendor = ~nw.col("integration").is_in(integrations_that(lambda each: each.cache_apart)).fill_null(False)
    return vendor & (_cached() > 0) & (_zero("input") >= _cached())


def _shown() -> nw.Expr:
    """Whether the total equals input plus output beside cached tokens."""
    return (nw.col(TOTAL) == _zero("input") + _zero("output")).fill_null(False)


def undecided_input() -> nw.Expr:
    """Tell the records whose input may hold the cache, and no total says whether it does."""
    apart = (nw.col(TOTAL) >= _zero("input") + _zero("output") + _cached()).fill_null(False)
    return _may_contain() & ~_shown() & ~apart


def _contains(includes: Mapping[str, bool]) -> nw.Expr:
    """Whether the input holds the cache: the total shows it, or, where no total does, the caller says it."""
    names = sorted(name for name, holds in includes.items() if holds)
    shown = _may_contain() & _shown()
    return shown | (undecided_input() & nw.col("integration").is_in(names).fill_null(False)) if names else shown


def token_mismatch(includes: Mapping[str, bool]) -> nw.Expr:
    """Tell the records whose kinds add up to more than their stated total."""
    own = _zero("input") + _zero("output") + _cached()
    return _stated() & ~_contains(includes) & (own > nw.col(TOTAL)).fill_null(False)


def with_tokens(frame: Frame, includes: Mapping[str, bool] | None = None, *, kinds: bool = False) -> Frame:
    """Add `__tokens` (null where a record states none) and, with `kinds`, a column `__<kind>` for each of KINDS.

    Tokens are usage_tokens_total, or the sum of the disjoint kinds where there is no total or the kinds exceed it.
    `includes` tells by integration whether an input holds the cache, where no total shows it.
    """
    frame = frame.with_columns(
        __written=nw.max_horizontal(_zero("cache_write"), _lifetimes()), __contains_cache=_contains(includes or {})
    )
    cached = _zero("cache_read") + nw.col("__written")
    alone = nw.when(nw.col("__contains_cache")).then(_zero("input") - cached).otherwise(_zero("input"))
    frame = frame.with_columns(__alone=alone)
    total = nw.col("__alone") + _zero("output") + cached
    frame = frame.with_columns(__sum_of_kinds=nw.when(_stated()).then(total))
    frame = frame.with_columns(__tokens=nw.max_horizontal(nw.col(TOTAL), nw.col("__sum_of_kinds")))
    return _with_kinds(frame) if kinds else frame


def _with_kinds(frame: Frame) -> Frame:
    return frame.with_columns(
        __input=nw.col("__alone"),
        __cache_read=_zero("cache_read"),
        __cache_write_5m=_zero("cache_write_5m"),
        __cache_write_1h=_zero("cache_write_1h"),
        __cache_write=nw.col("__written") - _lifetimes(),
        __output=_zero("output"),
    )


_WORDS = (
    ("ephemeral_1h", "cache_write_1h"),
    ("ephemeral_5m", "cache_write_5m"),
    ("cache_creation", "cache_write"),
    ("cache_write", "cache_write"),
    ("cache write", "cache_write"),
    ("cache_read", "cache_read"),
    ("cache read", "cache_read"),
    ("uncached", "input"),
    ("cached", "cache_read"),
    ("output", "output"),
    ("input", "input"),
)
"""How vendors write the kind into metric_name, the most telling word first: Claude's token_type and its descriptions,
such as "Claude Opus 5 Usage - Input Tokens", OpenAI's line_item such as "gpt-6-astra, input_tokens"."""


def kind_of(column: str = "metric_name") -> nw.Expr:
    """Read the kind of token from a metric's name; null where it names none."""
    text = nw.col(column).fill_null("").str.to_lowercase()
    found = nw.lit(None, dtype=nw.String())
    for word, kind in reversed(_WORDS):
        found = nw.when(text.str.contains(word, literal=True)).then(nw.lit(kind)).otherwise(found)
    return found


def with_measures(lines: Frame, includes: Mapping[str, bool] | None = None, *, kinds: bool) -> Frame:
    """Add to lines of the rule their tokens, whether they are charged, their shape and how long they are."""
    lines = with_tokens(lines, includes, kinds=kinds).with_columns(__charged=nw.col("charges_count").fill_null(0) > 0)
    return lines.with_columns(__shape=shape(), __length=length_number())
