"""Claude's documented rows in, unified records out; every figure worked by hand."""

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


def test_messages_usage_keeps_token_kinds_apart_and_takes_times_from_the_bucket():
    record = without_id(only("A1", "usage_report/messages"))
    # 1500 input + 500 output + 200 read + 500 written for 5 minutes + 1000 for an hour = 3700; written: 1500
    assert record == {
        "product": {"id": "claude_api", "name": "Claude API"},
        "metric_name": "tokens",
        "surface": "api",
        "model": {"id": "claude-opus-5", "provider": ANTHROPIC},
        "user": {"id": "user_01WCz1FkmYMm4gnmykNKUu3Q"},
        "resources": [
            {"id": "apikey_01Rj2N8SVvo6BePZj99NhmiT", "workspace": {"id": "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"}}
        ],
        "organization": OWN,
        "usage": {
            "quantity": 3700,
            "unit": "tokens",
            "tokens": {
                "input": 1500,
                "output": 500,
                "cache_read": 200,
                "cache_write_ephemeral_5m": 500,
                "cache_write_ephemeral_1h": 1000,
                "cache_write": 1500,
                "total": 3700,
            },
            "tools": {"web_search_count": 10},
        },
        "start_date": "2025-08-01T00:00:00Z",
        "end_date": "2025-08-02T00:00:00Z",
    }


def test_a_call_without_a_person_is_the_service_accounts():
    (raw,) = opened("usage_report/messages", body("A1"))
    row = {**raw.row, "account_id": None, "workspace_id": None, "api_key_id": None}
    (record,) = unify(Raw(row, raw.endpoint, raw.context), ASK)
    assert record["user"] == {"id": "svac_01Hk3R9TWxq7CfQak00OiVw4"}
    assert "resources" not in record


def test_cost_report_is_a_total_in_dollars():
    record = without_id(only("A2", "cost_report"))
    assert record == {
        "product": {"id": "claude_api", "name": "Claude API"},
        "metric_name": "Claude Opus 5 Usage - Input Tokens",
        "model": {"id": "claude-opus-5", "provider": ANTHROPIC},
        "resources": [{"workspace": {"id": "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"}}],
        "organization": OWN,
        "charges": [{"amount": 1.2378912, "currency": "USD", "type": "total"}],  # 123.78912 cents
        "start_date": "2025-08-01T00:00:00Z",
        "end_date": "2025-08-02T00:00:00Z",
    }


def test_claude_code_is_an_estimate_beside_tokens_and_activity():
    record = without_id(only("A3", "usage_report/claude_code"))
    assert record == {
        "product": {"id": "claude_code", "name": "Claude Code"},
        "metric_name": "claude_code_activity",
        "surface": "iTerm.app",
        "model": {"id": "claude-opus-5", "provider": ANTHROPIC},
        "user": {"email": "user@emaildomain.com"},
        "organization": {"id": "12345678-1234-5678-1234-567812345678"},
        "charges": [{"amount": 1.86, "currency": "USD", "type": "usage_based"}],  # the number 186, in cents
        "usage": {
            "sessions": {"distinct": 15},
            "code": {
                "lines_added": 342,
                "lines_removed": 128,
                "accepts": 50,  # 25 + 12 + 5 + 8
                "rejects": 6,  # 3 + 1 + 2 + 0
                "commits": 8,
                "pull_requests": 2,
                "tool_actions": {
                    "edit_tool": {"accepted": 25, "rejected": 3},
                    "multi_edit_tool": {"accepted": 12, "rejected": 1},
                    "notebook_edit_tool": {"accepted": 5, "rejected": 2},
                    "write_tool": {"accepted": 8, "rejected": 0},
                },
            },
            # 45230 + 12450 + 8790 + 2340 = 68810
            "tokens": {
                "input": 45230,
                "output": 12450,
                "cache_read": 8790,
                "cache_write": 2340,
                "total": 68810,
            },
        },
        "start_date": "2025-08-08T00:00:00Z",
        "end_date": "2025-08-09T00:00:00Z",
    }


def test_several_models_in_a_row_count_its_activity_once():
    (raw,) = opened("usage_report/claude_code", body("A3"))
    opus = raw.row["model_breakdown"][0]
    haiku = {**opus, "model": "claude-haiku-4-5", "estimated_cost": {"amount": 14, "currency": "USD"}}
    first, second = unify(Raw({**raw.row, "model_breakdown": [opus, haiku]}, raw.endpoint), ASK)
    assert [first["model"]["id"], second["model"]["id"]] == ["claude-opus-5", "claude-haiku-4-5"]
    assert charges(second) == {"usage_based": 0.14}
    assert set(first["usage"]) == {"sessions", "code", "tokens"}
    assert set(second["usage"]) == {"tokens"}
    assert first["id"] != second["id"]


def test_a_row_without_models_keeps_its_activity_and_a_key_is_a_resource():
    (raw,) = opened("usage_report/claude_code", body("A3"))
    actor = {"type": "api_actor", "api_key_name": "ci"}
    (record,) = unify(Raw({**raw.row, "model_breakdown": [], "actor": actor}, raw.endpoint), ASK)
    assert record["usage"]["sessions"] == {"distinct": 15}
    assert record["resources"] == [{"name": "ci"}]
    assert not {"model", "charges", "user"} & set(record)


def test_analytics_usage():
    record = without_id(only("A4", "analytics/usage"))
    # written 40120 + 512000 = 552120; with 182340 in, 88012 out, 9120334 read: 9942806, as the row says itself
    assert record == {
        "product": {"id": "claude_code", "name": "Claude Code"},
        "metric_name": "tokens",
        "surface": "claude_code",
        "model": {"id": "claude-opus-5-5", "provider": ANTHROPIC},
        "user": {"id": "user_01AbCdEfGh", "email": "jane@example.com", "name": "Jane Smith"},
        "resources": [
            {"id": "apikey_01Rj2N8SVvo6BePZj99NhmiT", "workspace": {"id": "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"}}
        ],
        "organization": OWN,
        "usage": {
            "quantity": 9942806,
            "unit": "tokens",
            "requests": {"total": 412},
            "tokens": {
                "input": 182340,
                "output": 88012,
                "cache_read": 9120334,
                "cache_write_ephemeral_5m": 40120,
                "cache_write_ephemeral_1h": 512000,
                "cache_write": 552120,
                "total": 9942806,
            },
            "tools": {"web_search_count": 3},
        },
        "start_date": "2026-11-02T00:00:00Z",
        "end_date": "2026-11-03T00:00:00Z",
        "updated_at": "2026-11-03T06:00:00Z",
    }


def test_analytics_cost_is_net_discount_and_list():
    record = only("A5", "analytics/cost")
    # 219.25 and 258 cents; 258 - 219.25 = 38.75
    assert charges(record) == {"net": 2.1925, "discount": 0.3875, "total": 2.58}
    assert record["metric_name"] == "output_tokens"
    assert record["user"]["email"] == "jane@example.com"
    assert record["resources"] == [{"workspace": {"id": "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"}}]
    assert "usage" not in record  # requests are null once grouped by token type


def cost_row(amount, list_amount, **group):
    cost = {"amount": amount, "list_amount": list_amount, "currency": "USD", "requests": 0}
    return Raw({"starting_at": "2026-10-28T00:00:00Z", "group": group, "cost": cost}, "analytics/cost")


def test_a_refund_has_a_negative_discount():
    (record,) = unify(cost_row("-1000.000000", "-1250.000000", cost_type="tokens"), ASK)
    assert charges(record) == {"net": -10.0, "discount": -2.5, "total": -12.5}
    assert record["metric_name"] == "tokens"
    assert record["usage"] == {"requests": {"total": 0}}  # zero is a value


@pytest.mark.parametrize(
    ("group", "metric"),
    [
        ({"cost_type": "web_search", "token_type": None}, "web_search"),
        ({"cost_type": "session_usage"}, "session_usage"),
        ({"cost_type": None, "token_type": None}, "cost"),
    ],
)
def test_money_without_tokens_is_named_by_its_type(group, metric):
    (record,) = unify(cost_row("0.00375", "0.00375", **group), ASK)
    assert record["metric_name"] == metric
    assert record["product"]["id"] == "claude_api"
    assert charges(record) == {"net": 0.0000375, "discount": 0.0, "total": 0.0000375}
    assert not {"model", "surface", "user", "resources"} & set(record)


@pytest.mark.parametrize(
    ("actor", "resource"),
    [
        ({"type": "service_account_actor", "service_account_id": "svac_1"}, "svac_1"),
        ({"type": "api_actor", "api_key_id": "apikey_1"}, "apikey_1"),
        ({"type": "federated_actor", "provider": "oidc", "subject": "repo:a/b"}, "repo:a/b"),
    ],
)
def test_an_actor_that_is_no_user_is_a_resource(actor, resource):
    (record,) = unify(cost_row("1", "1", actor=actor, api_key_id="apikey_1"), ASK)
    assert "user" not in record
    assert [one["id"] for one in record["resources"]] == list(dict.fromkeys(["apikey_1", resource]))


def test_an_id_survives_the_deletion_of_its_user_and_differs_by_report():
    alive = {"type": "user_actor", "user_id": "user_1", "email_address": "a@example.com", "name": "A", "deleted": False}
    gone = {**alive, "email_address": None, "name": "Deleted User", "deleted": True}
    (before,), (after,) = (unify(cost_row("1", "1", actor=actor), ASK) for actor in (alive, gone))
    assert before["id"] == after["id"]
    assert after["user"] == {"id": "user_1", "name": "Deleted User"}
    (other,) = unify(cost_row("1", "1", actor=alive), Ask(ASK.world, ACCOUNT, report_type="user_cost"))
    assert other["id"] != before["id"]


def test_user_usage_report_with_an_actor_that_spells_email():
    record = only("A6a", "analytics/user_usage_report", starting_at="2026-06-01T00:00:00Z")
    # written 3000 + 1500 = 4500; 12500 + 4200 + 8000 + 4500 = 29200, as the row says itself
    assert record["user"] == {"id": "user_abc123", "email": "alice@example.com"}
    assert record["organization"] == {"id": "org_xyz"}
    assert record["usage"]["tokens"] == {
        "input": 12500,
        "output": 4200,
        "cache_read": 8000,
        "cache_write_ephemeral_5m": 3000,
        "cache_write_ephemeral_1h": 1500,
        "cache_write": 4500,
        "total": 29200,
    }
    assert record["usage"]["requests"] == {"total": 47}
    assert record["product"]["id"] == "claude_api"
    assert record["start_date"] == "2026-06-01T00:00:00Z"
    assert record["updated_at"] == "2026-06-08T06:00:00Z"


def test_user_cost_report():
    record = only("A6b", "analytics/user_cost_report")
    # 41280 and 51600 cents; 516.00 - 412.80 = 103.20
    assert charges(record) == {"net": 412.8, "discount": 103.2, "total": 516.0}
    assert record["user"] == {"id": "user_01AbCdEfGhIjKlMnOpQrSt", "email": "jane@example.com", "name": "Jane Smith"}
    assert (record["surface"], record["product"]) == ("chat", {"id": "chat", "name": "Chat"})
    assert record["metric_name"] == "uncached_input_tokens"
    assert record["organization"] == {"id": "org_013FP9SaFPBg7Kw7fetjn6cF"}
    assert (record["start_date"], record["end_date"]) == ("2026-01-15T00:00:00Z", "2026-01-16T00:00:00Z")


@pytest.mark.parametrize("spelling", ["email", "email_address"])
def test_both_spellings_of_the_address_are_read(spelling):
    actor = {"type": "user_actor", "user_id": "user_1", spelling: "a@example.com"}
    (record,) = unify(cost_row("1", "1", actor=actor), ASK)
    assert record["user"] == {"id": "user_1", "email": "a@example.com"}
