"""`analytics/connectors`: calls by connector; custom connectors go by a UUID, with a name for people beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from truto_usage_nb.sandbox.ask import Ask
from truto_usage_nb.sandbox.seeds import chance, integer, rng
from truto_usage_nb.sandbox.vendors.claude.engagement.presence import OFFICE, group_values, seen
from truto_usage_nb.sandbox.vendors.claude.engagement.tally import Tally, tally
from truto_usage_nb.sandbox.vendors.claude.question import Question

CONNECTORS: tuple[tuple[str, str | None], ...] = (
    ("3f6c1f0e-7c1b-4b54-9d5e-0d0c4f6f5c11", "Slack"),
    ("a81b2f7d-5a3e-4c0d-8f27-6d1e90b4c2aa", "Jira"),
    ("5d0e7c94-1b6f-4d8a-9c33-7e42f0a815bd", "Warehouse"),
    ("google_drive", "Google Drive"),
    ("c0ffee12-9a4d-4e6b-b1d7-2f8e3a5c6d70", None),
)
_SURFACES = ("chat", "cowork", "claude_code")


def rows(ask: Ask, question: Question, day: date) -> Iterator[dict[str, Any]]:
    """Yield a row a connector, or a connector and group."""
    for name, display in CONNECTORS:
        for group in tally(_used(ask, question, day, name)):
            yield _row(group, name, display)


def _used(ask: Ask, question: Question, day: date, name: str) -> Iterator[tuple[dict[str, Any], Any, dict[str, int]]]:
    named = [question.filters[key] for key in ("products", "surfaces") if key in question.filters]
    for person, products in seen(ask, question, day):
        for surface in (s for s in _SURFACES if s in products and all(s in allowed for allowed in named)):
            r = rng(ask.world.seed, ask.account.id, "connector", day, person.key, name, surface)
            if not chance(r, 0.3):
                continue
            calls = {"read": integer(r, 1, 24), "write": integer(r, 0, 3), "other": integer(r, 0, 1), surface: 1}
            for columns in group_values(ask, question, person, surface):
                yield columns, person, calls


def _row(group: Tally, name: str, display: str | None) -> dict[str, Any]:
    sums = group.sums
    return {
        "connector_name": name,
        "connector_display_name": display,
        "distinct_user_count": len(group.people),
        "read_call_count": sums["read"],
        "write_call_count": sums["write"],
        "unclassified_call_count": sums["other"],
        "managed_auth_distinct_user_count": None,
        "individual_auth_distinct_user_count": None,
        "chat_metrics": {"distinct_conversation_connector_used_count": sums.get("chat", 0)},
        "claude_code_metrics": {"distinct_session_connector_used_count": sums.get("claude_code", 0)},
        "cowork_metrics": {"distinct_session_connector_used_count": sums.get("cowork", 0)},
        "office_metrics": {app: {"distinct_session_connector_used_count": 0} for app in OFFICE},
        **group.columns,
    }
