"""OpenAI's organisation API and Codex analytics as they answer: bearer keys, Unix seconds, buckets and page tokens.

A question's first bucket begins where the question does; a result states only what it was grouped by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, RawAnswer, RawAsk, RawRoute, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS, Account
from truto_usage_nb.sandbox.vendors.openai_codex.rows import (
    CODEX_ENDPOINT,
    COSTS_ENDPOINT,
    USAGE_ENDPOINT,
    USAGE_KINDS,
    raw_rows,
)
from truto_usage_nb.sandbox.vendors.openai_codex.story import midnight_of

KEYS = {
    "openai-api": {"admin_key": "sk-admin-SandboxMain0Qx7TrN2WpKzM4Vb8Yd1Hs6Jf3"},
    "openai-api-eu": {"admin_key": "sk-admin-SandboxEurope9La5Ew0Ui7Rt5Np2Bk8Xm4Zc6"},
    "openai-api-moved": {"admin_key": "sk-admin-SandboxMoved3Gc9Vb8Yd1Hs6Jf3Qx7TrN2Wp"},
    "codex": {"codex_key": "sk-SandboxCodex7Rt5Np2Bk8Xm4Zc6La5Ew0Ui", "workspace_id": "org-Tw4xCodexWorkspace01"},
}
_ACCOUNTS = {account.id: account for account in ACCOUNTS}
_OTHER_KINDS = (
    "decisions",
    "moderations",
    "audio_speeches",
    "audio_transcriptions",
    "vector_stores",
    "file_search_calls",
)
_PER_KEY = ("project_id", "user_id", "api_key_id", "model")
_GROUPS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("embeddings", "moderations", "audio_speeches", "audio_transcriptions"), _PER_KEY),
    **dict.fromkeys(("completions", "decisions"), (*_PER_KEY, "batch", "service_tier", "api_source")),
    "images": (*_PER_KEY, "size", "source"),
    **dict.fromkeys(("vector_stores", "code_interpreter_sessions"), ("project_id",)),
    "file_search_calls": ("project_id", "user_id", "api_key_id", "vector_store_id"),
    "web_search_calls": (*_PER_KEY, "context_level", "api_source"),
}
_COST_GROUPS = ("project_id", "user_id", "line_item", "api_key_id", "api_source")
_DAY = 86_400


def admit(ask: RawAsk) -> RawAnswer | None:
    """Let in who has a key of an organisation or of the workspace."""
    return None if _account(ask) is not None else RawAnswer(error(401), 401)


def error(status: int) -> dict[str, Any]:
    """Return OpenAI's error body."""
    said = {
        401: ("Incorrect API key provided", "invalid_api_key"),
        403: ("You have insufficient permissions for this operation. Missing scopes: api.usage.read", None),
        404: ("Invalid URL", None),
        429: ("Rate limit reached for requests", "rate_limit_exceeded"),
    }
    message, code = said.get(status, ("The server had an error while processing your request", None))
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def _account(ask: RawAsk) -> Account | None:
    scheme, _, sent = ask.headers.get("authorization", "").partition(" ")
    names = (name for name, keys in KEYS.items() if scheme == "Bearer" and sent in keys.values())
    return next((_ACCOUNTS[name] for name in names), None)


def _known(ask: RawAsk) -> Account:
    account = _account(ask)
    assert account is not None  # who is not known was not let in
    return account


def _usage(kind: str, ask: RawAsk) -> RawAnswer:
    if _known(ask).kind != "api":
        return RawAnswer(error(403), 403)
    groups = _asked_groups(ask, _GROUPS[kind])
    rows = partial(_day_rows, ask.world, _known(ask).id, USAGE_ENDPOINT + kind)
    return _buckets(ask, rows, groups, default=7, most=31)


def _costs(ask: RawAsk) -> RawAnswer:
    if _known(ask).kind != "api":
        return RawAnswer(error(403), 403)
    groups = _asked_groups(ask, _COST_GROUPS)
    if {"user_id", "project_id"} <= set(groups):
        raise _bad_request("group_by", "user_id cannot be combined with project_id for this organization.")
    rows = partial(_day_rows, ask.world, _known(ask).id, COSTS_ENDPOINT)
    return _buckets(ask, rows, groups, default=7, most=180)


def _buckets(ask: RawAsk, rows_of: Any, groups: tuple[str, ...], *, default: int, most: int) -> RawAnswer:
    if ask.one("bucket_width") not in (None, "1d"):
        raise _bad_request("bucket_width", "this organization has daily buckets alone.")
    begin, end = _seconds(ask, "start_time"), _end(ask)
    size, after = _size(ask, default, most), _token(ask)
    starts = list(_starts(begin, end))
    buckets = [
        {
            "object": "bucket",
            "start_time": start,
            "end_time": start - start % _DAY + _DAY,
            "results": list(_grouped(_kept(ask, rows_of(_day(start))), groups)),
        }
        for start in starts[after : after + size]
    ]
    more = after + size < len(starts)
    following = f"page_{after + size}" if more else None
    return RawAnswer({"object": "page", "data": buckets, "has_more": more, "next_page": following})


def _starts(begin: int, end: int) -> Iterator[int]:
    """Yield where the buckets begin: the first where the question does, the others at midnight."""
    at = begin
    while at < end:
        yield at
        at = at - at % _DAY + _DAY


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


@lru_cache(maxsize=1024)
def _day_rows(world: World, account: str, endpoint: str, day: date) -> tuple[dict[str, Any], ...]:
    return tuple(raw.row for raw in _of_day(world, account, day) if raw.endpoint == endpoint)


@lru_cache(maxsize=128)
def _of_day(world: World, account: str, day: date) -> tuple[Raw, ...]:
    return tuple(raw_rows(Ask(world, _ACCOUNTS[account], date=day.isoformat())))


def _kept(ask: RawAsk, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what the filters let through."""
    filters = {"user_id": "user_ids", "api_key_id": "api_key_ids", "project_id": "project_ids", "model": "models"}
    wanted = {field: set(_several(ask, name)) for field, name in filters.items()}
    for row in rows:
        if all(row.get(field) in values for field, values in wanted.items() if values):
            yield row


def _several(ask: RawAsk, name: str) -> list[str]:
    """Return an array's values, with brackets or without."""
    return [*ask.several(f"{name}[]"), *ask.several(name)]


def _asked_groups(ask: RawAsk, allowed: tuple[str, ...]) -> tuple[str, ...]:
    asked = _several(ask, "group_by")
    for name in asked:
        if name not in allowed:
            raise _bad_request("group_by", f"'{name}' is not one of {', '.join(allowed)}.")
    return tuple(asked)


def _grouped(rows: Iterable[dict[str, Any]], groups: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield a result a group; the dimensions that were not asked for are null, and the measures add up."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row.get(name) for name in groups), []).append(row)
    yield from (_together(alike, groups) for alike in found.values())


def _together(rows: list[dict[str, Any]], groups: tuple[str, ...]) -> dict[str, Any]:
    dimensions = {*_GROUPS["completions"], *_COST_GROUPS, "size", "source", "context_level", "vector_store_id"}
    kept = {name: value if name in groups or name not in dimensions else None for name, value in rows[0].items()}
    if len(rows) == 1 and set(groups) >= {name for name in dimensions if rows[0].get(name) is not None}:
        return kept
    for name, value in kept.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            kept[name] = sum(row[name] or 0 for row in rows)
    if "amount" in kept:
        values = sum((Decimal(str(row["amount"]["value"])) for row in rows), Decimal(0))
        kept["amount"] = {"value": float(values), "currency": rows[0]["amount"]["currency"]}
        if "line_item" not in groups:
            kept |= {"quantity": None, "quantity_unit": None}
    return kept


def _codex(ask: RawAsk) -> RawAnswer:
    """Answer the users of the days asked for, by time."""
    account = _known(ask)
    if account.kind != "codex" or ask.path["workspace_id"] != account.organization_id:
        return RawAnswer(error(404), 404)
    begin, end = _seconds(ask, "start_time"), _end(ask)
    days = [_day(start) for start in _starts(begin, end)]
    rows = [row for day in days for row in _day_rows(ask.world, account.id, CODEX_ENDPOINT, day)]
    size, after = _size(ask, 1000, 30_000), _token(ask)
    more = after + size < len(rows)
    following = f"page_{after + size}" if more else None
    return RawAnswer({"object": "page", "data": rows[after : after + size], "has_more": more, "next_page": following})


def _end(ask: RawAsk) -> int:
    now = int((midnight_of(ask.world.now.date()) + timedelta(days=1)).timestamp())
    return min(_seconds(ask, "end_time"), now) if ask.one("end_time") is not None else now


def _seconds(ask: RawAsk, name: str) -> int:
    sent = ask.one(name) or ""
    if not sent.isdecimal():
        raise _bad_request(name, "expected Unix seconds.")
    return int(sent)


def _size(ask: RawAsk, default: int, most: int) -> int:
    sent = ask.one("limit") or str(default)
    if not sent.isdecimal() or not 0 < int(sent) <= most:
        raise _bad_request("limit", f"must be between 1 and {most}.")
    return int(sent)


def _token(ask: RawAsk) -> int:
    sent = (ask.one("page") or "page_0").removeprefix("page_")
    if not sent.isdecimal():
        raise _bad_request("page", "is not a page of this query.")
    return int(sent)


def _bad_request(name: str, said: str) -> Refused:
    body: Mapping[str, Any] = {"message": f"Invalid '{name}': {said}", "type": "invalid_request_error", "param": name}
    return Refused(400, {"error": {**body, "code": None}})


ROUTES = (
    *(
        RawRoute("GET", USAGE_ENDPOINT + kind, partial(_usage, kind), "60;w=60")
        for kind in (*USAGE_KINDS, *_OTHER_KINDS)
    ),
    RawRoute("GET", COSTS_ENDPOINT, _costs, "60;w=60"),
    RawRoute("GET", CODEX_ENDPOINT, _codex, "60;w=60"),
)
