"""`analytics/skills`: how often each skill ran, and what the vendor attributes to it in money, as an estimate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from truto_usage_nb.sandbox.ask import Ask
from truto_usage_nb.sandbox.company import Person
from truto_usage_nb.sandbox.seeds import chance, integer, rng
from truto_usage_nb.sandbox.vendors.claude.engagement.presence import OFFICE, group_values, seen
from truto_usage_nb.sandbox.vendors.claude.engagement.tally import Tally, tally
from truto_usage_nb.sandbox.vendors.claude.question import Question

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


def rows(ask: Ask, question: Question, day: date) -> Iterator[dict[str, Any]]:
    """Yield a row a skill, or a skill and group."""
    for name, display, product in SKILLS:
        used = (
            (columns, person, {"invocations": count})
            for person, count in invocations(ask, question, day, name, product)
            for columns in group_values(ask, question, person, product)
        )
        for group in tally(used):
            yield _row(ask, group, name, display, product)


def invocations(ask: Ask, question: Question, day: date, name: str, product: str) -> Iterator[tuple[Person, int]]:
    """Yield who ran a skill on a day, and how often."""
    if _dropped(question, product):
        return
    for person, products in seen(ask, question, day):
        r = rng(ask.world.seed, ask.account.id, "skill", day, person.key, name)
        if product in products and chance(r, 0.5):
            yield person, integer(r, 1, 14)


def _dropped(question: Question, product: str) -> bool:
    named = [question.filters[name] for name in ("products", "surfaces") if name in question.filters]
    return any(product not in allowed for allowed in named)


def overage_cents(invocations: int) -> Decimal:
    """Return the vendor's estimate of what so many invocations cost beyond the plan, in cents to four places."""
    return (_OVERAGE_CENTS * invocations).quantize(Decimal("0.0001"))


def _row(ask: Ask, group: Tally, name: str, display: str | None, product: str) -> dict[str, Any]:
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
