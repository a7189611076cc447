"""Cursor's Admin API as it answers: basic auth, bodies in JSON, pages by number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, RawAnswer, RawAsk, RawRoute, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.seeds import choose, integer, rng
from truto_usage_nb.sandbox.vendors import cursor
from truto_usage_nb.sandbox.vendors.cursor.events import Event, Kind
from truto_usage_nb.sandbox.vendors.cursor.fields import instant, milliseconds_of, moment_of
from truto_usage_nb.sandbox.vendors.cursor.generate import day_events
from truto_usage_nb.sandbox.vendors.cursor.members import TOOL, Member, members
from truto_usage_nb.sandbox.vendors.cursor.plan import days
from truto_usage_nb.sandbox.vendors.cursor.spend import spend_page

KEYS = {"cursor": {"api_key": "crsr_5f0e1c2d3b4a59687786a5b4c3d2e1f0"}}
_ACCOUNT = next(account for account in ACCOUNTS if account.id == "cursor")
_EXTENSIONS = (".ts", ".tsx", ".py", ".go", None)
_LONGEST = timedelta(days=30)


def admit(ask: RawAsk) -> RawAnswer | None:
    """Let in who has the key as user name, and no password."""
    return None if ask.basic() == (KEYS["cursor"]["api_key"], "") else RawAnswer(error(401), 401)


def error(status: int) -> dict[str, Any]:
    """Return Cursor's error body."""
    said = {401: ("Unauthorized", "Invalid API key"), 429: ("Too Many Requests", "Rate limit exceeded")}
    name, message = said.get(status, ("Error", "Something went wrong"))
    return {"error": name, "message": message}


def _events(ask: RawAsk) -> RawAnswer:
    start, end = _window(ask.body)
    filters = tuple((name, str(ask.body[name])) for name in ("email", "serviceAccountId") if name in ask.body)
    rows = _event_rows(ask.world, start, end, filters)
    number, size = _page(ask.body, 100)
    pages = max(1, -(-len(rows) // size))
    body = {
        "totalUsageEventsCount": len(rows),
        "pagination": {
            "numPages": pages,
            "currentPage": number,
            "pageSize": size,
            "hasNextPage": number < pages,
            "hasPreviousPage": number > 1,
        },
        "usageEvents": rows[(number - 1) * size : number * size],
        "period": {"startDate": milliseconds_of(start), "endDate": milliseconds_of(end)},
    }
    return RawAnswer(body)


@lru_cache(maxsize=2)  # the pages of a walk share them
def _event_rows(
    world: World, start: datetime, end: datetime, filters: tuple[tuple[str, str], ...]
) -> list[dict[str, Any]]:
    question = Ask(world, _ACCOUNT, start_date=instant(start), end_date=instant(end), remote_query=dict(filters))
    return [raw.row for raw in cursor.collect(question)]


def _daily(ask: RawAsk) -> RawAnswer:
    """Answer a row a member and day; without page and size, active members alone and no pagination."""
    start, end = _window(ask.body)
    last = min(end.date(), ask.world.now.date())
    rows = [
        _day_row(ask, member, day, number)
        for day in days(start.date(), last)
        for number, member in enumerate(members(ask.world.seed))
        if member.email is not None
    ]
    body: dict[str, Any] = {"period": {"startDate": milliseconds_of(start), "endDate": milliseconds_of(end)}}
    if not {"page", "pageSize"} <= set(ask.body):
        return RawAnswer({"data": [row for row in rows if row["isActive"]], **body})
    number, size = _page(ask.body, 100)
    pages = max(1, -(-len(rows) // size))
    pagination = {
        "page": number, "pageSize": size, "totalUsers": len(rows), "totalPages": pages, "hasNextPage": number < pages,
        "hasPreviousPage": number > 1,
    }  # fmt: skip
    return RawAnswer({"data": rows[(number - 1) * size : number * size], **body, "pagination": pagination})


def _day_row(ask: RawAsk, member: Member, day: Any, number: int) -> dict[str, Any]:
    events = [event for event in day_events(ask.world.seed, day, ask.world.scale) if event.member is member]
    r = rng(ask.world.seed, TOOL, "daily", member.key, day.isoformat())
    busy = len(events)
    row = {
        "userId": 4100 + number,
        "day": day.isoformat(),
        "date": milliseconds_of(datetime.combine(day, time(), UTC)),
        "isActive": busy > 0,
        "totalLinesAdded": busy * integer(r, 10, 60),
        "totalLinesDeleted": busy * integer(r, 2, 20),
        "acceptedLinesAdded": busy * integer(r, 5, 40),
        "acceptedLinesDeleted": busy * integer(r, 1, 10),
        "totalApplies": busy * 2,
        "totalAccepts": busy * 2 - busy // 3,
        "totalRejects": busy // 3,
        "totalTabsShown": busy * integer(r, 3, 9),
        "totalTabsAccepted": busy * 2,
        "composerRequests": busy // 3,
        "chatRequests": busy // 2,
        "agentRequests": busy - busy // 3 - busy // 2,
        "cmdkUsages": busy // 5,
        "bugbotUsages": busy // 9,
        "clientVersion": "2.4.1" if busy else None,
        "email": member.email,
    }
    return {**row, **_asked(events), **_most_used(r, events)}


def _asked(events: list[Event]) -> dict[str, int]:
    return {
        "subscriptionIncludedReqs": sum(event.covered for event in events),
        "usageBasedReqs": sum(event.kind is Kind.USAGE_BASED for event in events),
        "apiKeyReqs": sum(event.kind is Kind.OWN_KEY for event in events),
    }


def _most_used(r: Any, events: list[Event]) -> dict[str, Any]:
    models = sorted({event.model for event in events})
    extension = choose(r, _EXTENSIONS) if events else None
    return {
        "mostUsedModel": models[0] if models else None,
        "applyMostUsedExtension": extension,
        "tabMostUsedExtension": extension,
    }


def _spend(ask: RawAsk) -> RawAnswer:
    body = spend_page(ask.world)
    rows = body["teamMemberSpend"]
    number, size = _page(ask.body or {}, 1000)
    pages = max(1, -(-len(rows) // size))
    return RawAnswer({**body, "teamMemberSpend": rows[(number - 1) * size : number * size], "totalPages": pages})


def _members(ask: RawAsk) -> RawAnswer:
    """Answer the people of the team; whoever was removed is left out, as was reported of the real one."""
    people = [member for member in members(ask.world.seed) if member.email is not None]
    rows = [
        {"id": one.account_id, "name": one.person.name, "email": one.email, "role": "member", "isRemoved": False}
        for one in people
    ]
    return RawAnswer({"teamMembers": rows})


def _window(body: Any) -> tuple[datetime, datetime]:
    """Read the window: two instants in epoch milliseconds, both included, at most 30 days apart."""
    found = body if isinstance(body, Mapping) else {}
    sent = [one for name in ("startDate", "endDate") if isinstance(one := found.get(name), int) and one >= 0]
    if len(sent) != 2:
        raise _bad_request("startDate and endDate are required, in epoch milliseconds")
    start, end = (moment_of(one) for one in sent)
    if start > end:
        raise _bad_request("startDate must be before or equal to endDate")
    if end - start > _LONGEST:
        raise _bad_request("Date range cannot exceed 30 days")
    return start, end


def _page(body: Mapping[str, Any], default: int) -> tuple[int, int]:
    number, size = body.get("page", 1), body.get("pageSize", default)
    if not (isinstance(number, int) and number > 0 and isinstance(size, int) and 0 < size <= cursor.MAX_PAGE):
        raise _bad_request(f"page must be at least 1, pageSize between 1 and {cursor.MAX_PAGE}")
    return number, size


def _bad_request(message: str) -> Refused:
    return Refused(400, {"error": "Bad Request", "message": message})


ROUTES = (
    RawRoute("POST", "/teams/filtered-usage-events", _events, "60;w=60"),
    RawRoute("POST", "/teams/daily-usage-data", _daily, "20;w=60"),
    RawRoute("POST", "/teams/spend", _spend, "20;w=60"),
    RawRoute("GET", "/teams/members", _members, "20;w=60"),
)
