"""Frames for tests: unified records in, the documented frame out."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import polars as pl

from truto_usage_nb import schema

CHARGE = pl.Struct({"amount": pl.Float64, "currency": pl.String, "type": pl.String})
PLACE = pl.Struct({"id": pl.String, "name": pl.String})
RESOURCE = pl.Struct({"id": pl.String, "name": pl.String, "workspace": PLACE})
DTYPES: dict[str, Any] = {
    "String": pl.String,
    "Int64": pl.Int64,
    "Float64": pl.Float64,
    "Boolean": pl.Boolean,
    "Datetime": pl.Datetime("us", "UTC"),
    "JSON": pl.String,
}
LISTS = {"charges": pl.List(CHARGE), "resources": pl.List(RESOURCE)}


def charge(kind: str, amount: float, currency: str | None = "USD") -> dict[str, Any]:
    return {"amount": float(amount), "currency": currency, "type": kind}


def charged(currency: str | None = "USD", /, **amounts: float) -> list[dict[str, Any]]:
    return [charge(kind, amount, currency) for kind, amount in amounts.items()]


def frame_of(records: list[dict[str, Any]]) -> pl.DataFrame:
    """Give the documented frame of records; provenance is read from the records' own top-level keys."""
    fields = schema.columns()
    types = {f.column: LISTS.get(f.column) or DTYPES[f.dtype] for f in fields}
    extra = sorted({key for r in records for key in _wide(r) if key not in types})
    rows = [_row(record, fields) | {key: _wide(record).get(key) for key in extra} for record in records]
    return pl.DataFrame(rows, schema=types | dict.fromkeys(extra, pl.Float64), orient="row")


def _row(record: dict[str, Any], fields: tuple[schema.Field, ...]) -> dict[str, Any]:
    row = {f.column: _at(record, f.path) for f in fields if f.path.split(".")[0] not in ("charges", "resources")}
    row |= {name: _time(row[name]) for name in ("start_date", "end_date", "created_at", "updated_at")}
    return row | {"charges": record.get("charges"), "resources": record.get("resources")} | _wide(record)


def _at(record: dict[str, Any], path: str) -> Any:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _wide(record: dict[str, Any]) -> dict[str, Any]:
    charges, resources = record.get("charges") or [], record.get("resources") or []
    wide: dict[str, Any] = {"charges_count": len(charges), "resources_count": len(resources)}
    currencies = {c["currency"] for c in charges}
    if len(currencies) == 1:
        stated: dict[str, list[float]] = defaultdict(list)
        for c in charges:
            repeats = c["type"] in ("total", "net") and c["amount"] in stated[c["type"]]
            if c["amount"] is not None and not repeats:
                stated[c["type"]].append(c["amount"])
        wide |= {f"charges_{kind}": sum(values) for kind, values in stated.items() if values}
        wide["charges_currency"] = currencies.pop()
    if len(resources) == 1:
        only, place = resources[0], resources[0].get("workspace") or {}
        wide |= {"resources_id": only.get("id"), "resources_name": only.get("name")}
        wide |= {"resources_workspace_id": place.get("id"), "resources_workspace_name": place.get("name")}
    return wide
