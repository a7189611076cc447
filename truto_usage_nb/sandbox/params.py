"""Every documented query parameter of the usage endpoint, read strictly into one typed value.

Bracket notation: `ids[]=a&ids[]=b` is a list, `remote_query[a][b]=c` an object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Any, get_origin, get_type_hints

from truto_usage_nb.sandbox.ask import Asked, Flag, Sent, SentText, SentTexts
from truto_usage_nb.sandbox.wire import Problem, unprocessable

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


FORMATS = ("unified", "raw", "normalized", "stream", "debug")
Bookmark = Annotated[str | None, Sent("text", may_be_empty=True)]
Numbered = Annotated[int | None, Sent("number", least=1)]
_NAIVE_OR_OFFSET = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$")
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Params(Asked):
    """The parameters of one request, typed; those of the service stand beside what a provider is asked.

    `ignored` names what is not documented.
    """

    integrated_account_id: SentText = None
    truto_response_format: Annotated[str, Sent("choice", FORMATS)] = "unified"
    truto_key_by: SentText = None
    truto_ignore_limit: Flag = False
    truto_ignore_remote_data: Flag = False
    truto_skip_api_call: Flag = False
    truto_exclude_fields: SentTexts = ()
    cursor: Bookmark = None
    next_cursor: Bookmark = None
    page: Numbered = None
    page_size: Numbered = None
    tenant_id: SentText = None
    is_sandbox: Flag = None
    ignored: tuple[str, ...] = ()


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise unprocessable(name, value, "must be a single value")
    return value


def _name(name: str, value: Any, sent: Sent) -> str:
    if not _text(name, value) and not sent.may_be_empty:
        raise unprocessable(name, value, "must not be empty")
    return str(value)


def _choice(name: str, value: Any, sent: Sent) -> str:
    if _text(name, value) not in sent.allowed:
        raise unprocessable(name, value, f"must be one of {', '.join(sent.allowed)}", list(sent.allowed))
    return str(value)


def _flag(name: str, value: Any, _sent: Sent) -> bool:
    if _text(name, value) not in ("true", "false"):
        raise unprocessable(name, value, "must be true or false", [True, False])
    return bool(value == "true")


def _whole(name: str, value: Any, sent: Sent) -> int:
    if not (_text(name, value).isascii() and value.isdigit() and len(value) < 16 and int(value) >= sent.least):
        raise unprocessable(name, value, f"must be a whole number of at least {sent.least}")
    return int(value)


def _strings(name: str, value: Any, _sent: Sent) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise unprocessable(name, value, f"must be an array, sent as {name}[]=…")
    return tuple(value)


def _object(name: str, value: Any, _sent: Sent) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise unprocessable(name, value, f"must be an object, sent as {name}[key]=…")
    return value


def _day(name: str, value: Any, _sent: Sent) -> str:
    if not _DAY.match(_text(name, value)) or not _parses(date.fromisoformat, value):
        raise unprocessable(name, value, "must be a day, YYYY-MM-DD")
    return str(value)


def _moment(name: str, value: Any, _sent: Sent) -> str:
    is_day = _DAY.match(_text(name, value)) and _parses(date.fromisoformat, value)
    if not is_day and not (_NAIVE_OR_OFFSET.match(value) and _parses(datetime.fromisoformat, value)):
        raise unprocessable(name, value, "must be an ISO 8601 date or date-time")
    return str(value)


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


_READERS: dict[str, Callable[[str, Any, Sent], Any]] = {
    "text": _name, "texts": _strings, "choice": _choice, "flag": _flag, "number": _whole, "object": _object,
    "day": _day, "moment": _moment,
}  # fmt: skip


def _as_stated() -> dict[str, Sent]:
    """Give how each parameter is sent, as its line states it; a line that states nothing is no parameter."""
    hints = get_type_hints(Params, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if get_origin(hint) is Annotated}


SENT: Mapping[str, Sent] = _as_stated()
"""Every documented parameter of the endpoint."""


def read_params(pairs: Iterable[tuple[str, str]]) -> Params:
    """Read the query string's pairs; a documented parameter that cannot be read is a 422 naming it.

    An undocumented one is ignored, as the real service does, and listed in `ignored`.

    >>> read_params([("limit", "10"), ("group_by[]", "model")]).group_by
    ('model',)
    """
    tree = nest(pairs)
    known = {name: _READERS[SENT[name].kind](name, value, SENT[name]) for name, value in tree.items() if name in SENT}
    return Params(**known, ignored=tuple(name for name in tree if name not in SENT))
