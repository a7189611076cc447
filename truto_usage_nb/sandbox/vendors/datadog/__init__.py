"""The products of Datadog by the name its bill gives them."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, products_of
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.datadog.raw import DEFAULT_PAGE, MAX_PAGE, raw_rows, request
from truto_usage_nb.sandbox.vendors.datadog.story import answer_key
from truto_usage_nb.vendors.datadog.mapping import (
    DATADOG_PRODUCTS,
    cost_records,
    hourly_records,
    summary_records,
    v1_records,
)

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


def products(account: Account) -> list[dict[str, Any]]:
    """Return the unified products of an account."""
    return products_of(account, *((id_, *row) for id_, row in DATADOG_PRODUCTS.items()))


NUMBERED = False
RATE_LIMIT = "60;w=60"  # Datadog publishes no number


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map one row, by the endpoint it came from, to its records."""
    if raw.endpoint == "/api/v1/usage/summary":
        return summary_records(raw.row, {"id": ask.account.organization_id, "name": ask.account.organization_name})
    if raw.endpoint.startswith("/api/v1/usage/"):
        return v1_records(raw.row, raw.endpoint.rsplit("/", 1)[-1])
    if raw.endpoint == "/api/v2/usage/hourly_usage":
        return hourly_records(raw.row)
    return cost_records(raw.row, computed_at=raw.context.get("computed_at"))
