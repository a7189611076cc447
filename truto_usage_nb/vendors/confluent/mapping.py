"""Confluent Cloud's `billing/v1/costs`: one row, a resource's day by one line type, as one unified record.

Money comes as JSON doubles in dollars, without a currency. `original_amount` is at list, `discount_amount` what is
taken off (positive), `amount` what is charged. There are no tokens, models or people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Required

from typing_extensions import TypedDict

from truto_usage_nb.vendors.records import opaque_id

__all__ = ["CONFLUENT_PRODUCTS", "ConfluentCost", "cost_record"]


class _Resource(TypedDict, total=False):
    """What is billed; organisations made before 2024-05-15 name the environment by a text, and again beside the row."""

    id: str | None
    display_name: str | None
    environment: dict[str, Any] | str | None


class ConfluentCost(TypedDict, total=False):
    """One entry of `data`; dates are days, in some answers with a midnight behind them."""

    api_version: str
    kind: str
    id: str | None
    start_date: Required[str]
    end_date: Required[str]
    granularity: str | None
    network_access_type: str | None
    product: str | None
    line_type: str | None
    price: float | None
    unit: str | None
    quantity: float | None
    original_amount: float | None
    discount_amount: float | None
    amount: float | None
    resource: _Resource | None
    environment: dict[str, Any] | None
    tier_dimensions: dict[str, Any] | None
    description: str | None


CONFLUENT_PRODUCTS: dict[str, tuple[str, str]] = {
    "KAFKA": ("Kafka", "Kafka clusters: capacity, storage, partitions and network"),
    "CONNECT": ("Connect", "Fully managed connectors: tasks and throughput"),
    "CUSTOM_CONNECT": ("Custom Connect", "Connectors of one's own: tasks and throughput"),
    "KSQL": ("ksqlDB", "Streaming units of ksqlDB clusters"),
    "FLINK": ("Flink", "Compute of Flink statements"),
    "STREAM_GOVERNANCE": ("Stream Governance", "The governance package, schemas and data quality rules"),
    "CLUSTER_LINK": ("Cluster Linking", "Links between clusters and what they carry"),
    "TABLEFLOW": ("Tableflow", "Topics as tables: topics, data processed and storage"),
    "USM": ("Unified Stream Manager", "Connected nodes of clusters of one's own"),
    "AUDIT_LOG": ("Audit Log", "Reading the organisation's audit log"),
    "SUPPORT_CLOUD_BASIC": ("Basic support", "The monthly support fee"),
    "SUPPORT_CLOUD_DEVELOPER": ("Developer support", "The monthly support fee"),
    "SUPPORT_CLOUD_BUSINESS": ("Business support", "The monthly support fee"),
    "SUPPORT_CLOUD_PREMIER": ("Premier support", "The monthly support fee"),
    "PROMO_CREDIT": ("Promotional credit", "Promotions that pay for usage"),
}
"""Name and description of what the bill names."""

_CURRENCY = "USD"  # the API speaks of dollars and names no currency
_TAKEN_BACK = ("correction", "reversal", "clawback", "adjustment")
_DAY = len("2026-10-01")


def cost_record(
    row: Mapping[str, Any], *, organization: Mapping[str, Any] | None = None, posted_at: str | None = None
) -> dict[str, Any]:
    """Map one cost row.

    `original_amount` is the total, `discount_amount` what is taken off (positive), `amount` the net. A promotion is a
    `credit` alone. Whose the row is, and when it was posted, is not stated in it: the caller may know.
    """
    product = row.get("product") or row.get("line_type")
    record = {
        "id": row.get("id") or _hashed(row),
        "product": {"id": product, "name": CONFLUENT_PRODUCTS[product][0] if product in CONFLUENT_PRODUCTS else None},
        "metric_name": row.get("line_type"),
        "resources": _resources(row),
        "organization": organization,
        "charges": _charges(row),
        "usage": _usage(row),
        "start_date": _day(row.get("start_date")),
        "end_date": _day(row.get("end_date")),
        "created_at": posted_at,
        "updated_at": posted_at,
    }
    return {name: value for name, value in record.items() if value is not None}


def _day(text: str | None) -> str | None:
    """Return the day alone where a midnight stands behind it; any other text stays as it is."""
    if text is not None and text[_DAY:].strip(" TZ0:.+") == "":
        return text[:_DAY]
    return text


def _hashed(row: Mapping[str, Any]) -> str:
    """Return a stable id for a row that came without one, from what tells it from the other rows of its day."""
    names = ("start_date", "end_date", "product", "line_type", "network_access_type", "description")
    resource = row.get("resource") or {}
    return opaque_id("cost-", *(row.get(name) for name in names), resource.get("id"))


def _resources(row: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the resource in its workspace, which is the environment in either of its two shapes."""
    resource = row.get("resource")
    if not resource:
        return None
    place = resource.get("environment") or row.get("environment")
    workspace = {"id": place} if isinstance(place, str) else place
    found = {"id": resource.get("id"), "name": resource.get("display_name"), "workspace": workspace}
    return [{name: value for name, value in found.items() if value is not None}]


def _charges(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    if row.get("line_type") == "PROMO_CREDIT":
        return [_charge("credit", _credit(row))]
    charges = [
        _charge("total", row.get("original_amount")),
        _charge("discount", row.get("discount_amount")),
        _charge("net", row.get("amount")),
    ]
    if str(row.get("product")).startswith("SUPPORT"):
        charges.append(_charge("platform_fee", row.get("original_amount")))
    return [charge for charge in charges if charge["amount"] is not None]


def _charge(kind: str, amount: float | None) -> dict[str, Any]:
    return {"type": kind, "amount": amount, "currency": _CURRENCY}


def _credit(row: Mapping[str, Any]) -> float:
    """Return the credit, negative however the API signs it; one that is taken back keeps the sign of the data."""
    amount: float = row["amount"]
    description = str(row.get("description")).lower()
    taken_back = any(word in description for word in _TAKEN_BACK)
    return amount if taken_back else -abs(amount)


def _usage(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return quantity and unit; a credit or a fee has none."""
    if row.get("quantity") is None:
        return None
    return {"quantity": row["quantity"], "unit": row.get("unit") or None}
