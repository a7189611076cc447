"""The names that an editor completes are those of the frames, no more and no fewer, and each says what it is."""

import inspect
import re

import pytest

import truto_usage_nb as tu
from truto_usage_nb import columns, schema

SOURCE = inspect.getsource(columns)
SAID = dict(re.findall(r'^(\w+): Final = "\1"\n"""(.*?)"""$', SOURCE, re.MULTILINE))
"""What stands under each name, which is also its value."""
FIELDS = schema.columns(remote_data=True)


def lines(field):
    """Give the lines that `columns.py` is to have for a field."""
    what = ", ".join(filter(None, (field.dtype, field.unit)))
    adds = f"; {field.additivity}." if field.additivity else "."
    return f'{field.column}: Final = "{field.column}"\n"""{field.meaning} {what}{adds}"""\n'


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.column)
def test_a_documented_column_has_its_name_and_says_what_it_is(field):
    assert lines(field) in SOURCE, f"columns.py is to have\n{lines(field)}"


def test_the_names_stand_in_the_order_of_a_frame_and_every_one_is_public():
    assert list(SAID)[: len(FIELDS)] == [field.column for field in FIELDS]
    assert sorted(columns.__all__) == sorted(SAID)
    assert {name: getattr(columns, name) for name in SAID} == {name: name for name in SAID}
    assert all(said.endswith(".") for said in SAID.values())


def test_what_the_cost_tables_add_is_what_they_give():
    usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    given = {name: None for name in tu.with_costs(usage).columns if name not in usage.columns}
    cut = tu.sandbox().load_usage("datadog", period="2026-10-05", overhang="prorate")
    documented = {field.column for field in FIELDS}
    given |= {name: None for frame in (usage, cut) for name in frame.columns if name not in documented}
    rates = {("EUR", "USD"): 1.08}
    given |= dict.fromkeys(tu.cost_per_token(usage, [], every="1d", exchange_rates=rates).columns)
    given |= dict.fromkeys(tu.cost_per_token(usage, [], kind=True).columns)
    assert set(list(SAID)[len(FIELDS) :]) == set(given)


def test_a_name_picks_its_column_of_a_frame():
    usage = tu.sandbox().load_usage("cursor", period="2026-10-05", limit=3)
    assert set(usage.columns) - {"remote_data"} <= set(columns.__all__)
    assert usage[tu.columns.usage_tokens_total].sum() > 0
