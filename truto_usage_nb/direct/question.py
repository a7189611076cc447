"""The unified query as it reaches the direct door, read back from the wire; our own client wrote it, so it is sound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from truto_usage_nb.query import PARAMETERS

__all__ = ["DirectQuestion", "day_of", "instant_of", "pairs_of", "read_question"]

_KEY = re.compile(r"\[([^\[\]]*)\]")
_OF_THE_SERVICE = {"truto_skip_api_call": "flag"}  # which our own client never asks for


@dataclass(frozen=True, slots=True)
class DirectQuestion:
    """Hold one query to a vendor and the moment at which it is asked (UTC). None or empty is not asked; dates are as
    sent. `facts` are the account's own, such as a workspace's id. `endpoint` names one of the vendor's by itself; it is
    said in `remote_query`, and is not the vendor's.
    """

    now: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    integrated_account_id: str | None = None
    report_type: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    date: str | None = None
    product_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    model_ids: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    granularity: str | None = None
    sort_by: str | None = None
    sort_order: str | None = None
    include_deleted_users: bool | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    limit: int | None = None
    page: int | None = None
    page_size: int | None = None
    cursor: str | None = None
    remote_query: Mapping[str, Any] = field(default_factory=dict)
    endpoint: str | None = None
    truto_response_format: str = "unified"
    truto_key_by: str | None = None
    truto_ignore_limit: bool = False
    truto_ignore_remote_data: bool = False
    truto_skip_api_call: bool = False
    truto_exclude_fields: tuple[str, ...] = ()


_NAMES = frozenset(DirectQuestion.__dataclass_fields__) - {"now", "facts", "endpoint"}


def read_question(
    pairs: Iterable[tuple[str, str]], now: datetime, facts: Mapping[str, str] | None = None
) -> DirectQuestion:
    """Read the pairs of a query string; what is not of the endpoint is passed over, as the service does.

    >>> read_question([("group_by[]", "model"), ("remote_query[a][b]", "1")], datetime(2026, 10, 1)).remote_query
    {'a': {'b': '1'}}
    """
    read: dict[str, Any] = {}
    for name, value in pairs:
        head, *path = (name.partition("[")[0], *_KEY.findall(name))
        head = "cursor" if head == "next_cursor" else head
        if head not in _NAMES:
            continue
        kind = PARAMETERS[head].kind if head in PARAMETERS else _OF_THE_SERVICE[head]
        if kind == "object":
            _put(read.setdefault(head, {}), path, value)
        elif kind == "texts":
            read[head] = (*read.get(head, ()), value)
        else:
            read[head] = int(value) if kind == "number" else value == "true" if kind == "flag" else value
    endpoint = read.get("remote_query", {}).pop("endpoint", None)
    return DirectQuestion(now=now, facts=facts or {}, endpoint=endpoint, **read)


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    """Place a value of an object; a list's members come one by one under an empty name."""
    for at, key in enumerate(path):
        following = path[at + 1 :]
        if following in ([""], ["0"]) or (len(following) == 1 and following[0].isdigit()):
            tree.setdefault(key, []).append(value)
            return
        if not following:
            tree[key] = value
            return
        tree = tree.setdefault(key, {})


def pairs_of(tree: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write an object as pairs of a query string, nested names in brackets; a null is left out.

    >>> pairs_of({"filter": {"product_families": "all"}, "models": ["a", "b"], "limit": 5})
    [('filter[product_families]', 'all'), ('models[]', 'a'), ('models[]', 'b'), ('limit', '5')]
    """
    return [pair for name, value in tree.items() for pair in _pairs(name, value)]


def _pairs(name: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _pairs(f"{name}[{key}]", each)
    elif isinstance(value, list | tuple):
        bare = name if name.endswith("[]") else f"{name}[]"
        yield from ((bare, str(each)) for each in value)
    elif value is not None:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


def instant_of(text: str) -> datetime:
    """Read a date or a date-time of the query; a day is its midnight, and without an offset it is UTC.

    >>> instant_of("2026-10-01").isoformat(), instant_of("2026-10-01T02:00:00+02:00").isoformat()
    ('2026-10-01T00:00:00+00:00', '2026-10-01T00:00:00+00:00')
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day_of(text: str) -> date:
    """Read the day portion of a date or date-time, as it is written."""
    return date.fromisoformat(text[:10])
