"""Claude's usage and cost reports: sums that hold however they are cut, prices, tiers, windows, refusals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truto_usage_nb.sandbox.ask import Ask, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors.claude import products, raw_rows, request, unify
from truto_usage_nb.sandbox.vendors.claude.people import CUT_MODEL
from truto_usage_nb.sandbox.vendors.claude.question import COST_DIMENSIONS

WORLD = World(7, datetime(2026, 11, 23, 15, 20, tzinfo=UTC))
ACCOUNT = {account.id: account for account in ACCOUNTS if account.integration == "claude"}
CONSOLE, ENTERPRISE, SEATS = (ACCOUNT[f"claude-{kind}"] for kind in ("console", "enterprise", "enterprise-seats"))
REPORTS = (
    "activity",
    "connector_usage",
    "cost",
    "project_usage",
    "skill_usage",
    "summary",
    "usage",
    "user_cost",
    "user_usage",
)
OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-11-01"}
ONE_DAY = {"start_date": "2026-10-28", "end_date": "2026-10-29"}
DISJOINT = [name for name in COST_DIMENSIONS if name != "rbac_group_id"]


def rows(account, report_type, world=WORLD, **more):
    return [raw.row for raw in raw_rows(Ask(world, account, report_type=report_type, **more))]


def money(found):
    return tuple(sum(Decimal(row["cost"][name]) for row in found) for name in ("amount", "list_amount"))


def used(found):
    flat = [{name: n for name, n in row["usage"].items() if isinstance(n, int)} for row in found]
    return sum((Counter(one) for one in flat), Counter())


def refused(account=CONSOLE, report_type="usage", **more):
    with pytest.raises(Refused) as caught:
        raw_rows(Ask(WORLD, account, report_type=report_type, **more))
    assert caught.value.status == 400
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    return caught.value.body["error"]["message"]


@given(st.sampled_from(list(ACCOUNT.values())), st.sets(st.sampled_from(DISJOINT), max_size=5))
@settings(max_examples=40, deadline=None)
def test_a_days_cost_is_the_same_however_it_is_grouped(account, group_by):
    assert money(rows(account, "cost", **ONE_DAY, group_by=tuple(group_by))) == money(rows(account, "cost", **ONE_DAY))


@given(st.sampled_from(list(ACCOUNT.values())), st.sets(st.sampled_from(DISJOINT[:-2]), max_size=5))
@settings(max_examples=25, deadline=None)
def test_a_days_usage_is_the_same_however_it_is_grouped(account, group_by):
    assert used(rows(account, "usage", **ONE_DAY, group_by=tuple(group_by))) == used(rows(account, "usage", **ONE_DAY))


@pytest.mark.parametrize("account", ACCOUNT.values(), ids=list(ACCOUNT))
@pytest.mark.parametrize("day", ["2026-10-28", "2026-11-23"], ids=["settled", "running"])
def test_hours_and_minutes_add_up_to_the_day(account, day):
    window = {"start_date": day, "end_date": (date.fromisoformat(day) + timedelta(days=1)).isoformat()}
    for report, total in (("cost", money), ("usage", used)):
        whole = total(rows(account, report, **window, granularity="day"))
        assert whole == total(rows(account, report, **window, granularity="hour"))
        assert whole == total(rows(account, report, **window, granularity="minute", group_by=("model",)))


def test_access_groups_overlap():
    grouped = rows(ENTERPRISE, "cost", **ONE_DAY, group_by=("rbac_group",))
    assert money(grouped)[0] > money(rows(ENTERPRISE, "cost", **ONE_DAY))[0]
    assert {row["group"]["rbac_group_id"] for row in grouped} >= {None, "rbac_platform", "rbac_engineering"}


def test_columns_are_null_unless_grouped():
    ungrouped, grouped = rows(CONSOLE, "cost", **ONE_DAY)[0], rows(CONSOLE, "cost", **ONE_DAY, group_by=("model",))
    assert set(ungrouped["group"]) == set(COST_DIMENSIONS)
    assert set(ungrouped["group"].values()) == {None}
    assert {name for row in grouped for name, value in row["group"].items() if value is not None} == {"model"}


def test_generic_words_name_the_vendors_dimensions():
    generic = rows(CONSOLE, "cost", **ONE_DAY, group_by=("surface", "user", "charge_type", "workspace", "api_key"))
    own = rows(CONSOLE, "cost", **ONE_DAY, group_by=("product", "actor", "cost_type", "workspace_id", "api_key_id"))
    assert generic == own
    assert rows(CONSOLE, "cost", **ONE_DAY, remote_query={"group_by": ["model"]}) == rows(
        CONSOLE, "cost", **ONE_DAY, group_by=("model",)
    )


@pytest.mark.parametrize("day", [date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 5)])
def test_cost_is_tokens_times_price_less_the_discount_of_its_day(day):
    window = {"start_date": day.isoformat(), "end_date": (day + timedelta(days=1)).isoformat()}
    (tokens,) = rows_of_tier(window, "usage")
    (cost,) = rows_of_tier(window, "cost")
    # in September 2026, the last month of its quarter, sonnet costs a quarter more than after the cut
    per_million = ("2.5", "12.5", "0.125", "3.125", "5") if day.month == 9 else ("2", "10", "0.1", "2.5", "4")
    counts = (
        tokens["uncached_input_tokens"],
        tokens["output_tokens"],
        tokens["cache_read_input_tokens"],
        *(tokens["cache_creation"][f"ephemeral_{ttl}_input_tokens"] for ttl in ("5m", "1h")),
    )
    dollars = sum(count * Decimal(price) / 1_000_000 for count, price in zip(counts, per_million, strict=True))
    assert Decimal(cost["list_amount"]) == dollars * 100
    factor = Decimal("0.85") if day >= date(2026, 9, 1) else 1  # negotiated from September on
    assert Decimal(cost["amount"]) == Decimal(cost["list_amount"]) * factor


def rows_of_tier(window, report, tier="standard"):
    only = {"model_ids": (CUT_MODEL,), "product_ids": ("messages_api",), "remote_query": {"service_tiers": [tier]}}
    return [row[report] for row in rows(CONSOLE, report, **window, **only)]


def test_batches_cost_half_and_priority_and_flex_have_no_cost_row():
    def by(report, name):
        return {row["group"][name] for row in rows(CONSOLE, report, **ONE_DAY, group_by=(name,))}

    assert by("usage", "service_tier") == {None, "standard", "batch", "priority", "flex"}
    assert by("cost", "service_tier") == {None, "standard", "batch"}
    assert by("usage", "context_window") == {None, "0-200k", "200k-1M"}
    assert len(by("usage", "workspace_id")) == 4
    assert None in by("cost", "workspace_id")
    only = {"model_ids": ("claude-haiku-4-5",), "product_ids": ("message_batches_api",)}
    split = rows(CONSOLE, "cost", **ONE_DAY, **only, group_by=("token_type",))
    (tokens,) = rows(CONSOLE, "usage", **ONE_DAY, **only)
    (row,) = [row for row in split if row["group"]["token_type"] == "output_tokens"]
    # output of haiku: $5 a million, half of it in a batch, so 0.00025 cents a token
    assert Decimal(row["cost"]["list_amount"]) == tokens["usage"]["output_tokens"] * Decimal("0.00025")


def test_money_without_tokens():
    found = rows(CONSOLE, "cost", **ONE_DAY, group_by=("charge_type", "token_type", "model", "product"))
    groups = [row["group"] for row in found]
    bare = {(g["cost_type"], g["product"]) for g in groups if g["model"] is None}
    assert {("code_execution", None), ("session_usage", "managed_agents_api"), ("web_search", "messages_api")} <= bare
    assert all(row["cost"]["requests"] is None for row in found)
    assert all(isinstance(row["cost"]["amount"], str) and "." in row["cost"]["amount"] for row in found)


def test_the_smallest_amount_is_375_tokens_of_a_probe():
    (probe,) = [
        row["cost"]
        for row in rows(CONSOLE, "cost", **ONE_DAY, group_by=("api_key", "model"))
        if row["cost"]["list_amount"] == "0.003750"  # 375 reads at $0.1 a million: $0.0000375
    ]
    assert probe["amount"] == "0.0031875"


def test_the_runaway_is_refunded_in_part():
    only = {"model_ids": ("claude-opus-5",), "group_by": ("api_key",)}
    wild = rows(CONSOLE, "cost", start_date="2026-10-24", end_date="2026-10-27", **only)
    refund = rows(CONSOLE, "cost", **ONE_DAY, **only)
    (back,) = [row["cost"] for row in refund if row["cost"]["amount"].startswith("-")]
    assert Decimal(back["list_amount"]) < Decimal(back["amount"]) < 0
    assert -Decimal(back["amount"]) < money(wild)[0]


def test_the_future_is_empty_and_today_ends_now():
    assert rows(CONSOLE, "usage", start_date="2026-11-24", end_date="2026-12-01") == []
    hours = rows(CONSOLE, "usage", start_date="2026-11-23", granularity="hour")
    assert hours[-1]["starting_at"] == "2026-11-23T14:00:00Z"
    assert hours[-1]["ending_at"] == "2026-11-23T15:00:00Z"


def test_dates_default_to_the_latest_days():
    found = [row["starting_at"] for row in rows(CONSOLE, "usage", granularity="day")]
    assert (found[0], found[-1], len(found)) == ("2026-11-16T00:00:00Z", "2026-11-22T00:00:00Z", 7)
    (day,) = {raw.row["date"] for raw in raw_rows(Ask(WORLD, CONSOLE))}
    assert day == "2026-11-22T00:00:00Z"
    dated = Ask(WORLD, CONSOLE, start_date="2026-11-20")
    assert next(iter(raw_rows(dated))).endpoint == "analytics/usage"  # a date range and no report type: usage


def test_an_instant_with_an_offset_is_floored_to_its_bucket():
    start = "2026-10-05T23:40:00-02:00"  # 01:40 UTC on the 6th
    found = rows(CONSOLE, "usage", start_date=start, end_date="2026-10-06T03:00:00Z", granularity="hour")
    assert [row["starting_at"][11:16] for row in found] == ["01:00", "02:00"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"start_date": "2026-09-01", "end_date": "2026-10-03"}, "at most 31 days"),
        ({"start_date": "2026-10-01", "end_date": "2026-10-03", "granularity": "minute"}, "at most 24 hours"),
        ({"start_date": "2025-11-01", "end_date": "2025-11-02"}, "within the last 365 days"),
        ({"start_date": "2026-10-02", "end_date": "2026-10-02"}, "after starting_at"),
        ({"start_date": "yesterday"}, "'yesterday' is not a date"),
        ({"group_by": ("colour",)}, "'colour' is not supported"),
        ({"group_by": ("token_type",)}, "'token_type' is not supported"),
        ({"group_by": ("model", "product", "user", "workspace", "speed", "api_key")}, "at most 5"),
        ({"sort_by": "amount"}, "'amount' is not one of total_tokens"),
    ],
)
def test_what_the_vendor_refuses(asked, said):
    assert said in refused(**asked)


def test_cost_and_token_type_do_not_count_as_dimensions():
    most = ("model", "product", "user", "workspace", "api_key", "charge_type", "token_type")
    assert rows(CONSOLE, "cost", **ONE_DAY, group_by=most)


def test_sorting():
    amounts = [
        Decimal(row["cost"]["amount"])
        for row in rows(
            CONSOLE, "cost", **OCTOBER, group_by=("model",), sort_by="cost", sort_order="desc", granularity="day"
        )
    ]
    assert amounts == sorted(amounts, reverse=True)
    tokens = [
        row["usage"]["total_tokens"]
        for row in rows(CONSOLE, "usage", **OCTOBER, sort_by="tokens", sort_order="asc", granularity="day")
    ]
    assert len(tokens) == 31
    assert tokens == sorted(tokens)
    by_time = {"sort_by": "time", "sort_order": "desc", "granularity": "day"}
    days = [row["starting_at"] for row in rows(CONSOLE, "usage", **OCTOBER, **by_time)]
    assert len(set(days)) == 31
    assert days == sorted(days, reverse=True)


def test_filters():
    group = ("user", "product", "model")
    everything = rows(ENTERPRISE, "usage", **ONE_DAY, group_by=group)
    someone = next(row["group"]["actor"]["user_id"] for row in everything if row["group"]["actor"])
    own = rows(ENTERPRISE, "usage", **ONE_DAY, group_by=group, user_ids=(someone,))
    assert own == [row for row in everything if (row["group"]["actor"] or {}).get("user_id") == someone]
    code = rows(ENTERPRISE, "usage", **ONE_DAY, group_by=group, surfaces=("code",))
    assert code == [row for row in everything if row["group"]["product"] == "claude_code"]
    opus = rows(ENTERPRISE, "cost", **ONE_DAY, group_by=group, model_ids=("claude-opus-5-5",))
    assert {row["group"]["model"] for row in opus} == {"claude-opus-5-5"}
    api = rows(CONSOLE, "usage", **ONE_DAY, group_by=("product",), product_ids=("claude_api",))
    assert {row["group"]["product"] for row in api} == {"messages_api", "message_batches_api", "managed_agents_api"}


@pytest.mark.parametrize("account", ACCOUNT.values(), ids=list(ACCOUNT))
@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("granularity", [None, "day"])
def test_every_report_answers_with_records_of_their_own_ids(account, report, granularity):
    ask = Ask(WORLD, account, report_type=report, granularity=granularity, **OCTOBER)
    records = [record for raw in raw_rows(ask) for record in unify(raw, ask)]
    assert len({record["id"] for record in records}) == len(records)
    assert all(record["product"]["id"] and record["metric_name"] for record in records)
    assert all("2026-10-01" <= record["start_date"] < record["end_date"] < "2026-11-02" for record in records)
    engagement = {"connector_usage", "project_usage", "skill_usage", "summary"}
    assert bool(records) != (account is CONSOLE and report in engagement)


def test_the_same_bytes_again_and_others_for_another_seed():
    first, again = (rows(ENTERPRISE, "cost", replace(WORLD), **ONE_DAY) for _ in range(2))
    assert first == again
    assert first != rows(ENTERPRISE, "cost", replace(WORLD, seed=8), **ONE_DAY)


@pytest.mark.parametrize("account", ACCOUNT.values(), ids=list(ACCOUNT))
def test_scale_makes_more_people_keys_and_money(account):
    def at(scale):
        world = replace(WORLD, scale=scale)
        found = rows(account, "cost", world, **ONE_DAY, group_by=("user", "api_key", "product"))
        spent = money([row for row in found if not row["cost"]["amount"].startswith("-")])[0]
        return len(found), spent

    (few, little), (many, much) = at(1), at(4)
    assert many > 2.5 * few
    assert 2 < much / little < 7


def test_products_and_request_name_no_secret():
    assert {"id", "name", "description", "created_at", "updated_at"} == set(products(CONSOLE)[0])
    by_day = {"granularity": "day", "group_by": ("model",), "limit": 50}
    sent = request(Ask(WORLD, CONSOLE, report_type="cost", **OCTOBER, **by_day))
    assert sent["method"] == "GET"
    assert sent["url"] == (
        "https://api.anthropic.com/v1/organizations/analytics/cost?starting_at=2026-10-01T00:00:00Z"
        "&ending_at=2026-11-01T00:00:00Z&time_bucket_width=1d&group_by[]=model&limit=50"
    )
    assert not {"x-api-key", "authorization"} & {name.lower() for name in sent["headers"]}
