"""Confluent's documented rows in, unified records out; every figure worked by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from truto_usage_nb.sandbox.ask import Ask, Raw, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors.confluent import unify

FIXTURES = Path(__file__).parent / "fixtures" / "confluent"
ACCOUNT = next(account for account in ACCOUNTS if account.id == "confluent")
ASK = Ask(World(7, datetime(2026, 11, 23, tzinfo=UTC)), ACCOUNT)
ORGANIZATION = {"id": "org-9k3vq2", "name": "Tidewheel"}

KSQL, CONNECT, PROMO = json.loads((FIXTURES / "F1.json").read_text())["data"]


def record_of(row, **context):
    (record,) = unify(Raw(row, "/billing/v1/costs", context), ASK)
    return record


def money(row):
    charges = record_of(row)["charges"]
    assert {charge["currency"] for charge in charges} == {"USD"}
    return {charge["type"]: charge["amount"] for charge in charges}


def test_f1_row_1_a_ksql_cluster_without_a_discount():
    # 24 CSU-hours: $6.1344 at list and, with nothing off, $6.1344 net. A discount of 0 is stated, not left out.
    assert record_of(KSQL) == {
        "id": "dlz-f3a90de",
        "product": {"id": "KSQL", "name": "ksqlDB"},
        "metric_name": "KSQL_NUM_CSUS",
        "resources": [{"id": "lksqlc-zzziii", "name": "test_ksqlDB_cluster", "workspace": {"id": "env-xxxyyy"}}],
        "organization": ORGANIZATION,
        "charges": [
            {"type": "total", "amount": 6.1344, "currency": "USD"},
            {"type": "discount", "amount": 0, "currency": "USD"},
            {"type": "net", "amount": 6.1344, "currency": "USD"},
        ],
        "usage": {"quantity": 24, "unit": "CSU-hour"},
        "start_date": "2024-01-28",
        "end_date": "2024-01-29",
    }


def test_f1_row_2_a_connector_with_a_discount():
    record = record_of(CONNECT)
    # 18.70 at list, 1.496 off (8 %), 17.204 net: 18.70 - 1.496 = 17.204.
    assert money(CONNECT) == {"total": 18.7, "discount": 1.496, "net": 17.204}
    assert record["usage"] == {"quantity": 96.0, "unit": "Task-hour"}
    assert record["resources"] == [{"id": "lcc-12345", "name": "bq-sink", "workspace": {"id": "env-123"}}]
    assert (record["id"], record["product"]["id"], record["metric_name"]) == (
        "dlz-a1b2c3",
        "CONNECT",
        "CONNECT_NUM_TASKS",
    )


def test_f1_row_3_a_promotion_is_a_credit_alone_and_needs_no_product():
    # -50 once, as credit: with total or net beside it, the same $50 would be taken off twice.
    assert record_of(PROMO) == {
        "id": "dlz-promo1",
        "product": {"id": "PROMO_CREDIT", "name": "Promotional credit"},
        "metric_name": "PROMO_CREDIT",
        "organization": ORGANIZATION,
        "charges": [{"type": "credit", "amount": -50.0, "currency": "USD"}],
        "start_date": "2024-01-28",
        "end_date": "2024-01-29",
    }


def test_a_promotion_is_negative_however_the_api_signs_it():
    assert money({**PROMO, "original_amount": 50.0, "amount": 50.0}) == {"credit": -50.0}


@pytest.mark.parametrize("description", ["KAFKA101 correction", "Reversal of KAFKA101", "ADJUSTMENT"])
def test_a_promotion_taken_back_keeps_the_sign_of_the_data(description):
    taken_back = {**PROMO, "original_amount": 40.0, "amount": 40.0, "description": description}
    assert money(taken_back) == {"credit": 40.0}


def test_a_support_fee_says_what_it_is_beside_its_net_and_total():
    row = {
        "id": "dlz-s",
        "start_date": "2026-10-01",
        "end_date": "2026-10-02",
        "product": "SUPPORT_CLOUD_BUSINESS",
        "line_type": "SUPPORT",
        "original_amount": 3100.0,
        "discount_amount": 0,
        "amount": 3100.0,
        "resource": None,
    }
    record = record_of(row)
    assert money(row) == {"total": 3100.0, "discount": 0, "net": 3100.0, "platform_fee": 3100.0}
    assert "resources" not in record
    assert "usage" not in record


def test_the_legacy_environment_is_the_workspace_in_either_place():
    thing = {"id": "lkc-1", "display_name": "old"}
    inside = {**KSQL, "resource": {**thing, "environment": "env-old"}, "environment": {"id": "env-old"}}
    only_top = {**KSQL, "resource": thing, "environment": {"id": "env-old"}}
    nowhere = {**KSQL, "resource": thing}
    expected = [{"id": "lkc-1", "name": "old", "workspace": {"id": "env-old"}}]
    assert record_of(inside)["resources"] == record_of(only_top)["resources"] == expected
    assert record_of(nowhere)["resources"] == [{"id": "lkc-1", "name": "old"}]


def test_a_row_without_an_id_gets_a_stable_one_of_its_own():
    bare = {name: value for name, value in KSQL.items() if name != "id"}
    other_day = {**bare, "start_date": "2024-01-29"}
    other_thing = {**bare, "resource": {"id": "lksqlc-other"}}
    ids = [record_of(row)["id"] for row in (bare, {**bare, "amount": 9.0}, other_day, other_thing)]
    assert ids[0] == ids[1]  # a revised amount is still the same row
    assert len(set(ids)) == 3


def test_zero_money_and_zero_quantity_are_values():
    row = {**KSQL, "original_amount": 0, "amount": 0, "quantity": 0}
    assert money(row) == {"total": 0, "discount": 0, "net": 0}
    assert record_of(row)["usage"]["quantity"] == 0


def test_the_posting_time_comes_from_the_feed():
    record = record_of(KSQL, posted_at="2024-01-29T06:00:00Z")
    assert record["created_at"] == record["updated_at"] == "2024-01-29T06:00:00Z"


@pytest.mark.parametrize("midnight", ["2026-10-01 00:00:00", "2026-10-01T00:00:00Z", "2026-10-01T00:00:00.000+00:00"])
def test_a_day_with_a_midnight_behind_it_is_a_day(midnight):
    # confluentinc/cli, test/test-server/billing_handler.go, writes "2023-01-01 00:00:00"; values invented.
    assert record_of({**KSQL, "start_date": midnight})["start_date"] == "2026-10-01"


def test_a_time_that_is_no_midnight_stays():
    assert record_of({**KSQL, "start_date": "2026-10-01 06:30:00"})["start_date"] == "2026-10-01 06:30:00"


def test_a_row_with_nothing_but_money_and_a_resource_without_a_place():
    row = {
        "start_date": "2026-10-01 00:00:00",
        "end_date": "2026-10-02 00:00:00",
        "product": "KAFKA",
        "line_type": "KAFKA_STORAGE",
        "resource": {"id": "lkc-1", "display_name": None},
        "original_amount": 70.5,
        "discount_amount": 20.25,
        "amount": 50.25,
    }
    record = record_of(row)
    assert record["id"].startswith("cost-")
    assert record["resources"] == [{"id": "lkc-1"}]
    assert "usage" not in record
    assert {one["type"]: one["amount"] for one in record["charges"]} == {"total": 70.5, "discount": 20.25, "net": 50.25}
