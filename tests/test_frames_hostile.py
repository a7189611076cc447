"""Pages that mean harm, or that nobody meant: deep, wide, long. Reading them is linear, and ends well.

What may abort a process runs in a process of its own. Time is compared with time, never with a clock on the wall.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truto_usage_nb.envelope import read_envelope
from truto_usage_nb.errors import ProtocolError, UnreadableValueError, UsageError
from truto_usage_nb.frames import BuiltFrame, Layout, Provenance, Register, build_frame, parse_page
from truto_usage_nb.frames.assemble import AS_TEXT, DEEP
from truto_usage_nb.frames.fast import _Text, is_tame, levels_of
from truto_usage_nb.frames.jsontext import dumps
from truto_usage_nb.frames.parsed import MOST_LEVELS, MOST_PATHS
from truto_usage_nb.frames.schema_memory import KNOWN

SOURCE = Provenance("acc-1", "claude", "usage", "0f0f0f0f")
RAW = Layout(documented=False)


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    KNOWN.forget()


def load(*texts: str, layout: Layout | None = None) -> BuiltFrame:
    layout = layout or Layout()
    return build_frame([parse_page(text.encode(), SOURCE, layout) for text in texts], layout)


def objects(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def lists(levels: int) -> str:
    return "[" * levels + "1" + "]" * levels


def wide(keys: int, stem: str = "k") -> str:
    return "{" + ",".join(f'"{stem}{number}":{number}' for number in range(keys)) + "}"


PLACES = {
    "an unknown field": '{"id":"r1","x":%s}',
    "the usage": '{"id":"r1","usage":%s}',
    "an open map": '{"id":"r1","usage":{"code":{"tool_actions":%s}}}',
    "a charge": '{"id":"r1","charges":[{"type":"net","amount":1.5,"x":%s}]}',
    "a resource": '{"id":"r1","resources":[{"id":"a","x":%s}]}',
}
ENVELOPES = ("[%s]", '{"result":[%s],"next_cursor":null}', "%s", '{"result":{"k":%s},"debug":{}}')


# --- deep ---


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("made", [objects, lists])
@pytest.mark.parametrize("levels", [100, 900, 20_000])
def test_what_is_nested_too_deeply_is_kept_as_text_wherever_it_stands(place, envelope, made, levels):
    value = made(levels)
    built = load(envelope % (PLACES[place] % value))
    assert built.frame["id"].to_list() == ["r1"]
    assert DEEP in built.notes
    assert sum(repr(row).count('"a":' if made is objects else "[") for row in built.frame.rows()) > levels - MOST_LEVELS
    if "charge" in place:
        assert built.frame["charges_net"].to_list() == [1.5]


@pytest.mark.parametrize("place", PLACES)
def test_what_is_not_too_deep_keeps_its_columns(place):
    built = load(f"[{PLACES[place] % objects(40)}]")
    assert built.frame["id"].to_list() == ["r1"]
    assert DEEP not in built.notes
    leaves = [name for name in built.frame.columns if name.endswith("_a" * 30)]
    assert bool(leaves) is (place not in ("a charge", "a resource"))
    if not leaves:
        (item,) = built.frame["charges" if place == "a charge" else "resources"][0]
        depth = 0
        below = item["x"]
        while isinstance(below, dict):
            depth, below = depth + 1, below["a"]
        assert (depth, below) == (40, 1)


def test_the_text_of_what_is_too_deep_is_the_json_that_was_sent():
    value = objects(MOST_LEVELS + 10)
    built = load('[{"id":"r1","x":$}]'.replace("$", value))
    (name,) = [name for name in built.frame.columns if name.startswith("x_a")]
    kept = built.frame[name][0]
    assert json.loads(kept) == json.loads(objects(kept.count('"a":')))
    assert name.count("_a") + kept.count('"a":') == value.count('"a":')


@pytest.mark.parametrize("levels", [100, 900, 20_000])
@pytest.mark.parametrize("made", [objects, lists])
def test_the_providers_own_row_stays_as_it_was_sent_however_deep(levels, made):
    value = made(levels)
    built = load('[{"id":"r1","remote_data":$}]'.replace("$", value), layout=Layout(remote_data=True))
    assert built.frame["remote_data"].to_list() == [value]
    built = load('{"result":[{"remote_data":$,"id":"r1"}],"next_cursor":"c"}'.replace("$", value))
    assert "remote_data" not in built.frame.columns
    assert built.frame["id"].to_list() == ["r1"]


def test_raw_records_are_bounded_too():
    built = load('[{"id":"r1","x":$}]'.replace("$", objects(900)), layout=RAW)
    assert DEEP in built.notes
    assert built.frame["id"].to_list() == ["r1"]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '[{"a":' * 50_000, "[" * 50_000 + "{}" + "]" * 49_999]
)
def test_brackets_that_never_close_are_refused(text):
    with pytest.raises(ProtocolError, match="not a usable answer"):
        load(text)


CRASHES = """
import sys
from truto_usage_nb.frames import Layout, Provenance, build_frame, parse_page
for place in sys.argv[2:]:
    for levels in (500, 900, 1023, 1025, 60_000):
        value = '{"a":' * levels + "1" + "}" * levels if sys.argv[1] == "objects" else "[" * levels + "]" * levels
        for envelope in ("[%s]", '{"result":[%s],"next_cursor":"c"}'):
            page = parse_page((envelope % place % value).encode(), Provenance("acc-1"), Layout())
            print(build_frame([page], Layout()).frame.height, end="")
"""


@pytest.mark.parametrize("made", ["objects", "lists"])
def test_nothing_that_is_nested_aborts_the_process(made):
    command = [sys.executable, "-c", CRASHES, made, *PLACES.values()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "1" * 10 * len(PLACES)), done.stderr[-2000:]


# --- wide ---


@pytest.mark.parametrize("place", ["an unknown field", "an open map", "a charge", "a resource"])
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_an_object_of_a_hundred_thousand_keys_is_kept_as_text(place, envelope):
    built = load(envelope % (PLACES[place] % wide(100_000)))
    assert any(note.startswith(AS_TEXT) for note in built.notes)
    (row,) = built.frame.rows(named=True)
    assert row["id"] == "r1"
    texts = [row.get("x"), row.get("usage_code_tool_actions")]
    texts += [item["x"] for name in ("charges", "resources") for item in row[name] or () if "x" in item]
    (text,) = [text for text in texts if text]
    assert json.loads(text) == json.loads(wide(100_000))


@pytest.mark.parametrize(
    ("record", "path"),
    [
        (wide(100_000)[:-1] + ',"id":"r1"}', f"k{MOST_PATHS}"),
        ('{"id":"r1","usage":$}'.replace("$", wide(100_000)), "usage.k"),
        ('{"id":"r1","usage":{"tokens":$}}'.replace("$", wide(100_000)), "usage.tokens.k"),
        ('{"id":"r1","charges":[{},$]}'.replace("$", wide(100_000)), f"charges.k{MOST_PATHS}"),
        ('{"id":"r1","resources":[$]}'.replace("$", wide(100_000)), f"resources.k{MOST_PATHS}"),
    ],
)
def test_a_record_of_a_hundred_thousand_keys_is_refused_by_account_record_and_path(record, path):
    with pytest.raises(UnreadableValueError, match=r"account 'acc-1', record 'r1': .*4,096 different keys") as caught:
        load(f"[{record}]")
    assert caught.value.details["record_id"] == "r1"
    assert caught.value.details["path"].startswith(path)


def test_some_hundred_keys_are_columns_as_ever():
    built = load('[{"id":"r1","x":$}]'.replace("$", wide(800)))
    assert built.frame["x_k799"].to_list() == [799]
    assert not any(note.startswith(AS_TEXT) for note in built.notes)


def test_keys_that_are_new_in_every_record_are_kept_as_text():
    page = ",".join(f'{{"id":"{n}","by_user":{wide(30, f"u{n}_")}}}' for n in range(300))
    built = load(f"[{page}]")
    assert [json.loads(text) for text in built.frame["by_user"]] == [json.loads(wide(30, f"u{n}_")) for n in range(300)]


def test_keys_that_are_new_in_every_page_are_kept_as_text():
    pages = [
        "[" + ",".join(f'{{"id":"{n}","by_user":{wide(2, f"u{page}_{n}_")},"y":1}}' for n in range(300)) + "]"
        for page in range(9)
    ]
    built = load(*pages)
    kept = [json.loads(text) for text in built.frame["by_user_other"]]
    assert kept == [json.loads(wide(2, f"u{page}_{n}_")) for page in range(9) for n in range(300)]
    assert built.frame["y"].sum() == 2700
    assert f"{AS_TEXT}: by_user" in built.notes


def test_fields_that_are_new_in_every_record_of_every_page_are_refused_by_record_and_path():
    pages = ["[" + ",".join(f'{{"id":"{p}-{n}","k{p}_{n}":1}}' for n in range(500)) + "]" for p in range(9)]
    with pytest.raises(UnreadableValueError, match=r"account 'acc-1', record '8-96': k8_96 is 'k8_96'.*4,096 columns"):
        load(*pages)


def test_types_of_charge_without_end_are_refused():
    charges = ",".join(f'{{"type":"t{number}","amount":1}}' for number in range(1001))
    with pytest.raises(UnreadableValueError, match=r"record 'r1': charges\.type is 't1000'"):
        load(f'[{{"id":"r0"}},{{"id":"r1","charges":[{charges}]}}]')


def test_keys_of_charges_that_are_new_in_every_page_are_refused_by_record_and_path():
    pages = [
        "[" + ",".join(f'{{"id":"{p}-{n}","charges":[{{"k{p}_{n}":1}}]}}' for n in range(500)) + "]" for p in range(9)
    ]
    with pytest.raises(UnreadableValueError, match=r"account 'acc-1', record '8-94': charges\.k8_94 is 'k8_94'"):
        load(*pages)


def test_fields_that_became_columns_in_an_earlier_frame_count_in_the_next():
    register = Register()
    for number in range(2):
        page = "[" + ",".join(f'{{"id":"{n}","k{number}_{n}":1,"same":1}}' for n in range(2000)) + "]"
        build_frame([parse_page(page.encode(), SOURCE, Layout())], Layout(), register)
    page = '[{"id":"a","same":1,"k0_0":1},{"id":"b"' + "".join(f',"k2_{n}":1' for n in range(100)) + "}]"
    with pytest.raises(UnreadableValueError, match="record 'b': k2_95 is 'k2_95'"):  # 4,096 less 4,001: 95 more
        build_frame([parse_page(page.encode(), SOURCE, Layout())], Layout(), register)


def test_records_without_end_and_without_content_are_refused():
    for text in ("[{}" + ",{}" * 1_500_000 + "]", "{}\n" * 1_500_000):
        with pytest.raises(ProtocolError, match=r"account 'acc-1': the answer has 1,500,00\d records in"):
            load(text)
    assert load("[{}" + ",{}" * 9999 + "]").frame.height == 10_000


# --- in proportion ---


def alike(number: int) -> str:
    """Give one of many keys that come to the same name."""
    return "".join("a" + (".", "_")[number >> bit & 1] for bit in range(16))


LONG = {
    "one deep object": lambda n: f'[{{"id":"1","x":{objects(n // 3)}}}]',
    "one wide object": lambda n: f'[{{"id":"1","x":{wide(n)}}}]',
    "a wide record beside empty ones": lambda n: f"[{wide(900)}{',{}' * n}]",
    "wide items beside empty ones": lambda n: f'[{{"id":"1","charges":[{wide(900)}{",{}" * n}]}}]',
    "keys new in every record": lambda n: "[" + ",".join(f'{{"x":{{"u{k}":1}}}}' for k in range(n)) + "]",
    "names that would be one": lambda n: "[{" + ",".join(f'"{alike(k)}":1' for k in range(n // 20)) + "}]",
    "lines": lambda n: '{"id":"1"}\n' * n,
    "a number": lambda n: f'[{{"id":"1","x":{"9" * n},"usage":{{"quantity":1.{"3" * n}}}}}]',
    "escaped quotes": lambda n: '[{"id":"' + r"\"" * n + '"}]',
    "an open quote": lambda n: '[{"id":"' + r"\"" * n,
    "spaces": lambda n: f'{{"result":[]{" " * n},"next_cursor" :{" " * n}"c"}}',
    "closing brackets": lambda n: '{"result":[]' + "] " * n,
    "remote data": lambda n: '[{"id":"1","surface":"' + r"\"remote_data\":" * (n // 10) + '"}]',
}


@pytest.mark.parametrize("kind", LONG)
def test_four_times_the_length_takes_about_four_times_as_long(kind):
    def seconds(size: int) -> float:
        text, best = LONG[kind](size), float("inf")
        for _ in range(3):
            KNOWN.forget()
            began = time.process_time()
            with suppress(UsageError):  # refused in time is as good
                load(text)
            best = min(best, time.process_time() - began)
        return best

    small = 10_000
    assert seconds(4 * small) < 9 * max(seconds(small), 0.05)  # the square of four would be sixteen


def test_memory_is_in_proportion_too():
    source = """
import resource, sys
from truto_usage_nb.errors import UsageError
from truto_usage_nb.frames import Layout, Provenance, build_frame, parse_page
build_frame([parse_page(b'[{"id":"1"}]', Provenance(), Layout())], Layout())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wide = "{" + ",".join(f'"k{n}":1' for n in range(4000)) + "}"
empty = ",{}" * 200_000
for text in (f"[{wide}{empty}]", f'[{{"charges":[{wide}{empty}]}}]', f'[{{"x":{wide}}}{empty}]'):
    try:
        build_frame([parse_page(text.encode(), Provenance(), Layout())], Layout())
    except UsageError:
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=300, check=True)
    assert int(done.stdout) < 2000  # MB; every key in every row would be 6,400 a page


# --- keys and numbers that cannot be used ---


@pytest.mark.parametrize("spoilt", [r"a\u0000b", r"a\ud800b", r"\udfff"])
@pytest.mark.parametrize(
    ("record", "path"),
    [
        ('{"id":"r1","%s":1}', ""),
        ('{"id":"r1","x":{"%s":1}}', "x."),
        ('{"id":"r1","x":{"%s":{"y":null}}}', "x."),
        ('{"id":"r1","usage":{"code":{"tool_actions":{"%s":1}}}}', "usage.code.tool_actions."),
        ('{"id":"r1","charges":[{"amount":1},{"%s":1}]}', "charges."),
        ('{"id":"r1","resources":[{"workspace":{"%s":1}}]}', "resources.workspace."),
    ],
)
def test_a_key_that_no_column_can_be_named_by_is_refused_by_account_record_and_path(spoilt, record, path):
    for text in ("[%s]", '{"result":[%s],"next_cursor":null}'):
        with pytest.raises(UnreadableValueError, match="account 'acc-1', record 'r1': ") as caught:
            load(text % record % spoilt)
        key = json.loads(f'"{spoilt}"')
        assert caught.value.details == {"record_id": "r1", "path": path + key, "value": key}
        assert repr(key) in str(caught.value)
        str(caught.value).encode()  # it can be printed


def test_such_a_key_inside_a_text_is_no_harm():
    built = load(r'[{"id":"r1","x":[{"a\u0000b":1}],"surface":"a\u0000b"}]')
    assert json.loads(built.frame["x"][0]) == [{"a\0b": 1}]
    assert built.frame["surface"].to_list() == ["a\0b"]


def test_a_type_of_charge_that_no_column_can_be_named_by_is_refused():
    with pytest.raises(UnreadableValueError, match=r"record 'r1': charges\.type is 'a\\x00b'"):
        load(r'[{"id":"r1","charges":[{"amount":1,"type":"a\u0000b"}]}]')


DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ('{"id":"r1","usage":{"tokens":{"input":%s}}}', "usage.tokens.input"),
        ('{"id":"r1","charges":[{"amount":%s}]}', "charges.amount"),
        ('{"id":"r1","start_date":%s}', "start_date"),
    ],
)
def test_a_number_of_five_thousand_digits_is_refused_by_record_and_path(record, path):
    with pytest.raises(UnreadableValueError, match=f"account 'acc-1', record 'r1': {path} is 999") as caught:
        load(f"[{record % DIGITS}]")
    assert len(str(caught.value)) < 1000
    assert caught.value.details["path"] == path


def test_where_a_text_may_stand_it_is_kept_as_it_was_sent():
    built = load('[{"id":$,"x":$,"usage":{"code":{"tool_actions":{"e":$}}}}]'.replace("$", DIGITS))
    assert built.frame.select("id", "x", "usage_code_tool_actions_e").row(0) == (DIGITS, DIGITS, DIGITS)


@pytest.mark.parametrize(
    "sent",
    ["0000-01-01", "0000-12-31T23:59:59Z", "0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+23:59",
     "9999-12-31T23:59:59-05:00", "9999-12-31T23:59:60Z", "10000-01-01", "-0001-01-01"],
)  # fmt: skip
@pytest.mark.parametrize("field", ["start_date", "end_date", "created_at", "updated_at"])
def test_a_date_that_no_calendar_here_holds_is_refused_where_it_is_read(sent, field):
    for beside in ("2026-10-01", "2026-10-01T02:00:00+02:00"):
        with pytest.raises(
            UnreadableValueError, match=f"account 'acc-1', record 'r1': {field} is {sent!r}".replace("+", r"\+")
        ):
            load(f'[{{"id":"r0","{field}":"{beside}"}},{{"id":"r1","{field}":"{sent}"}}]')


@pytest.mark.parametrize("field", ["model", "product", "user", "usage", "organization", "usage.tokens"])
def test_what_was_an_object_before_and_is_a_list_now_does_not_depend_on_what_was_loaded(field):
    def record(value: str) -> str:
        for key in reversed(field.split(".")):
            value = f'{{"{key}":{value}}}'
        return f'[{{"id":"r1",{value[1:]}]'

    pages = [record(value) for value in ('{"id":"m"}', '[{"id":"m"}]', "[1]", '"m"', '{"id":["m"]}', "[]", "null")]
    alone = []
    for page in pages:
        KNOWN.forget()
        alone.append(load(page))
    for _ in range(20):
        number = random.randrange(len(pages))
        assert load(pages[number]).frame.equals(alone[number].frame)


@pytest.mark.parametrize("field", ["charges", "resources"])
def test_what_was_a_list_before_and_is_none_now_is_refused_as_ever(field):
    load(f'[{{"id":"r1","{field}":[{{"id":"a"}}]}}]')
    for value in ('{"id":"a"}', '"a"', "1", "[1]", "[[]]"):
        with pytest.raises(UnreadableValueError, match=f"record 'r1': {field}"):
            load(f'[{{"id":"r1","{field}":{value}}}]')


def test_a_path_of_the_wire_makes_no_line_of_its_own_in_an_error():
    with pytest.raises(UnreadableValueError) as caught:
        load('[{"id":"r\\n1","usage":{"tokens":{"input":"\\u001b[31m"}},"a\\nb\\u0000":1}]')
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


# --- the survey of a page ---


def drawn(rng: random.Random, levels: int) -> Any:
    kind = rng.random()
    if levels > 6 or kind < 0.3:
        return rng.choice([1, "x", "a]\\", '{"', "é", None, True, '[ { and } and " quotes', ""])
    if kind < 0.5:
        made = [drawn(rng, levels + 1) for _ in range(rng.randint(0, 4))]
        return [each for each in made if not isinstance(each, list)]
    keys = ["a", "b", "abcdefgh", "abcdefghi", "abcdefghijklmnopq", "", 'é"', "k:"]
    return {rng.choice(keys): drawn(rng, levels + 1) for _ in range(rng.randint(0, 5))}


def surveyed(value: Any, path: tuple[str, ...] = (), level: int = 1) -> tuple[set[tuple[str, ...]], int]:
    """Give all paths of keys, and how deep the value is nested."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    paths, deepest = set(), level if isinstance(value, dict | list) else level - 1
    for key, inner in members:
        below = (*path, key) if isinstance(value, dict) else path
        paths |= {below} if isinstance(value, dict) else set()
        more, depth = surveyed(inner, below, level + 1)
        paths, deepest = paths | more, max(deepest, depth)
    return paths, deepest


def test_the_survey_counts_levels_paths_and_rows():
    rng = random.Random(7)
    for _ in range(300):
        page = [{"id": 1, "x": drawn(rng, 0)} for _ in range(rng.randint(0, 3))]
        paths, levels = surveyed(page)
        for options in ({}, {"separators": (",", ":")}, {"ensure_ascii": False}):
            content = json.dumps(page, **options).encode()
            assert levels_of(content) == levels
            assert _Text(content).paths() == len(paths)
            assert is_tame(content)
    assert _Text(b'[{"a":{"b":[{"c":{}},{"d": {}}]}},{}]').rows == 4


def test_the_survey_ends_whatever_it_is_given():
    rng = random.Random(7)
    for _ in range(2000):
        content = bytes(rng.choice(b'{}[]":,\\a \n\x00\xff') for _ in range(rng.randint(0, 40)))
        levels_of(content)
        is_tame(content)
        _Text(content).paths()


def test_json_text_is_written_again_as_it_was_read():
    assert dumps({"a": [1, {"b": None}]}) == '{"a":[1,{"b":null}]}'


# --- anything at all ---

PIECES = st.sampled_from([
    "{", "}", "[", "]", ":", ",", '"', "\\", " ", "\n", "\0", "\x1b", "null", "true", "-1", "1e999", "9" * 5000, "0.1",
    r"\u0000", r"\ud800", "é", '"id":', '"result":', '"next_cursor":', '"charges":',
    '"resources":', '"usage":', '"remote_data":',
    '"start_date":', '"2026-10-01"', '"0000-01-01"', '"code":', '"tool_actions":', '"amount":', '"type":', '"tokens":',
    '{"id":"1"}', '{"result":[', "]}", "[" * 70, "]" * 70, '{"a":' * 70, "}" * 70,
])  # fmt: skip
KEYS = st.sampled_from([
    "id", "usage", "charges", "resources", "amount", "type", "currency", "tokens", "input", "code", "tool_actions",
    "a.b", "a_b", "", "model", "workspace", "start_date", "remote_data", "\x1b", "\0", "\ud800",
    "charges_net", "account",
    "ID",
]) | st.text(max_size=3)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.just("2026-10-01"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def tried(content: bytes, layout: Layout) -> None:
    """Read a body as a load does; whatever comes of it, it is a frame or an error of ours that can be shown."""
    try:
        said = read_envelope(content)
        page = parse_page(content, SOURCE, layout)
        built = build_frame([page], layout)
    except UsageError as error:
        shown = str(error)
        shown.encode()
        assert "\n" not in shown
        assert "\x1b" not in shown
        assert len(shown) < 5000
    else:
        assert built.frame.height == page.height == said.records


@settings(max_examples=250)
@given(st.lists(PIECES, max_size=30).map("".join), st.booleans())
def test_whatever_bytes_come_the_end_is_a_frame_or_an_error_of_ours(text, documented):
    tried(text.encode("utf-8", "surrogatepass"), Layout(documented=documented))


@settings(max_examples=250)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=4), st.booleans(), st.booleans())
def test_whatever_records_come_the_end_is_a_frame_or_an_error_of_ours(records, documented, remote):
    content = json.dumps({"result": records, "next_cursor": None}).encode()
    tried(content, Layout(documented=documented, remote_data=remote))
