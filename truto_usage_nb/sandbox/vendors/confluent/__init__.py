"""Confluent Cloud: the daily cost rows of `GET /billing/v1/costs`, whatever report is asked for."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, products_of
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.confluent.raw import DEFAULT_PAGE, MAX_PAGE, raw_rows, request
from truto_usage_nb.sandbox.vendors.confluent.story import answer_key
from truto_usage_nb.vendors.confluent.mapping import CONFLUENT_PRODUCTS, cost_record

__all__ = [
    "DEFAULT_PAGE",
    "MAX_PAGE",
    "NUMBERED",
    "RATE_LIMIT",
    "answer_key",
    "products",
    "raw_rows",
    "request",
    "unify",
]

_ELSEWHERE = {"USM", "SUPPORT_CLOUD_BASIC", "SUPPORT_CLOUD_DEVELOPER", "SUPPORT_CLOUD_PREMIER"}  # not bought here


def products(account: Account) -> list[dict[str, Any]]:
    """Return the unified products of an account."""
    return products_of(account, *((id_, *row) for id_, row in CONFLUENT_PRODUCTS.items() if id_ not in _ELSEWHERE))


NUMBERED = False
RATE_LIMIT = "60;w=60"  # Confluent publishes no number


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map one cost row to its one record; whose it is and when it was posted is known to the feed, not stated in it."""
    organization = {"id": ask.account.organization_id, "name": ask.account.organization_name}
    return [cost_record(raw.row, organization=organization, posted_at=raw.context.get("posted_at"))]
