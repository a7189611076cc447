"""The dtype of each column: as documented, or, where nothing is documented, the narrowest that holds what was sent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames.dates import dates
from truto_usage_nb.frames.jsontext import Real
from truto_usage_nb.frames.numbers import amounts, counts, exact_counts, fits_float, is_safe, read_open
from truto_usage_nb.frames.parts import EXACT_IN_FLOAT
from truto_usage_nb.frames.stack import Stack
from truto_usage_nb.schema import DType

_FLAGS = {"true": True, "false": False, "1": True, "0": False}


def documented(stack: Stack, dtype: DType) -> pl.Series:
    """Give a column of a documented dtype; raises `UnreadableValueError` for a value that it cannot hold."""
    return _READERS[dtype](stack)


def texts(stack: Stack) -> pl.Series:
    """Give a column of texts; a number is the text that was sent."""
    if stack.holds_only(pl.String, pl.Int64, pl.Boolean):
        return stack.joined(pl.String)
    return _strings(stack, _as_sent)


def flags(stack: Stack) -> pl.Series:
    """Give a column of flags; 1 and 0, and the words, are read."""
    if stack.holds_only(pl.Boolean):
        return stack.joined(pl.Boolean)
    found: list[bool | None] = []
    for row, value in enumerate(stack.values()):
        flag = None if value is None else _FLAGS.get(_as_sent(value).strip().lower())
        if flag is None and value is not None:
            raise stack.unreadable(row, value, "this column holds true or false")
        found.append(flag)
    return pl.Series(found, dtype=pl.Boolean)


def open_values(stack: Stack) -> pl.Series:
    """Give a column of an open map: Int64, else Float64, else String; a boolean is a text there."""
    if stack.holds_only(pl.String) and not stack.is_empty and not _has_number(stack):
        return stack.joined(pl.String)
    try:
        return counts(stack) if stack.holds_only(pl.Int64, pl.Float64) else exact_counts(stack, read_open)
    except UnreadableValueError:
        return _strings(stack, plain_text)


def free(stack: Stack) -> pl.Series:
    """Give a column that nobody documented: Boolean, Int64, Float64 or String, whichever holds all that was sent."""
    if stack.is_empty:
        return stack.joined(pl.String)
    for dtype in (pl.Boolean, pl.Int64, pl.String):
        if stack.holds_only(dtype):
            return stack.joined(dtype)
    if stack.holds_only(pl.Int64, pl.Float64) and is_safe(stack):
        return stack.joined(pl.Float64)
    values = list(stack.values())
    if any(isinstance(value, float) for value in values) and all(_is_float(v) for v in values if v is not None):
        return pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
    return _strings(stack, plain_text)


def _has_number(stack: Stack) -> bool:
    """Tell whether every text of the column may be a number: then they are read one by one."""
    for text in stack.joined(pl.String).unique().drop_nulls():
        try:
            read_open(text)
        except ValueError:
            return False
    return True


def _is_float(value: Any) -> bool:
    """Tell whether a number is a float without losing a digit."""
    if isinstance(value, Real):
        return abs(value) < EXACT_IN_FLOAT or _equal(repr(float(value)), value.text)
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and fits_float(value))


def _strings(stack: Stack, write: Callable[[Any], str]) -> pl.Series:
    found = [None if value is None else write(value) for value in stack.values()]
    try:
        return pl.Series(found, dtype=pl.String)
    except UnicodeEncodeError:
        row = next(row for row, text in enumerate(found) if text is not None and not _is_unicode(text))
        raise stack.unreadable(row, found[row], "half of a surrogate pair is no text") from None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _as_sent(value: Any) -> str:
    """Write a value as the service wrote it."""
    if isinstance(value, Real):
        return value.text
    return str(value).lower() if isinstance(value, bool) else str(value)


def plain_text(value: Any) -> str:
    """Write a value, a number in its shortest form, so that a text does not depend on how its page was read."""
    if not isinstance(value, float):
        return _as_sent(value)
    shortest = str(int(value)) if value.is_integer() and abs(value) < EXACT_IN_FLOAT else repr(float(value))
    return value.text if isinstance(value, Real) and not _equal(shortest, value.text) else shortest


def _equal(shortest: str, text: str) -> bool:
    return "inf" not in shortest and Decimal(shortest) == Decimal(text)


_READERS: dict[DType, Callable[[Stack], pl.Series]] = {
    "String": texts,
    "JSON": texts,
    "Int64": counts,
    "Float64": amounts,
    "Boolean": flags,
    "Datetime": dates,
}
