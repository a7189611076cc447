"""What the demo company keeps beside its vendors' usage: who is in which team, who holds a seat, what was invoiced."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from truto_usage_nb.sandbox.answers import AnswerKey
from truto_usage_nb.sandbox.company import PEOPLE, people_with

SEAT_PRICES: dict[str, tuple[Decimal, str]] = {"claude": (Decimal(30), "USD"), "cursor": (Decimal(40), "USD")}
"""What a seat costs a month, by integration; the seats are in no API."""
_SEATED = {"claude": "claude_seats", "cursor": "cursor", "openai_codex": "codex"}
_CENT = Decimal("0.01")


def people(*, every_team: bool = False) -> list[tuple[str, str | None]]:
    """Return (email, team) of everyone, once with the first team, or once per team; None without one.

    >>> [team for email, team in people(every_team=True) if email.startswith("ilse")]
    ['platform', 'mobile']
    """
    rows: list[tuple[str, str | None]] = []
    for person in PEOPLE:
        teams = (person.teams or (None,)) if every_team else (person.teams or (None,))[:1]
        rows += [(person.email, team) for team in teams]
    return rows


def rosters() -> list[tuple[str, str]]:
    """Return (integration, email) of every seat held by a person, used or not.

    >>> sum(1 for integration, _ in rosters() if integration == "cursor")
    18
    """
    return [
        (integration, person.email)
        for integration, tool in _SEATED.items()
        for person in people_with(tool)
        if person.kind != "service"
    ]


def invoices(key: AnswerKey) -> list[tuple[str, date, str, Decimal]]:
    """Return (integration, month, currency, amount) of what the vendors invoiced for a key's month, seats included.

    What a vendor could not price (currency not stated) is on no invoice.
    """
    lines = []
    for total in key.totals():
        seats = _seats(total["integration"], total["currency"])
        lines.append((total["integration"], key.start, total["currency"], total["payable"].quantize(_CENT) + seats))
    return lines


def _seats(integration: str, currency: str) -> Decimal:
    price, of = SEAT_PRICES.get(integration, (Decimal(0), currency))
    held = sum(1 for name, _ in rosters() if name == integration)
    return price * held if of == currency else Decimal(0)
