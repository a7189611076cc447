"""Datadog's documented rows in, unified records out; every figure worked by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from truto_usage_nb.sandbox.ask import Ask, Raw, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors.datadog import unify

FIXTURES = Path(__file__).parent / "fixtures" / "datadog"
ACCOUNT = next(account for account in ACCOUNTS if account.id == "datadog")
ASK = Ask(World(7, datetime(2026, 11, 23, tzinfo=UTC)), ACCOUNT)
PARENT = {"id": "tw0parent", "name": "Tidewheel"}
COST_ID = "333c20c962c7f38662f9093df1e51aaf40ad17f42cec70cd022e6bebb23ec1c0"

COST = "/api/v2/usage/historical_cost"
HOURLY = "/api/v2/usage/hourly_usage"
HOSTS = "/api/v1/usage/hosts"
SUMMARY = "/api/v1/usage/summary"


def sample(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def mapped(row, endpoint, **context):
    return unify(Raw(row, endpoint, context), ASK)


def quantities(records):
    return {record["metric_name"]: record["usage"]["quantity"] for record in records}


def test_d2_one_record_for_the_product_with_its_three_charges():
    # 2,500 committed + 100 on demand = 2,600; the total charge and total_cost say it again, so no record of their own.
    assert mapped(sample("D2")["data"][0], COST) == [
        {
            "id": f"{COST_ID}-apm_fargate",
            "product": {"id": "apm_fargate", "name": "APM Fargate"},
            "metric_name": "apm_fargate",
            "organization": {"id": "bbhogefuga", "name": "my_org"},
            "charges": [
                {"type": "committed", "amount": 2500, "currency": "USD"},
                {"type": "on_demand", "amount": 100, "currency": "USD"},
                {"type": "total", "amount": 2600, "currency": "USD"},
            ],
            "start_date": "2024-10-01T00:00:00Z",
            "end_date": "2024-11-01T00:00:00Z",
        }
    ]


def test_products_stay_apart_in_the_order_served_and_december_ends_in_january():
    row = sample("D2")["data"][0]
    charges = [
        {"product_name": product, "charge_type": kind, "cost": cost}
        for kind, cost in (("committed", 0), ("on_demand", 7.25), ("total", 7.25))
        for product in ("rum", "brand_new_product")
    ]
    found = mapped(
        {**row, "attributes": {**row["attributes"], "date": "2024-12-01T00:00:00Z", "charges": charges}}, COST
    )
    assert [record["product"]["id"] for record in found] == ["rum", "brand_new_product"]
    assert found[1]["product"].get("name") is None  # nothing is made up for a product nobody has heard of
    assert [[charge["amount"] for charge in record["charges"]] for record in found] == [[0, 7.25, 7.25]] * 2
    assert {record["end_date"] for record in found} == {"2025-01-01T00:00:00Z"}
    assert len({record["id"] for record in found}) == 2


def test_a_month_without_figures_has_no_records():
    row = sample("D2")["data"][0]
    assert mapped({**row, "attributes": {**row["attributes"], "charges": []}}, COST) == []


def test_when_a_cost_was_worked_out_comes_from_the_feed():
    (record,) = mapped(sample("D2")["data"][0], COST, computed_at="2024-11-16T00:00:00Z")
    assert (record["created_at"], record["updated_at"]) == ("2024-10-01T00:00:00Z", "2024-11-16T00:00:00Z")


def test_d1_a_record_per_measurement_and_null_is_not_zero():
    common = {
        "product": {"id": "infra_hosts"},
        "resources": [{"workspace": {"id": "abc123", "name": "test_account"}}],
        "organization": {"id": "def456", "name": "test_org"},
        "start_date": "2019-09-19T10:00:00Z",
        "end_date": "2019-09-19T11:00:00Z",
    }
    assert mapped(sample("D1")["data"][0], HOURLY) == [
        {
            "id": "6564d4299b5ac14acd51b709-host_count",
            "metric_name": "host_count",
            "usage": {"quantity": 100, "unit": "hosts"},
            **common,
        },
        {
            "id": "6564d4299b5ac14acd51b709-container_count",
            "metric_name": "container_count",
            "usage": {"quantity": None, "unit": "containers"},
            **common,
        },
    ]


def test_d4_a_record_per_quantity_of_the_hour():
    found = mapped(sample("D4")["usage"][0], HOSTS)
    # Fourteen quantities; a count of 0 is one of them. What names the row (hour, org_name, public_id) is none.
    assert quantities(found) == {
        "agent_host_count": 90,
        "alibaba_host_count": 0,
        "apm_azure_app_service_host_count": 0,
        "apm_host_count": 40,
        "aws_host_count": 60,
        "azure_host_count": 0,
        "container_count": 350,
        "gcp_host_count": 10,
        "heroku_host_count": 0,
        "host_count": 100,
        "infra_azure_app_service": 0,
        "opentelemetry_apm_host_count": 0,
        "opentelemetry_host_count": 0,
        "vsphere_host_count": 0,
    }
    assert {record["product"]["id"] for record in found} == {"hosts"}
    assert all(record["organization"] == {"id": "def456", "name": "test_org"} for record in found)
    assert {(record["start_date"], record["end_date"]) for record in found} == {
        ("2026-11-02T10:00:00Z", "2026-11-02T11:00:00Z")
    }
    assert len({record["id"] for record in found}) == len(found) == 14


def test_d3_each_quantity_once_at_the_finest_level_that_states_it():
    found = mapped(sample("D3"), SUMMARY)
    by_org = {org: [r for r in found if r["organization"]["id"] == org] for org in ("def456", "tw0parent")}
    # 214 hosts are said three times (top _sum, month, org): the organisation's is kept.
    assert quantities(by_org["def456"]) == {"infra_host_top99p": 214}
    # What the month alone states is the account's; so is what only the roll-up over the range states.
    assert quantities(by_org["tw0parent"]) == {
        "apm_host_top99p": 88,
        "container_avg": 930,
        "ingested_events_bytes_sum": 8120334455667,
        "custom_ts_sum": 410233,
        "llm_observability_agg_sum": 129034,
    }
    assert len(found) == len({record["id"] for record in found}) == 6
    assert all(record["start_date"] == "2026-10-01T00:00:00Z" for record in found)
    assert all(record["end_date"] == "2026-11-01T00:00:00Z" for record in found)
    assert all(record["updated_at"] == "2026-11-20T00:00:00Z" for record in found)
    assert by_org["tw0parent"][0]["organization"] == PARENT


def test_other_vendors_spend_is_told_by_its_unit():
    body = {**sample("D3"), "ccm_anthropic_spend_last_sum": 39750, "usage": []}
    spend = [record for record in mapped(body, SUMMARY) if record["metric_name"].startswith("ccm_")]
    assert [record["usage"] for record in spend] == [{"quantity": 39750, "unit": "USD"}]
    assert all("charges" not in record for record in spend)


def test_every_record_says_its_product():
    samples = [("D1", HOURLY, "data"), ("D2", COST, "data"), ("D4", HOSTS, "usage")]
    rows = [(row, endpoint) for name, endpoint, key in samples for row in sample(name)[key]]
    for row, endpoint in [*rows, (sample("D3"), SUMMARY)]:
        assert all(record["product"]["id"] and record["id"] for record in mapped(row, endpoint))
