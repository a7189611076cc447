"""Units in FOCUS's spelling: plural, capitalised, composed with a hyphen.

Source: the FOCUS attribute Unit Format. A vendor's own word stays beside it in x_SourceUnit.
"""

from __future__ import annotations

import re

__all__ = ["TOKENS", "TOKEN_BATCH", "focus_unit", "is_focus_unit"]

TOKENS, TOKEN_BATCH = "Tokens", "1000000 Tokens"
"""What is consumed, and what a price is for."""

_KNOWN = {
    "tokens": "Tokens", "requests": "Requests", "request_units": "Request Units", "invocations": "Invocations",
    "credits": "Credits", "images": "Images", "seconds": "Seconds", "minutes": "Minutes", "hour": "Hours",
    "hours": "Hours", "days": "Days", "months": "Months", "calls": "Calls", "searches": "Searches",
    "sessions": "Sessions", "hosts": "Hosts", "events": "Events", "spans": "Spans", "containers": "Containers",
    "bytes": "Bytes", "characters": "Characters", "percent": "Percents",
}  # fmt: skip
_SIZE = re.compile(r"^([KMGTPE]i?[Bb]|[Bb])$")
_PART = re.compile(r"^(\d+ )?[A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*([-/][A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*)*$")


def focus_unit(unit: str) -> str:
    """Write a unit as FOCUS does.

    >>> focus_unit("CSU-hour"), focus_unit("request_units"), focus_unit("GB"), focus_unit("GB-hour")
    ('CSU-Hours', 'Request Units', 'GB', 'GB-Hours')
    """
    plain = unit.strip()
    if plain.lower() in _KNOWN:
        return _KNOWN[plain.lower()]
    parts = [part for part in re.split(r"-", plain.replace("_", " ")) if part.strip()]
    words = [_word(part.strip()) for part in parts]
    spelled = "-".join([*words[:-1], _plural(words[-1])]) if words else ""
    return spelled if is_focus_unit(spelled) else "Units"


def _word(part: str) -> str:
    """Capitalise each word, and leave alone what is written in capitals (CSU) or is a size (GiB)."""
    kept = [re.sub(r"[^A-Za-z0-9]", "", word) for word in part.split()]
    return " ".join(w if _SIZE.match(w) or w.isupper() else w[:1].upper() + w[1:] for w in kept if w)


def _plural(word: str) -> str:
    last = word.rsplit(" ", 1)[-1]
    if _SIZE.match(last) or last.endswith("s"):
        return word
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", last) else f"{word}s"


def is_focus_unit(unit: str) -> bool:
    """Say whether a unit is spelled as FOCUS asks.

    >>> is_focus_unit("1000000 Tokens"), is_focus_unit("CSU-hour"), is_focus_unit("request_units")
    (True, False, False)
    """
    if not _PART.match(unit):
        return False
    last = re.split(r"[ /-]", unit.split("/", maxsplit=1)[0])[-1]
    return bool(_SIZE.match(last)) or last.endswith("s")
