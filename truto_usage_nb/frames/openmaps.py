"""Open maps: a column for each path that occurs, up to a limit; what is beyond it stays together as JSON text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import polars as pl

from truto_usage_nb.frames.jsontext import dumps
from truto_usage_nb.frames.parts import Path
from truto_usage_nb.frames.stack import Stack
from truto_usage_nb.schema import SCHEMA

MAPS: tuple[Path, ...] = tuple(tuple(field.path.split(".")) for field in SCHEMA if field.open)
MOST_PATHS = 200
"""How many paths of one map become columns: the first ones by name."""


def map_of(path: Path) -> Path | None:
    """Give the open map that a path lies in, None if it lies in none.

    >>> map_of(("usage", "code", "tool_actions", "edit", "accepted"))
    ('usage', 'code', 'tool_actions')
    """
    return next((open_map for open_map in MAPS if path[: len(open_map)] == open_map), None)


def beyond(inside: Sequence[Path], known: Collection[Path], open_map: Path) -> list[Path]:
    """Give the paths of a map that no longer become columns; those that are columns already (`known`) stay so.

    >>> paths = [(*MAPS[0], f"{n:03}") for n in range(202)]
    >>> [path[-1] for path in beyond(paths, paths[200:], MAPS[0])]
    ['198', '199']
    """
    held = sum(1 for path in known if map_of(path) == open_map and path != (*open_map, "other"))
    new = [path for path in inside if path not in known]
    return new[max(0, MOST_PATHS - held) :]


def fold(stacks: Sequence[Stack], open_map: Path) -> pl.Series:
    """Give what the paths hold as one JSON object a record, nested as it was sent; null where it would be empty."""
    height = sum(stacks[0].heights)
    rows: list[dict[str, Any]] = [{} for _ in range(height)]
    for stack in stacks:
        keys = stack.path[len(open_map) :]
        for row, value in stack.stated():
            _put(rows[row], keys, value)
    return pl.Series([dumps(row) if row else None for row in rows], dtype=pl.String)


def _put(node: dict[str, Any], keys: Path, value: Any) -> None:
    for key in keys[:-1]:
        node = node.setdefault(key, {})
    node[keys[-1]] = value
