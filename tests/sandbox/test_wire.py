"""The service's JSON: what Python's own strict writer would say, byte for byte when read back."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truto_usage_nb.sandbox.app import DEFAULT_WORLD
from truto_usage_nb.sandbox.ask import REPORT_TYPES, Ask
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.pages import Item
from truto_usage_nb.sandbox.params import Params
from truto_usage_nb.sandbox.usage import records
from truto_usage_nb.sandbox.vendors import VENDORS
from truto_usage_nb.sandbox.wire import dump, dump_list, dump_object

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS | st.sampled_from(["NaN", "Infinity"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)
VIEWS = [
    (account, report_type)
    for account in ACCOUNTS
    if account.twin_of is None
    for report_type in (REPORT_TYPES if account.integration == "claude" else (None,))
]


def strict(value):
    """Read back what Python's own writer says; it refuses all that is not JSON."""
    return json.loads(json.dumps(value, allow_nan=False))


def in_order(value):
    """Write a value so that the order of keys counts, and 1 is not 1.0."""
    return json.dumps(value)


@given(JSON)
def test_any_value_is_written_as_json_itself_would(value):
    assert in_order(json.loads(dump(value))) == in_order(strict(value))


@given(NUMBERS)
def test_a_number_keeps_every_bit(value):
    assert struct.pack("d", json.loads(dump(value))) == struct.pack("d", value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value):
    for around in (value, [value], {"charges": [{"amount": value}]}, {"NaN": value}):
        with pytest.raises(ValueError, match="not JSON compliant"):
            dump(around)


def test_a_name_that_spells_no_number_is_a_name():
    assert dump({"name": "NaN", "Infinity": 1}) == b'{"name":"NaN","Infinity":1}'


@given(st.dictionaries(TEXTS, JSON, max_size=4), st.lists(JSON, max_size=4))
def test_parts_joined_are_the_whole(fields, values):
    assert json.loads(dump_object({name: dump(value) for name, value in fields.items()})) == strict(fields)
    assert json.loads(dump_list(map(dump, values))) == strict(values)


@given(st.dictionaries(TEXTS, JSON, max_size=4), st.dictionaries(TEXTS, JSON, max_size=4))
def test_a_record_is_the_same_with_its_row_and_without(record, row):
    item = Item(dump(record), dump(row))
    assert records([item], Params(truto_ignore_remote_data=True)) == [dump(record)]
    assert json.loads(records([item], Params())[0]) == strict({**record, "remote_data": row})


@pytest.mark.parametrize(("account", "report_type"), VIEWS, ids=lambda one: getattr(one, "id", one) or "bill")
def test_vendors_make_nothing_but_json(account, report_type):
    """No amount slips out as a text: the strict writer knows every value, and reads back what is served."""
    day = {"date": "2026-10-20", "start_date": "2026-10-20", "end_date": "2026-10-21"}
    ask = Ask(DEFAULT_WORLD, account, report_type=report_type, **day)
    vendor = VENDORS[account.integration]
    for raw in vendor.raw_rows(ask):
        for value in (raw.row, *vendor.unify(raw, ask)):
            assert in_order(json.loads(dump(value))) == in_order(strict(value))
