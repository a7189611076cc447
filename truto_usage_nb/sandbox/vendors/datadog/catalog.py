"""The products of Datadog by the name its bill gives them."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.vendors.datadog.mapping import PRODUCTS


def products(account: Account) -> list[dict[str, Any]]:
    """Return the unified products of an account."""
    return [
        {
            "id": id_,
            "name": name,
            "description": description,
            "created_at": account.created_at,
            "updated_at": account.created_at,
        }
        for id_, (name, description) in PRODUCTS.items()
    ]
