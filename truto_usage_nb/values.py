"""What the value of a parameter may be: how it is read, frozen, and written on the wire and as code.

Readers raise ValueError with the end of a sentence that begins with the parameter and the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from truto_usage_nb.outside import shown

__all__ = ["as_code", "as_pairs", "instant", "read_day", "read_moment", "read_object", "read_text", "read_texts"]

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def instant(text: str) -> datetime:
    """Read a date (its midnight, UTC) or an instant with its zone.

    >>> instant("2026-10-01").isoformat()
    '2026-10-01T00:00:00+00:00'
    """
    is_day = _DAY.fullmatch(text) is not None
    if not is_day and _RFC_3339.fullmatch(text) is None:
        raise ValueError("is not a date; give YYYY-MM-DD or RFC 3339, such as 2026-10-01T00:00:00Z")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as problem:
        raise ValueError(f"is not a date: {problem}") from None
    if not is_day and moment.tzinfo is None:
        raise ValueError("has a time of day without a time zone; add Z or an offset")
    return moment.replace(tzinfo=UTC) if is_day else moment


def read_text(value: Any) -> Any:
    """Refuse an empty text; give a subclass of `str` (an enum, NumPy's) as plain text."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise ValueError("is empty; leave the parameter out instead")
    return str.__str__(value)


def read_texts(value: Any) -> Any:
    """Refuse a bare text where a list belongs; give a list or a set (sorted) as a tuple."""
    if isinstance(value, str):
        raise ValueError(f"is a bare text; give a list, such as [{shown(value)}]")
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=str))
    return tuple(value) if isinstance(value, list) else value


def read_moment(value: Any) -> Any:
    """Read a date or an instant, and keep it as the text that goes over the wire."""
    if isinstance(value, datetime):
        return _zulu(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        instant(value)
        return str.__str__(value)
    return value


def _zulu(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("is a datetime without a time zone; add one, such as tzinfo=datetime.UTC")
    try:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise ValueError("is beyond the years 1 to 9999") from None


def read_day(value: Any) -> Any:
    """Read a day, and keep it as YYYY-MM-DD."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise ValueError("is not a day; give YYYY-MM-DD")
    instant(value)
    return str.__str__(value)


class _Frozen(dict[str, Any]):
    """A dict that cannot be changed; its values are frozen too."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a query is a frozen value; make another with replace()")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return read_object, (dict(self),)


def read_object(value: Any) -> Any:
    """Read nested dicts, lists and scalars into a dict that cannot be changed."""
    if not isinstance(value, Mapping):
        raise ValueError("is not a dict; give one, such as {'foo': 'bar'}")
    return _freeze(value)


def _freeze(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _Frozen({_key(key): _freeze(inner) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_freeze(inner) for inner in value)
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    raise ValueError(f"holds {shown(value)}; values are texts, finite numbers, booleans, lists or objects of these")


def _key(key: Any) -> str:
    if not isinstance(key, str) or not key or "[" in key or "]" in key:
        raise ValueError(f"has the key {shown(key)}; keys are texts without brackets")
    return str.__str__(key)


def as_pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Give the wire form of a value: `name[]=` for lists, `name[a][b]=` for objects, `true`/`false`.

    >>> list(as_pairs("remote_query", {"a": {"b": [1, True]}}))
    [('remote_query[a][b][]', '1'), ('remote_query[a][b][]', 'true')]
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from as_pairs(f"{name}[{key}]", inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from as_pairs(f"{name}[]", inner)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)


def as_code(value: Any) -> str:
    """Give the Python that rebuilds a value.

    >>> as_code({"a": ("b", 1)})
    "{'a': ['b', 1]}"
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {as_code(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(as_code(inner) for inner in value) + "]"
    return repr(value)
