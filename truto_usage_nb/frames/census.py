"""Count what the bytes say, and what a frame of them holds: where the two agree, nothing was lost or changed kind.

In JSON every value of an object follows a key and a colon, so the first letter behind each `":` tells of what kind the
value is. polars' inference may drop a value (a key stated twice) or change its kind (`true` beside 2 becomes 1, a
number beside a text becomes text), but it never makes one up: dropping lowers the sum over all kinds, and a change
raises one kind and lowers another. So equal counts of every kind prove that every value is there, as what it was.
What would blind the count (a space before a colon, an escaped quote before one) is counted as unknown.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

_QUOTE, _COLON, _BACKSLASH, _SPACE = b'":\\ '
_KINDS = {
    **dict.fromkeys(b"-0123456789", "number"),
    **dict.fromkeys(b"tf", "flag"),
    _QUOTE: "text",
    ord("{"): "object",
    ord("["): "array",
    ord("n"): "null",
}


def count_values(content: bytes) -> Counter[str]:
    """Count the values that follow a key, by kind. `null` is left out: a frame cannot tell it from an absent value."""
    letters = np.frombuffer(content, np.uint8)
    colons = np.flatnonzero(letters == _COLON)
    before = letters[colons - 1]
    keys = colons[before == _QUOTE]
    first = letters.take(keys + 1, mode="clip")
    if (first == _SPACE).any():
        first = np.where(first == _SPACE, letters.take(keys + 2, mode="clip"), first)
    numbers = np.bincount(first, minlength=256)
    found: Counter[str] = Counter()
    for letter in np.flatnonzero(numbers):
        found[_KINDS.get(int(letter), "unknown")] += int(numbers[letter])
    found["unknown"] += _blind_spots(letters, keys, before)
    del found["null"]
    return +found


def _blind_spots(letters: Any, keys: Any, before: Any) -> int:
    """Count colons that may belong to a key though no quote stands before them, or may not though one does."""
    escaped = letters[keys - 2] == _BACKSLASH
    return int(np.count_nonzero(escaped) + np.count_nonzero(before <= _SPACE))
