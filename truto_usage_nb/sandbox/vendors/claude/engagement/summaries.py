"""`analytics/summaries`: seats, and how many people were active in a day, a week and thirty days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from truto_usage_nb.sandbox.ask import Ask
from truto_usage_nb.sandbox.company import Person
from truto_usage_nb.sandbox.vendors.claude.directory import crew
from truto_usage_nb.sandbox.vendors.claude.engagement.presence import active
from truto_usage_nb.sandbox.vendors.claude.question import Question

_SPANS = {"daily": 1, "weekly": 7, "monthly": 30}


def rows(ask: Ask, question: Question, day: date) -> Iterator[dict[str, Any]]:
    """Yield the day's one summary."""
    del question  # this endpoint has no dimensions
    seats = crew(ask.account.kind, ask.world.scale)
    row: dict[str, Any] = {
        "starting_at": f"{day}T00:00:00Z",
        "ending_at": f"{day + timedelta(days=1)}T00:00:00Z",
        "assigned_seat_count": len([p for p in seats if p.left is None or p.left >= day]),
        "pending_invite_count": 1,
    }
    for word, days in _SPANS.items():
        row[f"{word}_active_user_count"] = len(_people(ask, day, days, None))
    for word in _SPANS:
        share = row[f"{word}_active_user_count"] / row["assigned_seat_count"]
        row[f"{word}_adoption_rate"] = round(100 * share, 2)
    for product in ("cowork", "claude_code"):
        for word, days in _SPANS.items():
            row[f"{product}_{word}_active_user_count"] = len(_people(ask, day, days, product))
    yield row


def _people(ask: Ask, day: date, days: int, product: str | None) -> set[Person]:
    past = (active(ask, day - timedelta(days=back)) for back in range(days))
    return {person for found in past for person, used in found.items() if product is None or product in used}
