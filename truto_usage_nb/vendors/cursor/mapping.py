"""Cursor's Admin API: an event, a member's day, a member's spend and a member as unified records.

Cents come as JSON numbers with fractions, moments as epoch milliseconds, in events as a string. Events carry tokens and
money in one row; no row has an id of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Required

from typing_extensions import TypedDict

from truto_usage_nb.vendors.records import without_nulls

__all__ = [
    "CURSOR_PRODUCT",
    "CursorDay",
    "CursorEvent",
    "CursorMember",
    "Spend",
    "TokenUsage",
    "daily_record",
    "event_record",
    "member_user",
    "model_named",
    "spend_record",
]


class TokenUsage(TypedDict, total=False):
    """What one event used; `totalCents` is before Cursor's discount and fee."""

    inputTokens: int | None
    outputTokens: int | None
    cacheWriteTokens: int | None
    cacheReadTokens: int | None
    totalCents: float | None
    discountPercentOff: float | None


class CursorEvent(TypedDict, total=False):
    """One entry of `usageEvents`; older rows have `kindLabel`, and neither `kind` nor `isChargeable`."""

    timestamp: Required[str]
    userEmail: str | None
    serviceAccountId: str | None
    serviceAccountName: str | None
    conversationId: str | None
    cloudAgentId: str | None
    automationId: str | None
    model: str | None
    kind: str | None
    kindLabel: str | None
    maxMode: bool | None
    requestsCosts: float | None
    isTokenBasedCall: bool | None
    isChargeable: bool | None
    isHeadless: bool | None
    tokenUsage: TokenUsage | None
    chargedCents: float | None
    cursorTokenFee: float | None


class CursorDay(TypedDict, total=False):
    """One row of `daily-usage-data`; `userId` is another number than the one that members and spend have."""

    day: str | None
    date: int | None
    userId: int | str | None
    email: str | None
    isActive: bool | None
    mostUsedModel: str | None
    clientVersion: str | None
    applyMostUsedExtension: str | None
    tabMostUsedExtension: str | None
    totalLinesAdded: int | None
    totalLinesDeleted: int | None
    acceptedLinesAdded: int | None
    acceptedLinesDeleted: int | None
    totalApplies: int | None
    totalAccepts: int | None
    totalRejects: int | None
    totalTabsShown: int | None
    totalTabsAccepted: int | None
    composerRequests: int | None
    chatRequests: int | None
    agentRequests: int | None
    cmdkUsages: int | None
    subscriptionIncludedReqs: int | None
    apiKeyReqs: int | None
    usageBasedReqs: int | None
    bugbotUsages: int | None


class Spend(TypedDict, total=False):
    """One entry of `teamMemberSpend`: cents, while the limits beside them are dollars."""

    userId: int | str | None
    email: str | None
    name: str | None
    role: str | None
    spendCents: float | None
    overallSpendCents: float | None
    includedSpendCents: float | None
    fastPremiumRequests: int | None
    hardLimitOverrideDollars: float | None
    monthlyLimitDollars: float | None
    effectivePerUserLimitDollars: float | None


class CursorMember(TypedDict, total=False):
    """One entry of `teamMembers`; older payloads have a number as id."""

    id: Required[int | str]
    name: str | None
    email: str | None
    role: str | None
    isRemoved: bool | None


CURSOR_PRODUCT = {"id": "cursor", "name": "Cursor"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER = json.JSONEncoder(default=str)
_PROVIDERS = (
    ("claude", "anthropic"),
    ("gpt", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "google"),
    ("grok", "xai"),
    ("deepseek", "deepseek"),
    ("kimi", "moonshotai"),
    ("auto", "cursor"),
    ("composer", "cursor"),
    ("default", "cursor"),
    ("cursor", "cursor"),
)
_OWN_KEY = "User API Key"
_TOKENS = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
_KINDS = ("input", "output", "cache_read", "cache_write")
_SPENT = ("spendCents", "overallSpendCents", "includedSpendCents")
_RESOURCES = ("conversationId", "cloudAgentId", "automationId")


def _stable_id(prefix: str, *keys: object) -> str:
    """Return an id that depends on the keys alone: Cursor gives its rows none."""
    return f"{prefix}_{blake2b(_ENCODER.encode(keys).encode(), digest_size=12).hexdigest()}"


def _instant(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _moment_of(milliseconds: int | str) -> datetime:
    """Return the moment of epoch milliseconds, sent as a number or as a string.

    >>> _instant(_moment_of("1750979225854"))
    '2025-06-26T23:07:05.854Z'
    """
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def _dollars(cents: object) -> Decimal:
    """Read cents, a JSON number, exactly and return dollars.

    >>> _dollars(21.36232)
    Decimal('0.2136232')
    """
    return Decimal(str(cents)).scaleb(-2)


@lru_cache(maxsize=256)  # a team uses few models, and each event names one
def _provider_of(name: str) -> str | None:
    return next((provider for start, provider in _PROVIDERS if name.lower().startswith(start)), None)


def model_named(name: str | None) -> dict[str, str] | None:
    """Return the model with the provider that its name gives away; an unfamiliar name has none.

    >>> model_named("claude-4.5-sonnet")
    {'id': 'claude-4.5-sonnet', 'provider': 'anthropic'}
    """
    if name is None:
        return None
    provider = _provider_of(name)
    return {"id": name} if provider is None else {"id": name, "provider": provider}


def event_record(event: Mapping[str, Any], *, recorded_at: str | None = None) -> dict[str, Any]:
    """Map one event; `recorded_at` is when Cursor's hourly aggregation had it, where that is known.

    An event is an instant: it starts and ends at its time stamp.
    """
    at = _instant(_moment_of(event["timestamp"]))
    fields = {
        "id": _event_id(event),
        "product": CURSOR_PRODUCT,
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
        "updated_at": recorded_at,
        "surface": _surface(event.get("isHeadless")),
    }
    return without_nulls(fields)


def _event_id(event: Mapping[str, Any]) -> str:
    who = event.get("userEmail") or event.get("serviceAccountId")
    tokens = event.get("tokenUsage") or {}
    keys = (event["timestamp"], who, event.get("model"), event.get("conversationId"))
    return _stable_id("event", *keys, *map(tokens.get, _TOKENS))


def _surface(headless: bool | None) -> str | None:
    return None if headless is None else ("headless" if headless else "ide")


def _usage(event: Mapping[str, Any]) -> dict[str, Any]:
    units = event.get("requestsCosts")
    return {
        "quantity": units,
        "unit": None if units is None else "request_units",
        "requests": {"total": 1, "api_key": 1 if _kind(event) == _OWN_KEY else None},
        "tokens": _tokens(event.get("tokenUsage")),
        "activity": {"max_mode": event.get("maxMode")},
    }


def _tokens(usage: Mapping[str, Any] | None) -> dict[str, int] | None:
    if usage is None:
        return None
    # Cursor leaves a kind out rather than sending zero; the kinds are disjoint, so the total is their sum.
    counts = [usage.get(name) or 0 for name in _TOKENS]
    return {**dict(zip(_KINDS, counts, strict=True)), "total": sum(counts)}


def _kind(event: Mapping[str, Any]) -> str:
    return str(event.get("kind") or event.get("kindLabel") or "")


def _charges(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the money: what the plan covers is `included` with total 0, what errored is total 0 alone.

    A chargeable event states its parts: usage before discount and fee, the discount (negative), Cursor's fee. Older
    rows do not say whether they are chargeable, and what is not said is not no.
    """
    kind, charged = _kind(event), event.get("chargedCents")
    if kind.startswith("Errored"):
        return [_charge("total", Decimal(0))]
    if kind.startswith("Included") or event.get("isChargeable") is False:
        covered = [] if charged is None else [_charge("included", _dollars(charged))]
        return [*covered, _charge("total", Decimal(0))]
    total = [] if charged is None else [_charge("total", _dollars(charged))]
    return [*_parts(event), *total]


def _parts(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    usage, parts = event.get("tokenUsage") or {}, []
    if usage.get("totalCents") is not None:
        gross = _dollars(usage["totalCents"])
        parts.append(_charge("usage_based", gross))
        if usage.get("discountPercentOff") is not None:
            parts.append(_charge("discount", -gross * Decimal(str(usage["discountPercentOff"])) / 100))
    if event.get("cursorTokenFee") is not None:
        parts.append(_charge("platform_fee", _dollars(event["cursorTokenFee"])))
    return parts


def _charge(kind: str, amount: Decimal) -> dict[str, Any]:
    return {"amount": float(amount), "currency": "USD", "type": kind}


def daily_record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Map one row of `daily-usage-data`: a member's day, activity alone, without tokens or money."""
    day = _day_of(row)
    number = row.get("userId")
    fields = {
        "id": _stable_id("daily", day.date().isoformat(), number, row.get("email")),
        "product": CURSOR_PRODUCT,
        "user": {"id": _text(number), "email": row.get("email")},
        "model": model_named(row.get("mostUsedModel")),
        "usage": {
            "requests": _requests(row),
            "code": _code(row),
            "activity": {"is_active": row.get("isActive"), "client_version": row.get("clientVersion")},
        },
        "start_date": _instant(day),
        "end_date": _instant(day + timedelta(days=1)),
    }
    return without_nulls(fields)


def _day_of(row: Mapping[str, Any]) -> datetime:
    if row.get("day") is not None:
        return datetime.fromisoformat(row["day"]).replace(tzinfo=UTC)
    return _moment_of(row["date"]).replace(hour=0, minute=0, second=0, microsecond=0)


def _requests(row: Mapping[str, Any]) -> dict[str, Any]:
    paid = [row.get(name) for name in ("subscriptionIncludedReqs", "usageBasedReqs", "apiKeyReqs")]
    known = [count for count in paid if count is not None]
    return {
        "total": sum(known) if known else None,
        "chat": row.get("chatRequests"),
        "agent": row.get("agentRequests"),
        "composer": row.get("composerRequests"),
        "cmdk": row.get("cmdkUsages"),
        "tab_shown": row.get("totalTabsShown"),
        "tab_accepted": row.get("totalTabsAccepted"),
        "api_key": row.get("apiKeyReqs"),
        "included": row.get("subscriptionIncludedReqs"),
        "usage_based": row.get("usageBasedReqs"),
        "bugbot": row.get("bugbotUsages"),
    }


def _code(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "lines_added": row.get("totalLinesAdded"),
        "lines_removed": row.get("totalLinesDeleted"),
        "lines_accepted_added": row.get("acceptedLinesAdded"),
        "lines_accepted_removed": row.get("acceptedLinesDeleted"),
        "applies": row.get("totalApplies"),
        "accepts": row.get("totalAccepts"),
        "rejects": row.get("totalRejects"),
        "file_extensions": {"apply": row.get("applyMostUsedExtension"), "tab": row.get("tabMostUsedExtension")},
    }


def spend_record(row: Mapping[str, Any], cycle_start: int, fetched_at: datetime) -> dict[str, Any]:
    """Map one member of `spend`: what the billing cycle has come to until the fetch.

    A running total, never a month's bill, so it has no `total`. `spendCents` is on-demand alone and
    `overallSpendCents` contains it; the difference is what the plan covered.
    """
    on_demand, covered = _spent(row)
    start, end = _instant(_moment_of(cycle_start)), _instant(fetched_at)
    fields = {
        "id": _stable_id("spend", cycle_start, row.get("userId") or row.get("email")),
        "product": CURSOR_PRODUCT,
        "user": {"id": _text(row.get("userId")), "email": row.get("email"), "name": row.get("name")},
        "charges": [
            _charge(kind, sum_) for kind, sum_ in (("on_demand", on_demand), ("included", covered)) if sum_ is not None
        ],
        "usage": {"requests": {"usage_based": row.get("fastPremiumRequests")}},
        "start_date": start,
        "end_date": end,
        "updated_at": end,
    }
    return without_nulls(fields)


def _spent(row: Mapping[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    """Return what is on demand and what the plan covered, which some payloads state by itself; None is not stated."""
    stated = {name: None if row.get(name) is None else _dollars(row[name]) for name in _SPENT}
    on_demand, overall, covered = (stated[name] for name in _SPENT)
    if on_demand is not None and overall is not None:
        covered = overall - on_demand
    return on_demand, covered


def _text(number: object) -> str | None:
    return None if number is None else str(number)


def member_user(row: Mapping[str, Any]) -> dict[str, Any]:
    """Map one of `members` to the unified user; older payloads send a number as id."""
    return without_nulls({"id": str(row["id"]), "email": row.get("email"), "name": row.get("name")})
