"""Confluent's billing API as it answers: basic auth with key and secret, pages by the address of the next one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask, RawAnswer, RawAsk, RawRoute, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.seeds import token_id
from truto_usage_nb.sandbox.vendors.confluent.generate import DEFAULT_PAGE, ENDPOINT, MAX_PAGE, collect

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
        metadata["next"] = f"{ask.base_url}{ENDPOINT}?{urlencode(asked)}"
    body = {"api_version": "billing/v1", "kind": "CostList", "metadata": metadata}
    left = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59", "x-ratelimit-reset": "60"}
    return RawAnswer({**body, "data": rows[offset : offset + size]}, headers=left)


@lru_cache(maxsize=2)  # the pages of a walk share them
def _rows(world: World, start: str, end: str) -> list[dict[str, Any]]:
    return [raw.row for raw in collect(Ask(world, _ACCOUNT, start_date=start, end_date=end))]


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


ROUTES = (RawRoute("GET", ENDPOINT, _costs),)
