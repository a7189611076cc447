"""The Enterprise engagement endpoints: who was active, which skills, connectors and projects, and the head count.

A Console organisation has none of this and answers with empty lists. Data arrive a day late, one day a request; the
integration asks for a range day by day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, World
from truto_usage_nb.sandbox.company import Account, Person
from truto_usage_nb.sandbox.seeds import chance, integer, rng, token_id
from truto_usage_nb.sandbox.vendors.claude.people import crew, deleted, email, groups_of, user
from truto_usage_nb.sandbox.vendors.claude.question import ENGAGEMENT_LAG, ClaudeQuestion
from truto_usage_nb.sandbox.vendors.claude.story import ONE_DAY, is_console, midnight, settled_lines

OFFICE = ("excel", "outlook", "powerpoint", "word")
_Day = Mapping[Person, Mapping[str, int]]
"""Requests by product, for everyone active on a day."""

_ANY = datetime(1970, 1, 1, tzinfo=UTC)  # settled lines do not depend on the moment, so the cache need not either


def active(ask: Ask, day: date) -> _Day:
    """Return everyone who used anything on a day, in the directory's order, with requests by product."""
    account = ask.account if ask.account.twin_of is None else replace(ask.account, id=ask.account.twin_of)
    return _active(replace(ask.world, now=_ANY), account, day)


@lru_cache(maxsize=1024)
def _active(world: World, account: Account, day: date) -> _Day:
    found: dict[Person, dict[str, int]] = {}
    for line in settled_lines(world, account, day):
        person = line.actor.person if line.actor else None
        if person is not None and line.product is not None:
            products = found.setdefault(person, {})
            products[line.product] = products.get(line.product, 0) + line.counts.requests
    return found


def seen(ask: Ask, question: ClaudeQuestion, day: date) -> list[tuple[Person, Mapping[str, int]]]:
    """Return the active people a question is about: its user filter, and deleted users only where wanted."""
    wanted = question.filters.get("actor_ids")
    return [
        (person, products)
        for person, products in active(ask, day).items()
        if (wanted is None or user(ask.world.seed, person).id in wanted)
        and (question.include_deleted or not deleted(person, ask.world.now))
    ]


def user_object(seed: int, person: Person, now: datetime) -> dict[str, Any]:
    """Write a person as the engagement endpoints do: no name, no e-mail once deleted."""
    address = None if deleted(person, now) else email(person)
    return {"id": user(seed, person).id, "email_address": address, "type": "user"}


def group_values(ask: Ask, question: ClaudeQuestion, person: Person, product: str | None) -> list[dict[str, Any]]:
    """Return the columns a person's share falls under: one set, or one an access group where groups are asked for."""
    values: dict[str, Any] = {}
    if "product" in question.group_by:
        values["product"] = product
    if "user_id" in question.group_by:
        values["user_id"] = user(ask.world.seed, person).id
    if "rbac_group_id" not in question.group_by:
        return [values]
    return [{**values, "rbac_group_id": group} for group in groups_of(person) or (None,)]


class Counted:
    """One group's sums and its distinct people."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = columns
        self.people: set[Person] = set()
        self.sums: dict[str, int] = {}

    def count(self, person: Person, amounts: dict[str, int]) -> None:
        """Add one person's amounts."""
        self.people.add(person)
        for name, amount in amounts.items():
            self.sums[name] = self.sums.get(name, 0) + amount


def tally(found: Iterable[tuple[dict[str, Any], Person, dict[str, int]]]) -> list[Counted]:
    """Add up (columns, person, amounts) by columns, in the order of their first appearance."""
    groups: dict[tuple[Any, ...], Counted] = {}
    for columns, person, amounts in found:
        key = tuple(columns.items())
        groups.setdefault(key, Counted(columns)).count(person, amounts)
    return list(groups.values())


CONNECTORS: tuple[tuple[str, str | None], ...] = (
    ("3f6c1f0e-7c1b-4b54-9d5e-0d0c4f6f5c11", "Slack"),
    ("a81b2f7d-5a3e-4c0d-8f27-6d1e90b4c2aa", "Jira"),
    ("5d0e7c94-1b6f-4d8a-9c33-7e42f0a815bd", "Warehouse"),
    ("google_drive", "Google Drive"),
    ("c0ffee12-9a4d-4e6b-b1d7-2f8e3a5c6d70", None),
)
_SURFACES = ("chat", "cowork", "claude_code")


def connector_rows(ask: Ask, question: ClaudeQuestion, day: date) -> Iterator[dict[str, Any]]:
    """Yield a row a connector, or a connector and group."""
    for name, display in CONNECTORS:
        for group in tally(_connectors_used(ask, question, day, name)):
            yield _connector_row(group, name, display)


def _connectors_used(
    ask: Ask, question: ClaudeQuestion, day: date, name: str
) -> Iterator[tuple[dict[str, Any], Any, dict[str, int]]]:
    named = [question.filters[key] for key in ("products", "surfaces") if key in question.filters]
    for person, products in seen(ask, question, day):
        for surface in (s for s in _SURFACES if s in products and all(s in allowed for allowed in named)):
            r = rng(ask.world.seed, ask.account.id, "connector", day, person.key, name, surface)
            if not chance(r, 0.3):
                continue
            calls = {"read": integer(r, 1, 24), "write": integer(r, 0, 3), "other": integer(r, 0, 1), surface: 1}
            for columns in group_values(ask, question, person, surface):
                yield columns, person, calls


def _connector_row(group: Counted, name: str, display: str | None) -> dict[str, Any]:
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


_SCIENCE = (
    "delegation_count",
    "distinct_session_count",
    "message_count",
    "remote_compute_job_count",
    "skills_used_count",
)


def people_rows(ask: Ask, question: ClaudeQuestion, day: date) -> Iterator[dict[str, Any]]:
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


PROJECTS: tuple[tuple[str, str], ...] = (
    ("Pricing model", "2026-01-14T10:00:00Z"),
    ("Onboarding rewrite", "2026-02-09T15:30:00Z"),
    ("Churn interviews", "2025-11-03T08:12:00Z"),
    ("Tide forecasting", "2025-12-19T17:45:00Z"),
)


def project_rows(ask: Ask, question: ClaudeQuestion, day: date) -> Iterator[dict[str, Any]]:
    """Yield a row a project, or a project and group."""
    named = [question.filters[key] for key in ("products", "surfaces") if key in question.filters]
    if any("chat" not in allowed for allowed in named):
        return
    for number, (name, created_at) in enumerate(PROJECTS):
        for group in tally(_projects_used(ask, question, day, name)):
            yield _project_row(ask, group, number, name, created_at)


def _projects_used(
    ask: Ask, question: ClaudeQuestion, day: date, name: str
) -> Iterator[tuple[dict[str, Any], Person, dict[str, int]]]:
    for person, products in seen(ask, question, day):
        r = rng(ask.world.seed, ask.account.id, "project", day, person.key, name)
        if "chat" in products and chance(r, 0.22):
            conversations = integer(r, 1, 4)
            amounts = {"conversations": conversations, "messages": conversations * integer(r, 2, 9)}
            for columns in group_values(ask, question, person, None):
                yield columns, person, amounts


def _project_row(ask: Ask, group: Counted, number: int, name: str, created_at: str) -> dict[str, Any]:
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


SKILLS: tuple[tuple[str, str | None, str], ...] = (
    ("code-review", None, "claude_code"),
    ("release-notes", "Release notes", "claude_code"),
    ("incident-timeline", "Incident timeline", "cowork"),
    ("pptx", "PowerPoint", "office_agent"),
    ("brand-voice", "Brand voice", "chat"),
    ("sql-style", None, "chat"),
)
_LIST_CENTS = Decimal("45.0125")  # list value attributed to one invocation
_OVERAGE_CENTS = Decimal("6.379783")
_BLOCKS = ("chat", "claude_code", "cowork")


def skill_rows(ask: Ask, question: ClaudeQuestion, day: date) -> Iterator[dict[str, Any]]:
    """Yield a row a skill, or a skill and group."""
    for name, display, product in SKILLS:
        used = (
            (columns, person, {"invocations": count})
            for person, count in invocations(ask, question, day, name, product)
            for columns in group_values(ask, question, person, product)
        )
        for group in tally(used):
            yield _skill_row(ask, group, name, display, product)


def invocations(ask: Ask, question: ClaudeQuestion, day: date, name: str, product: str) -> Iterator[tuple[Person, int]]:
    """Yield who ran a skill on a day, and how often."""
    if _dropped(question, product):
        return
    for person, products in seen(ask, question, day):
        r = rng(ask.world.seed, ask.account.id, "skill", day, person.key, name)
        if product in products and chance(r, 0.5):
            yield person, integer(r, 1, 14)


def _dropped(question: ClaudeQuestion, product: str) -> bool:
    named = [question.filters[name] for name in ("products", "surfaces") if name in question.filters]
    return any(product not in allowed for allowed in named)


def overage_cents(invocations: int) -> Decimal:
    """Return the vendor's estimate of what so many invocations cost beyond the plan, in cents to four places."""
    return (_OVERAGE_CENTS * invocations).quantize(Decimal("0.0001"))


def _skill_row(ask: Ask, group: Counted, name: str, display: str | None, product: str) -> dict[str, Any]:
    count = group.sums["invocations"]
    blocks: dict[str, Any] = {
        f"{block}_metrics": {f"distinct_{_unit(block)}_skill_used_count": count * 7 // 8 if block == product else 0}
        for block in _BLOCKS
    }
    return {
        "skill_name": name,
        "skill_display_name": display,
        "distinct_user_count": len(group.people),
        "invocation_count": count,
        "enable_count": None,
        "share_status": None,
        "estimated_overage_spend": str(overage_cents(count)),
        "attributed_list_price": str(_LIST_CENTS * count),
        "currency": ask.account.currency,
        **blocks,
        "office_metrics": {app: {"distinct_session_skill_used_count": None} for app in OFFICE},
        **group.columns,
    }


def _unit(block: str) -> str:
    return "conversation" if block == "chat" else "session"


_SPANS = {"daily": 1, "weekly": 7, "monthly": 30}


def summary_rows(ask: Ask, question: ClaudeQuestion, day: date) -> Iterator[dict[str, Any]]:
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


_DAYS: dict[str, Callable[[Ask, ClaudeQuestion, date], Iterator[dict[str, Any]]]] = {
    "analytics/users": people_rows,
    "analytics/skills": skill_rows,
    "analytics/connectors": connector_rows,
    "analytics/apps/chat/projects": project_rows,
    "analytics/summaries": summary_rows,
}


def engagement_rows(ask: Ask, question: ClaudeQuestion) -> Iterator[Raw]:
    """Yield the endpoint's rows for each available day, oldest first; the row itself does not state its day."""
    if is_console(ask.account):
        return
    for day in question.days():
        if midnight(day) + ONE_DAY + ENGAGEMENT_LAG <= ask.world.now:
            context = {"date": day.isoformat(), "organization_id": ask.account.organization_id}
            yield from (Raw(row, question.endpoint, context) for row in _DAYS[question.endpoint](ask, question, day))
