"""Cursor's other team endpoints: daily activity, spend of the cycle, members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
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


def daily_record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Map one row of `daily-usage-data`: a member's day, activity alone, without tokens or money."""
    day = datetime.fromisoformat(row["day"]).replace(tzinfo=UTC)
    number = row.get("userId")
    fields = {
        "id": stable_id("daily", row["day"], number, row.get("email")),
        "product": PRODUCT,
        "user": {"id": None if number is None else str(number), "email": row.get("email")},
        "model": model_named(row.get("mostUsedModel")),
        "usage": {
            "requests": _requests(row),
            "code": _code(row),
            "activity": {"is_active": row.get("isActive"), "client_version": row.get("clientVersion")},
        },
        "start_date": instant(day),
        "end_date": instant(day + timedelta(days=1)),
    }
    return compact(fields)


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
    on_demand, overall = dollars(row["spendCents"]), dollars(row["overallSpendCents"])
    start, end = instant(moment_of(cycle_start)), instant(fetched_at)
    fields = {
        "id": stable_id("spend", cycle_start, row.get("userId")),
        "product": PRODUCT,
        "user": {"id": row.get("userId"), "email": row.get("email"), "name": row.get("name")},
        "charges": [
            {"amount": float(on_demand), "currency": "USD", "type": "on_demand"},
            {"amount": float(overall - on_demand), "currency": "USD", "type": "included"},
        ],
        "usage": {"requests": {"usage_based": row.get("fastPremiumRequests")}},
        "start_date": start,
        "end_date": end,
        "updated_at": end,
    }
    return compact(fields)


def member_user(row: Mapping[str, Any]) -> dict[str, Any]:
    """Map one of `members` to the unified user; older payloads send a number as id."""
    return compact({"id": str(row["id"]), "email": row.get("email"), "name": row.get("name")})
