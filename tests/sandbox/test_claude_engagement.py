"""Claude Code and the engagement endpoints: estimates, sessions, people, skills, connectors, head counts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from truto_usage_nb.sandbox.ask import Ask, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors.claude import answer_key, raw_rows, unify

WORLD = World(7, datetime(2026, 11, 23, 15, 20, tzinfo=UTC))
ACCOUNT = {account.id: account for account in ACCOUNTS if account.integration == "claude"}
CONSOLE, ENTERPRISE, SEATS = (ACCOUNT[f"claude-{kind}"] for kind in ("console", "enterprise", "enterprise-seats"))
OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-11-01"}
ONE_DAY = {"start_date": "2026-10-08", "end_date": "2026-10-09"}


def asked(account, report_type, **more):
    return Ask(WORLD, account, report_type=report_type, **more)


def rows(account, report_type, **more):
    return [raw.row for raw in raw_rows(asked(account, report_type, **more))]


def records(ask):
    return [record for raw in raw_rows(ask) for record in unify(raw, ask)]


def cents(row):
    return sum(used["estimated_cost"]["amount"] for used in row["model_breakdown"])


def test_claude_code_estimates_about_four_percent_above_the_bill():
    billed = [row for row in rows(CONSOLE, "activity", **OCTOBER) if row["customer_type"] == "api"]
    bill = rows(CONSOLE, "cost", **OCTOBER, product_ids=("claude_code",))
    ratio = sum(map(cents, billed)) / sum(Decimal(row["cost"]["amount"]) for row in bill)
    assert Decimal("1.03") < ratio < Decimal("1.05")


def test_subscriptions_are_estimated_and_never_billed():
    found = rows(CONSOLE, "activity", **OCTOBER)
    subscribed = {row["actor"]["email_address"] for row in found if row["customer_type"] == "subscription"}
    assert subscribed
    assert all(isinstance(used["estimated_cost"]["amount"], int) for row in found for used in row["model_breakdown"])
    billed = rows(CONSOLE, "user_cost", **OCTOBER)
    assert not subscribed & {row["group"]["actor"].get("email_address") for row in billed}


def test_claude_code_rows_tell_the_same_tokens_as_the_usage_report():
    found = rows(CONSOLE, "activity", **ONE_DAY)
    used = [one["tokens"] for row in found if row["customer_type"] == "api" for one in row["model_breakdown"]]
    (usage,) = rows(CONSOLE, "usage", **ONE_DAY, product_ids=("claude_code",))
    assert sum(sum(tokens.values()) for tokens in used) == usage["usage"]["total_tokens"]


def test_a_row_with_several_models_counts_its_sessions_once():
    ask = asked(CONSOLE, "activity", **OCTOBER)
    found = [raw.row for raw in raw_rows(ask)]
    assert max(len(row["model_breakdown"]) for row in found) > 1
    sessions = sum(row["core_metrics"]["num_sessions"] for row in found)
    stated = [record["usage"].get("sessions", {}).get("distinct") for record in records(ask)]
    assert sum(count for count in stated if count is not None) == sessions
    assert stated.count(None) == sum(len(row["model_breakdown"]) - 1 for row in found)


def test_a_person_can_have_two_rows_a_day_and_a_key_has_no_address():
    found = rows(CONSOLE, "activity", **OCTOBER)
    seen = Counter((row["actor"].get("email_address"), row["date"]) for row in found)
    assert max(seen.values()) > 1
    keys = [row["actor"] for row in found if row["actor"]["type"] == "api_actor"]
    assert keys
    assert keys[0] == {"type": "api_actor", "api_key_name": "ci-review"}


def test_yesterday_is_there_an_hour_after_midnight():
    def newest(hour, minute):
        world = replace(WORLD, now=datetime(2026, 11, 19, hour, minute, tzinfo=UTC))
        return max(raw.row["date"] for raw in raw_rows(Ask(world, CONSOLE)))

    assert newest(0, 30) == "2026-11-17T00:00:00Z"
    assert newest(1, 0) == "2026-11-18T00:00:00Z"


def test_people_days_are_a_day_late_and_asked_for_by_default():
    ask = asked(ENTERPRISE, None)
    assert {raw.context["date"] for raw in raw_rows(ask)} == {"2026-11-21"}
    late = asked(ENTERPRISE, "activity", start_date="2026-11-20", end_date="2026-11-24")
    assert {raw.context["date"] for raw in raw_rows(late)} == {"2026-11-20", "2026-11-21"}


def test_who_works_in_the_report_is_active_in_the_count():
    users = rows(ENTERPRISE, "activity", **ONE_DAY)
    (summary,) = rows(ENTERPRISE, "summary", **ONE_DAY)
    assert summary["daily_active_user_count"] == len(users)
    assert summary["daily_active_user_count"] <= summary["weekly_active_user_count"]
    assert summary["weekly_active_user_count"] <= summary["monthly_active_user_count"]
    assert summary["monthly_active_user_count"] <= summary["assigned_seat_count"]
    assert 0 < summary["daily_adoption_rate"] <= 100


def test_access_groups_repeat_people():
    grouped = rows(ENTERPRISE, "activity", **ONE_DAY, group_by=("rbac_group",))
    plain = rows(ENTERPRISE, "activity", **ONE_DAY)
    assert len(grouped) > len(plain)
    assert {row["user"]["id"] for row in grouped} == {row["user"]["id"] for row in plain}
    ask = asked(ENTERPRISE, "activity", **ONE_DAY, group_by=("rbac_group",))
    assert len({record["id"] for record in records(ask)}) == len(grouped)


@pytest.mark.parametrize(
    ("report", "counter"),
    [("skill_usage", "invocation_count"), ("connector_usage", "read_call_count"), ("project_usage", "message_count")],
)
def test_counters_by_user_add_up_to_the_whole(report, counter):
    whole, by_user = (rows(ENTERPRISE, report, **ONE_DAY, group_by=group) for group in ((), ("user",)))
    assert sum(row[counter] for row in whole) == sum(row[counter] for row in by_user) > 0
    assert all(row["user_id"].startswith("user_01") for row in by_user)
    someone = by_user[0]["user_id"]
    own = rows(ENTERPRISE, report, **ONE_DAY, group_by=("user",), user_ids=(someone,))
    assert own == [row for row in by_user if row["user_id"] == someone]


def test_custom_connectors_go_by_a_uuid():
    names = {
        row["connector_name"]: row["connector_display_name"] for row in rows(ENTERPRISE, "connector_usage", **OCTOBER)
    }
    uuids = [name for name in names if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name)]
    assert len(uuids) > 2
    assert any(names[name] is None for name in uuids)


def test_console_has_no_engagement():
    for report in ("skill_usage", "connector_usage", "project_usage", "summary"):
        assert rows(CONSOLE, report, **OCTOBER) == []


def test_a_dimension_an_endpoint_does_not_have_is_refused():
    with pytest.raises(Refused) as caught:
        raw_rows(asked(ENTERPRISE, "summary", **ONE_DAY, group_by=("model",)))
    assert "this report has no dimensions" in caught.value.body["error"]["message"]


def total(account, kind, report="cost", **more):
    ask = asked(account, report, **{**OCTOBER, **more})
    return sum(
        Decimal(str(charge["amount"]))
        for record in records(ask)
        for charge in record.get("charges", ())
        if charge["type"] == kind
    )


@pytest.mark.parametrize("account", ACCOUNT.values(), ids=list(ACCOUNT))
def test_the_answer_key_is_what_the_records_come_to(account):
    key = answer_key(account, date(2026, 10, 1), date(2026, 11, 1), WORLD)
    (usd,) = key.money
    assert usd.currency == "USD"
    assert abs(total(account, "net") - usd.billed) < Decimal("0.000001")
    assert abs(total(account, "total") - usd.listed) < Decimal("0.000001")
    assert (usd.credit, usd.tax, usd.payable) == (0, 0, usd.billed)
    estimate = total(account, "usage_based", "activity") + total(account, "on_demand", "skill_usage")
    assert abs(estimate - usd.vendor_estimate) < Decimal("0.000001")
    usage = records(asked(account, "usage", **OCTOBER, group_by=("product", "model")))
    assert sum(record["usage"]["quantity"] for record in usage) == sum(key.tokens.values())
    assert (
        sum(record["usage"]["tokens"]["cache_write_ephemeral_1h"] for record in usage) == key.tokens["cache_write_1h"]
    )
    assert sum(record["usage"]["requests"]["total"] for record in usage) == key.requests
    cost = records(asked(account, "cost", **OCTOBER, granularity="day", group_by=("product", "surface", "model")))
    assert len(cost) == usd.records
    by_model = Counter()
    for record in cost:
        by_model[record.get("model", {}).get("id", ""), "USD"] += Decimal(str(record["charges"][0]["amount"]))
    assert {name: round(amount, 4) for name, amount in by_model.items()} == {
        name: round(amount, 4) for name, amount in key.cost_by_model.items()
    }
    assert {model: sum(kinds.values()) for model, kinds in key.tokens_by_model.items()} == {
        model: sum(record["usage"]["quantity"] for record in usage if record.get("model", {}).get("id") == model)
        for model in key.tokens_by_model
    }


def test_the_answer_key_knows_people_and_days():
    key = answer_key(ENTERPRISE, date(2026, 10, 1), date(2026, 11, 1), WORLD)
    users = records(asked(ENTERPRISE, "activity", **OCTOBER))
    assert set(key.active_people) == {record["user"]["email"] for record in users if "email" in record["user"]}
    assert "yuki.tanabe@tidewheel.example.com" not in key.active_people
    seats = answer_key(SEATS, date(2026, 10, 1), date(2026, 11, 1), WORLD)
    assert len(seats.idle_people) == 3
    assert not set(seats.idle_people) & set(seats.active_people)
    console = answer_key(CONSOLE, date(2026, 10, 1), date(2026, 11, 1), WORLD)
    assert [day.day for day, _ in console.unusual_days] == [19, 20, 21, 24, 25, 26, 28]


def test_the_three_accounts_come_to_about_forty_thousand_a_month():
    bills = [answer_key(one, date(2026, 10, 1), date(2026, 11, 1), WORLD).money[0].billed for one in ACCOUNT.values()]
    assert 36_000 < sum(bills) < 44_000
    assert max(bills) == bills[list(ACCOUNT).index("claude-enterprise")]
