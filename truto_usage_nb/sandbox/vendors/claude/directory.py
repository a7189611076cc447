"""Who and what the three accounts know by id: people, keys, workspaces, groups, products. Ids follow the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from truto_usage_nb.sandbox.company import DOMAIN, TEAMS, Person, people_with
from truto_usage_nb.sandbox.seeds import token_id
from truto_usage_nb.sandbox.vendors.claude.line import Actor

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
