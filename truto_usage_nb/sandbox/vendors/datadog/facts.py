"""What each sub-organisation owes Datadog for a month: the one source of both the rows and the answer key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.company import growth, weekday_factor
from truto_usage_nb.sandbox.seeds import rng, spread
from truto_usage_nb.sandbox.vendors.datadog.contract import Billed, Purchase, billed_orgs
from truto_usage_nb.sandbox.vendors.datadog.months import Month

ESTIMATE_IS_HIGH_BY = Decimal("0.015")

_CENT = Decimal("0.01")
_DAYS_A_MONTH = Decimal("30.4")


@dataclass(frozen=True, slots=True)
class Fact:
    """One product of one sub-organisation in one month, in dollars; an estimate until the month is final."""

    org: Billed
    month: Month
    product: str
    committed: Decimal
    on_demand: Decimal
    final: bool

    @property
    def total(self) -> Decimal:
        """Both parts together."""
        return self.committed + self.on_demand


def facts(world: World, month: Month) -> Iterator[Fact]:
    """Yield every product of every sub-organisation for a month that has begun."""
    days = month.counted_days(world)
    for org in billed_orgs(world):
        for purchase in org.purchases:
            yield _fact(world, org, purchase, month, days)


def _fact(world: World, org: Billed, purchase: Purchase, month: Month, days: list[date]) -> Fact:
    """Return the month's figures; an estimate runs 1.5 % high, all of it in the part that is not under contract."""
    final = month.final(world)
    r = rng(world.seed, "datadog", "on_demand", org.key, org.copy, purchase.product, str(month))
    on_demand = sum((_on_demand(r, purchase, day) for day in days), Decimal(0))
    if not final:
        on_demand += ((purchase.committed + on_demand) * ESTIMATE_IS_HIGH_BY).quantize(_CENT)
    return Fact(org, month, purchase.product, purchase.committed, on_demand, final)


def _on_demand(r: Random, purchase: Purchase, day: date) -> Decimal:
    """Return one day's use beyond the commitment."""
    factor = spread(r, (0.7 + 0.3 * weekday_factor(day)) * growth(day), 0.15)
    return (purchase.on_demand / _DAYS_A_MONTH * Decimal(factor)).quantize(_CENT)
