"""Many pages read at once give what each gives alone, whatever stands in one of them, and nothing ends the process."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_frames_fast import SOURCE, as_bytes, layouts, outcome, pages, same, tame
from truto_usage_nb.errors import ProtocolError, UnreadableValueError
from truto_usage_nb.frames import Layout, Provenance, batches, build_frame, parse_page, parse_pages
from truto_usage_nb.frames.schema_memory import KNOWN

LAYOUT = Layout()
RECORD = (
    '{"id":"%s","product":{"id":"claude"},"charges":[{"amount":1.25,"currency":"USD","type":"net"}],'
    '"usage":{"quantity":2,"tokens":{"input":10,"total":12},"code":{"tool_actions":{"edit":1}}},'
    '"start_date":"2026-10-01","surface":"api"}'
)


@pytest.fixture(autouse=True)
def _everything_at_once(monkeypatch):
    monkeypatch.setattr(batches, "_WORTH_BYTES", 0)
    KNOWN.forget()


def body(*records: str) -> bytes:
    return f'{{"result":[{",".join(records)}],"next_cursor":null}}'.encode("utf-8", "surrogatepass")


def good(number: int) -> bytes:
    return body(RECORD % f"a{number}", RECORD % f"b{number}")


def read(bodies: list[bytes], *, at_once: bool, source: Provenance = SOURCE, layout: Layout = LAYOUT):
    try:
        if at_once:
            return outcome(parse_pages(bodies, source, layout), layout)
        return outcome([parse_page(each, source, layout) for each in bodies], layout)
    except ProtocolError as error:
        return "protocol", error.message
    except UnreadableValueError as error:
        return "unreadable", (error.details["record_id"], error.details["path"])


def with_field(path: str, value: str) -> str:
    """A record with one more field, at a path of one or two keys."""
    keys = path.split(".")
    text = value
    for key in reversed(keys):
        text = f'{{"{key}":{text}}}'
    return f'{{"id":"nasty",{text[1:]}'


VALUES = [
    "1.0", "1.5", "-0", "-0.0", "1e3", "1e400", "9007199254740991", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "123456789012345678901234567890", "0.1000000000000000055", "1.000000000000000000001",
    "0.99999999999999999999",
    "4503599627370497.3", "68719476737.5", "NaN", "Infinity", "-Infinity",
    "1" + "0" * 400, "true", "null", '"x"', '"12"', '"1.50"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\u0000"', '"é"',
    '"2026-10-01T02:00:00+02:00"', "{}", '{"id":"x"}', "[]", "[1]", "[null]", '[{"amount":1}]', "[[]]", "01", "+1",
    ".5", "1.", "tru", "'x'", "\ud800", "",
]  # fmt: skip
PATHS = [
    "usage.tokens.input", "usage.quantity", "usage.code.tool_actions.edit", "usage.code.tool_actions.new", "surface",
    "product", "product.id", "charges", "resources", "start_date", "id2", "remote_data", "usage", "user", "model",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", VALUES)
def test_whatever_one_record_holds_the_frame_is_that_of_pages_read_alone(path, value):
    bodies = [good(1), good(2), body(RECORD % "c", with_field(path, value)), good(3)]
    KNOWN.forget()
    alone = read(bodies, at_once=False)
    KNOWN.forget()
    parse_page(good(0), SOURCE, LAYOUT)
    same(read(bodies, at_once=True), alone)
    same(read(bodies, at_once=True), alone)  # and once more, with whatever is remembered by now


BODIES = {
    "a byte order mark": b"\xef\xbb\xbf" + good(1),
    "not UTF-8": good(1).replace(b"claude", b"cl\xffude"),
    "Latin-1": good(1).replace(b"claude", b"cl\xe4ude"),
    "an overlong letter": good(1).replace(b"claude", b"cl\xc0\xafude"),
    "two objects": good(1) + good(2),
    "two lines": good(1) + b"\n" + good(2),
    "cut": good(1)[:-30],
    "cut in a text": good(1)[:40],
    "nothing": b"",
    "null": b"null",
    "a null record": body(RECORD % "a", "null"),
    "nothing but null records": body("null", "null"),
    "a list": b"[" + (RECORD % "a").encode() + b"]",
    "a list among records": body(RECORD % "a", "[]"),
    "a number among records": body(RECORD % "a", "1"),
    "an object as result": b'{"result":{"x":' + (RECORD % "a").encode() + b"}}",
    "the result twice": b'{"result":[],"result":[' + (RECORD % "a").encode() + b"]}",
    "more after the list": b'{"result":[' + (RECORD % "a").encode() + b']}],"next_cursor":null}',
    "a second body inside": b'{"result":[]}\n{"result":[],"next_cursor":null}',
    "a key twice": body('{"id":"1","id":"2"}'),
    "a key twice, once escaped": body('{"id":"1","\\u0069d":"2"}'),
    "an escaped key": body('{"\\u0069d":"1","usage":{"quantity":3}}'),
    "lines in it": good(1).replace(b",", b",\n"),
    "a line break in a text": body('{"id":"a\nb"}'),
    "a NUL": body('{"id":"a\x00b"}'),
    "a comment": b'{"result":[/* x */],"next_cursor":null}',
    "a trailing comma": b'{"result":[{"id":"1"},],"next_cursor":null}',
    "deep lists": body('{"id":"1","usage":' + "[" * 5000 + "]" * 5000 + "}"),
    "deep objects": body('{"id":"1","usage":' + '{"tokens":' * 5000 + "1" + "}" * 5001),
    "nothing but brackets": b'{"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "empty records": body(*["{}"] * 50),
    "an envelope as a record": body('{"result":[],"next_cursor":null}'),
    "lines of records": b"\n".join((RECORD % n).encode() for n in "ab"),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_whatever_one_body_is_the_frame_is_that_of_pages_read_alone(name, place):
    bodies = [good(1), good(2), good(3)]
    bodies.insert(place, BODIES[name])
    KNOWN.forget()
    alone = read(bodies, at_once=False)
    KNOWN.forget()
    parse_page(good(0), SOURCE, LAYOUT)
    same(read(bodies, at_once=True), alone)


@settings(max_examples=120)
@given(st.lists(pages | st.lists(tame, min_size=1, max_size=5), min_size=1, max_size=6), layouts)
def test_pages_at_once_are_the_pages_alone(loaded: list[list[str]], layout: Layout) -> None:
    bodies = [as_bytes(page) for page in loaded]
    KNOWN.forget()
    alone = read(bodies, at_once=False, layout=layout)
    KNOWN.forget()
    parse_page(good(0), SOURCE, layout)
    same(read(bodies, at_once=True, layout=layout), alone)


def test_good_pages_are_read_natively_and_make_one(monkeypatch):
    parse_page(good(0), SOURCE, LAYOUT)
    calls = []
    monkeypatch.setattr(batches, "parse_page", lambda *asked: calls.append(asked) or parse_page(*asked))
    (one,) = parse_pages([good(n) for n in range(20)], SOURCE, LAYOUT)
    assert (one.height, calls) == (40, [])
    assert build_frame([one], LAYOUT).frame["id"].to_list()[:3] == ["a0", "b0", "a1"]


def test_a_body_of_another_shape_keeps_few_others_from_being_read_at_once(monkeypatch):
    parse_page(good(0), SOURCE, LAYOUT)
    calls = []
    monkeypatch.setattr(batches, "parse_page", lambda *asked: calls.append(asked[0]) or parse_page(*asked))
    odd = body(RECORD % "odd", '{"id":"x","undocumented":1}')
    bodies = [*(good(n) for n in range(5)), odd, *(good(n) for n in range(5, 9))]
    found = parse_pages(bodies, SOURCE, LAYOUT)
    alone = [each for each in calls if each in bodies]  # the others are the first records of one, to learn from
    assert odd in alone
    assert len(alone) <= batches._FEW
    assert sum(page.height for page in found) == 20
    assert build_frame(found, LAYOUT).frame.height == 20


def test_shapes_are_remembered_by_integration_and_report_type_not_by_account(monkeypatch):
    parse_page(good(0), Provenance("one", "claude", "usage", "q1"), LAYOUT)
    monkeypatch.setattr(batches, "parse_page", lambda *_: pytest.fail("it was read alone"))
    assert parse_pages([good(1)], Provenance("two", "claude", "usage", "q2"), LAYOUT)[0].height == 2


def test_a_source_whose_pages_never_fit_is_tried_no_more():
    parse_page(good(0), SOURCE, LAYOUT)
    key = batches.key_of(SOURCE, LAYOUT)
    odd = body('{"id":"x","undocumented":1}')
    for _ in range(40):
        parse_pages([odd], SOURCE, LAYOUT)
    assert not KNOWN.may_try(key)


CRASHES = """
    import sys
    from truto_usage_nb.errors import UsageError
    from truto_usage_nb.frames import Layout, Provenance, batches, parse_page, parse_pages
    batches._WORTH_BYTES = 0
    source, layout = Provenance("a", "claude"), Layout()
    good = b'{"result":[{"id":"1","usage":{"quantity":1,"tools":{"a":{"b":1}}}}]}'
    parse_page(good, source, layout)
    for bad in BAD:
        for bodies in ([bad], [bad, good], [good, bad, good]):
            try:
                parse_pages(bodies, source, layout)
            except UsageError:
                pass
    print("alive")
"""
BAD = """[
    b"null", b'{"result":[null]}', b'{"result":null}', b"[null]", b"[null,null]", b'{"result":[null,{"id":"1"}]}',
    b'{"result":[{"id":null}]}', b'{"result":[{"usage":null}]}', b'{"result":[{"usage":{"tools":{"a":null}}}]}',
    b'{"result":[{"charges":null}]}', b'{"result":[{"charges":[null]}]}', b'{"result":[[null]]}', b'{"result":[]}',
    b"[]", b'{"result":' + b"[" * 200000, b'{"result":[' + b'{"usage":' * 200000,
    b'{"result":[' + b"[" * 200000 + b"]" * 200001 + b"}",
    b'{"result":[{"id":"' + b"x" * 3000000 + b'"}]}', b'{"result":[{"id":' + b"1" * 100000 + b"}]}", b"\\x00" * 100,
    b'{"result":[{"id":"1"}]}' * 3, b'{"result":[' + b"{}," * 300000 + b"{}]}",
]"""


def test_nothing_that_is_read_at_once_ends_the_process():
    script = textwrap.dedent(CRASHES).replace("BAD", BAD)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr[-2000:]


LINES = [RECORD % f"r{number}" for number in range(400)]


def test_lines_of_a_long_file_are_read_natively_a_piece_at_a_time(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_BYTES", 20_000)
    calls = []
    monkeypatch.setattr(batches, "parse_page", lambda *asked: calls.append(asked[0]) or parse_page(*asked))
    content = "\n".join(LINES).encode()
    found = parse_pages([content], SOURCE, LAYOUT)
    assert len(found) > 3
    assert len(calls) == 1  # the sample whose shape is learned
    assert build_frame(found, LAYOUT).frame["id"].to_list() == [f"r{number}" for number in range(400)]


@pytest.mark.parametrize(
    "odd",
    [
        '{"id":"x","undocumented":1}', '{"id":"x","usage":{"tokens":{"input":1.0}}}', '{"id":"x"} {"id":"y"}', "{}", "",
        '{"id":"x"}\r', ' {"id":"x"}', '{"id":', "[]", '{"result":[{"id":"x"}]}', '{"next_cursor":null}', "null", "1",
        '{"id":"x"},', '{"id":[1', '{"id":"\\ud800"}', '{"id":"\ud800"}',
    ],
)  # fmt: skip
def test_whatever_stands_in_one_line_the_frame_is_that_of_the_whole(monkeypatch, odd):
    monkeypatch.setattr(batches, "BATCH_BYTES", 20_000)
    content = "\n".join([*LINES[:230], odd, *LINES[230:]]).encode("utf-8", "surrogatepass")
    KNOWN.forget()
    alone = read([content], at_once=False)
    KNOWN.forget()
    found = read([content], at_once=True)
    if isinstance(alone, tuple) and alone[0] == "protocol":
        assert found[0] == "protocol"  # where in the piece it lies, in place of where in the whole
    else:
        same(found, alone)


def test_a_long_list_is_read_natively_by_the_shape_of_its_first_records(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_BYTES", 20_000)
    monkeypatch.setattr(batches, "_SAMPLE_BYTES", 5_000)
    seen = []
    monkeypatch.setattr(batches, "parse_page", lambda *asked: seen.append(len(asked[0])) or parse_page(*asked))
    content = f'{{"result":[{",".join(LINES)}]}}'.encode()
    (page,) = parse_pages([content], SOURCE, LAYOUT)
    assert page.height == 400
    assert seen == [pytest.approx(5_000, abs=500)]
