"""Which windows a scan asks for, and what type holds what two pages hold: pure, by algebra."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vendor_for_tests import Vendor, client
from truto_usage_nb.dataset.stored_columns import in_order, read_types, write_types
from truto_usage_nb.dataset.windows import contains, overlaps, to_fetch, uncovered
from truto_usage_nb.errors import hearing
from truto_usage_nb.frames import fitted, merged, types_of
from truto_usage_nb.planning import Period

ORIGIN = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 40


def span(first, length):
    return Period(ORIGIN + timedelta(days=first), ORIGIN + timedelta(days=first + length))


def cut(piece, longest):
    """Plan as a vendor with windows of at most `longest` days does."""
    made, start = [], piece.start
    while start < piece.end:
        made.append(Period(start, min(start + timedelta(days=longest), piece.end)))
        start = made[-1].end
    return made


@st.composite
def worlds(draw):
    """Give windows beside each other, each kept, old, or not there; what is asked for; and a vendor's limit."""
    held, first = {"kept": [], "old": [], "gap": []}, 0
    while first < DAYS:
        length = draw(st.integers(1, 12))
        held[draw(st.sampled_from(list(held)))].append(span(first, length))
        first += length
    start = draw(st.integers(0, DAYS - 1))
    asked = span(start, draw(st.integers(1, DAYS - start)))
    return held["kept"], held["old"], asked, draw(st.integers(12, 31))


@settings(max_examples=300)
@given(worlds())
def test_what_is_asked_for_fills_the_gaps_and_holds_old_windows_whole(world):
    kept, old, asked, longest = world
    due = to_fetch(cut(asked, longest), kept, old, lambda piece: cut(piece, longest))
    assert all(not overlaps(one, other) for one in due for other in kept)
    assert all(one.end <= other.start for one, other in pairwise(due))
    assert not uncovered(asked, [*kept, *due]), "a part of the period is neither held nor asked for"
    for window in old:
        touching = [new for new in due if overlaps(new, window)]
        assert len(touching) == overlaps(window, asked)
        assert all(contains(new, window) for new in touching)
    outside = [new for new in due if not overlaps(new, asked)]
    assert not outside


def test_a_window_of_a_new_vendor_limit_does_not_tear_an_old_one():
    # the old window is days 4 to 31; a vendor of thirty days would be asked for days 1 to 30 and for day 31
    due = to_fetch(cut(span(0, 31), 30), [], [span(4, 27)], lambda piece: cut(piece, 30))
    assert due == [span(0, 4), span(4, 27)]


values = st.one_of(
    st.none(),
    st.integers(-(2**50), 2**50),
    st.integers(-99, 99).map(lambda n: n + 0.5),
    st.booleans(),
    st.text("ab", max_size=2),
)


@settings(max_examples=60)
@given(st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=5), st.data())
def test_types_widen_to_the_same_in_any_order_and_lose_nothing(pages, data):
    frames = [
        pl.DataFrame({"x": page}, strict=False) for page in pages if len({type(v) for v in page if v is not None}) < 2
    ]
    types = {}
    for frame in frames:
        types = merged(types, types_of(frame, {}))
    again = {}
    for frame in data.draw(st.permutations(frames)):
        again = merged(again, types_of(frame, {}))
    assert types == again == read_types(write_types(types))
    for frame in frames:
        made = fitted(frame, types)["x"]
        assert made.is_null().equals(frame["x"].is_null())
        if made.dtype == frame["x"].dtype or made.dtype == pl.Float64:
            assert made.to_list() == frame["x"].to_list()


free = st.one_of(values, st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2))
records = st.lists(st.fixed_dictionaries({}, optional={"score": free, "a": free, "b": values}), min_size=9, max_size=9)


@pytest.mark.drill
@settings(max_examples=30)
@given(records, st.sampled_from([1, 2, 4]))
def test_whatever_fields_records_have_a_scan_holds_what_a_load_holds(tmp_path_factory, fields, per_page):
    def more(record):
        return fields[int(record["id"].split("-")[1]) % 9]

    vendor = Vendor({"f": "confluent"}, per_page=per_page, more=more)
    directory = tmp_path_factory.mktemp("scan")
    with hearing():
        loaded = client(vendor).load_usage("f", period=("2026-10-01", "2026-10-04"))
        for number in (2, 1, 3):
            client(vendor).scan_usage("f", directory, period=f"2026-10-0{number}")
        scanned = client(vendor).scan_usage("f", directory, period=("2026-10-01", "2026-10-04")).collect()
    assert set(scanned.columns) == set(loaded.columns)
    assert scanned.select(loaded.columns).equals(loaded)


@pytest.mark.parametrize("dtype", [pl.List(pl.List(pl.String())), pl.Struct({"a": pl.List(pl.Null())})])
def test_types_are_read_as_they_were_written(dtype):
    assert read_types(write_types({"x": dtype})) == {"x": dtype}


def test_columns_keep_their_place():
    names = {("z",): "z", ("usage", "code", "tool_actions", "b"): "tool_b", ("charges", "new"): "charges_new"}
    types = dict.fromkeys(["z", "tool_b", "charges_new", "charges_net", "id"], pl.String())
    assert list(in_order(types, names)) == ["id", "charges_net", "charges_new", "tool_b", "z"]


items = st.recursive(
    st.one_of(st.none(), st.integers(-9, 9), st.sampled_from([0.5, 2**60 + 1, "x", True])),
    lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.drill
@settings(max_examples=40)
@given(st.lists(st.fixed_dictionaries({}, optional={"k": items, "l": items}), min_size=9, max_size=9), st.data())
def test_whatever_a_charge_has_beside_its_amount_a_scan_holds_what_a_load_holds(tmp_path_factory, extras, data):
    def more(record):
        n = int(record["id"].split("-")[1]) % 9
        return {"charges": [{"type": "net", "amount": n / 4, "currency": "USD", **extras[n]}]}

    vendor = Vendor({"f": "confluent"}, per_page=data.draw(st.sampled_from([1, 4])), more=more)
    directory = tmp_path_factory.mktemp("scan")
    with hearing():
        loaded = client(vendor).load_usage("f", period=("2026-10-01", "2026-10-04"))
        for number in data.draw(st.permutations([1, 2, 3])):
            client(vendor).scan_usage("f", directory, period=f"2026-10-0{number}")
        scanned = client(vendor).scan_usage("f", directory, period=("2026-10-01", "2026-10-04")).collect()
    assert plain(scanned["charges"].to_list()) == plain(loaded["charges"].to_list())
    assert scanned["charges_net"].to_list() == loaded["charges_net"].to_list()


def plain(value):
    """Leave the order of keys, and keys without a value, out of it."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: held for key in sorted(value) if (held := plain(value[key])) not in (None, {})}
