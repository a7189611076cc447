"""How a period and its days are written where people read them. Light: what refuses a period needs nothing more."""

from __future__ import annotations

import re
from datetime import date, timedelta

from truto_usage_nb.planning import Period

__all__ = ["days_name", "during", "span_name", "stretches"]

_INSTANT = timedelta(microseconds=1)


def days_name(span: Period) -> str:
    """Write a period as a sentence has it: a month by its name, a day with its weekday, else its first and last day.

    >>> days_name(Period.parse("2026-10")), days_name(Period.parse("2026-10-04"))
    ('October 2026', 'Sunday 4 October 2026')
    >>> days_name(Period.parse(("2026-10-01", "2026-10-22"))), days_name(Period.parse(("2026-09-28", "2026-10-05")))
    ('1 to 21 October 2026', '28 September to 4 October 2026')
    """
    named = span_name(span)
    if not named[0].isdigit() or named.isdigit():
        return named
    first, last = span.start, span.end - _INSTANT
    if first.date() == last.date():
        return f"{first:%A} {_day_name(first)}"
    same = (first.year == last.year, first.month == last.month)
    return f"{_day_name(first, month=not all(same), year=not same[0])} to {_day_name(last)}"


def during(span: Period) -> str:
    """Say when something was, of a period.

    >>> during(Period.parse("2026-10")), during(Period.parse("2026-10-04"))
    ('in October 2026', 'on Sunday 4 October 2026')
    >>> during(Period.parse(("2026-10-01", "2026-10-22")))
    'from 1 to 21 October 2026'
    """
    name = days_name(span)
    if name[0].isdigit() and not name.isdigit():
        return f"from {name}"
    return f"on {name}" if span.end - span.start <= timedelta(days=1) else f"in {name}"


def span_name(span: Period) -> str:
    """Write a period as people say it.

    >>> span_name(Period.parse("2026-10")), span_name(Period.parse(("2026-10-05", "2026-10-08")))
    ('October 2026', '2026-10-05 to 2026-10-07')
    """
    if span == Period.parse(f"{span.start:%Y-%m}"):
        return f"{span.start:%B %Y}"
    if span == Period.parse(f"{span.start:%Y}"):
        return f"{span.start:%Y}"
    last = span.end - _INSTANT
    return f"{span.start:%Y-%m-%d}" if last.date() == span.start.date() else f"{span.start:%Y-%m-%d} to {last:%Y-%m-%d}"


_STRETCH = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?")


def stretches(days: str) -> str:
    """Write the days of a coverage as people do.

    >>> stretches("2026-10-13..2026-10-14, 2026-10-20")
    '13 to 14 October 2026, 20 October 2026'
    """

    def named(found: re.Match[str]) -> str:
        first, last = (date.fromisoformat(each) for each in (found[1], found[2] or found[1]))
        if first == last:
            return _day_name(first)
        alike = (first.year == last.year, first.month == last.month)
        return f"{_day_name(first, month=not all(alike), year=not alike[0])} to {_day_name(last)}"

    return _STRETCH.sub(named, days)


def _day_name(moment: date, *, month: bool = True, year: bool = True) -> str:
    return f"{moment.day}" + (f" {moment:%B}" if month or year else "") + (f" {moment:%Y}" if year else "")
