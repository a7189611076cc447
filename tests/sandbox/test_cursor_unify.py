"""Cursor's documented rows in, unified records out; every figure worked by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from truto_usage_nb.vendors.cursor.mapping import daily_record, event_record, member_user, model_named, spend_record

FIXTURES = Path(__file__).parent / "fixtures" / "cursor"
PRODUCT = {"id": "cursor", "name": "Cursor"}
USAGE_BASED = {"kind": "Usage-based", "isChargeable": True}


def sample(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def without_id(record):
    assert record["id"]
    return {name: value for name, value in record.items() if name != "id"}


def money(event):
    record = event_record({"timestamp": "0", **event})
    return {charge["type"]: charge["amount"] for charge in record["charges"]}


def test_c3_a_usage_based_event_with_a_fee():
    first = sample("C3")["usageEvents"][0]
    # Tokens 126 + 450 + 11964 + 6112 = 18652. Cents: 20.18232 of usage + 1.18 fee = 21.36232.
    assert without_id(event_record(first)) == {
        "product": PRODUCT,
        "resources": [{"id": "8f2e4a1b-6c3d-4e5f-9a7b-2d1c8e6f4a3b"}],
        "user": {"email": "developer@company.com"},
        "model": {"id": "claude-4.5-sonnet", "provider": "anthropic"},
        "charges": [
            {"amount": 0.2018232, "currency": "USD", "type": "usage_based"},
            {"amount": 0.0118, "currency": "USD", "type": "platform_fee"},
            {"amount": 0.2136232, "currency": "USD", "type": "total"},
        ],
        "usage": {
            "quantity": 5,
            "unit": "request_units",
            "requests": {"total": 1},
            "tokens": {"input": 126, "output": 450, "cache_read": 11964, "cache_write": 6112, "total": 18652},
            "activity": {"max_mode": True},
        },
        "start_date": "2025-06-26T23:07:05.854Z",
        "end_date": "2025-06-26T23:07:05.854Z",
        "created_at": "2025-06-26T23:07:05.854Z",
        "surface": "ide",
    }


def test_c3_a_discount_is_negative_and_before_the_fee():
    # 40.167 cents, 10 % off = -4.0167, + 1.18 fee = 37.3303, which the vendor rounds to 37.33.
    # Here billed 0.3733, list 0.3733 + 0.0402 = 0.4135.
    assert money(sample("C3")["usageEvents"][1]) == {
        "usage_based": 0.40167,
        "discount": -0.040167,
        "platform_fee": 0.0118,
        "total": 0.3733,
    }


def test_c3_an_included_row_without_tokens_costs_nothing():
    third = sample("C3")["usageEvents"][2]
    record = event_record(third)
    # chargedCents 8 on a row that is not chargeable: the plan covers 0.08, 0 is owed.
    assert money(third) == {"included": 0.08, "total": 0}
    assert "tokens" not in record["usage"]
    assert "resources" not in record
    assert record["usage"]["quantity"] == 1.4


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (  # an included event with tokens: billed 0, list 1.20
            {
                "kind": "Included in Business",
                "isChargeable": False,
                "chargedCents": 120,
                "tokenUsage": {"totalCents": 120},
            },
            {"included": 1.2, "total": 0},
        ),
        (  # with fee and 10 % discount: 40.167 - 4.0167 + 1.18 = 37.3303 are covered; parts would count the fee twice
            {
                "kind": "Included in Business",
                "isChargeable": False,
                "chargedCents": 37.3303,
                "cursorTokenFee": 1.18,
                "tokenUsage": {"totalCents": 40.167, "discountPercentOff": 10},
            },
            {"included": 0.373303, "total": 0},
        ),
        (  # the word alone is enough
            {"kindLabel": "Included in Pro", "isChargeable": True, "chargedCents": 5},
            {"included": 0.05, "total": 0},
        ),
        (  # errored: 20 cents of usage that nobody pays
            {
                "kind": "Errored, Not Charged",
                "isChargeable": False,
                "chargedCents": 20,
                "tokenUsage": {"totalCents": 20},
            },
            {"total": 0},
        ),
        (  # own key: Cursor is owed its fee alone
            {
                "kind": "User API Key",
                "isChargeable": True,
                "chargedCents": 1.18,
                "cursorTokenFee": 1.18,
                "tokenUsage": {"totalCents": 0},
            },
            {"usage_based": 0, "platform_fee": 0.0118, "total": 0.0118},
        ),
        ({**USAGE_BASED, "chargedCents": 0}, {"total": 0}),
    ],
)
def test_what_an_event_is_charged(event, expected):
    assert money(event) == expected


def test_events_of_service_accounts_agents_own_keys_and_removed_users():
    service = {"timestamp": "1000", "serviceAccountId": "sa_1", "serviceAccountName": "Bot", "isHeadless": True}
    record = event_record({**service, "cloudAgentId": "ca_1", "kind": "User API Key"}, recorded_at="later")
    assert record["user"] == {"id": "sa_1", "name": "Bot"}
    assert record["surface"] == "headless"
    assert record["resources"] == [{"id": "ca_1"}]
    assert record["usage"]["requests"] == {"total": 1, "api_key": 1}
    assert record["updated_at"] == "later"
    removed = event_record({"timestamp": "1000", "model": "auto", "chargedCents": 1})
    assert "user" not in removed
    assert removed["model"] == {"id": "auto", "provider": "cursor"}


def test_an_event_of_other_tokens_is_another_record():
    event = sample("C3")["usageEvents"][0]
    other = {**event, "tokenUsage": {**event["tokenUsage"], "outputTokens": 451}}
    assert event_record(event)["id"] == event_record(dict(event))["id"]
    assert event_record(event)["id"] != event_record(other)["id"]


def test_c1_a_members_day():
    # Requests in total: 180 included + 5 usage-based + 0 own key = 185. 1710720000000 = 2024-03-18.
    assert without_id(daily_record(sample("C1")["data"][0])) == {
        "product": PRODUCT,
        "user": {"id": "12345", "email": "developer@company.com"},
        "model": {"id": "gpt-5", "provider": "openai"},
        "usage": {
            "requests": {
                "total": 185,
                "chat": 128,
                "agent": 12,
                "composer": 45,
                "cmdk": 67,
                "tab_shown": 342,
                "tab_accepted": 289,
                "api_key": 0,
                "included": 180,
                "usage_based": 5,
                "bugbot": 3,
            },
            "code": {
                "lines_added": 1543,
                "lines_removed": 892,
                "lines_accepted_added": 1102,
                "lines_accepted_removed": 645,
                "applies": 87,
                "accepts": 73,
                "rejects": 14,
                "file_extensions": {"apply": ".tsx", "tab": ".ts"},
            },
            "activity": {"is_active": True, "client_version": "0.25.1"},
        },
        "start_date": "2024-03-18T00:00:00.000Z",
        "end_date": "2024-03-19T00:00:00.000Z",
    }


def test_c1_of_a_member_who_did_nothing():
    idle = {"day": "2024-03-18", "userId": 7, "isActive": False, "mostUsedModel": None, "composerRequests": 0}
    assert daily_record(idle)["usage"] == {"requests": {"composer": 0}, "activity": {"is_active": False}}


def test_c2_a_running_total_has_no_total():
    page = sample("C2")
    record = spend_record(page["teamMemberSpend"][0], page["subscriptionCycleStart"], datetime(2024, 3, 1, tzinfo=UTC))
    # Cents: 1875.500123 on demand; 3200.750456 - 1875.500123 = 1325.250333 included. 1708992000000 = 2024-02-27.
    assert without_id(record) == {
        "product": PRODUCT,
        "user": {"id": "user_kljUvI0ASZORvSEXf9hV0ydcso", "email": "admin@company.com", "name": "Sam"},
        "charges": [
            {"amount": 18.75500123, "currency": "USD", "type": "on_demand"},
            {"amount": 13.25250333, "currency": "USD", "type": "included"},
        ],
        "usage": {"requests": {"usage_based": 980}},
        "start_date": "2024-02-27T00:00:00.000Z",
        "end_date": "2024-03-01T00:00:00.000Z",
        "updated_at": "2024-03-01T00:00:00.000Z",
    }


# The older event, with `kindLabel` and without `isChargeable`, as Worklytics/psoxy shows it in
# docs/sources/cursor/example-api-responses/original/filtered-usage-events.json; values invented.
OLD = {
    "timestamp": "1712000000000",
    "model": "gpt-4",
    "maxMode": False,
    "requestsCosts": 0.5,
    "isTokenBasedCall": True,
    "tokenUsage": {"inputTokens": 10, "outputTokens": 20, "totalCents": 30},
    "isFreeBugbot": False,
    "chargedCents": 30,
    "userEmail": "a@b.example",
}


def test_an_older_row_that_does_not_say_whether_it_is_chargeable_is_charged():
    assert money({**OLD, "kindLabel": "Usage-based"}) == {"usage_based": 0.3, "total": 0.3}
    assert money({**OLD, "kind": None, "isChargeable": None}) == {"usage_based": 0.3, "total": 0.3}
    assert money({**OLD, "kindLabel": "Included in Business"}) == {"included": 0.3, "total": 0.0}
    assert money({**OLD, "kindLabel": "Errored, Not Charged"}) == {"total": 0.0}
    # A free review used 30 cents and was charged nothing: the total stands, whatever the part says.
    assert money({**OLD, "kindLabel": "Usage-based", "isFreeBugbot": True, "chargedCents": 0})["total"] == 0.0


def test_a_kind_of_token_that_is_null_counts_as_none():
    tokens = event_record({**OLD, "tokenUsage": {"inputTokens": 10, "outputTokens": None}})["usage"]["tokens"]
    assert tokens == {"input": 10, "output": 0, "cache_read": 0, "cache_write": 0, "total": 10}


def test_a_day_without_its_name_is_known_by_its_milliseconds():
    # 1767225600000 = 2026-01-01T00:00:00Z; airbytehq/airbyte, source-cursor, test_daily_usage.py has both fields.
    named = daily_record({"day": "2026-01-01", "date": 1767225600000, "userId": "17", "email": "a@b.example"})
    assert named == daily_record({"date": 1767225600000, "userId": "17", "email": "a@b.example"})
    assert named["start_date"] == "2026-01-01T00:00:00.000Z"
    assert named["user"]["id"] == "17"


def test_a_spend_that_states_what_the_plan_covered_by_itself():
    # `includedSpendCents` and no `overallSpendCents`: as the spend stream of airbytehq/airbyte's source-cursor has it.
    row = {"email": "a@b.example", "spendCents": 250.5, "includedSpendCents": 1000}
    record = spend_record(row, 1708992000000, datetime(2024, 3, 1, tzinfo=UTC))
    assert [(one["type"], one["amount"]) for one in record["charges"]] == [("on_demand", 2.505), ("included", 10.0)]
    other = spend_record({**row, "email": "c@d.example"}, 1708992000000, datetime(2024, 3, 1, tzinfo=UTC))
    assert record["id"] != other["id"]
    nothing = spend_record(
        {"email": "a@b.example", "spendCents": None}, 1708992000000, datetime(2024, 3, 1, tzinfo=UTC)
    )
    assert "charges" not in nothing  # not stated is not zero


def test_c4_members_are_users():
    assert [member_user(row) for row in sample("C4")["teamMembers"]] == [
        {"id": "user_PDSPmvukpYgZEDXsoNirw3CFhy", "email": "developer@company.com", "name": "Alex"},
        {"id": "user_kljUvI0ASZORvSEXf9hV0ydcso", "email": "admin@company.com", "name": "Sam"},
    ]


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("claude-4-sonnet-thinking", "anthropic"),
        ("gpt-5", "openai"),
        ("gemini-3-pro-preview", "google"),
        ("grok-4.5", "xai"),
        ("composer-2.5", "cursor"),
        ("auto", "cursor"),
    ],
)
def test_the_provider_follows_the_name(name, provider):
    assert model_named(name) == {"id": name, "provider": provider}


def test_an_unfamiliar_model_has_no_provider():
    assert model_named("my-own-llm") == {"id": "my-own-llm"}
    assert model_named(None) is None
