"""Small conversions that every Cursor mapping needs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

PRODUCT = {"id": "cursor", "name": "Cursor"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER = json.JSONEncoder(default=str)
_PROVIDERS = (
    ("claude", "anthropic"),
    ("gpt", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "google"),
    ("grok", "xai"),
    ("deepseek", "deepseek"),
    ("kimi", "moonshotai"),
    ("auto", "cursor"),
    ("composer", "cursor"),
    ("default", "cursor"),
    ("cursor", "cursor"),
)


def stable_id(prefix: str, *keys: object) -> str:
    """Return an id that depends on the keys alone: Cursor gives its rows none."""
    return f"{prefix}_{blake2b(_ENCODER.encode(keys).encode(), digest_size=12).hexdigest()}"


def instant(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def moment_of(milliseconds: int | str) -> datetime:
    """Return the moment of epoch milliseconds, sent as a number or as a string.

    >>> instant(moment_of("1750979225854"))
    '2025-06-26T23:07:05.854Z'
    """
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def milliseconds_of(moment: datetime) -> int:
    """Return the epoch milliseconds of a moment, cut down to the millisecond."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def dollars(cents: object) -> Decimal:
    """Read cents, a JSON number, exactly and return dollars.

    >>> dollars(21.36232)
    Decimal('0.2136232')
    """
    return Decimal(str(cents)).scaleb(-2)


@lru_cache(maxsize=256)  # a team uses few models, and each event names one
def _provider_of(name: str) -> str | None:
    return next((provider for start, provider in _PROVIDERS if name.lower().startswith(start)), None)


def model_named(name: str | None) -> dict[str, str] | None:
    """Return the model with the provider that its name gives away; an unfamiliar name has none.

    >>> model_named("claude-4.5-sonnet")
    {'id': 'claude-4.5-sonnet', 'provider': 'anthropic'}
    """
    if name is None:
        return None
    provider = _provider_of(name)
    return {"id": name} if provider is None else {"id": name, "provider": provider}
