"""The dimensions one can group by: the generic words, the vendor's own, which endpoint knows which, where each is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from truto_usage_nb.sandbox.vendors.claude.directory import ACTOR_TYPES
from truto_usage_nb.sandbox.vendors.claude.line import Line
from truto_usage_nb.sandbox.vendors.claude.refusal import invalid

USAGE_DIMENSIONS: tuple[str, ...] = (
    "actor",
    "actor_type",
    "agent_id",
    "api_key_id",
    "claude_tag_category",
    "claude_tag_user_id",
    "context_window",
    "deployment_id",
    "environment_id",
    "inference_geo",
    "model",
    "organization_id",
    "product",
    "rbac_group_id",
    "service_tier",
    "session_id",
    "slack_channel_id",
    "speed",
    "user_profile_id",
    "workspace_id",
)
COST_DIMENSIONS: tuple[str, ...] = (*USAGE_DIMENSIONS, "cost_type", "token_type")

Reader = Callable[[Line, Any], Any]

OF_USAGE: dict[str, Reader] = {
    "actor": lambda line, _: line.actor,
    "actor_type": lambda line, _: ACTOR_TYPES[line.actor.kind] if line.actor else None,
    "agent_id": lambda line, _: line.agent,
    "api_key_id": lambda line, _: line.api_key,
    "context_window": lambda line, _: line.context if line.model else None,
    "inference_geo": lambda line, _: "global" if line.model else None,
    "model": lambda line, _: line.model,
    "product": lambda line, _: line.product,
    "service_tier": lambda line, _: line.tier if line.model else None,
    "session_id": lambda line, _: line.session,
    "slack_channel_id": lambda line, _: line.slack_channel,
    "speed": lambda line, _: "standard" if line.model else None,
    "workspace_id": lambda line, _: line.workspace,
}
OF_COST: dict[str, Reader] = {
    **OF_USAGE,
    "cost_type": lambda _, part: part.cost_type,
    "token_type": lambda _, part: part.token_type,
    "model": lambda _, part: part.model,
}
"""How each dimension is read from a line, and from a part of its cost; one that is not here is null."""
_GENERIC = {
    "surface": "product",
    "user": "actor",
    "charge_type": "cost_type",
    "workspace": "workspace_id",
    "api_key": "api_key_id",
    "rbac_group": "rbac_group_id",
    "group": "rbac_group_id",
    "session": "session_id",
    "agent": "agent_id",
    "organization": "organization_id",
    "region": "inference_geo",
    "slack_channel": "slack_channel_id",
}
_MOST = 5  # without cost_type and token_type, which do not count


def known(endpoint: str) -> tuple[str, ...]:
    """Return what an endpoint can group by, in the vendor's words."""
    per_user = ("rbac_group_id", "user_id")
    return {
        "analytics/usage": USAGE_DIMENSIONS,
        "analytics/cost": COST_DIMENSIONS,
        "analytics/users": ("rbac_group_id",),
        "analytics/skills": ("product", *per_user),
        "analytics/connectors": ("product", *per_user),
        "analytics/apps/chat/projects": per_user,
    }.get(endpoint, ())


def columns(endpoint: str, asked: Iterable[str]) -> tuple[str, ...]:
    """Translate what was asked into the endpoint's own columns, each once, or refuse with the vendor's message."""
    allowed = known(endpoint)
    wanted = [_column(allowed, name, place) for place, name in enumerate(asked)]
    grouped = tuple(name for name in allowed if name in wanted)
    if sum(name not in ("cost_type", "token_type") for name in grouped) > _MOST:
        raise invalid(f"group_by: at most {_MOST} dimensions are allowed, got {len(grouped)}")
    return grouped


def _column(allowed: tuple[str, ...], name: str, place: int) -> str:
    column = _GENERIC.get(name, name)
    if column == "actor" and column not in allowed and "user_id" in allowed:
        column = "user_id"
    if column not in allowed:
        choices = ", ".join(allowed) or "nothing: this report has no dimensions"
        raise invalid(f"group_by.{place}: '{name}' is not supported here; allowed: {choices}")
    return column
