"""How long is waited before the next try, and when not at all."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from tests.loopback import FlyingClock
from tests.stand_in import GOOD, answers, failure, get, transport_of
from truto_usage_nb import errors
from truto_usage_nb.retry import Backoff


def waits(*responses, **options):
    transport, clock = transport_of(answers(*responses, GOOD), **options)
    get(transport)
    return clock.waits


def test_the_wait_doubles_up_to_a_limit_and_is_set_apart():
    down = [httpx.Response(503)] * 7
    assert waits(*down, retries=7) == [0.375, 0.75, 1.5, 3.0, 6.0, 12.0, 15.0]  # jitter 0.5: three quarters
    assert Backoff().wait(1, None, 0.0) == 0.25
    assert Backoff().wait(99, None, 1.0) == 20.0


class October(FlyingClock):
    def now(self):
        return datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"ratelimit-reset": "7"}, 7),
        (429, {"ratelimit-reset": "7", "retry-after": "30"}, 30),
        (429, {"retry-after": "0", "ratelimit-reset": "9"}, 9),
        (503, {"retry-after": "12"}, 12),
        (503, {"retry-after": "Thu, 01 Oct 2026 00:00:40 GMT"}, 40),
        (503, {"ratelimit-reset": "50", "ratelimit-remaining": "3"}, None),
        (503, {"ratelimit-reset": "50", "ratelimit-remaining": "0"}, 50),
        (503, {"retry-after": "Thu, 01 Oct 2020 00:00:00 GMT"}, None),
        (503, {"retry-after": "soon"}, None),
        (503, {"retry-after": "-5"}, None),
        (503, {"retry-after": "nan"}, None),
    ],
)
def test_the_wait_is_what_the_answer_asks(status, headers, seconds):
    first, *_ = waits(httpx.Response(status, headers=headers), clock=October())
    assert first == pytest.approx(0.375 if seconds is None else seconds * 1.05)


@pytest.mark.parametrize("headers", [{"ratelimit-reset": "301"}, {"retry-after": "Thu, 01 Oct 2026 01:00:00 GMT"}])
def test_a_wait_beyond_the_limit_is_an_error_at_once(headers):
    transport, clock = transport_of(answers(httpx.Response(429, headers=headers)), clock=October())
    error = failure(transport)
    assert isinstance(error, errors.RateLimitError)
    assert "asks to wait" in str(error)
    assert clock.waits == []
