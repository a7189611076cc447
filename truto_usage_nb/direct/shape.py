"""What a page of the unified API looks like: its envelope, and what the query asks to be done to its records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from truto_usage_nb.direct.engine import VendorRow
from truto_usage_nb.direct.question import DirectQuestion

__all__ = ["answer_of", "listing_of"]


def answer_of(
    question: DirectQuestion,
    rows: list[VendorRow],
    next_cursor: str | None,
    *,
    partial: bool = False,
    debug: dict[str, Any] | None = None,
) -> bytes:
    """Write the envelope of a page. A row that comes to several records stands behind each as its remote data."""
    found = list(_shown(question, rows))
    records = [_left(each, question.truto_exclude_fields) for each in found]
    by = question.truto_key_by
    body: dict[str, Any] = {
        "result": records
        if by is None
        else {_key(whole, by): each for whole, each in zip(found, records, strict=True)},
        "next_cursor": next_cursor,
        "prev_cursor": None,
        "result_count": len(records),
        "is_partial_response": partial,
    }
    if debug is not None:
        told = {"nextCursor": next_cursor, "isLooping": False, "isEmptyResult": not rows, "resultCount": len(records)}
        body["debug"] = {**debug, **told}
    return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()


def listing_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the envelope of a short list."""
    return {"result": rows, "next_cursor": None, "prev_cursor": None, "result_count": len(rows)}


def _shown(question: DirectQuestion, rows: list[VendorRow]) -> Iterator[dict[str, Any]]:
    form = question.truto_response_format
    if form == "raw":
        yield from (row.raw for row in rows)
        return
    beside = form != "normalized" and not question.truto_ignore_remote_data
    for row in rows:
        yield from ({**record, "remote_data": row.raw} if beside else record for record in row.records)


def _left(record: dict[str, Any], excluded: tuple[str, ...]) -> dict[str, Any]:
    for path in excluded:
        record = _without(record, path.split("."))
    return record


def _without(value: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Give the object without a field; a path may lead into objects and lists."""
    head, *rest = path
    if head not in value:
        return value
    if not rest:
        return {name: kept for name, kept in value.items() if name != head}
    child = value[head]
    if isinstance(child, dict):
        return {**value, head: _without(child, rest)}
    if isinstance(child, list):
        return {**value, head: [_without(one, rest) if isinstance(one, dict) else one for one in child]}
    return value


def _key(value: Any, field: str) -> str:
    """Give what a record is keyed by, read before fields are left out; one without the field is `undefined`."""
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return "undefined"
    return str(value).lower() if isinstance(value, bool) else str(value)
