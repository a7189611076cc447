"""Moments as the sandbox writes them for Cursor; the mapping reads them by itself, so neither hides a mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def moment_of(milliseconds: int | str) -> datetime:
    """Return the moment of epoch milliseconds, sent as a number or as a string.

    >>> instant(moment_of("1750979225854"))
    '2025-06-26T23:07:05.854Z'
    """
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def milliseconds_of(moment: datetime) -> int:
    """Return the epoch milliseconds of a moment, cut down to the millisecond."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
