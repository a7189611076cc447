"""The demo company at Claude: a broken cache, a team that moves, seats, people who left, restated values."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from truto_usage_nb.sandbox.ask import Ask, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors.claude import raw_rows, unify
from truto_usage_nb.sandbox.vendors.claude.people import CUT_MODEL

WORLD = World(7, datetime(2026, 11, 23, 15, 20, tzinfo=UTC))
ACCOUNT = {account.id: account for account in ACCOUNTS if account.integration == "claude"}
CONSOLE, ENTERPRISE, SEATS = (ACCOUNT[f"claude-{kind}"] for kind in ("console", "enterprise", "enterprise-seats"))
OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-11-01"}
ONE_DAY = {"start_date": "2026-10-28", "end_date": "2026-10-29"}


def rows(account, report_type, world=WORLD, **more):
    return [raw.row for raw in raw_rows(Ask(world, account, report_type=report_type, **more))]


def money(found):
    return tuple(sum(Decimal(row["cost"][name]) for row in found) for name in ("amount", "list_amount"))


def used(found):
    flat = [{name: n for name, n in row["usage"].items() if isinstance(n, int)} for row in found]
    return sum((Counter(one) for one in flat), Counter())


def rows_of_tier(window, report, tier="standard"):
    only = {"model_ids": (CUT_MODEL,), "product_ids": ("messages_api",), "remote_query": {"service_tiers": [tier]}}
    return [row[report] for row in rows(CONSOLE, report, **window, **only)]


def hit_rate(day):
    window = {"start_date": day, "end_date": (date.fromisoformat(day) + timedelta(days=1)).isoformat()}
    (usage,) = rows_of_tier(window, "usage")
    return usage["cache_read_input_tokens"] / (usage["total_tokens"] - usage["output_tokens"])


def test_the_cache_breaks_for_three_days():
    rates = [hit_rate(f"2026-10-{day}") for day in range(18, 23)]
    assert [round(rate, 1) for rate in rates] == [0.9, 0.1, 0.1, 0.1, 0.9]


def test_the_platform_team_leaves_opus_on_the_twelfth():
    def opus(day):
        window = {"start_date": f"2026-10-{day}", "end_date": f"2026-10-{day}T23:00Z"}
        found = rows(ENTERPRISE, "cost", **window, product_ids=("claude_code",), group_by=("model", "rbac_group"))
        mine = [row["group"]["model"] for row in found if row["group"]["rbac_group_id"] == "rbac_platform"]
        return "claude-opus-5-5" in mine

    assert opus("08")
    assert not opus("13")


def test_user_reports_leave_out_what_nobody_did():
    cost, user_cost = (rows(ENTERPRISE, report, **OCTOBER) for report in ("cost", "user_cost"))
    assert money(user_cost)[0] < money(cost)[0]
    assert all(row["group"]["actor"] for row in user_cost)
    slack = rows(ENTERPRISE, "cost", **OCTOBER, group_by=("user", "product", "slack_channel"))
    tagged = [row["group"] for row in slack if row["group"]["product"] == "claude_tag"]
    assert tagged
    assert all(group["actor"] is None and group["slack_channel_id"] for group in tagged)


def test_a_key_without_a_user_and_keys_and_services_that_act():
    found = rows(CONSOLE, "usage", **ONE_DAY, group_by=("user", "api_key"))
    kinds = {(row["group"]["actor"] or {}).get("type") for row in found if row["group"]["api_key_id"]}
    assert kinds == {None, "api_actor", "service_account_actor"}


def test_more_than_a_hundred_groups_on_one_day():
    window = {"start_date": "2026-10-06", "end_date": "2026-10-07"}
    assert len(rows(ENTERPRISE, "user_usage", **window, group_by=("product", "model"))) > 100


def test_a_user_who_left_is_deleted_and_can_be_left_out():
    before = replace(WORLD, now=datetime(2026, 10, 16, tzinfo=UTC))
    window = {"start_date": "2026-10-12", "end_date": "2026-10-16"}

    def actors(world, **more):
        return [row["group"]["actor"] for row in rows(ENTERPRISE, "user_usage", world, **window, **more)]

    gone = [actor for actor in actors(WORLD) if actor["deleted"]]
    assert {(actor["name"], actor["email_address"]) for actor in gone} == {("Deleted User", None)}
    assert not any(actor["deleted"] for actor in actors(WORLD, include_deleted_users=False))
    (user_id,) = {actor["user_id"] for actor in gone}
    assert "Yuki Tanabe" in {actor["name"] for actor in actors(before) if actor["user_id"] == user_id}


def test_seats_pay_overage_only():
    tokens, cost = (rows(SEATS, report, **OCTOBER, granularity="day") for report in ("usage", "cost"))
    early = money([row for row in cost if row["starting_at"] < "2026-10-09"])
    assert used(tokens)["total_tokens"] > 0
    assert money(cost)[0] > 5 * early[0]


def test_enterprise_is_restated_for_thirty_days_and_console_is_not():
    window = {"start_date": "2026-10-05", "end_date": "2026-10-06"}

    def seen(account, on):
        world = replace(WORLD, now=datetime.combine(on, datetime.min.time(), UTC) + timedelta(hours=5))
        return money(rows(account, "cost", world, **window))[0]

    assert seen(ENTERPRISE, date(2026, 10, 6)) != seen(ENTERPRISE, date(2026, 10, 20))
    assert seen(ENTERPRISE, date(2026, 10, 20)) != seen(ENTERPRISE, date(2026, 11, 10))
    assert seen(ENTERPRISE, date(2026, 11, 10)) == seen(ENTERPRISE, date(2026, 11, 22))
    assert seen(CONSOLE, date(2026, 10, 6)) == seen(CONSOLE, date(2026, 11, 22))


def test_updated_at_stops_when_the_values_do():
    def refreshed(account):
        (raw,) = raw_rows(Ask(WORLD, account, report_type="cost", **ONE_DAY))
        return unify(raw, Ask(WORLD, account, report_type="cost"))[0]["updated_at"]

    assert refreshed(CONSOLE) == "2026-10-29T01:00:00Z"
    assert refreshed(ENTERPRISE) == "2026-11-23T11:00:00Z"  # 25 days old: four hours before now
