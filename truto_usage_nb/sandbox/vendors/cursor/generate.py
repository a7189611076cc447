"""What the team did on a day: every member's events, drawn from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Literal

from truto_usage_nb.sandbox.seeds import chance, choose, integer, rng, uniform
from truto_usage_nb.sandbox.vendors.cursor.events import HOUR_MS, Event, Kind, Tokens
from truto_usage_nb.sandbox.vendors.cursor.fields import milliseconds_of
from truto_usage_nb.sandbox.vendors.cursor.members import TOOL, Member, members
from truto_usage_nb.sandbox.vendors.cursor.plan import CENT_PLACES, allowance, day_load, used_before
from truto_usage_nb.sandbox.vendors.cursor.rates import (
    BY_WEIGHT,
    INCLUDED_REQUEST_CENTS,
    REQUEST_PRICED,
    THIRD_PARTY,
    TOKEN_FEE_CENTS,
    Model,
)

_FEE, _ZERO = Decimal(TOKEN_FEE_CENTS), Decimal(0)
_UNIT_PLACES = Decimal("0.1")
_CONVERSATION_MS = 20 * 60 * 1000
_TOKENS_PER_CENT = 10_000  # at one USD per million tokens
Sort = Literal["priced", "own_key", "errored", "by_request"]


def day_events(seed: int, day: date, scale: float) -> tuple[Event, ...]:
    """Return a UTC day's events of the whole team, oldest first.

    >>> day_events(7, date(2026, 10, 5), 1.0) is day_events(7, date(2026, 10, 5), 1.0)
    True
    """
    return (_many_days if scale <= 4 else _few_days)(seed, day, scale)


def _make_day(seed: int, day: date, scale: float) -> tuple[Event, ...]:
    found = [event for member in members(seed) for event in _member_day(seed, member, day, scale)]
    return tuple(sorted(found, key=lambda event: event.at))


_many_days = lru_cache(maxsize=70)(_make_day)  # two months of about 400 events a day
_few_days = lru_cache(maxsize=3)(_make_day)  # a large company's days are large


def _member_day(seed: int, member: Member, day: date, scale: float) -> Iterator[Event]:
    """Yield a member's events in time order; those with a price share the day's worth, and the plan pays first."""
    count, worth = day_load(seed, member, day, scale)
    if count == 0:
        return
    r = rng(seed, TOOL, "events", member.key, day.isoformat())
    sorts: list[Sort] = ["priced", *(_sort(r, member) for _ in range(count - 1))]
    shares = iter(_shares(r, worth, sorts.count("priced")))
    used, plan = used_before(seed, member, day, scale), allowance(member, scale)
    for at, sort in zip(_moments(r, day, member, count), sorts, strict=True):
        if sort == "by_request":
            yield _request(r, at, member)
        elif sort == "priced":
            cents = next(shares)
            yield _event(r, at, member, Kind.INCLUDED if used < plan else Kind.USAGE_BASED, cents)
            used += cents
        else:
            cents = Decimal(integer(r, 500, 9000)).scaleb(-2)
            yield _event(r, at, member, Kind.OWN_KEY if sort == "own_key" else Kind.ERRORED, cents)


def _sort(r: Random, member: Member) -> Sort:
    """Pick what an event is: mostly one with a price."""
    draw = r.random()
    if member.is_service or draw < 0.6:
        return "priced"
    if draw < 0.95:
        return "own_key" if member.has_own_key else "priced"
    return "errored" if draw < 0.98 else "by_request"


def _shares(r: Random, worth: Decimal, count: int) -> list[Decimal]:
    """Split an amount by drawn weights; the last share takes the remainder, so that they add up exactly."""
    weights = [integer(r, 5, 100) ** 2 for _ in range(count)]
    whole = sum(weights)
    parts = [(worth * weight / whole).quantize(CENT_PLACES, ROUND_DOWN) for weight in weights[:-1]]
    return [*parts, worth - sum(parts, _ZERO)]


def _moments(r: Random, day: date, member: Member, count: int) -> list[int]:
    """Draw the events' times: a working day for people, around the clock for a service, now and then at night."""
    midnight = milliseconds_of(datetime.combine(day, time(), UTC))
    nightly = 1.0 if member.is_service else 0.03
    hours = (uniform(r, 0, 24) if chance(r, nightly) else uniform(r, 6.5, 19.5) for _ in range(count))
    return sorted(midnight + int(hour * HOUR_MS) for hour in hours)


def _event(r: Random, at: int, member: Member, kind: Kind, worth: Decimal) -> Event:
    """Make an event of tokens; `worth` is what these cost at the model's price, whoever is charged for it."""
    own_key, errored = kind is Kind.OWN_KEY, kind is Kind.ERRORED
    model = choose(r, THIRD_PARTY if own_key else BY_WEIGHT)
    discount = 10 if model.third_party and not (own_key or errored) and chance(r, 0.04) else 0
    fee = _FEE if model.third_party and not errored else None
    gross = _ZERO if own_key else worth  # an own key's tokens are on the model vendor's bill
    charged = _ZERO if errored else gross * (100 - discount) / 100 + (fee or _ZERO)
    return Event(
        at=at,
        member=member,
        model=model.name,
        kind=kind,
        units=(worth / 4).quantize(_UNIT_PLACES),  # a request unit is four cents
        tokens=_tokens(r, model, float(worth)),
        gross=gross,
        discount=discount,
        fee=fee,
        charged=charged,
        max_mode=chance(r, 0.25),
        headless=member.is_service or chance(r, 0.04),
        conversation=_conversation(member, at),
    )


def _request(r: Random, at: int, member: Member) -> Event:
    """Make an event of a model still priced by request: no tokens, and the plan always covers it."""
    cents = Decimal(INCLUDED_REQUEST_CENTS)
    units = choose(r, (Decimal(1), Decimal("1.4"), Decimal(2)))
    return Event(
        at, member, REQUEST_PRICED, Kind.INCLUDED, units, None, cents, 0, None, cents, chance(r, 0.5), False, None
    )


def _tokens(r: Random, model: Model, cents: float) -> Tokens:
    """Split an event's worth over the kinds of tokens, and divide by their prices."""
    output, written = uniform(r, 0.2, 0.4), uniform(r, 0.1, 0.25) if model.cache_write is not None else 0.0
    read = uniform(r, 0.25, 0.35)
    budget = cents * _TOKENS_PER_CENT
    return Tokens(
        input=int(budget * (1 - output - written - read) / model.input),
        output=int(budget * output / model.output),
        cache_read=int(budget * read / model.cache_read),
        cache_write=0 if model.cache_write is None else int(budget * written / model.cache_write),
    )


def _conversation(member: Member, at: int) -> str:
    """Return the conversation a member has at a time, in the form of a random UUID: a new one every twenty minutes."""
    digits = blake2b(f"{member.account_id} {at // _CONVERSATION_MS}".encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
