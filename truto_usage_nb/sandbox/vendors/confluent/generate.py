"""Confluent's own rows: one object of `GET /billing/v1/costs` for every fact, in the vendor's shape."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask, Raw, World
from truto_usage_nb.sandbox.seeds import token_id
from truto_usage_nb.sandbox.vendors.confluent.facts import PROMO_CREDIT, Fact, facts
from truto_usage_nb.sandbox.vendors.confluent.fleet import LEGACY_ENVIRONMENTS, Resource, short_id
from truto_usage_nb.sandbox.vendors.confluent.window import window

ENDPOINT = "/billing/v1/costs"
MAX_PAGE = 10_000
DEFAULT_PAGE = 5_000

_LINE_ID_LENGTH = 16


def collect(ask: Ask) -> Iterator[Raw]:
    """Yield the rows of the window, day by day; a window Confluent refuses is refused before the first row.

    >>> from datetime import UTC, datetime
    >>> from truto_usage_nb.sandbox.company import ACCOUNTS
    >>> account = next(one for one in ACCOUNTS if one.id == "confluent")
    >>> world = World(7, datetime(2026, 11, 23, tzinfo=UTC))
    >>> first = next(iter(collect(Ask(world, account, start_date="2026-10-01"))))
    >>> first.row["line_type"], first.row["quantity"], first.row["unit"]
    ('KAFKA_NUM_CKUS', 144.0, 'CKU-hour')
    """
    start, end = window(ask)
    return _rows(ask.world, start, end)


def request(ask: Ask) -> dict[str, Any]:
    """Return the request that is sent to Confluent."""
    start, end = window(ask)
    query = {"start_date": start.isoformat(), "end_date": end.isoformat(), "page_size": DEFAULT_PAGE}
    return {
        "url": f"https://api.confluent.cloud{ENDPOINT}?{urlencode({**query, **ask.remote_query})}",
        "method": "GET",
        "headers": {"Accept": "application/json"},
        "body": None,
    }


def _rows(world: World, start: date, end: date) -> Iterator[Raw]:
    for fact in facts(world, start, end):
        yield Raw(row_of(fact, world), ENDPOINT, {"posted_at": fact.posted_at.strftime("%Y-%m-%dT%H:%M:%SZ")})


def row_of(fact: Fact, world: World) -> dict[str, Any]:
    """Write a fact as Confluent does: money as doubles in dollars, and no field that has nothing to say."""
    row: dict[str, Any] = {
        "api_version": "billing/v1",
        "kind": "Cost",
        "id": _line_id(fact, world),
        "start_date": fact.day.isoformat(),
        "end_date": (fact.day + timedelta(days=1)).isoformat(),
        "granularity": "DAILY",
        "product": fact.product,
        "line_type": fact.line_type,
        "price": _number(fact.price),
        "unit": fact.unit,
        "quantity": _number(fact.quantity),
        "original_amount": float(fact.listed),
        "discount_amount": float(fact.discount),
        "amount": float(fact.net),
        "description": fact.description,
        **_whose(fact, world),
    }
    return {name: value for name, value in row.items() if value is not None} | _no_resource(fact)


def _line_id(fact: Fact, world: World) -> str | None:
    """Return the row's id; the lines of the audit log have none, as was seen on real rows."""
    if fact.product == "AUDIT_LOG":
        return None
    key = fact.resource.key if fact.resource else fact.description
    token = token_id(world.seed, "", fact.day.isoformat(), fact.line_type, key, fact.copy)
    return "dlz-" + token[:_LINE_ID_LENGTH].lower()


def _whose(fact: Fact, world: World) -> dict[str, Any]:
    """Return what names the resource: where it is, how it is reached, what it is."""
    resource = fact.resource
    if resource is None:
        return {}
    tiers = dict(resource.tiers) if resource.tiers else None
    named = {"network_access_type": resource.network, "tier_dimensions": tiers}
    return named | (_placed(resource, fact.copy, world) if resource.prefix else {})


def _placed(resource: Resource, copy: int, world: World) -> dict[str, Any]:
    """Return the resource in its environment; older environments stand at the top, and as a string inside."""
    place = short_id(world, "env-", resource.environment)
    name = resource.name if copy == 0 else f"{resource.name}-{copy + 1}"
    thing = {"id": short_id(world, resource.prefix, resource.key, copy), "display_name": name}
    if resource.environment in LEGACY_ENVIRONMENTS:
        return {"environment": {"id": place}, "resource": {**thing, "environment": place}}
    return {"resource": {**thing, "environment": {"id": place}}}


def _no_resource(fact: Fact) -> dict[str, Any]:
    """Say `"resource": null` where the whole organisation is charged; a promotion leaves the field out."""
    if fact.line_type == PROMO_CREDIT or (fact.resource and fact.resource.prefix):
        return {}
    return {"resource": None}


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
