"""The facts of one event, before any row is written."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from truto_usage_nb.sandbox.vendors.cursor.members import Member

HOUR_MS = 3_600_000


class Kind(Enum):
    """Who pays for an event, as Cursor words it."""

    USAGE_BASED = "Usage-based"
    INCLUDED = "Included in Business"
    ERRORED = "Errored, Not Charged"
    OWN_KEY = "User API Key"


class Tokens(NamedTuple):
    """Disjoint token counts."""

    input: int
    output: int
    cache_read: int
    cache_write: int


class Event(NamedTuple):
    """What one member's model did at one moment.

    Amounts are cents: `charged` is `gross` less the discount (percent) plus the fee. `at` is in epoch milliseconds.
    An event without `tokens` is priced by request.
    """

    at: int
    member: Member
    model: str
    kind: Kind
    units: Decimal
    tokens: Tokens | None
    gross: Decimal
    discount: int
    fee: Decimal | None
    charged: Decimal
    max_mode: bool
    headless: bool
    conversation: str | None

    @property
    def recorded_at(self) -> int:
        """Epoch milliseconds at which Cursor shows the event: it aggregates once an hour."""
        return (self.at // HOUR_MS + 1) * HOUR_MS

    @property
    def chargeable(self) -> bool:
        """Whether money is owed for the event."""
        return self.kind is Kind.USAGE_BASED or self.kind is Kind.OWN_KEY

    @property
    def covered(self) -> bool:
        """Whether the plan pays for the event."""
        return self.kind is Kind.INCLUDED
