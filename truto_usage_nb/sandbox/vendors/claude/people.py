"""Who works with Claude, how, and at which prices: lines of use, their counts and their money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from operator import add as plus
from operator import sub as minus
from random import Random
from typing import Any, NamedTuple

from truto_usage_nb.sandbox.company import DOMAIN, TEAMS, Person, people_with, price_cut, weekday_factor
from truto_usage_nb.sandbox.seeds import chance, rng, spread, token_id, uniform


class Counts(NamedTuple):
    """What is counted on a line, all additive; the five token kinds are disjoint."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    requests: int = 0
    searches: int = 0
    units: int = 0

    @property
    def tokens(self) -> int:
        """Return all tokens: the five kinds added."""
        return self.input + self.output + self.cache_read + self.cache_write_5m + self.cache_write_1h


NOTHING = Counts()


def add(left: Counts, right: Counts) -> Counts:
    """Add two sets of counts, kind by kind."""
    return Counts._make(map(plus, left, right))


def scaled(counts: Counts, parts: int, of: int) -> Counts:
    """Return the share parts/of of every count, rounded down."""
    return Counts._make([count * parts // of for count in counts])


@dataclass(frozen=True, slots=True)
class Actor:
    """Who used it: a `user` (then `person` is set), a `service` account, or an `api` key on its own, by its name."""

    kind: str
    id: str
    person: Person | None = field(default=None, hash=False)  # the id tells them apart already
    name: str | None = None


class UseLine(NamedTuple):
    """One metered line of a day, with every dimension the vendor can group by.

    `unit_cents` is the list price of one of `counts.units` (container and session time, refunds). `billable` is false
    for tokens without a cost row: Priority and flex capacity, and usage inside a seat's allowance. `subscription`
    lines are known to the Claude Code report alone. A late line appears `late_days` after its day; `restated` is by
    how many per mille its first published value is off.
    """

    day: date
    counts: Counts
    product: str | None = None
    model: str | None = None
    actor: Actor | None = None
    tier: str = "standard"
    context: str = "0-200k"
    workspace: str | None = None
    api_key: str | None = None
    session: str | None = None
    agent: str | None = None
    slack_channel: str | None = None
    groups: tuple[str, ...] = ()
    cost_type: str = "tokens"
    unit_cents: Decimal = Decimal(0)
    billable: bool = True
    subscription: bool = False
    remote: bool = False
    late_days: int = 0
    restated: int = 0

    def with_counts(self, counts: Counts) -> UseLine:
        """Return the same line with other counts."""
        return self._replace(counts=counts)


PEOPLE_HOURS = (0, 0, 0, 0, 0, 0, 1, 4, 9, 12, 12, 9, 6, 9, 12, 11, 9, 6, 4, 2, 1, 1, 0, 0)
MACHINE_HOURS = (5, 6, 6, 5, 4, 4, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5)
EVEN_MINUTES = (1,) * 60


def hours_of(line: UseLine) -> tuple[int, ...]:
    """Return the weights of a line's 24 hours UTC: people keep office hours, machines run round the clock."""
    return PEOPLE_HOURS if line.actor is not None and line.actor.kind == "user" else MACHINE_HOURS


def shares(counts: Counts, weights: Sequence[int]) -> Iterator[Counts]:
    """Cut counts into one share a weight, whole numbers that add up to them exactly."""
    of, done, before = sum(weights), 0, NOTHING
    for weight in weights:
        done += weight
        upto = scaled(counts, done, of)
        yield Counts._make(map(minus, upto, before))
        before = upto


WORKSPACES = {
    "wrkspc_01TideProduction00001": "Production",
    "wrkspc_01TideDataPipelines02": "Data pipelines",
    "wrkspc_01TidePlatformDev0003": "Platform",
}
PRODUCTION, DATA, PLATFORM = WORKSPACES
API_PRODUCTS = ("messages_api", "message_batches_api", "managed_agents_api")
CONSOLE_PRODUCTS = (*API_PRODUCTS, "claude_console", "claude_code", "claude_api")
ENTERPRISE_PRODUCTS = (
    "chat",
    "claude_code",
    "cowork",
    "claude_tag",
    "claude_design",
    "research",
    "office_agent",
    "claude_in_chrome",
    "claude",
    "claude_api",
)
SLACK_CHANNELS = ("C07TIDEINCID", "C07TIDESUPP1", "C07TIDEASK01")
ENGINEERS = "rbac_engineering"
GROUP_NAMES = {ENGINEERS: "Engineering", **{f"rbac_{team}": team.title() for team in TEAMS}}

ACTOR_TYPES = {"user": "user_actor", "service": "service_account_actor", "api": "api_actor"}

_SEATS = {"console": "claude", "enterprise": "claude", "enterprise_seats": "claude_seats"}
_ENGINEERING = frozenset({"platform", "mobile", "data"})


@lru_cache(maxsize=64)
def crew(kind: str, scale: float) -> tuple[Person, ...]:
    """Return the seat holders of an account of this kind; beyond scale 1 people come again under numbered names."""
    seats = people_with(_SEATS[kind])
    wanted = max(1, round(len(seats) * scale))
    return tuple(_copy(seats[i % len(seats)], i // len(seats)) for i in range(wanted))


def _copy(person: Person, again: int) -> Person:
    if again == 0:
        return person
    key = f"{person.key}.{again + 1}"
    return replace(person, key=key, name=f"{person.name} {again + 1}", email=f"{key}@{DOMAIN}")


@lru_cache(maxsize=4096)
def user(seed: int, person: Person) -> Actor:
    """Return the actor a person is; the id is the same in all three accounts."""
    return Actor("user", token_id(seed, "user_01", "claude", person.key), person)


def service(seed: int, name: str) -> Actor:
    """Return the actor of a named service account."""
    return Actor("service", token_id(seed, "svac_01", "claude", name))


def key_id(seed: int, name: str) -> str:
    """Return the id of a named API key."""
    return token_id(seed, "apikey_01", "claude", name)


def groups_of(person: Person) -> tuple[str, ...]:
    """Return a person's access groups: one a team, and one over all engineers, so that they overlap."""
    teams = tuple(f"rbac_{team}" for team in person.teams)
    return (*teams, ENGINEERS) if _ENGINEERING.intersection(person.teams) else teams


def deleted(person: Person, now: datetime) -> bool:
    """Say whether the account of someone who left is gone by now."""
    return person.left is not None and now.date() > person.left


def email(person: Person) -> str:
    """Return the e-mail as this vendor spells it."""
    return person.aliases.get("claude", person.email)


def actor_object(actor: Actor | None, now: datetime) -> dict[str, Any] | None:
    """Write an actor as the vendor does; a deleted user has lost name and e-mail."""
    if actor is None:
        return None
    kind = ACTOR_TYPES[actor.kind]
    if actor.person is None:
        return {"type": kind, "service_account_id" if actor.kind == "service" else "api_key_id": actor.id}
    gone = deleted(actor.person, now)
    return {
        "type": kind,
        "user_id": actor.id,
        "email_address": None if gone else email(actor.person),
        "name": "Deleted User" if gone else actor.person.name,
        "deleted": gone,
    }


def product_ids(kind: str) -> Iterator[str]:
    """Yield the products an account of this kind can state."""
    yield from CONSOLE_PRODUCTS if kind == "console" else ENTERPRISE_PRODUCTS


_WRITE_5M, _WRITE_1H = 0.55, 0.2  # of the prompt tokens that missed the cache; the rest is plain input
_PROMPT_PER_REQUEST = 24_000


def prompted(r: Random, prompt: float, output: float, hit: float) -> Counts:
    """Draw the counts of so many prompt and output tokens at a cache hit rate."""
    prompt, output = spread(r, prompt, 0.12), spread(r, output, 0.15)
    read = prompt * min(0.99, spread(r, hit, 0.02))
    missed = prompt - read
    five, hour = missed * spread(r, _WRITE_5M, 0.05), missed * spread(r, _WRITE_1H, 0.05)
    requests = max(1, int(prompt / spread(r, _PROMPT_PER_REQUEST, 0.3)))
    return Counts(int(missed - five - hour), int(output), int(read), int(five), int(hour), requests)


def busy(r: Random, day: date, person: Person) -> bool:
    """Say whether someone works with the tool on a day."""
    if person.left is not None and day > person.left:
        return False
    return chance(r, 0.88 * min(1.0, weekday_factor(day)))


@lru_cache(maxsize=4096)  # asked for each day of each person
def appetite(seed: int, key: str) -> float:
    """Return how much a person uses beside the average: a few use a lot."""
    return 0.35 + 1.9 * uniform(rng(seed, "claude appetite", key), 0, 1) ** 2


class _Price(NamedTuple):
    """List prices by disjoint token kind, in the order of `Counts`."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal


def _price(*per_million: str) -> _Price:
    return _Price(*map(Decimal, per_million))


LIST: dict[str, _Price] = {
    "claude-opus-5": _price("5", "25", "0.5", "6.25", "10"),
    "claude-opus-5-5": _price("4", "20", "0.2", "5", "8"),
    "claude-sonnet-5-5": _price("2", "10", "0.1", "2.5", "4"),
    "claude-sonnet-4-5": _price("3", "15", "0.3", "3.75", "6"),
    "claude-haiku-4-5": _price("1", "5", "0.1", "1.25", "2"),
}
LONG_CONTEXT: dict[str, _Price] = {"claude-sonnet-4-5": _price("6", "22.5", "0.6", "7.5", "12")}
CUT_MODEL = "claude-sonnet-5-5"
BEFORE_THE_CUT = _price("2.5", "12.5", "0.125", "3.125", "5")

SEARCH_CENTS = Decimal(1)  # $10 per 1,000 web searches
SESSION_QUARTER_CENTS = Decimal(2)  # $0.08 per session hour, counted in quarters
CONTAINER_CENTS = Decimal("0.25")  # $0.05 per container hour, counted in units of three minutes
TIER_FACTOR = {"standard": Decimal(1), "batch": Decimal("0.5")}  # priority and flex have no cost row

DISCOUNT_FROM = date(2026, 9, 1)
NEGOTIATED = {"console": Decimal("0.85")}  # what is left of the list price since then

_CENTS_PER_TOKEN = Decimal("0.0001")  # of one dollar per million


def per_million(model: str, day: date, context: str = "0-200k") -> _Price:
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


TOKEN_TYPES = (
    "uncached_input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
)
"""The vendor's names of the token kinds, in the order of `Counts`."""


class Part(NamedTuple):
    """One amount of a line: cents charged and cents at list price; requests are on one part of a line only."""

    cost_type: str
    token_type: str | None
    model: str | None
    cents: Decimal
    list_cents: Decimal
    requests: int


def parts(line: UseLine, counts: Counts, kind: str) -> Iterator[Part]:
    """Yield what these counts of a line cost on an account of this kind; nothing where no cost row exists."""
    if not line.billable:
        return
    factor = after_discount(kind, line.day)
    requests = counts.requests
    for cost_type, token_type, model, list_cents in _list_amounts(line, counts):
        yield Part(cost_type, token_type, model, list_cents * factor, list_cents, requests)
        requests = 0


def _list_amounts(line: UseLine, counts: Counts) -> Iterator[tuple[str, str | None, str | None, Decimal]]:
    if line.model is not None and counts.tokens:
        rates = cents_per_token(line.model, line.day, line.tier, line.context)
        for token_type, tokens, rate in zip(TOKEN_TYPES, counts, rates, strict=False):
            if tokens:
                yield "tokens", token_type, line.model, tokens * rate
    if counts.searches:
        yield "web_search", None, None, counts.searches * SEARCH_CENTS
    if counts.units:
        yield line.cost_type, None, line.model, counts.units * line.unit_cents


def plain_cents(cents: Decimal) -> str:
    """Write cents as the vendor does: a decimal string, six places, more only where the exact value has more.

    >>> plain_cents(Decimal("219.25")), plain_cents(Decimal("0.00031875"))
    ('219.250000', '0.00031875')
    """
    exact = cents.normalize()
    exponent = exact.as_tuple().exponent
    places = max(6, -exponent) if isinstance(exponent, int) else 6
    return f"{cents:.{places}f}"
