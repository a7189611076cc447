"""Datadog's own rows: one object of `historical_cost` or `estimated_cost` per organisation and month."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from hashlib import sha256
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask, Raw, World
from truto_usage_nb.sandbox.vendors.datadog.facts import Fact, facts
from truto_usage_nb.sandbox.vendors.datadog.months import Month, asked, months, refused

HISTORICAL = "/api/v2/usage/historical_cost"
ESTIMATED = "/api/v2/usage/estimated_cost"
MAX_PAGE = 1_000  # the cost endpoints have no pages: the whole answer comes at once
DEFAULT_PAGE = 1_000

_REGION = "us1"
_VIEWS = ("sub-org", "summary")
_AVERAGED = "_host"  # hosts are billed by their average, the rest by what was used


def collect(ask: Ask) -> Iterator[Raw]:
    """Yield a row per sub-organisation and month, oldest month first; `remote_query[view]=summary` asks for the parent.

    The parent's row says again what its sub-organisations say, so the two views are never served together.

    >>> from datetime import UTC, datetime
    >>> from truto_usage_nb.sandbox.company import ACCOUNTS
    >>> account = next(one for one in ACCOUNTS if one.id == "datadog")
    >>> world = World(7, datetime(2026, 11, 23, tzinfo=UTC))
    >>> [raw.row["attributes"]["org_name"] for raw in collect(Ask(world, account, start_date="2026-10-01"))]
    ['Tidewheel Production', 'Tidewheel Data Platform', 'Tidewheel Internal Tools']
    """
    first, last = asked(ask)
    if _view(ask) not in _VIEWS:
        raise refused(f"view must be one of {', '.join(_VIEWS)}, got {_view(ask)!r}")
    return _rows(ask, first, last)


def request(ask: Ask) -> dict[str, Any]:
    """Return the request that is sent to Datadog for the first month; months still open go to `estimated_cost`."""
    first, last = asked(ask)
    query = {"view": "sub-org", "start_month": str(first), "end_month": str(last), **ask.remote_query}
    endpoint = HISTORICAL if first.final(ask.world) else ESTIMATED
    return {
        "url": f"https://api.datadoghq.com{endpoint}?{urlencode(query)}",
        "method": "GET",
        "headers": {"Accept": "application/json;datetime-format=rfc3339"},
        "body": None,
    }


def _view(ask: Ask) -> str:
    return str(ask.remote_query.get("view", "sub-org"))


def _rows(ask: Ask, first: Month, last: Month) -> Iterator[Raw]:
    for month in months(first, last, ask.world):
        if _view(ask) == "summary":
            yield _parent(ask, month)
        else:
            yield from _sub_orgs(ask, month)


def _sub_orgs(ask: Ask, month: Month) -> Iterator[Raw]:
    for org, of_org in groupby(facts(ask.world, month), key=lambda fact: fact.org):
        yield _raw(ask, month, (org.public_id, org.name), [_charges(_amounts([fact]), fact.product) for fact in of_org])


def _parent(ask: Ask, month: Month) -> Raw:
    by_product: dict[str, list[Fact]] = {}
    for fact in facts(ask.world, month):
        by_product.setdefault(fact.product, []).append(fact)
    charges = [_charges(_amounts(of_product), product) for product, of_product in sorted(by_product.items())]
    return _raw(ask, month, (ask.account.organization_id, ask.account.organization_name), charges)


def _amounts(of_product: Iterable[Fact]) -> dict[str, Decimal]:
    """Return the three amounts Datadog states; the last is the sum of the other two."""
    amounts = {"committed": Decimal(0), "on_demand": Decimal(0), "total": Decimal(0)}
    for fact in of_product:
        amounts["committed"] += fact.committed
        amounts["on_demand"] += fact.on_demand
        amounts["total"] += fact.total
    return amounts


def _charges(amounts: dict[str, Decimal], product: str) -> list[dict[str, Any]]:
    aggregation = "average" if product.endswith(_AVERAGED) else "sum"
    return [
        {
            "product_name": product,
            "charge_type": kind,
            "cost": float(amount),
            "last_aggregation_function": aggregation,
        }
        for kind, amount in amounts.items()
    ]


def _raw(ask: Ask, month: Month, org: tuple[str, str], charges: list[list[dict[str, Any]]]) -> Raw:
    """Return the row of one organisation, with the moment its figures were last worked out."""
    public_id, name = org
    flat = [charge for of_product in charges for charge in of_product]
    total = sum((Decimal(str(charge["cost"])) for charge in flat if charge["charge_type"] == "total"), Decimal(0))
    attributes = {
        "account_name": ask.account.organization_name,
        "account_public_id": ask.account.organization_id,
        "org_name": name,
        "public_id": public_id,
        "region": _REGION,
        "total_cost": float(total),
        "date": f"{month}-01T00:00:00Z",
        "charges": flat,
    }
    row = {"type": "cost_by_org", "id": _id(ask.world, public_id, month), "attributes": attributes}
    return Raw(
        row, HISTORICAL if month.final(ask.world) else ESTIMATED, {"computed_at": _computed_at(ask.world, month)}
    )


def _id(world: World, public_id: str, month: Month) -> str:
    """Return the row's id, the same for the estimate and for what replaces it."""
    return sha256(f"{world.seed}:{public_id}:{month}".encode()).hexdigest()


def _computed_at(world: World, month: Month) -> str:
    """Return the last midnight, or the moment the month became final."""
    day = month.final_at.date() if month.final(world) else world.now.date()
    return f"{day}T00:00:00Z"
