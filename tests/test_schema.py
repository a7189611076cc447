"""The record's fields, held against the endpoint's reference."""

import pytest

import truto_usage_nb as tu
from truto_usage_nb import schema
from truto_usage_nb.frames import Layout, Provenance, build_frame, parse_page

REFERENCE = """
id  product: id name  metric_name  resources  organization: id name  user: id email name  model: id provider  charges
usage: quantity unit
usage.requests: total chat agent composer cmdk tab_shown tab_accepted api_key included usage_based bugbot
usage.sessions: distinct dispatch_turns
usage.conversations: distinct message_count thinking_message_count shared_viewed_count turn_count thread_count
usage.code: lines_added lines_removed lines_accepted_added lines_accepted_removed applies accepts rejects commits
usage.code: pull_requests tool_actions file_extensions
usage.tokens: input output cache_read cache_write cache_write_ephemeral_5m cache_write_ephemeral_1h total
usage.tools: web_search_count connectors_used_count distinct_connectors_used_count skills_used_count
usage.tools: distinct_skills_used_count action_count
usage.activity: is_active max_mode client_version
start_date  end_date  created_at  updated_at  surface  remote_data
"""


def documented_paths():
    """Read the reference above: `parent: children`, or names at the top level, two spaces apart."""
    for line in REFERENCE.strip().splitlines():
        for part in line.split("  "):
            parent, colon, children = part.partition(":")
            yield from (f"{parent}.{child}" for child in children.split()) if colon else [parent]


def test_the_fields_are_those_of_the_reference_in_its_order():
    assert [field.path for field in tu.SCHEMA] == list(documented_paths())


def test_every_count_says_its_unit_and_how_it_adds_up():
    for field in tu.SCHEMA:
        if field.dtype in ("Int64", "Float64"):
            assert field.unit, field.path
            assert field.additivity in ("sum", "distinct", "last"), field.path
        else:
            assert field.additivity is None, field.path


def test_distinct_counts_are_never_sums():
    distinct = {field.path for field in tu.SCHEMA if "distinct" in field.path}
    assert distinct == {field.path for field in tu.SCHEMA if field.additivity == "distinct"}


@pytest.mark.parametrize("excluded", [(), ("charges",), ("usage",), ("usage.tokens", "user.email"), ("start_date",)])
@pytest.mark.parametrize("remote_data", [False, True])
def test_an_empty_frame_has_the_documented_columns_and_no_others(excluded, remote_data):
    layout = Layout(remote_data=remote_data, excluded=excluded)
    frame = build_frame([parse_page(b'{"result": []}', Provenance(), layout)], layout).frame
    fields = schema.columns(remote_data=remote_data, excluded=excluded)
    assert frame.columns == [field.column for field in fields]
    simple = {"String": "String", "JSON": "String", "Int64": "Int64", "Float64": "Float64", "Boolean": "Boolean",
              "Datetime": "Datetime(time_unit='us', time_zone='UTC')"}  # fmt: skip
    for field in fields:
        if field.dtype != "List":
            assert str(frame.schema[field.column]) == simple[field.dtype], field.column


def test_the_ten_types_of_charge_are_columns_in_order():
    names = [field.column for field in schema.columns() if field.column.startswith("charges_")]
    assert names == [
        "charges_total", "charges_net", "charges_on_demand", "charges_committed", "charges_included",
        "charges_usage_based", "charges_discount", "charges_tax", "charges_credit", "charges_platform_fee",
        "charges_currency", "charges_count",
    ]  # fmt: skip


def test_the_data_dictionary_has_a_row_for_each_column():
    lines = tu.data_dictionary().splitlines()
    assert lines[0] == "| column | dtype | unit | adds up | meaning |"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[0].strip("`") for row in rows] == [field.column for field in schema.columns(remote_data=True)]
    assert all(len(row) == 5 and row[4].endswith(".") for row in rows)
    assert ["`usage_tokens_input`", "Int64", "tokens", "sum"] in [row[:4] for row in rows]


def test_a_column_nobody_documented_has_no_field():
    assert schema.field("usage_code_tool_actions_edit_accepted") is None
    assert schema.field("charges_total").unit == "charges_currency"
