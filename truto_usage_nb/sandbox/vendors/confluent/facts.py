"""What the company owes Confluent, day by day: the one source of both the rows and the answer key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.company import growth, weekday_factor
from truto_usage_nb.sandbox.seeds import rng, spread
from truto_usage_nb.sandbox.vendors.confluent import story
from truto_usage_nb.sandbox.vendors.confluent.fleet import Line, Resource, running

PROMO_CREDIT = "PROMO_CREDIT"
SUPPORT_PRODUCT = "SUPPORT_CLOUD_BUSINESS"

_CENT = Decimal("0.01")
_AMOUNT = Decimal("0.0001")
_QUANTITY = Decimal("0.001")

# The annual commitment buys a discount by product; what is not named here gets the common one.
_COMMITMENT = {"KAFKA": Decimal("0.18"), "CONNECT": Decimal("0.08"), "CUSTOM_CONNECT": Decimal("0.08")}
_COMMITMENT_COMMON = Decimal("0.12")
_SUPPORT_RATE = Decimal("0.10")
_SUPPORT_MINIMUM = Decimal(1000)


class Fact(NamedTuple):
    """One line of one day. `listed` and `discount` are dollars; a credit has no quantity, price or resource."""

    day: date
    product: str | None
    line_type: str
    listed: Decimal
    discount: Decimal
    posted_at: datetime
    unit: str = ""
    price: Decimal | None = None
    quantity: Decimal | None = None
    resource: Resource | None = None
    copy: int = 0
    description: str | None = None

    @property
    def net(self) -> Decimal:
        """What is charged: list less discount."""
        return self.listed - self.discount


def facts(world: World, start: date, end: date) -> Iterator[Fact]:
    """Yield what is posted by `world.now` of the days from start up to, not including, end."""
    for offset in range((end - start).days):
        day = start + timedelta(days=offset)
        if day > world.now.date():
            return
        yield from (fact for fact in _of_day(world, day) if fact.posted_at <= world.now)


def _of_day(world: World, day: date) -> Iterator[Fact]:
    yield from usage(world, day)
    yield from _support(world, day)
    yield from _credits(world, day)


def usage(world: World, day: date) -> Iterator[Fact]:
    """Yield every metered line of a day, posted or not yet."""
    for resource, copy in running(world):
        r = rng(world.seed, "confluent", "usage", day.isoformat(), resource.key, copy)
        posted = story.posted_at(world, day, resource.key, copy)
        for line in resource.lines:
            yield _metered(day, resource, copy, line, quantity=_quantity(r, line, day), posted_at=posted)


def _metered(day: date, resource: Resource, copy: int, line: Line, *, quantity: Decimal, posted_at: datetime) -> Fact:
    listed = (line.price * quantity).quantize(_AMOUNT)
    discount = (listed * _COMMITMENT.get(resource.product, _COMMITMENT_COMMON)).quantize(_AMOUNT)
    return Fact(
        day=day,
        product=resource.product,
        line_type=line.line_type,
        listed=listed,
        discount=discount,
        posted_at=posted_at,
        unit=line.unit,
        price=line.price,
        quantity=quantity,
        resource=resource,
        copy=copy,
    )


def _quantity(r: Random, line: Line, day: date) -> Decimal:
    """Return what a day takes of a line; weekends are quieter, though never as quiet as the offices."""
    if line.resized is not None and story.resized(day):
        return line.resized
    if not line.busy:
        return line.daily
    factor = spread(r, (0.6 + 0.4 * weekday_factor(day)) * growth(day), 0.08)
    return (line.daily * Decimal(factor)).quantize(_QUANTITY)


def _support(world: World, day: date) -> Iterator[Fact]:
    """Yield the month's support fee on its 1st: a tenth of last month's metered charges, at least $1,000."""
    if day.day != story.SUPPORT_DAY:
        return
    last_month = [day - timedelta(days=back) for back in range(1, (day - timedelta(days=1)).day + 1)]
    spent = sum((fact.net for past in last_month for fact in usage(world, past)), Decimal(0))
    fee = max(_SUPPORT_MINIMUM, (spent * _SUPPORT_RATE).quantize(_CENT))
    yield Fact(
        day=day,
        product=SUPPORT_PRODUCT,
        line_type="SUPPORT",
        listed=fee,
        discount=Decimal(0),
        posted_at=story.posted_at(world, day, "support"),
    )


def _credits(world: World, day: date) -> Iterator[Fact]:
    """Yield the promotion's part of the day, negative, and the correction that takes some of it back, positive."""
    draw = story.promo_draw(world, day)
    if draw:
        yield _credit(world, day, -draw, story.PROMO_CODE)
    if story.corrected(day):
        yield _credit(world, day, story.CORRECTION, f"{story.PROMO_CODE} correction")


def _credit(world: World, day: date, amount: Decimal, description: str) -> Fact:
    return Fact(
        day=day,
        product=None,
        line_type=PROMO_CREDIT,
        listed=amount,
        discount=Decimal(0),
        posted_at=story.posted_at(world, day, description),
        description=description,
    )
