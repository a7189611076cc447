"""`analytics/skills`, `connectors`, `apps/chat/projects` and `summaries`: one counter a row, and what it is of."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.trimming import compact
from truto_usage_nb.sandbox.vendors.claude.unified import fields


def skill(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map a skill; the overage is an estimate, and the list price attributed to it no bill: it stays in the raw row."""
    row, spend = raw.row, raw.row.get("estimated_overage_spend")
    record = {
        **_head(raw, ask, row["skill_name"]),
        "metric_name": "skill_invocations",
        "resources": [compact({"id": row["skill_name"], "name": row.get("skill_display_name")})],
        "charges": None if spend is None else [fields.charge("on_demand", spend, row.get("currency"))],
        "usage": {"quantity": row.get("invocation_count"), "unit": "invocations"},
    }
    return [compact(record)]


def connector(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map a connector, often known by a UUID alone; its calls are of three classes, or of none before 29 May 2026."""
    row = raw.row
    calls = fields.added(row.get(f"{word}_call_count") for word in ("read", "write", "unclassified"))
    record = {
        **_head(raw, ask, row["connector_name"]),
        "metric_name": "connector_calls",
        "resources": [compact({"id": row["connector_name"], "name": row.get("connector_display_name")})],
        "usage": {"quantity": calls, "unit": "calls", "tools": {"connectors_used_count": calls}},
    }
    return [compact(record)]


def project(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map a chat project; the user is whoever created it."""
    row, maker = raw.row, raw.row.get("created_by") or {}
    record = {
        **_head(raw, ask, row["project_id"]),
        "product": fields.product("chat"),
        "surface": "chat",
        "metric_name": "project_messages",
        "resources": [compact({"id": row["project_id"], "name": row.get("project_name")})],
        "user": {"id": maker.get("id"), "email": maker.get("email_address") or maker.get("email")},
        "usage": {
            "quantity": row.get("message_count"),
            "unit": "messages",
            "conversations": {
                "distinct": row.get("distinct_conversation_count"),
                "message_count": row.get("message_count"),
            },
        },
        "created_at": row.get("created_at"),
    }
    return [compact(record)]


def summary(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map a head count; older rows name their times `starting_date` and `ending_date`."""
    row = raw.row
    start, end = (row.get(f"{word}_at") or row.get(f"{word}_date") for word in ("starting", "ending"))
    record = {
        **_head(raw, ask, start),
        "metric_name": "daily_active_users",
        "usage": {"quantity": row.get("daily_active_user_count"), "unit": "users"},
        "start_date": start,
        "end_date": end,
    }
    return [compact(record)]


def _head(raw: Raw, ask: Ask, name: str | None) -> dict[str, Any]:
    row, day = raw.row, raw.context.get("date")
    grouped = {key: row.get(key) for key in ("product", "user_id", "rbac_group_id")}
    return {
        "id": fields.stable_id(raw, ask, day, name, grouped),
        "product": fields.product(row.get("product"), "claude"),
        "surface": row.get("product"),
        "user": {"id": row.get("user_id")},
        "organization": fields.organization(raw, ask),
        "start_date": day,
        "end_date": None if day is None else fields.day_after(day),
    }
