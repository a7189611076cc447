"""Tokens meet money: the cases that a blended ratio gets wrong, with their honest figures."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.frames_for_tests import charge, charged, frame_of
from truto_usage_nb.costs import closing_line, cost_per, cost_per_model, cost_per_surface, cost_per_token, total_cost
from truto_usage_nb.errors import FrameError, InputError, MixedCurrencyError, UsageWarning, hearing

M = 1_000_000
CLAUDE, OPENAI = "claude", "openai_codex"


def record(account: str, integration: str, day: int = 5, tokens: Any = None, **fields: Any) -> dict[str, Any]:
    """One record of a day in October 2026; `tokens` a total or a mapping of kinds."""
    stated = {"total": tokens} if isinstance(tokens, int) else tokens
    usage = {"usage": {"tokens": stated}} if stated is not None else {}
    dates = {"start_date": f"2026-10-{day:02}", "end_date": f"2026-10-{day + 1:02}"}
    return {"integrated_account_id": account, "integration": integration, **dates, **usage, **fields}


def usage(tokens: Any, model: str | None = "opus", account: str = "claude-1", **fields: Any) -> dict[str, Any]:
    return record(account, CLAUDE, tokens=tokens, report_type="usage", model={"id": model}, **fields)


def cost(
    amount: float, model: str | None = "opus", account: str = "claude-1", currency: str = "USD", **fields: Any
) -> dict[str, Any]:
    charges = charged(currency, total=amount)
    return record(account, CLAUDE, report_type="cost", model={"id": model}, charges=charges, **fields)


def codex(tokens: int, **fields: Any) -> dict[str, Any]:
    return record("codex-1", OPENAI, tokens=tokens, model={"id": "gpt"}, **fields)


def lines(table: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return table.select(*columns).rows()


MEASURES = ("cost", "other_cost", "tokens", "cost_per_million_tokens", "unpriced_tokens", "included_tokens")


def everything() -> list[dict[str, Any]]:
    return [
        usage(100 * M),
        cost(300),
        cost(50, None, metric_name="web_search"),
        codex(4000 * M),
        record("confluent-1", "confluent", charges=charged(total=1200)),
        record("datadog-1", "datadog", charges=charged(total=5000))
        | {"start_date": "2026-10-01", "end_date": "2026-11-01"},
    ]


def test_one_usd_frame_of_five_vendors():
    # $300 / 100 M = $3.00; 4,000 M of Codex have no charge; 50 + 1200 + 5000 = $6,250 bought no tokens.
    table = cost_per(frame_of(everything()))
    assert lines(table, "currency", *MEASURES) == [
        ("USD", 6550.0, 6250.0, 100 * M, 3.0, 0, 0),
        (None, None, None, 0, None, 4000 * M, 0),
    ]
    # 100 of 4,100 M tokens: 2.4 %
    assert closing_line(table) == "2 % of tokens have a price; $6,250 has no tokens."


def test_the_closing_line_of_the_card():
    records = [usage(71), cost(3), cost(6250, None), record("codex-1", OPENAI, tokens=29, model={"id": "gpt"})]
    assert closing_line(cost_per(frame_of(records))) == "71 % of tokens have a price; $6,250 has no tokens."


def test_by_surface_tokens_of_another_vendor_do_not_dilute():
    cli = {"surface": "cli"}
    table = cost_per_surface(frame_of([usage(100 * M, **cli), cost(300, **cli), codex(4000 * M, **cli)]))
    assert lines(table, "surface", "currency", *MEASURES) == [
        ("cli", "USD", 300.0, 0.0, 100 * M, 3.0, 0, 0),
        ("cli", None, None, None, 0, None, 4000 * M, 0),
    ]


def test_a_null_model_is_a_line_without_a_ratio():
    table = cost_per_model(frame_of([usage(100 * M), cost(300), cost(50, None, metric_name="web_search")]))
    assert lines(table, "model_id", "metric_name", "cost", "other_cost", "cost_per_million_tokens") == [
        ("opus", None, 300.0, 0.0, 3.0),
        (None, "web_search", 50.0, 50.0, None),
    ]


def test_money_without_models_pays_for_tokens_with_them():
    # The money side of the account names no model, so the day alone is the key.
    table = cost_per_model(frame_of([usage(60 * M, "opus"), usage(40 * M, "haiku"), cost(300, None)]))
    assert lines(table, "model_id", "cost", "tokens", "cost_per_million_tokens") == [
        (None, 300.0, 0, None),  # the money has no model ...
        ("opus", None, 60 * M, None),  # ... so no model has a price, and none costs $0
        ("haiku", None, 40 * M, None),
    ]
    assert lines(
        cost_per(frame_of([usage(60 * M), usage(40 * M, "haiku"), cost(300, None)])), "cost_per_million_tokens"
    ) == [(3.0,)]


def test_another_day_or_account_pays_for_nothing_here():
    table = cost_per(frame_of([usage(100 * M), cost(300, day=6)]))
    assert lines(table, *MEASURES) == [(300.0, 300.0, 0, None, 100 * M, 0)]
    table = cost_per(frame_of([usage(100 * M), cost(300, account="claude-2")]))
    assert lines(table, "currency", *MEASURES) == [
        ("USD", 300.0, 300.0, 0, None, 0, 0),
        (None, None, None, 0, None, 100 * M, 0),
    ]


@pytest.mark.parametrize("days", [2, 7])
def test_money_of_several_days_meets_the_tokens_of_each(days):
    # $7 for all the days, a million tokens on each: 7 / days a million. By the first day alone it would be $7.
    of_days = [usage(M, day=5 + i) for i in range(days)]
    table = cost_per(frame_of([cost(7) | {"end_date": f"2026-10-{5 + days:02}"}, *of_days]))
    assert lines(table, *MEASURES) == [(7.0, 0.0, days * M, pytest.approx(7 / days), 0, 0)]


@pytest.mark.parametrize("tokens", [1, M])
def test_tokens_of_several_days_meet_the_money_of_each(tokens):
    # $2 on the first day and $3 on the last but one paid for them; the $10 of the day after paid for nothing here.
    week = usage(tokens) | {"end_date": "2026-10-12"}
    table = cost_per(frame_of([week, cost(2, day=5), cost(3, day=10), cost(10, day=12)]))
    assert lines(table, *MEASURES) == [(15.0, 10.0, tokens, pytest.approx(5e6 / tokens), 0, 0)]


def test_a_week_that_states_neither_money_nor_tokens_joins_no_days():
    requests = record("claude-1", CLAUDE, report_type="usage", model={"id": "opus"}, usage={"requests": {"total": 3}})
    week = requests | {"end_date": "2026-10-12"}
    table = cost_per(frame_of([usage(100 * M), cost(300, day=6), week]))
    assert lines(table, *MEASURES) == [(300.0, 300.0, 0, None, 100 * M, 0)]


def test_money_that_bought_no_tokens_gives_the_tokens_beside_it_no_price():
    # The tokens of chat were paid for by the $300 without a surface; the $50 of chat bought none, on a day without.
    chat = {"surface": "chat"}
    table = cost_per(frame_of([usage(100 * M, **chat), cost(300), cost(50, day=9, **chat)]), "surface")
    assert lines(table, "surface", *MEASURES) == [
        (None, 300.0, 0.0, 0, None, 0, 0),
        ("chat", 50.0, 50.0, 100 * M, None, 0, 0),
    ]


def test_tokens_take_the_currency_of_their_account():
    records = [
        usage(100 * M),
        cost(300),
        usage(50 * M, account="claude-2"),
        cost(100, account="claude-2", currency="EUR"),
    ]
    assert lines(cost_per_model(frame_of(records)), "model_id", "currency", "cost_per_million_tokens") == [
        ("opus", "USD", 3.0),
        ("opus", "EUR", 2.0),
    ]
    # Unpriced tokens as well, where the account has one currency only.
    table = cost_per(frame_of([*records, usage(7, "haiku", account="claude-2")]))
    assert lines(table, "currency", "unpriced_tokens") == [("USD", 0), ("EUR", 7)]


def test_a_key_charged_in_two_currencies_prices_nothing_and_says_so():
    frame = frame_of([usage(100 * M), cost(300), cost(250, currency="EUR")])
    with pytest.warns(UsageWarning, match="100,000,000 tokens of claude-1 stay unpriced"):
        table = cost_per(frame)
    assert lines(table, "currency", *MEASURES) == [
        ("USD", 300.0, 300.0, 0, None, 0, 0),
        ("EUR", 250.0, 250.0, 0, None, 0, 0),
        (None, None, None, 0, None, 100 * M, 0),
    ]


def event(tokens: int | None, charges: list[dict[str, Any]], model: str = "sonnet") -> dict[str, Any]:
    instant = {"start_date": "2026-10-05T10:00:00Z", "end_date": "2026-10-05T10:00:00Z"}
    return record("cursor-1", "cursor", tokens=tokens, model={"id": model}, charges=charges, **{}) | instant


def test_usage_that_a_plan_covers_is_no_cheap_usage():
    frame = frame_of([event(10 * M, charged(included=30, total=0)), event(10 * M, charged(total=30))])
    assert lines(cost_per(frame), *MEASURES) == [(30.0, 0.0, 10 * M, 3.0, 0, 10 * M)]
    # At list price everything counts: 30 + 30 over 20 M.
    assert lines(cost_per(frame, measure="list"), *MEASURES) == [(60.0, 0.0, 20 * M, 3.0, 0, 0)]


def test_a_charge_without_tokens_is_other_cost():
    frame = frame_of([event(None, charged(total=0.5), "auto"), event(10 * M, charged(total=30))])
    assert lines(cost_per(frame), *MEASURES) == [(30.5, 0.5, 10 * M, 3.0, 0, 0)]


def test_tokens_of_a_seat_contract_have_no_price():
    frame = frame_of([usage(9000 * M), cost(300)])
    table = cost_per(frame, contract={"claude-1": "seat_overage"})
    assert lines(table, *MEASURES) == [(300.0, 300.0, 0, None, 9000 * M, 0)]
    assert lines(cost_per(frame, measure="list", contract={"claude-1": "seat_overage"}), "tokens") == [(9000 * M,)]


def test_a_line_with_tokens_and_no_money_of_its_own_has_no_ratio():
    table = cost_per_surface(frame_of([usage(100 * M, surface="chat"), cost(300)]))
    assert lines(table, "surface", "cost", "tokens", "cost_per_million_tokens") == [
        (None, 300.0, 0, None),
        ("chat", None, 100 * M, None),
    ]


def test_zero_is_a_cost_and_nothing_is_none():
    assert lines(cost_per(frame_of([cost(0)])), "cost", "other_cost") == [(0.0, 0.0)]
    assert lines(cost_per(frame_of([usage(5)])), "cost", "unpriced_tokens") == [(None, 5)]
    assert cost_per(frame_of([{}])).height == 0
    assert cost_per(frame_of([]), ["model_id", "surface"]).columns == ["model_id", "surface", "currency", *MEASURES]


def test_total_tokens_else_the_disjoint_kinds():
    kinds = {"input": 1, "output": 2, "cache_read": 4, "cache_write_ephemeral_5m": 8, "cache_write_ephemeral_1h": 16}
    assert lines(cost_per(frame_of([usage(kinds), cost(1)])), "tokens") == [(31,)]
    assert lines(cost_per(frame_of([usage(kinds | {"cache_write": 24}), cost(1)])), "tokens") == [(31,)]
    assert lines(cost_per(frame_of([usage(kinds | {"total": 100}), cost(1)])), "tokens") == [(100,)]


def test_the_price_of_one_token_and_the_share_of_cache_reads():
    table = cost_per_token(frame_of([usage({"input": 10 * M, "cache_read": 90 * M}), cost(30)]), "model_id")
    assert lines(table, "model_id", "cost_per_token", "cache_read_share") == [("opus", pytest.approx(3e-7), 0.9)]


def test_by_kind_where_the_vendor_bills_by_kind():
    records = [
        usage({"input": 10 * M, "output": 2 * M, "cache_read": 100 * M}),
        cost(50, metric_name="uncached_input_tokens"),
        cost(50, metric_name="Claude Opus 5 Usage - Output Tokens"),
        cost(50, metric_name="cache_read_input_tokens"),
        cost(9, None, metric_name="web_search"),
        codex(7),
    ]
    table = cost_per_token(frame_of(records), kind=True)
    assert lines(table, "kind", "currency", "cost", "tokens", "cost_per_million_tokens", "unpriced_tokens") == [
        ("cache_read", "USD", 50.0, 100 * M, 0.5, 0),
        ("input", "USD", 50.0, 10 * M, 5.0, 0),
        ("output", "USD", 50.0, 2 * M, 25.0, 0),
        (None, "USD", 9.0, 0, None, 0),
        (None, None, None, 0, None, 7),  # a total that names no kinds
    ]


def test_payable_is_after_credits_and_tax():
    frame = frame_of([record("c", "confluent", charges=charged(total=100, discount=10, net=90, credit=-5, tax=17))])
    assert [cost_per(frame, measure=m)["cost"][0] for m in ("billed", "list", "payable")] == [90.0, 100.0, 102.0]


def test_estimates_are_never_in_a_cost_table():
    estimate = record("claude-1", CLAUDE, report_type="skill_usage", charges=charged(on_demand=12.5, total=88.2))
    frame = frame_of([estimate, cost(300)])
    assert lines(cost_per(frame), "cost") == [(300.0,)]
    assert lines(cost_per(frame, measure="list"), "cost") == [(300.0,)]


def test_records_in_several_currencies_are_counted_in_each():
    both = record("k", "confluent", tokens=7, charges=[*charged(total=100), charge("tax", 19, "EUR")])
    table = cost_per(frame_of([both, record("k", "confluent", charges=charged(total=1))]), measure="payable")
    assert lines(table, "currency", "cost", "tokens") == [("USD", 101.0, 7), ("EUR", 19.0, 0)]


def test_currencies_stand_in_blocks_the_largest_first():
    records = [cost(10, "a"), cost(30, "b"), cost(9000, "c", currency="JPY"), cost(20, "d")]
    assert lines(cost_per_model(frame_of(records)), "currency", "model_id") == [
        ("JPY", "c"),
        ("USD", "b"),
        ("USD", "d"),
        ("USD", "a"),
    ]


def test_exchange_rates_add_columns_and_change_none():
    frame = frame_of([cost(100), cost(50, currency="EUR")])
    table = cost_per(frame, exchange_rates={("EUR", "USD"): (1.08, "ECB, 30 October 2026")})
    assert lines(
        table, "currency", "cost", "converted_currency", "converted_cost", "exchange_rate", "exchange_source"
    ) == [
        ("USD", 100.0, "USD", 100.0, 1.0, "the same currency"),
        ("EUR", 50.0, "USD", pytest.approx(54.0), 1.08, "ECB, 30 October 2026"),
    ]
    with pytest.raises(FrameError, match="no rate from EUR to USD"):
        cost_per(frame, exchange_rates={("GBP", "USD"): 1.3})
    with pytest.raises(InputError, match="must lead to one currency"):
        cost_per(frame, exchange_rates={("EUR", "USD"): 1.08, ("EUR", "GBP"): 0.9})


def test_the_currency_of_the_largest_sum_stands_first_and_what_has_none_last():
    """In the smallest unit of each: ¥9,000 are 9,000 of it, $100 are 10,000, €95 9,500; what names none comes after."""
    amounts = [(60, "USD"), (40, "USD"), (95, "EUR"), (9_000, "JPY"), (99_999, None)]
    records = [cost(amount, currency=currency, account=f"a-{n}") for n, (amount, currency) in enumerate(amounts)]
    with hearing():
        table = cost_per(frame_of([*records, usage(5, account="a-9")]), "integrated_account_id")
    assert table["currency"].to_list() == ["USD", "USD", "EUR", "JPY", "XXX", None]
    assert table["cost"].to_list() == [60, 40, 95, 9_000, 99_999, None]


def test_a_total_over_several_currencies():
    frame = frame_of([cost(100), cost(50, currency="EUR")])
    with pytest.raises(MixedCurrencyError, match="USD, EUR has no meaning"):
        total_cost(frame)
    assert total_cost(frame, exchange_rates={("EUR", "USD"): 1.08}) == pytest.approx(154.0)
    assert total_cost(frame_of([cost(100)])) == 100.0
    assert total_cost(frame_of([usage(5)])) is None


def test_any_column_is_a_dimension():
    frame = frame_of([cost(100, usage={"activity": {"max_mode": True}}), cost(50)])
    assert lines(cost_per(frame, ["usage_activity_max_mode", "start_date"]), "usage_activity_max_mode", "cost") == [
        (True, 100.0),
        (None, 50.0),
    ]
    assert lines(cost_per(frame, ["model_id", "integration", "charges_currency"]), "integration", "cost") == [
        ("claude", 150.0)
    ]


def test_questions_that_cannot_be_answered():
    frame = frame_of([cost(1)])
    with pytest.raises(FrameError, match=r"by= needs the column modelid.*Did you mean 'model_id'"):
        cost_per(frame, "modelid")
    with pytest.raises(FrameError, match="names 'surface' twice"):
        cost_per(frame, ["surface", "surface"])
    with pytest.raises(FrameError, match="also a column of the table"):
        cost_per(frame.with_columns(cost=1), "cost")
    with pytest.raises(InputError, match=r"measure='biled' is not allowed. Did you mean 'billed'"):
        cost_per(frame, measure="biled")
    with pytest.raises(InputError, match="every='1m' is not allowed"):
        cost_per(frame, every="1m")
    with pytest.raises(InputError, match="no time zone"):
        cost_per(frame, every="1d", time_zone="Berlin")
    with pytest.raises(InputError, match="kep is not a choice"):
        cost_per(frame, kep={})


def test_a_closing_line_needs_its_columns():
    with pytest.raises(FrameError, match="The closing line needs"):
        closing_line(pl.DataFrame({"a": [1]}))
    assert closing_line(cost_per(frame_of([]))) == "No tokens and no money here."
