"""One name for each path: joined by `_`, and by more where that name is taken.

An open map has a column for each path that occurs, up to a limit; what is beyond it stays together as JSON text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from threading import Lock
from typing import Any

import polars as pl

from truto_usage_nb.frames.jsontext import dumps
from truto_usage_nb.frames.parsed import ColumnParts, FieldPath
from truto_usage_nb.schema import SCHEMA

_WIDEST_JOINT = 4


class Register:
    """Hold the names that paths were given, over several frames: a path has the same name in all of them.

    Safe to share between threads.
    """

    def __init__(self, names: Mapping[FieldPath, str] | None = None) -> None:
        self._names = dict(names or {})
        self._used = set(self._names.values())
        self._tried: dict[str, int] = {}
        self._lock = Lock()

    def name(self, path: FieldPath, taken: Collection[str]) -> str:
        """Give a path's name: the one it has, else one that is not taken here nor in an earlier frame."""
        with self._lock:
            if path not in self._names:
                name = next(name for name in self._candidates(path) if name not in taken and name not in self._used)
                self._names[path] = name
                self._used.add(name)
            return self._names[path]

    def _candidates(self, path: FieldPath) -> Iterator[str]:
        keys = [key.replace(".", "_") for key in path]
        for width in range(1, _WIDEST_JOINT + 1):
            yield ("_" * width).join(keys) or "_" * width
        stem = "_".join(keys)
        for number in count(self._tried.get(stem, 2)):  # those before are taken, and stay so
            self._tried[stem] = number
            yield f"{stem}__{number}"

    def add(self, names: Mapping[FieldPath, str]) -> None:
        """Take in names that were given elsewhere."""
        with self._lock:
            self._names |= names
            self._used |= set(names.values())

    def names(self) -> dict[FieldPath, str]:
        """Give every name by its path."""
        with self._lock:
            return dict(self._names)


class Names:
    """Hand out the column names of one frame; the first to ask for a name gets it."""

    def __init__(self, taken: Iterable[str], register: Register | None = None) -> None:
        self._taken = set(taken)
        self._register = Register() if register is None else register

    def give(self, path: FieldPath) -> str:
        """Give a name to a path: joined by `_`; if that is taken, by `__` at every joint, and so on.

        A dot inside a key becomes `_` too: no column name may hold one (PySpark and DuckDB read it as a path).

        >>> names = Names([])
        >>> names.give(("a", "b_c")), names.give(("a_b", "c"))
        ('a_b_c', 'a_b__c')
        """
        name = self._register.name(path, self._taken)
        self._taken.add(name)
        return name


MAPS: tuple[FieldPath, ...] = tuple(tuple(field.path.split(".")) for field in SCHEMA if field.open)
MOST_IN_A_MAP = 200
"""How many paths of one map become columns: the first ones by name."""


def map_of(path: FieldPath) -> FieldPath | None:
    """Give the open map that a path lies in, None if it lies in none.

    >>> map_of(("usage", "code", "tool_actions", "edit", "accepted"))
    ('usage', 'code', 'tool_actions')
    """
    return next((open_map for open_map in MAPS if path[: len(open_map)] == open_map), None)


def beyond(inside: Sequence[FieldPath], known: Collection[FieldPath], open_map: FieldPath) -> list[FieldPath]:
    """Give the paths of a map that no longer become columns; those that are columns already (`known`) stay so.

    >>> paths = [(*MAPS[0], f"{n:03}") for n in range(202)]
    >>> [path[-1] for path in beyond(paths, paths[200:], MAPS[0])]
    ['198', '199']
    """
    held = sum(1 for path in known if map_of(path) == open_map and path != (*open_map, "other"))
    new = [path for path in inside if path not in known]
    return new[max(0, MOST_IN_A_MAP - held) :]


def folded_to_json(stacks: Sequence[ColumnParts], open_map: FieldPath) -> pl.Series:
    """Give what the paths hold as one JSON object a record, nested as it was sent; null where it would be empty."""
    height = sum(stacks[0].heights)
    rows: list[dict[str, Any]] = [{} for _ in range(height)]
    for stack in stacks:
        keys = stack.path[len(open_map) :]
        for row, value in stack.stated():
            _put(rows[row], keys, value)
    return pl.Series([dumps(row) if row else None for row in rows], dtype=pl.String)


def _put(node: dict[str, Any], keys: FieldPath, value: Any) -> None:
    for key in keys[:-1]:
        node = node.setdefault(key, {})
    node[keys[-1]] = value
