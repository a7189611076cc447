"""An event as Cursor's API writes it."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.vendors.cursor.events import Event


def event_row(event: Event) -> dict[str, Any]:
    """Return one entry of `usageEvents`: time stamp a string, cents as floats, absent where Cursor leaves out."""
    row: dict[str, Any] = {"timestamp": str(event.at), **_who(event)}
    if event.conversation is not None:
        row["conversationId"] = event.conversation
    row |= {
        "model": event.model,
        "kind": event.kind.value,
        "maxMode": event.max_mode,
        "requestsCosts": float(event.units),
        "isTokenBasedCall": event.tokens is not None,
        "isChargeable": event.chargeable,
        "isHeadless": event.headless,
    }
    if event.tokens is not None:
        row["tokenUsage"] = _token_usage(event)
    row["chargedCents"] = float(event.charged)
    if event.fee is not None:
        row["cursorTokenFee"] = float(event.fee)
    return row


def _who(event: Event) -> dict[str, str]:
    """Name the member: a service account by id and name, a removed member not at all."""
    member = event.member
    if member.is_service:
        return {"serviceAccountId": member.account_id, "serviceAccountName": member.person.name}
    return {} if member.email is None else {"userEmail": member.email}


def _token_usage(event: Event) -> dict[str, Any]:
    tokens = event.tokens
    assert tokens is not None  # asked for token-based events alone
    usage = {
        "inputTokens": tokens.input,
        "outputTokens": tokens.output,
        "cacheWriteTokens": tokens.cache_write,
        "cacheReadTokens": tokens.cache_read,
        "totalCents": float(event.gross),
    }
    return {**usage, "discountPercentOff": event.discount} if event.discount else usage
