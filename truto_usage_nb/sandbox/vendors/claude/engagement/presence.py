"""Who was there on a day, and what they did, read off the metered lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, World
from truto_usage_nb.sandbox.company import Account, Person
from truto_usage_nb.sandbox.vendors.claude import facts
from truto_usage_nb.sandbox.vendors.claude.directory import deleted, email, groups_of, user
from truto_usage_nb.sandbox.vendors.claude.question import Question

OFFICE = ("excel", "outlook", "powerpoint", "word")
Day = Mapping[Person, Mapping[str, int]]
"""Requests by product, for everyone active on a day."""

_ANY = datetime(1970, 1, 1, tzinfo=UTC)  # settled lines do not depend on the moment, so the cache need not either


def active(ask: Ask, day: date) -> Day:
    """Return everyone who used anything on a day, in the directory's order, with requests by product."""
    account = ask.account if ask.account.twin_of is None else replace(ask.account, id=ask.account.twin_of)
    return _active(replace(ask.world, now=_ANY), account, day)


@lru_cache(maxsize=1024)
def _active(world: World, account: Account, day: date) -> Day:
    found: dict[Person, dict[str, int]] = {}
    for line in facts.settled_lines(world, account, day):
        person = line.actor.person if line.actor else None
        if person is not None and line.product is not None:
            products = found.setdefault(person, {})
            products[line.product] = products.get(line.product, 0) + line.counts.requests
    return found


def seen(ask: Ask, question: Question, day: date) -> list[tuple[Person, Mapping[str, int]]]:
    """Return the active people a question is about: its user filter, and deleted users only where wanted."""
    wanted = question.filters.get("actor_ids")
    return [
        (person, products)
        for person, products in active(ask, day).items()
        if (wanted is None or user(ask.world.seed, person).id in wanted)
        and (question.include_deleted or not deleted(person, ask.world.now))
    ]


def user_object(seed: int, person: Person, now: datetime) -> dict[str, Any]:
    """Write a person as the engagement endpoints do: no name, no e-mail once deleted."""
    address = None if deleted(person, now) else email(person)
    return {"id": user(seed, person).id, "email_address": address, "type": "user"}


def group_values(ask: Ask, question: Question, person: Person, product: str | None) -> list[dict[str, Any]]:
    """Return the columns a person's share falls under: one set, or one an access group where groups are asked for."""
    values: dict[str, Any] = {}
    if "product" in question.group_by:
        values["product"] = product
    if "user_id" in question.group_by:
        values["user_id"] = user(ask.world.seed, person).id
    if "rbac_group_id" not in question.group_by:
        return [values]
    return [{**values, "rbac_group_id": group} for group in groups_of(person) or (None,)]
