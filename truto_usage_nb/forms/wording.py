"""The words of a field: a parameter's value as one types it, and back. `read(kind, write(kind, value)) == value`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from truto_usage_nb.errors import PeriodError, QueryError
from truto_usage_nb.forms.state import PeriodWords, period_words
from truto_usage_nb.planning import Period

__all__ = ["examples", "last_word", "read", "read_period", "write", "write_period"]

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_EMPTY_LIST = "[]"
_BETWEEN = re.compile(r"\s*(?:,|\bto\b|–)\s*")


def read(name: str, kind: str, text: Any) -> Any:
    """Read what a field holds; nothing at all is None. What cannot be read goes on as it is, for the query to judge.

    Lists are parted by commas; a value with a comma, a quote or blanks around it stands in double quotes.

    >>> read("model_ids", "texts", 'opus, "a, b"'), read("limit", "number", " 10 "), read("cursor", "text", " ")
    (('opus', 'a, b'), 10, None)
    """
    if not isinstance(text, str):
        return text
    plain = text.strip()
    if not plain:
        return None
    if kind == "texts":
        return () if plain == _EMPTY_LIST else tuple(word for word, _ in _words(plain))
    if kind == "number":
        return int(plain) if _WHOLE_NUMBER.fullmatch(plain) else plain
    if kind == "object":
        return _object(name, plain)
    return _unquoted(plain) if kind == "text" else plain


def write(kind: str, value: Any) -> Any:
    """Give what a field holds for a value.

    >>> write("texts", ("opus", "a, b")), write("texts", ()), write("number", 0), write("object", {"a": 1})
    ('opus, "a, b"', '[]', '0', '{"a": 1}')
    """
    if value is None:
        return ""
    if kind in ("choice", "flag"):
        return value
    if kind == "texts":
        return ", ".join(map(_as_word, value)) if value else _EMPTY_LIST
    if kind == "object":
        return json.dumps(value, ensure_ascii=False)
    return _as_text(value) if kind == "text" else str(value)


def _object(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise QueryError(f'{name} is not JSON ({problem}); write an object, such as {{"foo": "bar"}}') from None


def _as_text(value: str) -> str:
    plain = value == value.strip() and value.isprintable() and not value.startswith('"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _as_word(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if {",", '"'} & set(value) or value == _EMPTY_LIST else _as_text(value)


def _unquoted(text: str) -> str:
    if _QUOTED.fullmatch(text) is None:
        return text
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Give each word of a list, and where in the text it begins."""
    at = 0
    while at < len(text):
        at += len(text[at:]) - len(text[at:].lstrip())
        quoted = _QUOTED.match(text, at)
        end = (
            len(text)
            if quoted is None
            else quoted.end() + len(text[quoted.end() :]) - len(text[quoted.end() :].lstrip())
        )
        if quoted is None or (end < len(text) and text[end] != ","):
            comma = text.find(",", at)
            end = len(text) if comma < 0 else comma
        if word := text[at:end].strip():
            yield _unquoted(word), at
        at = end + 1


def last_word(text: str) -> tuple[str, str]:
    """Part a list that is being typed into what stands already and the word under way.

    >>> last_word("opus, son")
    ('opus, ', 'son')
    """
    words = list(_words(text))
    if not words or text.rstrip().endswith(","):
        return (text.rstrip() + " " if text.strip() else ""), ""
    at = words[-1][1]
    return text[:at], text[at:]


def read_period(text: str, now: datetime | None = None) -> PeriodWords:
    """Read a period as one types it: "2026-10", "2026-10-05", or "2026-10-01, 2026-10-15" with the end excluded.

    A word such as "last-month" becomes the month that it means at `now`.

    >>> read_period("2026-10-01 to 2026-10-15")
    ('2026-10-01', '2026-10-15')
    """
    if not text.strip():
        raise PeriodError("there is no period; write 2026-10, 2026-10-05, or 2026-10-01, 2026-10-15 (end excluded)")
    parts = _BETWEEN.split(text.strip())
    words: PeriodWords = (parts[0], parts[1]) if len(parts) == 2 else text.strip()
    period = Period.parse(words, now=now)
    return words if any(each.isdigit() for each in text) else period_words(period)


def write_period(words: PeriodWords) -> str:
    """Give a period as one types it.

    >>> write_period(("2026-10-01", "2026-10-15"))
    '2026-10-01, 2026-10-15'
    """
    return words if isinstance(words, str) else ", ".join(words)


def examples(help_text: str) -> list[str]:
    """Give the values that a parameter's help names after "such as".

    >>> examples("Only these surfaces, such as chat, api or code.")
    ['chat', 'api', 'code']
    """
    _, _, listed = help_text.partition("such as ")
    return [word for word in re.split(r",\s*|\s+or\s+", listed.rstrip(".")) if word]
