"""Anthropic through the direct door: which endpoint answers what, in its words, and shapes as publicly recorded."""

from __future__ import annotations

import json

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from tests.vendors_for_tests import NOW, WORLD, described, giving, in_process, scripted
from truto_usage_nb.errors import InputError, InvalidRequestError, NotFoundError
from truto_usage_nb.sandbox.mount import SandboxTransport
from truto_usage_nb.sandbox.raw_server import create_raw_app

ADMIN = {"acme": {"integration": "anthropic", "admin_key": giving("sk-ant-admin01-0123456789abcdef")}}
ENTERPRISE = {"acme": {"integration": "claude", "analytics_key": giving("sk-ant-ana01-0123456789abcdef")}}
OCTOBER = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-11-01T00:00:00Z"}
NOTHING = {"data": [], "has_more": False, "next_page": None}
TOLD_BY_THE_FEED = ["updated_at", "organization_id", "organization_name"]
"""When the values last changed, and whose the account is: the newer reports state the one a page, the other never."""


def legacy(spec):
    return {label: {**fields, "reports": "legacy"} for label, fields in spec.items()}


@pytest.fixture(scope="module")
def direct():
    return in_process("claude")


@pytest.fixture(scope="module")
def unified():
    return tu.sandbox()


@pytest.mark.parametrize("users", [False, True])
@pytest.mark.parametrize("account", ["claude-console", "claude-enterprise", "claude-enterprise-seats"])
def test_october_is_the_same_through_both_doors(direct, unified, account, users):
    mine = tu.load_usage(account, period="2026-10", users=users, client=direct)
    other = tu.load_usage(account, period="2026-10", users=users, client=unified)
    assert mine.height > 400
    assert_frame_equal(mine.drop(TOLD_BY_THE_FEED), other.drop(TOLD_BY_THE_FEED), check_exact=True)
    assert_frame_equal(tu.cost_per_token(mine), tu.cost_per_token(other))
    if not users:
        (key,) = unified.answers("2026-10", [account]).totals()
        assert tu.with_costs(mine)["cost_billed"].sum() == pytest.approx(float(key["billed"]), abs=1e-6)


@pytest.mark.parametrize(
    ("account", "report_type"),
    [
        ("claude-console", "activity"),
        *(
            ("claude-enterprise", kind)
            for kind in ("activity", "skill_usage", "connector_usage", "project_usage", "summary")
        ),
    ],
)
def test_what_people_did_is_the_same_a_day_a_request(direct, unified, account, report_type):
    days = {"period": ("2026-10-05", "2026-10-08"), "report_type": report_type}
    before = len(direct.seen)
    mine, other = (tu.load_usage(account, client=client, **days) for client in (direct, unified))
    assert mine.height > 2
    assert len(direct.seen) - before == 3
    assert_frame_equal(mine.drop(TOLD_BY_THE_FEED), other.drop(TOLD_BY_THE_FEED))


@pytest.mark.parametrize("options", [{"granularity": "day"}, {"granularity": "hour", "period": "2026-10-05"}])
def test_finer_grains_are_the_same(direct, unified, options):
    asked = {
        "period": ("2026-10-05", "2026-10-09"),
        "report_type": "cost",
        "group_by": ["model", "charge_type"],
        **options,
    }
    mine, other = (tu.load_usage("claude-console", client=client, **asked) for client in (direct, unified))
    assert mine.height > 20
    assert_frame_equal(mine.drop(TOLD_BY_THE_FEED), other.drop(TOLD_BY_THE_FEED))


@pytest.mark.parametrize("account", ["claude-console", "claude-enterprise"])
def test_the_older_reports_come_to_the_same_tokens_and_money(direct, account):
    app = create_raw_app("claude", world=WORLD)
    client = tu.direct(described("claude", reports="legacy"), transport=SandboxTransport(app), clock=lambda: NOW)
    older = tu.load_usage(account, period="2026-10", client=client)
    newer = tu.load_usage(account, period="2026-10", client=direct)
    assert not {one.path for one in app.state.service.seen} & {
        "/v1/organizations/analytics/usage",
        "/v1/organizations/analytics/cost",
    }
    assert older["usage_tokens_total"].sum() == newer["usage_tokens_total"].sum()
    assert tu.with_costs(older)["cost_billed"].sum() == pytest.approx(
        tu.with_costs(newer)["cost_billed"].sum(), abs=1e-6
    )
    tables = [  # of money without a model the older reports tell the kinds by other words
        tu.cost_per_model(frame).drop_nulls("model_id").select("model_id", pl.col("cost").round(6))
        for frame in (older, newer)
    ]
    assert_frame_equal(*tables)


def asked(spec, answers=(NOTHING,), **options):
    client, vendor = scripted(spec, *answers)
    client.load_usage("acme", **options)
    return [
        (request.url.path.removeprefix("/v1/organizations/"), request.url.params.multi_items())
        for request in vendor.asked
    ], vendor


def test_the_newer_reports_in_the_vendors_words():
    options = {"period": "2026-10", "report_type": "user_cost", "group_by": ["surface", "model"], "surfaces": ["api"]}
    (one,), vendor = asked(ADMIN, **options, sort_by="cost", sort_order="desc", include_deleted_users=False)
    assert one == (
        "analytics/cost",
        [
            *OCTOBER.items(),
            ("time_bucket_width", "1d"),  # a period is loaded by day
            ("group_by[]", "actor"),
            ("group_by[]", "product"),
            ("group_by[]", "model"),
            ("products[]", "messages_api"),
            ("products[]", "message_batches_api"),
            ("products[]", "managed_agents_api"),
            ("order_by", "amount"),
            ("order", "desc"),
            ("exclude_deleted_users", "true"),
            ("limit", "1000"),
        ],
    )
    headers = vendor.asked[0].headers
    assert headers["x-api-key"] == "sk-ant-admin01-0123456789abcdef"
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["anthropic-beta"] == "analytics-usage-cost-2026-08-24"
    assert "authorization" not in headers


def test_a_grain_is_a_bucket_and_the_vendors_own_words_are_added():
    (one,), _ = asked(
        ADMIN,
        period="2026-10-05",
        report_type="usage",
        granularity="minute",
        group_by=["model"],
        remote_query={"group_by": ["speed"], "service_tiers": ["batch"]},
    )
    sent = one[1]
    assert ("time_bucket_width", "1m") in sent
    assert [value for name, value in sent if name == "group_by[]"] == ["model", "speed"]
    assert ("service_tiers[]", "batch") in sent


@pytest.mark.parametrize(
    ("spec", "options", "expected"),
    [
        (
            ADMIN,
            {"report_type": "usage", "group_by": ["product", "surface", "model"], "model_ids": ["m"]},
            (
                "usage_report/messages",
                [("bucket_width", "1d"), ("group_by[]", "model"), ("models[]", "m"), ("limit", "31")],
            ),
        ),
        (
            ADMIN,
            {"report_type": "user_usage", "granularity": "hour"},
            ("usage_report/messages", [("bucket_width", "1h"), ("group_by[]", "account_id"), ("limit", "168")]),
        ),
        (
            ADMIN,
            {"report_type": "cost", "group_by": ["product", "model", "workspace"]},
            (
                "cost_report",
                [
                    ("bucket_width", "1d"),
                    ("group_by[]", "description"),
                    ("group_by[]", "workspace_id"),
                    ("limit", "31"),
                ],
            ),
        ),
        (
            ENTERPRISE,
            {"report_type": "usage", "granularity": "minute", "product_ids": ["claude_tag"]},
            ("analytics/usage_report", [("bucket_width", "1m"), ("products[]", "claude-tag"), ("limit", "256")]),
        ),
        (
            ENTERPRISE,
            {"report_type": "user_cost", "group_by": ["model"], "user_ids": ["u"]},
            ("analytics/user_cost_report", [("group_by[]", "model"), ("user_ids[]", "u"), ("limit", "1000")]),
        ),
    ],
)
def test_the_older_reports_in_the_vendors_words(spec, options, expected):
    dates = {"start_date": "2026-10-01", "end_date": "2026-11-01"}
    (one,), vendor = asked(legacy(spec), **dates, **options)
    assert one == (expected[0], [*OCTOBER.items(), *expected[1]])
    assert "anthropic-beta" not in vendor.asked[0].headers


def test_pages_go_on_by_token_while_there_is_more():
    row = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z", "group": {"model": "m"}}
    usage = {"uncached_input_tokens": 5, "total_tokens": 5}
    first = {"data": [{**row, "usage": usage}], "has_more": True, "next_page": "page_two"}
    last = {"data": [{**row, "group": {"model": "n"}, "usage": usage}], "has_more": False, "next_page": "page_stale"}
    sent, _ = asked(ADMIN, (first, last), period="2026-10", report_type="usage")
    assert [dict(params).get("page") for _, params in sent] == [None, "page_two"]


def test_days_that_are_not_there_yet_are_not_asked_for():
    # It is the 23rd, 00:00: of Claude Code the 21st is the last whole day that is an hour old, of the people the 20th
    # plus a day's lag; the vendor would refuse the rest.
    sent, _ = asked(ADMIN, start_date="2026-11-20", end_date="2026-11-24", report_type="activity")
    assert [dict(params)["starting_at"] for _, params in sent] == ["2026-11-20", "2026-11-21"]
    sent, _ = asked(ENTERPRISE, start_date="2026-11-20", end_date="2026-11-24", report_type="activity")
    assert [(path, dict(params)["date"]) for path, params in sent] == [
        ("analytics/users", "2026-11-20"),
        ("analytics/users", "2026-11-21"),
    ]
    sent, _ = asked(ADMIN, start_date="2026-11-22", end_date="2026-11-23", report_type="activity")
    assert sent == []


def test_a_bucketed_user_report_as_recorded():
    # The shape: Worklytics/psoxy, docs/sources/anthropic/claude-enterprise-analytics/…/user_cost_report_bucketed.json.
    row = {
        "actor": {"type": "user_actor", "user_id": "user_7", "email": "kim@acme.example", "deleted": False},
        "product": "claude-tag",
        "model": None,
        "context_window": None,
        "inference_geo": None,
        "speed": None,
        "claude_tag_category": "engaged",
        "claude_tag_user_id": "U07",
        "rbac_group_id": "rbac_7",
        "slack_channel_id": "C07",
        "starting_at": "2026-10-01T00:00:00Z",
        "ending_at": "2026-10-02T00:00:00Z",
        "currency": "USD",
        "amount": "412.5",
        "list_amount": "500.25",
        "cost_type": None,
        "token_type": None,
        "requests": 9,
    }
    body = {
        "organization_id": "org_7",
        "data": [row],
        "has_more": False,
        "next_page": None,
        "data_refreshed_at": "2026-10-09T06:00:00Z",
    }
    client, _ = scripted(legacy(ENTERPRISE), body)
    frame = client.load_usage(
        "acme", start_date="2026-10-01", end_date="2026-10-02", report_type="user_cost", granularity="day"
    )
    # 412.5 cents charged of 500.25 at list: 87.75 off.
    told = frame.select(
        "user_email",
        "product_id",
        "product_name",
        "organization_id",
        "charges_net",
        "charges_discount",
        "charges_total",
        "usage_requests_total",
    )
    assert told.row(0) == ("kim@acme.example", "claude-tag", "Claude in Slack", "org_7", 4.125, 0.8775, 5.0025, 9)
    assert str(frame["updated_at"][0]) == "2026-10-09 06:00:00+00:00"


def test_a_report_without_buckets_covers_what_was_asked_for():
    row = {"actor": {"type": "user_actor", "user_id": "u", "email": "a@b.example"}, "requests": 3, "output_tokens": 4}
    client, _ = scripted(legacy(ENTERPRISE), {"data": [row], "has_more": False})
    frame = client.load_usage("acme", start_date="2026-10-03", end_date="2026-10-05", report_type="user_usage")
    assert [str(frame[name][0]) for name in ("start_date", "end_date")] == [
        "2026-10-03 00:00:00+00:00",
        "2026-10-05 00:00:00+00:00",
    ]


def test_claude_code_as_recorded_two_models_and_no_is_remote():
    # The shape: Worklytics/psoxy, docs/sources/anthropic/claude-code/…/claude-code-usage-report.json; no `is_remote`.
    used = [
        {
            "model": "claude-a",
            "estimated_cost": {"amount": 250, "currency": "USD"},
            "tokens": {"input": 10, "output": 20, "cache_read": 30, "cache_creation": 40},
        },
        {
            "model": "claude-b",
            "estimated_cost": {"amount": 5, "currency": "USD"},
            "tokens": {"input": 1, "output": 2, "cache_read": 3, "cache_creation": 4},
        },
    ]
    row = {
        "actor": {"email_address": "kim@acme.example", "type": "user_actor"},
        "customer_type": "api",
        "core_metrics": {
            "num_sessions": 3,
            "commits_by_claude_code": 1,
            "pull_requests_by_claude_code": 0,
            "lines_of_code": {"added": 7, "removed": 2},
        },
        "date": "2026-10-05T00:00:00Z",
        "model_breakdown": used,
        "organization_id": "org-7",
        "terminal_type": "tmux",
        "tool_actions": {"edit_tool": {"accepted": 4, "rejected": 1}},
        "subscription_type": "team",
    }
    client, _ = scripted(ADMIN, {"data": [row], "has_more": False, "next_page": None})
    frame = client.load_usage("acme", period="2026-10-05", report_type="activity")
    assert frame["usage_tokens_total"].to_list() == [100, 10]
    assert frame["charges_usage_based"].to_list() == [2.5, 0.05]  # cents
    assert frame["usage_sessions_distinct"].to_list() == [3, None]  # counted once
    assert tu.with_costs(frame)["cost_billed"].null_count() == 2  # an estimate of what cost bills


def test_a_key_of_another_kind_is_told_before_or_after_it_was_sent():
    wrong = {"acme": {"integration": "claude", "analytics_key": giving("sk-ant-admin01-0123456789")}}
    with pytest.raises(
        InputError, match="analytics_key holds an Admin key; it is to hold an Analytics key of an Enterprise"
    ):
        scripted(wrong, NOTHING)[0].load_usage("acme", report_type="usage")
    answer = {"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}
    client, _ = scripted(legacy(ENTERPRISE), (404, answer))
    with pytest.raises(
        NotFoundError,
        match=r"404 Not Found to GET .*: Not found; Anthropic also answers 404 .*analytics_key is to hold",
    ) as error:
        client.load_usage("acme", period="2026-10", report_type="usage")
    assert json.dumps(error.value.raw_response) == json.dumps(answer)


def test_the_server_gives_each_key_its_own_organisation_and_nothing_of_the_other_kind(direct):
    with pytest.raises(
        InvalidRequestError, match=r"Admin API serves no 'skill_usage'.*an analytics_key of an Enterprise"
    ):
        direct.load_usage("claude-console", period="2026-10-05", report_type="skill_usage")
    keys = {
        "claude-enterprise": {
            "integration": "claude",
            "admin_key": described("claude")["claude-console"]["admin_key"],
            "reports": "legacy",
        }
    }
    app = create_raw_app("claude", world=WORLD)
    client = tu.direct(keys, transport=SandboxTransport(app), clock=lambda: NOW)
    assert client.load_usage("claude-enterprise", period="2026-10-05", report_type="usage").height > 0


@pytest.mark.parametrize("spec", [ADMIN, ENTERPRISE])
@pytest.mark.parametrize("name", ["model_ids", "user_ids", "product_ids", "surfaces"])
def test_a_filter_that_an_endpoint_does_not_have_is_refused_and_not_forgotten(spec, name):
    client, vendor = scripted(spec, NOTHING)
    with pytest.raises(InvalidRequestError, match=f"cannot filter by {name}; leave it out, and filter the frame"):
        client.load_usage("acme", period="2026-10-05", report_type="activity", **{name: ["x"]})
    assert vendor.asked == []
