"""The pace of an account: its budget is followed before a 429 comes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from tests.loopback import FlyingClock
from tests.stand_in import GOOD, answers, transport_of
from truto_usage_nb import errors
from truto_usage_nb.limits import AccountLimit, RateLimit


def test_the_budget_is_followed_before_a_429_comes():
    """A window of five calls: the first tells, four follow, and the rest wait for the next window."""
    clock = FlyingClock()
    window = {"began": clock.monotonic(), "used": 0}

    def handler(request):
        if clock.monotonic() >= window["began"] + 10:
            window.update(began=clock.monotonic(), used=0)
        window["used"] += 1
        reset = window["began"] + 10 - clock.monotonic()
        headers = {"ratelimit-limit": "5;w=10", "ratelimit-remaining": str(max(0, 5 - window["used"]))}
        status = 200 if window["used"] <= 5 else 429
        handler.statuses.append(status)
        return httpx.Response(status, headers={**headers, "ratelimit-reset": f"{reset + 0.01:.3f}"}, json=[])

    handler.statuses = []
    transport, _ = transport_of(handler, clock=clock)

    async def work():
        await asyncio.gather(*(transport.get("/x", account="acc") for _ in range(23)))

    asyncio.run(work())
    assert handler.statuses == [200] * 23
    seen = transport.rate_limits["acc"]
    assert (seen.limit, seen.window_seconds, seen.remaining) == (5, 10, 2)  # 23 = 4 windows of 5, and 3


def test_one_account_waits_and_the_other_does_not():
    def handler(request):
        used_up = {"ratelimit-limit": "1;w=60", "ratelimit-remaining": "0", "ratelimit-reset": "60"}
        return httpx.Response(200, headers=used_up if request.url.path == "/slow" else {}, json=[])

    transport, clock = transport_of(handler)

    async def work():
        for _ in range(3):
            await transport.get("/slow", account="slow")
            await transport.get("/quick", account="quick")

    asyncio.run(work())
    assert [round(wait) for wait in clock.waits] == [60, 60]
    assert set(transport.rate_limits) == {"slow"}


def test_a_budget_that_opens_too_late_is_an_error_before_anything_is_sent():
    handler = answers(httpx.Response(200, headers={"ratelimit-remaining": "0", "ratelimit-reset": "3600"}, json=[]))
    transport, clock = transport_of(handler)

    async def work():
        await transport.get("/x", account="acc")
        with pytest.raises(errors.RateLimitError, match="opens again in 3,600 seconds"):
            await transport.get("/x", account="acc")

    asyncio.run(work())
    assert (handler.asked, clock.waits) == (1, [])


def test_a_429_holds_back_the_account_s_other_requests():
    handler = answers(httpx.Response(429, headers={"retry-after": "20"}), GOOD)
    transport, clock = transport_of(handler)

    async def work():
        await asyncio.gather(*(transport.get("/x", account="acc") for _ in range(3)))

    asyncio.run(work())
    assert handler.asked == 4
    assert max(clock.waits) >= 20


def test_no_more_requests_are_under_way_than_concurrency_allows():
    most = {"now": 0, "most": 0}

    async def handler(request):
        most["now"] += 1
        most["most"] = max(most["most"], most["now"])
        await asyncio.sleep(0.002)
        most["now"] -= 1
        return GOOD

    transport, _ = transport_of(handler, concurrency=3)

    async def work():
        await asyncio.gather(*(transport.get("/x", account=str(n)) for n in range(20)))

    asyncio.run(work())
    assert most["most"] == 3


def told(remaining, limit=10, reset=60.0):
    return RateLimit(limit, 60, remaining, reset, datetime(2026, 10, 1, tzinfo=UTC))


def asked_at_once(answers_heard, requests):
    """Send the first alone, then `requests` side by side; hear their answers as told; how many more may pass now?"""
    clock = FlyingClock()
    limit = AccountLimit(clock, 3600.0)

    async def work():
        async with limit.turn() as number:
            limit.heard(told(9), number)
        turns = [limit.turn() for _ in range(requests)]
        numbers = [await turn.__aenter__() for turn in turns]
        for place, remaining in answers_heard:
            limit.heard(told(remaining), numbers[place])
        for turn in turns:
            await turn.__aexit__(None, None, None)
        passed = 0
        while limit._may_pass():
            async with limit.turn():
                passed += 1
        return passed

    return asyncio.run(work())


def test_an_answer_that_was_overtaken_tells_nothing_new():
    """The window opened anew between the second and the fourth: 9 remain, whatever the second's answer says late."""
    assert asked_at_once([(2, 9), (0, 3)], 3) == 9
    assert asked_at_once([(0, 3), (2, 9)], 3) == 9


def test_requests_sent_since_come_off_what_an_answer_says_remains():
    """The second's answer says 8 remain; the third and the fourth were sent since: 6 may still go."""
    assert asked_at_once([(0, 8)], 3) == 6
    assert asked_at_once([(1, 7)], 3) == 6


def test_a_refusal_shuts_the_gate_before_any_budget_was_heard_of():
    clock = FlyingClock()
    limit = AccountLimit(clock, 100)

    async def work():
        async with limit.turn():
            limit.shut(7)
        async with limit.turn():  # nobody is under way, and still it waits
            pass

    asyncio.run(work())
    assert [round(wait) for wait in clock.waits] == [7]
