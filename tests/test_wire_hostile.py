"""Answers and surroundings that mean harm, or that nobody meant: over HTTP on loopback, each ends in our own error."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import time
import zlib
from contextlib import suppress

import httpx
import pytest

import truto_usage_nb as tu
from tests.loopback import FlyingClock, Service, answer
from tests.stand_in import GOOD, answers, failure, get, transport_of
from truto_usage_nb import errors
from truto_usage_nb.envelope import hinted_cursor, read_envelope
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.transport import Transport

QUERY = UsageQuery(integrated_account_id="acc-1")
PAGE = json.dumps({"result": [{"id": "r1"}], "next_cursor": None}).encode()


def walked(service, query=QUERY, **options):
    """Walk all pages; give how many there were, or the error that ended it."""

    async def work():
        transport = Transport(token="a-long-token", base_url=service.url, clock=FlyingClock(), **options)
        try:
            return len([page async for page in transport.pages(query)])
        except errors.UsageError as error:
            return error
        finally:
            await transport.aclose()

    return asyncio.run(work())


def served(body, status=200, headers=None, **options):
    """Give what a walk comes to where every answer is this one, and how often it was asked for."""
    with Service([[]]) as service:
        service.respond = lambda *_: answer(body, status, headers)
        return walked(service, **options), len(service.requests)


# --- the envelope ---


@pytest.mark.parametrize("members", [22, 30, 60, 5000])
@pytest.mark.parametrize("tail", ['"meta": {}}', '"meta": [1]}', '"meta": {', ""])
def test_whatever_the_tail_holds_the_hint_takes_no_time(members, tail):
    said = '{"result": [], "next_cursor": "abc", ' + "".join(f'"k{n:02}": 0, ' for n in range(members)) + tail
    began = time.process_time()
    for _ in range(50):
        hinted_cursor(said.encode())
    assert time.process_time() - began < 5  # the expression before this took hours from 30 members on


def test_the_hint_is_read_off_any_tail_that_fits():
    assert hinted_cursor(b'{"result":[{"next_cursor":"no"}],"next_cursor":"a","debug":{"next":[1,{}]}}') == "a"
    assert hinted_cursor(b'{"next_cursor":"a","result":[]' + b" " * 5000 + b"}") is None


TWICE = [
    '{"result":[],"next_cursor":"a","next_cursor":"b"}',
    '{"next_cursor":"a","result":[],"next_cursor":null}',
    r'{"result":[],"next_cursor":null,"next\u005fcursor":"b"}',
    r'{"next\u005Fcursor":"a","debug":{},"result":[],"next_cursor":"b"}',
    r'{"\u006eext_cursor":"a","result":{},"next_cursor":"b"}',
    '{"result":[],"is_partial_response":true,"is_partial_response":false}',
    '{"result":[{"id":"1"}],"result":[]}',
    '{"result":[],"result_count":1,"result_count":2}',
    '{"id":"1"}\n{"next_cursor":"a","next_cursor":"b"}',
]


@pytest.mark.parametrize("body", TWICE)
def test_a_key_of_the_envelope_that_is_stated_twice_is_refused_by_account(body):
    error, asked = served(body.encode())
    assert isinstance(error, errors.ProtocolError)
    assert "twice" in str(error)
    assert "account 'acc-1'" in str(error)
    assert asked <= 2  # the next page may be asked for before this one is read


def test_a_record_may_say_what_an_envelope_says_and_say_it_often():
    records = [{"result": 1, "next_cursor": "x", "debug": {"next_cursor": "y"}, "note": '"next_cursor"'}] * 3
    for order in (("result", "next_cursor"), ("next_cursor", "result")):
        said = {"result": records, "next_cursor": "c"}
        assert read_envelope(json.dumps({key: said[key] for key in order}).encode()).next_cursor == "c"


@pytest.mark.parametrize("cursor", ["false", "true", "1.5", "[]", "{}", '["c"]', r'"a\ud800"', "1e400"])
def test_what_is_no_cursor_is_refused_by_account_and_value(cursor):
    for body in (f'{{"result":[],"next_cursor":{cursor}}}', f'{{"next_cursor":{cursor},"result":[]}}'):
        error, asked = served(body.encode())
        assert isinstance(error, errors.ProtocolError)
        assert "account 'acc-1'" in str(error)
        assert "next_cursor" in str(error)
        assert asked == 1


@pytest.mark.parametrize("size", [70_000, 3_000_000])
def test_a_cursor_too_long_to_ask_with_is_refused_by_account(size):
    error, asked = served(json.dumps({"result": [], "next_cursor": "c" * size}).encode())
    assert isinstance(error, errors.ProtocolError)
    assert "account 'acc-1': next_cursor='ccc" in str(error)
    assert f"{size:,} characters" in str(error)
    assert len(str(error)) < 2500
    assert asked == 1


@pytest.mark.parametrize("value", ["x" * 100_000, "a\ud800b"])
@pytest.mark.parametrize("name", ["user_id", "cursor", "sort_by"])
def test_what_the_caller_asks_with_is_refused_by_name_too(name, value):
    with Service([[]]) as service:
        error = walked(service, QUERY.replace(**{name: value}))
        assert not service.requests
    assert isinstance(error, errors.InputError if name != "cursor" else errors.ProtocolError)
    assert f"{name.replace('cursor', 'next_cursor')}=" in str(error)
    assert "account 'acc-1'" in str(error)


@pytest.mark.parametrize(("status", "headers"), [(200, {}), (204, {}), (200, {"content-type": "text/html"})])
@pytest.mark.parametrize("body", [b"", b"\n"])
def test_an_answer_without_a_body_is_said_to_be_that_and_not_tried_again(status, headers, body):
    error, asked = served(b"" if status == 204 else body, status, headers)
    assert isinstance(error, errors.ProtocolError)
    assert f"answered {status} without a body" in str(error)
    assert asked == 1


def test_where_lines_are_asked_for_there_may_be_none():
    lines = QUERY.replace(truto_response_format="stream")
    with Service([[]]) as service:
        service.respond = lambda *_: answer(b"")
        assert walked(service, lines) == 1


# --- how large an answer may be ---

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(("coding", "pack"), [
    ("", bytes), ("identity", bytes), ("gzip", gzip.compress), ("GZIP", gzip.compress), ("x-gzip", gzip.compress),
    ("deflate", zlib.compress), ("deflate", lambda content: zlib.compress(content, wbits=-15)),
    ("gzip", lambda content: gzip.compress(content[:9]) + gzip.compress(content[9:])),
    ("gzip, gzip", lambda content: gzip.compress(gzip.compress(content))),
    ("identity, x-gzip", gzip.compress),
])  # fmt: skip
def test_an_answer_is_read_however_it_is_packed(coding, pack):
    body = json.dumps({"result": [{"id": "r1", "note": "ü" * 500_000}]}).encode()
    assert served(pack(body), headers={"content-encoding": coding} if coding else {}) == (1, 1)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda content: gzip.compress(gzip.compress(content))])
def test_an_answer_that_is_too_large_is_refused_with_the_setting(pack):
    body = pack(b'{"result":[' + b" " * MEGABYTE + b"]}")
    headers = {} if pack is bytes else {"content-encoding": "gzip, gzip" if b"\x1f\x8b" in body[20:] else "gzip"}
    if pack is not bytes and pack is not gzip.compress:
        headers = {"content-encoding": "gzip, gzip"}
    error, asked = served(body, headers=headers, max_body_bytes=MEGABYTE)
    assert isinstance(error, errors.ProtocolError)
    assert "max_body_bytes=1,048,576" in str(error)
    assert "account 'acc-1'" in str(error)
    assert asked == 1
    assert served(body, headers=headers, max_body_bytes=MEGABYTE + 13) == (1, 1)


def test_an_answer_in_chunks_without_a_length_is_bounded_too():
    with Service([[]]) as service:
        chunks = b"".join(b"10000\r\n" + b" " * 65536 + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
        service.respond = lambda *_: b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks
        assert "max_body_bytes=1,000,000" in str(walked(service, max_body_bytes=1_000_000))


BOMB = """
import asyncio, resource, sys, zlib
from truto_usage_nb.errors import UsageError
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.transport import Transport
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
async def work():
    transport = Transport(token="a-long-token", base_url=sys.argv[1], retries=0, max_body_bytes=50_000_000)
    try:
        async for _ in transport.pages(UsageQuery(integrated_account_id="acc-1")):
            pass
    except UsageError as error:
        print(type(error).__name__, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    await transport.aclose()
asyncio.run(work())
"""


@pytest.mark.parametrize(("status", "kind"), [(200, "ProtocolError"), (500, "ServiceUnavailableError")])
def test_a_small_answer_that_unpacks_to_a_gigabyte_takes_little_memory(status, kind):
    pytest.importorskip("resource")
    bomb = gzip.compress(b" " * (64 * MEGABYTE)) * 16  # members of gzip follow each other
    assert len(bomb) < 2 * MEGABYTE
    with Service([[]]) as service:
        service.respond = lambda *_: answer(bomb, status, {"content-encoding": "gzip"})
        command = [sys.executable, "-c", BOMB, service.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said, megabytes = done.stdout.split()
    assert said == kind
    assert int(megabytes) < 250


def test_a_coding_that_nobody_asked_for_is_named():
    error, asked = served(b"\x1b\x00", headers={"content-encoding": "br"})
    assert "packed as 'br', which was not asked for (gzip, deflate)" in str(error)
    assert asked == 1


def test_a_packed_answer_that_is_cut_or_garbled_is_a_broken_line():
    whole = gzip.compress(PAGE)
    for body in (whole[:-9], whole[:12] + b"garbage" + whole[12:], b"no gzip at all"):
        error, asked = served(body, headers={"content-encoding": "gzip"}, retries=2)
        assert isinstance(error, errors.ConnectionFailedError)
        assert "could not be decompressed" in str(error)
        assert asked == 3


def test_the_setting_is_the_clients():
    with Service([[]]) as service, tu.Client("a-long-token", base_url=service.url, max_body_bytes=100) as client:
        service.respond = lambda *_: answer(PAGE + b" " * 100)
        with pytest.raises(errors.ProtocolError, match="max_body_bytes=100"):
            client.load_usage("acc-1", integration="claude")
    for wrong in (0, -1, 1.5, True, "1"):
        with pytest.raises(errors.InputError, match="max_body_bytes"):
            tu.Client("a-long-token", max_body_bytes=wrong)


# --- refusals ---


def refused(body, status=500):
    return failure(transport_of(answers(httpx.Response(status, content=body)), retries=0)[0])


@pytest.mark.parametrize("body", [
    json.dumps({"message": "x" * 5_000_000}), json.dumps({"message": ["x" * 100] * 50_000}),
    json.dumps({"message": {"a": "x" * 5_000_000}}), json.dumps({"error": "x" * 5_000_000, "message": "y"}),
    "x" * 5_000_000, json.dumps({"message": "x" * 20_000_000}),
])  # fmt: skip
def test_a_message_of_megabytes_is_cut(body):
    error = refused(body.encode())
    assert isinstance(error, errors.ServiceUnavailableError)
    assert 100 < len(str(error)) < 2500


@pytest.mark.parametrize("levels", [500, 990, 100_000])
@pytest.mark.parametrize("key", ["message", "details", "raw_response", "error"])
@pytest.mark.parametrize(("opens", "shuts"), [("[", "]"), ('{"a":[', "]}")])
def test_an_error_body_nested_beyond_reason_is_a_sentence(levels, key, opens, shuts):
    error = refused(f'{{"{key}":{opens * levels}{shuts * levels}}}'.encode(), 422)
    assert isinstance(error, errors.InvalidRequestError)
    assert len(str(error)) < 2500
    repr((error.details, error.raw_response))


@pytest.mark.parametrize("word", ["message", "error"])
def test_what_the_service_says_has_no_line_of_its_own_and_no_control_code(word):
    said = "gone\r\ntruto-usage: all is well\x1b[2J\x07\u202e\u2028\x85 \x00"
    for body in (json.dumps({word: said}), json.dumps({"message": [said, said]}), said):
        text = str(refused(body.encode(), 404))
        assert text.isprintable()
        assert "gone truto-usage: all is well" in text


# --- headers ---

DIGITS = "9" * 5000


@pytest.mark.parametrize("name", ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"])
@pytest.mark.parametrize("value", [DIGITS, "1" + "0" * 20])
def test_a_budget_that_is_no_number_of_use_is_refused_by_account_header_and_value(name, value):
    error, asked = served(PAGE, headers={name: value})
    assert isinstance(error, errors.ProtocolError)
    assert f"account 'acc-1': the header {name} is '{value[:20]}" in str(error)
    assert len(str(error)) < 500
    assert asked == 1


def test_a_window_of_the_budget_that_is_no_number_of_use_is_refused_too():
    error, _ = served(PAGE, headers={"ratelimit-limit": f"5;w={DIGITS}"})
    assert "the header ratelimit-limit is '5;w=999" in str(error)


@pytest.mark.parametrize("headers", [
    {"ratelimit-limit": "many"}, {"ratelimit-remaining": "-1"}, {"ratelimit-reset": "soon"}, {"ratelimit-reset": "1e9"},
    {"ratelimit-remaining": "٣"}, {"ratelimit-limit": "5;w=x"}, {"ratelimit-limit": ""},
    {"ratelimit-remaining": "000000000000000000000000000003"},
])  # fmt: skip
def test_a_budget_that_is_no_number_at_all_is_passed_over(headers):
    handler = answers(httpx.Response(200, headers={k: v.encode() for k, v in headers.items()}, content=PAGE))
    get(transport_of(handler)[0], account="acc-1")


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_with_headers_of_no_use_says_what_it_refuses(status):
    headers = dict.fromkeys(("ratelimit-limit", "ratelimit-remaining", "retry-after"), DIGITS)
    error, _ = served(b'{"message":"slow down"}', status, headers, retries=2)
    assert "slow down" in str(error)
    assert "asks to wait 1,000,000,000 seconds" in str(error)


@pytest.mark.parametrize("date", [
    "Thu, 01 Oct 99999999999999999999 00:00:00 GMT", "Thu, 99 Oct 2026 00:00:00 GMT", "Thu, 01 Oct 2026 00:00:00 +9999",
    f"Thu, 01 Oct {DIGITS} 00:00:00 GMT", "Thu, 01 Oct 2026 99:99:99 GMT", ",", "Thu,", "0001", "1e400", "inf",
    "Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359",
])  # fmt: skip
def test_a_date_to_wait_for_that_is_none_is_passed_over_or_waited_for_in_vain(date):
    error, _ = served(b"", 503, {"retry-after": date}, retries=1)
    assert isinstance(error, errors.ServiceUnavailableError)


@pytest.mark.parametrize("where", ["http://[::1", "https://a\x7f.test/", "//", "http://" + "a" * 5000, "x" * 9000, ""])
def test_a_redirect_to_anywhere_is_a_sentence(where):
    error, asked = served(b"", 302, {"location": where})
    assert isinstance(error, errors.ProtocolError)
    assert str(error).isprintable()
    assert len(str(error)) < 700
    assert asked == 1


@pytest.mark.parametrize("headers", [
    {"ratelimit-limit": "0", "ratelimit-remaining": "0"}, {"ratelimit-remaining": "0"},
    {"ratelimit-limit": "0;w=0", "ratelimit-remaining": "0", "ratelimit-reset": "0"}, {"ratelimit-limit": "0"},
])  # fmt: skip
def test_a_budget_of_nothing_goes_on_one_by_one_instead_of_waiting_busily(headers):
    transport, clock = transport_of(answers(httpx.Response(200, headers=headers, json={"result": []})))

    async def work():
        await asyncio.gather(*(transport.get("/x", account="acc-1") for _ in range(20)))

    asyncio.run(asyncio.wait_for(work(), 60))
    assert len(clock.waits) < 50  # a busy loop would have slept without end


# --- surroundings ---

SURROUNDINGS = {
    "NO_PROXY": ("[::1]", "localhost,[fe80::1]:8", "ü.test"),
    "no_proxy": ("[::1]",),
    "HTTPS_PROXY": ("socks5://me:pa55word@proxy.test:1080", "ftp://me:pa55word@x", "http://me:pa55word@[::1", "http://x:port",
                    "http://" + "a" * 70 + ".test", "http://"),
    "https_proxy": ("ftp://x",),
    "ALL_PROXY": ("socks5h://x", "gopher://x"),
    "SSL_CERT_FILE": ("/nope", "/", "/dev/null"),
    "SSLKEYLOGFILE": ("/nope/x",),
}  # fmt: skip
CASES = [(name, value) for name, values in SURROUNDINGS.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
@pytest.mark.parametrize("on_error", ["raise", "warn"])
def test_a_variable_that_cannot_be_used_is_named_and_its_password_is_not(name, value, on_error, monkeypatch):
    from truto_usage_nb.transport import connections

    for other in (*SURROUNDINGS, "http_proxy", "HTTP_PROXY", "all_proxy", "SSL_CERT_DIR"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    connections.certificates.cache_clear()
    with tu.Client("a-long-token", base_url="https://127.0.0.1:1", retries=0, timeout=5) as client:
        with pytest.raises(errors.UsageError, match=name) as caught:
            client.load_usage(["acc-1", "acc-2"], integration="claude", on_error=on_error)
        for error in getattr(caught.value, "errors", {"": caught.value}).values():
            assert isinstance(error, errors.InputError)
            assert name in str(error)
    assert "pa55word" not in str(caught.value)


def test_who_cannot_be_reached_is_named():
    client = tu.Client("a-long-token", base_url="http://127.0.0.1:9/base", retries=0)
    with (
        client,
        pytest.raises(errors.ConnectionFailedError, match=r"could not be reached at http://127\.0\.0\.1:9/base"),
    ):
        client.load_usage("acc-1", period="2026-10")
    error = failure(transport_of(answers(httpx.ConnectError("All connection attempts failed")), retries=1)[0])
    assert "the service could not be reached at https://api.test (All connection attempts failed)" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "https://" + "a" * 64 + ".test",
        "https://a..test",
        "https://exa mple.test",
        "https://a_b\x00.test",
        5,
        b"https://x",
    ],
)
def test_an_address_that_no_server_has_is_refused_at_once(url):
    with pytest.raises(errors.InputError, match="base_url"):
        tu.Client("a-long-token", base_url=url)


@pytest.mark.parametrize("timeout", ["soon", 0, -1, True, None, float("nan")])
def test_a_patience_that_is_none_is_refused_at_once(timeout):
    with pytest.raises(errors.InputError, match="timeout="):
        tu.Client("a-long-token", timeout=timeout)


# --- one account's harm is its own ---

HARM = {
    "a long cursor": lambda: answer(json.dumps({"result": [], "next_cursor": "c" * 100_000}).encode()),
    "half a surrogate": lambda: answer(rb'{"result":[],"next_cursor":"\ud800"}'),
    "no cursor": lambda: answer(b'{"result":[],"next_cursor":false}'),
    "a header": lambda: answer(PAGE, headers={"ratelimit-remaining": DIGITS}),
    "no body": lambda: answer(b""),
    "a coding": lambda: answer(PAGE, headers={"content-encoding": "br"}),
    "a redirect": lambda: answer(b"", 302, {"location": "http://[::1"}),
    "a deep refusal": lambda: answer(b"[" * 100_000, 422),
    "a key": lambda: answer(rb'{"result":[{"id":"r1","a\u0000b":1}]}'),
}


@pytest.mark.parametrize("kind", HARM)
def test_whatever_one_account_answers_the_other_is_loaded(kind):
    def respond(path, params, headers):
        if "integrated-account" in path:
            return answer(b'{"integration":{"name":"claude"}}')
        return HARM[kind]() if params["integrated_account_id"] == "bad" else answer(PAGE)

    with Service([[]]) as service, tu.Client("a-long-token", base_url=service.url, retries=0) as client:
        service.respond = respond
        with pytest.warns(errors.UsageWarning, match="bad: "):
            frame = client.load_usage(["good", "bad"], on_error="warn")
        assert frame["integrated_account_id"].to_list() == ["good"]
        with pytest.raises(errors.PartialLoadError, match="bad") as caught:
            client.load_usage(["good", "bad"])
        assert set(caught.value.errors) == {"bad"}


@pytest.mark.parametrize("account", [".", "..", "\ud800"])
def test_an_id_that_leads_elsewhere_is_never_asked_for(account):
    with Service([[]]) as service, tu.Client("a-long-token", base_url=f"{service.url}/base", retries=0) as client:
        for ask in (lambda: client.load_usage(account, period="2026-10"), lambda: client.load_usage(account)):
            with pytest.raises(errors.UsageError):
                ask()
        assert not service.requests


@pytest.mark.parametrize("body", [
    b'{"result":[5]}', b'{"result":[null]}', b'{"result":[["a"]]}', b'{"result":[{"id":"a","integration":"claude"}]}',
    b'{"result":[{"id":7,"integration":[],"is_sandbox":"yes","name":{"a":1}}]}', b'{"result":[],"next_cursor":{"a":1}}',
    rb'{"result":[{"id":"\ud800","name":"\ud800","integration":{"name":{"a":[]}}}]}',
    b'{"result":[],"next_cursor":true}',
    b'{"result":[{"id":' + b"[" * 900 + b"]" * 900 + b"}]}", b'{"result":[{"id":' + b"[" * 9000 + b"]" * 9000 + b"}]}",
    b'{"result":[{"id":' + b"9" * 5000 + b"}]}", b"", b"[" * 9000, b'{"result":[],"next_cursor":"a","next_cursor":"b"}',
])  # fmt: skip
def test_a_listing_of_whatever_is_a_frame_or_our_own_error(body):
    with Service([[]]) as service, tu.Client("a-long-token", base_url=service.url, retries=0) as client:
        service.respond = lambda *_: answer(body)
        for ask in (
            client.list_accounts,
            lambda: client.list_products("a"),
            lambda: client.load_usage("a", period="2026"),
        ):
            with suppress(errors.UsageError):
                ask()


def test_good_answers_are_still_good():
    assert get(transport_of(answers(GOOD))[0]).json() == {"result": []}
