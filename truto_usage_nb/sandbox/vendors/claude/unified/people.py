"""`analytics/users`: one record a user and day over all surfaces, which is why it names none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.trimming import compact
from truto_usage_nb.sandbox.vendors.claude.unified import fields

_TOOL_WORDS = {"accepted_count": "accepted", "rejected_count": "rejected"}


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map one row. Sessions, connectors and skills are added over the surfaces, messages are those of chat."""
    row, day = raw.row, raw.context.get("date")
    record = {
        "id": fields.stable_id(raw, ask, day, row["user"]["id"], row.get("rbac_group_id")),
        "product": fields.product(None, "claude"),
        "metric_name": "user_activity",
        "user": {"id": row["user"]["id"], "email": row["user"].get("email_address") or row["user"].get("email")},
        "organization": fields.organization(raw, ask),
        "usage": _usage(row, day),
        "start_date": day,
        "end_date": None if day is None else fields.day_after(day),
    }
    return [compact(record)]


def _usage(row: dict[str, Any], day: str | None) -> dict[str, Any]:
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


def _blocks(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
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


def _is_active(row: dict[str, Any], day: str | None) -> bool:
    """Say whether any counter is above zero, or the vendor says the user was last active that very day."""
    counted = {name: value for name, value in row.items() if name.endswith(("_metrics", "search_count"))}
    return _any_above_zero(counted) or (day is not None and row.get("last_activity_date") == day)


def _any_above_zero(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_any_above_zero(one) for one in value.values())
    return isinstance(value, int | float) and value > 0
