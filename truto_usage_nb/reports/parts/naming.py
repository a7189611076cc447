"""How a report writes the names of vendors and of stretches of time."""

from __future__ import annotations

from datetime import datetime, timedelta

from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.planning import Period

__all__ = ["days_name", "label_of", "span_name"]

_INSTANT = timedelta(microseconds=1)


def label_of(integration: str | None) -> str:
    """Give a vendor's name as people write it."""
    known = INTEGRATIONS.get(integration or "")
    return known.label if known is not None else integration or "unknown"


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


def _day_name(moment: datetime, *, month: bool = True, year: bool = True) -> str:
    return f"{moment.day}" + (f" {moment:%B}" if month or year else "") + (f" {moment:%Y}" if year else "")
