"""Numbers as counts (whole, or a fraction that is never cut) and as amounts."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from math import isnan
from typing import Any, TypeAlias, cast

import polars as pl

from truto_usage_nb.frames.jsontext import Real
from truto_usage_nb.frames.parts import EXACT_IN_FLOAT
from truto_usage_nb.frames.stack import Stack

Number: TypeAlias = int | float
_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*", re.ASCII)
_CANONICAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class Unfit(ValueError):
    """Say why a value is not the number that its column holds."""


def counts(stack: Stack) -> pl.Series:
    """Give a column of counts: Int64, or Float64 if one of them has a fraction.

    Numbers sent as strings are read. Raises `UnreadableValueError` for anything else, a boolean too, and for a count
    that the column cannot hold exactly.
    """
    if stack.holds_only(pl.Int64):
        return stack.joined(pl.Int64)
    if stack.holds_only(pl.Int64, pl.Float64) and is_safe(stack):
        return _whole_if_possible(stack.joined(pl.Float64))
    return exact_counts(stack, read_count)


def exact_counts(stack: Stack, read: Callable[[Any], Number]) -> pl.Series:
    """Give a column of counts, read one by one."""
    numbers: list[Number | None] = []
    for row, value in enumerate(stack.values()):
        try:
            numbers.append(None if value is None else read(value))
        except Unfit as why:
            raise stack.unreadable(row, value, str(why)) from None
    if not any(isinstance(number, float) for number in numbers):
        return pl.Series(numbers, dtype=pl.Int64)
    for row, number in enumerate(numbers):
        if isinstance(number, int) and not fits_float(number):
            told = "its column has a fraction elsewhere, and a float cannot hold this count exactly"
            raise stack.unreadable(row, number, told)
    return pl.Series([None if number is None else float(number) for number in numbers], dtype=pl.Float64)


def amounts(stack: Stack) -> pl.Series:
    """Give a column of amounts, Float64.

    Numbers sent as strings are read. Raises `UnreadableValueError` for anything else and for a whole number that a
    float cannot hold exactly.
    """
    if stack.holds_only(pl.Int64, pl.Float64) and is_safe(stack):
        return stack.joined(pl.Float64)
    found: list[float | None] = []
    for row, value in enumerate(stack.values()):
        try:
            found.append(None if value is None else read_amount(value))
        except Unfit as why:
            raise stack.unreadable(row, value, str(why)) from None
    return pl.Series(found, dtype=pl.Float64)


def is_safe(stack: Stack) -> bool:
    """Tell whether no whole number of the column is too large for a float."""
    return all(
        is_below(part, EXACT_IN_FLOAT) for part in stack.parts if isinstance(part, pl.Series) and part.dtype == pl.Int64
    )


def is_below(series: pl.Series, bound: int) -> bool:
    """Tell whether every value is nearer to zero than the bound, and a number at all."""
    if isnan(series.sum()):
        return False
    low, high = cast("float | None", series.min()), cast("float | None", series.max())
    return low is None or high is None or (-bound < low and high < bound)


def _whole_if_possible(floats: pl.Series) -> pl.Series:
    """Give counts without a fraction as whole numbers; all are small enough for that."""
    whole = floats.cast(pl.Int64)
    return whole if (whole.cast(pl.Float64) == floats).all() else floats


def fits_float(number: int) -> bool:
    """Tell whether a float holds a whole number exactly."""
    try:
        return int(float(number)) == number
    except OverflowError:
        return False


def read_count(value: Any) -> Number:
    """Read a count: int, or float if it has a fraction. Raises `Unfit`.

    >>> read_count("12"), read_count(Real("1.5"))
    (12, 1.5)
    """
    if isinstance(value, bool):
        raise Unfit("a boolean is no count")
    if isinstance(value, str):
        return read_count(_parsed(value, _NUMBER))
    if isinstance(value, Real):
        return _count_of_real(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise Unfit("a count has 63 bits, and this one does not fit")
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    raise Unfit("this column holds counts")


def _count_of_real(value: Real) -> Number:
    if abs(value) < EXACT_IN_FLOAT and not value.is_integer():
        return float(value)
    exact = Decimal(value.text)
    if exact.adjusted() > 20:
        raise Unfit("a count has 63 bits, and this one does not fit")
    if exact != exact.to_integral_value():
        raise Unfit("a float cannot hold this count exactly")
    return read_count(int(exact))


def read_amount(value: Any) -> float:
    """Read an amount. Raises `Unfit`.

    >>> read_amount("12.50"), read_amount(3)
    (12.5, 3.0)
    """
    if isinstance(value, str):
        return read_amount(_parsed(value, _NUMBER))
    if isinstance(value, int) and not isinstance(value, bool):
        if not fits_float(value):
            raise Unfit("a float cannot hold this whole number exactly")
        return float(value)
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise Unfit("no float is as large")
        return float(value)
    raise Unfit("this column holds amounts")


def _parsed(text: str, grammar: re.Pattern[str]) -> int | Real:
    found = grammar.fullmatch(text)
    if found is None:
        raise Unfit("it cannot be read as a number")
    return Real(text.strip()) if found.group(1) or found.group(2) else _whole(text)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Unfit("no column holds a number of so many digits") from None


def read_open(value: Any) -> Number:
    """Read a value of an open map as a count; a text only if it is written as JSON would write a number."""
    return read_count(_parsed(value, _CANONICAL) if isinstance(value, str) else value)
