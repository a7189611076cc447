"""Five integrations, every view and every format they serve: loaded whole, and without an undeserved warning."""

import json
from typing import get_args

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from truto_usage_nb.errors import QueryError, UsageWarning
from truto_usage_nb.query import ReportType, ResponseFormat

DAYS = {"claude-console": "2026-10-06", "claude-enterprise": "2026-10-06", "codex": "2026-10-06", "openai-api":
        "2026-10-06", "cursor": "2026-10-06", "confluent": "2026-10-06", "datadog": "2026-10"}  # fmt: skip
VIEWS = [(account, view) for account in DAYS for view in (get_args(ReportType) if "claude" in account else (None,))]
FORMATS = [name for name in get_args(ResponseFormat) if name not in ("unified", "raw")]


@pytest.fixture(scope="module")
def client():
    return tu.sandbox()


@pytest.fixture(scope="module")
def unified(client):
    return {account: client.load_usage(account, period=day) for account, day in DAYS.items()}


@pytest.mark.parametrize(("account", "view"), VIEWS)
def test_every_view_loads_with_the_documented_columns_in_front(client, account, view):
    chosen = {} if view is None else {"report_type": view}
    frame = client.load_usage(account, period=DAYS[account], **chosen)  # a UsageWarning would fail this test
    documented = [field.column for field in tu.SCHEMA if field.column in frame.columns]
    assert [name for name in frame.columns if name in documented] == documented
    assert frame["report_type"].null_count() == (frame.height if view is None else 0)


@pytest.mark.parametrize("account", DAYS)
def test_every_account_has_records_on_an_ordinary_day(unified, account):
    assert unified[account].height > 0
    assert unified[account]["id"].null_count() == 0


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("account", DAYS)
def test_every_format_gives_the_same_records(client, unified, account, form):
    result = client.fetch_usage(account, period=DAYS[account], truto_response_format=form)
    assert_frame_equal(result.polars.drop("query_id"), unified[account].drop("query_id"))
    assert len(result.debug) == (result.pages if form == "debug" else 0)


@pytest.mark.parametrize("account", DAYS)
def test_records_keyed_by_a_field_are_the_same_records(client, unified, account):
    frame = client.load_usage(account, period=DAYS[account], truto_key_by="id")
    assert set(frame["id"]) == set(unified[account]["id"])
    assert frame.columns == unified[account].columns


@pytest.mark.parametrize("account", DAYS)
def test_raw_is_the_provider_s_own_and_its_dates_are_not_cut(client, account):
    with pytest.warns(UsageWarning, match="the period is not cut out"):
        frame = client.load_usage(account, period=DAYS[account], truto_response_format="raw")
    assert frame.height > 0
    assert "charges_total" not in frame.columns
    assert not any(isinstance(dtype, pl.Datetime) for dtype in frame.schema.values())


def test_raw_and_unified_records_do_not_share_a_frame(client):
    raw = tu.UsageQuery(integrated_account_id="cursor", truto_response_format="raw")
    with pytest.raises(QueryError, match="raw and unified records do not belong in one frame"):
        client.load_usage(["confluent", raw], period="2026-10-06")


@pytest.mark.parametrize("account", DAYS)
def test_remote_data_comes_as_it_was_sent_when_asked_for(client, unified, account):
    frame = client.load_usage(account, period=DAYS[account], truto_ignore_remote_data=False)
    assert "remote_data" not in unified[account].columns
    rows = [json.loads(text) for text in frame["remote_data"].drop_nulls()]
    assert rows
    assert all(isinstance(row, dict) and row for row in rows)
    assert_frame_equal(frame.drop("remote_data"), unified[account])


@pytest.mark.parametrize("account", DAYS)
def test_excluded_fields_have_no_column_and_the_others_are_unchanged(client, unified, account):
    frame = client.load_usage(account, period=DAYS[account], truto_exclude_fields=["charges", "user"])
    gone = [name for name in unified[account].columns if name.startswith(("charges", "user_"))]
    assert_frame_equal(frame.drop("query_id"), unified[account].drop(*gone, "query_id"))


def test_accounts_side_by_side_are_the_accounts_one_by_one_in_the_order_asked(client, unified):
    names = ["datadog", "cursor", "claude-console", "confluent", "codex"]
    with pytest.warns(UsageWarning, match="stick out of the period"):
        together = client.load_usage(names, period="2026-10-06")
    assert together["integrated_account_id"].unique(maintain_order=True).to_list() == names
    for name in names[1:]:
        part = together.filter(integrated_account_id=name).drop("overhangs_period")
        alone = unified[name].drop("overhangs_period")
        shared = [column for column in alone.columns if column in part.columns]
        assert_frame_equal(part.select(shared), alone.select(shared))


def test_a_warning_points_at_the_line_that_called(client):
    with pytest.warns(UsageWarning) as told:  # noqa: PT031  (both doors)
        client.load_usage("confluent", period="2026-10-06", truto_response_format="raw")
        tu.load_usage("confluent", client=client, period="2026-10-06", truto_response_format="raw")
    assert [each.filename for each in told] == [__file__] * 2
