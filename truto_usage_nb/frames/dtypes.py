"""The dtype of each column: as documented, or, where nothing is documented, the narrowest that holds what was sent.

Numbers are counts (whole, or a fraction that is never cut) or amounts. The four dates are a day, or an instant with any
offset, mixed in one column, to microseconds in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from math import isnan
from typing import Any, TypeAlias, cast

import polars as pl

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames.jsontext import Real
from truto_usage_nb.frames.parsed import EXACT_IN_FLOAT, ColumnParts, nulls
from truto_usage_nb.schema import DType

_FLAGS = {"true": True, "false": False, "1": True, "0": False}


def documented_column(stack: ColumnParts, dtype: DType) -> pl.Series:
    """Give a column of a documented dtype; raises `UnreadableValueError` for a value that it cannot hold."""
    return _READERS[dtype](stack)


def text_column(stack: ColumnParts) -> pl.Series:
    """Give a column of texts; a number is the text that was sent."""
    if stack.holds_only(pl.String, pl.Int64, pl.Boolean):
        return stack.joined(pl.String)
    return _strings(stack, _as_sent)


def _flags(stack: ColumnParts) -> pl.Series:
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


def open_map_column(stack: ColumnParts) -> pl.Series:
    """Give a column of an open map: Int64, else Float64, else String; a boolean is a text there."""
    if stack.holds_only(pl.String) and not stack.is_empty and not _has_number(stack):
        return stack.joined(pl.String)
    try:
        return _counts(stack) if stack.holds_only(pl.Int64, pl.Float64) else _exact_counts(stack, _read_open)
    except UnreadableValueError:
        return _strings(stack, plain_text)


def free_column(stack: ColumnParts) -> pl.Series:
    """Give a column that nobody documented: Boolean, Int64, Float64 or String, whichever holds all that was sent."""
    if stack.is_empty:
        return stack.joined(pl.String)
    for dtype in (pl.Boolean, pl.Int64, pl.String):
        if stack.holds_only(dtype):
            return stack.joined(dtype)
    if stack.holds_only(pl.Int64, pl.Float64) and _is_safe(stack):
        return stack.joined(pl.Float64)
    values = list(stack.values())
    if any(isinstance(value, float) for value in values) and all(_is_float(v) for v in values if v is not None):
        return pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
    return _strings(stack, plain_text)


def _has_number(stack: ColumnParts) -> bool:
    """Tell whether every text of the column may be a number: then they are read one by one."""
    for text in stack.joined(pl.String).unique().drop_nulls():
        try:
            _read_open(text)
        except ValueError:
            return False
    return True


def _is_float(value: Any) -> bool:
    """Tell whether a number is a float without losing a digit."""
    if isinstance(value, Real):
        return abs(value) < EXACT_IN_FLOAT or _equal(repr(float(value)), value.text)
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and _fits_float(value))


def _strings(stack: ColumnParts, write: Callable[[Any], str]) -> pl.Series:
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


_Number: TypeAlias = int | float
_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*", re.ASCII)
_CANONICAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class _Unfit(ValueError):
    """Say why a value is not the number that its column holds."""


def _counts(stack: ColumnParts) -> pl.Series:
    """Give a column of counts: Int64, or Float64 if one of them has a fraction.

    Numbers sent as strings are read. Raises `UnreadableValueError` for anything else, a boolean too, and for a count
    that the column cannot hold exactly.
    """
    if stack.holds_only(pl.Int64):
        return stack.joined(pl.Int64)
    if stack.holds_only(pl.Int64, pl.Float64) and _is_safe(stack):
        return _whole_if_possible(stack.joined(pl.Float64))
    return _exact_counts(stack, _read_count)


def _exact_counts(stack: ColumnParts, read: Callable[[Any], _Number]) -> pl.Series:
    """Give a column of counts, read one by one."""
    numbers: list[_Number | None] = []
    for row, value in enumerate(stack.values()):
        try:
            numbers.append(None if value is None else read(value))
        except _Unfit as why:
            raise stack.unreadable(row, value, str(why)) from None
    if not any(isinstance(number, float) for number in numbers):
        return pl.Series(numbers, dtype=pl.Int64)
    for row, number in enumerate(numbers):
        if isinstance(number, int) and not _fits_float(number):
            told = "its column has a fraction elsewhere, and a float cannot hold this count exactly"
            raise stack.unreadable(row, number, told)
    return pl.Series([None if number is None else float(number) for number in numbers], dtype=pl.Float64)


def _amounts(stack: ColumnParts) -> pl.Series:
    """Give a column of amounts, Float64.

    Numbers sent as strings are read. Raises `UnreadableValueError` for anything else and for a whole number that a
    float cannot hold exactly.
    """
    if stack.holds_only(pl.Int64, pl.Float64) and _is_safe(stack):
        return stack.joined(pl.Float64)
    found: list[float | None] = []
    for row, value in enumerate(stack.values()):
        try:
            found.append(None if value is None else _read_amount(value))
        except _Unfit as why:
            raise stack.unreadable(row, value, str(why)) from None
    return pl.Series(found, dtype=pl.Float64)


def _is_safe(stack: ColumnParts) -> bool:
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


def _fits_float(number: int) -> bool:
    """Tell whether a float holds a whole number exactly."""
    try:
        return int(float(number)) == number
    except OverflowError:
        return False


def _read_count(value: Any) -> _Number:
    """Read a count: int, or float if it has a fraction. Raises `_Unfit`.

    >>> _read_count("12"), _read_count(Real("1.5"))
    (12, 1.5)
    """
    if isinstance(value, bool):
        raise _Unfit("a boolean is no count")
    if isinstance(value, str):
        return _read_count(_parsed(value, _NUMBER))
    if isinstance(value, Real):
        return _count_of_real(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise _Unfit("a count has 63 bits, and this one does not fit")
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    raise _Unfit("this column holds counts")


def _count_of_real(value: Real) -> _Number:
    if abs(value) < EXACT_IN_FLOAT and not value.is_integer():
        return float(value)
    exact = Decimal(value.text)
    if exact.adjusted() > 20:
        raise _Unfit("a count has 63 bits, and this one does not fit")
    if exact != exact.to_integral_value():
        raise _Unfit("a float cannot hold this count exactly")
    return _read_count(int(exact))


def _read_amount(value: Any) -> float:
    """Read an amount. Raises `_Unfit`.

    >>> _read_amount("12.50"), _read_amount(3)
    (12.5, 3.0)
    """
    if isinstance(value, str):
        return _read_amount(_parsed(value, _NUMBER))
    if isinstance(value, int) and not isinstance(value, bool):
        if not _fits_float(value):
            raise _Unfit("a float cannot hold this whole number exactly")
        return float(value)
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise _Unfit("no float is as large")
        return float(value)
    raise _Unfit("this column holds amounts")


def _parsed(text: str, grammar: re.Pattern[str]) -> int | Real:
    found = grammar.fullmatch(text)
    if found is None:
        raise _Unfit("it cannot be read as a number")
    return Real(text.strip()) if found.group(1) or found.group(2) else _whole(text)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _Unfit("no column holds a number of so many digits") from None


def _read_open(value: Any) -> _Number:
    """Read a value of an open map as a count; a text only if it is written as JSON would write a number."""
    return _read_count(_parsed(value, _CANONICAL) if isinstance(value, str) else value)


_UTC_MICROSECONDS = pl.Datetime("us", "UTC")

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s?(?:([Zz])|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
_NO_DATE = "there is no such date; dates are YYYY-MM-DD or RFC 3339"
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""The instants that Python, pandas and Arrow all hold, once they are in UTC."""
_USUAL = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?$"


def _dates(stack: ColumnParts) -> pl.Series:
    """Give a column of instants.

    A day is its first instant, UTC; so is a time without an offset. What is finer than a microsecond is cut off.
    Raises `UnreadableValueError` for what is no date, or a date that does not exist.
    """
    if not stack.holds_only(pl.String):
        _refuse_others(stack)
    text = stack.joined(pl.String)
    if text.null_count() == text.len():
        return nulls(text.len(), _UTC_MICROSECONDS)
    known = text.unique().drop_nulls()
    instants = _read(known)
    if instants.null_count():
        bad = known.filter(instants.is_null())[0]
        row = (text == bad).arg_max()
        raise stack.unreadable(int(row or 0), bad, _NO_DATE)
    return text.replace_strict(known, instants, return_dtype=_UTC_MICROSECONDS)


def _refuse_others(stack: ColumnParts) -> None:
    for row, value in enumerate(stack.values()):
        if value is not None and not isinstance(value, str):
            raise stack.unreadable(row, value, "a date is a text: YYYY-MM-DD or RFC 3339")
        if value is not None and not value.isascii() and _read_instant(value) is None:  # half of a surrogate pair
            raise stack.unreadable(row, value, _NO_DATE)


def _read(texts: pl.Series) -> pl.Series:
    """Read each text, null where it is no date: the usual forms all at once, the rest one by one."""
    frame = pl.select(text=texts).with_columns(usual=pl.col("text").str.contains(_USUAL))
    usual = pl.when("usual").then("text")
    day = usual.str.len_bytes() == 10
    frame = frame.with_columns(
        instant=pl.when(day)
        .then(usual.str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC", strict=False))
        .otherwise(usual.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", strict=False))
    ).with_columns(pl.when(pl.col("instant").is_between(_FIRST, _LAST)).then("instant"))
    rest = frame.filter(pl.col("instant").is_null())
    if rest.is_empty():
        return frame["instant"]
    slow = {text: _read_instant(text) for text in rest["text"]}
    return frame.with_columns(
        pl.col("instant").fill_null(pl.col("text").replace_strict(slow, default=None, return_dtype=_UTC_MICROSECONDS))
    )["instant"]


def _read_instant(text: str) -> datetime | None:
    """Read one date; None if it is none.

    >>> _read_instant("2026-10-01T00:00:00.5+05:30").isoformat()
    '2026-09-30T18:30:00.500000+00:00'
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = found.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    leap = second == "60"
    try:
        zone = _zone(sign, hours, minutes)
        local = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0),
                         59 if leap else int(second or 0), micros, zone)  # fmt: skip
        return (local + timedelta(seconds=leap)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None or hours is None or minutes is None:
        return UTC
    if int(minutes) > 59 or int(hours) > 23:
        raise ValueError("an offset is at most 23:59")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


_READERS: dict[DType, Callable[[ColumnParts], pl.Series]] = {
    "String": text_column,
    "JSON": text_column,
    "Int64": _counts,
    "Float64": _amounts,
    "Boolean": _flags,
    "Datetime": _dates,
}
