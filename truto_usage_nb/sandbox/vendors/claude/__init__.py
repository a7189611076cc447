"""Claude: usage and cost of a Console and two Enterprise organisations, and what their people did.

Served: `analytics/usage` and `analytics/cost` for usage and cost, by actor for the user reports;
`usage_report/claude_code` for activity on Console; the engagement endpoints for the rest, empty on Console. A row of
usage or cost covers the whole range asked, unless `granularity` cuts it; a row of the others is a UTC day.
"""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, products_of
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.claude.people import WORKSPACES, product_ids
from truto_usage_nb.sandbox.vendors.claude.question import report_type
from truto_usage_nb.sandbox.vendors.claude.rows import answer_key, raw_rows, request
from truto_usage_nb.vendors.claude.mapping import CLAUDE_PRODUCTS, Told, records_of

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

MAX_PAGE = 1000
DEFAULT_PAGE = 100
NUMBERED = False
RATE_LIMIT = "60;w=60"


def products(account: Account) -> list[dict[str, Any]]:
    """Return the products an account can state."""
    named = ((id_, CLAUDE_PRODUCTS[id_]) for id_ in product_ids(account.kind))
    return products_of(account, *((id_, name, f"{name} by Anthropic") for id_, name in named))


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map one raw row to its records: one, but for Claude Code, where it is one a model."""
    told = Told(
        account_id=ask.account.id,
        report_type=report_type(ask),
        endpoint=raw.endpoint,
        envelope=raw.context,
        organization={"id": ask.account.organization_id, "name": ask.account.organization_name},
        workspaces=WORKSPACES,
    )
    return records_of(raw.row, told)
