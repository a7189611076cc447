"""The Admin API: `usage_report/messages` and `cost_report`, whose times stand on the bucket, and Claude Code's report.

Of `usage_report/claude_code` each row comes to a record a model; the activity is counted on the first alone.
"""

from __future__ import annotations

from typing import Any, Required

from typing_extensions import TypedDict

from truto_usage_nb.vendors.claude.mapping import fields
from truto_usage_nb.vendors.claude.mapping.fields import ClaudeRow, Told
from truto_usage_nb.vendors.records import without_nulls


class CacheCreation(TypedDict, total=False):
    """Tokens written to the cache, by how long they live there."""

    ephemeral_5m_input_tokens: int | None
    ephemeral_1h_input_tokens: int | None


class ServerToolUse(TypedDict, total=False):
    """Calls of tools on the vendor's side."""

    web_search_requests: int | None


class Messages(TypedDict, total=False):
    """One result of `usage_report/messages`; a dimension that was not asked for is null."""

    account_id: str | None
    service_account_id: str | None
    api_key_id: str | None
    workspace_id: str | None
    model: str | None
    service_tier: str | None
    context_window: str | None
    inference_geo: str | None
    speed: str | None
    uncached_input_tokens: int | None
    output_tokens: int | None
    cache_read_input_tokens: int | None
    cache_creation: CacheCreation | None
    server_tool_use: ServerToolUse | None


class ClaudeCost(TypedDict, total=False):
    """One result of `cost_report`: cents, as a decimal string; null dimensions unless it is asked for descriptions."""

    amount: Required[str]
    currency: str | None
    description: str | None
    cost_type: str | None
    token_type: str | None
    model: str | None
    service_tier: str | None
    context_window: str | None
    inference_geo: str | None
    workspace_id: str | None


class Estimate(TypedDict):
    """What the vendor guesses that a model's tokens cost: cents, as a JSON number."""

    amount: float
    currency: str


class ModelTokens(TypedDict, total=False):
    """Disjoint kinds of tokens."""

    input: int | None
    output: int | None
    cache_read: int | None
    cache_creation: int | None


class _ModelUse(TypedDict, total=False):
    """One entry of `model_breakdown`."""

    model: str | None
    tokens: ModelTokens | None
    estimated_cost: Estimate | None


class ClaudeCode(TypedDict, total=False):
    """One row of `usage_report/claude_code`; `actor` names an address or an API key, `tool_actions` is an open map."""

    actor: Required[dict[str, str]]
    date: Required[str]
    organization_id: str | None
    customer_type: str | None
    subscription_type: str | None
    terminal_type: str | None
    is_remote: bool | None
    core_metrics: dict[str, Any] | None
    tool_actions: dict[str, dict[str, int]] | None
    model_breakdown: list[_ModelUse] | None


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


def messages(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a token row; tier, context window, speed and region have no field and stay in the raw row."""
    record = {
        **_head(row, told, _USAGE_KEYS),
        "product": fields.product("claude_api"),
        "metric_name": "tokens",
        "surface": "api",
        "resources": fields.resources_of(told, [row.get("api_key_id")], row.get("workspace_id")),
        "user": {"id": row.get("account_id") or row.get("service_account_id")},
        "usage": fields.token_usage(row),
    }
    return [without_nulls(record)]


def cost(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a cost row: one amount, of which the vendor does not say whether a discount is in it."""
    record = {
        **_head(row, told, _COST_KEYS),
        "product": fields.product("claude_api"),
        "metric_name": row.get("description") or row.get("token_type") or row.get("cost_type") or "cost",
        "resources": fields.resources_of(told, [], row.get("workspace_id")),
        "charges": [fields.charge("total", row["amount"], row.get("currency"))],
    }
    return [without_nulls(record)]


def _head(row: ClaudeRow, told: Told, keys: tuple[str, ...]) -> dict[str, Any]:
    start, end = told.envelope.get("starting_at"), told.envelope.get("ending_at")
    return {
        "id": fields.stable_id(told, start, end, {key: row.get(key) for key in keys}),
        "model": fields.model(row.get("model")),
        "organization": fields.organization(told),
        "start_date": start,
        "end_date": end,
    }


def claude_code(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map one row to a record a model, or to one without a model where the row names none."""
    models: list[dict[str, Any]] = row.get("model_breakdown") or [{}]
    return [without_nulls(_activity_record(row, told, used, first=place == 0)) for place, used in enumerate(models)]


def _activity_record(row: ClaudeRow, told: Told, used: dict[str, Any], *, first: bool) -> dict[str, Any]:
    actor = row["actor"]
    told_apart = (row["date"], row.get("is_remote"), row.get("terminal_type"), row.get("customer_type"))
    key_name = actor.get("api_key_name")
    return {
        "id": fields.stable_id(told, *told_apart, _account(actor), used.get("model")),
        "product": fields.product("claude_code"),
        "metric_name": "claude_code_activity",
        "surface": row.get("terminal_type"),
        "model": fields.model(used.get("model")),
        "user": {"email": actor.get("email_address") or actor.get("email")},
        "resources": [{"name": key_name}] if key_name else None,
        "organization": fields.organization(told, row.get("organization_id")),
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


def _activity(row: ClaudeRow) -> dict[str, Any]:
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
