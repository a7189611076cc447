"""How many tokens a record states, in all and by kind."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from truto_usage_nb.native import Frame

__all__ = ["KINDS", "TOKEN_COLUMNS", "with_tokens"]

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
TOKEN_COLUMNS = (*_COLUMN.values(), "usage_tokens_total")


def with_tokens(frame: Frame, *, kinds: bool = False) -> Frame:
    """Add `__tokens` (null where a record states none) and, with `kinds`, a column `__<kind>` for each of KINDS.

    Tokens are usage_tokens_total, else the sum of the disjoint kinds. An input that contains the cache, which shows by
    total = input + output beside cache reads, is reduced to its own part.
    """
    given = {kind: ~nw.col(column).is_null() for kind, column in _COLUMN.items()}
    zero = {kind: nw.col(column).fill_null(0) for kind, column in _COLUMN.items()}
    lifetimes = zero["cache_write_5m"] + zero["cache_write_1h"]
    written = nw.when(given["cache_write"]).then(zero["cache_write"]).otherwise(lifetimes)
    frame = frame.with_columns(
        __written=written, __some=nw.any_horizontal(*given.values(), ignore_nulls=False), __lifetimes=lifetimes
    )
    total = zero["input"] + zero["output"] + zero["cache_read"] + nw.col("__written")
    sum_of_kinds = nw.when(nw.col("__some")).then(total)
    frame = frame.with_columns(__tokens=nw.coalesce(nw.col("usage_tokens_total"), sum_of_kinds))
    return _with_kinds(frame, zero) if kinds else frame


def _with_kinds(frame: Frame, zero: dict[str, nw.Expr]) -> Frame:
    cached = zero["cache_read"] + nw.col("__written")
    stated = nw.col("usage_tokens_total").fill_null(-1)
    contains = (cached > 0) & (stated == zero["input"] + zero["output"]) & (zero["input"] >= cached)
    return frame.with_columns(
        __input=nw.when(contains).then(zero["input"] - cached).otherwise(zero["input"]),
        __cache_read=zero["cache_read"],
        __cache_write_5m=zero["cache_write_5m"],
        __cache_write_1h=zero["cache_write_1h"],
        __cache_write=nw.col("__written") - nw.col("__lifetimes"),
        __output=zero["output"],
    )
