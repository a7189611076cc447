"""The way out and in: what is tried again, how long is waited, what an error says. Httpx's own seam stands in."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import time
from contextlib import aclosing

import httpx
import pytest

from tests.loopback import FlyingClock, Service, answer, records
from tests.stand_in import GOOD, answers, failure, get, transport_of
from truto_usage_nb import errors
from truto_usage_nb.paging import read_page
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.retry import RETRYABLE_STATUSES
from truto_usage_nb.transport import Transport

QUERY = UsageQuery(integrated_account_id="acc")


# --- what is tried again ---


@pytest.mark.parametrize("status", sorted(RETRYABLE_STATUSES))
def test_these_are_tried_again(status):
    handler = answers(httpx.Response(status), GOOD)
    transport, clock = transport_of(handler)
    assert get(transport).json() == {"result": []}
    assert handler.asked == 2
    assert len(clock.waits) == 1


KINDS = {
    400: errors.InvalidRequestError, 401: errors.AuthenticationError, 403: errors.ForbiddenError,
    404: errors.NotFoundError, 410: errors.CursorExpiredError, 418: errors.InvalidRequestError,
    422: errors.InvalidRequestError, 500: errors.ServiceUnavailableError, 501: errors.ServiceUnavailableError,
}  # fmt: skip


@pytest.mark.parametrize("status", KINDS)
def test_these_are_not(status):
    handler = answers(httpx.Response(status, headers={"retry-after": "1"}))
    error = failure(transport_of(handler)[0])
    assert handler.asked == 1
    assert type(error) is KINDS[status]
    assert (error.status, error.retryable) == (status, False)


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.ReadTimeout(""), httpx.WriteError("x"),
        httpx.ReadError("reset"), httpx.RemoteProtocolError("cut"), httpx.DecodingError("cut gzip"),
        httpx.PoolTimeout("full"),
    ],
)  # fmt: skip
def test_a_broken_line_is_tried_again(fault):
    handler = answers(fault, fault, GOOD)
    transport, _ = transport_of(handler)
    get(transport)
    assert handler.asked == 3
    error = failure(transport_of(answers(fault), retries=1)[0])
    assert isinstance(error, errors.ConnectionFailedError)
    assert error.retryable
    assert "tried 2 times" in str(error)


def test_a_false_certificate_is_not_tried_again():
    handler = answers(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    error = failure(transport_of(handler)[0])
    assert (handler.asked, error.retryable) == (1, False)


def test_a_body_cut_inside_a_whole_answer_is_tried_again():
    handler = answers(httpx.Response(200, content=b'{"result": [{"id"'), GOOD)
    get(transport_of(handler)[0])
    assert handler.asked == 2
    error = failure(transport_of(answers(httpx.Response(200, content=b'{"result')), retries=2)[0])
    assert isinstance(error, errors.ConnectionFailedError)


def test_garbage_is_tried_again_and_then_shown():
    error = failure(transport_of(answers(httpx.Response(200, text="<html>maintenance</html>")), retries=2)[0])
    assert isinstance(error, errors.ProtocolError)
    assert "<html>maintenance</html>" in str(error)
    assert "tried 3 times" in str(error)


# --- what an error says ---


def test_the_error_carries_the_services_own_words():
    said = {
        "statusCode": 422, "error": "Unprocessable Entity", "message": "start_date is too early.",
        "details": {"parameter": "start_date"}, "truto_is_remote_error": True, "raw_response": {"type": "error"},
    }  # fmt: skip
    error = failure(transport_of(answers(httpx.Response(422, json=said)))[0])
    assert str(error) == ("the provider behind the service answered 422 Unprocessable Entity: start_date is too early")
    assert error.is_remote
    assert (error.raw_response, error.details) == ({"type": "error"}, {"parameter": "start_date"})
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the service answered 404 Not Found; check"),
        (b"<h1>nothing\n here</h1>", "404 Not Found: <h1>nothing here</h1>; check"),
        (b'{"message": ["a", "b"]}', "404 Not Found: a; b; check"),
        (b"[1]", "404 Not Found: [1]; check"),
        (b'{"error": {"odd": 1}, "message": null}', "404 Not Found; check"),
    ],
)
def test_whatever_the_error_body_is_the_error_is_a_sentence(content, words):
    assert words in str(failure(transport_of(answers(httpx.Response(404, content=content)))[0]))


def pages_error(handler, **options):
    async def work():
        transport, _ = transport_of(handler, **options)
        had = []
        try:
            async for page in transport.pages(QUERY):
                had.append(page)
        except errors.UsageError as error:
            return had, error
        pytest.fail("no error came")

    return asyncio.run(work())


def test_after_the_last_try_the_error_says_how_often_what_was_had_and_how_to_go_on():
    def handler(request):
        if request.url.params.get("next_cursor") == "c2":
            return httpx.Response(503, json={"message": "upstream is down"})
        cursor = "c2" if "next_cursor" in request.url.params else "c1"
        return httpx.Response(200, json={"result": [{"id": "1"}], "next_cursor": cursor})

    had, error = pages_error(handler, retries=3)
    assert str(error) == (
        "the service answered 503 Service Unavailable: upstream is down; tried 4 times; 2 pages were had; "
        "to go on from there, ask with cursor='c2'"
    )
    assert len(had) == error.pages == 2
    assert error.details == {"cursor": "c2", "tries": 4}


def test_a_first_page_that_fails_says_that_nothing_was_had():
    _, error = pages_error(answers(httpx.Response(504)), retries=1)
    assert str(error).endswith("tried 2 times; no page was had; ask again later")


def test_json_of_another_shape_is_not_tried_again():
    handler = answers(httpx.Response(200, json={"data": []}))
    _, error = pages_error(handler)
    assert isinstance(error, errors.ProtocolError)
    assert handler.asked == 1


def test_a_redirect_is_not_followed():
    handler = answers(httpx.Response(302, headers={"location": "https://elsewhere.test/x?secret=1"}))
    error = failure(transport_of(handler)[0])
    assert isinstance(error, errors.ProtocolError)
    assert "https://elsewhere.test;" in str(error)
    assert (handler.asked, error.status) == (1, 302)


# --- the walk, driven ---


def test_the_next_page_is_on_its_way_while_this_one_is_worked_on():
    async def work(service):
        transport = Transport(token="tk", base_url=service.url)
        told = []
        async with aclosing(transport.pages(QUERY, on_page=told.append)) as pages:
            first = await anext(pages)
            for _ in range(500):  # the caller sits on the first page; the second is asked for all the same
                if len(service.requests) == 2:
                    break
                await asyncio.sleep(0.01)
            assert told == [first]
            assert [one.get("next_cursor") for one in service.requests] == [None, "c1"]
        await transport.aclose()

    with Service(records(4)) as service:
        asyncio.run(work(service))
        assert len(service.requests) == 2  # closing called the walk off


def test_the_next_request_is_on_the_wire_before_this_page_is_read(monkeypatch):
    on_the_wire = []

    def read_slowly(request, content, content_type):
        for _ in range(300):  # the loop stands still here: what has not left by now cannot leave
            if len(service.requests) > request.number:
                break
            time.sleep(0.01)
        on_the_wire.append(len(service.requests))
        return read_page(request, content, content_type)

    monkeypatch.setattr("truto_usage_nb.transport.read_page", read_slowly)
    with Service(records(4)) as service:
        assert walked(service) == [record["id"] for page in records(4) for record in page]
    assert on_the_wire == [2, 3, 4, 4]


def test_a_wrong_hint_is_dropped_and_the_right_page_fetched():
    cut = b'{"result":[{"id":"0-0"},{"id":"0-1","next_cursor":"c2"}'  # whole by its length, and cut where it misleads

    def first_is_cut(path, params, headers):
        return answer(cut) if len(service.requests) == 1 else None

    with Service(records(3)) as service:
        service.respond = first_is_cut
        assert walked(service) == [record["id"] for page in records(3) for record in page]
        assert {"integrated_account_id": "acc", "next_cursor": "c2"} in service.requests[1:3]  # the hint was followed


def test_nothing_is_asked_early_when_the_cap_may_end_the_walk():
    with Service(records(4)) as service:
        assert walked(service, UsageQuery(integrated_account_id="acc", limit=3)) == ["0-0", "0-1", "0-2"]
        assert len(service.requests) == 1


def walked(service, query=QUERY):
    async def work():
        transport = Transport(token="tk", base_url=service.url, clock=FlyingClock())
        pages = [page async for page in transport.pages(query)]
        await transport.aclose()
        return [record["id"] for page in pages for record in json.loads(page.content)["result"][: page.keep]]

    return asyncio.run(work())


def test_cancelling_a_walk_leaves_nothing_running():
    async def work(service):
        transport = Transport(token="tk", base_url=service.url)

        async def consume():
            async for _ in transport.pages(QUERY):
                pass

        task = asyncio.create_task(consume())
        while len(service.requests) < 2:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await transport.aclose()

    with Service(records(3), {1: ["stalled body"]}) as service:
        asyncio.run(work(service))


def test_one_transport_serves_several_loops_one_after_another_and_reopens_after_closing():
    with Service(records(1)) as service:
        transport = Transport(token="tk", base_url=service.url)

        async def work(close):
            reply = await transport.get("/x")
            if close:
                await transport.aclose()
                await transport.get("/x")
            return reply.json()["result"]

        for close in (False, True, False):
            assert asyncio.run(work(close)) == records(1)[0]
        assert transport._connections == {}  # each loop took its own with it


NO_LEFTOVERS = """
import asyncio, gc, sys
from truto_usage_nb import bridge
from truto_usage_nb.transport import Transport
transport = Transport(token="tk", base_url=sys.argv[1])
asyncio.run(transport.get("/x"))
bridge.run(transport.get("/x"))
async def closed_elsewhere():
    await transport.get("/x")
    await transport.aclose()
asyncio.run(closed_elsewhere())
bridge.run(transport.get("/x"))
del transport
gc.collect()
print("done")
"""


def test_no_connection_is_left_open_whether_closed_or_not():
    with Service(records(1)) as service:
        command = [sys.executable, "-W", "error", "-c", NO_LEFTOVERS, service.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_every_answer_is_read_in_the_callers_loop_side_by_side():
    def handler(request):
        return httpx.Response(200, content=json.dumps(dict(request.url.params)))

    transport, _ = transport_of(handler)

    async def work():
        replies = await asyncio.gather(*(transport.get("/x", [("n", str(n))]) for n in range(50)))
        return [reply.json()["n"] for reply in replies]

    assert asyncio.run(work()) == [str(n) for n in range(50)]


def test_real_refusals_come_over_a_real_socket():
    with Service(records(1)) as service:
        service.respond = lambda path, params, headers: answer(b'{"message": "who are you"}', 401)
        error = failure(Transport(token="tk", base_url=service.url))
        assert service.headers[0]["authorization"] == "Bearer tk"
    assert isinstance(error, errors.AuthenticationError)
    assert "who are you; check the token" in str(error)
