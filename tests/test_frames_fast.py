"""Whatever road a page takes, its frame is the same: inferred, by a remembered shape, or value by value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from truto_usage_nb.errors import ProtocolError, UnreadableValueError
from truto_usage_nb.frames import BuiltFrame, Layout, ParsedPage, Provenance, build_frame, fast, parse_page
from truto_usage_nb.frames.exact import read_exactly
from truto_usage_nb.frames.parse import careful_cut
from truto_usage_nb.frames.schema_memory import KNOWN

SOURCE = Provenance("acc-1", "claude", "usage", "0f0f0f0f")
NUMBERS = ["0", "1", "-3", "1.5", "1.0", "1e3", "-0", "-0.0", "0.1", "2.50", "1E-7", "1e22", "123456789.123456789",
           "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740993.0", "9223372036854775807",
           "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890"]  # fmt: skip
TEXTS = ['"x"', '"12"', '"1.5"', '"true"', '"007"', '""', '"é"', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"',
         '"a\\":1"', '":x"', '"a : b"', '"{\\"k\\": null}"', '"\\\\"', '"2026-10-01"', '"2026-10-01T02:00:00+02:00"',
         '"remote_data"']  # fmt: skip
LISTS = ["[]", "[null]", "[1,1.0]", '["a",{"b":null}]', "[{}]"]
scalars = st.sampled_from([*NUMBERS, *TEXTS, "true", "false", "null", "{}"])
counts = st.sampled_from(["0", "1", "250", "7", "12.0", "null", '"3"', "true", "1.5", "9007199254740993"])
texts = st.sampled_from(['"a"', '"b"', "null", '"ü"', "12", "1.50"])
dates = st.sampled_from(['"2026-10-01"', '"2026-10-01T00:00:00.250Z"', '"2026-10-01T05:30:00+05:30"', "null"])


def objects(keys: st.SearchStrategy[str], values: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    """Give JSON objects as text; now and then a key is stated twice."""
    pairs = st.lists(st.tuples(keys, values), max_size=most)
    return st.builds(_object, pairs, st.integers(0, 40))


def _object(pairs: list[tuple[str, str]], twice: int) -> str:
    once = pairs if twice == 0 else list(dict(pairs).items())
    return "{" + ",".join(f'"{key}":{value}' for key, value in once) + "}"


keys = st.sampled_from(["a", "b", "a_b", "b_c", "c", "d.e", "remote_data"])
nested = st.recursive(scalars | st.sampled_from(LISTS), lambda below: objects(keys, below), max_leaves=5)
open_maps = objects(keys, objects(keys, counts | scalars) | counts)
charge = objects(st.sampled_from(["amount", "currency", "type", "note", "more"]), scalars | st.sampled_from(LISTS), 5)
good_charge = st.builds(
    lambda amount, currency, kind: f'{{"amount":{amount},"currency":{currency},"type":{kind}}}',
    st.sampled_from(["1", "0.1", "0.2", "-3.5", '"2.5"', "null"]),
    st.sampled_from(['"USD"', '"EUR"', "null"]),
    st.sampled_from(['"total"', '"net"', '"tax"', '"seats"', "null"]),
)
charges = st.lists(good_charge | good_charge | charge | st.just("null"), max_size=3).map(lambda of: f"[{','.join(of)}]")
resource = objects(
    st.sampled_from(["id", "name", "workspace", "zone"]), texts | objects(st.sampled_from(["id", "x"]), texts)
)
resources = st.lists(resource, max_size=2).map(lambda of: f"[{','.join(of)}]")
FIELDS: dict[str, st.SearchStrategy[str]] = {
    "id": texts,
    "product": objects(st.sampled_from(["id", "name", "line"]), texts) | st.just("null"),
    "charges": charges | st.just("null"),
    "resources": resources,
    "usage": objects(
        st.sampled_from(["tokens", "code", "quantity", "activity", "unit"]),
        objects(st.sampled_from(["input", "output", "is_active", "tool_actions", "lines_added"]), counts | open_maps)
        | scalars,
        4,
    ),
    "start_date": dates,
    "surface": texts | scalars,
    "remote_data": nested,
    "new": nested,
    "product_id": texts,
}
records = st.fixed_dictionaries({}, optional=FIELDS).flatmap(
    lambda found: st.permutations(list(found.items())).map(lambda pairs: _object(pairs, 1))
)
tame = st.fixed_dictionaries(
    {"id": st.just('"r"')},
    optional={
        "charges": st.lists(good_charge, max_size=3).map(lambda of: f"[{','.join(of)}]"),
        "usage": objects(st.just("tokens"), objects(st.sampled_from(["input", "output"]), counts), 1),
        "user": objects(st.sampled_from(["id", "email"]), st.just('"u"')) | st.just("null"),
        "new": st.sampled_from(["1", "2.5", "null", '"x"']),
    },
).map(lambda found: _object(list(found.items()), 1))
pages = st.lists(st.one_of(records, tame), max_size=5) | st.lists(tame, max_size=5)
layouts = st.builds(Layout, st.just(value=True) | st.booleans(), st.booleans(), st.sampled_from([(), ("product",)]))


def outcome(parsed: list[ParsedPage], layout: Layout) -> BuiltFrame | tuple[str, object]:
    try:
        return build_frame(parsed, layout)
    except UnreadableValueError as error:
        return "unreadable", (error.details["record_id"], error.details["path"])


def same(left: BuiltFrame | tuple[str, object], right: BuiltFrame | tuple[str, object]) -> None:
    if isinstance(left, BuiltFrame) and isinstance(right, BuiltFrame):
        assert_frame_equal(left.frame, right.frame)
        assert left.notes == right.notes
    else:
        assert left == right


def as_bytes(found: list[str]) -> bytes:
    return f"[{','.join(found)}]".encode("utf-8", "surrogatepass")


ORDERS = [
    ({}, ['{"id":"1","resources":[{"id":{"q":"a"}}]}', '{"resources":[{"id":{"a":"a"}}]}']),
    ({}, ['{"new":{"q":1}}', '{"new":{"c":{"z":1}}}', '{"new":{"b":2,"c":{"y":1}}}', '{"new":{"a":null}}']),
    ({}, [f'{{"usage":{{"code":{{"tool_actions":{{"{key}":{{"{below}":1}}}}}}}}}}'
          for key, below in (("a_b", "c"), ("z", "y"), ("a", "b_c"))]),
    ({}, ['{"id":"1","same":1}', '{"id":"2",' + ",".join(f'"k{n}":1' for n in range(40)) + "}"]),
    ({"documented": False}, ['{"b":1,"a":{"y":1}}', "{" + ",".join(f'"k{n % 7}{n}":1' for n in range(40)) + "}"]),
    ({"documented": False}, ['{"m":{"q":{"x":1}}}', '{"m":{"c":{"k":2},"q":{"b":1}}}', '{"id":1,"m":{"a":1}}']),
]  # fmt: skip


@pytest.mark.parametrize(("options", "found"), ORDERS)
def test_keys_come_in_the_order_stated_every_time(options: dict, found: list[str]) -> None:
    layout = Layout(**options)
    walked = build_frame([ParsedPage(read_exactly(as_bytes(found), layout), SOURCE)], layout)
    for _ in range(12):  # polars' inference alone gives another order about every other time
        KNOWN.forget()
        table = fast.read_whole(as_bytes(found), SOURCE, layout)
        assert table is not None
        same(build_frame([ParsedPage(table, SOURCE)], layout), walked)


@settings(max_examples=120)
@given(st.lists(pages, min_size=1, max_size=3), layouts)
def test_the_fast_path_gives_what_the_exact_walk_gives(loaded: list[list[str]], layout: Layout) -> None:
    KNOWN.forget()
    quick: list[ParsedPage] = []
    slow: list[ParsedPage] = []
    for page in loaded:
        content = as_bytes(page)
        table = fast.read_whole(content, SOURCE, layout)
        try:
            walked = read_exactly(careful_cut(content), layout)
        except (ProtocolError, UnreadableValueError):
            assert table is None
            return
        slow.append(ParsedPage(walked, SOURCE))
        quick.append(ParsedPage(read_exactly(careful_cut(content), layout) if table is None else table, SOURCE))
    same(outcome(quick, layout), outcome(slow, layout))


@settings(max_examples=80)
@given(st.lists(pages, min_size=1, max_size=3), layouts)
def test_pages_concatenate_to_all_records(loaded: list[list[str]], layout: Layout) -> None:
    KNOWN.forget()
    try:
        apart = [parse_page(as_bytes(page), SOURCE, layout) for page in loaded]
        together = [parse_page(as_bytes([record for page in loaded for record in page]), SOURCE, layout)]
    except (ProtocolError, UnreadableValueError):
        return
    same(outcome(apart, layout), outcome(together, layout))
