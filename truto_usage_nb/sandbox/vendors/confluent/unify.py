"""Confluent's rows as unified usage records."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.seeds import token_id
from truto_usage_nb.sandbox.vendors.confluent.catalog import NAMES

CURRENCY = "USD"  # the API speaks of dollars and names no currency

_TAKEN_BACK = ("correction", "reversal", "clawback", "adjustment")


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map one cost row to its one record.

    `original_amount` is the total, `discount_amount` what is taken off (positive), `amount` the net. A promotion is a
    `credit` alone. When the rows were posted is known to the feed, not stated in the row.
    """
    row = raw.row
    product = row.get("product") or row["line_type"]
    posted_at = raw.context.get("posted_at")
    record = {
        "id": row.get("id") or _hashed(row),
        "product": {"id": product, "name": NAMES.get(product)},
        "metric_name": row.get("line_type"),
        "resources": _resources(row),
        "organization": {"id": ask.account.organization_id, "name": ask.account.organization_name},
        "charges": _charges(row),
        "usage": _usage(row),
        "start_date": row.get("start_date"),
        "end_date": row.get("end_date"),
        "created_at": posted_at,
        "updated_at": posted_at,
    }
    return [{name: value for name, value in record.items() if value is not None}]


def _hashed(row: dict[str, Any]) -> str:
    """Return a stable id for a row that came without one, from what tells it from the other rows of its day."""
    names = ("start_date", "end_date", "product", "line_type", "network_access_type", "description")
    resource = row.get("resource") or {}
    return token_id(0, "cost-", *(row.get(name) for name in names), resource.get("id"))


def _resources(row: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the resource in its workspace, which is the environment in either of its two shapes."""
    resource = row.get("resource")
    if not resource:
        return None
    place = resource.get("environment") or row.get("environment")
    workspace = {"id": place} if isinstance(place, str) else place
    found = {"id": resource.get("id"), "name": resource.get("display_name"), "workspace": workspace}
    return [{name: value for name, value in found.items() if value is not None}]


def _charges(row: dict[str, Any]) -> list[dict[str, Any]]:
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
    return {"type": kind, "amount": amount, "currency": CURRENCY}


def _credit(row: dict[str, Any]) -> float:
    """Return the credit, negative however the API signs it; one that is taken back keeps the sign of the data."""
    amount: float = row["amount"]
    description = str(row.get("description")).lower()
    taken_back = any(word in description for word in _TAKEN_BACK)
    return amount if taken_back else -abs(amount)


def _usage(row: dict[str, Any]) -> dict[str, Any] | None:
    """Return quantity and unit; a credit or a fee has none."""
    if row.get("quantity") is None:
        return None
    return {"quantity": row["quantity"], "unit": row.get("unit") or None}
