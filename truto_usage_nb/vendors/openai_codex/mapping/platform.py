"""The platform's organisation API: `usage/{kind}`, `costs`, and the older `/v1/usage`, as unified records.

Buckets state the times, in Unix seconds. Amounts are in the currency itself, as a number or as a string. The vendor's
`input_tokens` contains what was read from the cache and written to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from truto_usage_nb.vendors.openai_codex.mapping.fields import (
    API_PRODUCT,
    decimal,
    from_unix,
    hashed_id,
    key_resource,
    openai_model,
)
from truto_usage_nb.vendors.records import without_nulls

_USAGE_GROUPS = (
    "project_id",
    "user_id",
    "api_key_id",
    "model",
    "batch",
    "service_tier",
    "api_source",
    "size",
    "source",
    "context_level",
    "vector_store_id",
)
_QUANTITIES = (("images", "images"), ("characters", "characters"), ("seconds", "seconds"), ("usage_bytes", "bytes"))
_SEARCHES = frozenset({"organization.usage.web_searches.result", "organization.usage.file_searches.result"})
_COST_GROUPS = ("line_item", "project_id", "api_key_id", "user_id", "api_source")
_MODEL_BEFORE_COMMA = re.compile(r"([A-Za-z][\w.:-]*\d[\w.:-]*),")
_COUNTED = (
    ("dalle_api_data", "num_images", "images"),
    ("whisper_api_data", "num_seconds", "seconds"),
    ("tts_api_data", "num_characters", "characters"),
)


def usage_record(row: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Map one usage result; `context` is its bucket: `start_time` and `end_time` in Unix seconds.

    Batch, service tier and API source have no unified field and stay in the raw row.
    """
    start, end = context.get("start_time"), context.get("end_time")
    recorded = context.get("recorded_at")
    fields = {
        "id": hashed_id("usage", row.get("object"), start, end, *map(row.get, _USAGE_GROUPS)),
        "product": API_PRODUCT,
        "resources": key_resource(row),
        "user": {"id": row.get("user_id")},
        "model": openai_model(row.get("model")),
        "usage": _usage(row),
        "start_date": from_unix(start),
        "end_date": from_unix(end),
        "created_at": recorded,
        "updated_at": recorded,
    }
    return without_nulls(fields)


def _usage(row: Mapping[str, Any]) -> dict[str, Any]:
    searches = row.get("object") == "organization.usage.web_searches.result"
    quantity, unit = _quantity(row)
    return {
        "quantity": quantity,
        "unit": unit,
        "requests": {"total": _requests(row)},
        "sessions": {"distinct": row.get("num_sessions")},
        "tokens": _usage_tokens(row),
        "tools": {"web_search_count": row.get("num_requests") if searches else None},
    }


def _requests(row: Mapping[str, Any]) -> int | None:
    """Return the model requests; search results repeat those of the completions that searched, so none there."""
    return None if row.get("object") in _SEARCHES else row.get("num_model_requests")


def _quantity(row: Mapping[str, Any]) -> tuple[float | None, str | None]:
    return next(((row[name], unit) for name, unit in _QUANTITIES if row.get(name) is not None), (None, None))


def _usage_tokens(row: Mapping[str, Any]) -> dict[str, int | None] | None:
    """Return disjoint kinds: the vendor's `input_tokens` contains cached and cache-write tokens."""
    everything, output = row.get("input_tokens"), row.get("output_tokens")
    if everything is None:
        return None
    cached, written = row.get("input_cached_tokens"), row.get("input_cache_write_tokens")
    uncached = row.get("input_uncached_tokens")
    return {
        "input": everything - (cached or 0) - (written or 0) if uncached is None else uncached,
        "output": output,
        "cache_read": cached,
        "cache_write": written,
        "total": everything + (output or 0),
    }


def api_cost_record(row: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Map one cost result; `context` is its bucket: `start_time` and `end_time` in Unix seconds.

    The quantity never becomes tokens: the usage endpoint states those, and they would count twice.
    """
    start, end = context.get("start_time"), context.get("end_time")
    recorded, line_item = context.get("recorded_at"), row.get("line_item")
    fields = {
        "id": hashed_id("cost", start, end, *map(row.get, _COST_GROUPS)),
        "product": API_PRODUCT,
        "metric_name": line_item,
        "resources": key_resource(row),
        "organization": {"id": row.get("organization_id")},
        "user": {"id": row.get("user_id")},
        "model": openai_model(model_of(line_item)),
        "charges": [_charge(row["amount"])],
        "usage": {"quantity": row.get("quantity"), "unit": row.get("quantity_unit")},
        "start_date": from_unix(start),
        "end_date": from_unix(end),
        "created_at": recorded,
        "updated_at": recorded,
    }
    return without_nulls(fields)


def model_of(line_item: str | None) -> str | None:
    """Return the model that a line item names before its comma, or null where it names something else.

    >>> model_of("gpt-4o-2024-08-06, input"), model_of("Web search tool calls")
    ('gpt-4o-2024-08-06', None)
    """
    found = _MODEL_BEFORE_COMMA.match(line_item or "")
    return found[1] if found else None


def _charge(amount: Mapping[str, Any]) -> dict[str, Any]:
    return {"amount": float(decimal(amount["value"])), "currency": amount["currency"].upper(), "type": "total"}


def legacy_records(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Map every row of a page: token rows, then images, seconds and characters.

    A row starts with its slot; how long a slot is the vendor does not say, so no end is given. No row has money.
    """
    records = [_legacy_record(row, "tokens", {"tokens": _legacy_tokens(row)}) for row in page.get("data", [])]
    for name, field, unit in _COUNTED:
        records += [_legacy_record(row, name, {"quantity": row.get(field), "unit": unit}) for row in page.get(name, [])]
    return records


def _legacy_record(row: Mapping[str, Any], series: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    slot = row.get("aggregation_timestamp", row.get("timestamp"))
    model = row.get("snapshot_id", row.get("model_id"))
    requests = row.get("n_requests", row.get("num_requests"))
    keys = (row.get(name) for name in ("operation", "organization_id", "project_id", "api_key_id", "email", "user_id"))
    fields = {
        "id": hashed_id("legacy", series, slot, model, *keys),
        "product": API_PRODUCT,
        "resources": key_resource(row),
        "organization": {"id": row.get("organization_id"), "name": row.get("organization_name")},
        "user": {"id": row.get("user_id"), "email": row.get("email")},
        "model": openai_model(model),
        "usage": {**usage, "requests": {"total": requests}},
        "start_date": from_unix(slot),
    }
    return without_nulls(fields)


def _legacy_tokens(row: Mapping[str, Any]) -> dict[str, int]:
    """Return disjoint kinds: the context total contains the cached part."""
    context, output = row["n_context_tokens_total"], row["n_generated_tokens_total"]
    cached = row.get("n_cached_context_tokens_total") or 0
    return {"input": context - cached, "output": output, "cache_read": cached, "total": context + output}
