"""The walk and the envelope: no I/O anywhere, the awkward bodies first."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truto_usage_nb.envelope import Envelope, hinted_cursor, read_envelope
from truto_usage_nb.errors import ConnectionFailedError, CursorLoopError, ProtocolError
from truto_usage_nb.paging import read_page, walk
from truto_usage_nb.query import UsageQuery


def query(**parameters):
    return UsageQuery(integrated_account_id="acc", **parameters)


def body(records=1, cursor=None, **more):
    return json.dumps({"result": [{"id": str(n)} for n in range(records)], "next_cursor": cursor, **more}).encode()


def walked(walking, *bodies):
    """Send bodies into a walk; give the requests it made, and whether it ended."""
    requests, left = [next(walking)], list(bodies)
    while left:
        try:
            requests.append(walking.send(read_page(requests[-1], left.pop(0))))
        except StopIteration:
            assert not left, f"the walk ended with {len(left)} bodies unread"
            return requests, True
    return requests, False


# --- the envelope: facts that look like the envelope's but are not ---

LOOKALIKES = [
    (b'{"next_cursor":"real","result":[{"id":"1","note":"x","next_cursor":"fake"}]}', "real"),
    (b'{"result":[{"id":"1"}],"next_cursor":"real","debug":{"next_cursor":"fake"}}', "real"),
    (b'{"result":[{"id":"]},\\"next_cursor\\":\\"fake\\"}"}],"next_cursor":"real"}', "real"),
    (b'{"result":[{"id":"1","remote_data":{"next_cursor":"fake"}}]}', None),
    (b'{"result":[{"id":"1"}],"next_cursor":"a\\"b\\\\"}', 'a"b\\'),
    (b'{"result":[{"id":"1"}],"next_cursor":"\\u0041\\/"}', "A/"),
    (b' \n{"result" : [ ] ,\r\n "next_cursor" : "spaced" } \n', "spaced"),
    (b'{"result":[],"next_cursor":""}', None),
    (b'{"result":[],"next_cursor":null}', None),
    (b'{"result":[],"next_cursor":17}', "17"),
    (b'{"result":[{"id":"half a pair \\ud800"}],"next_cursor":"c"}', "c"),
]


@pytest.mark.parametrize(("content", "cursor"), LOOKALIKES)
def test_the_cursor_is_the_envelopes_own(content, cursor):
    assert read_envelope(content).next_cursor == cursor


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
awkward_keys = st.sampled_from(["next_cursor", "result", "is_partial_response", "result_count", '"', "}"]) | st.text()


@given(
    st.lists(st.dictionaries(awkward_keys, json_values, max_size=4), max_size=4),
    st.none() | st.text(min_size=1),
    st.none() | st.booleans(),
    st.permutations(["result", "next_cursor", "is_partial_response", "result_count"]),
)
def test_an_envelope_says_what_it_was_made_of_whatever_the_records_hold(records, cursor, partial, order):
    said = {"result": records, "next_cursor": cursor, "is_partial_response": partial, "result_count": len(records)}
    content = json.dumps({key: said[key] for key in order}).encode()
    assert read_envelope(content) == Envelope(len(records), cursor, partial is True, len(records))


@given(st.lists(st.dictionaries(awkward_keys, json_values, max_size=3), min_size=1, max_size=3), st.data())
def test_a_body_cut_anywhere_is_told_from_a_whole_one(records, data):
    content = json.dumps({"result": records, "next_cursor": "c1"}).encode()
    end = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises((ConnectionFailedError, ProtocolError)) as caught:
        read_envelope(content[:end])
    assert caught.value.retryable


@given(st.none() | st.text(), st.none() | st.booleans() | st.integers())
def test_the_hint_is_right_for_a_body_as_the_service_sends_it(cursor, last):
    content = json.dumps({"result": [{"next_cursor": "fake"}], "next_cursor": cursor, "last": last}).encode()
    assert hinted_cursor(content) == (cursor or None)


@pytest.mark.parametrize(("content", "_cursor"), LOOKALIKES)
def test_the_hint_is_none_where_the_tail_says_nothing(content, _cursor):
    assert hinted_cursor(content) in {None, read_envelope(content).next_cursor}
    assert hinted_cursor(b"") is None
    assert hinted_cursor(b'"next_cursor":"\\x"}') is None


def test_a_cut_body_says_where_it_broke_off():
    with pytest.raises(ConnectionFailedError, match="broke off after 20 bytes"):
        read_envelope(body(3)[:20])
    with pytest.raises(ConnectionFailedError, match="broke off after 0 bytes"):
        read_envelope(b"")


@pytest.mark.parametrize(
    "content", [b"<html>moved</html>", b'{"result":[nope]}', body() + b"}", b"\xff\xfe", b"][" * 9]
)
def test_garbage_is_shown_and_may_be_tried_again(content):
    with pytest.raises(ProtocolError, match="not JSON") as caught:
        read_envelope(content)
    assert caught.value.retryable
    assert repr(content[:6].decode("utf-8", "backslashreplace"))[1:-1] in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"17", b'"result"', b"null", b"{}", b'{"foo":1}', b'{"result":"x"}', b'{"result":[1]}', b"[1,2]",
                b'{"result":null}', b'{"result":[],"next_cursor":{}}']
)  # fmt: skip
def test_json_of_another_shape_is_shown_and_not_tried_again(content):
    with pytest.raises(ProtocolError, match="another shape") as caught:
        read_envelope(content)
    assert not caught.value.retryable
    assert content.decode() in str(caught.value)


def test_a_long_body_is_shown_in_part():
    with pytest.raises(ProtocolError, match=r"xxx'… \(5,000 bytes\)"):
        read_envelope(b"x" * 5000)


def test_other_framings():
    keyed = b'{"result":{"a":{"id":"1"},"b":{"id":"2"}},"result_count":3}'
    assert read_envelope(keyed) == Envelope(2, result_count=3)
    assert read_envelope(b'[{"id":"1"},{"id":"2"}]') == Envelope(2)
    debug = read_envelope(b'{"result":[],"next_cursor":null,"debug":{"isLooping":false}}')
    assert debug.debug == {"isLooping": False}
    assert read_envelope(b'{"result":[],"debug":null}').debug is None
    assert read_envelope(b'{"result":[],"is_partial_response":true}').is_partial


LINES = "application/x-ndjson; charset=utf-8"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"id":"1"}\n{"id":"2"}\n', Envelope(2)),
        (b'{"id":"1"}\r\n\r\n{"id":"2","result":"of a raw record"}', Envelope(2)),
        (b'{"id":"1"}\n{"next_cursor":"c9","is_partial_response":true}\n', Envelope(1, "c9", True)),
        (b'{"id":"1"}\n', Envelope(1)),
        (b'{"next_cursor":"c1"}\n', Envelope(0, "c1")),
        (b'{"result":[{"id":"1"}],"next_cursor":"a"}\n{"result":[],"next_cursor":"b"}\n', Envelope(1, "b")),
        (b'{"result":[{"id":"1"}],"result_count":1}\n{"result":[],"result_count":1}', Envelope(1, result_count=2)),
        (b'{\n "result": [\n  {"id": "1"}],\n "next_cursor": "pretty"}\n', Envelope(1, "pretty")),
        (b"", Envelope(0)),
        (b"\n", Envelope(0)),
    ],
)  # fmt: skip
def test_lines_are_records_or_envelopes(content, expected):
    assert read_envelope(content, LINES) == expected
    assert read_envelope(content, "application/octet-stream", stream=True) == expected


def test_lines_need_no_announcement_when_there_are_several():
    assert read_envelope(b'{"id":"1"}\n{"id":"2"}', "application/json") == Envelope(2)


def test_a_cut_line_is_a_cut_body_and_a_broken_one_is_garbage():
    with pytest.raises(ConnectionFailedError):
        read_envelope(b'{"id":"1"}\n{"id":', LINES)
    with pytest.raises(ProtocolError, match="not JSON"):
        read_envelope(b'{"id":"1"}\n{"id":"2"} x\n{"id":"3"}', LINES)


# --- the walk ---


def test_the_walk_sends_next_cursor_and_ends_at_null_absent_or_empty():
    for last in (body(cursor=None), b'{"result":[]}', body(cursor="")):
        requests, ended = walked(walk(query(report_type="cost")), body(cursor="c1"), last)
        assert ended
        assert requests[0].params == (("integrated_account_id", "acc"), ("report_type", "cost"))
        assert requests[1].params == (*requests[0].params, ("next_cursor", "c1"))
        assert [request.number for request in requests] == [1, 2]


def test_an_empty_page_with_a_cursor_goes_on():
    requests, ended = walked(walk(query()), body(0, "c1"), body(0, "c2"), body(3))
    assert ended
    assert requests[-1].cursor == "c2"


@pytest.mark.parametrize("cursors", [["c1", "c1"], ["c1", "c2", "c1"]])
def test_a_cursor_a_second_time_is_a_loop(cursors):
    with pytest.raises(CursorLoopError, match=f"'c1'.*{len(cursors)} pages were had") as caught:
        walked(walk(query()), *(body(cursor=cursor) for cursor in cursors))
    assert caught.value.pages == len(cursors)


def test_the_starting_cursor_counts_in_a_loop():
    with pytest.raises(CursorLoopError):
        walked(walk(query(), cursor="c1"), body(cursor="c1"))


def test_the_callers_cursor_starts_the_walk():
    assert next(walk(query(cursor="mine"))).params[-1] == ("next_cursor", "mine")
    resumed = next(walk(query(cursor="mine"), cursor="later"))
    assert [pair for pair in resumed.params if "cursor" in pair[0]] == [("next_cursor", "later")]
    assert resumed.cursor == "later"


def test_a_page_number_leads_to_the_first_page_only():
    requests, _ = walked(walk(query(page=3, page_size=50), records_per_page=9), body(cursor="c1"), body(cursor="c2"))
    assert requests[0].params[1:] == (("page", "3"), ("page_size", "50"))
    assert requests[2].params[1:] == (("page_size", "50"), ("next_cursor", "c2"))


def sizes(walking, *bodies):
    return [dict(request.params).get("limit") for request in walked(walking, *bodies)[0]]


def test_the_size_of_a_page_is_the_same_on_every_page():
    pages = [body(10, f"c{n}") for n in range(3)]
    assert sizes(walk(query(), records_per_page=10), *pages) == ["10"] * 4
    assert sizes(walk(query(limit=25), records_per_page=10), *pages) == ["10"] * 3
    assert sizes(walk(query(limit=5), records_per_page=10)) == ["5"]
    assert sizes(walk(query(limit=50)), *pages) == ["50"] * 4
    assert sizes(walk(query()), *pages) == [None] * 4


def test_the_cap_ends_the_walk_and_says_how_much_of_the_last_page_to_keep():
    walking = walk(query(limit=25), records_per_page=10)
    requests, ended = walked(walking, *(body(10, f"c{n}") for n in range(3)))
    assert ended
    assert [read_page(request, body(10)).keep for request in requests] == [10, 10, 5]


def test_a_service_that_gives_more_than_asked_is_cut_to_the_cap():
    assert read_page(next(walk(query(limit=2))), body(7, "more")).keep == 2


def test_ignore_limit_lifts_the_cap():
    requests, ended = walked(walk(query(limit=1, truto_ignore_limit=True), records_per_page=5), body(9, "c1"), body(9))
    assert ended
    assert len(requests) == 2
    assert dict(requests[0].params)["limit"] == "1"


def test_a_cap_of_zero_asks_nothing():
    assert list(walk(query(limit=0))) == []


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.none() | st.integers(1, 12))
def test_pages_come_to_all_records_or_to_the_cap(counts, limit):
    walking, kept = walk(query(limit=limit)), 0
    request = next(walking)
    for place, count in enumerate(counts):
        page = read_page(request, body(count, None if place == len(counts) - 1 else f"c{place}"))
        kept += page.keep
        try:
            request = walking.send(page)
        except StopIteration:
            break
    assert kept == (sum(counts) if limit is None else min(limit, sum(counts)))


def test_a_page_keeps_its_facts():
    page = read_page(next(walk(query(), cursor="c0")), body(2, "c1", result_count=5, is_partial_response=True), "x/y")
    assert (page.number, page.cursor, page.next_cursor) == (1, "c0", "c1")
    assert (page.records, page.result_count, page.is_partial, page.content_type) == (2, 5, True, "x/y")
    assert repr(page) == "Page(number=1, records=2, next_cursor='c1')"


def test_a_streamed_query_reads_lines():
    request = next(walk(query(truto_response_format="stream")))
    assert read_page(request, b'{"id":"1"}').records == 1


def test_pages_without_a_record_end_though_their_cursors_do_not():
    """999 in a row go on, and one record begins the count anew."""
    few = [body(0, cursor=f"a{n}") for n in range(999)]
    requests, ended = walked(walk(query()), *few, body(1, cursor="b"), *(body(0, cursor=f"c{n}") for n in range(999)))
    assert (len(requests), ended) == (2000, False)
    with pytest.raises(ProtocolError, match=r"1,000 pages in a row of account 'acc' held no record.* up to page 1000"):
        walked(walk(query()), *few, body(0, cursor="z"))


def test_a_walk_whose_cursors_are_always_new_ends_at_the_most_pages():
    walking = walk(query(), max_pages=3)
    with pytest.raises(ProtocolError, match=r"page 3 of account 'acc'.*max_pages=3.*Client\(max_pages=") as caught:
        walked(walking, *(body(cursor=f"c{n}") for n in range(5)))
    assert caught.value.pages == 3
    requests, is_over = walked(walk(query(), max_pages=3), body(cursor="a"), body(cursor="b"), body())
    assert (len(requests), is_over) == (3, True)
