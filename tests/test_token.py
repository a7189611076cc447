"""Where the token may go, and that nothing ever shows it."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback

import httpx
import pytest

from tests.loopback import FAULTS, FlyingClock, Service, records
from tests.stand_in import GOOD, answers
from truto_usage_nb import errors
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.secret import Secret
from truto_usage_nb.transport import Transport


@pytest.mark.parametrize(
    "url", ["https://api.truto.one", "https://x.test/base/", "http://127.0.0.1:80", "http://[::1]:9", "http://localhost",
            "http://sandbox.localhost:8000", "http://127.8.8.8"]
)  # fmt: skip
def test_these_urls_may_have_the_token(url):
    assert Transport(token="tk", base_url=url).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://api.truto.one", "http://localhost.evil.test", "http://0.0.0.0", "http://10.0.0.1", "ftp://x.test",
            "api.truto.one", "https://", "", "https://me:pw@x.test", "https://x.test?a=b", "https://x.test:port",
            "http://[::1"]
)  # fmt: skip
def test_these_may_not(url):
    with pytest.raises(errors.InputError) as caught:
        Transport(token="tk", base_url=url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("options", [{"retries": -1}, {"concurrency": 0}, {"retries": 1.5}, {"concurrency": True}])
def test_wrong_settings_are_refused(options):
    with pytest.raises(errors.InputError, match="not allowed"):
        Transport(token="tk", base_url="https://x.test", **options)


def test_what_goes_over_the_wire():
    seen = []

    def handler(request):
        seen.append(request)
        return GOOD

    transport = Transport(token=" tk\n", base_url="https://x.test/base/", transport=httpx.MockTransport(handler))
    asyncio.run(transport.get("/things", [("ids[]", "a b"), ("ids[]", "ü&")]))
    assert str(seen[0].url) == "https://x.test/base/things?ids%5B%5D=a+b&ids%5B%5D=%C3%BC%26"
    assert seen[0].headers["authorization"] == "Bearer tk"


def test_without_a_token_no_header_is_sent():
    seen = []

    def handler(request):
        seen.append(request)
        return GOOD

    asyncio.run(Transport(token=None, base_url="https://x.test", transport=httpx.MockTransport(handler)).get("/x"))
    assert "authorization" not in seen[0].headers


# --- nothing shows it ---

TOKEN = "tk_live_SECRET_0123456789"


def everything_shown(error):
    """Give all that a traceback with locals would show, of the error and of all it came from, hidden or not."""
    text, link, seen = "", error, set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        text += "".join(traceback.TracebackException.from_exception(link, capture_locals=True).format())
        text += repr(link) + repr(link.__dict__) + str(vars(link).get("request"))
        link = link.__cause__ or link.__context__
    return text


def caught_from(work):
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - whatever comes must not show the token
        return error
    pytest.fail("nothing was raised")


def ask_with(handler, **options):
    transport = Transport(
        token=TOKEN, base_url="https://x.test", transport=httpx.MockTransport(handler), retries=1, clock=FlyingClock()
    )
    return lambda: asyncio.run(transport.get("/x", **options))


def raising(kind):
    def handler(request):
        headers = list(request.headers.raw)  # what any layer below may hold in a local
        raise kind("failed") if headers else None

    return handler


@pytest.mark.parametrize(
    "kind",
    [
        httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.LocalProtocolError,
        httpx.UnsupportedProtocol, RuntimeError, ValueError, KeyboardInterrupt, asyncio.CancelledError,
    ],
)  # fmt: skip
def test_an_error_from_below_does_not_show_the_token(kind):
    assert TOKEN not in everything_shown(caught_from(ask_with(raising(kind))))


def test_an_error_raised_while_another_was_handled_does_not_either():
    def handler(request):
        try:
            raising(httpx.ReadError)(request)
        except httpx.ReadError:
            raising(RuntimeError)(request)

    error = caught_from(ask_with(handler))
    assert error.__context__ is not None
    assert TOKEN not in everything_shown(error)


ECHO = {"statusCode": 401, "message": f"bad token {TOKEN}", "details": {"t": TOKEN}, "raw_response": [TOKEN],
        "truto_is_remote_error": True}  # fmt: skip


@pytest.mark.parametrize("status", [200, 302, 401, 422, 503])
def test_a_service_that_repeats_the_token_does_not_get_it_shown(status):
    for response in (
        httpx.Response(status, json=ECHO, headers={"location": f"https://y.test/{TOKEN}"}),
        httpx.Response(status, text=f"<html>{'x' * 110}{TOKEN}</html>"),  # where an excerpt would cut it in two
    ):
        if (status, response.headers["content-type"]) == (200, "application/json"):
            continue  # a good answer
        shown = everything_shown(caught_from(ask_with(answers(response))))
        assert TOKEN not in shown
        assert TOKEN[:10] not in shown


def test_settings_that_are_refused_do_not_show_it():
    for options in (
        {"base_url": "http://x.test"}, {"base_url": "https://x.test", "retries": -1}, {"base_url": "https://x:y"},
    ):  # fmt: skip
        assert TOKEN not in everything_shown(caught_from(lambda options=options: Transport(token=TOKEN, **options)))
    for spoilt in ("\n", " ", "é", "\x00"):
        work = lambda spoilt=spoilt: Transport(token=TOKEN + spoilt + TOKEN, base_url="https://x.test")  # noqa: E731
        error = caught_from(work)
        assert isinstance(error, errors.InputError)
        assert TOKEN not in everything_shown(error)
    assert isinstance(caught_from(lambda: Transport(token=" ", base_url="https://x.test")), errors.InputError)


def ask_for_real(service):
    async def work():
        transport = Transport(token=TOKEN, base_url=service.url, retries=1, timeout=0.3, clock=FlyingClock())
        try:
            async for _ in transport.pages(UsageQuery(integrated_account_id="acc")):
                pass
        finally:
            await transport.aclose()

    return lambda: asyncio.run(work())


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_a_real_line_shows_it_nor_does_any_log(fault, caplog):
    with caplog.at_level(logging.DEBUG), Service(records(2), {1: [fault] * 9}) as service:
        error = caught_from(ask_for_real(service))
        assert service.headers[0]["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in everything_shown(error)
    assert TOKEN not in caplog.text
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert TOKEN.encode() not in pickle.dumps(error)


def test_a_cancelled_request_does_not_show_it():
    async def work(service):
        transport = Transport(token=TOKEN, base_url=service.url)
        task = asyncio.create_task(transport.get("/x"))
        while not service.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return error
        finally:
            await transport.aclose()

    with Service(records(1), {0: ["stalled body"]}) as service:
        assert TOKEN not in everything_shown(asyncio.run(work(service)))


def test_the_transport_itself_does_not_show_it():
    transport = Transport(token=TOKEN, base_url="https://x.test")
    assert repr(transport) == "Transport(base_url='https://x.test')"
    assert TOKEN not in repr(vars(transport))
    secret = Secret(TOKEN)
    assert TOKEN not in f"{secret} {secret!r} {[secret]} {secret!s:>40}"
    assert TOKEN.encode() not in pickle.dumps(secret)
    assert secret.hide(f"x{TOKEN}y") == "x****y"
    assert Secret("").hide("nothing to hide") == "nothing to hide"
