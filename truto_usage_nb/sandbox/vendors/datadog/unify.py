"""Datadog's cost rows as unified usage records, and the way to the mapping of its other endpoints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.vendors.datadog.catalog import NAMES
from truto_usage_nb.sandbox.vendors.datadog.months import Month
from truto_usage_nb.sandbox.vendors.datadog.unify_usage import unify_hourly, unify_summary, unify_v1

CURRENCY = "USD"  # assumed: the API names no currency

Records = list[dict[str, Any]]


def unify(raw: Raw, ask: Ask) -> Records:
    """Map one row, by the endpoint it came from, to its records."""
    if raw.endpoint.startswith("/api/v1/usage/"):
        return _V1.get(raw.endpoint, unify_v1)(raw, ask)
    return _V2.get(raw.endpoint, unify_cost)(raw, ask)


def unify_cost(raw: Raw, ask: Ask) -> Records:  # noqa: ARG001  # the row names its own organisation
    """Map the row of an organisation and month to a record per product with its three charges, and no total row.

    `total` repeats `committed` and `on_demand`: the three are charges of one record, never records of their own.
    """
    attributes = raw.row["attributes"]
    by_product: dict[str, Records] = {}
    for charge in attributes["charges"]:
        by_product.setdefault(charge["product_name"], []).append(charge)
    return [_record(raw, attributes, product, charges) for product, charges in by_product.items()]


def _record(raw: Raw, attributes: dict[str, Any], product: str, charges: Records) -> dict[str, Any]:
    month = Month.of(date.fromisoformat(attributes["date"][:10]))
    computed_at = raw.context.get("computed_at")
    record = {
        "id": f"{raw.row['id']}-{product}",
        "product": {"id": product, "name": NAMES.get(product)},
        "metric_name": product,
        "organization": {"id": attributes["public_id"], "name": attributes["org_name"]},
        "charges": [_charge(charge) for charge in charges],
        "start_date": attributes["date"],
        "end_date": f"{month.next}-01T00:00:00Z",
        "created_at": attributes["date"] if computed_at else None,
        "updated_at": computed_at,
    }
    return {name: value for name, value in record.items() if value is not None}


def _charge(charge: dict[str, Any]) -> dict[str, Any]:
    return {"type": charge["charge_type"], "amount": charge["cost"], "currency": CURRENCY}


_V1: dict[str, Callable[[Raw, Ask], Records]] = {"/api/v1/usage/summary": unify_summary}
_V2: dict[str, Callable[[Raw, Ask], Records]] = {"/api/v2/usage/hourly_usage": unify_hourly}
