"""`analytics/apps/chat/projects`: conversations and messages by chat project."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from truto_usage_nb.sandbox.ask import Ask
from truto_usage_nb.sandbox.company import Person
from truto_usage_nb.sandbox.seeds import chance, integer, rng, token_id
from truto_usage_nb.sandbox.vendors.claude.directory import crew
from truto_usage_nb.sandbox.vendors.claude.engagement.presence import group_values, seen, user_object
from truto_usage_nb.sandbox.vendors.claude.engagement.tally import Tally, tally
from truto_usage_nb.sandbox.vendors.claude.question import Question

PROJECTS: tuple[tuple[str, str], ...] = (
    ("Pricing model", "2026-01-14T10:00:00Z"),
    ("Onboarding rewrite", "2026-02-09T15:30:00Z"),
    ("Churn interviews", "2025-11-03T08:12:00Z"),
    ("Tide forecasting", "2025-12-19T17:45:00Z"),
)


def rows(ask: Ask, question: Question, day: date) -> Iterator[dict[str, Any]]:
    """Yield a row a project, or a project and group."""
    named = [question.filters[key] for key in ("products", "surfaces") if key in question.filters]
    if any("chat" not in allowed for allowed in named):
        return
    for number, (name, created_at) in enumerate(PROJECTS):
        for group in tally(_used(ask, question, day, name)):
            yield _row(ask, group, number, name, created_at)


def _used(
    ask: Ask, question: Question, day: date, name: str
) -> Iterator[tuple[dict[str, Any], Person, dict[str, int]]]:
    for person, products in seen(ask, question, day):
        r = rng(ask.world.seed, ask.account.id, "project", day, person.key, name)
        if "chat" in products and chance(r, 0.22):
            conversations = integer(r, 1, 4)
            amounts = {"conversations": conversations, "messages": conversations * integer(r, 2, 9)}
            for columns in group_values(ask, question, person, None):
                yield columns, person, amounts


def _row(ask: Ask, group: Tally, number: int, name: str, created_at: str) -> dict[str, Any]:
    people = crew(ask.account.kind, ask.world.scale)
    creator = people[(3 * number + 1) % len(people)]
    return {
        "project_name": name,
        "project_id": token_id(ask.world.seed, "claude_proj_01", ask.account.id, name),
        "distinct_user_count": len(group.people),
        "distinct_conversation_count": group.sums["conversations"],
        "message_count": group.sums["messages"],
        "created_at": created_at,
        "created_by": user_object(ask.world.seed, creator, ask.world.now),
        **group.columns,
    }
