"""Datadog through the direct door: months of the parent, hours in pages, projections that are no cost."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from tests.vendors_for_tests import giving, in_process, scripted
from truto_usage_nb.errors import InputError, InvalidRequestError

SPEC = {"acme": {"integration": "datadog", "api_key": giving("a" * 32), "app_key": giving("b" * 40)}}
EMPTY = {"data": []}
TOLD_BY_THE_FEED = ["created_at", "updated_at"]  # when a month became final, which the row does not say


@pytest.fixture(scope="module")
def direct():
    return in_process("datadog")


@pytest.fixture(scope="module")
def unified():
    return tu.sandbox()


def sent(client, before):
    return [(one.path, dict(one.pairs)) for one in list(client.seen)[before:]]


def test_october_is_the_same_through_both_doors(direct, unified):
    mine, other = (tu.load_usage("datadog", period="2026-10", client=client) for client in (direct, unified))
    assert_frame_equal(mine.drop(TOLD_BY_THE_FEED), other.drop(TOLD_BY_THE_FEED), check_exact=True)
    assert_frame_equal(tu.cost_per(mine, "product_id"), tu.cost_per(other, "product_id"))
    assert tu.total_cost(mine) == tu.total_cost(other) == pytest.approx(80690.4)


def test_a_month_that_runs_is_an_estimate_as_new_as_the_question(direct, unified):
    before = len(direct.seen)
    asked = {"start_date": "2026-09-01", "end_date": "2026-12-01"}
    mine, other = (tu.load_usage("datadog", client=client, **asked) for client in (direct, unified))
    assert_frame_equal(mine.drop(TOLD_BY_THE_FEED), other.drop(TOLD_BY_THE_FEED), check_exact=True)
    # It is the 23rd of November: October is final since the 16th.
    assert sent(direct, before) == [
        ("/api/v2/usage/historical_cost", {"view": "sub-org", "start_month": "2026-09", "end_month": "2026-10"}),
        ("/api/v2/usage/estimated_cost", {"view": "sub-org", "start_month": "2026-11", "end_month": "2026-11"}),
    ]
    november = mine.filter(pl.col("start_date").dt.month() == 11)
    assert november["updated_at"].unique().dt.to_string("%F").to_list() == ["2026-11-23"]


@pytest.mark.parametrize(
    ("dates", "months"),
    [
        ({}, [("estimated_cost", "2026-11", "2026-11")]),
        ({"start_date": "2026-10-15"}, [("historical_cost", "2026-10", "2026-10")]),
        ({"start_date": "2026-08-01", "end_date": "2026-10-01"}, [("historical_cost", "2026-08", "2026-09")]),
        ({"start_date": "2025-12-01", "end_date": "2026-01-02"}, [("historical_cost", "2025-12", "2026-01")]),
    ],
)
def test_dates_have_the_resolution_of_a_month(dates, months):
    client, vendor = scripted(SPEC, EMPTY)
    client.load_usage("acme", **dates)
    asked = [(one.url.path.rsplit("/", 1)[1], *list(dict(one.url.params).values())[1:]) for one in vendor.asked]
    assert asked == months


def test_the_request_is_the_vendors_own_and_follows_the_site():
    for site, host in (("datadoghq.eu", "api.datadoghq.eu"), ("us5.datadoghq.com", "api.us5.datadoghq.com")):
        client, vendor = scripted({"acme": {**SPEC["acme"], "site": site}}, EMPTY)
        client.load_usage("acme")
        (request,) = vendor.asked
        assert request.url.host == host
        assert (request.headers["dd-api-key"], request.headers["dd-application-key"]) == ("a" * 32, "b" * 40)
        assert request.headers["accept"] == "application/json;datetime-format=rfc3339"


@pytest.mark.parametrize("site", ["datadoghq.con", "evil.example", "datadoghq.com.evil.example", "datadoghq.com/x", ""])
def test_a_site_that_is_not_documented_is_refused(site):
    with pytest.raises(InputError, match="site"):
        tu.direct({"acme": {**SPEC["acme"], "site": site}})


def test_hours_come_in_pages_of_which_the_last_has_no_meta(direct):
    before = len(direct.seen)
    days = {"start_date": "2026-10-05", "end_date": "2026-10-15", "report_type": "usage"}
    hours = direct.load_usage("datadog", **days)
    # 10 days of 24 hours of three families are 720 rows, 500 a page; an hour has 4 + 2 + 1 = 7 quantities.
    assert hours.height == 10 * 24 * 7
    pages = [params for _, params in sent(direct, before)]
    assert [page.get("page[next_record_id]") for page in pages] == [None, "r500"]
    assert pages[0] == {
        "filter[timestamp][start]": "2026-10-05T00",
        "filter[timestamp][end]": "2026-10-15T00",
        "filter[product_families]": "all",
        "page[limit]": "500",
    }
    assert hours.filter(pl.col("usage_quantity").is_null()).height == 10 * 4  # at night it is not known: no zero
    one = direct.load_usage("datadog", **days, remote_query={"filter": {"product_families": "logs"}})
    assert one["product_id"].unique().to_list() == ["logs"]


def test_hours_as_recorded():
    # The shape: DataDog/datadog-api-client-python, tests/v2/cassettes/…/test_get_hourly_usage_by_product_family_…yaml:
    # offsets instead of Z, no account, a null, no `meta`.
    measured = [{"usage_type": "host_count", "value": 3}, {"usage_type": "container_count", "value": None}]
    attributes = {
        "org_name": "Acme",
        "public_id": "pub7",
        "timestamp": "2026-10-05T14:00:00+00:00",
        "region": "us",
        "measurements": measured,
        "product_family": "infra_hosts",
    }
    client, _ = scripted(SPEC, {"data": [{"attributes": attributes, "type": "usage_timeseries", "id": "c2"}]})
    frame = client.load_usage("acme", start_date="2026-10-05", end_date="2026-10-06", report_type="usage")
    assert frame["usage_quantity"].to_list() == [3.0, None]
    assert [str(frame[name][0]) for name in ("start_date", "end_date")] == [
        "2026-10-05 14:00:00+00:00",
        "2026-10-05 15:00:00+00:00",
    ]
    assert frame["id"].to_list() == ["c2-host_count", "c2-container_count"]
    assert frame["resources_count"].to_list() in ([0, 0], [None, None])


def test_a_projection_as_recorded_is_no_cost_and_puts_none_aside():
    # The shape: DataDog/datadog-api-client-python, tests/v2/cassettes/…/test_get_projected_cost_across_…yaml:
    # dated the month's last day, `projected_total_cost`, no account, and a charge called `total`.
    charges = [
        {"product_name": "infra_host", "charge_type": "projected_committed", "cost": 10},
        {"product_name": "infra_host", "charge_type": "projected_on_demand", "cost": 5.5},
        {"product_name": "infra_host", "charge_type": "total", "cost": 15.5},
    ]
    attributes = {
        "org_name": "Acme",
        "public_id": "pub7",
        "region": "us",
        "projected_total_cost": 15.5,
        "date": "2026-11-30T00:00:00Z",
        "charges": charges,
    }
    client, vendor = scripted(SPEC, {"data": [{"type": "projected_cost", "id": "p", "attributes": attributes}]})
    frame = client.load_usage("acme", remote_query={"endpoint": "projected_cost"})
    assert str(vendor.asked[0].url) == "https://api.datadoghq.com/api/v2/usage/projected_cost?view=sub-org"
    assert [str(frame[name][0]) for name in ("start_date", "end_date")] == [
        "2026-11-01 00:00:00+00:00",
        "2026-12-01 00:00:00+00:00",
    ]
    told = dict(zip(frame["metric_name"], frame["usage_quantity"], strict=True))
    assert told == {"projected_committed": 10.0, "projected_on_demand": 5.5, "projected_total": 15.5}
    assert frame["usage_unit"].unique().to_list() == ["USD"]
    assert frame["charges_count"].to_list() in ([0] * 3, [None] * 3)
    assert tu.with_costs(frame)["cost_billed"].to_list() == [None] * 3


def test_a_projection_beside_the_estimate_changes_no_cost(direct):
    estimate = direct.load_usage("datadog", start_date="2026-11-01", end_date="2026-12-01")
    projection = direct.load_usage("datadog", remote_query={"endpoint": "projected_cost"})
    assert projection.height == 3 * estimate.height > 0
    later = projection.with_columns(pl.col("updated_at") + timedelta(hours=5))
    for frames in ([estimate, projection], [later, estimate]):
        assert tu.total_cost(pl.concat(frames, how="diagonal_relaxed")) == tu.total_cost(estimate)


def test_an_hours_tags_as_recorded():
    # The shape: DataDog/datadog-api-client-python, tests/v1/cassettes/…/test_get_hourly_usage_attribution_…yaml: pages
    # by `metadata.pagination`, `updated_at` an hour without minutes, tags that may be empty.
    row = {
        "hour": "2026-10-05T11:00:00+00:00",
        "org_name": "Acme",
        "public_id": "pub7",
        "tag_config_source": "Acme:::team",
        "tags": {"team": ["payments"]},
        "usage_type": "infra_host_usage",
        "total_usage_sum": 2,
        "updated_at": "2026-10-06T02",
        "region": "us",
    }
    first = {"usage": [row], "metadata": {"pagination": {"next_record_id": "n2"}}}
    last = {"usage": [{**row, "tags": {}}], "metadata": {"pagination": {"next_record_id": None}}}
    client, vendor = scripted(SPEC, first, last)
    asked = {"start_date": "2026-10-05", "end_date": "2026-10-06", "report_type": "project_usage"}
    frame = client.load_usage("acme", **asked, remote_query={"usage_type": "infra_host_usage"})
    assert frame["resources_id"].to_list() == ["team:payments", None]
    assert frame["usage_quantity"].to_list() == [2.0, 2.0]
    assert str(frame["updated_at"][0]) == "2026-10-06 02:00:00+00:00"
    assert dict(vendor.asked[1].url.params)["next_record_id"] == "n2"
    with pytest.raises(InvalidRequestError, match="one type of usage at a time; name it"):
        client.load_usage("acme", **asked)


def test_older_hours_as_recorded():
    # The shape: DataDog/datadog-api-client-python, tests/v1/cassettes/…/test_get_hourly_usage_for_hosts_…yaml.
    row = {
        "hour": "2026-10-05T11:00:00+00:00",
        "region": "us",
        "host_count": 2,
        "apm_host_count": None,
        "org_name": "Acme",
        "public_id": "pub7",
    }
    client, vendor = scripted(SPEC, {"usage": [row]})
    frame = client.load_usage(
        "acme", start_date="2026-10-05", end_date="2026-10-06", remote_query={"endpoint": "hosts"}
    )
    assert dict(zip(frame["metric_name"], frame["usage_quantity"], strict=True)) == {
        "host_count": 2.0,
        "apm_host_count": None,
    }
    assert dict(vendor.asked[0].url.params) == {"start_hr": "2026-10-05T00", "end_hr": "2026-10-06T00"}


def test_a_months_summary_states_each_quantity_once(direct):
    frame = direct.load_usage("datadog", period="2026-10", report_type="summary")
    # Three organisations with two quantities each; the month and the range say the same again.
    assert frame.height == 6
    assert frame["organization_id"].null_count() == 0


def test_a_child_organisation_has_no_costs_and_its_hours_stand(direct):
    with pytest.raises(InvalidRequestError) as error:
        direct.load_usage("datadog-child", period="2026-10")
    said = str(error.value)
    assert (
        "Datadog answered 400 Bad Request to GET /api/v2/usage/historical_cost: API called with non-parent org keys"
        in said
    )
    assert "api_key is to hold an API key of the parent organisation and app_key is to hold" in said
    asked = {"start_date": "2026-10-05", "end_date": "2026-10-06", "report_type": ["cost", "usage"]}
    with pytest.warns(tu.UsageWarning, match="non-parent org keys"):
        result = direct.fetch_usage("datadog-child", on_error="warn", **asked)
    assert result.frame.height == 24 * 7
    assert len(result.gaps) == 1
    assert "non-parent" in result.gaps[0]


def test_another_400_is_no_matter_of_keys():
    client, _ = scripted(SPEC, (400, {"errors": ["start_month is too old"]}))
    with pytest.raises(InvalidRequestError, match=r"start_month is too old$"):
        client.load_usage("acme")


@pytest.mark.parametrize(
    ("spec", "options", "said"),
    [
        (
            SPEC,
            {"remote_query": {"endpoint": "projected_costs"}},
            "no endpoint 'projected_costs' here. Did you mean 'projected_cost'?",
        ),
        (SPEC, {"report_type": "user_cost"}, "Datadog serves no 'user_cost'; report_type may be cost, usage, summary"),
        (
            {"acme": {"integration": "cursor", "api_key": giving("crsr_0123456789abc")}},
            {"remote_query": {"endpoint": "x"}},
            "Cursor's endpoints follow report_type",
        ),
    ],
)
def test_what_there_is_not_is_said(spec, options, said):
    client, vendor = scripted(spec, EMPTY)
    with pytest.raises(InvalidRequestError) as error:
        client.load_usage("acme", **options)
    assert said in str(error.value)
    assert vendor.asked == []
