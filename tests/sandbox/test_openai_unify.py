"""OpenAI's documented rows in, unified records out; every figure worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truto_usage_nb.vendors.openai_codex.mapping import (
    api_cost_record,
    codex_records,
    compliance_records,
    legacy_records,
    model_of,
    usage_record,
)

FIXTURES = Path(__file__).parent / "fixtures" / "openai_codex"
API = {"id": "openai_api", "name": "OpenAI API"}


def sample(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def first_bucket(page):
    bucket = page["data"][0]
    return bucket["results"][0], {name: bucket[name] for name in ("start_time", "end_time")}


def without_id(record):
    assert record["id"]
    return {name: value for name, value in record.items() if name != "id"}


def test_o1_input_is_a_superset_and_becomes_disjoint():
    record = usage_record(*first_bucket(sample("O1")))
    # 1730419200 = 2024-11-01T00:00Z. Input 1000 contains 800 cached and 50 written: 150 are left.
    # total = input 1000 + output 500 = 1500 = 150 + 800 + 50 + 500. No unit of quantity, no money.
    assert without_id(record) == {
        "product": API,
        "resources": [{"workspace": {"id": "proj_abc"}}],
        "user": {"id": "user-abc"},
        "model": {"id": "gpt-4o-mini-2024-07-18", "provider": "openai"},
        "usage": {
            "requests": {"total": 5},
            "tokens": {"input": 150, "output": 500, "cache_read": 800, "cache_write": 50, "total": 1500},
        },
        "start_date": "2024-11-01T00:00:00.000Z",
        "end_date": "2024-11-02T00:00:00.000Z",
    }


def test_o1_of_an_older_row_without_the_new_fields():
    row, bucket = first_bucket(sample("O1"))
    older = {name: value for name, value in row.items() if "write" not in name and "uncached" not in name}
    # 1000 - 800 = 200 uncached; cache writes are unknown, not zero.
    tokens = usage_record(older, bucket)["usage"]["tokens"]
    assert tokens == {"input": 200, "output": 500, "cache_read": 800, "total": 1500}


@pytest.mark.parametrize(
    ("row", "usage"),
    [
        (
            {"object": "organization.usage.images.result", "images": 12, "num_model_requests": 6},
            {"quantity": 12, "unit": "images", "requests": {"total": 6}},
        ),
        (
            {"object": "organization.usage.embeddings.result", "input_tokens": 70, "num_model_requests": 2},
            {"requests": {"total": 2}, "tokens": {"input": 70, "total": 70}},
        ),
        (  # the requests of a search are those of the completion that searched
            {"object": "organization.usage.web_searches.result", "num_requests": 9, "num_model_requests": 4},
            {"tools": {"web_search_count": 9}},
        ),
        (
            {"object": "organization.usage.code_interpreter_sessions.result", "num_sessions": 0},
            {"sessions": {"distinct": 0}},
        ),
        (
            {"object": "organization.usage.audio_speeches.result", "characters": 45, "num_model_requests": 1},
            {"quantity": 45, "unit": "characters", "requests": {"total": 1}},
        ),
        (
            {"object": "organization.usage.audio_transcriptions.result", "seconds": 30, "num_model_requests": 1},
            {"quantity": 30, "unit": "seconds", "requests": {"total": 1}},
        ),
        (
            {"object": "organization.usage.vector_stores.result", "usage_bytes": 1024},
            {"quantity": 1024, "unit": "bytes"},
        ),
    ],
)
def test_the_other_kinds_of_usage(row, usage):
    assert usage_record(row, {"start_time": 0, "end_time": 86400})["usage"] == usage


def test_o2_a_cost_row_keeps_its_quantity_out_of_the_tokens():
    record = api_cost_record(*first_bucket(sample("O2")))
    assert without_id(record) == {
        "product": API,
        "metric_name": "gpt-6-astra, input_tokens",
        "resources": [{"workspace": {"id": "proj_abc"}}],
        "model": {"id": "gpt-6-astra", "provider": "openai"},
        "charges": [{"amount": 0.06, "currency": "USD", "type": "total"}],
        "usage": {"quantity": 24000.0, "unit": "tokens"},
        "start_date": "2024-11-01T00:00:00.000Z",
        "end_date": "2024-11-02T00:00:00.000Z",
    }


def test_o2_with_the_amount_as_a_string_and_an_organization():
    row, bucket = first_bucket(sample("O2"))
    live = {**row, "amount": {"value": "0.0600", "currency": "eur"}, "organization_id": "org-x", "api_key_id": "key_1"}
    record = api_cost_record(live, bucket)
    assert record["charges"] == [{"amount": 0.06, "currency": "EUR", "type": "total"}]
    assert record["organization"] == {"id": "org-x"}
    assert record["resources"] == [{"id": "key_1", "workspace": {"id": "proj_abc"}}]


@pytest.mark.parametrize(
    ("line_item", "model"),
    [
        ("gpt-6-astra, input_tokens", "gpt-6-astra"),
        ("gpt-4o-2024-08-06, input", "gpt-4o-2024-08-06"),
        ("Image models", None),
        ("Web search tool calls", None),
        (None, None),
    ],
)
def test_a_line_item_names_a_model_only_sometimes(line_item, model):
    assert model_of(line_item) == model


def test_o3_tokens_images_and_seconds_without_money():
    tokens, image, audio = legacy_records(sample("O3"))
    # 1730696460 = 2024-11-04T05:01Z; 31 context tokens, none cached: 31 + 12 = 43.
    assert without_id(tokens) == {
        "product": API,
        "organization": {"id": "org-dummy", "name": "Personal"},
        "model": {"id": "gpt-4o-2024-08-06", "provider": "openai"},
        "usage": {"tokens": {"input": 31, "output": 12, "cache_read": 0, "total": 43}, "requests": {"total": 1}},
        "start_date": "2024-11-04T05:01:00.000Z",
    }
    assert without_id(image) == {
        "product": API,
        "resources": [
            {
                "id": "key_1",
                "name": "project_key",
                "workspace": {"id": "Default Project", "name": "Default Project"},
            }
        ],
        "organization": {"id": "org-x", "name": "Personal"},
        "user": {"id": "a@b.co"},
        "model": {"id": "dall-e-3", "provider": "openai"},
        "usage": {"quantity": 1, "unit": "images", "requests": {"total": 1}},
        "start_date": "2024-11-04T05:01:00.000Z",
    }
    assert without_id(audio) == {
        "product": API,
        "organization": {"id": "org-dummy", "name": "Personal"},
        "model": {"id": "whisper-1", "provider": "openai"},
        "usage": {"quantity": 2, "unit": "seconds", "requests": {"total": 1}},
        "start_date": "2024-11-04T05:01:00.000Z",
    }


def test_o4_is_one_record_because_clients_repeat_the_models():
    (record,) = codex_records(sample("O4")["data"][0], {})
    # 1780272000 = 2026-06-01T00:00Z; one model, so one record: 1000 + 250 + 400 = 1650 tokens, 12.5 credits, no money.
    assert without_id(record) == {
        "product": {"id": "codex", "name": "Codex"},
        "user": {"id": "user_abc123", "email": "alice@example.com"},
        "model": {"id": "gpt-5.4", "provider": "openai"},
        "usage": {
            "quantity": 12.5,
            "unit": "credits",
            "requests": {"total": 456, "agent": 456},
            "conversations": {"thread_count": 123},
            "code": {"lines_accepted_added": 123, "lines_removed": 45, "commits": 12},
            "tokens": {"input": 1000, "output": 400, "cache_read": 250, "total": 1650},
        },
        "start_date": "2026-06-01T00:00:00.000Z",
        "end_date": "2026-06-02T00:00:00.000Z",
    }


def test_o4_with_two_models_states_activity_once():
    row = sample("O4")["data"][0]
    half = {**row["models"][0], "credits": 5.5}
    row["models"] = [{**half, "cost_usd": 0.22}, {**half, "model": "gpt-5.3-codex", "credits": 7.0}]
    first, second = codex_records(row, {})
    assert first["usage"]["requests"] == {"total": 456, "agent": 456}
    assert not {"requests", "conversations", "code"} & second["usage"].keys()
    assert [first["usage"]["quantity"], second["usage"]["quantity"]] == [5.5, 7.0]
    assert first["charges"] == [{"amount": 0.22, "currency": "USD", "type": "total"}]
    assert "charges" not in second
    assert first["id"] != second["id"]


def test_o4_with_everything_null_that_may_be_null():
    row = sample("O4")["data"][0]
    row.update(models=None, clients=None, code_attribution=None, actor={"type": "ACCOUNT_USER", "email": None})
    row["totals"].update({name: None for name in row["totals"] if "text" in name}, cost_usd="0.50")
    (record,) = codex_records(row, {})
    assert record["user"] == {"id": "user_abc123"}
    assert record["charges"] == [{"amount": 0.5, "currency": "USD", "type": "total"}]
    assert record["usage"] == {
        "quantity": 12.5,
        "unit": "credits",
        "requests": {"total": 456, "agent": 456},
        "conversations": {"thread_count": 123},
    }
    assert "model" not in record


def test_o4_of_an_unknown_client_states_its_credits_as_a_charge():
    row = sample("O4")["data"][0]
    row["clients"] = [{"client_id": "CODEX_UNKNOWN_DEFAULT", "credits": 12.5}]
    row["models"].append({"model": "other", "credits": 0.25})
    known, other = codex_records(row, {})
    assert known["charges"] == [{"amount": 12.5, "currency": "CREDITS", "type": "usage_based"}]
    assert other["charges"] == [{"amount": 0.25, "type": "usage_based"}]


def test_o5_credits_stay_a_quantity():
    assert compliance_records(sample("O5")) == [
        {
            "id": "evt_1",
            "product": {"id": "Work", "name": "Work"},
            "metric_name": "GPT-5.6 Sol - Cached Input",
            "user": {"id": "user-abc", "email": "dev@example.com", "name": "Dev"},
            "model": {"id": "gpt-5.6-sol", "provider": "openai"},
            "usage": {"quantity": 3.3408, "unit": "credits"},
            "start_date": "2026-07-13T19:00:00.000Z",
            "end_date": "2026-07-13T20:00:00.000Z",
            "created_at": "2026-07-14T00:44:02Z",
        }
    ]


def test_o5_with_two_billing_entries_gives_two_ids():
    event = sample("O5")
    event["payload"]["measures"]["billing"] *= 2
    assert [record["id"] for record in compliance_records(event)] == ["evt_1:0", "evt_1:1"]
