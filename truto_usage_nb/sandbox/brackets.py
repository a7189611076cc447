"""Bracket notation of query strings: `ids[]=a&ids[]=b` is a list, `remote_query[a][b]=c` an object."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from truto_usage_nb.sandbox.wire import Problem

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_KEY = re.compile(r"\[([^\[\]]*)\]")
_MAX_DEPTH = 8


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the tree that the pairs spell: strings, lists and objects.

    >>> nest([("a", "1"), ("ids[]", "x"), ("ids[]", "y"), ("q[k][m]", "2")])
    {'a': '1', 'ids': ['x', 'y'], 'q': {'k': {'m': '2'}}}
    """
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _put(tree, name, _path(name), value)
    return tree


def _path(name: str) -> list[str]:
    match = _NAME.match(name)
    if match is None:
        raise Problem(422, f"{name!r} is not a parameter name", {"parameter": name})
    path = [match[1], *_KEY.findall(match[2])]
    if len(path) > _MAX_DEPTH:
        raise Problem(422, f"{name!r} is nested deeper than {_MAX_DEPTH} levels", {"parameter": name})
    return path


def _is_index(key: str) -> bool:
    return key == "" or key.isdigit()


def _put(node: Any, name: str, path: list[str], value: str) -> None:
    """Place one value; an index (`[]`, `[0]`) appends, in the order sent."""
    for key, following in pairwise(path):
        node = _enter(node, name, key, [] if _is_index(following) else {})
    if isinstance(node, list):
        node.append(value)
    elif path[-1] in node:
        raise Problem(422, f"{name} is given more than once", {"parameter": name})
    else:
        node[path[-1]] = value


def _enter(node: Any, name: str, key: str, fresh: Any) -> Any:
    """Step into the child under `key`, making it when it is missing."""
    if isinstance(node, list):
        node.append(fresh)
        return fresh
    child = node.setdefault(key, fresh)
    if type(child) is not type(fresh):
        raise Problem(422, f"{name} is given in two shapes", {"parameter": name})
    return child
