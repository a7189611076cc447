"""A long page is handed on unread: what turns out to be broken inside of it is asked for again, and nothing is lost."""

from __future__ import annotations

import json

import httpx
import pytest

import truto_usage_nb as tu
from truto_usage_nb.envelope import glanced_envelope, read_envelope
from truto_usage_nb.errors import PartialLoadError, ProtocolError, UsageError, UsageWarning
from truto_usage_nb.paging import LONG_PAGE_BYTES

RECORDS = [
    {"id": f"r{n}", "surface": "x" * 300, "charges": [{"type": "net", "amount": n + 0.5, "currency": "USD"}]}
    for n in range(1200)
]


def body(first, last, cursor=None):
    return json.dumps({"result": RECORDS[first:last], "next_cursor": cursor}).encode()


GOOD = {None: body(0, 400, "b"), "b": body(400, 800, "c"), "c": body(800, 1200)}


class Vendor:
    """Answer each cursor with what is left of its list, the last for ever; `asked` are the cursors in order."""

    def __init__(self, **spoilt):
        self.left = {name: [*spoilt.get(name or "a", []), GOOD[name]] for name in GOOD}
        self.asked = []

    def __call__(self, request):
        if request.url.path.startswith("/integrated-account"):
            return httpx.Response(200, json={"id": "a", "integration": {"name": "cursor"}})
        cursor = request.url.params.get("next_cursor")
        self.asked.append(cursor)
        left = self.left[cursor]
        return httpx.Response(200, content=left.pop(0) if len(left) > 1 else left[0])


def load(vendor, **options):
    client = tu.Client("token-of-a-test", transport=httpx.MockTransport(vendor), retries=2)
    return client.fetch_usage("a", integration="cursor", progress=options.pop("progress", False), **options)


MIDDLE = {
    "a bracket too few": lambda good: good.replace(b'{"id": "r450"', b'"id": "r450"'),
    "a bracket too many": lambda good: good.replace(b'{"id": "r450"', b'{{"id": "r450"'),
    "no JSON": lambda good: good.replace(b'"r450"', b"r450"),
    "a null among the records": lambda good: good.replace(b'{"id": "r450"', b'null, {"id": "r450"'),
    "a number among the records": lambda good: good.replace(b'{"id": "r450"', b'7, {"id": "r450"'),
    "a second page": lambda good: good + good,
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("truto_usage_nb.retry.Backoff.wait", lambda *_: 0.0)


@pytest.mark.parametrize("spoil", MIDDLE.values(), ids=MIDDLE)
def test_a_page_that_is_broken_inside_once_is_asked_for_again(spoil):
    vendor = Vendor(b=[spoil(GOOD["b"])])
    result = load(vendor)
    assert result.frame["id"].to_list() == [f"r{n}" for n in range(1200)]
    assert result.frame["charges_net"].sum() == sum(n + 0.5 for n in range(1200))
    assert result.pages == 3
    assert vendor.asked.count("b") == 2


@pytest.mark.parametrize("spoil", MIDDLE.values(), ids=MIDDLE)
def test_a_page_that_stays_broken_is_the_error_of_its_account(spoil):
    vendor = Vendor()
    vendor.left["b"] = [spoil(GOOD["b"])]
    with pytest.raises(UsageError) as caught:
        load(vendor)
    assert isinstance(caught.value, ProtocolError)
    assert "account 'a'" in str(caught.value)


def test_the_other_accounts_are_not_lost_with_it():
    broken, good = Vendor(), Vendor()
    broken.left["b"] = [MIDDLE["no JSON"](GOOD["b"])]

    def both(request):
        return (broken if request.url.params.get("integrated_account_id") == "broken" else good)(request)

    client = tu.Client("token-of-a-test", transport=httpx.MockTransport(both), retries=1)
    with pytest.raises(PartialLoadError) as caught:
        client.fetch_usage(["broken", "good"], integration="cursor", progress=False)
    assert caught.value.result.frame.height == 1200
    with pytest.warns(UsageWarning, match="broken"):
        result = client.fetch_usage(["broken", "good"], integration="cursor", progress=False, on_error="warn")
    assert result.frame.height == 1200


def test_progress_counts_what_was_read_once(monkeypatch):
    seen = []
    load(Vendor(), progress=seen.append)
    assert (seen[-1].pages, seen[-1].records, seen[-1].done) == (3, 1200, 1)
    assert [each.records for each in seen] == sorted(each.records for each in seen)


def test_a_short_page_is_read_at_once():
    assert max(map(len, GOOD.values())) > LONG_PAGE_BYTES > 1000
    vendor = Vendor()
    short = b'{"result": [{"id": "1"},], "next_cursor": null}'
    vendor.left[None] = [short, b'{"result": [{"id": "1"}], "next_cursor": null}']
    assert load(vendor).frame["id"].to_list() == ["1"]


@pytest.mark.parametrize(
    "content",
    [
        *GOOD.values(), b'{"result":[]}', b'{"result":[],"next_cursor":7}', b'{"result":[],"next_cursor":false}',
        b'{"result":[],"next_cursor":"a","next_cursor":"b"}', b'{"result":{}}', b'[{"id":"1"}]', b"", b"null",
        b'{"result":[],"is_partial_response":true,"result_count":0}', b'{"result":[],"debug":{"a":1}}',
        b'{"result":[{"a":[1],"next_cursor":"x"}],"next_cursor":"y"}', b'{"result":[]} ', b'{"result":[]}}',
    ],
)  # fmt: skip
def test_what_is_glanced_off_the_end_is_what_the_whole_says(content):
    glanced = glanced_envelope(content)
    if glanced is None:
        return
    whole = read_envelope(content)
    assert (glanced.next_cursor, glanced.is_partial, glanced.result_count) == (
        whole.next_cursor, whole.is_partial, whole.result_count,
    )  # fmt: skip
