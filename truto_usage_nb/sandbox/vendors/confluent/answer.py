"""Confluent's answer key, summed from the facts and not from the rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from truto_usage_nb.sandbox.ask import MoneyAnswer, VendorAnswer, World
from truto_usage_nb.sandbox.company import Account, quarter_month
from truto_usage_nb.sandbox.vendors.confluent import story
from truto_usage_nb.sandbox.vendors.confluent.facts import PROMO_CREDIT, Fact, facts

_NOTES = [
    "rows of the last 72 hours may be missing",
    "usage is drawn from an annual commitment at its contract price",
    "the support fee is posted on the 1st and belongs to no resource",
]


def answer(account: Account, start: date, end: date, world: World) -> VendorAnswer:  # noqa: ARG001  # one organisation
    """Return what the organisation was charged in the days from start up to, not including, end.

    >>> from datetime import UTC, datetime
    >>> from truto_usage_nb.sandbox.company import ACCOUNTS
    >>> account = next(one for one in ACCOUNTS if one.id == "confluent")
    >>> world = World(7, datetime(2026, 11, 23, tzinfo=UTC))
    >>> answer(account, date(2026, 10, 1), date(2026, 11, 1), world).money[0].credit
    Decimal('-460.00')
    """
    posted = list(facts(world, start, end))
    return VendorAnswer(
        money=[_money(posted)] if posted else [],
        unusual_days=_unusual(start, min(end, world.now.date() + timedelta(days=1))),
        notes=_NOTES,
    )


def _money(posted: list[Fact]) -> MoneyAnswer:
    charges = [fact for fact in posted if fact.line_type != PROMO_CREDIT]
    billed = _sum(fact.net for fact in charges)
    credit = _sum(fact.net for fact in posted if fact.line_type == PROMO_CREDIT)
    return MoneyAnswer(
        currency="USD",
        billed=billed,
        listed=_sum(fact.listed for fact in charges),
        credit=credit,
        payable=billed + credit,
        records=len(posted),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _unusual(start: date, end: date) -> list[tuple[date, str]]:
    """Return the days of the period that stand out, with the reason."""
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    return [(day, reason) for day in days if (reason := _reason(day)) is not None]


def _reason(day: date) -> str | None:
    if day.day == story.SUPPORT_DAY:
        return "monthly support fee"
    if quarter_month(day) == 0 and day.day == story.RESIZE_DAY:
        return "orders-dedicated resized from 6 to 9 CKUs"
    return None
