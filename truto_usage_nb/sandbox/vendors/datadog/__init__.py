"""Datadog: the cost of each sub-organisation and month, by product, whatever report is asked for.

Its usage endpoints are mapped too, for rows that were had elsewhere.
"""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.vendors.datadog.answer import answer
from truto_usage_nb.sandbox.vendors.datadog.catalog import products
from truto_usage_nb.sandbox.vendors.datadog.generate import DEFAULT_PAGE, MAX_PAGE, collect, request
from truto_usage_nb.vendors.datadog.mapping import cost_records, hourly_records, summary_records, v1_records

__all__ = ["DEFAULT_PAGE", "MAX_PAGE", "NAME", "RATE_LIMIT", "answer", "collect", "products", "request", "unify"]

NAME = "datadog"
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
