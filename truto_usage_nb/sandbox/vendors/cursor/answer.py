"""The answer key: what the team really did in a period, summed from the events themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from truto_usage_nb.sandbox.ask import MoneyAnswer, VendorAnswer, World
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.cursor.events import Event, Kind
from truto_usage_nb.sandbox.vendors.cursor.fields import milliseconds_of
from truto_usage_nb.sandbox.vendors.cursor.generate import day_events
from truto_usage_nb.sandbox.vendors.cursor.members import members
from truto_usage_nb.sandbox.vendors.cursor.plan import BILLING_DAY, days

_KINDS = ("input", "output", "cache_read", "cache_write")
_ZERO = Decimal(0)


def answer(account: Account, start: date, end: date, world: World) -> VendorAnswer:  # noqa: ARG001  # one team
    """Return what the team did from start up to, not including, end, as far as Cursor shows it by now.

    Money is in USD. Cache writes are not split by lifetime, so their kind is `cache_write`. Request-priced and errored
    events count as requests; tokens of errored and own-key events count as tokens.
    """
    now = milliseconds_of(world.now)
    period = list(days(start, end - timedelta(days=1)))
    events = [event for day in period for event in day_events(world.seed, day, world.scale) if event.recorded_at <= now]
    by_model = _tokens_by_model(events)
    return VendorAnswer(
        money=[_money(events)],
        tokens={kind: sum(counts[kind] for counts in by_model.values()) for kind in _KINDS},
        tokens_by_model=by_model,
        cost_by_model=_cost_by_model(events),
        requests=len(events),
        active_people=_people(world.seed, events, active=True),
        idle_people=_people(world.seed, events, active=False),
        unusual_days=[(day, "a billing cycle starts: the plan pays again") for day in period if day.day == BILLING_DAY],
        notes=_notes(events),
    )


def _money(events: Iterable[Event]) -> MoneyAnswer:
    """Sum billed and list in dollars: list adds discounts back, and what the plan covered."""
    billed = listed = _ZERO
    count = 0
    for event in events:
        count += 1
        if event.chargeable:
            billed += event.charged
            listed += event.gross + (event.fee or _ZERO)
        elif event.covered:
            listed += event.charged
    billed, listed = billed.scaleb(-2), listed.scaleb(-2)
    return MoneyAnswer("USD", billed=billed, listed=listed, payable=billed, records=count)


def _tokens_by_model(events: Iterable[Event]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_KINDS, 0))
    for event in events:
        if event.tokens is not None:
            for kind in _KINDS:
                found[event.model][kind] += getattr(event.tokens, kind)
    return dict(sorted(found.items()))


def _cost_by_model(events: Iterable[Event]) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for event in events:
        if event.chargeable:
            found[event.model, "USD"] += event.charged.scaleb(-2)
    return dict(sorted(found.items()))


def _people(seed: int, events: Iterable[Event], *, active: bool) -> list[str]:
    """Return the e-mails of the people, not service accounts, with or without an event."""
    busy = {event.member.key for event in events}
    people = [member for member in members(seed) if not member.is_service]
    return sorted(member.person.email for member in people if (member.key in busy) == active)


def _notes(events: Iterable[Event]) -> list[str]:
    counts = Counter(event.kind for event in events)
    return [
        f"{counts[Kind.INCLUDED]} events were covered by the plan, {counts[Kind.ERRORED]} errored and cost nothing",
        f"{counts[Kind.OWN_KEY]} events ran on a member's own key: their tokens are on another vendor's bill",
        "seats are in no endpoint",
    ]
