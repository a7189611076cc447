"""OpenAI: one UTC day an ask, whatever report type is asked for.

A `codex` account serves the Codex analytics of a workspace, a record per user and model. An `api` account serves the
day's usage of every kind and then its costs by line item. `user_id` and `api_key_id` narrow both: a row that does not
state the one asked for is left out, so costs, which name no user, vanish under `user_id`. Legacy usage and the
compliance log are mapped, but not served.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, VendorAnswer, World, products_of
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.openai_codex.rows import (
    CODEX_ENDPOINT,
    COSTS_ENDPOINT,
    api_answer,
    codex_answer,
    raw_rows,
    request,
)
from truto_usage_nb.vendors.openai_codex.mapping import (
    API_PRODUCT,
    CODEX_PRODUCT,
    api_cost_record,
    codex_records,
    usage_record,
)

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

MAX_PAGE = 30_000
DEFAULT_PAGE = 1000
NUMBERED = False
RATE_LIMIT = "600;w=60"  # the vendor publishes none


def products(account: Account) -> list[dict[str, Any]]:
    """Return the one product of an account: Codex, or the API."""
    codex = account.kind == "codex"
    product = CODEX_PRODUCT if codex else API_PRODUCT
    described = "Coding agent" if codex else "Models and tools of the OpenAI platform"
    return products_of(account, (product["id"], product["name"], described))


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:  # noqa: ARG001  # the endpoint decides the mapping
    """Map one raw row to its records: several for a Codex user of several models, else one."""
    if raw.endpoint == CODEX_ENDPOINT:
        return codex_records(raw.row, raw.context)
    if raw.endpoint == COSTS_ENDPOINT:
        return [api_cost_record(raw.row, raw.context)]
    return [usage_record(raw.row, raw.context)]


def answer_key(account: Account, start: date, end: date, world: World) -> VendorAnswer:
    """Return what an account did from start up to, not including, end, in days UTC."""
    if account.kind == "codex":
        return codex_answer(start, end, world)
    return api_answer(account.id, start, end, world)
