"""Confluent's billing API as it answers: its window, its rows, and basic authentication with a key and its secret."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask, Raw, RawAnswer, RawAsk, RawRoute, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.seeds import token_id
from truto_usage_nb.sandbox.vendors.confluent.story import (
    LEGACY_ENVIRONMENTS,
    PROMO_CREDIT,
    Posting,
    Resource,
    postings,
    short_id,
)


def window(ask: Ask) -> tuple[date, date]:
    """Return the first day and the day after the last one, UTC.

    Without dates it is this month; without an end, the month of the start. Dates of `remote_query` come first, since
    they reach Confluent as they are. Raises `Refused` (400) as Confluent does
    for dates it cannot read, an empty window, one longer than a month and a start more than a year back.
    """
    today = ask.world.now.date()
    sent = {"start_date": ask.start_date, "end_date": ask.end_date, **ask.remote_query}
    start = _day("start_date", sent["start_date"]) or today.replace(day=1)
    end = _day("end_date", sent["end_date"]) or _months_on(start.replace(day=1), 1)
    if end <= start:
        raise _refused(f"end date {end} must be after start date {start}")
    if end > _months_on(start, 1):
        raise _refused(f"the date range {start} to {end} exceeds the maximum of one month")
    if start < _months_on(today, -12):
        raise _refused(f"start date is too far in the past: {start} is more than one year ago")
    return start, end


def _day(name: str, text: str | None) -> date | None:
    """Read the day portion of a date or RFC 3339 instant."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise _refused(f"{name} must be formatted as YYYY-MM-DD, got {text!r}") from None


def _months_on(day: date, months: int) -> date:
    """Return the same day some months later, or the last of that month when it is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _refused(detail: str) -> Refused:
    error = {"id": token_id(0, "", detail).lower(), "status": "400", "code": "invalid_request", "detail": detail}
    return Refused(400, {"errors": [error]})


_ENDPOINT = "/billing/v1/costs"
MAX_PAGE = 10_000
DEFAULT_PAGE = 5_000

_LINE_ID_LENGTH = 16


def raw_rows(ask: Ask) -> Iterator[Raw]:
    """Yield the rows of the window, day by day; a window Confluent refuses is refused before the first row.

    >>> from datetime import UTC, datetime
    >>> from truto_usage_nb.sandbox.company import ACCOUNTS
    >>> account = next(one for one in ACCOUNTS if one.id == "confluent")
    >>> world = World(7, datetime(2026, 11, 23, tzinfo=UTC))
    >>> first = next(iter(raw_rows(Ask(world, account, start_date="2026-10-01"))))
    >>> first.row["line_type"], first.row["quantity"], first.row["unit"]
    ('KAFKA_NUM_CKUS', 144.0, 'CKU-hour')
    """
    start, end = window(ask)
    return _posted(ask.world, start, end)


def request(ask: Ask) -> dict[str, Any]:
    """Return the request that is sent to Confluent."""
    start, end = window(ask)
    query = {"start_date": start.isoformat(), "end_date": end.isoformat(), "page_size": DEFAULT_PAGE}
    return {
        "url": f"https://api.confluent.cloud{_ENDPOINT}?{urlencode({**query, **ask.remote_query})}",
        "method": "GET",
        "headers": {"Accept": "application/json"},
        "body": None,
    }


def _posted(world: World, start: date, end: date) -> Iterator[Raw]:
    for fact in postings(world, start, end):
        yield Raw(row_of(fact, world), _ENDPOINT, {"posted_at": fact.posted_at.strftime("%Y-%m-%dT%H:%M:%SZ")})


def row_of(fact: Posting, world: World) -> dict[str, Any]:
    """Write a fact as Confluent does: money as doubles in dollars, and no field that has nothing to say."""
    row: dict[str, Any] = {
        "api_version": "billing/v1",
        "kind": "Cost",
        "id": _line_id(fact, world),
        "start_date": fact.day.isoformat(),
        "end_date": (fact.day + timedelta(days=1)).isoformat(),
        "granularity": "DAILY",
        "product": fact.product,
        "line_type": fact.line_type,
        "price": _number(fact.price),
        "unit": fact.unit,
        "quantity": _number(fact.quantity),
        "original_amount": float(fact.listed),
        "discount_amount": float(fact.discount),
        "amount": float(fact.net),
        "description": fact.description,
        **_whose(fact, world),
    }
    return {name: value for name, value in row.items() if value is not None} | _no_resource(fact)


def _line_id(fact: Posting, world: World) -> str | None:
    """Return the row's id; the lines of the audit log have none, as was seen on real rows."""
    if fact.product == "AUDIT_LOG":
        return None
    key = fact.resource.key if fact.resource else fact.description
    token = token_id(world.seed, "", fact.day.isoformat(), fact.line_type, key, fact.copy)
    return "dlz-" + token[:_LINE_ID_LENGTH].lower()


def _whose(fact: Posting, world: World) -> dict[str, Any]:
    """Return what names the resource: where it is, how it is reached, what it is."""
    resource = fact.resource
    if resource is None:
        return {}
    tiers = dict(resource.tiers) if resource.tiers else None
    named = {"network_access_type": resource.network, "tier_dimensions": tiers}
    return named | (_placed(resource, fact.copy, world) if resource.prefix else {})


def _placed(resource: Resource, copy: int, world: World) -> dict[str, Any]:
    """Return the resource in its environment; older environments stand at the top, and as a string inside."""
    place = short_id(world, "env-", resource.environment)
    name = resource.name if copy == 0 else f"{resource.name}-{copy + 1}"
    thing = {"id": short_id(world, resource.prefix, resource.key, copy), "display_name": name}
    if resource.environment in LEGACY_ENVIRONMENTS:
        return {"environment": {"id": place}, "resource": {**thing, "environment": place}}
    return {"resource": {**thing, "environment": {"id": place}}}


def _no_resource(fact: Posting) -> dict[str, Any]:
    """Say `"resource": null` where the whole organisation is charged; a promotion leaves the field out."""
    if fact.line_type == PROMO_CREDIT or (fact.resource and fact.resource.prefix):
        return {}
    return {"resource": None}


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


KEYS = {
    "confluent": {
        "api_key": "CLD5QX7TRN2WPKZM",
        "api_secret": "cfltSandboxSecret0Qx7TrN2WpKzM4Vb8Yd1Hs6Jf3Gc9La5Ew0Ui",
    }
}
_ACCOUNT = next(account for account in ACCOUNTS if account.id == "confluent")


def admit(ask: RawAsk) -> RawAnswer | None:
    """Let in who has a Cloud key and its secret."""
    keys = KEYS["confluent"]
    return None if ask.basic() == (keys["api_key"], keys["api_secret"]) else RawAnswer(error(401), 401)


def error(status: int) -> dict[str, Any]:
    """Return Confluent's error body."""
    details = {401: "invalid API key", 403: "Forbidden Access", 429: "Too Many Requests"}
    detail = details.get(status, "An error occurred")
    return {"errors": [{"id": token_id(0, "", status).lower(), "status": str(status), "detail": detail}]}


def _costs(ask: RawAsk) -> RawAnswer:
    """Answer one page; the address of the next one repeats the question, and its token is opaque."""
    start, end = ask.one("start_date"), ask.one("end_date")
    if start is None or end is None:
        raise _bad_request("start_date and end_date are required")
    size, offset = _size(ask), _offset(ask)
    rows = _rows(ask.world, start, end)
    metadata: dict[str, Any] = {}
    if offset + size < len(rows):
        asked = {"start_date": start, "end_date": end, "page_size": size, "page_token": f"pt{offset + size:07d}"}
        metadata["next"] = f"{ask.base_url}{_ENDPOINT}?{urlencode(asked)}"
    body = {"api_version": "billing/v1", "kind": "CostList", "metadata": metadata}
    left = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59", "x-ratelimit-reset": "60"}
    return RawAnswer({**body, "data": rows[offset : offset + size]}, headers=left)


@lru_cache(maxsize=2)  # the pages of a walk share them
def _rows(world: World, start: str, end: str) -> list[dict[str, Any]]:
    return [raw.row for raw in raw_rows(Ask(world, _ACCOUNT, start_date=start, end_date=end))]


def _size(ask: RawAsk) -> int:
    sent = ask.one("page_size") or str(DEFAULT_PAGE)
    if not sent.isdecimal() or not 0 < int(sent) <= MAX_PAGE:
        raise _bad_request(f"page_size must be between 1 and {MAX_PAGE}")
    return int(sent)


def _offset(ask: RawAsk) -> int:
    sent = ask.one("page_token")
    if sent is None:
        return 0
    if not (sent.startswith("pt") and sent[2:].isdecimal()):
        raise _bad_request("page_token is invalid")
    return int(sent[2:])


def _bad_request(detail: str) -> Refused:
    return Refused(400, {"errors": [{"id": token_id(0, "", detail).lower(), "status": "400", "detail": detail}]})


ROUTES = (RawRoute("GET", _ENDPOINT, _costs),)
