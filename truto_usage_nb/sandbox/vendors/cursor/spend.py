"""`POST /teams/spend`: what the running billing cycle has come to, a member a row, summed from the events."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.vendors.cursor.events import Event, Kind
from truto_usage_nb.sandbox.vendors.cursor.fields import milliseconds_of
from truto_usage_nb.sandbox.vendors.cursor.generate import day_events
from truto_usage_nb.sandbox.vendors.cursor.members import Member, members
from truto_usage_nb.sandbox.vendors.cursor.plan import cycle_start, days


def spend_page(world: World) -> dict[str, Any]:
    """Return the cycle that holds the world's moment, up to it.

    On-demand spend is what is chargeable; overall spend adds what the plan covered. Service accounts have a row of
    their own, so that the page adds up to the events exactly.
    """
    first = cycle_start(world.now.date())
    events = _recorded(world)
    rows = [_row(member, [event for event in events if event.member is member]) for member in members(world.seed)]
    start = milliseconds_of(datetime.combine(first, time(), UTC))
    return {"teamMemberSpend": rows, "subscriptionCycleStart": start, "totalMembers": len(rows), "totalPages": 1}


def _recorded(world: World) -> list[Event]:
    now, today = milliseconds_of(world.now), world.now.date()
    cycle = days(cycle_start(today), today)
    return [event for day in cycle for event in day_events(world.seed, day, world.scale) if event.recorded_at <= now]


def _row(member: Member, events: list[Event]) -> dict[str, Any]:
    on_demand = sum((event.charged for event in events if event.chargeable), Decimal(0))
    covered = sum((event.charged for event in events if event.covered), Decimal(0))
    return {
        "userId": member.account_id,
        "spendCents": float(on_demand),
        "overallSpendCents": float(on_demand + covered),
        "fastPremiumRequests": sum(event.kind is Kind.USAGE_BASED for event in events),
        "name": member.person.name,
        **({} if member.email is None else {"email": member.email}),
        "role": "member",
        "hardLimitOverrideDollars": 0,
        "monthlyLimitDollars": None,
    }
