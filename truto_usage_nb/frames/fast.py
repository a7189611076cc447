"""Read a page whole, in native code, and prove that nothing was lost; what cannot be proved is left to `exact`.

polars infers a page's types from all of its records. Four things stand around that:

- Inference takes time by the cube of the nesting, and room for every path in every row, whether or not anything stands
  there: a short page can ask for gigabytes. What that would cost is told from the bytes alone, and what is not tame is
  read value by value, where both have their bounds.
- `remote_data`, the provider's own row, is kept as the text it is, and out of the way of everything else.
- What was read is trusted only where it holds as many values of each kind as the bytes do, and no number is in danger:
  a large float may have been a number with other digits, and so may one that was written as all but whole.
- Inference merges the objects it finds as a set, so that their keys come out in one order today and in another
  tomorrow. Documented keys have their place anyway; for all others the first records are looked at again, and as a rule
  they show every key there is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Set
from typing import Any

import numpy as np
import polars as pl

from truto_usage_nb.errors import ProtocolError
from truto_usage_nb.frames.jsontext import JsonText
from truto_usage_nb.frames.parsed import (
    MOST_CELLS,
    MOST_PATHS,
    REMOTE_DATA,
    FieldPath,
    Layout,
    PageTable,
    Provenance,
    document_order,
    nulls,
)
from truto_usage_nb.frames.schema_memory import KNOWN, Shape, Unproved, is_almost_whole, key_of, shape_of
from truto_usage_nb.schema import SCHEMA

_QUOTE, _COLON, _BACKSLASH, _SPACE = b'":\\ '
_SPOILT = (b"\\ud", b"\\uD", b"\\u0000")
"""Half of a surrogate pair would come out as another letter, and polars panics at a NUL in a key."""
_FIRST = 65_536  # bytes that hold at least one record, as a rule: enough to see whether records have `remote_data`


def read_whole(content: bytes, source: Provenance, layout: Layout) -> PageTable | None:
    """Give the columns of a JSON array of records; None where that cannot be done, or not proved right."""
    if b"\\" in content and any(escape in content for escape in _SPOILT):
        return None
    if is_almost_whole(content):
        return None
    try:
        if layout.documented and b'"remote_data"' in content[:_FIRST]:
            return _read_without_remote(content, source, layout)
        table = _read(content, source, layout)
        if layout.documented and REMOTE_DATA in table.columns:
            return _read_without_remote(content, source, layout)
    except (Unproved, ProtocolError, ValueError, RecursionError, pl.exceptions.PolarsError):
        return None  # what cannot be read here, such as a number of 5,000 digits, is read value by value
    return table


def _read_without_remote(content: bytes, source: Provenance, layout: Layout) -> PageTable:
    text, cut = _cut_remote(content.decode())
    table = _read(text.encode(), source, layout)
    if _is_nested(table) or not (layout.leaves_out(REMOTE_DATA) or _put_back(table, cut)):
        raise Unproved
    return table


def _read(content: bytes, source: Provenance, layout: Layout) -> PageTable:
    """Read by the shape that earlier pages had where that fits, which saves inferring it: the result is the same."""
    said = _count_values(content)
    key = key_of(source, layout)
    known = KNOWN.get(key)
    if known is not None:
        try:
            return _proved(known.decode(content), known.shape, said)
        except (Unproved, pl.exceptions.PolarsError):
            KNOWN.missed(key)
    if not is_tame(content):
        raise Unproved
    records = pl.Series([content]).cast(pl.String).str.json_decode(infer_schema_length=None).explode()
    if not isinstance(records.dtype, pl.Struct) or not records.dtype.fields:
        raise Unproved
    shape = shape_of(records.dtype, layout)
    if len(shape.paths) > MOST_PATHS or any(len(each.paths) > MOST_PATHS for each in shape.lists.values() if each):
        raise Unproved
    KNOWN.learn(key, records.dtype)
    _settle_order(shape, content, documented=layout.documented)
    return _proved(records, shape, said)


def _proved(records: pl.Series, shape: Shape, said: Counter[str]) -> PageTable:
    if records.null_count():
        raise Unproved
    table, found = shape.read(records)
    if +found != said:
        raise Unproved
    return table


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


_KINDS = {
    **dict.fromkeys(b"-0123456789", "number"),
    **dict.fromkeys(b"tf", "flag"),
    _QUOTE: "text",
    ord("{"): "object",
    ord("["): "array",
    ord("n"): "null",
}


def _count_values(content: bytes) -> Counter[str]:
    """Count the values that follow a key, by kind: where a frame of them holds as many of each, nothing was lost.

    In JSON every value of an object follows a key and a colon, so the first letter behind each `":` tells of what kind
    the value is. polars' inference may drop a value (a key stated twice) or change its kind (`true` beside 2 becomes 1,
    a number beside a text becomes text), but it never makes one up: dropping lowers the sum over all kinds, and a
    change raises one kind and lowers another. So equal counts of every kind prove that every value is there, as what it
    was. What would blind the count (a space before a colon, an escaped quote before one) is counted as unknown, and
    `null` is left out: a frame cannot tell it from an absent value.
    """
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


_KEY = re.compile(r'(?<!\\)"remote_data"\s*:\s*')


def _cut_remote(text: str) -> tuple[str, list[str]]:
    """Give the text with `true` in the place of each `remote_data`, and what stood there; a null stays.

    Raises `ProtocolError` where no JSON value follows the key.
    """
    scanner = JsonText(text)
    kept: list[str] = []
    cut: list[str] = []
    at = 0
    while (found := _KEY.search(text, at)) is not None:
        value, end = scanner.value(found.end(), careful=False)
        kept.append(text[at : found.end()])
        kept.append("null" if value is None else "true")
        if value is not None:
            cut.append(text[found.end() : end])
        at = end
    kept.append(text[at:])
    return "".join(kept), cut


def _is_nested(table: PageTable) -> bool:
    """Tell whether something of the same name stands inside an object or a list: then more was cut than should be."""
    tables = (table, *(items.table for items in table.lists.values()))
    return any(path[-1] == REMOTE_DATA[0] and path != REMOTE_DATA for each in tables for path in each.columns) or any(
        REMOTE_DATA in each.columns for each in tables[1:]
    )


def _put_back(table: PageTable, cut: list[str]) -> bool:
    """Put what was cut out into its column; False where that does not come out even."""
    mark = table.columns.get(REMOTE_DATA)
    if mark is None:
        return not cut
    if not isinstance(mark, pl.Series) or mark.dtype != pl.Boolean or mark.len() - mark.null_count() != len(cut):
        return False
    rows = mark.is_not_null().arg_true()
    table.columns[REMOTE_DATA] = nulls(mark.len(), pl.String).scatter(rows, pl.Series(cut))
    return True


_DOCUMENTED = [tuple(each.path.split(".")) for each in SCHEMA if not each.open]
_PLACED = frozenset(path[:length] for path in _DOCUMENTED for length in range(1, len(path) + 1))


def _settle_order(shape: Shape, content: bytes, *, documented: bool) -> None:
    """Put the paths of an inferred shape into the order in which the page states them."""
    placed = _PLACED if documented else frozenset()
    lists = {name: inner for name, inner in shape.lists.items() if inner is not None}
    inside = (path for name, inner in lists.items() for path in _unplaced(inner, (name,), frozenset()))
    wanted = {*_unplaced(shape, (), placed), *inside}
    if not wanted:
        return
    stated = _stated(content, wanted)
    shape.paths = _ordered(shape, stated, ())
    for name, inner in lists.items():
        inner.paths = _ordered(inner, stated, (name,))


def _unplaced(shape: Shape, prefix: FieldPath, placed: Set[FieldPath]) -> Iterator[FieldPath]:
    """Give the paths that have siblings, and no place in the documentation."""
    below: dict[FieldPath, list[FieldPath]] = {}
    for path in shape.paths:
        whole = (*prefix, *path)
        if whole not in placed:
            below.setdefault(whole[:-1], []).append(whole)
    for siblings in below.values():
        if len(siblings) > 1:
            yield from siblings


def _stated(content: bytes, wanted: set[FieldPath]) -> list[FieldPath]:
    """Give the paths in the order in which they are stated first, looking no further than needed."""
    found: dict[FieldPath, None] = {}
    for record in _records(content.decode()):
        _note(record, (), wanted, found)
        if not wanted:
            break
    return list(found)


def _records(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(strict=False)
    at = text.index("[") + 1
    while (at := _skip(text, at)) < len(text) and text[at] != "]":
        record, at = decoder.raw_decode(text, at)
        yield record


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\n\r,":
        at += 1
    return at


def _note(node: Any, prefix: FieldPath, wanted: set[FieldPath], found: dict[FieldPath, None]) -> None:
    if isinstance(node, list):
        for item in node:
            _note(item, prefix, wanted, found)
    elif isinstance(node, dict):
        for key, below in node.items():
            path = (*prefix, key)
            if path in wanted:
                wanted.discard(path)
                found[path] = None
            _note(below, path, wanted, found)


def _ordered(shape: Shape, stated: list[FieldPath], prefix: FieldPath) -> list[FieldPath]:
    """Give a shape's paths in document order: as stated, where they were looked for."""
    inside = [path[len(prefix) :] for path in stated if path[: len(prefix)] == prefix]
    return document_order([PageTable(0, dict.fromkeys(shape.paths))], inside)
