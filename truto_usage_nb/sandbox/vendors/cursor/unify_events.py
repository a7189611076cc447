"""`POST /teams/filtered-usage-events`: one event to one unified record, with its tokens and its money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from truto_usage_nb.sandbox.trimming import compact
from truto_usage_nb.sandbox.vendors.cursor.fields import (
    PRODUCT,
    dollars,
    instant,
    model_named,
    moment_of,
    stable_id,
)

OWN_KEY = "User API Key"
_TOKENS = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
_KINDS = ("input", "output", "cache_read", "cache_write")
_RESOURCES = ("conversationId", "cloudAgentId", "automationId")


def event_record(event: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Map one event; `context` may hold `recorded_at`, when Cursor's hourly aggregation had it.

    An event is an instant: it starts and ends at its time stamp.
    """
    at = instant(moment_of(event["timestamp"]))
    fields = {
        "id": _event_id(event),
        "product": PRODUCT,
        "resources": [{"id": event[name]} for name in _RESOURCES if event.get(name) is not None],
        "user": {
            "id": event.get("serviceAccountId"),
            "email": event.get("userEmail"),
            "name": event.get("serviceAccountName"),
        },
        "model": model_named(event.get("model")),
        "charges": _charges(event),
        "usage": _usage(event),
        "start_date": at,
        "end_date": at,
        "created_at": at,
        "updated_at": context.get("recorded_at"),
        "surface": _surface(event.get("isHeadless")),
    }
    return compact(fields)


def _event_id(event: Mapping[str, Any]) -> str:
    who = event.get("userEmail", event.get("serviceAccountId"))
    tokens = event.get("tokenUsage") or {}
    keys = (event["timestamp"], who, event.get("model"), event.get("conversationId"))
    return stable_id("event", *keys, *map(tokens.get, _TOKENS))


def _surface(headless: bool | None) -> str | None:
    return None if headless is None else ("headless" if headless else "ide")


def _usage(event: Mapping[str, Any]) -> dict[str, Any]:
    units = event.get("requestsCosts")
    return {
        "quantity": units,
        "unit": None if units is None else "request_units",
        "requests": {"total": 1, "api_key": 1 if _kind(event) == OWN_KEY else None},
        "tokens": _tokens(event.get("tokenUsage")),
        "activity": {"max_mode": event.get("maxMode")},
    }


def _tokens(usage: Mapping[str, Any] | None) -> dict[str, int] | None:
    if usage is None:
        return None
    # Cursor leaves a kind out rather than sending zero; the kinds are disjoint, so the total is their sum.
    counts = [usage.get(name, 0) for name in _TOKENS]
    return {**dict(zip(_KINDS, counts, strict=True)), "total": sum(counts)}


def _kind(event: Mapping[str, Any]) -> str:
    return str(event.get("kind", event.get("kindLabel", "")))


def _charges(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the money: what the plan covers is `included` with total 0, what errored is total 0 alone.

    A chargeable event states its parts: usage before discount and fee, the discount (negative), Cursor's fee.
    """
    kind, charged = _kind(event), event.get("chargedCents")
    if kind.startswith("Errored"):
        return [_charge("total", Decimal(0))]
    if kind.startswith("Included") or event.get("isChargeable") is False:
        covered = [] if charged is None else [_charge("included", dollars(charged))]
        return [*covered, _charge("total", Decimal(0))]
    total = [] if charged is None else [_charge("total", dollars(charged))]
    return [*_parts(event), *total]


def _parts(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    usage, parts = event.get("tokenUsage") or {}, []
    if usage.get("totalCents") is not None:
        gross = dollars(usage["totalCents"])
        parts.append(_charge("usage_based", gross))
        if usage.get("discountPercentOff") is not None:
            parts.append(_charge("discount", -gross * Decimal(str(usage["discountPercentOff"])) / 100))
    if event.get("cursorTokenFee") is not None:
        parts.append(_charge("platform_fee", dollars(event["cursorTokenFee"])))
    return parts


def _charge(kind: str, amount: Decimal) -> dict[str, Any]:
    return {"amount": float(amount), "currency": "USD", "type": kind}
