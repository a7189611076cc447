"""What an argument may be, checked where it is given: one sentence with the name, the value and what is allowed."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from truto_usage_nb.errors import InputError, UsageError, did_you_mean
from truto_usage_nb.outside import shown

__all__ = [
    "a_flag",
    "a_mapping",
    "a_path",
    "a_text",
    "a_whole_number",
    "is_number",
    "is_one_of",
    "listed",
    "one_of",
    "texts",
]


def one_of(name: str, value: object, allowed: Iterable[object], more: str = "") -> None:
    """Refuse what is none of these, type and all: 1 is not True, and a frame is no word.

    >>> one_of("measure", "list", ("billed", "list"))
    """
    known = tuple(allowed)
    if is_one_of(value, known):
        return
    words = [str(each) for each in known]
    near = did_you_mean(value, words) if isinstance(value, str) and value not in words else ""
    raise InputError(f"{name}={shown(value)} is not allowed.{near} Allowed: {', '.join(words)}.{more}")


def is_one_of(value: object, allowed: Iterable[object]) -> bool:
    """Whether a value is one of these, type and all.

    >>> is_one_of(True, (1, 2)), is_one_of("a", ("a",))
    (False, True)
    """
    return any(type(value) is not bool or type(each) is bool for each in allowed if _same(value, each))


def _same(value: object, each: object) -> bool:
    return isinstance(value, type(each)) and value == each


def a_flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False."""
    one_of(name, value, (True, False))


def a_text(name: str, value: object, like: str) -> None:
    """Refuse what is no text, or an empty one; `like` says what to give."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{name}={shown(value)} is not allowed; give {like}.")


def a_path(name: str, value: Any, error: type[UsageError] = InputError) -> Path:
    """Give a path. Raises `error` for what is none, or holds a character that no name may have."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise error(f"{name}={shown(value)} is no path; give a text or a pathlib.Path.")
    try:
        if b"\0" not in os.fsencode(value):
            return Path(value)
    except (UnicodeEncodeError, TypeError):
        pass
    raise error(f"{name}={shown(value)} is no path: it holds a character that no name may have; name it otherwise.")


def texts(name: str, value: Any, like: str) -> tuple[str, ...]:
    """Give a list of texts as a tuple. Raises InputError for a bare text and for what holds anything else."""
    given = listed(value)
    if given is None or not all(isinstance(each, str) and each for each in given):
        raise InputError(f"{name}={shown(value)} is not allowed; give {like}.")
    return given


def listed(value: Any) -> tuple[Any, ...] | None:
    """Give the items of a list, a tuple or the like; None for a bare text, a mapping, a frame, and what may not end.

    >>> listed(["a", "b"]), listed("ab"), listed({"a": 1})
    (('a', 'b'), None, None)
    """
    if not isinstance(value, Collection) or isinstance(value, str | bytes | bytearray | Mapping):
        return None
    return None if hasattr(value, "columns") else tuple(value)


def a_mapping(name: str, value: Any, like: str) -> Mapping[Any, Any]:
    """Give a mapping, or an empty one for None. Raises InputError for anything else."""
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name}={shown(value)} is no mapping; write it like {name}={like}.")
    return value or {}


def a_whole_number(name: str, value: object, least: int = 1) -> None:
    """Refuse what is no whole number of at least so much; True is none."""
    try:
        whole = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:  # no number, or an array of several
        whole = None
    if whole is None or whole < least:
        raise InputError(f"{name}={shown(value)} is not allowed; give a whole number, {least} or more.")


def is_number(value: object) -> bool:
    """Whether a value is a finite number that a float holds; True is none.

    >>> is_number(1.5), is_number(True), is_number("1.5"), is_number(10**400)
    (True, False, False, False)
    """
    if isinstance(value, bool | str | bytes) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        return False
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]
    except (OverflowError, ValueError, TypeError):
        return False
