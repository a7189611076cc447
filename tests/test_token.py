"""Where the token may go, and that nothing ever shows it."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import pickle
import re
import time
import traceback
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote, unquote

import httpx
import pytest

import truto_usage_nb as tu
from tests.loopback import FAULTS, FlyingClock, Service, records
from tests.stand_in import GOOD, answers
from truto_usage_nb import errors
from truto_usage_nb.client.blocking import veil
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.reports.worker import quiet_environment
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


# --- however it is spelt ---

ODD = "tk+live/SECRET_0123456789=="
SPELLINGS = {
    "as it is": ODD,
    "with a slash escaped": ODD.replace("/", "\\/"),
    "with one letter escaped": ODD.replace("+", "\\u002B"),
    "all escaped": "".join(f"\\u{ord(letter):04x}" for letter in ODD),
    "percent-encoded": quote(ODD, safe=""),
    "in small letters": quote(ODD, safe="").lower().replace(ODD[3:7].lower(), ODD[3:7]).replace("secret", "SECRET"),
    "percent-encoded twice": quote(quote(ODD, safe=""), safe=""),
    "all percent-encoded": "".join(f"%{ord(letter):02X}" for letter in ODD),
    "in JSON in JSON": json.dumps(json.dumps(ODD).replace("/", "\\/"))[1:-1],
    "as entities": "".join(f"&#{ord(letter)};" for letter in ODD),
    "in base64": b64encode(ODD.encode()).decode(),
    "in base64 with a name": b64encode(f"me:{ODD}".encode()).decode(),
    "in base64 of the header": b64encode(f"Bearer {ODD}".encode()).decode(),
    "in base64 for addresses": urlsafe_b64encode(f"{ODD}:".encode()).decode(),
}


def decoded(text):
    """Undo whatever a reader of the text may undo."""
    for _ in range(3):
        text = unescape(unquote(text))
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text).replace("\\/", "/")
    return text


def is_shown(error):
    """Say whether anything of an error, or of what it came from, gives the token away."""
    said = everything_shown(error) + repr(getattr(error, "__notes__", "")) + repr(vars(error))
    cores = [SPELLINGS[kind][4:-4] for kind in SPELLINGS if "base64" in kind]
    return ODD in said or ODD in decoded(said) or any(core in said for core in cores)


@pytest.mark.parametrize("kind", SPELLINGS)
@pytest.mark.parametrize("status", [401, 422, 503])
@pytest.mark.parametrize("field", ["message", "error", "details", "raw_response"])
def test_a_refusal_that_spells_it_in_any_way_does_not_show_it(kind, status, field):
    value = (
        {"deep": [{f"key {SPELLINGS[kind]}": SPELLINGS[kind]}]}
        if field in ("details", "raw_response")
        else SPELLINGS[kind]
    )
    written = [json.dumps({field: value}), json.dumps({field: value}).replace("/", "\\/").replace("+", "\\u002b")]
    for body in (*written, f"<html>{'x' * 270}{SPELLINGS[kind]}</html>"):
        client = tu.Client(ODD, base_url="https://x.test", transport=saying(status, body), retries=0)
        error = caught_from(lambda client=client: client.load_usage("acc", integration="claude"))
        assert isinstance(error, errors.ServiceError)
        assert not is_shown(error)


def saying(status, body):
    """Give a transport on which every answer is this one."""
    return httpx.MockTransport(lambda _: httpx.Response(status, content=body.encode("utf-8", "surrogatepass")))


BODIES = {
    "no count": '{"result":[{"id":"TOKEN","usage":{"tokens":{"input":"TOKEN"}}}]}',
    "no date": '{"result":[{"id":"r","start_date":"TOKEN"}]}',
    "a long value": '{"result":[{"id":"r","start_date":"' + "x" * 190 + 'TOKEN"}]}',
    "a key": '{"result":[{"id":"r","TOKEN\\u0000":1}]}',
    "no list": '{"result":[{"id":"r","charges":"TOKEN"}]}',
    "a key twice": '{"result":[{"TOKEN":1,"TOKEN":2}]}',
    "another shape": '{"TOKEN":"TOKEN"}',
    "no JSON": "TOKEN TOKEN",
    "an excerpt's end": "x" * 110 + "TOKEN",
    "a loop": '{"result":[],"next_cursor":"TOKEN"}',
    "no cursor": '{"result":[],"next_cursor":["TOKEN"]}',
    "an unusable cursor": '{"result":[],"next_cursor":"TOKEN\\ud800"}',
    "no record": '{"result":["TOKEN"]}',
    "no result": '{"result":"TOKEN"}',
}


@pytest.mark.parametrize("kind", SPELLINGS)
@pytest.mark.parametrize("body", BODIES)
def test_a_good_status_that_echoes_it_does_not_get_it_shown_either(kind, body):
    for spelt in (SPELLINGS[kind], json.dumps(SPELLINGS[kind])[1:-1]):
        client = tu.Client(
            ODD, base_url="https://x.test", retries=0, transport=saying(200, BODIES[body].replace("TOKEN", spelt))
        )
        error = caught_from(lambda client=client: client.load_usage("acc", integration="claude"))
        assert isinstance(error, errors.UsageError)
        assert not is_shown(error)
        again = pickle.loads(pickle.dumps(error))
        assert not is_shown(again)


@pytest.mark.parametrize("kind", ["as it is", "percent-encoded"])
def test_what_is_told_of_a_load_does_not_show_it(kind):
    body = json.dumps({"result": [{"id": "r", SPELLINGS[kind]: 1}]})
    client = tu.Client(ODD, base_url="https://x.test", transport=saying(200, body))
    with pytest.warns(errors.UsageWarning, match="does not name") as told:
        client.load_usage("acc", integration="claude")
    assert not [each for each in told if ODD in unquote(str(each.message))]
    refusing = tu.Client(ODD, base_url="https://x.test", retries=0, transport=some_refused(ODD))
    with pytest.warns(errors.UsageWarning, match="bad") as told:
        result = refusing.fetch_usage(["good", "bad"], integration="claude", on_error="warn")
    assert not [each for each in told if ODD in str(each.message)]
    assert ODD not in repr((result.told, result.gaps, result.notes))
    error = caught_from(lambda: refusing.load_usage(["good", "bad"], integration="claude"))
    assert isinstance(error, errors.PartialLoadError)
    assert not is_shown(error)
    assert not is_shown(error.errors["bad"])


def some_refused(said):
    def handler(request):
        if request.url.params["integrated_account_id"] == "bad":
            return httpx.Response(401, json={"message": said, "details": {"t": said}})
        return httpx.Response(200, json={"result": [{"id": "r"}]})

    return httpx.MockTransport(handler)


def test_notes_and_causes_are_masked_too():
    def fail():
        first = KeyError(f"no {ODD} here")
        first.add_note(f"asked with {ODD}")
        cause = json.JSONDecodeError("bad", f"the body {ODD}", 3)
        cause.__context__ = first
        raise errors.ProtocolError(f"not {ODD}", details=[ODD, (ODD, {ODD: ODD})]) from cause

    token = Secret(ODD)
    error = caught_from(fail)
    error.add_note(f"and {quote(ODD, safe='')}")
    veil(error)
    assert not is_shown(error)
    assert error.details == ["****", ("****", {"****": "****"})]
    assert error.__notes__ == ["and ****"]
    assert token.reveal() == ODD


def test_an_error_from_below_that_quotes_it_is_masked_at_the_door():
    def handler(request):
        raise RuntimeError(f"cannot send {request.headers['authorization']}")

    client = tu.Client(ODD, base_url="https://x.test", transport=httpx.MockTransport(handler), retries=0)
    error = caught_from(lambda: client.load_usage("acc", integration="claude"))
    assert isinstance(error, RuntimeError)
    assert not is_shown(error)


@pytest.mark.parametrize(
    "url", ["https://x.test?tok={}", "https://x.test/{}", "https://x.test/a#{}", "https://{}@x.test", "https://{}.test:port",
            "ftp://x.test/{}", "http://x.test/?a={}", "https://x.test/?a=b&{}", "{}", "https://{}.test"]
)  # fmt: skip
@pytest.mark.parametrize("kind", ["as it is", "percent-encoded"])
def test_an_address_that_carries_it_is_refused_without_showing_it(url, kind):
    error = caught_from(lambda: tu.Client(ODD, base_url=url.format(SPELLINGS[kind])))
    assert isinstance(error, errors.InputError)
    assert "base_url" in str(error)
    assert not is_shown(error)


def test_a_query_in_an_address_is_not_shown_whatever_it_is():
    error = caught_from(lambda: tu.Client(ODD, base_url="https://x.test/a?token=another-secret"))
    assert "another-secret" not in str(error)
    assert "https://x.test/a" in str(error)


@pytest.mark.parametrize("short", ["t", "tk", "the"])
def test_a_short_token_does_not_make_messages_unreadable(short):
    said = "there is no such thing in the tank"
    client = tu.Client(
        short, base_url="https://x.test", transport=saying(404, json.dumps({"message": said})), retries=0
    )
    error = caught_from(lambda: client.load_usage("acc", integration="claude"))
    assert said in str(error)


def test_masking_takes_time_in_proportion():
    token = Secret(ODD)

    def seconds(size, piece):
        text, began = piece * (size // len(piece)), time.process_time()
        token.hide(text)
        return time.process_time() - began

    for piece in ("\\", "%25", "%2", ODD[:-1], "&amp;", "tk", "\\u00", SPELLINGS["in base64"][:-2]):
        assert seconds(800_000, piece) < 10 * max(seconds(200_000, piece), 0.05)


# --- copies ---


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda client: pickle.loads(pickle.dumps(client))])
@pytest.mark.parametrize("make", [
    lambda service: tu.Client(ODD, base_url=service.url, clock=lambda: datetime.now(UTC), concurrency=3),
    lambda service: Transport(token=ODD, base_url=service.url),
    lambda service: tu.sandbox(),
])  # fmt: skip
def test_a_copy_says_that_it_has_no_token_and_asks_nobody(way, make):
    with Service([[{"id": "1"}]]) as service:
        client = make(service)
        if isinstance(client, tu.Client):
            client.load_usage("cursor", integration="cursor", start_date="2026-09-14", limit=1)
        asked = len(service.requests)
        again = way(client)
        assert again.base_url == client.base_url
        assert type(again) is type(client)
        repr(again)
        if isinstance(again, Transport):
            error = caught_from(lambda: asyncio.run(again.get("/x")))
        else:
            error = caught_from(lambda: again.load_usage("cursor", period="2026-09-14"))
            assert isinstance(caught_from(again.list_accounts), errors.InputError)
            again.close()
        assert isinstance(error, errors.InputError)
        assert "has no token" in str(error)
        assert len(service.requests) == asked
        assert not is_shown(error)


def test_a_copy_shows_that_it_is_one():
    assert (
        repr(copy.deepcopy(tu.Client(ODD, base_url="https://x.test")))
        == "Client(base_url='https://x.test', token=None)"
    )
    assert ODD.encode() not in pickle.dumps(tu.Client(ODD))


# --- what a child process inherits ---


def test_no_variable_that_holds_it_reaches_a_report(monkeypatch):
    monkeypatch.setenv("TRUTO_API_TOKEN", ODD)
    monkeypatch.setenv("MY_TRUTO_TOKEN", ODD)
    monkeypatch.setenv("A_HEADER", f"Authorization: Bearer {ODD}")
    monkeypatch.setenv("A_URL", f"https://x.test?t={quote(ODD, safe='')}")
    monkeypatch.setenv("B64", SPELLINGS["in base64"])
    monkeypatch.setenv("HARMLESS", "a value")
    kept = quiet_environment()
    assert kept["HARMLESS"] == "a value"
    assert kept["PATH"] == os.environ["PATH"]
    assert not {"TRUTO_API_TOKEN", "MY_TRUTO_TOKEN", "A_URL", "B64", "A_HEADER"} & set(kept)
    monkeypatch.delenv("TRUTO_API_TOKEN")
    client = tu.Client(ODD)
    assert "MY_TRUTO_TOKEN" not in quiet_environment()
    client.close()


def test_a_short_token_takes_only_its_own_variables_away(monkeypatch):
    monkeypatch.setenv("TRUTO_API_TOKEN", "tk")
    monkeypatch.setenv("COPY", "tk")
    monkeypatch.setenv("OTHER", "a tk or two")
    kept = quiet_environment()
    assert "COPY" not in kept
    assert kept["OTHER"] == "a tk or two"
