"""Cursor: the usage events of a team, whatever report type is asked for.

Served is `POST /teams/filtered-usage-events`. Of the unified parameters it honours the two dates; `email` and
`serviceAccountId` may be passed through `remote_query`. The team's other endpoints are mapped, and served raw alone.
"""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, products_of
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.cursor.raw import DEFAULT_PAGE, MAX_PAGE, raw_rows, request
from truto_usage_nb.sandbox.vendors.cursor.story import answer_key
from truto_usage_nb.vendors.cursor.mapping import CURSOR_PRODUCT, event_record

__all__ = [
    "DEFAULT_PAGE",
    "MAX_PAGE",
    "NUMBERED",
    "RATE_LIMIT",
    "answer_key",
    "products",
    "raw_rows",
    "request",
    "unify",
]

NUMBERED = True
RATE_LIMIT = "60;w=60"


def products(account: Account) -> list[dict[str, Any]]:
    """Return the one product of a team."""
    return products_of(account, (CURSOR_PRODUCT["id"], CURSOR_PRODUCT["name"], "AI code editor"))


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:  # noqa: ARG001  # an event says everything itself
    """Map one event to its one record."""
    return [event_record(raw.row, recorded_at=raw.context.get("recorded_at"))]
