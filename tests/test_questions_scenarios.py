"""What if: each figure by hand, the bill kept whole, and what cannot be priced named."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.costs import cost_per
from truto_usage_nb.errors import InputError, hearing

M = 1_000_000
OPUS = "claude-opus-5"
MONEY = ["cost", "other_cost", "left_out_cost"]


def event(money=None, model=OPUS, day="20", account="u", currency="USD", **tokens):
    """A record of Cursor's; the list has batch prices from the 14th of October."""
    at = f"2026-10-{day}T09:00:00Z"
    charges = None if money is None else charged(currency, net=money)
    return record(account, "cursor", at, at, model={"id": model}, charges=charges, usage={"tokens": tokens})


def asked(records, **scenario):
    apart = {"input_includes_cache": {"cursor": False}}
    return questions.what_if(frame_of(records), by=None, **scenario, **apart).row(0, named=True)


def figures(row, *names):
    return pytest.approx(tuple(row[name] for name in names))


def test_another_model_at_list_and_at_the_rate_paid():
    """Opus: 5 + 25 = $30 at list, billed $24, so 0.8. Sonnet: 2 + 10 = $12 at list, $9.60 at that rate."""
    row = asked([event(24, input=M, output=M)], models={"Claude-Opus-5-20260203": "claude-sonnet-5"})
    assert figures(
        row, "list_cost", "what_if_list_cost", "cost", "rate_paid", "what_if_cost", "difference", "tokens"
    ) == (30, 12, 24, 0.8, 9.6, -14.4, 2 * M)
    assert row["left_out"] is None
    assert "another tokenizer counts the same text otherwise" in row["assumptions"]
    assert row["price_source"].startswith("genai-prices ")


def test_a_share_of_input_and_output_at_batch_price_and_the_cache_as_it_was():
    """Half of 1 M + 1 M: 2.50 + 1.25 and 12.50 + 6.25; 1 M of cache reads $0.50 as before: $23 for $30.50."""
    row = asked([event(30.5, input=M, output=M, cache_read=M)], batch=0.5)
    assert figures(row, "list_cost", "what_if_list_cost", "difference") == (30.5, 23.0, -7.5)
    assert "no column service_tier says what is batch already" in row["assumptions"]


@pytest.mark.parametrize(("batch", "then"), [(0.5, 15.0), (0.25, 17.5), (0.1, 17.5), (1, 10.0)])
def test_what_is_batch_already_counts_and_is_not_discounted_again(batch, then):
    """3 M ordinary and 1 M batch: 15 + 2.50. Half of four is one more: 2 x 5 + 2 x 2.50; a tenth takes nothing back."""
    frame = frame_of([event(15, input=3 * M), event(2.5, day="21", input=M)])
    frame = frame.with_columns(service_tier=pl.Series(["standard", "batch"]))
    row = questions.what_if(frame, by=None, batch=batch).row(0, named=True)
    assert (17.5, then, then - 17.5) == figures(row, "list_cost", "what_if_list_cost", "difference")
    assert "not discounted again" in row["assumptions"]


def test_a_product_of_batches_is_batch_already_at_its_own_rate():
    """4 M ordinary for $20, 4 M by the API of batches for $10 (list $20). Of 8 M 0.75 is 2 M more: 2 x 2.50 less."""
    batches = {"product": {"id": "message_batches_api"}}
    frame = [event(20, input=4 * M), event(10, day="21", input=4 * M) | batches]
    row = asked(frame, batch=0.75)
    assert figures(row, "cost", "rate_paid", "what_if_cost") == (30, 0.75, 25)
    assert asked(frame, batch=0.5)["difference"] == pytest.approx(0)
    assert "by service_tier or product" in row["assumptions"]
    assert asked(frame, models={OPUS: "claude-sonnet-5"})["what_if_cost"] == pytest.approx(8 + 4)


@pytest.mark.parametrize("tier", ["speed", "service_tier"])
def test_another_tier_stays_in_it(tier):
    """1 M in fast mode stays at $10; of 1 M half at $5 and half at $2.50. What no list prices is left out."""
    frame = frame_of([event(5, input=M), event(10, day="21", input=M)])
    row = questions.what_if(frame.with_columns(pl.Series(tier, ["", "fast"])), by=None, batch=0.5).row(0, named=True)
    assert figures(row, "list_cost", "what_if_list_cost", "left_out_tokens") == (15, 13.75, 0)


def test_a_hit_rate_keeps_the_total_of_input():
    """6 M fresh, 2 M read, 2 M written: 30 + 1 + 12.50. At 0.8: 8 M read, of the rest 1.5 M fresh, 0.5 M written."""
    row = asked([event(43.5, input=6 * M, cache_read=2 * M, cache_write_ephemeral_5m=2 * M)], cache_hit=0.8)
    assert figures(row, "list_cost", "what_if_list_cost") == (43.5, 7.5 + 4 + 3.125)
    less = asked([event(1, cache_read=2 * M)], cache_hit=0.5)  # nothing says how the rest stood: it is fresh
    assert less["what_if_list_cost"] == pytest.approx(0.5 + 5)


def test_several_at_once_and_prices_of_ones_own():
    """Half of 4 M read (2 x 0.20), of 2 M fresh half in batch: 1 x 4 + 1 x 2; output 1 M: 8 + 4."""
    own = {OPUS: {"input": 4, "output": 16, "cache_read": 0.2, "batch_input": 2, "batch_output": 8}}
    row = asked([event(45, input=4 * M, output=M)], prices=own, batch=0.5, cache_hit=0.5)
    assert figures(row, "list_cost", "what_if_list_cost") == (45, 0.4 + 6 + 12)
    assert f"prices of your own for {OPUS}" in row["assumptions"]
    kept = asked([event(45, input=4 * M, output=M)], prices={OPUS: {"output": 5}})  # other kinds stay the list's
    assert kept["what_if_list_cost"] == pytest.approx(25)


def test_what_has_no_batch_price_is_named_and_the_bill_stays_whole():
    """The 5th has no batch price yet: its $4 of $12 stand apart, at the rate of both days."""
    row = asked([event(4, day="05", input=M), event(8, input=2 * M)], batch=1)
    assert figures(row, "cost", "what_if_cost", "difference", "left_out_cost", "left_out_tokens") == (8, 4, -4, 4, M)
    assert row["left_out"] == f"{OPUS}: no batch price of the day; prices= takes one of yours"
    own = asked([event(45, input=4 * M, output=M)], prices={OPUS: {"input": 4}}, batch=0.5)
    assert (own["cost"], own["left_out_cost"]) == (None, 45)  # a list's batch price says nothing of one's own


@pytest.mark.parametrize(
    ("records", "named"),
    [
        ([event(7, model="auto", input=M)], "auto: no list price"),
        ([event(7, total=M)], f"{OPUS}: the kind of its tokens is not stated"),
        ([event(7, currency="EUR", input=M)], "money in EUR, and the list is in USD"),
    ],
)
def test_what_cannot_be_compared_stands_apart_by_name(records, named):
    frame = frame_of([event(5, day="19", account="v", input=M), *records])
    table = questions.what_if(frame, cache_hit=0)
    row = table.filter(pl.col("left_out_cost") > 0).row(0, named=True)
    assert named in row["left_out"]
    assert row["left_out_cost"] == 7
    assert table.select(pl.sum(*MONEY)).sum_horizontal().item() == pytest.approx(12)


def test_a_model_that_nobody_lists_has_no_price():
    row = asked([event(5, input=M)], models={OPUS: "house-model"})
    assert (row["cost"], row["left_out_cost"], row["left_out"]) == (None, 5, f"house-model for {OPUS}: no price")


def test_tokens_that_nobody_billed_have_a_list_price_and_no_rate():
    row = asked([event(input=M)], models={OPUS: "claude-sonnet-5"})
    assert figures(row, "list_cost", "what_if_list_cost", "tokens") == (5, 2, M)
    assert (row["cost"], row["rate_paid"], row["what_if_cost"]) == (None, None, None)


def test_money_of_an_account_that_names_no_model_is_shared_by_list_price():
    """$21 for 5 + 2 at list, three times as much: $15 and $6; by a model of $2 instead $6."""
    day = {"start": "2026-10-20", "end": "2026-10-21"}
    tokens = [
        record("c", "claude", **day, report_type="usage", model={"id": name}, usage={"tokens": {"input": M}})
        for name in (OPUS, "claude-sonnet-5")
    ]
    bill = record("c", "claude", **day, report_type="cost", charges=charged(net=21))
    table = questions.what_if(frame_of([*tokens, bill]), {OPUS: "claude-sonnet-5"})
    rows = {row["model_id"]: row for row in table.iter_rows(named=True)}
    assert figures(rows[OPUS], "cost", "rate_paid", "what_if_cost") == (15, 3, 6)
    assert figures(rows["claude-sonnet-5"], "cost", "rate_paid", "what_if_cost") == (6, 3, 6)
    assert table["cost"].sum() == pytest.approx(21)


def test_a_rate_is_that_of_the_row_where_both_sides_state_it():
    """Two products at 1.0 and 0.5 of list: each keeps its own rate, as `cost_per` has its money."""
    records = [event(5, input=M) | {"surface": "a"}, event(2.5, day="21", input=M) | {"surface": "b"}]
    table = questions.what_if(frame_of(records), {OPUS: "claude-sonnet-5"}, by="surface").sort("surface")
    assert table["rate_paid"].to_list() == pytest.approx([1.0, 0.5])
    assert table["what_if_cost"].to_list() == pytest.approx([2.0, 1.0])


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ({}, "Nothing is otherwise here"),
        ({"batch": 1.5}, "batch=1.5 is no share"),
        ({"batch": True}, "batch=True is no share"),
        ({"cache_hit": -0.1}, "cache_hit=-0.1 is no share"),
        ({"models": {"claude-opus-6": OPUS}}, "no record here is of that model. Did you mean"),
        ({"models": {OPUS: None}}, "write it like models="),
        ({"models": "claude"}, "is no mapping"),
        ({"prices": {OPUS: 3}}, "write it like prices="),
        ({"prices": {OPUS: {"inputs": 3}}}, "which is no kind of token. Did you mean"),
        ({"prices": {OPUS: {"input": -3}}}, "is no price; give USD a million tokens"),
        ({"prices": {"gpt-5": {"input": 3}}}, "no record here is of that model"),
        ({"batch": 0.5, "by": "cost"}, "is also a column of the table"),
    ],
)
def test_what_is_no_scenario_is_said(scenario, said):
    with pytest.raises(Exception, match=said) as caught:
        questions.what_if(frame_of([event(5, input=M)]), **scenario)
    assert isinstance(caught.value, InputError) or "column" in said


NOT_SHRUNK = (Phase.explicit, Phase.generate)  # each example asks for whole tables
count = st.integers(0, 9) | st.integers(0, 9 * M)
use = st.fixed_dictionaries({
    "money": st.none() | st.integers(0, 5_000).map(lambda cents: cents / 100),
    "model": st.sampled_from([OPUS, "claude-sonnet-5", "auto"]), "account": st.sampled_from("uv"),
    "currency": st.sampled_from(["USD", "USD", "EUR"]), "day": st.sampled_from(["05", "20", "21"]),
    "input": count, "output": count, "cache_read": count, "cache_write_ephemeral_5m": count,
})  # fmt: skip


@settings(max_examples=12, deadline=None, phases=NOT_SHRUNK)
@given(
    records=st.lists(use, min_size=1, max_size=5), hit=st.none() | st.floats(0, 1), batch=st.none() | st.floats(0, 1)
)
def test_any_scenario_keeps_the_bill_and_the_tokens(records, hit, batch):
    """Per currency the three columns of money are the bill, and each token is compared or left out."""
    frame = frame_of([event(**each) for each in records])
    own = {"input_includes_cache": {"cursor": False}}
    asked_ = {} if hit is None and batch is None else {"cache_hit": hit, "batch": batch}
    with hearing():  # of tokens that are charged in two currencies
        table = questions.what_if(frame, **(asked_ or {"cache_hit": 0.5}), **own)
        bill = cost_per(frame, "integration", **own)
    for currency, cost in bill.select("currency", "cost").drop_nulls().iter_rows():
        told = table.filter(currency=currency).select(pl.sum(*MONEY)).sum_horizontal().item()
        assert told == pytest.approx(cost, abs=1e-6)
    kinds = ("input", "output", "cache_read", "cache_write_ephemeral_5m")
    counted = sum(each[kind] for each in records for kind in kinds)
    assert table["tokens"].sum() + table["left_out_tokens"].sum() == counted


FLAT = {OPUS: dict.fromkeys(("input", "cache_read", "cache_write_5m", "cache_write_1h"), 3.0)}


@settings(max_examples=12, deadline=None, phases=NOT_SHRUNK)
@given(hit=st.floats(0, 1), fresh=count, read=count, short=count, long=count)
def test_a_hit_rate_never_changes_the_total_of_input(hit, fresh, read, short, long):
    """Where every kind of input costs $3, any hit rate costs the same: no token is lost and none is made."""
    tokens = {"cache_write_ephemeral_5m": short, "cache_write_ephemeral_1h": long}
    frame = [event(1, input=fresh + 1, cache_read=read, **tokens)]
    row = asked(frame, cache_hit=hit, prices=FLAT)
    assert row["what_if_list_cost"] == pytest.approx(3 * (fresh + 1 + read + short + long) / M)
