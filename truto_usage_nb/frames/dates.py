"""The four dates: a day, or an instant with any offset, mixed in one column, to microseconds in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import polars as pl

from truto_usage_nb.frames.parts import nulls
from truto_usage_nb.frames.stack import Stack

UTC_MICROSECONDS = pl.Datetime("us", "UTC")

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s?(?:([Zz])|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
_NO_DATE = "there is no such date; dates are YYYY-MM-DD or RFC 3339"
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""The instants that Python, pandas and Arrow all hold, once they are in UTC."""
_USUAL = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?$"


def dates(stack: Stack) -> pl.Series:
    """Give a column of instants.

    A day is its first instant, UTC; so is a time without an offset. What is finer than a microsecond is cut off.
    Raises `UnreadableValueError` for what is no date, or a date that does not exist.
    """
    if not stack.holds_only(pl.String):
        _refuse_others(stack)
    text = stack.joined(pl.String)
    if text.null_count() == text.len():
        return nulls(text.len(), UTC_MICROSECONDS)
    known = text.unique().drop_nulls()
    instants = _read(known)
    if instants.null_count():
        bad = known.filter(instants.is_null())[0]
        row = (text == bad).arg_max()
        raise stack.unreadable(int(row or 0), bad, _NO_DATE)
    return text.replace_strict(known, instants, return_dtype=UTC_MICROSECONDS)


def _refuse_others(stack: Stack) -> None:
    for row, value in enumerate(stack.values()):
        if value is not None and not isinstance(value, str):
            raise stack.unreadable(row, value, "a date is a text: YYYY-MM-DD or RFC 3339")
        if value is not None and not value.isascii() and read_instant(value) is None:  # half of a surrogate pair
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
    slow = {text: read_instant(text) for text in rest["text"]}
    return frame.with_columns(
        pl.col("instant").fill_null(pl.col("text").replace_strict(slow, default=None, return_dtype=UTC_MICROSECONDS))
    )["instant"]


def read_instant(text: str) -> datetime | None:
    """Read one date; None if it is none.

    >>> read_instant("2026-10-01T00:00:00.5+05:30").isoformat()
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
