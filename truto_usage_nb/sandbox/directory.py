"""The neighbours of the usage endpoint: the linked accounts, as the service lists them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any
from uuid import UUID

from truto_usage_nb.sandbox.company import ACCOUNTS, Account
from truto_usage_nb.sandbox.params import Params
from truto_usage_nb.sandbox.wire import Problem

_INTEGRATIONS = {
    "claude": ("Claude", "ai"),
    "openai_codex": ("OpenAI Codex", "ai"),
    "cursor": ("Cursor", "ai"),
    "confluent": ("Confluent", "data-streaming"),
    "datadog": ("Datadog", "observability"),
}


def find_account(account_id: str) -> Account:
    """Return the account; 404 when there is none of that id."""
    for account in ACCOUNTS:
        if account.id == account_id:
            return account
    raise Problem(404, f"Integrated account {account_id!r} not found", {"integrated_account_id": account_id})


def account_resource(account: Account) -> dict[str, Any]:
    """Return an account as the service shows it."""
    label, category = _INTEGRATIONS[account.integration]
    integration = {
        "id": str(UUID(bytes=blake2b(account.integration.encode(), digest_size=16).digest(), version=4)),
        "name": account.integration,
        "label": label,
        "category": category,
    }
    return {
        "id": account.id,
        "tenant_id": account.tenant_id,
        "status": account.status,
        "is_sandbox": account.is_sandbox,
        "label": account.label,
        "integration": integration,
        "created_at": account.created_at,
        "updated_at": account.created_at,
    }


def matching_accounts(params: Params) -> list[dict[str, Any]]:
    """Return the accounts that pass the `tenant_id` and `is_sandbox` filters."""
    return [
        account_resource(account)
        for account in ACCOUNTS
        if params.tenant_id in (None, account.tenant_id) and params.is_sandbox in (None, account.is_sandbox)
    ]
