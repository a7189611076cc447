"""Anthropic's rows as unified usage records, endpoint by endpoint.

admin        the Admin API's reports: tokens, money, Claude Code
analytics    `analytics/usage` and `/cost`, and the four older Enterprise reports
engagement   what people did on Enterprise
fields       what all of them need
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from truto_usage_nb.vendors.claude.mapping import admin, analytics, engagement
from truto_usage_nb.vendors.claude.mapping.fields import CLAUDE_PRODUCTS, ClaudeRow, Told

__all__ = ["CLAUDE_PRODUCTS", "Told", "open_envelope", "records_of"]

_MAPPINGS: dict[str, Callable[[ClaudeRow, Told], list[dict[str, Any]]]] = {
    "usage_report/messages": admin.messages,
    "cost_report": admin.cost,
    "usage_report/claude_code": admin.claude_code,
    "analytics/usage": analytics.report_record,
    "analytics/cost": analytics.report_record,
    "analytics/usage_report": analytics.report_record,
    "analytics/cost_report": analytics.report_record,
    "analytics/user_usage_report": analytics.report_record,
    "analytics/user_cost_report": analytics.report_record,
    "analytics/users": engagement.person,
    "analytics/skills": engagement.skill,
    "analytics/connectors": engagement.connector,
    "analytics/apps/chat/projects": engagement.project,
    "analytics/summaries": engagement.summary,
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
