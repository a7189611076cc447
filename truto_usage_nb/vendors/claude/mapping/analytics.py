"""`analytics/usage`, `analytics/cost` and the four older Enterprise reports, which say the same without a `group`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from truto_usage_nb.vendors.claude.mapping import fields
from truto_usage_nb.vendors.claude.mapping.fields import ClaudeRow, Told
from truto_usage_nb.vendors.records import without_nulls

_KEYS = ("api_key_id", "session_id", "agent_id")
_MEASURES = frozenset(
    {
        "uncached_input_tokens",
        "cache_creation",
        "cache_read_input_tokens",
        "output_tokens",
        "total_tokens",
        "server_tool_use",
        "requests",
        "amount",
        "list_amount",
        "starting_at",
        "ending_at",
        "currency",
    }
)


def report_record(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map one row; what it is grouped by becomes user, model, surface and resources."""
    group = row["group"] if "group" in row else {k: v for k, v in row.items() if k not in _MEASURES}
    measures = row.get("cost") or row.get("usage") or row
    record = {
        **_head(row, told, group),
        **(_cost(group, measures) if "amount" in measures else _usage(measures)),
    }
    return [without_nulls(record)]


def _head(row: ClaudeRow, told: Told, group: dict[str, Any]) -> dict[str, Any]:
    start = row.get("starting_at") or told.envelope.get("starting_at")
    end = row.get("ending_at") or told.envelope.get("ending_at")
    actor = group.get("actor")
    named = {name: value for name, value in group.items() if value is not None and name != "actor"}
    return {
        "id": fields.stable_id(told, start, end, named, fields.actor_id(actor)),
        "product": fields.product(group.get("product")),
        "surface": group.get("product"),
        "model": fields.model(group.get("model")),
        "user": fields.user_of(actor),
        "resources": fields.resources_of(told, _resource_ids(group, actor), group.get("workspace_id")),
        "organization": fields.organization(told, group.get("organization_id")),
        "start_date": start,
        "end_date": end,
        "updated_at": told.envelope.get("data_refreshed_at"),
    }


def _resource_ids(group: dict[str, Any], actor: dict[str, Any] | None) -> list[str]:
    """Return keys, sessions and agents, each once; an actor that is no user is a resource too."""
    ids = [group.get(name) for name in _KEYS]
    if actor is not None and actor.get("type") != "user_actor":
        ids.append(fields.actor_id(actor))
    return list(dict.fromkeys(one for one in ids if one is not None))


def _usage(measures: ClaudeRow) -> dict[str, Any]:
    return {"metric_name": "tokens", "usage": fields.token_usage(measures)}


def _cost(group: dict[str, Any], measures: ClaudeRow) -> dict[str, Any]:
    """Return net, the discount between list and net (negative on a refund), and the list amount as total."""
    net, listed = Decimal(str(measures["amount"])), measures.get("list_amount")
    currency = measures.get("currency")
    charges = [fields.charge("net", net, currency)]
    if listed is not None:
        charges.append(fields.charge("discount", Decimal(str(listed)) - net, currency))
        charges.append(fields.charge("total", listed, currency))
    return {
        "metric_name": group.get("token_type") or group.get("cost_type") or "cost",
        "charges": charges,
        "usage": {"requests": {"total": measures.get("requests")}},
    }
