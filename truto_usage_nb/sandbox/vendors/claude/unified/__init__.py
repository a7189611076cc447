"""The vendor's rows as unified usage records, endpoint by endpoint; those that are no longer asked for included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.vendors.claude.unified import admin, analytics, claude_code, counters, people

_MAPPINGS: dict[str, Callable[[Raw, Ask], list[dict[str, Any]]]] = {
    "usage_report/messages": admin.messages,
    "cost_report": admin.cost,
    "usage_report/claude_code": claude_code.unify,
    "analytics/usage": analytics.unify,
    "analytics/cost": analytics.unify,
    "analytics/usage_report": analytics.unify,
    "analytics/cost_report": analytics.unify,
    "analytics/user_usage_report": analytics.unify,
    "analytics/user_cost_report": analytics.unify,
    "analytics/users": people.unify,
    "analytics/skills": counters.skill,
    "analytics/connectors": counters.connector,
    "analytics/apps/chat/projects": counters.project,
    "analytics/summaries": counters.summary,
}
ENDPOINTS: tuple[str, ...] = tuple(_MAPPINGS)


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map one raw row to its records: one, but for Claude Code, where it is one a model."""
    return _MAPPINGS[raw.endpoint](raw, ask)
