"""What every mapping does to its fields before they are served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["compact"]


def compact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without nulls and without objects and lists left empty by that; zero and false stay.

    >>> compact({"a": 0, "b": None, "c": {"d": None}})
    {'a': 0}
    """
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            value = compact(value)  # noqa: PLW2901  (the field's own new value)
        if value or (value is not None and not isinstance(value, (dict, list))):
            kept[name] = value
    return kept
