"""The older Admin reports: `usage_report/messages` and `cost_report`; times stand on the bucket, not on the row."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.trimming import compact
from truto_usage_nb.sandbox.vendors.claude.unified import fields

_USAGE_KEYS = (
    "account_id",
    "api_key_id",
    "context_window",
    "inference_geo",
    "model",
    "service_account_id",
    "service_tier",
    "speed",
    "workspace_id",
)
_COST_KEYS = ("description", "workspace_id", "cost_type", "token_type", "model", "service_tier", "context_window")


def messages(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map a token row; tier, context window, speed and region have no field and stay in the raw row."""
    row = raw.row
    record = {
        **_head(raw, ask, _USAGE_KEYS),
        "product": fields.product("claude_api"),
        "metric_name": "tokens",
        "surface": "api",
        "resources": fields.resources([row.get("api_key_id")], row.get("workspace_id")),
        "user": {"id": row.get("account_id") or row.get("service_account_id")},
        "usage": fields.token_usage(row),
    }
    return [compact(record)]


def cost(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map a cost row: one amount, of which the vendor does not say whether a discount is in it."""
    row = raw.row
    record = {
        **_head(raw, ask, _COST_KEYS),
        "product": fields.product("claude_api"),
        "metric_name": row.get("description") or row.get("token_type") or row.get("cost_type") or "cost",
        "resources": fields.resources([], row.get("workspace_id")),
        "charges": [fields.charge("total", row["amount"], row.get("currency"))],
    }
    return [compact(record)]


def _head(raw: Raw, ask: Ask, keys: tuple[str, ...]) -> dict[str, Any]:
    start, end = raw.context.get("starting_at"), raw.context.get("ending_at")
    return {
        "id": fields.stable_id(raw, ask, start, end, {key: raw.row.get(key) for key in keys}),
        "model": fields.model(raw.row.get("model")),
        "organization": fields.organization(raw, ask),
        "start_date": start,
        "end_date": end,
    }
