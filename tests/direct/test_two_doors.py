"""The same world through the unified endpoint and through the vendors' own APIs: equal frames, the same figures."""

from __future__ import annotations

import json

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from tests.vendors_for_tests import in_process, on_loopback

TOLD_BY_THE_FEED = {
    "cursor": ["updated_at"],  # when Cursor's hourly aggregation had it
    "confluent": ["created_at", "updated_at", "organization_id", "organization_name"],  # posted when, and whose
}
"""What the service knows of an account and its feed, and no row of the vendor states."""


@pytest.fixture(scope="module")
def direct():
    return in_process()


@pytest.fixture(scope="module")
def unified():
    return tu.sandbox()


@pytest.mark.parametrize("account", TOLD_BY_THE_FEED)
def test_a_month_is_the_same_frame_but_for_what_the_feed_alone_tells(direct, unified, account):
    mine = tu.load_usage(account, period="2026-10", client=direct)
    other = tu.load_usage(account, period="2026-10", client=unified)
    assert mine.height > 500
    assert mine.columns == other.columns
    told = TOLD_BY_THE_FEED[account]
    assert_frame_equal(mine.drop(told), other.drop(told), check_exact=True)
    # And it is not that both are wrong: the world's own key, summed from its facts, comes to the same money.
    (key,) = unified.answers("2026-10", [account]).totals()
    billed = tu.with_costs(mine)["cost_billed"].sum()
    assert billed == pytest.approx(float(key["billed"]), abs=1e-6)


def test_october_comes_to_the_same_tables(direct, unified):
    accounts = list(TOLD_BY_THE_FEED)
    mine = tu.load_usage(accounts, period="2026-10", client=direct)
    other = tu.load_usage(accounts, period="2026-10", client=unified)
    for table in (tu.cost_per_model, tu.cost_per_surface, tu.cost_per_token):
        assert_frame_equal(table(mine), table(other))
    assert str(tu.coverage(mine)) == str(tu.coverage(other))


@pytest.mark.parametrize("form", [{"truto_response_format": "raw"}, {"truto_ignore_remote_data": False}])
def test_the_vendors_own_rows_are_the_same(direct, unified, form):
    day = {"start_date": "2026-10-05", "end_date": "2026-10-06", **form}
    mine = tu.load_usage("confluent", client=direct, **day)
    other = tu.load_usage("confluent", client=unified, **day)
    told = [*TOLD_BY_THE_FEED["confluent"], "remote_data"]
    assert_frame_equal(mine.drop(told, strict=False), other.drop(told, strict=False))
    if "remote_data" in mine.columns:  # the same numbers, which may be spelt in two ways
        assert [*map(json.loads, mine["remote_data"])] == [*map(json.loads, other["remote_data"])]


def test_a_scan_keeps_what_a_load_gives(direct, tmp_path):
    scanned = tu.scan_usage("confluent", tmp_path / "kept", period="2026-10", client=direct).collect()
    loaded = tu.load_usage("confluent", period="2026-10", client=direct)
    assert scanned.height == loaded.height
    assert scanned["charges_net"].sum() == pytest.approx(loaded["charges_net"].sum())


def test_pages_of_every_size_make_the_same_frame():
    whole = tu.load_usage("confluent", period="2026-10", client=in_process())
    for size in (1000, 97):
        client = in_process(records_per_page=size)
        parts = tu.load_usage("confluent", period="2026-10", client=client)
        assert_frame_equal(parts, whole)
        assert len(client.seen) == -(-whole.height // size)


def test_cursors_pages_are_numbered_and_each_is_one_request():
    client = in_process(records_per_page=150)
    result = tu.fetch_usage("cursor", period="2026-10-05", client=client)
    assert [one.body["page"] for one in client.seen] == list(range(1, len(client.seen) + 1))
    assert result.pages == len(client.seen) == -(-result.frame.height // 150)
    # 2026-10-05T00:00:00Z = 1791158400000; the end is included, so it is the day's last millisecond.
    assert {(one.body["startDate"], one.body["endDate"]) for one in client.seen} == {(1791158400000, 1791244799999)}


def test_a_members_day_and_the_cycles_spend_are_views_of_their_own(direct):
    days = tu.load_usage("cursor", period="2026-10-05", report_type="activity", client=direct)
    assert days.height == 17  # 19 seats with the service account, less that one and who was removed
    assert days["usage_requests_total"].sum() > 0
    assert days.filter(pl.col("usage_activity_is_active").not_()).height > 0
    spend = tu.load_usage("cursor", report_type="user_cost", client=direct)
    events = tu.load_usage("cursor", period=("2026-11-14", "2026-11-23"), client=direct)
    # What is on demand in the running cycle (from the 14th) is what its events charge.
    assert spend["charges_on_demand"].sum() == pytest.approx(tu.with_costs(events)["cost_billed"].sum(), abs=1e-6)
    with pytest.warns(tu.UsageWarning, match=r"spend left out: the same \$894\.05"):
        both = tu.cost_per_model(pl.concat([events, spend], how="diagonal_relaxed"))
    assert both["cost"].sum() == pytest.approx(tu.cost_per_model(events)["cost"].sum())


def test_asking_for_usage_and_cost_counts_no_event_twice(direct):
    # Cursor states both in one row: whoever asks for both views is given each event once.
    once = tu.load_usage("cursor", period="2026-10-05", client=direct)
    with pytest.warns(tu.UsageWarning, match="came from more than one query"):
        both = tu.load_usage("cursor", period="2026-10-05", report_type=["usage", "cost"], client=direct)
    assert both.height == once.height
    assert tu.total_cost(both) == tu.total_cost(once)


def test_the_same_over_real_http():
    with on_loopback() as door:
        mine = tu.load_usage(["cursor", "confluent"], period="2026-10-05", client=door.client)
        assert {one.path for one in door.seen} == {"/teams/filtered-usage-events", "/billing/v1/costs"}
    other = tu.load_usage(["cursor", "confluent"], period="2026-10-05", client=in_process())
    assert_frame_equal(mine, other)
