"""What every mapping does to its fields, and the ids of rows that came without one."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

__all__ = ["opaque_id", "without_nulls"]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"
_LETTER_OF_BYTE = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_ID_LENGTH = 24


def without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without nulls and without objects and lists left empty by that; zero and false stay.

    >>> without_nulls({"a": 0, "b": None, "c": {"d": None}})
    {'a': 0}
    """
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            value = without_nulls(value)  # noqa: PLW2901  (the field's own new value)
        if value or (value is not None and not isinstance(value, (dict, list))):
            kept[name] = value
    return kept


def opaque_id(prefix: str, *keys: object) -> str:
    """Return an id of 24 characters behind the prefix that depends on the keys alone.

    >>> opaque_id("cost-", "2026-10-01", "KAFKA") == opaque_id("cost-", "2026-10-01", "KAFKA")
    True
    """
    digest = blake2b(repr((0, prefix, *keys)).encode(), digest_size=_ID_LENGTH).digest()
    return prefix + digest.translate(_LETTER_OF_BYTE).decode()
