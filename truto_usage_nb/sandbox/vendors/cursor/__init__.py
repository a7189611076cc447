"""Cursor: the usage events of a team, whatever report type is asked for.

Served is `POST /teams/filtered-usage-events`. Of the unified parameters it honours the two dates; `email` and
`serviceAccountId` may be passed through `remote_query`. The team's other endpoints are mapped, and served raw alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.cursor.answer import answer
from truto_usage_nb.sandbox.vendors.cursor.fields import instant, milliseconds_of, moment_of
from truto_usage_nb.sandbox.vendors.cursor.generate import day_events
from truto_usage_nb.sandbox.vendors.cursor.plan import days
from truto_usage_nb.sandbox.vendors.cursor.rows import event_row
from truto_usage_nb.sandbox.vendors.cursor.window import Window, window_of
from truto_usage_nb.vendors.cursor.mapping import PRODUCT, event_record

__all__ = ["DEFAULT_PAGE", "MAX_PAGE", "NAME", "RATE_LIMIT", "answer", "collect", "products", "request", "unify"]

NAME = "cursor"
MAX_PAGE = 1000
DEFAULT_PAGE = 100
RATE_LIMIT = "60;w=60"
_ENDPOINT = "/teams/filtered-usage-events"
_FILTERS = {"email": "userEmail", "serviceAccountId": "serviceAccountId"}


def products(account: Account) -> list[dict[str, Any]]:
    """Return the one product of a team."""
    described = {**PRODUCT, "description": "AI code editor"}
    return [{**described, "created_at": account.created_at, "updated_at": account.created_at}]


def collect(ask: Ask) -> Iterable[Raw]:
    """Return the events of the window, newest first, made a day at a time; raise `Refused` for a window too long."""
    return _collect(ask, window_of(ask))


def _collect(ask: Ask, window: Window) -> Iterator[Raw]:
    now, world = milliseconds_of(ask.world.now), ask.world
    wanted = {field: ask.remote_query[name] for name, field in _FILTERS.items() if name in ask.remote_query}
    period = {"startDate": window.first, "endDate": window.last}
    for day in reversed(list(days(window.first_day, min(window.last_day, world.now.date())))):
        for event in reversed(day_events(world.seed, day, world.scale)):
            recorded_at = event.recorded_at
            if event.at not in window or recorded_at > now:
                continue
            row = event_row(event)
            if not wanted or all(row.get(field) == value for field, value in wanted.items()):
                yield Raw(row, _ENDPOINT, {"period": period, "recorded_at": _hour(recorded_at)})


@lru_cache(maxsize=1024)  # a month of hours, each with many events
def _hour(milliseconds: int) -> str:
    return instant(moment_of(milliseconds))


def unify(raw: Raw, ask: Ask) -> list[dict[str, Any]]:  # noqa: ARG001  # an event says everything itself
    """Map one event to its one record."""
    return [event_record(raw.row, recorded_at=raw.context.get("recorded_at"))]


def request(ask: Ask) -> dict[str, Any]:
    """Return the request to Cursor: a JSON body with the window in epoch milliseconds."""
    window = window_of(ask)
    body = {"startDate": window.first, "endDate": window.last, "pageSize": min(ask.limit or DEFAULT_PAGE, MAX_PAGE)}
    filters = {name: ask.remote_query[name] for name in _FILTERS if name in ask.remote_query}
    return {
        "url": f"https://api.cursor.com{_ENDPOINT}",
        "method": "POST",
        "headers": {"content-type": "application/json"},
        "body": {**body, **filters},
    }
