"""`usage_report/claude_code`: a record for each model of a row; the activity is counted on the first alone."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.trimming import compact
from truto_usage_nb.sandbox.vendors.claude.unified import fields


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map one row to a record a model, or to one without a model where the row names none."""
    models: list[dict[str, Any]] = raw.row.get("model_breakdown") or [{}]
    return [compact(_record(raw, ask, used, first=place == 0)) for place, used in enumerate(models)]


def _record(raw: Raw, ask: Ask, used: dict[str, Any], *, first: bool) -> dict[str, Any]:
    row, actor = raw.row, raw.row["actor"]
    told_apart = (row["date"], row.get("is_remote"), row.get("terminal_type"), row.get("customer_type"))
    key_name = actor.get("api_key_name")
    return {
        "id": fields.stable_id(raw, ask, *told_apart, _account(actor), used.get("model")),
        "product": fields.product("claude_code"),
        "metric_name": "claude_code_activity",
        "surface": row.get("terminal_type"),
        "model": fields.model(used.get("model")),
        "user": {"email": actor.get("email_address") or actor.get("email")},
        "resources": [{"name": key_name}] if key_name else None,
        "organization": fields.organization(raw, ask, row.get("organization_id")),
        "charges": _estimate(used.get("estimated_cost")),
        "usage": {"tokens": _tokens(used.get("tokens") or {}), **(_activity(row) if first else {})},
        "start_date": row["date"],
        "end_date": f"{fields.day_after(row['date'])}{row['date'][10:]}",
    }


def _account(actor: dict[str, Any]) -> str | None:
    return actor.get("email") or fields.actor_id(actor)


def _estimate(cost: dict[str, Any] | None) -> list[dict[str, Any]] | None:
    """Return the vendor's estimate, a number of cents; that it is one is stated by the raw field's name."""
    return None if cost is None else [fields.charge("usage_based", cost["amount"], cost.get("currency"))]


def _tokens(tokens: dict[str, Any]) -> dict[str, Any]:
    named = {
        "input": tokens.get("input"),
        "output": tokens.get("output"),
        "cache_read": tokens.get("cache_read"),
        "cache_write": tokens.get("cache_creation"),
    }
    return {**named, "total": fields.added(named.values())}


def _activity(row: dict[str, Any]) -> dict[str, Any]:
    core, tools = row.get("core_metrics") or {}, row.get("tool_actions") or {}
    lines = core.get("lines_of_code") or {}
    return {
        "sessions": {"distinct": core.get("num_sessions")},
        "code": {
            "lines_added": lines.get("added"),
            "lines_removed": lines.get("removed"),
            "accepts": fields.added(one.get("accepted") for one in tools.values()),
            "rejects": fields.added(one.get("rejected") for one in tools.values()),
            "commits": core.get("commits_by_claude_code"),
            "pull_requests": core.get("pull_requests_by_claude_code"),
            "tool_actions": tools,
        },
    }
