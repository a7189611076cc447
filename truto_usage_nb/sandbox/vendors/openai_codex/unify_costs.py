"""`GET /v1/organization/costs`: a result of a daily bucket to one unified record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from truto_usage_nb.sandbox.trimming import compact
from truto_usage_nb.sandbox.vendors.openai_codex.fields import (
    API_PRODUCT,
    decimal,
    from_unix,
    key_resource,
    openai_model,
    stable_id,
)

_GROUPS = ("line_item", "project_id", "api_key_id", "user_id", "api_source")
_MODEL_BEFORE_COMMA = re.compile(r"([A-Za-z][\w.:-]*\d[\w.:-]*),")


def cost_record(row: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Map one cost result; `context` is its bucket: `start_time` and `end_time` in Unix seconds.

    The quantity never becomes tokens: the usage endpoint states those, and they would count twice.
    """
    start, end = context.get("start_time"), context.get("end_time")
    recorded, line_item = context.get("recorded_at"), row.get("line_item")
    fields = {
        "id": stable_id("cost", start, end, *map(row.get, _GROUPS)),
        "product": API_PRODUCT,
        "metric_name": line_item,
        "resources": key_resource(row),
        "organization": {"id": row.get("organization_id")},
        "user": {"id": row.get("user_id")},
        "model": openai_model(model_of(line_item)),
        "charges": [_charge(row["amount"])],
        "usage": {"quantity": row.get("quantity"), "unit": row.get("quantity_unit")},
        "start_date": from_unix(start),
        "end_date": from_unix(end),
        "created_at": recorded,
        "updated_at": recorded,
    }
    return compact(fields)


def model_of(line_item: str | None) -> str | None:
    """Return the model that a line item names before its comma, or null where it names something else.

    >>> model_of("gpt-4o-2024-08-06, input"), model_of("Web search tool calls")
    ('gpt-4o-2024-08-06', None)
    """
    found = _MODEL_BEFORE_COMMA.match(line_item or "")
    return found[1] if found else None


def _charge(amount: Mapping[str, Any]) -> dict[str, Any]:
    return {"amount": float(decimal(amount["value"])), "currency": amount["currency"].upper(), "type": "total"}
