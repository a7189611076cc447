"""The answer key: what the team really did in a period, summed from the events themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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


def _no_tokens() -> dict[str, int]:
    return dict.fromkeys(_KINDS, 0)


@dataclass(slots=True)
class _Tally:
    """Running sums over events, in cents."""

    kinds: Counter[Kind] = field(default_factory=Counter)
    billed: Decimal = Decimal(0)
    listed: Decimal = Decimal(0)
    cost: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    tokens: defaultdict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(_no_tokens))
    busy: set[str] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Take one event in. List price adds the discount back, and what the plan covered."""
        self.kinds[event.kind] += 1
        self.busy.add(event.member.key)
        if event.chargeable:
            self.billed += event.charged
            self.listed += event.gross + (event.fee or 0)
            self.cost[event.model] += event.charged
        elif event.covered:
            self.listed += event.charged
        if event.tokens is not None:
            counts = self.tokens[event.model]
            for kind in _KINDS:
                counts[kind] += getattr(event.tokens, kind)

    def notes(self) -> list[str]:
        """Return what the figures do not say by themselves."""
        kinds = self.kinds
        return [
            f"{kinds[Kind.INCLUDED]} events were covered by the plan, {kinds[Kind.ERRORED]} errored and cost nothing",
            f"{kinds[Kind.OWN_KEY]} events ran on a member's own key: their tokens are on another vendor's bill",
            "seats are in no endpoint",
        ]


def answer(account: Account, start: date, end: date, world: World) -> VendorAnswer:  # noqa: ARG001  # one team
    """Return what the team did from start up to, not including, end, as far as Cursor shows it by now.

    Money is in USD. Cache writes are not split by lifetime, so their kind is `cache_write`. Request-priced and errored
    events count as requests; tokens of errored and own-key events count as tokens. Events are summed a day at a time.
    """
    period = list(days(start, min(end - timedelta(days=1), world.now.date())))
    tally = _Tally()
    for event in _shown(period, world):
        tally.add(event)
    return VendorAnswer(
        money=[_money(tally)],
        tokens={kind: sum(counts[kind] for counts in tally.tokens.values()) for kind in _KINDS},
        tokens_by_model=dict(sorted(tally.tokens.items())),
        cost_by_model={(model, "USD"): cents.scaleb(-2) for model, cents in sorted(tally.cost.items())},
        requests=tally.kinds.total(),
        active_people=_people(world.seed, tally.busy, active=True),
        idle_people=_people(world.seed, tally.busy, active=False),
        unusual_days=[(day, "a billing cycle starts: the plan pays again") for day in period if day.day == BILLING_DAY],
        notes=tally.notes(),
    )


def _shown(period: Iterable[date], world: World) -> Iterator[Event]:
    now = milliseconds_of(world.now)
    events = (event for day in period for event in day_events(world.seed, day, world.scale))
    return (event for event in events if event.recorded_at <= now)


def _money(tally: _Tally) -> MoneyAnswer:
    billed, listed = tally.billed.scaleb(-2), tally.listed.scaleb(-2)
    return MoneyAnswer("USD", billed=billed, listed=listed, payable=billed, records=tally.kinds.total())


def _people(seed: int, busy: set[str], *, active: bool) -> list[str]:
    """Return the e-mails of the people, not service accounts, with or without an event."""
    people = [member for member in members(seed) if not member.is_service]
    return sorted(member.person.email for member in people if (member.key in busy) == active)
