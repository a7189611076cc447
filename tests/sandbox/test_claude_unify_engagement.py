"""Claude's documented engagement rows in, unified records out; every figure worked by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from truto_usage_nb.sandbox.ask import Ask, Raw, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors.claude import unify
from truto_usage_nb.vendors.claude.mapping import open_envelope

FIXTURES = Path(__file__).parent / "fixtures" / "claude"
ACCOUNT = next(account for account in ACCOUNTS if account.id == "claude-enterprise")
ASK = Ask(World(7, datetime(2026, 11, 23, tzinfo=UTC)), ACCOUNT)
OWN = {"id": ACCOUNT.organization_id, "name": "Tidewheel"}
ANTHROPIC = "anthropic"


def body(sample):
    return json.loads((FIXTURES / f"{sample}.json").read_text())


def opened(endpoint, answer, **asked):
    return [Raw(row, endpoint, told) for row, told in open_envelope(answer, **asked)]


def records(sample, endpoint, **asked):
    return [record for raw in opened(endpoint, body(sample), **asked) for record in unify(raw, ASK)]


def only(sample, endpoint, **asked):
    (record,) = records(sample, endpoint, **asked)
    return record


def without_id(record):
    assert record["id"].startswith("claude_")
    return {name: value for name, value in record.items() if name != "id"}


def charges(record):
    assert {one["currency"] for one in record["charges"]} == {"USD"}
    return {one["type"]: one["amount"] for one in record["charges"]}


def test_users_row_is_one_record_over_all_surfaces():
    record = without_id(only("A7", "analytics/users", date="2026-11-02"))
    assert record == {
        "product": {"id": "claude", "name": "Claude"},
        "metric_name": "user_activity",
        "user": {"id": "user_01AbCdEfGh", "email": "alice@example.com"},
        "organization": OWN,
        "usage": {
            "sessions": {"distinct": 10, "dispatch_turns": 9},  # code 4 + cowork 3 + excel 2 + word 1
            "conversations": {
                "distinct": 5,
                "message_count": 42,
                "thinking_message_count": 0,
                "shared_viewed_count": 0,
            },
            "code": {
                "lines_added": 120,
                "lines_removed": 45,
                "accepts": 18,  # 10 + 3 + 5 + 0
                "rejects": 3,  # 2 + 0 + 1 + 0
                "commits": 3,
                "pull_requests": 1,
                "tool_actions": {
                    "edit_tool": {"accepted": 10, "rejected": 2},
                    "multi_edit_tool": {"accepted": 3, "rejected": 0},
                    "write_tool": {"accepted": 5, "rejected": 1},
                    "notebook_edit_tool": {"accepted": 0, "rejected": 0},
                },
            },
            "tools": {
                "web_search_count": 2,
                "connectors_used_count": 7,  # chat 1 + cowork 6
                "skills_used_count": 2,
                "action_count": 31,
            },
            "activity": {"is_active": True},
        },
        "start_date": "2026-11-02",
        "end_date": "2026-11-03",
    }


def test_a_user_with_nothing_but_zeroes_on_an_older_day_is_not_active():
    row = {"user": {"id": "user_1"}, "chat_metrics": {"message_count": 0}, "last_activity_date": "2026-10-30"}
    (record,) = unify(Raw(row, "analytics/users", {"date": "2026-11-02"}), ASK)
    assert record["usage"]["activity"] == {"is_active": False}
    assert record["usage"]["conversations"] == {"message_count": 0}
    assert "sessions" not in record["usage"]  # a block that is not there is not zero


def test_skill_overage_is_all_the_money_there_is():
    record = only("A8", "analytics/skills", date="2026-11-02")
    assert charges(record) == {"on_demand": 12.504375}  # 1250.4375 cents; the list price of 8821.9 is no bill
    assert record["metric_name"] == "skill_invocations"
    assert record["resources"] == [{"id": "code-review"}]
    assert record["usage"] == {"quantity": 196, "unit": "invocations"}
    assert record["user"] == {"id": "user_01AbCdEfGh"}
    assert (record["start_date"], record["end_date"]) == ("2026-11-02", "2026-11-03")


def test_connector_calls_add_up_over_their_classes():
    record = only("A9", "analytics/connectors", date="2026-11-02")
    # 812 read + 64 write + 15 unclassified = 891
    assert record["usage"] == {"quantity": 891, "unit": "calls", "tools": {"connectors_used_count": 891}}
    assert record["resources"] == [{"id": "3f6c1f0e-7c1b-4b54-9d5e-0d0c4f6f5c11", "name": "Slack"}]
    assert (record["surface"], record["product"]["id"]) == ("cowork", "cowork")


def test_connector_calls_that_were_never_counted_are_not_zero():
    row = {"connector_name": "x", "read_call_count": None, "write_call_count": None, "unclassified_call_count": None}
    (record,) = unify(Raw(row, "analytics/connectors", {"date": "2026-05-01"}), ASK)
    assert record["usage"] == {"unit": "calls"}


def test_project_belongs_to_its_creator():
    record = only("A10", "analytics/apps/chat/projects", date="2026-11-02")
    assert record["resources"] == [{"id": "claude_proj_01XyZ", "name": "Q2 Research"}]
    assert record["user"] == {"id": "user_01AbCdEfGh", "email": "alice@example.com"}
    assert record["usage"] == {
        "quantity": 210,
        "unit": "messages",
        "conversations": {"distinct": 34, "message_count": 210},
    }
    assert record["created_at"] == "2026-04-01T10:00:00Z"


@pytest.mark.parametrize("wrapped", ["summaries", "data"])
@pytest.mark.parametrize("suffix", ["at", "date"])
def test_summary_in_all_its_shapes(wrapped, suffix):
    (row,) = body("A11")["summaries"]
    times = {f"{word}_{suffix}": row.pop(f"{word}_at") for word in ("starting", "ending")}
    (raw,) = opened("analytics/summaries", {wrapped: [{**row, **times}]})
    (record,) = unify(raw, ASK)
    assert record["metric_name"] == "daily_active_users"
    assert record["usage"] == {"quantity": 242, "unit": "users"}
    assert (record["start_date"], record["end_date"]) == ("2026-09-22T00:00:00Z", "2026-09-23T00:00:00Z")


def test_an_empty_bucket_has_no_rows():
    bucket = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z", "results": []}
    assert list(opened("cost_report", {"data": [bucket]})) == []
