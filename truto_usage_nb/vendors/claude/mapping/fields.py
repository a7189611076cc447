"""Small pieces that every mapping of this vendor needs; nulls in them are trimmed with the whole record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from truto_usage_nb.vendors.records import without_nulls

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
