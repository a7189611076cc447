"""What the service does to a page after the vendor: remote data, left-out fields, keys, envelopes, debug."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from truto_usage_nb.sandbox.listing import Item
from truto_usage_nb.sandbox.params import Params


def records(page: Iterable[Item], params: Params) -> list[dict[str, Any]]:
    """Return the page's objects as asked for.

    Unified records carry `remote_data` unless it is ignored. `normalized` is here the mapped records without what
    the service itself adds, so never with `remote_data`; `raw` is the provider's object alone.
    """
    with_remote = params.truto_response_format not in ("raw", "normalized") and not params.truto_ignore_remote_data
    paths = [path.split(".") for path in params.truto_exclude_fields]
    return [_record(item, with_remote, paths) for item in page]


def _record(item: Item, with_remote: bool, paths: list[list[str]]) -> dict[str, Any]:
    value = {**item.value, "remote_data": item.raw.row} if with_remote else item.value
    for path in paths:
        value = _without(value, path)
    return value


def _without(value: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Return the object without a field, copying only what changes; a path may lead into objects and lists."""
    head, *rest = path
    if head not in value:
        return value
    if not rest:
        return {key: kept for key, kept in value.items() if key != head}
    child = value[head]
    if isinstance(child, dict):
        return {**value, head: _without(child, rest)}
    if isinstance(child, list):
        return {**value, head: [_without(one, rest) if isinstance(one, dict) else one for one in child]}
    return value


def keyed(page: Iterable[Item], shaped: Iterable[dict[str, Any]], field: str) -> dict[str, dict[str, Any]]:
    """Return the records by a field's value (a dotted path reaches inside): of equal keys the last one wins.

    The key is read before fields are left out. A record without the field is keyed `undefined`, as JavaScript does.
    """
    return {_key(item.value, field): record for item, record in zip(page, shaped, strict=True)}


def _key(value: Any, field: str) -> str:
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return "undefined"
    return str(value).lower() if isinstance(value, bool) else str(value)


def envelope(
    page: list[Item], params: Params, *, next_cursor: str | None, prev_cursor: str | None, partial: bool = False
) -> dict[str, Any]:
    """Return the list envelope; `result_count` counts the page before keys collapse it."""
    shaped = records(page, params)
    result: Any = shaped
    if params.truto_key_by is not None:
        result = keyed(page, shaped, params.truto_key_by)
    return {
        "result": result,
        "next_cursor": next_cursor,
        "prev_cursor": prev_cursor,
        "result_count": len(shaped),
        "is_partial_response": partial,
    }


def debug(
    page: list[Item],
    request: Mapping[str, Any],
    *,
    response_headers: Mapping[str, str],
    next_cursor: str | None,
    looping: bool,
) -> dict[str, Any]:
    """Return the raw fetch details: what was asked of the provider, and the objects it gave for this page."""
    rows = list({id(item.raw): item.raw.row for item in page}.values())
    options = {key: request[key] for key in ("method", "headers", "body") if request.get(key) is not None}
    return {
        "requestUrl": request["url"],
        "requestOptions": options,
        "data": rows,
        "responseHeaders": dict(response_headers),
        "nextCursor": next_cursor,
        "isLooping": looping,
        "isEmptyResult": not rows,
        "resultCount": len(page),
    }
