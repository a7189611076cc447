"""The Enterprise engagement endpoints: who was active, which skills, connectors and projects, and the head count.

A Console organisation has none of this and answers with empty lists. Data arrive a day late, one day a request; the
integration asks for a range day by day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.vendors.claude import facts
from truto_usage_nb.sandbox.vendors.claude.engagement import connectors, people, projects, skills, summaries
from truto_usage_nb.sandbox.vendors.claude.question import ENGAGEMENT_LAG, Question

_DAYS: dict[str, Callable[[Ask, Question, date], Iterator[dict[str, Any]]]] = {
    "analytics/users": people.rows,
    "analytics/skills": skills.rows,
    "analytics/connectors": connectors.rows,
    "analytics/apps/chat/projects": projects.rows,
    "analytics/summaries": summaries.rows,
}


def rows(ask: Ask, question: Question) -> Iterator[Raw]:
    """Yield the endpoint's rows for each available day, oldest first; the row itself does not state its day."""
    if facts.is_console(ask.account):
        return
    for day in question.days():
        if facts.midnight(day) + facts.DAY + ENGAGEMENT_LAG <= ask.world.now:
            context = {"date": day.isoformat(), "organization_id": ask.account.organization_id}
            yield from (Raw(row, question.endpoint, context) for row in _DAYS[question.endpoint](ask, question, day))
