"""Claude's usage and cost without a bucket: a row a group for the whole range, and all else as it is by day."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truto_usage_nb.sandbox.app import create_app
from truto_usage_nb.sandbox.ask import Ask, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors.claude import answer_key, raw_rows, request, unify
from truto_usage_nb.sandbox.vendors.claude.people import CUT_MODEL

from .conftest import USAGE, send

WORLD = World(7, datetime(2026, 11, 23, 15, 20, tzinfo=UTC))
ACCOUNT = {account.id: account for account in ACCOUNTS if account.integration == "claude"}
CONSOLE, ENTERPRISE, SEATS = (ACCOUNT[f"claude-{kind}"] for kind in ("console", "enterprise", "enterprise-seats"))
OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-11-01"}
ONE_DAY = {"start_date": "2026-10-28", "end_date": "2026-10-29"}
RANGE_LONG = ("usage", "cost", "user_usage", "user_cost")
DAILY = ("activity", "connector_usage", "project_usage", "skill_usage", "summary")
GROUPED = ("product", "surface", "model")

accounts = pytest.mark.parametrize("account", ACCOUNT.values(), ids=list(ACCOUNT))
range_long = pytest.mark.parametrize("report", RANGE_LONG)


def rows(account, report, world=WORLD, **more):
    return [raw.row for raw in raw_rows(Ask(world, account, report_type=report, **more))]


def records(account, report, world=WORLD, **more):
    ask = Ask(world, account, report_type=report, **more)
    return [record for raw in raw_rows(ask) for record in unify(raw, ask)]


def measures(row):
    """Give what a row counts, flat and exact."""
    flat = dict(row.get("usage") or row["cost"])
    flat |= flat.pop("cache_creation", {}) | flat.pop("server_tool_use", {})
    return Counter({name: Decimal(n) for name, n in flat.items() if name != "currency" and n is not None})


def by_group(found):
    """Give the sums of rows by group; `update` keeps what is negative, as a refund is."""
    sums = defaultdict(Counter)
    for row in found:
        sums[str(row["group"])].update(measures(row))
    return dict(sums)


def spans(found):
    return {(row["starting_at"], row["ending_at"]) for row in found}


@accounts
@range_long
@pytest.mark.parametrize("group_by", [(), GROUPED, ("model", "api_key", "rbac_group")], ids=["all", "view", "groups"])
def test_a_row_a_group_covers_the_month_and_is_the_sum_of_its_days(account, report, group_by):
    whole = rows(account, report, **OCTOBER, group_by=group_by)
    days = rows(account, report, **OCTOBER, group_by=group_by, granularity="day")
    assert spans(whole) == {("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")}
    assert len(whole) == len({str(row["group"]) for row in whole}) < len(days)
    assert by_group(whole) == by_group(days)
    assert rows(account, report, **OCTOBER, group_by=group_by, remote_query={"time_bucket_width": "1d"}) == days


@accounts
def test_the_month_is_what_the_answer_key_says(account):
    key = answer_key(account, date(2026, 10, 1), date(2026, 11, 1), WORLD)
    (usd,) = key.money
    (cost,) = rows(account, "cost", **OCTOBER)
    (usage,) = rows(account, "usage", **OCTOBER)
    assert Decimal(cost["cost"]["amount"]) == usd.billed * 100
    assert Decimal(cost["cost"]["list_amount"]) == usd.listed * 100
    assert usage["usage"]["total_tokens"] == sum(key.tokens.values())
    assert usage["usage"]["requests"] == key.requests
    by_model = rows(account, "cost", **OCTOBER, group_by=("model",))
    assert {(row["group"]["model"] or "", "USD"): Decimal(row["cost"]["amount"]) / 100 for row in by_model} == (
        key.cost_by_model
    )
    (net,) = (one["amount"] for one in records(account, "cost", **OCTOBER)[0]["charges"] if one["type"] == "net")
    assert net == pytest.approx(float(usd.billed), rel=1e-15)


def test_each_day_of_a_range_has_the_price_of_its_day():
    only = {"model_ids": (CUT_MODEL,), "product_ids": ("messages_api",)}
    only |= {"remote_query": {"service_tiers": ["standard"]}}

    def output(**window):
        (row,) = rows(CONSOLE, "usage", **window, **only)
        return row["usage"]["output_tokens"]

    before = output(start_date="2026-09-30", end_date="2026-10-01")
    after = output(start_date="2026-10-01", end_date="2026-10-02")
    both = {"start_date": "2026-09-30", "end_date": "2026-10-02"}
    assert output(**both) == before + after
    (row,) = (
        row for row in rows(CONSOLE, "cost", **both, **only, group_by=("token_type",))
        if row["group"]["token_type"] == "output_tokens"
    )  # fmt: skip
    # output of sonnet: $12.5 a million until September, $10 from October on; 15 % off since September
    listed = before * Decimal("0.00125") + after * Decimal("0.001")
    assert Decimal(row["cost"]["list_amount"]) == listed
    assert Decimal(row["cost"]["amount"]) == listed * Decimal("0.85")


@given(
    account=st.sampled_from(list(ACCOUNT.values())),
    report=st.sampled_from(RANGE_LONG),
    start=st.datetimes(datetime(2026, 10, 5), datetime(2026, 11, 23), timezones=st.just(UTC)),  # noqa: DTZ001  (naive by API)
    length=st.timedeltas(timedelta(hours=1), timedelta(days=4)),
)
@settings(max_examples=40, deadline=None)
def test_any_range_is_the_sum_of_the_hours_it_is_rounded_down_to(account, report, start, length):
    window = {"start_date": start.isoformat(), "end_date": (start + length).isoformat()}
    first, last = (moment.replace(minute=0, second=0, microsecond=0) for moment in (start, start + length))
    found = rows(account, report, **window, group_by=("model",))
    hours = [
        row
        for row in rows(account, report, **window, group_by=("model",), granularity="hour")
        if first <= datetime.fromisoformat(row["starting_at"]) < last
    ]
    assert by_group(found) == by_group(hours)
    assert spans(found) <= {(f"{first:%Y-%m-%dT%H}:00:00Z", f"{last:%Y-%m-%dT%H}:00:00Z")}


def test_both_ends_are_rounded_down_to_the_hour_in_utc():
    window = {"start_date": "2026-10-05T20:40:00-02:00", "end_date": "2026-10-07T01:20:00Z"}
    assert spans(rows(CONSOLE, "usage", **window)) == {("2026-10-05T22:00:00Z", "2026-10-07T01:00:00Z")}
    assert rows(CONSOLE, "usage", start_date="2026-10-05T10:10:00Z", end_date="2026-10-05T10:50:00Z") == []
    assert rows(CONSOLE, "usage", start_date="2026-10-05T00:10:00Z", end_date="2026-10-05T00:50:00Z") == []


@accounts
@range_long
def test_filters_and_deleted_users_act_before_the_sums(account, report):
    only = {"model_ids": ("claude-sonnet-5-5",), "surfaces": ("code",), "include_deleted_users": False}
    whole = rows(account, report, **OCTOBER, **only, group_by=("user",))
    assert by_group(whole) == by_group(rows(account, report, **OCTOBER, **only, group_by=("user",), granularity="day"))
    assert whole
    assert not any((row["group"]["actor"] or {}).get("deleted") for row in whole)


@pytest.mark.parametrize("report", ["user_usage", "user_cost"])
def test_user_reports_leave_out_what_nobody_did(report):
    found = rows(ENTERPRISE, report, **OCTOBER)
    users = [row["group"]["actor"]["user_id"] for row in found]
    assert len(users) == len(set(users)) == 30
    (everything,) = rows(ENTERPRISE, report.removeprefix("user_"), **OCTOBER)
    name = "total_tokens" if report == "user_usage" else "amount"
    assert sum(measures(row)[name] for row in found) < measures(everything)[name]


@accounts
@range_long
def test_late_and_restated_values_stand_as_they_do_by_day(account, report):
    seen = []
    week = {"start_date": "2026-10-20", "end_date": "2026-10-27"}
    for now in (datetime(2026, 10, 27, 5, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC), WORLD.now):
        world = replace(WORLD, now=now)
        whole = by_group(rows(account, report, world, **week))
        assert whole == by_group(rows(account, report, world, **week, granularity="day"))
        seen.append(str(whole))
    assert (len(set(seen)) == 1) == (account is CONSOLE)


@pytest.mark.parametrize(
    ("account", "window", "updated"),
    [
        (CONSOLE, OCTOBER, "2026-11-01T01:00:00Z"),  # an hour after the last day's end
        (ENTERPRISE, OCTOBER, "2026-11-23T11:00:00Z"),  # October still settles: four hours before now
        (ENTERPRISE, {"start_date": "2026-10-01", "end_date": "2026-10-08"}, "2026-11-07T00:00:00Z"),
        (CONSOLE, {"start_date": "2026-11-20", "end_date": "2026-12-01"}, "2026-11-23T15:00:00Z"),
    ],
)
def test_a_row_is_as_new_as_the_newest_of_its_days(account, window, updated):
    assert {record["updated_at"] for record in records(account, "cost", **window, group_by=GROUPED)} == {updated}
    days = [record["updated_at"] for record in records(account, "cost", **window, granularity="day")]
    assert max(days) == updated


@accounts
@range_long
def test_ids_are_stable_and_none_is_that_of_another_time(account, report):
    def ids(**more):
        return [record["id"] for record in records(account, report, **more, group_by=GROUPED)]

    whole = ids(**OCTOBER)
    assert len(set(whole)) == len(whole)
    assert ids(**OCTOBER) == whole
    assert ids(start_date="2026-10-01T00:00:00Z", end_date="2026-10-31T23:00:00-01:00") == whole
    others = [*ids(**OCTOBER, granularity="day"), *ids(start_date="2026-10-01", end_date="2026-10-31")]
    assert not set(whole) & set(others)
    # a range of one day is the day: the same fact under the same id, so that it counts once
    assert records(account, report, **ONE_DAY) == records(account, report, **ONE_DAY, granularity="day")


def test_what_is_left_out_has_its_default():
    assert spans(rows(CONSOLE, "cost")) == {("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z")}
    assert spans(rows(CONSOLE, "cost", end_date="2026-11-20T06:30:00Z")) == {
        ("2026-11-13T06:00:00Z", "2026-11-20T06:00:00Z")
    }
    assert spans(rows(CONSOLE, "cost", start_date="2026-11-20")) == {("2026-11-20T00:00:00Z", "2026-11-23T15:00:00Z")}
    assert spans(rows(CONSOLE, "cost", start_date="2026-10-01")) == {("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")}
    midnight = replace(WORLD, now=datetime(2026, 11, 23, tzinfo=UTC))
    assert rows(CONSOLE, "cost", midnight, start_date="2026-11-23") == []
    assert rows(CONSOLE, "cost", start_date="2026-11-24") == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"start_date": "2026-09-01", "end_date": "2026-10-03"}, "at most 31 days"),
        ({"start_date": "2025-11-01", "end_date": "2025-11-02"}, "within the last 365 days"),
        ({"start_date": "2026-10-02", "end_date": "2026-10-02"}, "after starting_at"),
        ({**OCTOBER, "remote_query": {"time_bucket_width": "1w"}}, "'1w' is not one of 1d, 1h, 1m"),
        ({**OCTOBER, "group_by": ("colour",)}, "'colour' is not supported"),
    ],
)
def test_what_the_vendor_refuses_it_refuses_without_a_bucket_too(asked, said):
    for report in ("usage", "user_usage"):
        with pytest.raises(Refused) as caught:
            raw_rows(Ask(WORLD, CONSOLE, report_type=report, **asked))
        assert said in caught.value.body["error"]["message"]


def test_rows_come_in_the_order_asked_for():
    def ordered(report, name, **more):
        found = rows(ENTERPRISE, report, **OCTOBER, group_by=GROUPED, **more)
        assert len(found) > 5
        return [measures(row)[name] for row in found]

    amounts = ordered("cost", "amount", sort_by="cost", sort_order="desc")
    assert amounts == sorted(amounts, reverse=True)
    # without buckets the vendor's `time` means the largest first
    assert ordered("cost", "amount", sort_by="time") == amounts
    assert ordered("cost", "amount", sort_by="time", sort_order="asc") == amounts[::-1]
    requests = ordered("usage", "requests", sort_by="requests", sort_order="asc")
    assert requests == sorted(requests)
    tokens = ordered("usage", "total_tokens", sort_by="time")
    assert tokens == sorted(tokens, reverse=True)
    products = [row["group"]["product"] for row in rows(ENTERPRISE, "cost", **OCTOBER, group_by=("product",))]
    assert products == sorted(products)


@accounts
@range_long
def test_the_request_names_a_width_only_where_one_is_asked(account, report):
    def sent(**more):
        return dict(
            parse_qsl(urlsplit(request(Ask(WORLD, account, report_type=report, **OCTOBER, **more))["url"]).query)
        )

    assert sent() | {"group_by[]": ""} == {
        "starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-11-01T00:00:00Z", "group_by[]": "",
    }  # fmt: skip
    assert sent(granularity="day")["time_bucket_width"] == "1d"
    assert sent(remote_query={"time_bucket_width": "1h"})["time_bucket_width"] == "1h"


@pytest.mark.parametrize("report", DAILY)
def test_the_other_reports_are_asked_by_day_and_stay_so(report):
    window = {"start_date": "2026-10-05", "end_date": "2026-10-08"}
    for account in ACCOUNT.values():
        found = records(account, report, **window)
        assert found == records(account, report, **window, granularity="day")
        assert all(date.fromisoformat(one["end_date"][:10]) - date.fromisoformat(one["start_date"][:10]) ==
                   timedelta(days=1) for one in found)  # fmt: skip
    assert len({one["start_date"] for one in found}) == 3


@accounts
@range_long
def test_pages_of_a_range_are_the_whole_list(account, report):
    app = create_app(WORLD)
    pairs = [("integrated_account_id", account.id), ("report_type", report), *OCTOBER.items()]
    pairs += [("group_by[]", name) for name in GROUPED]
    whole = send(app, USAGE, [*pairs, ("limit", "1000")]).json()
    assert whole["next_cursor"] is None
    found, cursor, answers = [], None, 0
    while cursor or not answers:
        body = send(app, USAGE, [*pairs, ("limit", "7"), *([("next_cursor", cursor)] if cursor else [])]).json()
        found, cursor, answers = found + body["result"], body["next_cursor"], answers + 1
    assert found == whole["result"]
    assert answers == -(-len(found) // 7)
    debug = send(app, USAGE, [*pairs, ("truto_response_format", "debug")]).json()["debug"]
    assert "time_bucket_width" not in debug["requestUrl"]
    assert debug["data"][0]["ending_at"] == "2026-11-01T00:00:00Z"
