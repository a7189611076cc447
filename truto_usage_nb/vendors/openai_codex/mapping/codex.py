"""Codex in a ChatGPT workspace: the Enterprise analytics, and the compliance log of costs, as unified records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Required

from typing_extensions import TypedDict

from truto_usage_nb.vendors.openai_codex.mapping.fields import (
    CODEX_PRODUCT,
    decimal,
    from_unix,
    hashed_id,
    instant_at,
    openai_model,
)
from truto_usage_nb.vendors.records import without_nulls


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
