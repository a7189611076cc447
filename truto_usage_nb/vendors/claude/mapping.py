"""Anthropic's rows as unified usage records, endpoint by endpoint.

First what all of them need; then the Admin API's reports (tokens, money, Claude Code), `analytics/usage` and `/cost`
with the four older Enterprise reports, and what people did on Enterprise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Required

from typing_extensions import TypedDict

from truto_usage_nb.vendors.records import without_nulls

__all__ = ["CLAUDE_PRODUCTS", "Told", "open_envelope", "records_of"]

Json = Mapping[str, Any]
ClaudeRow = Mapping[str, Any]
_TOKEN_KINDS = ("input", "output", "cache_read", "cache_write_ephemeral_5m", "cache_write_ephemeral_1h")
CLAUDE_PRODUCTS = {
    "chat": "Chat",
    "claude_code": "Claude Code",
    "cowork": "Cowork",
    "claude_tag": "Claude in Slack",
    "claude_design": "Claude Design",
    "research": "Research",
    "office_agent": "Office agent",
    "claude_in_chrome": "Claude in Chrome",
    "messages_api": "Messages API",
    "message_batches_api": "Message Batches API",
    "managed_agents_api": "Managed Agents API",
    "claude_console": "Claude Console",
    "claude_api": "Claude API",
    "claude": "Claude",
}
"""The products a row can state, by name."""
_ENCODER = json.JSONEncoder(sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class Told:
    """What stands outside a row: whose it is and by which report it came, and what its envelope or bucket states.

    `organization` is the account's own, and `workspaces` the names of its workspaces, where they are known.
    """

    account_id: str
    report_type: str
    endpoint: str
    envelope: Json = field(default_factory=dict)
    organization: Json = field(default_factory=dict)
    workspaces: Mapping[str, str] = field(default_factory=dict)


def _dollars(cents: str | int | float | Decimal) -> float:
    """Turn cents into dollars by way of Decimal, so that no digit of a decimal string is lost on the way.

    >>> _dollars("123.78912")
    1.2378912
    """
    return float(Decimal(str(cents)) / 100)


def charge(kind: str, cents: str | int | float | Decimal, currency: str | None) -> dict[str, Any]:
    """Return one charge from an amount in cents."""
    if currency is None:
        return {"amount": _dollars(cents), "type": kind}
    return {"amount": _dollars(cents), "currency": currency, "type": kind}


def stable_id(told: Told, *keys: object) -> str:
    """Return an id from account, report, and what tells a row from its neighbours: the vendor gives its rows none."""
    text = _ENCODER.encode([told.account_id, told.report_type, told.endpoint, *keys])
    return f"claude_{blake2b(text.encode(), digest_size=12).hexdigest()}"


def product(name: str | None, default: str = "claude_api") -> dict[str, Any]:
    """Return the product of a row by its surface, or the default where the row states none."""
    known = name or default
    return {"id": known, "name": CLAUDE_PRODUCTS.get(known.replace("-", "_"))}  # older reports write `claude-tag`


def organization(told: Told, stated: str | None = None) -> dict[str, Any]:
    """Return the organisation a row or its envelope states, else the account's; named where it is the account's."""
    own = told.organization.get("id")
    found = stated or told.envelope.get("organization_id") or own
    return {"id": found, "name": told.organization.get("name") if found == own else None}


def resources_of(told: Told, ids: Iterable[str | None], workspace_id: str | None) -> list[dict[str, Any]]:
    """Return a resource for each id, in the workspace; a workspace alone is a resource without an id."""
    place = {}
    if workspace_id is not None:
        place = without_nulls({"id": workspace_id, "name": told.workspaces.get(workspace_id)})
    found = [without_nulls({"id": one, "workspace": place}) for one in ids if one is not None]
    return found or ([{"workspace": place}] if place else [])


def user_of(actor: Json | None) -> dict[str, Any]:
    """Return the user of a `user_actor`; the address goes by `email_address` or by `email`, as sent."""
    if actor is None or actor.get("type") != "user_actor":
        return {}
    email = actor.get("email_address") or actor.get("email")
    return {"id": actor.get("user_id"), "email": email, "name": actor.get("name")}


def actor_id(actor: Json | None) -> str | None:
    """Return the one id an actor of any type has; its name may change, its id does not."""
    names = ("user_id", "service_account_id", "api_key_id", "subject", "email_address", "api_key_name")
    found = (actor or {}).get
    return next((str(found(name)) for name in names if found(name) is not None), None)


def tokens(row: Json) -> dict[str, Any]:
    """Return the five disjoint token kinds, cache writes together, and all of them."""
    written = row.get("cache_creation") or {}
    five, hour = written.get("ephemeral_5m_input_tokens"), written.get("ephemeral_1h_input_tokens")
    kinds = (row.get("uncached_input_tokens"), row.get("output_tokens"), row.get("cache_read_input_tokens"), five, hour)
    named = dict(zip(_TOKEN_KINDS, kinds, strict=True))
    return {**named, "cache_write": added([five, hour]), "total": added(kinds)}


def token_usage(row: Json) -> dict[str, Any]:
    """Return the usage of a token row: tokens, the same as quantity, searches and requests."""
    found = tokens(row)
    return {
        "quantity": found["total"],
        "unit": "tokens",
        "requests": {"total": row.get("requests")},
        "tokens": found,
        "tools": {"web_search_count": (row.get("server_tool_use") or {}).get("web_search_requests")},
    }


def added(values: Iterable[int | None]) -> int | None:
    """Add what is there; null where nothing is: not available is not zero."""
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def model(name: str | None) -> dict[str, Any] | None:
    """Return the model, which this vendor hosts itself."""
    return None if name is None else {"id": name, "provider": "anthropic"}


def day_after(day: str) -> str:
    """Return the day after the date that starts a text."""
    return (date.fromisoformat(day[:10]) + timedelta(days=1)).isoformat()


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
        **_admin_head(row, told, _USAGE_KEYS),
        "product": product("claude_api"),
        "metric_name": "tokens",
        "surface": "api",
        "resources": resources_of(told, [row.get("api_key_id")], row.get("workspace_id")),
        "user": {"id": row.get("account_id") or row.get("service_account_id")},
        "usage": token_usage(row),
    }
    return [without_nulls(record)]


def cost(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a cost row: one amount, of which the vendor does not say whether a discount is in it."""
    record = {
        **_admin_head(row, told, _COST_KEYS),
        "product": product("claude_api"),
        "metric_name": row.get("description") or row.get("token_type") or row.get("cost_type") or "cost",
        "resources": resources_of(told, [], row.get("workspace_id")),
        "charges": [charge("total", row["amount"], row.get("currency"))],
    }
    return [without_nulls(record)]


def _admin_head(row: ClaudeRow, told: Told, keys: tuple[str, ...]) -> dict[str, Any]:
    start, end = told.envelope.get("starting_at"), told.envelope.get("ending_at")
    return {
        "id": stable_id(told, start, end, {key: row.get(key) for key in keys}),
        "model": model(row.get("model")),
        "organization": organization(told),
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
        "id": stable_id(told, *told_apart, _account(actor), used.get("model")),
        "product": product("claude_code"),
        "metric_name": "claude_code_activity",
        "surface": row.get("terminal_type"),
        "model": model(used.get("model")),
        "user": {"email": actor.get("email_address") or actor.get("email")},
        "resources": [{"name": key_name}] if key_name else None,
        "organization": organization(told, row.get("organization_id")),
        "charges": _estimate(used.get("estimated_cost")),
        "usage": {"tokens": _tokens(used.get("tokens") or {}), **(_activity(row) if first else {})},
        "start_date": row["date"],
        "end_date": f"{day_after(row['date'])}{row['date'][10:]}",
    }


def _account(actor: dict[str, Any]) -> str | None:
    return actor.get("email") or actor_id(actor)


def _estimate(cost: dict[str, Any] | None) -> list[dict[str, Any]] | None:
    """Return the vendor's estimate, a number of cents; that it is one is stated by the raw field's name."""
    return None if cost is None else [charge("usage_based", cost["amount"], cost.get("currency"))]


def _tokens(tokens: dict[str, Any]) -> dict[str, Any]:
    named = {
        "input": tokens.get("input"),
        "output": tokens.get("output"),
        "cache_read": tokens.get("cache_read"),
        "cache_write": tokens.get("cache_creation"),
    }
    return {**named, "total": added(named.values())}


def _activity(row: ClaudeRow) -> dict[str, Any]:
    core, tools = row.get("core_metrics") or {}, row.get("tool_actions") or {}
    lines = core.get("lines_of_code") or {}
    return {
        "sessions": {"distinct": core.get("num_sessions")},
        "code": {
            "lines_added": lines.get("added"),
            "lines_removed": lines.get("removed"),
            "accepts": added(one.get("accepted") for one in tools.values()),
            "rejects": added(one.get("rejected") for one in tools.values()),
            "commits": core.get("commits_by_claude_code"),
            "pull_requests": core.get("pull_requests_by_claude_code"),
            "tool_actions": tools,
        },
    }


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
        **_report_head(row, told, group),
        **(_cost(group, measures) if "amount" in measures else _report_usage(measures)),
    }
    return [without_nulls(record)]


def _report_head(row: ClaudeRow, told: Told, group: dict[str, Any]) -> dict[str, Any]:
    start = row.get("starting_at") or told.envelope.get("starting_at")
    end = row.get("ending_at") or told.envelope.get("ending_at")
    actor = group.get("actor")
    named = {name: value for name, value in group.items() if value is not None and name != "actor"}
    return {
        "id": stable_id(told, start, end, named, actor_id(actor)),
        "product": product(group.get("product")),
        "surface": group.get("product"),
        "model": model(group.get("model")),
        "user": user_of(actor),
        "resources": resources_of(told, _resource_ids(group, actor), group.get("workspace_id")),
        "organization": organization(told, group.get("organization_id")),
        "start_date": start,
        "end_date": end,
        "updated_at": told.envelope.get("data_refreshed_at"),
    }


def _resource_ids(group: dict[str, Any], actor: dict[str, Any] | None) -> list[str]:
    """Return keys, sessions and agents, each once; an actor that is no user is a resource too."""
    ids = [group.get(name) for name in _KEYS]
    if actor is not None and actor.get("type") != "user_actor":
        ids.append(actor_id(actor))
    return list(dict.fromkeys(one for one in ids if one is not None))


def _report_usage(measures: ClaudeRow) -> dict[str, Any]:
    return {"metric_name": "tokens", "usage": token_usage(measures)}


def _cost(group: dict[str, Any], measures: ClaudeRow) -> dict[str, Any]:
    """Return net, the discount between list and net (negative on a refund), and the list amount as total."""
    net, listed = Decimal(str(measures["amount"])), measures.get("list_amount")
    currency = measures.get("currency")
    charges = [charge("net", net, currency)]
    if listed is not None:
        charges.append(charge("discount", Decimal(str(listed)) - net, currency))
        charges.append(charge("total", listed, currency))
    return {
        "metric_name": group.get("token_type") or group.get("cost_type") or "cost",
        "charges": charges,
        "usage": {"requests": {"total": measures.get("requests")}},
    }


_TOOL_WORDS = {"accepted_count": "accepted", "rejected_count": "rejected"}


def person(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map one row. Sessions, connectors and skills are added over the surfaces, messages are those of chat."""
    day = told.envelope.get("date")
    record = {
        "id": stable_id(told, day, row["user"]["id"], row.get("rbac_group_id")),
        "product": product(None, "claude"),
        "metric_name": "user_activity",
        "user": {"id": row["user"]["id"], "email": row["user"].get("email_address") or row["user"].get("email")},
        "organization": organization(told),
        "usage": _engagement_usage(row, day),
        "start_date": day,
        "end_date": None if day is None else day_after(day),
    }
    return [without_nulls(record)]


def _engagement_usage(row: ClaudeRow, day: str | None) -> dict[str, Any]:
    chat, cowork = row.get("chat_metrics") or {}, row.get("cowork_metrics") or {}
    blocks = list(_blocks(row))
    return {
        "sessions": {
            "distinct": added(block.get("distinct_session_count") for block in blocks),
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
            "connectors_used_count": added(block.get("connectors_used_count") for block in blocks),
            "skills_used_count": added(block.get("skills_used_count") for block in blocks),
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
        "accepts": added(one.get("accepted") for one in tools.values()),
        "rejects": added(one.get("rejected") for one in tools.values()),
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
        **_engagement_head(row, told, row["skill_name"]),
        "metric_name": "skill_invocations",
        "resources": [without_nulls({"id": row["skill_name"], "name": row.get("skill_display_name")})],
        "charges": None if spend is None else [charge("on_demand", spend, row.get("currency"))],
        "usage": {"quantity": row.get("invocation_count"), "unit": "invocations"},
    }
    return [without_nulls(record)]


def connector(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a connector, often known by a UUID alone; its calls are of three classes, or of none before 29 May 2026."""
    calls = added(row.get(f"{word}_call_count") for word in ("read", "write", "unclassified"))
    record = {
        **_engagement_head(row, told, row["connector_name"]),
        "metric_name": "connector_calls",
        "resources": [without_nulls({"id": row["connector_name"], "name": row.get("connector_display_name")})],
        "usage": {"quantity": calls, "unit": "calls", "tools": {"connectors_used_count": calls}},
    }
    return [without_nulls(record)]


def project(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map a chat project; the user is whoever created it."""
    maker = row.get("created_by") or {}
    record = {
        **_engagement_head(row, told, row["project_id"]),
        "product": product("chat"),
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
        **_engagement_head(row, told, start),
        "metric_name": "daily_active_users",
        "usage": {"quantity": row.get("daily_active_user_count"), "unit": "users"},
        "start_date": start,
        "end_date": end,
    }
    return [without_nulls(record)]


def _engagement_head(row: ClaudeRow, told: Told, name: str | None) -> dict[str, Any]:
    day = told.envelope.get("date")
    grouped = {key: row.get(key) for key in ("product", "user_id", "rbac_group_id")}
    return {
        "id": stable_id(told, day, name, grouped),
        "product": product(row.get("product"), "claude"),
        "surface": row.get("product"),
        "user": {"id": row.get("user_id")},
        "organization": organization(told),
        "start_date": day,
        "end_date": None if day is None else day_after(day),
    }


_MAPPINGS: dict[str, Callable[[ClaudeRow, Told], list[dict[str, Any]]]] = {
    "usage_report/messages": messages,
    "cost_report": cost,
    "usage_report/claude_code": claude_code,
    "analytics/usage": report_record,
    "analytics/cost": report_record,
    "analytics/usage_report": report_record,
    "analytics/cost_report": report_record,
    "analytics/user_usage_report": report_record,
    "analytics/user_cost_report": report_record,
    "analytics/users": person,
    "analytics/skills": skill,
    "analytics/connectors": connector,
    "analytics/apps/chat/projects": project,
    "analytics/summaries": summary,
}
_ENDPOINTS: tuple[str, ...] = tuple(_MAPPINGS)
_STATED = ("organization_id", "data_refreshed_at")


def records_of(row: ClaudeRow, told: Told) -> list[dict[str, Any]]:
    """Map one raw row to its records: one, but for Claude Code, where it is one a model."""
    return _MAPPINGS[told.endpoint](row, told)


def open_envelope(body: Mapping[str, Any], **asked: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the rows of `data`, or of `summaries`, or of the buckets in it, each with what only its envelope states.

    `asked` is what only the request knew.

    >>> list(open_envelope({"summaries": [{"assigned_seat_count": 3}]}, date="2026-10-01"))
    [({'assigned_seat_count': 3}, {'date': '2026-10-01'})]
    """
    stated = {**asked, **{name: body[name] for name in _STATED if body.get(name) is not None}}
    for entry in body.get("data", body.get("summaries")) or []:
        if "results" in entry:
            times = {name: entry[name] for name in ("starting_at", "ending_at") if name in entry}
            yield from ((row, {**stated, **times}) for row in entry["results"])
        else:
            yield entry, stated
