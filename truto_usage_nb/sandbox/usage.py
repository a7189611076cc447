"""The usage endpoint's answers: a page, a stream, a debug envelope. Runs in worker threads, knows no HTTP request.

What the service does to a page after the vendor: remote data, left-out fields, keys, envelopes, debug.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Refused, Vendor
from truto_usage_nb.sandbox.pages import Item, Listings, ServedPage, items, page_of_vendor
from truto_usage_nb.sandbox.params import Params
from truto_usage_nb.sandbox.wire import dump, dump_list, dump_object, refused


def shows_rows(params: Params) -> bool:
    """Say whether an answer shows the raw rows beside the records: as remote data, or in the debug envelope."""
    return params.truto_response_format == "debug" or _with_remote_data(params)


def _with_remote_data(params: Params) -> bool:
    return params.truto_response_format not in ("raw", "normalized") and not params.truto_ignore_remote_data


def records(page: Iterable[Item], params: Params) -> list[bytes]:
    """Return the page's objects as asked for, each as JSON.

    Unified records carry `remote_data` unless it is ignored. `normalized` is here the mapped records without what
    the service itself adds, so never with `remote_data`; `raw` is the provider's object alone.
    """
    found = [_with_row(item) for item in page] if _with_remote_data(params) else [item.value for item in page]
    paths = [path.split(".") for path in params.truto_exclude_fields]
    return [_left(one, paths) for one in found] if paths else found


def _with_row(item: Item) -> bytes:
    assert item.row is not None  # a list for an answer with remote data keeps the rows
    comma = b"," if item.value != b"{}" else b""
    return item.value[:-1] + comma + b'"remote_data":' + item.row + b"}"


def _left(record: bytes, paths: list[list[str]]) -> bytes:
    value = json.loads(record)
    for path in paths:
        value = _without(value, path)
    return dump(value)


def _without(value: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Return the object without a field; a path may lead into objects and lists."""
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


def _keyed(page: Iterable[Item], shaped: Iterable[bytes], field: str) -> dict[str, bytes]:
    """Return the records by a field's value (a dotted path reaches inside): of equal keys the last one wins.

    The key is read before fields are left out. A record without the field is keyed `undefined`, as JavaScript does.
    """
    return {_key(json.loads(item.value), field): record for item, record in zip(page, shaped, strict=True)}


def _key(value: Any, field: str) -> str:
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return "undefined"
    return str(value).lower() if isinstance(value, bool) else str(value)


def envelope(
    page: list[Item], params: Params, *, next_cursor: str | None, prev_cursor: str | None, partial: bool = False
) -> dict[str, bytes]:
    """Return the list envelope, a JSON text a field; `result_count` counts the page before keys collapse it."""
    shaped = records(page, params)
    by = params.truto_key_by
    return {
        "result": dump_list(shaped) if by is None else dump_object(_keyed(page, shaped, by)),
        "next_cursor": dump(next_cursor),
        "prev_cursor": dump(prev_cursor),
        "result_count": dump(len(shaped)),
        "is_partial_response": dump(partial),
    }


def debug(
    page: list[Item],
    request: Mapping[str, Any],
    *,
    response_headers: Mapping[str, str],
    next_cursor: str | None,
    looping: bool,
) -> bytes:
    """Return the raw fetch details: what was asked of the provider, and the objects it gave for this page."""
    rows = list({id(item.row): item.row for item in page if item.row is not None}.values())  # records share a row
    options = {key: request[key] for key in ("method", "headers", "body") if request.get(key) is not None}
    return dump_object(
        {
            "requestUrl": dump(request["url"]),
            "requestOptions": dump(options),
            "data": dump_list(rows),
            "responseHeaders": dump(dict(response_headers)),
            "nextCursor": dump(next_cursor),
            "isLooping": dump(looping),
            "isEmptyResult": dump(not rows),
            "resultCount": dump(len(page)),
        }
    )


_STREAM_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Usage:
    """One request for usage, resolved: what is asked of whom, and which page."""

    params: Params
    ask: Ask
    vendor: Vendor
    listings: Listings

    @property
    def is_raw(self) -> bool:
        """Say whether the provider's own objects are asked for."""
        return self.params.truto_response_format == "raw"

    def page(self) -> ServedPage:
        """Return the page asked for; 422 for a cursor of another query."""
        return page_of_vendor(self.params, self.ask, self.vendor, raw=self.is_raw)

    def slice(self, query_mark: str, offset: int, size: int) -> tuple[list[Item], bool]:
        """Return a stretch of the query's items and whether more follow; a provider's refusal becomes the service's."""
        if self.params.truto_skip_api_call or not size:
            return [], False
        key = (query_mark, self.ask.world.now, shows_rows(self.params))
        try:
            return self.listings.slice(key, self._make, offset, size)
        except Refused as refusal:
            raise refused(refusal) from refusal

    def _make(self) -> Iterator[Item]:
        return items(self.vendor, self.ask, raw=self.is_raw, with_rows=shows_rows(self.params))


def page_body(usage: Usage, page: ServedPage, faults: set[str], headers: Mapping[str, str]) -> bytes:
    """Return the JSON of one page, changed by what faults befall it: empty_page, partial, repeated_cursor."""
    found, more = usage.slice(page.query_mark, page.place.offset, page.size)
    next_cursor = page.next_cursor(more)
    if "empty_page" in faults:
        found, next_cursor = [], page.again()
    if "partial" in faults:
        found = found[: len(found) // 2]
    if "repeated_cursor" in faults:
        next_cursor = page.sent_cursor
    body = envelope(
        found,
        usage.params,
        next_cursor=next_cursor,
        prev_cursor=page.prev_cursor(),
        partial="partial" in faults,
    )
    if usage.params.truto_response_format == "debug":
        body["debug"] = _debug(usage, found, next_cursor, headers, looping="repeated_cursor" in faults)
    return dump_object(body)


def _debug(
    usage: Usage, found: list[Item], next_cursor: str | None, headers: Mapping[str, str], *, looping: bool
) -> bytes:
    if usage.params.truto_skip_api_call:
        return dump(None)
    return debug(
        found,
        usage.vendor.request(usage.ask),
        response_headers={"content-type": "application/json", **headers},
        next_cursor=next_cursor,
        looping=looping,
    )


def ndjson_lines(usage: Usage, page: ServedPage) -> Iterator[bytes]:
    """Yield all records from the page's place to the end as NDJSON, some hundred lines at a time.

    `limit` is a page's size and a stream has no pages, so it does not cut the stream.
    """
    offset, more = page.place.offset, page.size > 0
    while more:
        found, more = usage.slice(page.query_mark, offset, _STREAM_CHUNK)
        offset += len(found)
        yield b"".join(record + b"\n" for record in records(found, usage.params))
