"""The order in which a page states its keys, where polars does not keep it.

Inference merges the objects it finds as a set, so that their keys come out in one order today and in another tomorrow.
Documented keys have their place anyway; for all others the first records are looked at again, and as a rule they show
every key there is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from typing import Any

from truto_usage_nb.frames.parts import Path, Table, document_order
from truto_usage_nb.frames.shape import Shape
from truto_usage_nb.schema import SCHEMA

_DOCUMENTED = [tuple(each.path.split(".")) for each in SCHEMA if not each.open]
_PLACED = frozenset(path[:length] for path in _DOCUMENTED for length in range(1, len(path) + 1))


def settle_order(shape: Shape, content: bytes, *, documented: bool) -> None:
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


def _unplaced(shape: Shape, prefix: Path, placed: Set[Path]) -> Iterator[Path]:
    """Give the paths that have siblings, and no place in the documentation."""
    below: dict[Path, list[Path]] = {}
    for path in shape.paths:
        whole = (*prefix, *path)
        if whole not in placed:
            below.setdefault(whole[:-1], []).append(whole)
    for siblings in below.values():
        if len(siblings) > 1:
            yield from siblings


def _stated(content: bytes, wanted: set[Path]) -> list[Path]:
    """Give the paths in the order in which they are stated first, looking no further than needed."""
    found: dict[Path, None] = {}
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


def _note(node: Any, prefix: Path, wanted: set[Path], found: dict[Path, None]) -> None:
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


def _ordered(shape: Shape, stated: list[Path], prefix: Path) -> list[Path]:
    """Give a shape's paths in document order: as stated, where they were looked for."""
    inside = [path[len(prefix) :] for path in stated if path[: len(prefix)] == prefix]
    return document_order([Table(0, dict.fromkeys(shape.paths))], inside)
