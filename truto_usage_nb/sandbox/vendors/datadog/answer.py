"""Datadog's answer key, summed from the facts and not from the rows."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from truto_usage_nb.sandbox.ask import MoneyAnswer, VendorAnswer, World
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.datadog.facts import Fact, facts
from truto_usage_nb.sandbox.vendors.datadog.months import Month, months

_NOTES = ["a month is billed as a whole: one that begins outside the period is not in these figures"]


def answer(account: Account, start: date, end: date, world: World) -> VendorAnswer:  # noqa: ARG001  # one parent
    """Return what the sub-organisations owe for the months that begin from start up to, not including, end.

    >>> from datetime import UTC, datetime
    >>> from truto_usage_nb.sandbox.company import ACCOUNTS
    >>> account = next(one for one in ACCOUNTS if one.id == "datadog")
    >>> world = World(7, datetime(2026, 11, 23, tzinfo=UTC))
    >>> answer(account, date(2026, 10, 1), date(2026, 11, 1), world).money[0].records
    30
    """
    first = Month.of(start) if start.day == 1 else Month.of(start).next
    covered = list(months(first, Month.of(end - timedelta(days=1)), world))
    owed = [fact for month in covered for fact in facts(world, month)]
    open_months = [
        f"{month} is an estimate, final on {month.final_at:%Y-%m-%d}" for month in covered if not month.final(world)
    ]
    return VendorAnswer(money=[_money(owed)] if owed else [], notes=_NOTES + open_months)


def _money(owed: list[Fact]) -> MoneyAnswer:
    """Return the sums; Datadog states no list price, so what is billed stands for it."""
    billed = sum((fact.total for fact in owed), Decimal(0))
    return MoneyAnswer(currency="USD", billed=billed, listed=billed, payable=billed, records=len(owed))
