"""Every documented query parameter of the usage endpoint, read strictly into one typed value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any

from truto_usage_nb.sandbox.brackets import nest
from truto_usage_nb.sandbox.wire import unprocessable

FORMATS = ("unified", "raw", "normalized", "stream", "debug")
REPORT_TYPES = (
    "activity",
    "connector_usage",
    "cost",
    "project_usage",
    "skill_usage",
    "summary",
    "usage",
    "user_cost",
    "user_usage",
)
_NAIVE_OR_OFFSET = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$")
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of one request, typed; None or empty means not sent. `ignored` names what is not documented."""

    integrated_account_id: str | None = None
    truto_response_format: str = "unified"
    truto_key_by: str | None = None
    truto_ignore_limit: bool = False
    truto_ignore_remote_data: bool = False
    truto_skip_api_call: bool = False
    truto_exclude_fields: tuple[str, ...] = ()
    remote_query: Mapping[str, Any] = field(default_factory=dict)
    report_type: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    product_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    model_ids: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    granularity: str | None = None
    sort_by: str | None = None
    sort_order: str | None = None
    include_deleted_users: bool | None = None
    limit: int | None = None
    cursor: str | None = None
    next_cursor: str | None = None
    date: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    page: int | None = None
    page_size: int | None = None
    tenant_id: str | None = None
    is_sandbox: bool | None = None
    ignored: tuple[str, ...] = ()


Reader = Callable[[str, Any], Any]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise unprocessable(name, value, "must be a single value")
    return value


def _name(name: str, value: Any) -> str:
    if not _text(name, value):
        raise unprocessable(name, value, "must not be empty")
    return str(value)


def _one_of(*allowed: str) -> Reader:
    def read(name: str, value: Any) -> str:
        if _text(name, value) not in allowed:
            raise unprocessable(name, value, f"must be one of {', '.join(allowed)}", list(allowed))
        return str(value)

    return read


def _flag(name: str, value: Any) -> bool:
    if _text(name, value) not in ("true", "false"):
        raise unprocessable(name, value, "must be true or false", [True, False])
    return bool(value == "true")


def _whole(lowest: int) -> Reader:
    def read(name: str, value: Any) -> int:
        if not (_text(name, value).isascii() and value.isdigit() and len(value) < 16 and int(value) >= lowest):
            raise unprocessable(name, value, f"must be a whole number of at least {lowest}")
        return int(value)

    return read


def _strings(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise unprocessable(name, value, f"must be an array, sent as {name}[]=…")
    return tuple(value)


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise unprocessable(name, value, f"must be an object, sent as {name}[key]=…")
    return value


def _day(name: str, value: Any) -> str:
    if not _DAY.match(_text(name, value)) or not _parses(date.fromisoformat, value):
        raise unprocessable(name, value, "must be a day, YYYY-MM-DD")
    return str(value)


def _moment(name: str, value: Any) -> str:
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


_READERS: dict[str, Reader] = {
    "integrated_account_id": _name,
    "truto_response_format": _one_of(*FORMATS),
    "truto_key_by": _name,
    "truto_ignore_limit": _flag,
    "truto_ignore_remote_data": _flag,
    "truto_skip_api_call": _flag,
    "truto_exclude_fields": _strings,
    "remote_query": _object,
    "report_type": _one_of(*REPORT_TYPES),
    "start_date": _moment,
    "end_date": _moment,
    "product_ids": _strings,
    "user_ids": _strings,
    "model_ids": _strings,
    "surfaces": _strings,
    "group_by": _strings,
    "granularity": _one_of("day", "hour", "minute"),
    "sort_by": _name,
    "sort_order": _one_of("asc", "desc"),
    "include_deleted_users": _flag,
    "limit": _whole(0),
    "cursor": _text,
    "next_cursor": _text,
    "date": _day,
    "user_id": _name,
    "api_key_id": _name,
    "page": _whole(1),
    "page_size": _whole(1),
    "tenant_id": _name,
    "is_sandbox": _flag,
}


def read_params(pairs: Iterable[tuple[str, str]]) -> Params:
    """Read the query string's pairs; a documented parameter that cannot be read is a 422 naming it.

    An undocumented one is ignored, as the real service does, and listed in `ignored`.

    >>> read_params([("limit", "10"), ("group_by[]", "model")]).group_by
    ('model',)
    """
    tree = nest(pairs)
    known = {name: _READERS[name](name, value) for name, value in tree.items() if name in _READERS}
    return Params(**known, ignored=tuple(name for name in tree if name not in _READERS))


assert {*_READERS, "ignored"} == {one.name for one in fields(Params)}  # a field without a reader would never be set
