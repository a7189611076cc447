"""Faults fire where, how often and on whom they were asked to, and look as the real ones do."""

from email.utils import parsedate_to_datetime

import httpx
import pytest

from truto_usage_nb.sandbox.app import create_app
from truto_usage_nb.sandbox.faults import STATUSES, Fault, Faults, RequestMoment
from truto_usage_nb.sandbox.service import RequestBudget, parse_limit


@pytest.fixture
def faulty(vendor):
    """Make a service with faults over the tiny vendor."""
    return lambda *faults, **more: create_app(faults=Faults(*faults, **more))


class TestPlan:
    def test_a_wrong_kind_is_named(self):
        with pytest.raises(ValueError, match="kind is 'slow'; allowed are 401"):
            Fault("slow")
        with pytest.raises(ValueError, match="endpoint is 'users'"):
            Fault(500, endpoint="users")

    def test_times_pages_requests_and_accounts(self):
        plan = Faults(
            Fault(500, at=1, times=2), Fault(502, request=3, account="a"), Fault(503, account="b", times=None)
        )
        page0, page1 = RequestMoment("usage", "a", 0), RequestMoment("usage", "a", 1)
        kinds = [[fault.kind for fault in plan.take(moment)] for moment in (page0, page1, page1, page1, page1)]
        assert kinds == [[], ["500"], ["500"], ["502"], []]
        assert [plan.take(RequestMoment("usage", "b"))[0].kind for _ in range(4)] == ["503"] * 4
        assert plan.fired == [2, 1, 4]

    def test_one_that_stops_leaves_those_that_change_for_later(self):
        plan = Faults(Fault("partial"), Fault("latency", seconds=1), Fault(500), Fault(502))
        moment = RequestMoment("usage", "a")
        assert [fault.kind for fault in plan.take(moment)] == ["latency", "500"]
        assert [fault.kind for fault in plan.take(moment)] == ["502"]
        assert [fault.kind for fault in plan.take(moment)] == ["partial"]

    def test_cursor_faults_wait_for_a_cursor(self):
        plan = Faults(Fault("expired_cursor"), Fault("repeated_cursor"))
        assert plan.take(RequestMoment("usage", "a")) == []
        assert [fault.status for fault in plan.take(RequestMoment("usage", "a", 1, has_cursor=True))] == [410]


class TestStatuses:
    @pytest.mark.parametrize("status", STATUSES)
    def test_each_is_an_envelope_once_and_then_over(self, ask, faulty, status):
        app = faulty(Fault(status))
        answer = ask(on=app)
        assert answer.status_code == answer.json()["statusCode"] == status
        assert answer.json()["error"]
        assert ("truto_is_remote_error" in answer.json()) == (status == 422)
        assert ask(on=app).status_code == 200

    def test_a_429_says_how_long(self, ask, faulty):
        answer = ask(on=faulty(Fault(429, seconds=1.2)))
        assert answer.headers["ratelimit-reset"] == answer.headers["retry-after"] == "2"
        assert answer.headers["ratelimit-remaining"] == "0"

    def test_the_four_ways_of_saying_it(self, ask, faulty):
        def headers(hint):
            return ask(on=faulty(Fault(429, seconds=5, hint=hint))).headers

        assert headers("retry-after")["retry-after"] == "5"
        assert headers("retry-after")["ratelimit-reset"] == "60"  # the window as always, not the wait
        assert "retry-after" not in headers("ratelimit-reset")
        assert parsedate_to_datetime(headers("retry-after-date")["retry-after"]).tzinfo is not None
        assert "retry-after" not in headers("none")
        assert ask(on=faulty(Fault(503, seconds=5))).headers["retry-after"] == "5"
        assert "retry-after" not in ask(on=faulty(Fault(503))).headers

    def test_expired_cursor(self, ask, faulty):
        app = faulty(Fault("expired_cursor"))
        cursor = ask(on=app).json()["next_cursor"]
        assert ask(on=app, next_cursor=cursor).status_code == 410

    def test_other_endpoints(self, get, faulty):
        app = faulty(Fault(403, endpoint="accounts", times=None), Fault(500, endpoint="products"))
        assert get("/integrated-account", on=app).status_code == 403
        assert get("/integrated-account/codex", on=app).status_code == 403
        of = ("integrated_account_id", "claude-console")
        assert get("/unified/usage-metering/products", of, on=app).status_code == 500
        assert get("/unified/usage-metering/usage", of, on=app).status_code == 200


class TestPages:
    def test_an_empty_page_has_a_cursor_to_what_it_left_out(self, ask, faulty):
        app = faulty(Fault("empty_page", at=1))
        first = ask(on=app).json()
        empty = ask(on=app, next_cursor=first["next_cursor"]).json()
        assert empty["result"] == []
        assert empty["next_cursor"] not in (None, first["next_cursor"])
        on = ask(on=app, next_cursor=empty["next_cursor"]).json()
        assert on["result"][0]["id"] == "r7"  # the eighth record, where the empty page should have begun

    def test_a_partial_page_says_so(self, ask, faulty):
        envelope = ask(on=faulty(Fault("partial"))).json()
        assert envelope["is_partial_response"] is True
        assert envelope["result_count"] == 3  # half of seven
        assert envelope["next_cursor"]

    def test_a_repeated_cursor_is_the_one_sent(self, ask, faulty):
        app = faulty(Fault("repeated_cursor"))
        cursor = ask(on=app).json()["next_cursor"]
        answer = ask(on=app, next_cursor=cursor, truto_response_format="unified").json()
        assert answer["next_cursor"] == cursor
        assert len(answer["result"]) == 7

    def test_debug_tells_of_the_loop(self, ask, faulty):
        app = faulty(Fault("repeated_cursor"))
        cursor = ask(on=app, truto_response_format="debug").json()["next_cursor"]
        assert ask(on=app, next_cursor=cursor, truto_response_format="debug").json()["debug"]["isLooping"] is True

    def test_garbage_is_no_json(self, ask, faulty):
        answer = ask(on=faulty(Fault("garbage")))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()


class TestBudget:
    def test_it_counts_in_windows(self):
        now = [0.0]
        budget = RequestBudget(tick=lambda: now[0])
        standings = [budget.spend("a", "2;w=10") for _ in range(3)]
        assert [one.remaining for one in standings] == [1, 0, 0]
        assert [one.exceeded for one in standings] == [False, False, True]
        assert not budget.spend("b", "2;w=10").exceeded
        now[0] = 9.5
        assert budget.spend("a", "2;w=10").reset == 1
        now[0] = 10.0
        assert not budget.spend("a", "2;w=10").exceeded

    def test_a_real_budget_refuses_and_a_default_one_never(self, ask, faulty):
        app = faulty(budget="2;w=60")
        answers = [ask(on=app) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].headers["retry-after"] == answers[-1].headers["ratelimit-reset"]
        assert {ask().status_code for _ in range(70)} == {200}  # the vendor's own limit is 60 a minute
        assert [ask(on=faulty(budget=True)).headers["ratelimit-remaining"] for _ in range(1)] == ["59"]

    def test_a_limit_that_is_none(self):
        with pytest.raises(ValueError, match="110;w=10"):
            parse_limit("fast")


class TestBrokenInProcess:
    @pytest.mark.parametrize(
        ("kind", "error"),
        [("cut_body", httpx.RemoteProtocolError), ("reset", httpx.ReadError), ("connect", httpx.ConnectError)],
    )
    @pytest.mark.parametrize("response_format", ["unified", "stream"])
    def test_a_broken_line_is_the_error_of_a_socket(self, ask, faulty, kind, error, response_format):
        app = faulty(Fault(kind))
        with pytest.raises(error) as caught:
            ask(on=app, truto_response_format=response_format)
        assert caught.value.request.url.path.endswith("/usage")
        assert ask(on=app).status_code == 200

    def test_patience_ends_first(self, ask, faulty):
        for fault in (Fault("stall", seconds=30), Fault("latency", seconds=30)):
            with pytest.raises(httpx.ReadTimeout):
                ask(on=faulty(fault), timeout=0.02)

    def test_the_server_gives_up_first(self, ask, faulty):
        with pytest.raises(httpx.RemoteProtocolError):
            ask(on=faulty(Fault("stall", seconds=0.01)), timeout=5)
        assert ask(on=faulty(Fault("latency", seconds=0.01)), timeout=None).status_code == 200
