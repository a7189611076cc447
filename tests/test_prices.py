"""What a token costs: one identity for a model's spellings, and a price only where the list has exactly one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb.costs import cache_savings, cost_per, cost_per_model, estimate_costs
from truto_usage_nb.costs.matching import one_name_a_model
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.focus import to_focus
from truto_usage_nb.models import cloud_of, model_identity
from truto_usage_nb.prices import _amount, unit_prices
from truto_usage_nb.questions import check_prices

M = 1_000_000
MODEL = "claude-sonnet-4-5"
DAY = date(2026, 10, 5)
LATE = date(2026, 10, 20)
"""A day on which genai-prices 0.2.3 lists tiers of Anthropic and OpenAI: most are dated 12 or 14 October."""
KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


def per_million(model: str, provider: str | None = None, day: date = DAY, **tiers: str) -> tuple[Any, ...] | None:
    """Input and output, in USD a million tokens."""
    found = unit_prices(model, provider, day, **tiers)
    if found is None:
        return None
    return tuple(None if price is None else round(price * 1e6, 6) for price in (found.input, found.output))


@pytest.mark.parametrize(
    ("identity", "spellings"),
    [
        (
            "claude-opus-5",
            [
                "claude-opus-5", "Claude-Opus-5 ", "Claude Opus 5", "claude-opus-5-20260203", "claude-opus-5@20260203",
                "claude-opus-5-latest", "claude-opus-5@default", "anthropic/claude-opus-5",
                "anthropic.claude-opus-5-v1",
                "us.anthropic.claude-opus-5-20260203-v1:0", "GLOBAL.anthropic.claude-opus-5-v1:0",
                "us-gov.anthropic.claude-opus-5", "bedrock/eu.anthropic.claude-opus-5-v1:0", "claude-opus-5.0",
                "publishers/anthropic/models/claude-opus-5@20260203", "vertex_ai/claude-opus-5",
                "projects/p/locations/us-east5/publishers/anthropic/models/claude-opus-5",
                "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5-v1:0",
                "arn:aws:bedrock:us-east-1:12:inference-profile/us.anthropic.claude-opus-5-v1:0",
            ],
        ),
        ("claude-sonnet-4-5", ["claude-sonnet-4-5-20250929", "claude-sonnet-4.5", "claude-sonnet-4-5@20250929"]),
        ("claude-sonnet-4", ["claude-sonnet-4-0", "claude-sonnet-4-20250514", "claude-sonnet-4@20250514"]),
        ("claude-3-5-sonnet", ["claude-3.5-sonnet", "anthropic.claude-3-5-sonnet-20241022-v2:0"]),
        ("gpt-5", ["GPT-5", "openai/gpt-5", "gpt-5-2025-08-07", "gpt-5-20250807", "azure/gpt-5", "gpt-5-latest"]),
        ("gpt-5.1-codex-max", ["gpt-5.1-codex-max", "gpt-5-1-codex-max", "openai/GPT-5.1-codex-max"]),
        ("gpt-3.5-turbo", ["gpt-35-turbo"]),
        ("gemini-2.5-pro", ["models/gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro-001"]),
        ("nova-lite", ["amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"]),
        ("claude-opus-5-fast", ["claude-opus-5-fast-20260203", "claude-opus-5-20260203-fast", "Claude Opus 5 Fast"]),
        ("grok-4.5-fast", ["grok-4.5[fast=true]"]),
        ("grok-4.5", ["grok-4.5[fast=false]", "x-ai/grok-4.5-20260101"]),
    ],
)  # fmt: skip
def test_spellings_of_one_model_meet(identity, spellings):
    assert {spelling: model_identity(spelling) for spelling in spellings} == dict.fromkeys(spellings, identity)


@pytest.mark.parametrize(
    "apart",
    [
        ("claude-opus-5", "claude-opus-5-fast", "claude-opus-5-5", "claude-opus-5-max", "claude-opus-5[1m]"),
        ("gpt-5", "gpt-5-mini", "gpt-5-pro", "gpt-5-codex", "gpt-5-high", "gpt-5.1", "ft:gpt-5-2025-08-07:acme"),
        ("gpt-4o", "gpt-4o-2024-05-13"),  # the snapshot is $5 and $15 a million, the model $2.50 and $10
        ("gpt-4", "gpt-4-0613", "gpt-4-1106-preview", "gpt-4.1"),
        ("claude-v2", "anthropic.claude-v2:1"),
        ("amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2:0"),
        ("gemini-pro", "gemini-pro-latest"),
        ("deepseek-r1", "deepseek/deepseek-r1:free"),
        ("auto", "default", "other", ""),
    ],
)
def test_what_changes_the_price_or_the_model_keeps_names_apart(apart):
    assert len({model_identity(name) for name in apart}) == len(apart)


def test_an_identity_is_its_own_identity_and_never_empty():
    for name in ("anthropic/", "models/", "/", "latest", "-v1:0", "2026-01-01", "us.anthropic.claude-opus-5-v1:0"):
        identity = model_identity(name)
        assert identity
        assert model_identity(identity) == identity


@pytest.mark.parametrize(
    ("model", "provider", "price"),
    [
        # genai-prices: anthropic, price_variants when speed is fast
        ("claude-opus-5-fast", "anthropic", (10, 50)),
        ("CLAUDE-OPUS-5-FAST", "anthropic", (10, 50)),
        ("claude-opus-5-fast-20260203", "anthropic", (10, 50)),
        ("claude-5-opus-thinking-fast", "cursor", (10, 50)),
        ("claude-opus-4-8-fast", None, (10, 50)),
        ("claude-opus-5-5-fast", "anthropic", (8, 40)),
        ("claude-fable-5-2-fast", "anthropic", (16, 80)),
        # no fast price is listed: not the base price
        ("claude-opus-4-6-fast", "anthropic", None),
        ("claude-4.6-opus-high-thinking-fast", "cursor", None),
        ("claude-sonnet-4-5-fast", "anthropic", None),
        ("gpt-5-fast", "cursor", None),
        ("gpt-5.6-sol-fast", "cursor", None),  # $8 and $40 from 12 October, see below
        # fast models that the list knows by name
        ("composer-2.5-fast", "cursor", (3, 15)),
        ("grok-4.5-fast", "cursor", (4, 18)),
        ("grok-4.5[fast=true]", "cursor", (4, 18)),
        ("grok-4-fast", "xai", (0.2, 0.5)),
        ("grok-code-fast-1", "xai", (0.2, 1.5)),
    ],
)
def test_fast_is_priced_as_fast_or_not_at_all(model, provider, price):
    assert per_million(model, provider) == price


@pytest.mark.parametrize(
    ("model", "provider", "price"),
    [
        ("claude-opus-5", "anthropic", (5, 25)),
        ("Claude Sonnet 4.5", "anthropic", (3, 15)),
        ("claude-sonnet-4-5-20250929", "anthropic", (3, 15)),
        ("claude-sonnet-4-5@20250929", "anthropic", (3, 15)),
        ("publishers/anthropic/models/claude-sonnet-4-5@20250929", "google", (3, 15)),
        ("models/gemini-2.5-pro", "google", (1.25, 10)),
        ("gemini-2.5-pro-preview-05-06", "google", (1.25, 10)),
        ("claude-4.5-sonnet-thinking", "cursor", (3, 15)),
        ("gpt-5.3-codex-xhigh", "cursor", (1.75, 14)),
        ("gpt-5.1-codex-max", "cursor", (1.25, 10)),  # the list names it under gpt-5.1
        ("gpt-5.1-codex-max-high", "cursor", (1.25, 10)),
        ("gpt-4o-2024-08-06", "openai", (2.5, 10)),
        ("gpt-4o-2024-05-13", "openai", (5, 15)),
        ("ft:gpt-4o-mini-2024-07-18:acme::7p4lURel", "openai", (0.3, 1.2)),
        # Bedrock: a tenth more, save for its global profile
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", (3.3, 16.5)),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", (3, 15)),
        ("us.anthropic.claude-opus-5-20260203-v1:0", "anthropic", (5.5, 27.5)),
        ("eu.anthropic.claude-haiku-4-5", None, (1.1, 5.5)),
        ("anthropic.claude-opus-5", "bedrock", (5.5, 27.5)),
        ("claude-opus-5", "aws", (5.5, 27.5)),
        ("amazon.titan-embed-text-v2:0", None, (0.02, None)),
        # a name of which more is left than a build or an effort
        ("claude-opus-4-15", "anthropic", None),
        ("claude-opus-4-1-plus", "anthropic", None),
        ("claude-opus-4-6-max", "anthropic", None),
        ("gemini-3.6-flash-lite", "google", None),
        ("gpt-5.6-sol-priority", "openai", None),
        ("us.anthropic.claude-opus-5-fast", None, None),
        ("publishers/anthropic/models/claude-opus-5-fast", "google", None),
        ("us.anthropic.claude-opus-9-v1:0", "anthropic", None),
        ("auto", "cursor", None),
        ("claude", None, None),
        ("", None, None),
        # by the minute, the character, the page or the picture
        ("whisper-1", "openai", None),
        ("tts-1", "openai", None),
        ("tts-1-hd", "openai", None),
        ("gpt-transcribe", "openai", None),
        ("grok-voice-latest", "xai", None),
        ("mistral-ocr-latest", "mistral", None),
        ("dall-e-3", "openai", None),
        ("omni-moderation-latest", "openai", None),
        # a token of text, sound or a picture each costs something else, and a count does not say which it is of
        ("gpt-image-1", "openai", None),
        ("gpt-image-1.5", "openai", None),
        ("gemini-2.5-flash-image", "google", None),
        ("gpt-realtime", "openai", None),
        ("gpt-4o-audio-preview", "openai", None),
        ("gpt-4o-transcribe", "openai", None),
        ("gemini-2.5-flash", "google", (0.3, 2.5)),  # a text model that can also hear
        # by the hour of the day
        ("deepseek-v4-pro", "deepseek", None),
    ],
)
def test_a_price_is_the_lists_or_none(model, provider, price):
    assert per_million(model, provider) == price


def test_an_embedding_has_no_price_for_output_and_a_cached_token_costs_what_input_does_where_nothing_else_is_said():
    found = unit_prices("text-embedding-3-large", "openai", DAY)
    assert (found.input, found.output) == (pytest.approx(0.13e-6), None)
    pro = unit_prices("gpt-5-pro", "openai", DAY)  # $15 and $120, no discount for cached input
    assert [getattr(pro, kind) * 1e6 for kind in KINDS] == pytest.approx([15, 120, 15, 15, 15])
    # the list has a price of a write on Bedrock, and none of one that is kept for an hour: not the cheaper one's
    old = unit_prices("us.anthropic.claude-sonnet-4-20250514-v1:0", "anthropic", DAY)
    assert (old.cache_write_5m, old.cache_write_1h) == (pytest.approx(3.75e-6), None)
    opus = unit_prices("claude-opus-5", "anthropic", DAY)
    assert [getattr(opus, kind) * 1e6 for kind in KINDS] == pytest.approx([5, 25, 0.5, 6.25, 10])


@pytest.mark.parametrize(
    ("model", "day", "tiers", "price"),
    [
        ("claude-opus-5", LATE, {"service_tier": "batch"}, (2.5, 12.5)),
        ("claude-opus-5", LATE, {"service_tier": " BATCH"}, (2.5, 12.5)),
        ("claude-opus-5", DAY, {"service_tier": "batch"}, None),  # listed from the 14th
        ("claude-opus-5", LATE, {"service_tier": "priority"}, None),
        ("claude-opus-5", LATE, {"service_tier": "priority_on_demand"}, None),
        ("claude-opus-5", LATE, {"speed": "fast"}, (10, 50)),
        ("claude-opus-5", LATE, {"speed": "fast", "service_tier": "standard"}, (10, 50)),
        ("claude-opus-5", LATE, {"speed": "fast", "service_tier": "batch"}, None),
        ("claude-opus-5-fast", LATE, {"speed": "fast"}, (10, 50)),
        ("claude-opus-5-fast", LATE, {"service_tier": "batch"}, None),
        ("claude-opus-5", LATE, {"speed": "turbo"}, None),
        ("claude-sonnet-4-5", LATE, {"speed": "fast"}, None),
        ("composer-2.5-fast", LATE, {"speed": "fast"}, (3, 15)),
        ("gpt-5.6-sol", LATE, {"service_tier": "flex"}, (2, 10)),
        ("gpt-5.6-sol", LATE, {"service_tier": "priority"}, (8, 40)),
        ("gpt-5.6-sol-fast", LATE, {}, (8, 40)),
        ("gpt-5.6-sol", LATE, {"service_tier": "scale"}, None),
        ("us.anthropic.claude-opus-5-v1:0", LATE, {"service_tier": "batch"}, None),  # not in the list of that cloud
        *(("claude-opus-5", LATE, {"service_tier": word}, (5, 25)) for word in ("standard", "default", "auto", "")),
        *(("claude-opus-5", LATE, {"speed": word}, (5, 25)) for word in ("standard", "not_available", "Normal")),
    ],
)
def test_tiers_have_the_lists_price_of_the_day_or_none(model, day, tiers, price):
    assert per_million(model, None, day, **tiers) == price


@pytest.mark.parametrize(
    ("model", "window", "price"),
    [
        ("claude-sonnet-4-5", "0-200k", (3, 15)),  # $6 and $22.50 above 200,000
        ("claude-sonnet-4-5", "200k-1M", (6, 22.5)),
        ("claude-sonnet-4-5", ">200k", (6, 22.5)),
        ("claude-sonnet-4-5", "not_available", (3, 15)),
        ("claude-sonnet-4-5", "long", None),  # tiers, and no word of theirs
        ("claude-sonnet-4-5[1m]", "", None),
        ("claude-opus-5", "200k-1M", (5, 25)),  # one price for any length
        ("claude-opus-5", "long", (5, 25)),
        ("claude-opus-5[1m]", "", (5, 25)),
        ("claude-haiku-5-5", "200k-1M", (0.5, 2.5)),  # $0.10 and $0.50 up to 100,000, five times that above
        ("claude-haiku-5-5", "0-200k", None),  # two prices in one window
        ("gpt-5.4", "0-200k", (2.5, 15)),  # the edge is 272,000
        ("gpt-5.4", "200k-1M", None),
        ("grok-4.5", "200k-1M", (4, 12)),  # the edge is 199,999
    ],
)
def test_a_context_window_is_priced_where_one_tier_holds_all_of_it(model, window, price):
    assert per_million(model, None, DAY, context_window=window) == price


def test_a_price_follows_its_day():
    # genai-prices: gpt-5.6-sol was $5 and $30 until 21 August 2026
    days = (date(2026, 8, 20), date(2026, 8, 21))
    assert [per_million("gpt-5.6-sol", "openai", day) for day in days] == [(5, 30), (4, 20)]
    # long requests of claude-opus-4-6 cost more until 13 March 2026
    days = (date(2026, 3, 12), date(2026, 3, 13))
    assert [per_million("claude-opus-4-6", None, day, context_window="200k-1M") for day in days] == [
        (10, 37.5),
        (5, 25),
    ]


def test_a_name_shows_its_cloud():
    assert [cloud_of(n) for n in ("meta.llama3-8b-instruct-v1:0", "azure/gpt-5", "openrouter/openai/gpt-5")] == [
        "aws", "azure", "openrouter",
    ]  # fmt: skip
    assert [cloud_of(n) for n in ("gpt-5.1", "claude-3.5-sonnet", "models/gemini-2.5-pro", "openai/gpt-5")] == [
        None
    ] * 4


def usage(
    model: str, provider: str | None = "openai", money: float | None = None, day: str = "05", **tokens: int
) -> Any:
    charges = None if money is None else charged(total=money)
    span = (f"2026-10-{day}", f"2026-10-{int(day) + 1:02}")
    return record(
        "o", "openai_codex", *span, model={"id": model, "provider": provider}, charges=charges, usage={"tokens": tokens}
    )


def estimate(*records: Any) -> dict[str, Any]:
    return estimate_costs(frame_of(list(records)), "model_id").row(0, named=True)


def test_tokens_of_a_kind_without_a_price_are_unknown_in_an_estimate():
    # 2 M input at $0.13; the list has no price for 1,000 tokens put out
    row = estimate(usage("text-embedding-3-large", money=0.26, input=2 * M, output=1000))
    assert row["estimated_cost"] == pytest.approx(0.26)
    assert (row["estimated_tokens"], row["unknown_tokens"], row["cost_to_estimate"]) == (2 * M, 1000, None)
    row = estimate(usage("text-embedding-3-large", money=0.26, input=2 * M))
    assert (row["unknown_tokens"], row["cost_to_estimate"]) == (0, pytest.approx(1.0))


@pytest.mark.parametrize("model", ["whisper-1", "tts-1", "gpt-image-1", "dall-e-3", "gpt-realtime"])
def test_what_is_not_priced_by_the_token_is_unknown_and_never_free(model):
    row = estimate(usage(model, money=0.36, input=60_000, output=5))
    assert (row["estimated_cost"], row["estimated_tokens"], row["unknown_tokens"]) == (None, 0, 60_005)
    assert row["cost_to_estimate"] is None
    checked = check_prices(frame_of([usage(model, money=0.36, input=60_000)])).row(0, named=True)
    assert (checked["estimate"], checked["ratio"]) == (None, None)
    assert checked["reading"].startswith("no list price")


def test_a_price_stated_as_nothing_is_nothing():
    assert _amount(Decimal(0), None) == 0.0
    tiered = SimpleNamespace(base=Decimal(0), tiers=[SimpleNamespace(start=1000, price=Decimal(2))])
    assert [_amount(tiered, window) for window in (None, (0, 1000), (1000, 2000), (0, 2000))] == [0, 0, 2e-6, None]


def test_tiers_that_a_frame_states_take_part_in_its_prices():
    """A million each: $5 as usual, $2.50 of a batch, $10 in fast mode; the list has no price for Priority."""
    billed = {"standard": 5, "batch": 2.5, "priority": 8, None: 10}
    frame = frame_of([usage("claude-opus-5", "anthropic", money, "20", input=M) for money in billed.values()])
    frame = frame.with_columns(service_tier=pl.Series(list(billed)), speed=pl.Series([None, None, None, "fast"]))
    table = estimate_costs(frame, "service_tier", overlap="allow")
    assert {row["service_tier"]: row["estimated_cost"] for row in table.iter_rows(named=True)} == pytest.approx(
        {"standard": 5, "batch": 2.5, None: 10, "priority": None}
    )
    assert table.filter(service_tier="priority")["unknown_tokens"].to_list() == [M]
    alone = frame.filter(pl.col("service_tier") == "batch")
    assert check_prices(alone)["ratio"].to_list() == [pytest.approx(1.0)]
    assert check_prices(alone.drop("service_tier"))["ratio"].to_list() == [pytest.approx(0.5)]
    read = alone.with_columns(usage_tokens_input=pl.lit(None, pl.Int64), usage_tokens_cache_read=pl.lit(M, pl.Int64))
    saved = cache_savings(read)
    assert saved["cache_savings"].to_list() == [pytest.approx(2.25)]  # $0.25 instead of $2.50


def test_an_export_lets_the_tokens_of_a_speed_meet_the_money_of_that_speed():
    """1 M in fast mode for $10, 3 M at the usual speed without a bill: the row of $10 has 1 M."""
    tokens = [usage("claude-opus-5", "anthropic", input=n) | {"report_type": "usage"} for n in (M, 3 * M)]
    bill = usage("claude-opus-5", "anthropic", 10) | {"usage": None, "report_type": "cost"}
    frame = frame_of([r | {"integration": "claude"} for r in (*tokens, bill)])
    with pytest.warns(UsageWarning, match="3,000,000 tokens of o have no price"):
        rows = to_focus(frame.with_columns(speed=pl.Series(["fast", "standard", "fast"])))
    assert rows.select("BilledCost", "ConsumedQuantity").rows() == [(10, M)]


def test_savings_of_a_cache_leave_out_what_has_no_price():
    # 1 M read at $0.50 instead of $5 saves $4.50; what whisper read is in no column but its own
    opus = usage("claude-opus-5", "anthropic", cache_read=M)
    row = cache_savings(frame_of([opus, usage("whisper-1", cache_read=7, output=9)])).row(0, named=True)
    assert row["cache_savings"] == pytest.approx(4.5)
    assert row["unpriced_tokens"] == 7


def test_money_under_one_spelling_is_held_against_tokens_under_another():
    """1 M tokens under the dated name list at $3, billed $2.40 under the alias: 0.8, on one line."""
    money = usage(MODEL, "anthropic", 2.4) | {"usage": None}
    frame = frame_of([money, usage(f"{MODEL}-20250929", "anthropic", input=M)])
    row = check_prices(frame).to_dicts()
    assert [(r["model_id"], r["billed"], r["ratio"]) for r in row] == [(MODEL, 2.4, pytest.approx(0.8))]


def test_a_table_of_models_has_one_line_a_model_and_the_columns_own_table_a_line_a_spelling():
    frame = frame_of([
        usage(MODEL, "anthropic", 3, "05", input=M), usage(f"{MODEL}-20250929", "anthropic", 2, "06", input=M),
        usage("gpt-5-2025-08-07", money=1, day="06", input=M),
    ])  # fmt: skip
    lines = cost_per_model(frame).select("model_id", "cost", "tokens", "cost_per_million_tokens").rows()
    assert lines == [(MODEL, 5.0, 2 * M, 2.5), ("gpt-5-2025-08-07", 1.0, M, 1.0)]
    assert cost_per(frame, "model_id")["model_id"].to_list() == [MODEL, f"{MODEL}-20250929", "gpt-5-2025-08-07"]
    # over time a line keeps its name, also on days on which one spelling stands alone
    over_time = cost_per_model(frame, every="1d").filter(pl.col("model_id").str.starts_with("claude"))
    assert over_time.select("model_id", "cost").rows() == [(MODEL, 3.0), (MODEL, 2.0)]


def test_a_spelling_that_stands_alone_stays_as_it_is_stated():
    rows = pl.DataFrame({
        "model": ["GPT-5", "gpt-5-latest", "claude-opus-5@20260203", None, "Auto"], "of": ["a", "a", "b", "b", "b"],
    })  # fmt: skip
    named = one_name_a_model(rows, "model", ["model", "of"])
    assert named["model"].to_list() == ["gpt-5", "gpt-5", "claude-opus-5@20260203", None, "Auto"]
    nothing = pl.DataFrame({"model": [None, None]}, schema={"model": pl.String})
    assert one_name_a_model(nothing, "model", ["model"])["model"].to_list() == [None, None]
