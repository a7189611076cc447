"""When things happen at the demo company: every story is a function of the day and recurs each quarter.

A quarter's months are numbered 0, 1, 2; October 2026 is month 0.
"""

from __future__ import annotations

from datetime import date

_WEEKDAY = (1.0, 1.08, 1.1, 1.05, 0.92, 0.28, 0.24)  # Monday first
_GROWTH_FROM = date(2026, 1, 1)
_GROWTH_A_DAY = 0.0005  # about 1.5 % a month
_OUTAGE_ACCOUNT = "openai-api-eu"


def quarter_month(day: date) -> int:
    """Return 0, 1 or 2: which month of its quarter the day is in."""
    return (day.month - 1) % 3


def _in_first_month(day: date, first: int, last: int) -> bool:
    return quarter_month(day) == 0 and first <= day.day <= last


def price_cut(day: date) -> bool:
    """Say whether one model's lower list price is in force: from the 1st of month 0 to the end of month 1.

    In month 2 the older price is back, so that the cut can come again with the next quarter.
    """
    return quarter_month(day) < 2


def moved_to_sonnet(day: date) -> bool:
    """Say whether a team works on sonnet instead of opus: from the 12th of month 0 to the end of the quarter."""
    return quarter_month(day) > 0 or day.day >= 12


def cache_broken(day: date) -> bool:
    """Say whether a deploy broke prompt caching (hit rate 88 % to 12 %): 19-21 of month 0."""
    return _in_first_month(day, 19, 21)


def runaway(day: date) -> bool:
    """Say whether a forgotten CI key burns tokens: 24-26 of month 0."""
    return _in_first_month(day, 24, 26)


def refund_day(day: date) -> bool:
    """Say whether the runaway is refunded on this day: the 28th of month 0."""
    return _in_first_month(day, 28, 28)


def outage(account_id: str, day: date) -> bool:
    """Say whether the account's feed is down and has no rows: `openai-api-eu`, 5-9 of month 1."""
    return account_id == _OUTAGE_ACCOUNT and quarter_month(day) == 1 and 5 <= day.day <= 9


def weekday_factor(day: date) -> float:
    """Return how busy the day is beside a Monday (1.0); weekends are about a quarter of it."""
    return _WEEKDAY[day.weekday()]


def growth(day: date) -> float:
    """Return the company's growth: 1.0 on 2026-01-01, linear by day, never under 0.3."""
    return max(0.3, 1.0 + _GROWTH_A_DAY * (day - _GROWTH_FROM).days)
