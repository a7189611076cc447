"""ChatGPT Enterprise `COSTS` log: an hourly event to one unified record per billing entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from truto_usage_nb.sandbox.trimming import compact
from truto_usage_nb.sandbox.vendors.openai_codex.fields import CODEX_PRODUCT, instant, openai_model


def compliance_records(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Map one log event; its cost is in credits and stays a quantity, because no API states the rate.

    The log is delivered at least once: the same `event_id` gives the same record ids, so repeats can be dropped.
    """
    billing = event["payload"]["measures"]["billing"]
    return [_record(event, entry, _entry_id(event["event_id"], place, billing)) for place, entry in enumerate(billing)]


def _entry_id(event_id: str, place: int, billing: list[Any]) -> str:
    return event_id if len(billing) == 1 else f"{event_id}:{place}"


def _record(event: Mapping[str, Any], entry: Mapping[str, Any], record_id: str) -> dict[str, Any]:
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
        "start_date": instant(hour),
        "end_date": instant(hour + timedelta(hours=1)),
        "created_at": event.get("timestamp"),
    }
    return compact(fields)
