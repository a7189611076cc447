"""The raw rows of a day, as far as the vendor shows them by now, narrowed to what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.vendors.openai_codex import api_rows, codex_rows
from truto_usage_nb.sandbox.vendors.openai_codex.api_facts import day_meters
from truto_usage_nb.sandbox.vendors.openai_codex.codex_facts import day_users
from truto_usage_nb.sandbox.vendors.openai_codex.day import bucket, instant, midnight, requested_day

USAGE_LAG, COSTS_LAG = timedelta(minutes=15), timedelta(hours=6)


def shown_at(day: date, lag: timedelta) -> datetime:
    """Return when a day's rows show, a lag after the day is over."""
    return midnight(day) + timedelta(days=1) + lag


def collect(ask: Ask) -> Iterator[Raw]:
    """Return the rows of the requested day: Codex users, or API usage followed by API costs.

    Raises `Refused` at once for a day that is none. `report_type` makes no difference.
    """
    day = requested_day(ask)
    if day >= ask.world.now.date():
        return iter(())  # a day shows when it is over
    rows = _codex(ask, day) if ask.account.kind == "codex" else _api(ask, day)
    wanted = {"user_id": ask.user_id, "api_key_id": ask.api_key_id}
    filters = {name: value for name, value in wanted.items() if value is not None}
    return (raw for raw in rows if all(raw.row.get(name) == value for name, value in filters.items()))


def _codex(ask: Ask, day: date) -> Iterator[Raw]:
    for user in day_users(ask.world.seed, day, ask.world.scale):
        if user.recorded_at <= ask.world.now:
            context = {**bucket(day), "recorded_at": instant(user.recorded_at)}
            yield Raw(codex_rows.user_row(user), codex_rows.ENDPOINT, context)


def _api(ask: Ask, day: date) -> Iterator[Raw]:
    world, account_id = ask.world, ask.account.id
    used, paid = shown_at(day, USAGE_LAG), shown_at(day, COSTS_LAG)
    if used > world.now:
        return
    meters = day_meters(world.seed, account_id, day, world.scale)
    context = {**bucket(day), "recorded_at": instant(used)}
    for kind in api_rows.KINDS:
        for meter in (one for one in meters if one.stream.kind == kind):
            yield Raw(api_rows.usage_row(meter), api_rows.USAGE_ENDPOINT + kind, context)
    if paid <= world.now:
        context = {**bucket(day), "recorded_at": instant(paid)}
        for row in api_rows.cost_rows(world.seed, account_id, day, meters):
            yield Raw(row, api_rows.COSTS_ENDPOINT, context)


def request(ask: Ask) -> dict[str, Any]:
    """Return the first request an ask becomes: the Codex report, or the completions of an API organisation."""
    times = bucket(requested_day(ask))
    if ask.account.kind == "codex":
        path = codex_rows.ENDPOINT.format(workspace_id=ask.account.organization_id)
        return _get(f"https://api.chatgpt.com{path}", [*times.items(), ("limit", ask.limit or 1000)])
    filters = {"user_ids[]": ask.user_id, "api_key_ids[]": ask.api_key_id}
    groups = [("group_by[]", name) for name in ("project_id", "user_id", "api_key_id", "model", "batch")]
    asked = [(name, value) for name, value in filters.items() if value is not None]
    pairs = [*times.items(), ("bucket_width", "1d"), *groups, *asked]
    return _get(f"https://api.openai.com{api_rows.USAGE_ENDPOINT}completions", pairs)


def _get(url: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    query = urlencode(pairs, safe="[]")
    return {"url": f"{url}?{query}", "method": "GET", "headers": {"accept": "application/json"}, "body": None}
