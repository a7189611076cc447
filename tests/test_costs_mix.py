"""What the tokens were, what caching saved, what the list price would have been."""

from __future__ import annotations

from typing import Any

import pytest

from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.costs import with_costs
from truto_usage_nb.costs.estimates import cache_savings, estimate_costs, token_mix
from truto_usage_nb.errors import FrameError, UsageWarning

M = 1_000_000


def usage(model: str | None = "claude-sonnet-4-0", day: int = 5, **tokens: int) -> dict[str, Any]:
    return {
        "integrated_account_id": "c", "integration": "claude", "report_type": "usage", "usage": {"tokens": tokens},
        "model": {"id": model, "provider": "anthropic"},
        "start_date": f"2026-10-{day:02}", "end_date": f"2026-10-{day + 1:02}",
    }  # fmt: skip


APPENDIX = usage(input=500_000, cache_write_ephemeral_5m=2 * M, cache_read=8 * M, output=1_500_000)
"""The caching appendix of FOCUS: 0.5 M input, 2 M written, 8 M read at $3, $3.75 and $0.30 a million."""


def test_the_caching_appendix_of_focus():
    # without: 10.5 M * $3 = 31.50; with: 1.50 + 7.50 + 2.40 = 11.40; premium: 2 M * $0.75 = 1.50
    row = cache_savings(frame_of([APPENDIX])).row(0, named=True)
    figures = [row[c] for c in ("cost_without_cache", "cost_with_cache", "cache_savings", "cache_write_premium")]
    assert figures == pytest.approx([31.50, 11.40, 20.10, 1.50], rel=1e-12)
    assert (row["currency"], row["unpriced_tokens"]) == ("USD", 0)
    assert row["price_source"].startswith("genai-prices ")


def test_a_charge_in_two_currencies_is_told_until_one_is_picked():
    both = [*charged("USD", total=10), *charged("EUR", total=9.2)]
    frame = frame_of([usage(input=M) | {"charges": both}])
    with pytest.warns(UsageWarning, match=r"one charge in two currencies, €9.20 and \$10.00"):
        told = token_mix(frame)
    picked = token_mix(frame, billing_currency="USD")  # and no warning
    assert told["tokens"].to_list() == picked["tokens"].to_list() == [M]


def test_an_hours_lifetime_has_its_own_price():
    # $6 a million instead of $3.75: a premium of $3 on a million
    row = cache_savings(frame_of([usage(cache_write_ephemeral_1h=M)])).row(0, named=True)
    assert row["cache_write_premium"] == pytest.approx(3.0)


def test_a_lifetime_nobody_stated_is_the_short_one():
    row = cache_savings(frame_of([usage(cache_write=M)])).row(0, named=True)
    assert row["cache_write_premium"] == pytest.approx(0.75)


def test_an_unknown_model_is_unpriced_not_free():
    table = cache_savings(frame_of([APPENDIX, usage("auto", input=5, cache_read=7, output=100)]), "model_id")
    assert table.select("model_id", "cost_with_cache", "unpriced_tokens").rows() == [
        ("claude-sonnet-4-0", pytest.approx(11.40), 0),
        ("auto", None, 12),
    ]


def test_big_days_do_not_climb_into_long_context_tiers():
    # 1 M input of claude-sonnet-4-5 is $3 at the base tier, $6 above 200k tokens in one request.
    row = cache_savings(frame_of([usage("claude-sonnet-4-5", input=M)])).row(0, named=True)
    assert row["cost_with_cache"] == pytest.approx(3.0)


def test_the_mix():
    row = token_mix(frame_of([APPENDIX])).row(0, named=True)
    assert row == {
        "tokens": 12_000_000, "input_tokens": 500_000, "cache_read_tokens": 8 * M, "cache_write_tokens": 2 * M,
        "output_tokens": 1_500_000, "input_share": pytest.approx(0.5 / 12), "cache_read_share": pytest.approx(8 / 12),
        "cache_write_share": pytest.approx(2 / 12), "output_share": pytest.approx(1.5 / 12),
        "cache_hit_rate": pytest.approx(8 / 10.5),
    }  # fmt: skip


def test_covered_tokens_are_in_the_mix():
    covered = usage(input=10) | {
        "integration": "cursor",
        "report_type": None,
        "charges": charged(included=1.2, total=0),
    }
    assert token_mix(frame_of([covered]))["input_tokens"].to_list() == [10]


def test_the_mix_counts_a_token_once():
    frame = frame_of([usage(input=10), usage(input=4) | {"report_type": "activity"}])
    with pytest.warns(UsageWarning, match="tokens from usage"):
        assert token_mix(frame)["input_tokens"].to_list() == [10]


def test_an_input_that_contains_the_cache_is_reduced():
    # total = input + output beside cache reads: the input is the superset.
    codex = usage(input=100, output=20, cache_read=80, total=120) | {"integration": "openai_codex", "report_type": None}
    row = token_mix(frame_of([codex])).row(0, named=True)
    assert (row["tokens"], row["input_tokens"], row["cache_read_tokens"]) == (120, 20, 80)


def test_claudes_input_never_contains_the_cache():
    # The same figures of Claude: 100 + 80 + 20 = 200 tokens, more than the total of 120, so the kinds count.
    frame = frame_of([usage(input=100, output=20, cache_read=80, total=120)])
    row = token_mix(frame).row(0, named=True)
    assert (row["tokens"], row["input_tokens"], row["cache_read_tokens"]) == (200, 100, 80)
    assert with_costs(frame)["cost_flag"].to_list() == ["no_charges;token_mismatch"]


def test_totals_without_kinds_have_no_shares():
    row = token_mix(frame_of([usage(total=7)])).row(0, named=True)
    assert (row["tokens"], row["input_share"], row["cache_hit_rate"]) == (7, None, None)


def test_nothing_gives_an_empty_table():
    assert token_mix(frame_of([])).height == 0
    assert cache_savings(frame_of([]), "model_id").height == 0
    with pytest.raises(FrameError, match="also a column of the table"):
        token_mix(frame_of([]).with_columns(tokens=1), "tokens")


def bill(amount: float, currency: str = "USD", **fields: Any) -> dict[str, Any]:
    return (
        usage(total=None) | {"report_type": "cost", "usage": None, "charges": charged(currency, total=amount)} | fields
    )


def test_the_estimate_beside_the_bill():
    # 0.5 * 3 + 2 * 3.75 + 8 * 0.30 + 1.5 * 15 = 33.90 at list; billed 15 % less: 28.815
    row = estimate_costs(frame_of([APPENDIX, bill(28.815)]), "model_id").row(0, named=True)
    assert row["estimated_cost"] == pytest.approx(33.90, rel=1e-12)
    assert row["cost_to_estimate"] == pytest.approx(0.85)
    assert (row["currency"], row["cost"], row["estimate_currency"]) == ("USD", 28.815, "USD")
    assert (row["estimated_tokens"], row["unknown_tokens"]) == (12 * M, 0)


def test_an_estimate_is_never_compared_across_currencies():
    row = estimate_costs(frame_of([APPENDIX, bill(30, "EUR")])).row(0, named=True)
    assert (row["currency"], row["cost_to_estimate"]) == ("EUR", None)
    assert row["estimated_cost"] == pytest.approx(33.90)


def test_what_cannot_be_estimated_is_counted():
    frame = frame_of([usage("auto", input=5), usage(total=7), bill(1)])
    table = estimate_costs(frame, "model_id").select(
        "model_id", "cost", "estimated_cost", "unknown_tokens", "cost_to_estimate"
    )
    assert table.rows() == [("claude-sonnet-4-0", 1.0, None, 7, None), ("auto", None, None, 5, None)]


def test_cursors_spelling_is_looked_up_under_the_makers():
    frame = frame_of([usage("claude-4.5-sonnet-thinking", input=M)])
    assert estimate_costs(frame)["estimated_cost"].to_list() == [pytest.approx(3.0)]


def test_the_price_is_that_of_the_day():
    # genai-prices: claude-sonnet-4-0 costs $3 a million at every date; what is asked is the record's own day.
    from datetime import date

    from truto_usage_nb.prices import unit_prices

    unit_prices.cache_clear()
    estimate_costs(frame_of([usage(input=1, day=7), usage(input=1, day=8)]))
    assert unit_prices.cache_info().misses == 2
    assert unit_prices("claude-sonnet-4-0", "anthropic", date(2026, 10, 7)) is not None
    assert unit_prices.cache_info().hits == 1
