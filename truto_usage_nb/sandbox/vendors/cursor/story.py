"""What the team did in Cursor, event by event, and what it came to: the source of its rows and of the answer key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Literal, NamedTuple

from truto_usage_nb.sandbox.ask import Tally, VendorAnswer, World
from truto_usage_nb.sandbox.company import Account, Person, growth, people_with, weekday_factor
from truto_usage_nb.sandbox.seeds import chance, choose, integer, rng, spread, token_id, uniform

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cursor_instant(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def moment_of(milliseconds: int | str) -> datetime:
    """Return the moment of epoch milliseconds, sent as a number or as a string.

    >>> cursor_instant(moment_of("1750979225854"))
    '2025-06-26T23:07:05.854Z'
    """
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def milliseconds_of(moment: datetime) -> int:
    """Return the epoch milliseconds of a moment, cut down to the millisecond."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


TOOL = "cursor"
OWN_KEY_MEMBER = "stefan.krajicek"  # the one who also works with a model key of their own


@dataclass(frozen=True, slots=True)
class Member:
    """A person or service account on the team.

    `email` is what Cursor writes on events: nothing for a service account, nor for someone whose account was removed.
    `pace` is the number of events on an ordinary Monday.
    """

    person: Person
    account_id: str
    email: str | None
    pace: float

    @property
    def key(self) -> str:
        """The person's key in the company's directory."""
        return self.person.key

    @property
    def is_service(self) -> bool:
        """Whether this is a service account: no plan, no e-mail, never in an editor."""
        return self.person.kind == "service"

    @property
    def has_own_key(self) -> bool:
        """Whether some of the member's requests run on their own model key."""
        return self.person.key == OWN_KEY_MEMBER

    def works_on(self, day: date) -> bool:
        """Say whether the member can have events on a day: not idle, not gone."""
        gone = self.person.left is not None and day > self.person.left
        return TOOL not in self.person.idle_in and not gone


@lru_cache(maxsize=8)
def members(seed: int) -> tuple[Member, ...]:
    """Return the team in the directory's order.

    >>> [member.email for member in members(7)][0]
    'Amara.Okafor@Tidewheel.Example.Com'
    """
    return tuple(_member(seed, person) for person in people_with(TOOL))


def _member(seed: int, person: Person) -> Member:
    service = person.kind == "service"
    known = not service and person.left is None
    return Member(
        person=person,
        account_id=token_id(seed, "sa_" if service else "user_", TOOL, person.key),
        email=person.aliases.get(TOOL, person.email) if known else None,
        pace=30.0 if service else uniform(rng(seed, TOOL, "pace", person.key), 12, 32),
    )


TOKEN_FEE_CENTS = "1.18"  # Cursor's own fee on one event of another provider's model
INCLUDED_REQUEST_CENTS = 8  # what a request-priced row says it is worth


@dataclass(frozen=True, slots=True)
class Model:
    """One model: how often it is picked, and USD per million tokens by kind; a null price is a kind it does not have.

    `third_party` models carry Cursor's fee; Cursor's own and the free-form `auto` do not.
    """

    name: str
    weight: int
    input: float
    output: float
    cache_read: float
    cache_write: float | None = None
    third_party: bool = True


_MODELS: tuple[Model, ...] = (
    Model("claude-4.5-sonnet", 30, 3.0, 15.0, 0.3, 3.75),
    Model("auto", 22, 1.25, 6.0, 0.25, 1.25, third_party=False),
    Model("gpt-5.3-codex", 15, 1.75, 14.0, 0.175),
    Model("composer-2.5", 14, 0.5, 2.5, 0.2, third_party=False),
    Model("claude-opus-5", 11, 5.0, 25.0, 0.5, 6.25),
    Model("gemini-3-pro-preview", 5, 2.0, 12.0, 0.2),
    Model("grok-4.5", 3, 2.0, 6.0, 0.5),
)
REQUEST_PRICED = "claude-4-sonnet-thinking"  # an older model still priced by request, so without tokens
BY_WEIGHT: tuple[Model, ...] = tuple(model for model in _MODELS for _ in range(model.weight))
THIRD_PARTY: tuple[Model, ...] = tuple(model for model in BY_WEIGHT if model.third_party)


HOUR_MS = 3_600_000


class Payer(Enum):
    """Who pays for an event, as Cursor words it."""

    USAGE_BASED = "Usage-based"
    INCLUDED = "Included in Business"
    ERRORED = "Errored, Not Charged"
    OWN_KEY = "User API Key"


class _Tokens(NamedTuple):
    """Disjoint token counts."""

    input: int
    output: int
    cache_read: int
    cache_write: int


class Event(NamedTuple):
    """What one member's model did at one moment.

    Amounts are cents: `charged` is `gross` less the discount (percent) plus the fee. `at` is in epoch milliseconds.
    An event without `tokens` is priced by request.
    """

    at: int
    member: Member
    model: str
    kind: Payer
    units: Decimal
    tokens: _Tokens | None
    gross: Decimal
    discount: int
    fee: Decimal | None
    charged: Decimal
    max_mode: bool
    headless: bool
    conversation: str | None

    @property
    def recorded_at(self) -> int:
        """Epoch milliseconds at which Cursor shows the event: it aggregates once an hour."""
        return (self.at // HOUR_MS + 1) * HOUR_MS

    @property
    def chargeable(self) -> bool:
        """Whether money is owed for the event."""
        return self.kind is Payer.USAGE_BASED or self.kind is Payer.OWN_KEY

    @property
    def covered(self) -> bool:
        """Whether the plan pays for the event."""
        return self.kind is Payer.INCLUDED


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


def days_through(first: date, last: date) -> Iterator[date]:
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
    earlier = days_through(cycle_start(day), day - timedelta(days=1))
    return sum((day_load(seed, member, each, scale)[1] for each in earlier), Decimal(0))


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
            yield _event(r, at, member, Payer.INCLUDED if used < plan else Payer.USAGE_BASED, cents)
            used += cents
        else:
            cents = Decimal(integer(r, 500, 9000)).scaleb(-2)
            yield _event(r, at, member, Payer.OWN_KEY if sort == "own_key" else Payer.ERRORED, cents)


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


def _event(r: Random, at: int, member: Member, kind: Payer, worth: Decimal) -> Event:
    """Make an event of tokens; `worth` is what these cost at the model's price, whoever is charged for it."""
    own_key, errored = kind is Payer.OWN_KEY, kind is Payer.ERRORED
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
        at, member, REQUEST_PRICED, Payer.INCLUDED, units, None, cents, 0, None, cents, chance(r, 0.5), False, None
    )


def _tokens(r: Random, model: Model, cents: float) -> _Tokens:
    """Split an event's worth over the kinds of tokens, and divide by their prices."""
    output, written = uniform(r, 0.2, 0.4), uniform(r, 0.1, 0.25) if model.cache_write is not None else 0.0
    read = uniform(r, 0.25, 0.35)
    budget = cents * _TOKENS_PER_CENT
    return _Tokens(
        input=int(budget * (1 - output - written - read) / model.input),
        output=int(budget * output / model.output),
        cache_read=int(budget * read / model.cache_read),
        cache_write=0 if model.cache_write is None else int(budget * written / model.cache_write),
    )


def _conversation(member: Member, at: int) -> str:
    """Return the conversation a member has at a time, in the form of a random UUID: a new one every twenty minutes."""
    digits = blake2b(f"{member.account_id} {at // _CONVERSATION_MS}".encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def answer_key(account: Account, start: date, end: date, world: World) -> VendorAnswer:  # noqa: ARG001  # one team
    """Return what the team did from start up to, not including, end, as far as Cursor shows it by now.

    Money is in USD. Cache writes are not split by lifetime, so their kind is `cache_write`. Request-priced and errored
    events count as requests; tokens of errored and own-key events count as tokens. Events are summed a day at a time.
    """
    period = list(days_through(start, min(end - timedelta(days=1), world.now.date())))
    tally, kinds, busy = (
        Tally("input", "output", "cache_read", "cache_write", currencies=["USD"]),
        Counter[Payer](),
        set(),
    )
    for event in _shown(period, world):
        kinds[event.kind] += 1
        busy.add(event.member.key)
        _bill(tally, event)
        tokens = event.tokens
        tally.use(tokens or (), model=event.model if tokens is not None else None, requests=1)
    return tally.answer(
        active_people=_people(world.seed, busy, active=True),
        idle_people=_people(world.seed, busy, active=False),
        unusual_days=[(day, "a billing cycle starts: the plan pays again") for day in period if day.day == BILLING_DAY],
        notes=[
            f"{kinds[Payer.INCLUDED]} events were covered by the plan, {kinds[Payer.ERRORED]} errored and cost nothing",
            f"{kinds[Payer.OWN_KEY]} events ran on a member's own key: their tokens are on another vendor's bill",
            "seats are in no endpoint",
        ],
    )


def _bill(tally: Tally, event: Event) -> None:
    """Take one event's money in. List price adds the discount back, and what the plan covered."""
    if event.chargeable:
        listed = event.gross + (event.fee or 0)
        tally.bill("USD", billed=event.charged.scaleb(-2), listed=listed.scaleb(-2), model=event.model)
    else:
        tally.bill("USD", listed=event.charged.scaleb(-2) if event.covered else Decimal(0))


def _shown(period: Iterable[date], world: World) -> Iterator[Event]:
    now = milliseconds_of(world.now)
    events = (event for day in period for event in day_events(world.seed, day, world.scale))
    return (event for event in events if event.recorded_at <= now)


def _people(seed: int, busy: set[str], *, active: bool) -> list[str]:
    """Return the e-mails of the people, not service accounts, with or without an event."""
    people = [member for member in members(seed) if not member.is_service]
    return sorted(member.person.email for member in people if (member.key in busy) == active)
