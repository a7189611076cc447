"""Legacy `GET /v1/usage?date=`: one page of a day to unified records. Mapped for accounts that still send it."""

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

_COUNTED = (
    ("dalle_api_data", "num_images", "images"),
    ("whisper_api_data", "num_seconds", "seconds"),
    ("tts_api_data", "num_characters", "characters"),
)


def legacy_records(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Map every row of a page: token rows, then images, seconds and characters.

    A row starts with its slot; how long a slot is the vendor does not say, so no end is given. No row has money.
    """
    records = [_record(row, "tokens", {"tokens": _tokens(row)}) for row in page.get("data", [])]
    for name, field, unit in _COUNTED:
        records += [_record(row, name, {"quantity": row.get(field), "unit": unit}) for row in page.get(name, [])]
    return records


def _record(row: Mapping[str, Any], series: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    slot = row.get("aggregation_timestamp", row.get("timestamp"))
    model = row.get("snapshot_id", row.get("model_id"))
    requests = row.get("n_requests", row.get("num_requests"))
    keys = (row.get(name) for name in ("operation", "organization_id", "project_id", "api_key_id", "email", "user_id"))
    fields = {
        "id": stable_id("legacy", series, slot, model, *keys),
        "product": API_PRODUCT,
        "resources": key_resource(row),
        "organization": {"id": row.get("organization_id"), "name": row.get("organization_name")},
        "user": {"id": row.get("user_id"), "email": row.get("email")},
        "model": openai_model(model),
        "usage": {**usage, "requests": {"total": requests}},
        "start_date": from_unix(slot),
    }
    return compact(fields)


def _tokens(row: Mapping[str, Any]) -> dict[str, int]:
    """Return disjoint kinds: the context total contains the cached part."""
    context, output = row["n_context_tokens_total"], row["n_generated_tokens_total"]
    cached = row.get("n_cached_context_tokens_total") or 0
    return {"input": context - cached, "output": output, "cache_read": cached, "total": context + output}
