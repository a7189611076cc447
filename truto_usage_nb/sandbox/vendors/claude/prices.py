"""What the vendor charges: list prices as dated data, tiers, and one account's negotiated discount.

Dollars per million tokens, from Anthropic's public price list. Everything is Decimal; nothing is rounded.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from truto_usage_nb.sandbox.company import price_cut


class Price(NamedTuple):
    """List prices by disjoint token kind, in the order of `Counts`."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal


def _price(*per_million: str) -> Price:
    return Price(*map(Decimal, per_million))


LIST: dict[str, Price] = {
    "claude-opus-5": _price("5", "25", "0.5", "6.25", "10"),
    "claude-opus-5-5": _price("4", "20", "0.2", "5", "8"),
    "claude-sonnet-5-5": _price("2", "10", "0.1", "2.5", "4"),
    "claude-sonnet-4-5": _price("3", "15", "0.3", "3.75", "6"),
    "claude-haiku-4-5": _price("1", "5", "0.1", "1.25", "2"),
}
LONG_CONTEXT: dict[str, Price] = {"claude-sonnet-4-5": _price("6", "22.5", "0.6", "7.5", "12")}
CUT_MODEL = "claude-sonnet-5-5"
BEFORE_THE_CUT = _price("2.5", "12.5", "0.125", "3.125", "5")

SEARCH_CENTS = Decimal(1)  # $10 per 1,000 web searches
SESSION_QUARTER_CENTS = Decimal(2)  # $0.08 per session hour, counted in quarters
CONTAINER_CENTS = Decimal("0.25")  # $0.05 per container hour, counted in units of three minutes
TIER_FACTOR = {"standard": Decimal(1), "batch": Decimal("0.5")}  # priority and flex have no cost row

DISCOUNT_FROM = date(2026, 9, 1)
NEGOTIATED = {"console": Decimal("0.85")}  # what is left of the list price since then

_CENTS_PER_TOKEN = Decimal("0.0001")  # of one dollar per million


def per_million(model: str, day: date, context: str = "0-200k") -> Price:
    """Return a model's list price of the day.

    >>> [str(per_million("claude-sonnet-5-5", day).input) for day in (date(2026, 9, 30), date(2026, 10, 1))]
    ['2.5', '2']
    """
    if model == CUT_MODEL and not price_cut(day):
        return BEFORE_THE_CUT
    return LONG_CONTEXT.get(model, LIST[model]) if context == "200k-1M" else LIST[model]


@lru_cache(maxsize=4096)
def cents_per_token(model: str, day: date, tier: str, context: str) -> tuple[Decimal, ...]:
    """Return list cents for one token of each kind, in the order of `Counts`."""
    factor = TIER_FACTOR[tier] * _CENTS_PER_TOKEN
    return tuple(price * factor for price in per_million(model, day, context))


def after_discount(kind: str, day: date) -> Decimal:
    """Return the factor from list price to the amount charged for an account of this kind."""
    return NEGOTIATED.get(kind, Decimal(1)) if day >= DISCOUNT_FROM else Decimal(1)
