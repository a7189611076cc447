"""OpenAI's rows as unified usage records.

First what all of them need; then `usage/{kind}`, `costs` and the older `/v1/usage` of an organisation, and the
Enterprise analytics and the compliance log of a workspace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Required

from typing_extensions import TypedDict

from truto_usage_nb.vendors.records import without_nulls

__all__ = [
    "API_PRODUCT",
    "CODEX_PRODUCT",
    "api_cost_record",
    "codex_records",
    "compliance_records",
    "legacy_records",
    "model_of",
    "usage_record",
]

API_PRODUCT = {"id": "openai_api", "name": "OpenAI API"}
CODEX_PRODUCT = {"id": "codex", "name": "Codex"}
_ENCODER = json.JSONEncoder(default=str)


def hashed_id(prefix: str, *keys: object) -> str:
    """Return an id that depends on the keys alone, for rows to which the vendor gives none.

    >>> hashed_id("costs", 1730419200, "proj_abc") == hashed_id("costs", 1730419200, "proj_abc")
    True
    """
    return f"{prefix}_{blake2b(_ENCODER.encode(keys).encode(), digest_size=12).hexdigest()}"


def instant_at(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds.

    >>> instant_at(datetime(2026, 10, 1, tzinfo=UTC))
    '2026-10-01T00:00:00.000Z'
    """
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


@lru_cache(maxsize=512)  # all rows of a day begin and end together
def from_unix(seconds: int | None) -> str | None:
    """Write Unix seconds as RFC 3339 in UTC; null stays null."""
    return None if seconds is None else instant_at(datetime.fromtimestamp(seconds, UTC))


def decimal(value: object) -> Decimal:
    """Read an amount exactly, whether the vendor sent a JSON number or a string.

    >>> decimal("0.06") == decimal(0.06)
    True
    """
    return Decimal(str(value))


def key_resource(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the API key as a resource inside its project; either may be unknown, both unknown is no resource."""
    project = {"id": row.get("project_id"), "name": row.get("project_name")}
    resource = without_nulls({"id": row.get("api_key_id"), "name": row.get("api_key_name"), "workspace": project})
    return [resource] if resource else []


def openai_model(name: str | None) -> dict[str, str] | None:
    """Return a model hosted by OpenAI, or null when the row names none."""
    return None if name is None else {"id": name, "provider": "openai"}


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


class _Part(TypedDict, total=False):
    """Counters of a user's day: `totals`, or an entry of `clients` or `models`, which break the same totals down."""

    client_id: str
    model: str | None
    speed: str | None
    threads: int | None
    turns: int | None
    credits: float | None
    cost_usd: float | None
    estimated_cost_usd: float | None
    uncached_text_input_tokens: int | None
    cached_text_input_tokens: int | None
    text_output_tokens: int | None
    text_total_tokens: int | None


class CodexUserDay(TypedDict, total=False):
    """One `workspace.codex.usage.result`, as a third party recorded it: the reference is behind a login."""

    object: str
    start_time: Required[int]
    end_time: Required[int]
    user_id: str | None
    actor: dict[str, Any] | None
    totals: _Part | None
    clients: list[_Part] | None
    models: list[_Part] | None
    code_attribution: dict[str, Any] | None


_UNKNOWN_CLIENT = "CODEX_UNKNOWN_DEFAULT"
_UNKNOWN_MODEL = "other"


def codex_records(row: Mapping[str, Any], context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Map a user's day: one record per entry of `models`, or a single one from `totals` where `models` is null.

    `clients` breaks the same totals down a second time, so it is never used beside `models`. Threads, turns, lines
    and commits are known for the day alone and stand on the first record only. Credits are a quantity; `cost_usd`,
    where stated, is money.
    """
    totals = row.get("totals") or {}
    parts = row.get("models") or [totals]
    records = [_record(row, part, context) for part in parts]
    for name, counters in _activity(row, totals).items():
        records[0]["usage"].setdefault(name, {}).update(counters)
    return [without_nulls(record) for record in records]


def _record(row: Mapping[str, Any], part: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    actor, model = row.get("actor") or {}, part.get("model")
    start, end, recorded = row.get("start_time"), row.get("end_time"), context.get("recorded_at")
    return {
        "id": hashed_id("codex", start, end, row.get("user_id"), model, part.get("speed")),
        "product": CODEX_PRODUCT,
        "user": {"id": row.get("user_id", actor.get("user_id")), "email": actor.get("email")},
        "model": openai_model(model),
        "charges": _charges(row, part),
        "usage": {"quantity": part.get("credits"), "unit": _unit(part), "tokens": _tokens(part)},
        "start_date": from_unix(start),
        "end_date": from_unix(end),
        "created_at": recorded,
        "updated_at": recorded,
    }


def _unit(part: Mapping[str, Any]) -> str | None:
    return None if part.get("credits") is None else "credits"


def _charges(row: Mapping[str, Any], part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the money of a part: USD where stated; credits as they are where the client is unknown.

    For an unknown client no contract rate applies, so the credits stand as a charge in the virtual currency, and with
    an unknown model as well, in none.
    """
    charges = []
    if part.get("cost_usd") is not None:
        charges.append({"amount": float(decimal(part["cost_usd"])), "currency": "USD", "type": "total"})
    if part.get("credits") is not None and _all_unknown(row):
        charge = {"amount": float(decimal(part["credits"])), "type": "usage_based"}
        charges.append(charge if part.get("model") == _UNKNOWN_MODEL else {**charge, "currency": "CREDITS"})
    return charges


def _all_unknown(row: Mapping[str, Any]) -> bool:
    return {client.get("client_id") for client in row.get("clients") or []} == {_UNKNOWN_CLIENT}


def _tokens(part: Mapping[str, Any]) -> dict[str, int | None]:
    return {
        "input": part.get("uncached_text_input_tokens"),
        "output": part.get("text_output_tokens"),
        "cache_read": part.get("cached_text_input_tokens"),
        "total": part.get("text_total_tokens"),
    }


def _activity(row: Mapping[str, Any], totals: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    attribution = row.get("code_attribution") or {}
    lines, commits = attribution.get("lines_of_code") or {}, attribution.get("commits") or {}
    turns = totals.get("turns")
    return {
        "requests": {"total": turns, "agent": turns},
        "conversations": {"thread_count": totals.get("threads")},
        "code": {
            "lines_accepted_added": lines.get("added"),
            "lines_removed": lines.get("removed"),
            "commits": commits.get("with_codex_contribution"),
        },
    }


def compliance_records(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Map one log event; its cost is in credits and stays a quantity, because no API states the rate.

    The log is delivered at least once: the same `event_id` gives the same record ids, so repeats can be dropped.
    """
    billing = event["payload"]["measures"]["billing"]
    return [_billed(event, entry, _entry_id(event["event_id"], place, billing)) for place, entry in enumerate(billing)]


def _entry_id(event_id: str, place: int, billing: list[Any]) -> str:
    return event_id if len(billing) == 1 else f"{event_id}:{place}"


def _billed(event: Mapping[str, Any], entry: Mapping[str, Any], record_id: str) -> dict[str, Any]:
    payload = event["payload"]
    hour = datetime.fromisoformat(payload["day"]).replace(tzinfo=UTC) + timedelta(hours=payload["hour"])
    identity, cost, product = payload.get("identity") or {}, entry.get("cost") or {}, payload.get("product")
    fields = {
        "id": record_id,
        "product": CODEX_PRODUCT if product is None else {"id": product, "name": product},
        "metric_name": entry.get("sku"),
        "user": {"id": identity.get("user_id"), "email": identity.get("email"), "name": identity.get("name")},
        "model": openai_model(payload.get("model")),
        "usage": {"quantity": cost.get("value"), "unit": (cost.get("unit") or "").lower() or None},
        "surface": payload.get("surface", payload.get("client")),
        "start_date": instant_at(hour),
        "end_date": instant_at(hour + timedelta(hours=1)),
        "created_at": event.get("timestamp"),
    }
    return without_nulls(fields)
