"""Small conversions that every mapping of this vendor needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from truto_usage_nb.vendors.records import without_nulls

API_PRODUCT = {"id": "openai_api", "name": "OpenAI API"}
CODEX_PRODUCT = {"id": "codex", "name": "Codex"}
_ENCODER = json.JSONEncoder(default=str)


def hashed_id(prefix: str, *keys: object) -> str:
    """Return an id that depends on the keys alone, for rows to which the vendor gives none.

    >>> hashed_id("costs", 1730419200, "proj_abc") == hashed_id("costs", 1730419200, "proj_abc")
    True
    """
    return f"{prefix}_{blake2b(_ENCODER.encode(keys).encode(), digest_size=12).hexdigest()}"


def instant_at(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds.

    >>> instant_at(datetime(2026, 10, 1, tzinfo=UTC))
    '2026-10-01T00:00:00.000Z'
    """
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


@lru_cache(maxsize=512)  # all rows of a day begin and end together
def from_unix(seconds: int | None) -> str | None:
    """Write Unix seconds as RFC 3339 in UTC; null stays null."""
    return None if seconds is None else instant_at(datetime.fromtimestamp(seconds, UTC))


def decimal(value: object) -> Decimal:
    """Read an amount exactly, whether the vendor sent a JSON number or a string.

    >>> decimal("0.06") == decimal(0.06)
    True
    """
    return Decimal(str(value))


def key_resource(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the API key as a resource inside its project; either may be unknown, both unknown is no resource."""
    project = {"id": row.get("project_id"), "name": row.get("project_name")}
    resource = without_nulls({"id": row.get("api_key_id"), "name": row.get("api_key_name"), "workspace": project})
    return [resource] if resource else []


def openai_model(name: str | None) -> dict[str, str] | None:
    """Return a model hosted by OpenAI, or null when the row names none."""
    return None if name is None else {"id": name, "provider": "openai"}
