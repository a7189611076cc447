"""What inferring a page would cost, told from its bytes alone, before polars is let at it.

Inference takes time by the cube of the nesting, and room for every path in every row, whether or not anything stands
there: a short page can ask for gigabytes. What is not tame is read value by value, where both have their bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from truto_usage_nb.frames.parts import MOST_CELLS

__all__ = ["is_tame", "levels_of"]

_QUOTE, _COLON, _SPACE = b'": '
_OPENING, _CLOSING = ord("{"), ord("}")  # with their sixth bit set, so are `[` and `]`
_SIXTH_BIT = 0x20
_FAST_LEVELS = 16
_MOST_KEYS = 2000  # a row, on average: more than a frame can have columns of
_WORD = 8
_EACH_BYTE = np.uint64(0x0101010101010101)
_PRIME = np.uint64(0x9E3779B97F4A7C15)


def is_tame(content: bytes) -> bool:
    """Tell whether a JSON array of records can be inferred in time and room in proportion to its length.

    >>> is_tame(b'[{"id":"1"}]'), is_tame(b"[" * 20 + b"]" * 20)
    (True, False)
    """
    text = _Text(content)
    keys, most = text.quotes // 2, MOST_CELLS + len(content)  # so many at most
    if text.levels > _FAST_LEVELS or keys > _MOST_KEYS * text.rows:
        return False
    return keys * text.rows <= most or text.colons() * text.rows <= most or text.paths() * text.rows <= most


def levels_of(content: bytes) -> int:
    """Give how deep JSON is nested.

    >>> levels_of(b'[{"a":{"b":"[[[[\\\\""}}]')
    3
    """
    return _Text(content).levels


class _Text:
    """Hold a JSON text's brackets outside of its texts, and how deep each of them lies."""

    def __init__(self, content: bytes) -> None:
        if b"\\" in content:
            content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
        self._content = content + bytes(_WORD + -len(content) % _WORD)
        self._letters = np.frombuffer(self._content, np.uint8)
        folded = self._letters | _SIXTH_BIT
        found = folded == _OPENING
        found |= folded == _CLOSING
        places = np.flatnonzero(found)
        self._brackets = places[~self._in_text(places)]
        opening = folded[self._brackets] == _OPENING
        self._depths = np.cumsum(np.where(opening, np.int8(1), np.int8(-1)), dtype=np.int32)
        self.levels = int(self._depths.max(initial=0))
        objects = self._brackets[self._letters[self._brackets] == _OPENING]
        before = self._letters[objects - 1]
        before = np.where(before == _SPACE, self._letters[objects - 2], before)
        self.rows = int(np.count_nonzero(before != _COLON))  # what follows a key is part of the row the key stands in

    def colons(self) -> int:
        """Count the colons, of which each key has one."""
        return int(np.count_nonzero(self._letters == _COLON))

    def paths(self) -> int:
        """Count the different paths of keys."""
        quotes = np.flatnonzero(self._letters == _QUOTE)
        starts, ends = quotes[: quotes.size // 2 * 2 : 2], quotes[1::2]
        after = self._letters[ends + 1]
        keys = (after == _COLON) | (after <= _SPACE)  # a blank: perhaps a key, and rarely anything else
        starts, ends = starts[keys], ends[keys]
        if not ends.size:
            return 0
        hashes = self._hashes(starts + 1, ends)
        depths = np.append(self._depths, 0)[np.searchsorted(self._brackets, ends) - 1]
        paths, order = np.zeros(ends.size, np.uint64), np.arange(ends.size)
        for depth in np.unique(depths):
            here = depths == depth
            above = np.maximum.accumulate(np.where(depths < depth, order, -1))[here]
            paths[here] = _mixed(hashes[here], np.where(above < 0, np.uint64(0), paths[above]))
        return int(np.unique(paths).size)

    def _in_text(self, places: Any) -> Any:
        """Tell which places lie inside of a text: an odd number of quotes stands before them. Eight bytes at a time."""
        quotes = (self._letters == _QUOTE).view(np.uint64)
        odd = _counted(quotes)
        self.quotes = int(odd.sum())
        before = np.cumsum(odd, dtype=np.uint8) - odd  # cut to a byte, which is as odd as the sum
        words = places >> 3
        shifts = ((_WORD - 1 - (places & (_WORD - 1))) * _WORD).astype(np.uint64)
        return ((before[words] + _counted(quotes[words] << shifts)) & 1).astype(bool)

    def _hashes(self, starts: Any, ends: Any) -> Any:
        """Give a number for each piece of the text, eight bytes at a time."""
        words = np.ndarray((len(self._content) - _WORD + 1,), "<u8", self._content, strides=(1,))
        left, places = ends - starts, np.arange(starts.size)
        found = (left + 1).astype(np.uint64)
        while places.size:
            size = np.minimum(left[places], _WORD).astype(np.uint64)
            kept = ~np.uint64(0) >> ((np.uint64(_WORD) - size) * np.uint64(_WORD))
            word = words[np.minimum(starts[places], words.size - 1)]
            found[places] = _mixed(np.where(size == 0, np.uint64(0), word & kept), found[places])
            starts, left = starts + _WORD, left - _WORD
            places = places[left[places] > 0]
        return found


def _counted(flags: Any) -> Any:
    """Count the bytes that are 1 in each word."""
    return ((flags * _EACH_BYTE) >> np.uint64(56)).astype(np.uint8)


def _mixed(one: Any, other: Any) -> Any:
    made = (one ^ (other * _PRIME)) * _PRIME
    return made ^ (made >> np.uint64(29))
