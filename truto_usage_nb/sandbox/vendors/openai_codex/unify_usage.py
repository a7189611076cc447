"""`GET /v1/organization/usage/{kind}`: a result of a bucket to one unified record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truto_usage_nb.sandbox.trimming import compact
from truto_usage_nb.sandbox.vendors.openai_codex.fields import (
    API_PRODUCT,
    from_unix,
    key_resource,
    openai_model,
    stable_id,
)

_GROUPS = (
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


def usage_record(row: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Map one usage result; `context` is its bucket: `start_time` and `end_time` in Unix seconds.

    Batch, service tier and API source have no unified field and stay in the raw row.
    """
    start, end = context.get("start_time"), context.get("end_time")
    recorded = context.get("recorded_at")
    fields = {
        "id": stable_id("usage", row.get("object"), start, end, *map(row.get, _GROUPS)),
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
    return compact(fields)


def _usage(row: Mapping[str, Any]) -> dict[str, Any]:
    searches = row.get("object") == "organization.usage.web_searches.result"
    quantity, unit = _quantity(row)
    return {
        "quantity": quantity,
        "unit": unit,
        "requests": {"total": _requests(row)},
        "sessions": {"distinct": row.get("num_sessions")},
        "tokens": _tokens(row),
        "tools": {"web_search_count": row.get("num_requests") if searches else None},
    }


def _requests(row: Mapping[str, Any]) -> int | None:
    """Return the model requests; search results repeat those of the completions that searched, so none there."""
    return None if row.get("object") in _SEARCHES else row.get("num_model_requests")


def _quantity(row: Mapping[str, Any]) -> tuple[float | None, str | None]:
    return next(((row[name], unit) for name, unit in _QUANTITIES if row.get(name) is not None), (None, None))


def _tokens(row: Mapping[str, Any]) -> dict[str, int | None] | None:
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
