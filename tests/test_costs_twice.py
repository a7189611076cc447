"""Nothing twice: series, queries, grains, accounts, duplicates, running totals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.costs import cost_per, cost_per_token
from truto_usage_nb.errors import DuplicateError, FrameError, OverhangError, OverlapError, UsageWarning
from truto_usage_nb.integrations import INTEGRATIONS

M = 1_000_000


def record(account: str, integration: str, day: int = 5, tokens: int | None = None, **fields: Any) -> dict[str, Any]:
    dates = {"start_date": f"2026-10-{day:02}", "end_date": f"2026-10-{day + 1:02}"}
    usage = {"usage": {"tokens": {"total": tokens}}} if tokens is not None else {}
    return {"integrated_account_id": account, "integration": integration, **dates, **usage} | fields


def claude(report_type: str, amount: float | None = None, tokens: int | None = None, **fields: Any) -> dict[str, Any]:
    charges = {"charges": charged(total=amount)} if amount is not None else {}
    return (
        record("claude-1", "claude", tokens=tokens, report_type=report_type, query_id=report_type[:8], **charges)
        | fields
    )


ANNA, BEN = {"user": {"id": "anna"}}, {"user": {"id": "ben"}}


def test_usage_beside_cost_is_the_cost_of_a_token():
    table = cost_per(frame_of([claude("usage", tokens=M), claude("cost", 3)]))  # and no warning
    assert table["cost_per_million_tokens"].to_list() == [3.0]


def test_the_whole_bill_counts_not_its_part():
    frame = frame_of([claude("cost", 300), claude("user_cost", 200, **ANNA), claude("user_cost", 50, **BEN)])
    with pytest.warns(UsageWarning, match=r"claude-1: money from cost; user_cost left out: the same \$250.00"):
        assert cost_per(frame)["cost"].to_list() == [300.0]


def test_what_the_part_states_of_other_days_counts_in_full():
    # On the 5th the whole, 300, stands for its part, 200; of the 6th nothing but the part, 50, says anything.
    sixth = claude("user_cost", 50, start_date="2026-10-06", end_date="2026-10-07", **ANNA)
    frame = frame_of([claude("cost", 300), claude("user_cost", 200, **ANNA), sixth])
    with pytest.warns(UsageWarning, match=r"user_cost left out: the same \$200.00"):
        assert cost_per(frame)["cost"].to_list() == [350.0]


def test_a_part_without_an_end_is_met_at_its_start():
    frame = frame_of([claude("cost", 300), claude("user_cost", 200, end_date=None, **ANNA)])
    with pytest.warns(UsageWarning, match=r"user_cost left out: the same \$200.00"):
        assert cost_per(frame)["cost"].to_list() == [300.0]


def test_by_person_the_rest_of_the_bill_is_nobodys():
    frame = frame_of([claude("cost", 300), claude("user_cost", 200, **ANNA), claude("user_cost", 50, **BEN)])
    with pytest.warns(UsageWarning, match=r"what cost has beyond it is \(not attributed\)"):
        table = cost_per(frame, "user_id")
    # 300 - 200 - 50 = 50, and the lines add up to the bill.
    assert table.select("user_id", "cost").rows() == [("anna", 200.0), ("(not attributed)", 50.0), ("ben", 50.0)]


def test_tokens_by_person_likewise():
    frame = frame_of([claude("usage", tokens=100), claude("user_usage", tokens=60, **ANNA)])
    with pytest.warns(UsageWarning, match="not attributed"):
        table = cost_per(frame, "user_id")
    assert table.select("user_id", "unpriced_tokens").rows() == [("anna", 60), ("(not attributed)", 40)]


def test_keep_overrides_the_choice():
    frame = frame_of([claude("cost", 300), claude("user_cost", 250, **ANNA)])
    with pytest.warns(UsageWarning, match="money from user_cost; cost left out"):
        assert cost_per(frame, keep={"claude": {"money": "user_cost"}})["cost"].to_list() == [250.0]
    with pytest.raises(OverlapError, match="keep names 'activity', but claude-1 states its money by cost, user_cost"):
        cost_per(frame, keep={"claude": {"money": "activity"}})


def test_a_part_counts_where_the_whole_is_not_loaded():
    october = claude("cost", 300)
    other_day = claude("user_cost", 70, **ANNA) | {"start_date": "2026-10-20", "end_date": "2026-10-21"}
    assert cost_per(frame_of([october, other_day]))["cost"].to_list() == [370.0]


def test_claude_codes_tokens_are_in_usage_already():
    frame = frame_of([claude("usage", tokens=100), claude("activity", 1.86, tokens=30)])
    with pytest.warns(UsageWarning, match="tokens from usage; activity left out: the same 30 tokens"):
        table = cost_per_token(frame)
    assert table.select("cost", "unpriced_tokens").rows() == [(None, 100)]


def event(amount: float, tokens: int = M, moment: str = "2026-10-05T10:00:00Z", **fields: Any) -> dict[str, Any]:
    instant = {"start_date": moment, "end_date": moment}
    charges = charged(total=amount)
    return record("cursor-1", "cursor", tokens=tokens, charges=charges, model={"id": "sonnet"}, **fields) | instant


def spend(on_demand: float, until: str, **fields: Any) -> dict[str, Any]:
    charges = charged(on_demand=on_demand, included=20)
    return record("cursor-1", "cursor", charges=charges, **fields) | {"start_date": "2026-10-05", "end_date": until}


def test_cursors_spend_repeats_its_events():
    frame = frame_of([event(30), spend(30, "2026-10-20", **ANNA)])
    with pytest.warns(UsageWarning, match=r"money from event; spend left out: the same \$30.00"):
        assert cost_per(frame)["cost"].to_list() == [30.0]


def test_a_running_total_counts_as_its_latest_record():
    frame = frame_of([spend(30, "2026-10-20", **ANNA), spend(45, "2026-10-25", **ANNA), spend(5, "2026-10-20", **BEN)])
    with pytest.warns(UsageWarning, match="running totals count once: 1 earlier states left out"):
        assert cost_per(frame)["cost"].to_list() == [50.0]  # 45 + 5


def test_a_month_to_date_counts_once_and_not_beside_the_month():
    # A flat $100 a day: 100, 200, 300 ... naive sums give 600 for three days.
    days = [
        record("dd", "datadog", day, product={"id": "apm"}, charges=charged(total=100.0 * day)) for day in (1, 2, 3)
    ]
    with pytest.warns(UsageWarning, match="2 earlier states left out"):
        assert cost_per(frame_of(days))["cost"].to_list() == [300.0]
    first = record("dd", "datadog", 1, product={"id": "apm"}, charges=charged(total=100.0))
    month = first | {"end_date": "2026-11-01", "charges": charged(total=3100)}
    with pytest.warns(UsageWarning, match="money from cost; cost_to_date left out"):
        assert cost_per(frame_of([first, month]))["cost"].to_list() == [3100.0]


def test_events_count_and_not_the_spend_that_says_something_else():
    # The cycle says 45, its events 30: the events count, and the 15 between them are told, never added.
    frame = frame_of([event(30), spend(45, "2026-10-20", **ANNA)])
    with pytest.warns(UsageWarning, match=r"it states \$45.00 of its cycle, the events in it \$30.00, a difference of"):
        assert cost_per(frame)["cost"].to_list() == [30.0]


def test_the_whole_month_counts_before_the_day_that_ends_with_it():
    # Both tell up to the end of October and neither says when it was updated: 3,000, not 3,100 and not 6,100.
    last = record("dd", "datadog", 31, product={"id": "apm"}, charges=charged(total=3100), end_date="2026-11-01")
    month = last | {"start_date": "2026-10-01", "charges": charged(total=3000)}
    told = r"money from cost; cost_to_date left out: 1 states of the same month, of up to \$3,100"
    with pytest.warns(UsageWarning, match=told):
        assert cost_per(frame_of([last, month]))["cost"].to_list() == [3000.0]


def test_usage_and_cost_of_two_queries_are_two_series():
    # Nothing but the charge says which is which: no view is stated, and each has a query of its own.
    tokens = record("codex", "openai_codex", tokens=M, query_id="a", model={"id": "gpt"})
    money = record("codex", "openai_codex", query_id="b", model={"id": "gpt"}, charges=charged(total=3))
    assert cost_per(frame_of([tokens, money]))["cost_per_million_tokens"].to_list() == [3.0]  # and no error


def test_keep_picks_the_month_to_date_beside_the_month():
    # The month says 3,100 and its third day 300: the month counts unless the caller says otherwise.
    day = record("dd", "datadog", 3, product={"id": "apm"}, charges=charged(total=300))
    month = day | {"start_date": "2026-10-01", "end_date": "2026-11-01", "charges": charged(total=3100)}
    with pytest.warns(UsageWarning, match="money from cost; cost_to_date left out"):
        assert cost_per(frame_of([day, month]))["cost"].to_list() == [3100.0]
    with pytest.warns(UsageWarning, match="money from cost_to_date; cost left out"):
        kept = cost_per(frame_of([day, month]), keep={"datadog": {"money": "cost_to_date"}})
    assert kept["cost"].to_list() == [300.0]


def test_daily_activity_beside_events_is_no_overlap():
    daily = record("cursor-1", "cursor", usage={"requests": {"chat": 3}})
    assert cost_per(frame_of([event(30), daily]))["cost"].to_list() == [30.0]


def test_codex_broken_down_twice():
    by_model = record("codex", "openai_codex", model={"id": "gpt"}, usage={"unit": "credits", "tokens": {"total": 100}})
    by_client = record("codex", "openai_codex", surface="CLI", usage={"unit": "credits", "tokens": {"total": 100}})
    frame = frame_of([by_model, by_client])
    with pytest.warns(UsageWarning, match="tokens from codex_model; codex_client left out"):
        assert cost_per(frame, "model_id").select("model_id", "unpriced_tokens").rows() == [("gpt", 100)]
    with pytest.warns(UsageWarning, match="tokens from codex_client; codex_model left out"):
        assert cost_per(frame, "surface").select("surface", "unpriced_tokens").rows() == [("CLI", 100)]


def test_codex_and_the_api_are_two_products():
    codex = record("o", "openai_codex", model={"id": "gpt"}, usage={"unit": "credits", "tokens": {"total": 100}})
    api = record("o", "openai_codex", model={"id": "gpt"}, tokens=50)
    assert cost_per(frame_of([codex, api]))["unpriced_tokens"].to_list() == [150]


def test_quantities_copied_into_the_tokens_of_a_bill():
    usage = record("o", "openai_codex", tokens=M, model={"id": "gpt"})
    bill = record("o", "openai_codex", tokens=M, model={"id": "gpt"}, charges=charged(total=3))
    with pytest.warns(UsageWarning, match="tokens from usage; cost left out"):
        assert cost_per(frame_of([usage, bill])).select("tokens", "cost_per_million_tokens").rows() == [(M, 3.0)]
    assert cost_per(frame_of([bill]))["tokens"].to_list() == [M]  # where nothing else states them, they count


def test_one_view_asked_in_two_ways():
    frame = frame_of([claude("cost", 300, query_id="aaaaaaaa"), claude("cost", 300, query_id="bbbbbbbb")])
    with pytest.raises(OverlapError, match=r"claude-1 has cost from two queries \(aaaaaaaa and bbbbbbbb\)"):
        cost_per(frame)
    assert cost_per(frame, overlap="allow")["cost"].to_list() == [600.0]


def test_queries_that_provably_part_the_whole_pass():
    frame = frame_of([claude("user_cost", 3, query_id="a", **ANNA), claude("user_cost", 4, query_id="b", **BEN)])
    assert cost_per(frame)["cost"].to_list() == [7.0]
    nobody = frame_of([claude("user_cost", 3, query_id="a", **ANNA), claude("user_cost", 4, query_id="b")])
    with pytest.raises(OverlapError):  # the second may hold Anna's money
        cost_per(nobody)


def test_hours_and_days_of_the_same_thing():
    hour = claude("usage", tokens=10) | {"start_date": "2026-10-05T09:00:00Z", "end_date": "2026-10-05T10:00:00Z"}
    frame = frame_of([claude("usage", tokens=100), hour])
    with pytest.raises(OverlapError, match=r"by hour and by day.*granularity='hour'"):
        cost_per(frame)
    with pytest.warns(UsageWarning, match="only the records by day count"):
        assert cost_per(frame, granularity="day")["unpriced_tokens"].to_list() == [100]


def test_hours_of_one_day_and_days_before_it_pass():
    hour = claude("usage", tokens=10) | {"start_date": "2026-10-06T00:00:00Z", "end_date": "2026-10-06T13:00:00Z"}
    assert cost_per(frame_of([claude("usage", tokens=100), hour]))["unpriced_tokens"].to_list() == [110]


def test_one_organisation_linked_twice():
    first = record("c-1", "confluent", id="dlz-1", organization={"id": "org"}, charges=charged(total=5))
    frame = frame_of([first, first | {"integrated_account_id": "c-2"}])
    with pytest.raises(OverlapError, match=r"c-1 and c-2 serve the same 1 records.*keep_account='c-1'"):
        cost_per(frame)
    with pytest.warns(UsageWarning, match="c-1 left out: the same organisation as c-2"):
        assert cost_per(frame, "integrated_account_id", keep_account="c-2").select(
            "integrated_account_id", "cost"
        ).rows() == [("c-2", 5.0)]
    with pytest.raises(FrameError, match="none of the accounts"):
        cost_per(frame, keep_account="c-3")


def test_two_organisations_whose_ids_agree_pass():
    first = record("c-1", "confluent", id="1", organization={"id": "org"}, charges=charged(total=5))
    second = first | {"integrated_account_id": "c-2", "organization": {"id": "other"}}
    assert cost_per(frame_of([first, second]))["cost"].to_list() == [10.0]


def test_a_total_beside_its_parts():
    parts = record("dd", "datadog", product={"id": "apm"}, charges=charged(committed=60, on_demand=40)) | {
        "end_date": "2026-11-05"
    }
    frame = frame_of([parts, parts | {"charges": charged(total=100)}])
    with pytest.raises(OverlapError, match="dd states apm of None twice"):
        cost_per(frame)


def test_a_record_twice():
    one = record("c-1", "confluent", id="dlz-1", charges=charged(total=5))
    with pytest.raises(DuplicateError, match=r"1 record is here twice, such as 'dlz-1' of c-1.*deduplicate"):
        cost_per(frame_of([one, one]))
    # The same id on other days is another record; no id at all says nothing.
    again = one | {"start_date": "2026-10-06", "end_date": "2026-10-07"}
    nameless = one | {"id": None}
    assert cost_per(frame_of([one, again, nameless, nameless]))["cost"].to_list() == [20.0]


def test_tokens_of_the_customers_own_key_count_at_the_models_vendor():
    own = event(0.1, tokens=7, usage={"tokens": {"total": 7}, "requests": {"api_key": 1}})
    with pytest.warns(UsageWarning, match="7 tokens that Cursor used with your own key"):
        table = cost_per(frame_of([own, claude("usage", tokens=100)]), "integration")
    assert table.select("integration", "cost", "tokens", "unpriced_tokens").rows() == [
        ("cursor", 0.1, 0, 0),
        ("claude", None, 0, 100),
    ]
    assert cost_per(frame_of([own]))["tokens"].to_list() == [7]  # alone, they are nobody else's


def test_records_that_stick_out_of_the_period():
    frame = frame_of([claude("cost", 300), claude("cost", 20, model={"id": "m"})])
    marked = frame.with_columns(overhangs_period=frame["model_id"].is_not_null())
    with pytest.raises(OverhangError, match="claude-1 stick out of the loaded period"):
        cost_per(marked)
    assert cost_per(marked, overhang="include")["cost"].to_list() == [320.0]
    with pytest.warns(UsageWarning, match="1 records of claude-1 that overhang are left out"):
        assert cost_per(marked, overhang="drop")["cost"].to_list() == [300.0]


def test_every_choice_names_series_that_exist():
    for known, choice in ((each, choice) for each in INTEGRATIONS.values() for choice in each.choices):
        orders = [choice.order, *choice.by.values()]
        stating = {s.name for s in known.series if choice.measure in s.states}
        assert all(set(order) <= stating for order in orders)
