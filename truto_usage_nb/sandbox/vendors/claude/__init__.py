"""Claude: usage and cost of a Console and two Enterprise organisations, and what their people did.

Served: `analytics/usage` and `analytics/cost` for usage and cost, by actor for the user reports;
`usage_report/claude_code` for activity on Console; the engagement endpoints for the rest, empty on Console. A row of
usage or cost covers the whole range asked, unless `granularity` cuts it; a row of the others is a UTC day.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.claude import analytics, claude_code, engagement, question
from truto_usage_nb.sandbox.vendors.claude.answer_key import answer
from truto_usage_nb.sandbox.vendors.claude.directory import WORKSPACES, product_ids
from truto_usage_nb.sandbox.vendors.claude.request import request
from truto_usage_nb.vendors.claude.mapping import PRODUCTS, Told, records_of

__all__ = ["DEFAULT_PAGE", "MAX_PAGE", "NAME", "RATE_LIMIT", "answer", "collect", "products", "request", "unify"]

NAME = "claude"
MAX_PAGE = 1000
DEFAULT_PAGE = 100
RATE_LIMIT = "60;w=60"


def products(account: Account) -> list[dict[str, Any]]:
    """Return the products an account can state."""
    linked = account.created_at
    return [
        {"id": one, "name": PRODUCTS[one], "description": f"{PRODUCTS[one]} by Anthropic", "created_at": linked}
        | {"updated_at": linked}
        for one in product_ids(account.kind)
    ]


def collect(ask: Ask) -> Iterator[Raw]:
    """Yield the rows an ask comes to, lazily where rows are days; `Refused` is raised at once, as the vendor would."""
    asked = question.read(ask)
    if asked.endpoint in ("analytics/usage", "analytics/cost"):
        return analytics.rows(ask, asked)
    if asked.endpoint == "usage_report/claude_code":
        return claude_code.rows(ask, asked)
    return engagement.rows(ask, asked)


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:
    """Map one raw row to its records: one, but for Claude Code, where it is one a model."""
    told = Told(
        account_id=ask.account.id,
        report_type=question.report_type(ask),
        endpoint=raw.endpoint,
        envelope=raw.context,
        organization={"id": ask.account.organization_id, "name": ask.account.organization_name},
        workspaces=WORKSPACES,
    )
    return records_of(raw.row, told)
