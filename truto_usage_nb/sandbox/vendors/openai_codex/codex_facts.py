"""What everyone did with Codex on a day, before any row is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random

from truto_usage_nb.sandbox.company import Person, growth, people_with, quarter_month
from truto_usage_nb.sandbox.seeds import chance, choose, integer, rng, spread, token_id, uniform
from truto_usage_nb.sandbox.vendors.openai_codex.day import midnight
from truto_usage_nb.sandbox.vendors.openai_codex.rates import MODELS, UNKNOWN, USD_PER_CREDIT, Tokens

UNKNOWN_CLIENT, UNKNOWN_MODEL = "CODEX_UNKNOWN_DEFAULT", "other"  # how the vendor names what it cannot tell

TOOL = "codex"
CLIENTS = ("CODEX_CLI", "CODEX_WEB", "CODEX_IDE_EXTENSION")
_UNKNOWN_CLIENT_OF = "colette.barrande"
_UNKNOWN_MODEL_OF = "stefan.krajicek"
_USD_SINCE_DAY = 10  # of the month: before it a day is stated in credits alone
_LATEST_MINUTES = 12 * 60
_CREDIT_PLACES, _USD_PLACES = Decimal("0.0001"), Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one user did with one model on a day; `usd` is null where the day is stated in credits alone."""

    model: str
    speed: str
    tokens: Tokens
    credits: Decimal
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class UserDay:
    """One user's day. The three `*_known` are false where the report leaves the part null."""

    person: Person
    user_id: str
    email: str | None
    day: date
    threads: int
    turns: int
    uses: tuple[ModelUse, ...]
    clients: tuple[str, ...]
    lines: tuple[int, int]  # added and removed
    commits: int
    models_known: bool
    tokens_known: bool
    lines_known: bool
    recorded_at: datetime


def feed_down(day: date) -> bool:
    """Say whether the day has no rows at all, though people worked: 13 and 14 of a quarter's first month."""
    return quarter_month(day) == 0 and day.day in {13, 14}


@lru_cache(maxsize=40)
def day_users(seed: int, day: date, scale: float) -> tuple[UserDay, ...]:
    """Return the users with a row on a day, in the directory's order; a larger company has each of them again.

    >>> day_users(7, date(2026, 10, 13), 1.0)
    ()
    """
    if feed_down(day):
        return ()
    copies = max(1, int(scale))
    people = [person for person in people_with(TOOL) if person.kind != "service"]
    found = (_user_day(seed, person, copy, day, scale / copies) for copy in range(copies) for person in people)
    return tuple(user for user in found if user is not None)


def _user_day(seed: int, person: Person, copy: int, day: date, volume: float) -> UserDay | None:
    """Return a user's day, or null without a row; on a weekend some have a row of zeros."""
    if person.left is not None and day > person.left:
        return None
    r = rng(seed, TOOL, person.key, copy, day.isoformat())
    draw, weekend = r.random(), day.weekday() > 4
    if draw > (0.35 if weekend else 0.85):
        return None
    idle = weekend and draw > 0.25
    uses = () if idle else tuple(_uses(r, person, day, volume))
    threads = 0 if idle else integer(r, 1, 14)
    lag = timedelta(minutes=integer(r, 0, _LATEST_MINUTES))
    return UserDay(
        person=person,
        user_id=token_id(seed, "user_", TOOL, person.key, copy),
        email=_email(person, copy),
        day=day,
        threads=threads,
        turns=threads * integer(r, 2, 9),
        uses=uses,
        clients=_clients(r, person),
        lines=(0, 0) if idle else (integer(r, 0, 900), integer(r, 0, 350)),
        commits=0 if idle else integer(r, 0, 6),
        models_known=not chance(r, 0.03),
        tokens_known=not chance(r, 0.02),
        lines_known=not chance(r, 0.08),
        recorded_at=midnight(day) + timedelta(days=1) + lag,
    )


def _email(person: Person, copy: int) -> str | None:
    """Return the e-mail as the workspace spells it; a removed user has none."""
    if person.left is not None:
        return None
    name, _, domain = person.aliases.get(TOOL, person.email).partition("@")
    return f"{name}@{domain}" if copy == 0 else f"{name}.{copy}@{domain}"


def _clients(r: Random, person: Person) -> tuple[str, ...]:
    if person.key == _UNKNOWN_CLIENT_OF:
        return (UNKNOWN_CLIENT,)
    first = choose(r, CLIENTS)
    return tuple(dict.fromkeys((first, choose(r, CLIENTS))))


def _models(r: Random, person: Person) -> tuple[str, ...]:
    """Pick the day's models: a main one, now and then a second; for two people the report knows some as `other`."""
    names = ["gpt-5.4" if chance(r, 0.6) else "gpt-5.3-codex"]
    if chance(r, 0.4):
        names.append("gpt-5.1-codex-mini")
    if person.key in {_UNKNOWN_CLIENT_OF, _UNKNOWN_MODEL_OF} and chance(r, 0.4):
        names.append(UNKNOWN_MODEL)
    return tuple(names)


def _uses(r: Random, person: Person, day: date, volume: float) -> Iterator[ModelUse]:
    states_usd = day.day >= _USD_SINCE_DAY and person.kind == "employee" and person.key != _UNKNOWN_CLIENT_OF
    for place, model in enumerate(_models(r, person)):
        size = volume * growth(day) * uniform(r, 0.3, 1.7) * (1.0 if place == 0 else 0.35)
        tokens = Tokens(
            input=int(size * spread(r, 1_000_000)),
            cached=int(size * spread(r, 10_000_000)),
            output=int(size * spread(r, 150_000)),
        )
        usd = MODELS.get(model, UNKNOWN).of(tokens)
        yield ModelUse(
            model=model,
            speed="fast" if chance(r, 0.1) else "standard",
            tokens=tokens,
            credits=(usd / USD_PER_CREDIT).quantize(_CREDIT_PLACES),
            usd=usd.quantize(_USD_PLACES) if states_usd and model != UNKNOWN_MODEL else None,
        )
