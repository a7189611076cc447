"""A small service with a record every eight hours, for tests that ask for windows, pages and cursors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import httpx

import truto_usage_nb as tu

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STEP = timedelta(hours=8)
TOKEN = "tk-5e1f-not-to-be-found-anywhere"
Record = dict[str, Any]


def moment(text: str) -> datetime:
    read = datetime.fromisoformat(text.upper())
    return read if read.tzinfo else read.replace(tzinfo=UTC)


class Vendor(httpx.AsyncBaseTransport):
    """Serve any window in pages of `per_page`; `more(record)` adds fields; `accounts` are integrations by account.

    `fail` is shown each request's parameters and may give another answer. A cursor is good with its own query alone.
    """

    def __init__(
        self,
        accounts: dict[str, str],
        *,
        per_page: int = 4,
        more: Callable[[Record], Record] | None = None,
        fail: Callable[[dict[str, str]], httpx.Response | None] | None = None,
    ) -> None:
        self.accounts, self.per_page, self.more, self.fail = accounts, per_page, more, fail
        self.asked: list[dict[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path, dict(request.url.params.multi_items())
        if path == "/integrated-account":
            known = [{"id": name, "label": name, "integration": {"name": side}} for name, side in self.accounts.items()]
            return httpx.Response(200, json={"result": known, "next_cursor": None})
        if path.startswith("/integrated-account/"):
            return httpx.Response(200, json={"id": "x", "integration": {"name": self.accounts[path.split("/")[-1]]}})
        self.asked.append(params)
        if self.fail is not None and (other := self.fail(params)) is not None:
            return other
        return self._page(params)

    def _page(self, params: dict[str, str]) -> httpx.Response:
        mark = blake2b(repr(sorted(p for p in params.items() if p[0] != "next_cursor")).encode(), digest_size=4)
        offset, _, bound = params.get("next_cursor", f"0.{mark.hexdigest()}").partition(".")
        if bound != mark.hexdigest():
            return refusal(422, "the cursor belongs to another query")
        found = self.records(params)
        start, size = int(offset), min(self.per_page, int(params.get("limit", self.per_page)))
        following = f"{start + size}.{bound}" if start + size < len(found) else None
        return httpx.Response(
            200, content=json.dumps({"result": found[start : start + size], "next_cursor": following})
        )

    def records(self, params: dict[str, str]) -> list[Record]:
        account = params["integrated_account_id"]
        if "date" in params:
            start = moment(params["date"])
            end = start + timedelta(days=1)
        else:
            start, end = moment(params["start_date"]), moment(params["end_date"])
            end += timedelta(milliseconds=1) if self.accounts[account] == "cursor" else timedelta(0)
        first = datetime(2026, 1, 1, tzinfo=UTC)
        number = max(0, -(-(start - first) // STEP))
        made = []
        while (at := first + number * STEP) < min(end, NOW):
            text = at.isoformat()
            charge = {"type": "total", "amount": number / 4, "currency": "USD"}
            record = {"id": f"{account}-{number}", "start_date": text, "end_date": text, "charges": [charge]}
            record["usage"] = {"tokens": {"input": number}}
            record["model"] = {"id": f"model-{number % 3}"}
            made.append(record if self.more is None else record | self.more(record))
            number += 1
        return made


def refusal(status: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"statusCode": status, "error": "Refused", "message": message})


def client(vendor: httpx.AsyncBaseTransport, now: datetime = NOW, **options: Any) -> tu.Client:
    options = {"retries": 0} | options
    return tu.Client(TOKEN, base_url="http://127.0.0.1:1", transport=vendor, clock=lambda: now, **options)


def expected(account: str, first: datetime, last: datetime) -> list[str]:
    """Give the ids of an account's records from `first` to `last`, excluded."""
    origin = datetime(2026, 1, 1, tzinfo=UTC)
    return [f"{account}-{n}" for n in range(-(-(first - origin) // STEP), -(-(last - origin) // STEP))]


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)
