"""`analytics/users`: a row a user and day, with a block of counters for each product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from random import Random
from typing import Any

from truto_usage_nb.sandbox.ask import Ask
from truto_usage_nb.sandbox.seeds import integer, rng
from truto_usage_nb.sandbox.vendors.claude.directory import groups_of
from truto_usage_nb.sandbox.vendors.claude.engagement.presence import OFFICE, seen, user_object
from truto_usage_nb.sandbox.vendors.claude.question import Question

_SCIENCE = (
    "delegation_count",
    "distinct_session_count",
    "message_count",
    "remote_compute_job_count",
    "skills_used_count",
)


def rows(ask: Ask, question: Question, day: date) -> Iterator[dict[str, Any]]:
    """Yield a day's active users; a user comes once an access group where groups are asked for."""
    for person, products in seen(ask, question, day):
        r = rng(ask.world.seed, ask.account.id, "users", day, person.key)
        row = {
            "user": user_object(ask.world.seed, person, ask.world.now),
            "chat_metrics": _chat(r, products.get("chat", 0)),
            "claude_code_metrics": _code(r, products.get("claude_code", 0)),
            "cowork_metrics": _cowork(r, products.get("cowork", 0)),
            "office_metrics": _office(r, products.get("office_agent", 0)),
            "design_metrics": _design(r, products.get("claude_design", 0)),
            "science_metrics": dict.fromkeys(_SCIENCE, 0),
            "web_search_count": integer(r, 0, 4) + (integer(r, 4, 30) if "research" in products else 0),
            "distinct_user_count": None,
            "last_activity_date": day.isoformat(),
        }
        if "rbac_group_id" not in question.group_by:
            yield row
        else:
            yield from ({**row, "rbac_group_id": group} for group in groups_of(person) or (None,))


def _some(r: Random, requests: int, most: int) -> int:
    return integer(r, 0, most) if requests else 0


def _chat(r: Random, requests: int) -> dict[str, Any]:
    messages = requests // 4 + _some(r, requests, 3)
    return {
        "distinct_conversation_count": -(-messages // 7),
        "message_count": messages,
        "thinking_message_count": messages // 5,
        "distinct_projects_created_count": 0,
        "distinct_projects_used_count": _some(r, requests, 2),
        "distinct_files_uploaded_count": _some(r, requests, 4),
        "distinct_artifacts_created_count": _some(r, requests, 2),
        "distinct_shared_artifacts_viewed_count": _some(r, requests, 1),
        "distinct_skills_used_count": _some(r, requests, 2),
        "connectors_used_count": _some(r, requests, 5),
        "distinct_connectors_used_count": _some(r, requests, 1),
        "shared_conversations_viewed_count": _some(r, requests, 1),
    }


def _code(r: Random, requests: int) -> dict[str, Any]:
    added = integer(r, 10, 40 + requests // 3) if requests else 0
    commits = _some(r, requests, 7)
    actions = {"edit_tool": 25, "multi_edit_tool": 10, "write_tool": 8, "notebook_edit_tool": 2}
    return {
        "core_metrics": {
            "artifacts_created_count": 0,
            "commit_count": commits,
            "pull_request_count": min(commits, _some(r, requests, 2)),
            "lines_of_code": {"added_count": added, "removed_count": added // 3},
            "distinct_session_count": -(-requests // 180),
        },
        "tool_actions": {
            tool: {"accepted_count": _some(r, requests, most), "rejected_count": _some(r, requests, most // 6)}
            for tool, most in actions.items()
        },
    }


def _cowork(r: Random, requests: int) -> dict[str, Any]:
    return {
        "action_count": requests // 6,
        "artifacts_created_count": _some(r, requests, 2),
        "connectors_used_count": _some(r, requests, 9),
        "dispatch_turn_count": requests // 20,
        "distinct_connectors_used_count": _some(r, requests, 2),
        "distinct_session_count": -(-requests // 120),
        "distinct_skills_used_count": _some(r, requests, 2),
        "message_count": requests // 12,
        "skills_used_count": _some(r, requests, 4),
        "file_edit_count": None,  # not enabled in this organisation
    }


def _office(r: Random, requests: int) -> dict[str, Any]:
    home = OFFICE[integer(r, 0, 3)]
    return {
        app: {
            "distinct_session_count": _some(r, requests, 3) if app == home else 0,
            "message_count": requests // 4 if app == home else 0,
            "skills_used_count": 0,
            "distinct_skills_used_count": 0,
            "connectors_used_count": 0,
            "distinct_connectors_used_count": 0,
        }
        for app in OFFICE
    }


def _design(r: Random, requests: int) -> Mapping[str, int]:
    return {
        "distinct_projects_created_count": _some(r, requests, 1),
        "distinct_projects_used_count": 1 if requests else 0,
        "distinct_session_count": 1 if requests else 0,
        "message_count": requests // 3,
    }
