"""The engagement endpoints of Enterprise: `analytics/users`, `skills`, `connectors`, `apps/chat/projects`, `summaries`.

A row does not state its day: the request did. A user's row is over all surfaces, which is why it names none; the others
are one counter a row, and what it is of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from truto_usage_nb.vendors.claude.mapping import fields
from truto_usage_nb.vendors.claude.mapping.fields import ClaudeRow, Told
from truto_usage_nb.vendors.records import without_nulls

_TOOL_WORDS = {"accepted_count": "accepted", "rejected_count": "rejected"}


def person(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map one row. Sessions, connectors and skills are added over the surfaces, messages are those of chat."""
    day = told.envelope.get("date")
    record = {
        "id": fields.stable_id(told, day, row["user"]["id"], row.get("rbac_group_id")),
        "product": fields.product(None, "claude"),
        "metric_name": "user_activity",
        "user": {"id": row["user"]["id"], "email": row["user"].get("email_address") or row["user"].get("email")},
        "organization": fields.organization(told),
        "usage": _usage(row, day),
        "start_date": day,
        "end_date": None if day is None else fields.day_after(day),
    }
    return [without_nulls(record)]


def _usage(row: ClaudeRow, day: str | None) -> dict[str, Any]:
    chat, cowork = row.get("chat_metrics") or {}, row.get("cowork_metrics") or {}
    blocks = list(_blocks(row))
    return {
        "sessions": {
            "distinct": fields.added(block.get("distinct_session_count") for block in blocks),
            "dispatch_turns": cowork.get("dispatch_turn_count"),
        },
        "conversations": {
            "distinct": chat.get("distinct_conversation_count"),
            "message_count": chat.get("message_count"),
            "thinking_message_count": chat.get("thinking_message_count"),
            "shared_viewed_count": chat.get("shared_conversations_viewed_count"),
        },
        "code": _code(row.get("claude_code_metrics") or {}),
        "tools": {
            "web_search_count": row.get("web_search_count"),
            "connectors_used_count": fields.added(block.get("connectors_used_count") for block in blocks),
            "skills_used_count": fields.added(block.get("skills_used_count") for block in blocks),
            "action_count": cowork.get("action_count"),
        },
        "activity": {"is_active": _is_active(row, day)},
    }


def _blocks(row: ClaudeRow) -> Iterator[dict[str, Any]]:
    """Yield the counters of each surface; those of Office are one level deeper, by application."""
    yield (row.get("claude_code_metrics") or {}).get("core_metrics") or {}
    for name in ("chat_metrics", "cowork_metrics", "design_metrics", "science_metrics"):
        yield row.get(name) or {}
    yield from (row.get("office_metrics") or {}).values()


def _code(metrics: dict[str, Any]) -> dict[str, Any]:
    core, raw_tools = metrics.get("core_metrics") or {}, metrics.get("tool_actions") or {}
    lines = core.get("lines_of_code") or {}
    tools = {
        tool: {_TOOL_WORDS.get(word, word): count for word, count in counts.items()}
        for tool, counts in raw_tools.items()
    }
    return {
        "lines_added": lines.get("added_count"),
        "lines_removed": lines.get("removed_count"),
        "accepts": fields.added(one.get("accepted") for one in tools.values()),
        "rejects": fields.added(one.get("rejected") for one in tools.values()),
        "commits": core.get("commit_count"),
        "pull_requests": core.get("pull_request_count"),
        "tool_actions": tools,
    }


def _is_active(row: ClaudeRow, day: str | None) -> bool:
    """Say whether any counter is above zero, or the vendor says the user was last active that very day."""
    counted = {name: value for name, value in row.items() if name.endswith(("_metrics", "search_count"))}
    return _any_above_zero(counted) or (day is not None and row.get("last_activity_date") == day)


def _any_above_zero(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_any_above_zero(one) for one in value.values())
    return isinstance(value, int | float) and value > 0


def skill(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a skill; the overage is an estimate, and the list price attributed to it no bill: it stays in the raw row."""
    spend = row.get("estimated_overage_spend")
    record = {
        **_head(row, told, row["skill_name"]),
        "metric_name": "skill_invocations",
        "resources": [without_nulls({"id": row["skill_name"], "name": row.get("skill_display_name")})],
        "charges": None if spend is None else [fields.charge("on_demand", spend, row.get("currency"))],
        "usage": {"quantity": row.get("invocation_count"), "unit": "invocations"},
    }
    return [without_nulls(record)]


def connector(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a connector, often known by a UUID alone; its calls are of three classes, or of none before 29 May 2026."""
    calls = fields.added(row.get(f"{word}_call_count") for word in ("read", "write", "unclassified"))
    record = {
        **_head(row, told, row["connector_name"]),
        "metric_name": "connector_calls",
        "resources": [without_nulls({"id": row["connector_name"], "name": row.get("connector_display_name")})],
        "usage": {"quantity": calls, "unit": "calls", "tools": {"connectors_used_count": calls}},
    }
    return [without_nulls(record)]


def project(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a chat project; the user is whoever created it."""
    maker = row.get("created_by") or {}
    record = {
        **_head(row, told, row["project_id"]),
        "product": fields.product("chat"),
        "surface": "chat",
        "metric_name": "project_messages",
        "resources": [without_nulls({"id": row["project_id"], "name": row.get("project_name")})],
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
    return [without_nulls(record)]


def summary(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a head count; older rows name their times `starting_date` and `ending_date`."""
    start, end = (row.get(f"{word}_at") or row.get(f"{word}_date") for word in ("starting", "ending"))
    record = {
        **_head(row, told, start),
        "metric_name": "daily_active_users",
        "usage": {"quantity": row.get("daily_active_user_count"), "unit": "users"},
        "start_date": start,
        "end_date": end,
    }
    return [without_nulls(record)]


def _head(row: ClaudeRow, told: Told, name: str | None) -> dict[str, Any]:
    day = told.envelope.get("date")
    grouped = {key: row.get(key) for key in ("product", "user_id", "rbac_group_id")}
    return {
        "id": fields.stable_id(told, day, name, grouped),
        "product": fields.product(row.get("product"), "claude"),
        "surface": row.get("product"),
        "user": {"id": row.get("user_id")},
        "organization": fields.organization(told),
        "start_date": day,
        "end_date": None if day is None else fields.day_after(day),
    }
