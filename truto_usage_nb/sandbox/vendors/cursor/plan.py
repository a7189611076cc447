"""The plan: a billing cycle from the 14th, an allowance a member and cycle, and what each day draws on it.

A member's day is drawn as a whole first, its number of events and what they are worth, and split into events later.
So the state of the plan at any day needs days, not events, however large the company is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from truto_usage_nb.sandbox.company import growth, weekday_factor
from truto_usage_nb.sandbox.seeds import chance, rng, spread
from truto_usage_nb.sandbox.vendors.cursor.members import TOOL, Member

BILLING_DAY = 14
_ALLOWANCE_CENTS = Decimal(7000)
_EVENT_CENTS = 85.0
CENT_PLACES = Decimal("0.00001")
_DAYS_OFF = 0.08
_WEEKENDS_OFF = 0.6


def cycle_start(day: date) -> date:
    """Return the first day of the billing cycle that holds a day.

    >>> cycle_start(date(2026, 10, 13)), cycle_start(date(2026, 10, 14))
    (datetime.date(2026, 9, 14), datetime.date(2026, 10, 14))
    """
    month = day if day.day >= BILLING_DAY else day.replace(day=1) - timedelta(days=1)
    return month.replace(day=BILLING_DAY)


def days(first: date, last: date) -> Iterator[date]:
    """Yield the days from first to last, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def allowance(member: Member, scale: float) -> Decimal:
    """Return the cents of usage that the plan covers in a cycle: a larger company has the larger plan."""
    return Decimal(0) if member.is_service else _ALLOWANCE_CENTS * Decimal(str(scale))


@lru_cache(maxsize=8192)
def day_load(seed: int, member: Member, day: date, scale: float) -> tuple[int, Decimal]:
    """Return how many events a member has on a day, and the cents that those with a price are worth together."""
    r = rng(seed, TOOL, "load", member.key, day.isoformat())
    off = not member.is_service and chance(r, _WEEKENDS_OFF if day.weekday() > 4 else _DAYS_OFF)
    if off or not member.works_on(day):
        return 0, Decimal(0)
    expected = spread(r, member.pace * weekday_factor(day) * growth(day) * scale, 0.4)
    count = int(expected + r.random())  # keeps the mean where less than one event is expected
    cents = Decimal(repr(count * spread(r, _EVENT_CENTS, 0.35)))
    return count, cents.quantize(CENT_PLACES)


def used_before(seed: int, member: Member, day: date, scale: float) -> Decimal:
    """Return the cents of its cycle that a member used before a day, at the price before discount and fee."""
    earlier = days(cycle_start(day), day - timedelta(days=1))
    return sum((day_load(seed, member, each, scale)[1] for each in earlier), Decimal(0))
