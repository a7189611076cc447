"""Cursor's Admin API as it answers: basic auth, bodies in JSON, pages by number; and how it writes an event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, RawAnswer, RawAsk, RawRoute, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.seeds import choose, integer, rng
from truto_usage_nb.sandbox.vendors.cursor.story import (
    TOOL,
    Event,
    Member,
    Payer,
    cursor_instant,
    cycle_start,
    day_events,
    days_through,
    members,
    milliseconds_of,
    moment_of,
)


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


_LONGEST = timedelta(days=30)
_YEARS = range(1971, 9999)  # epoch milliseconds are not negative, and a calendar ends


@dataclass(frozen=True, slots=True)
class _Window:
    """First and last instant, both included, in epoch milliseconds."""

    first: int
    last: int

    @property
    def first_day(self) -> date:
        """The UTC day of the first instant."""
        return moment_of(self.first).date()

    @property
    def last_day(self) -> date:
        """The UTC day of the last instant."""
        return moment_of(self.last).date()

    def __contains__(self, milliseconds: int) -> bool:
        return self.first <= milliseconds <= self.last


def window_of(ask: Ask) -> _Window:
    """Return the window asked for; a missing end is 30 days from the other, and nothing given is up to now.

    A date alone is its midnight in UTC. Raises `Refused` (400) for text that is no date, a start after the end, and
    more than 30 days.
    """
    start, end = _instant("startDate", ask.start_date), _instant("endDate", ask.end_date)
    if end is None:
        end = ask.world.now if start is None else min(ask.world.now, start + _LONGEST)
        end = end if start is None else max(start, end)
    if start is None:
        start = end - _LONGEST
    if start > end:
        raise _bad_request("startDate must be before or equal to endDate")
    if end - start > _LONGEST:
        raise _bad_request("Date range cannot exceed 30 days")
    return _Window(milliseconds_of(start), milliseconds_of(end))


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad_request(f"{name} is not a valid date: {text!r}") from None
    if moment.year not in _YEARS:
        raise _bad_request(f"{name} is out of range: {text!r}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _bad_request(message: str) -> Refused:
    return Refused(400, {"error": "Bad Request", "message": message})


_ENDPOINT = "/teams/filtered-usage-events"
MAX_PAGE = 1000
DEFAULT_PAGE = 100
_FILTERS = {"email": "userEmail", "serviceAccountId": "serviceAccountId"}


def raw_rows(ask: Ask) -> Iterable[Raw]:
    """Return the events of the window, newest first, made a day at a time; raise `Refused` for a window too long."""
    return _collect(ask, window_of(ask))


def _collect(ask: Ask, window: _Window) -> Iterator[Raw]:
    now, world = milliseconds_of(ask.world.now), ask.world
    wanted = {field: ask.remote_query[name] for name, field in _FILTERS.items() if name in ask.remote_query}
    period = {"startDate": window.first, "endDate": window.last}
    for day in reversed(list(days_through(window.first_day, min(window.last_day, world.now.date())))):
        for event in reversed(day_events(world.seed, day, world.scale)):
            recorded_at = event.recorded_at
            if event.at not in window or recorded_at > now:
                continue
            row = event_row(event)
            if not wanted or all(row.get(field) == value for field, value in wanted.items()):
                yield Raw(row, _ENDPOINT, {"period": period, "recorded_at": _hour(recorded_at)})


@lru_cache(maxsize=1024)  # a month of hours, each with many events
def _hour(milliseconds: int) -> str:
    return cursor_instant(moment_of(milliseconds))


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


def spend_page(world: World) -> dict[str, Any]:
    """Return the cycle that holds the world's moment, up to it.

    On-demand spend is what is chargeable; overall spend adds what the plan covered. Service accounts have a row of
    their own, so that the page adds up to the events exactly.
    """
    first = cycle_start(world.now.date())
    events = _recorded(world)
    rows = [_row(member, [event for event in events if event.member is member]) for member in members(world.seed)]
    start = milliseconds_of(datetime.combine(first, time(), UTC))
    return {"teamMemberSpend": rows, "subscriptionCycleStart": start, "totalMembers": len(rows), "totalPages": 1}


def _recorded(world: World) -> list[Event]:
    now, today = milliseconds_of(world.now), world.now.date()
    cycle = days_through(cycle_start(today), today)
    return [event for day in cycle for event in day_events(world.seed, day, world.scale) if event.recorded_at <= now]


def _row(member: Member, events: list[Event]) -> dict[str, Any]:
    on_demand = sum((event.charged for event in events if event.chargeable), Decimal(0))
    covered = sum((event.charged for event in events if event.covered), Decimal(0))
    return {
        "userId": member.account_id,
        "spendCents": float(on_demand),
        "overallSpendCents": float(on_demand + covered),
        "fastPremiumRequests": sum(event.kind is Payer.USAGE_BASED for event in events),
        "name": member.person.name,
        **({} if member.email is None else {"email": member.email}),
        "role": "member",
        "hardLimitOverrideDollars": 0,
        "monthlyLimitDollars": None,
    }


KEYS = {"cursor": {"api_key": "crsr_5f0e1c2d3b4a59687786a5b4c3d2e1f0"}}
_ACCOUNT = next(account for account in ACCOUNTS if account.id == "cursor")
_EXTENSIONS = (".ts", ".tsx", ".py", ".go", None)


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
    question = Ask(
        world, _ACCOUNT, start_date=cursor_instant(start), end_date=cursor_instant(end), remote_query=dict(filters)
    )
    return [raw.row for raw in raw_rows(question)]


def _daily(ask: RawAsk) -> RawAnswer:
    """Answer a row a member and day; without page and size, active members alone and no pagination."""
    start, end = _window(ask.body)
    last = min(end.date(), ask.world.now.date())
    rows = [
        _day_row(ask, member, day, number)
        for day in days_through(start.date(), last)
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
        "usageBasedReqs": sum(event.kind is Payer.USAGE_BASED for event in events),
        "apiKeyReqs": sum(event.kind is Payer.OWN_KEY for event in events),
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
    if not (isinstance(number, int) and number > 0 and isinstance(size, int) and 0 < size <= MAX_PAGE):
        raise _bad_request(f"page must be at least 1, pageSize between 1 and {MAX_PAGE}")
    return number, size


ROUTES = (
    RawRoute("POST", _ENDPOINT, _events, "60;w=60"),
    RawRoute("POST", "/teams/daily-usage-data", _daily, "20;w=60"),
    RawRoute("POST", "/teams/spend", _spend, "20;w=60"),
    RawRoute("GET", "/teams/members", _members, "20;w=60"),
)
