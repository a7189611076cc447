"""Untidy records: what overlaps in time, meets in a longer record, stands in no line, or does not add up."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backends_for_tests import KINDS, as_kind, as_polars
from tests.frames_for_tests import charge, charged, frame_of
from truto_usage_nb.costs import (
    cache_savings,
    cost_per,
    cost_per_token,
    coverage,
    estimate_costs,
    token_mix,
    total_cost,
    with_costs,
)
from truto_usage_nb.errors import FrameError, InputError, OverlapError, UsageWarning
from truto_usage_nb.jobs import settle_overhang
from truto_usage_nb.planning import Period
from truto_usage_nb.questions import seats, unit_costs

M = 1_000_000
MODEL = {"id": "claude-opus-5", "provider": "anthropic"}
ANNA, BEN = {"user": {"id": "anna", "email": "anna@x.test"}}, {"user": {"id": "ben"}}


def day(number: int) -> str:
    """The `number`-th day from the last of September on: 1 is October's first, 32 November's."""
    return str((datetime(2026, 9, 30, tzinfo=UTC) + timedelta(days=number)).date())


def rec(integration: str, start: str, end: str, tokens: dict[str, int] | None = None, **fields: Any) -> dict[str, Any]:
    dated = {"integrated_account_id": "acc", "integration": integration, "start_date": start, "end_date": end}
    return dated | ({"usage": {"tokens": tokens}} if tokens else {}) | fields


def claude(view: str, first: int, last: int, amount: float | None = None, tokens: int = 0, **fields: Any) -> dict:
    """A record of Claude from one day up to, not including, another."""
    charges = {"charges": charged(net=amount)} if amount is not None else {}
    stated = {"input": tokens} if tokens else None
    return rec("claude", day(first), day(last), stated, report_type=view, model=MODEL) | charges | fields


def datadog(start: str, end: str, amount: float, **fields: Any) -> dict[str, Any]:
    return (
        rec("datadog", start, end, product={"id": "apm"}, organization={"id": "o"})
        | {"charges": charged(total=amount)}
        | fields
    )


def event(number: int, amount: float, **fields: Any) -> dict[str, Any]:
    at = f"{day(number)}T12:00:00Z"
    return rec("cursor", at, at, {"input": 1000}, model={"id": "gpt-5"}, charges=charged(total=amount), **fields)


def spend(start: str, end: str, amount: float, **fields: Any) -> dict[str, Any]:
    return rec("cursor", start, end, charges=charged(on_demand=amount, included=20), **ANNA) | fields


def quietly(ask: Callable[[], Any]) -> tuple[Any, str]:
    """An answer, and all that was told beside it."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        answer = ask()
    return answer, " ".join(str(each.message) for each in heard)


def cost(records: list[dict[str, Any]], **options: Any) -> float | None:
    return quietly(lambda: total_cost(frame_of(records), **options))[0]


# totals and parts, whatever their lengths ----------------------------------------------------------------------------

WEEK = [claude("cost", 1, 8, 70.0)]  # one record of seven days
DAYS = [claude("cost", n, n + 1, 10.0) for n in range(1, 8)]
HERS_WEEK = [claude("user_cost", 1, 8, 56.0, **ANNA)]
HERS_DAYS = [claude("user_cost", n, n + 1, 8.0, **ANNA) for n in range(1, 8)]
MONTH = [claude("cost", 1, 32, 310.0)]


@pytest.mark.parametrize("whole", [WEEK, DAYS], ids=["week", "days"])
@pytest.mark.parametrize("part", [HERS_WEEK, HERS_DAYS], ids=["week", "days"])
def test_the_total_counts_once_and_by_person_the_rest_is_nobodys(whole, part):
    # 70 in all, 7 x 8 = 56 of them hers: 14 of nobody.
    frame = frame_of([*whole, *part])
    with pytest.warns(UsageWarning, match=r"acc: money from cost; user_cost left out: the same \$56.00"):
        assert total_cost(frame) == 70.0
    with pytest.warns(UsageWarning, match=r"what cost has beyond it is \(not attributed\)"):
        lines = cost_per(frame, "user_id").select("user_id", "cost").rows()
    assert lines == [("anna", 56.0), ("(not attributed)", 14.0)]


def test_a_month_of_the_bill_holds_a_part_of_three_days():
    part = [claude("user_cost", n, n + 1, 8.0, **ANNA) for n in (3, 4, 5)]
    assert cost([*MONTH, *part]) == 310.0
    lines = quietly(lambda: cost_per(frame_of([*MONTH, *part]), "user_id"))[0]
    assert dict(lines.select("user_id", "cost").rows()) == {"anna": 24.0, "(not attributed)": 286.0}


def test_days_without_use_do_not_let_the_part_count_beside_the_whole():
    # Monday to Friday have a bill; the week of the person's side holds the weekend, on which nothing was used.
    workdays = [claude("cost", n, n + 1, 14.0) for n in range(5, 10)]
    assert cost([*workdays, claude("user_cost", 5, 12, 56.0, **ANNA)]) == 70.0


def test_hours_of_the_bill_hold_the_days_of_a_person_and_the_other_way_round():
    def hour(view: str, n: int, amount: float, **more: Any) -> dict[str, Any]:
        return rec("claude", f"2026-10-05T{n:02}:00:00Z", f"2026-10-05T{n + 1:02}:00:00Z", report_type=view, **more) | {
            "charges": charged(net=amount)
        }

    hours = [hour("cost", n, 2.0) for n in (9, 10, 11)]
    assert cost([*hours, claude("user_cost", 5, 6, 5.0, **ANNA)]) == 6.0
    assert cost([claude("cost", 5, 6, 6.0), *(hour("user_cost", n, 1.0, **ANNA) for n in (9, 10, 11))]) == 6.0
    # two hours of one day that do not meet: neither states what the other does
    assert cost([hour("cost", 9, 2.0), hour("user_cost", 10, 3.0, **ANNA)]) == 5.0
    assert cost([hour("cost", 9, 2.0), hour("user_cost", 9, 1.5, **ANNA)]) == 2.0


def test_tokens_of_a_week_and_of_a_persons_days_count_once():
    # 7 M in all; 7 x 0.7 M = 4.9 M hers, 2.1 M nobody's.
    frame = frame_of(
        [
            claude("usage", 1, 8, tokens=7 * M),
            *(claude("user_usage", n, n + 1, tokens=700_000, **ANNA) for n in range(1, 8)),
        ]
    )
    for ask in (
        token_mix,
        lambda f: cost_per(f).rename({"unpriced_tokens": "t"}).rename({"tokens": "p", "t": "tokens"}),
    ):
        table, told = quietly(lambda ask=ask: ask(frame))
        assert table["tokens"].to_list() == [7 * M]
        assert "user_usage left out: the same 4,900,000 tokens" in told
    by_person = quietly(lambda: cost_per(frame, "user_id"))[0]
    assert dict(by_person.select("user_id", "unpriced_tokens").rows()) == {
        "anna": 4_900_000,
        "(not attributed)": 2_100_000,
    }


def test_a_part_that_reaches_beyond_the_whole_is_told():
    part = [claude("user_cost", 6, 13, 21.0, **ANNA)]
    total, told = quietly(lambda: total_cost(frame_of([*WEEK, *part])))
    assert total == 70.0
    assert "1 of its records overlap that time only in part, which is 2026-10-01 to 2026-10-07" in told


def test_codex_and_the_api_of_one_account_each_settle_their_own_overlap():
    def of(tokens: int, **fields: Any) -> dict[str, Any]:
        return rec("openai_codex", day(5), day(6), {"total": tokens}, **fields)

    codex = {"unit": "credits", "tokens": {"total": 100}}
    records = [
        of(1000, model={"id": "gpt"}), of(1000, model={"id": "gpt"}, charges=charged(total=3)),
        of(0, model={"id": "gpt"}) | {"usage": codex}, of(0, surface="CLI") | {"usage": codex},
    ]  # fmt: skip
    row = quietly(lambda: cost_per(frame_of(records)))[0].row(0, named=True)
    assert (row["cost"], row["tokens"] + row["unpriced_tokens"]) == (3.0, 1100)


# Cursor: the spend is a check of its events --------------------------------------------------------------------------

EVENTS = [event(n, 3.0) for n in range(1, 11)]  # $30 in ten days


@pytest.mark.parametrize("start", ["2026-09-14", "2026-10-01", "2026-10-05", "2026-10-11"])
def test_spend_is_never_added_to_events(start):
    total, told = quietly(lambda: total_cost(frame_of([*EVENTS, spend(start, "2026-10-21", 30.0)])))
    assert total == 30.0
    assert "acc: money from event; spend left out" in told


def test_the_difference_between_spend_and_events_is_told():
    _, told = quietly(lambda: total_cost(frame_of([*EVENTS, spend("2026-09-14", "2026-10-11", 42.5)])))
    # 42.50 - 30.00 = 12.50; the events of September are not loaded, which is why.
    assert "it states $42.50 of its cycle, the events in it $30.00, a difference of $12.50" in told
    assert "its cycle began 2026-09-14, the events 2026-10-01" in told
    _, told = quietly(lambda: total_cost(frame_of([*EVENTS, spend("2026-10-01", "2026-10-11", 30.0)])))
    assert "the same $30.00" in told


def test_several_states_of_spend_and_no_events():
    states = [spend("2026-09-14", f"2026-10-{n:02}", 3.0 * n) for n in (3, 7, 11)]
    assert cost(states) == 33.0
    assert cost([*states, spend("2026-10-14", "2026-10-20", 5.0)]) == 38.0  # the next cycle
    renamed = {"user": {"id": "anna", "email": "anna.new@x.test"}}
    assert cost([*states, spend("2026-09-14", "2026-10-13", 39.0) | renamed]) == 39.0


def test_spend_can_still_be_asked_for():
    frame = frame_of([*EVENTS, spend("2026-10-01", "2026-10-11", 28.0)])
    with pytest.warns(UsageWarning, match="money from spend; event left out"):
        assert total_cost(frame, keep={"cursor": {"money": "spend"}}) == 28.0


# Datadog: the latest state of a month --------------------------------------------------------------------------------


def to_date(n: int, amount: float | None = None, **fields: Any) -> dict[str, Any]:
    return datadog(day(n), day(n + 1), 10.0 * n if amount is None else amount, **fields)


OCTOBER = datadog("2026-10-01", "2026-11-01", 300.0)


@pytest.mark.parametrize("days", [[29, 30, 31], [1], [15], list(range(1, 32)), [31]])
def test_the_month_counts_and_never_its_days_to_date_beside_it(days):
    total, told = quietly(lambda: total_cost(frame_of([OCTOBER, *(to_date(n) for n in days)])))
    assert total == 300.0
    assert "acc: money from cost; cost_to_date left out" in told


def test_an_open_month_is_its_latest_state():
    half = datadog("2026-11-01", "2026-11-15", 140.0)
    assert cost([half, datadog("2026-11-01", "2026-11-20", 190.0)]) == 190.0
    assert cost([half, to_date(51)]) == 510.0  # November's 20th: ten a day
    # a month stated on the tenth, and days to date up to the twentieth: the days know more
    early = datadog("2026-11-01", "2026-12-01", 100.0, updated_at="2026-11-10T00:00:00Z")
    assert cost([early, *(to_date(n, 10.0 * (n - 31)) for n in range(41, 51))]) == 190.0
    late = early | {"updated_at": "2026-11-21T00:00:00Z", "charges": charged(total=205)}
    assert cost([late, *(to_date(n, 10.0 * (n - 31)) for n in range(41, 51))]) == 205.0


def test_the_historical_month_takes_the_estimates_place():
    estimate = OCTOBER | {"id": "e", "updated_at": "2026-11-03T00:00:00Z", "charges": charged(total=295)}
    final = OCTOBER | {"id": "h", "updated_at": "2026-11-16T00:00:00Z"}
    total, told = quietly(lambda: total_cost(frame_of([estimate, final])))
    assert total == 300.0
    assert "1 earlier states left out" in told


def test_two_months_two_products_and_two_organisations_are_not_one_state():
    others = [
        datadog("2026-09-01", "2026-10-01", 200.0),
        OCTOBER | {"product": {"id": "logs"}, "charges": charged(total=50)},
        OCTOBER | {"organization": {"id": "other"}, "charges": charged(total=5)},
    ]
    assert cost([OCTOBER, *others]) == 555.0


def test_a_refund_inside_a_month_is_a_refund():
    refund = datadog("2026-10-12", "2026-10-13", -40.0)
    assert cost([OCTOBER, refund]) == 260.0
    assert cost([to_date(10), refund, to_date(20)]) == 160.0  # 200 to date, less 40
    assert cost([claude("cost", 1, 32, 310.0), claude("cost", 12, 13, -40.0)]) == 270.0


def test_coverage_holds_the_days_whose_states_do_not_count():
    held = quietly(lambda: coverage(frame_of([to_date(n) for n in range(1, 11)])))[0]
    assert held.accounts.select("records", "days_held").row(0) == (10, 10)
    assert held.money["cost"].to_list() == [100.0]


# one series in two lengths -------------------------------------------------------------------------------------------


def test_one_inside_the_other_is_refused_and_both_are_shown():
    with pytest.raises(OverlapError) as refused:
        cost([*WEEK, claude("cost", 3, 4, 10.0)])
    said = str(refused.value)
    assert "acc: cost is there by day and by week for the same time" in said
    assert "the record of 2026-10-01 to 2026-10-08 states $70.00" in said
    assert "the record of 2026-10-03 to 2026-10-04 inside it $10.00" in said
    assert "model_id 'claude-opus-5'" in said
    assert cost([*WEEK, claude("cost", 3, 4, 10.0)], granularity="week") == 70.0
    total, told = quietly(lambda: total_cost(frame_of([*WEEK, claude("cost", 3, 4, 10.0)]), granularity="day"))
    assert total == 10.0
    assert "only the records by day count: 1 of other lengths are left out, with $70.00" in told


@pytest.mark.parametrize(
    "other",
    [
        claude("cost", 3, 4, 10.0, metric_name="web_search"),
        claude("cost", 3, 4, 10.0, model={"id": "claude-haiku-4-5"}),
        claude("cost", 3, 4, 10.0, product={"id": "chat"}),
        claude("cost", 3, 4, 10.0, surface="chat"),
        claude("cost", 3, 4, 10.0, resources=[{"id": "key-1"}]),
        claude("cost", 3, 4, 10.0, resources=[{"workspace": {"id": "w-1"}}]),
        claude("cost", 3, 4, 10.0, organization={"id": "o"}),
        claude("cost", 8, 9, 10.0),  # touches
    ],
    ids=["metric", "model", "product", "surface", "resource", "workspace", "organisation", "beside"],
)
def test_what_differs_is_another_thing(other):
    assert quietly(lambda: total_cost(frame_of([*WEEK, other]))) == (80.0, "")


def test_confluents_daily_kafka_beside_its_monthly_support():
    kafka = [rec("confluent", day(n), day(n + 1), metric_name="KAFKA_STORAGE", charges=charged(net=2)) for n in (1, 2)]
    support = rec("confluent", day(1), day(32), metric_name="SUPPORT", charges=charged(net=100))
    assert quietly(lambda: total_cost(frame_of([*kafka, support]))) == (104.0, "")
    # but a second statement of the storage by the month is one thing twice
    again = rec("confluent", day(1), day(32), metric_name="KAFKA_STORAGE", charges=charged(net=62))
    with pytest.raises(OverlapError, match="by day and by month"):
        cost([*kafka, again])
    # picking a length leaves the support alone: only what is stated twice is left out
    total, told = quietly(lambda: total_cost(frame_of([*kafka, support, again]), granularity="day"))
    assert (total, "1 of other lengths are left out, with $62.00" in told) == (104.0, True)
    assert cost([*kafka, support, again], granularity="month") == 162.0


def test_equal_stretches_instants_and_credits_are_not_refused():
    assert cost([*WEEK, claude("cost", 1, 8, 5.0)]) == 75.0
    assert cost([event(3, 2.0), event(3, 2.0)]) == 4.0
    assert cost([*WEEK, claude("cost", 3, 4, 0.0)]) == 70.0
    assert cost([*WEEK, claude("cost", 3, 4, -10.0)]) == 60.0


def test_an_alias_does_not_hide_a_second_statement():
    dated = {"id": "claude-opus-5-20260203"}
    with pytest.raises(OverlapError, match="by day and by week"):
        cost([*WEEK, claude("cost", 3, 4, 10.0, model=dated)])


def test_tokens_in_two_lengths_are_refused_likewise():
    with pytest.raises(OverlapError, match=r"states 7,000,000 tokens, and .* inside it 1,000,000 tokens"):
        token_mix(frame_of([claude("usage", 1, 8, tokens=7 * M), claude("usage", 3, 4, tokens=M)]))


def test_partial_overlaps_are_told_and_count():
    total, told = quietly(lambda: total_cost(frame_of([*WEEK, claude("cost", 5, 12, 21.0)])))
    assert total == 91.0
    assert "1 records of cost overlap others in part" in told
    assert "2026-10-05 to 2026-10-12 and the record of 2026-10-01 to 2026-10-08, with $21.00" in told


@pytest.mark.parametrize("kind", KINDS)
def test_overlap_is_judged_alike_on_every_kind(kind):
    part = frame_of([*WEEK, *HERS_DAYS])
    assert quietly(lambda: total_cost(as_kind(part, kind)))[0] == 70.0
    month = frame_of([OCTOBER, *(to_date(n) for n in (29, 30, 31)), datadog("2026-10-12", "2026-10-13", -40.0)])
    assert quietly(lambda: total_cost(as_kind(month, kind)))[0] == 260.0
    spent = frame_of([*EVENTS, spend("2026-09-14", "2026-10-11", 30.0)])
    assert quietly(lambda: total_cost(as_kind(spent, kind)))[0] == 30.0
    twice = frame_of([*WEEK, claude("cost", 3, 4, 10.0)])
    with pytest.raises(OverlapError, match="by day and by week"):
        total_cost(as_kind(twice, kind))
    assert quietly(lambda: total_cost(as_kind(twice, kind), granularity="week"))[0] == 70.0
    meets = frame_of([claude("cost", 1, 8, 35.0), *(claude("usage", n, n + 1, tokens=M) for n in range(1, 8))])
    table = as_polars(cost_per(as_kind(meets, kind)))
    assert table.select("tokens", "cost_per_million_tokens", "unpriced_tokens").row(0) == (7 * M, 5.0, 0)


# one view under two queries ------------------------------------------------------------------------------------------


def test_two_queries_of_one_view_that_meet_in_time_are_refused():
    week, within = WEEK[0] | {"query_id": "aaaaaaaa"}, claude("cost", 3, 4, 9.0, query_id="bbbbbbbb", surface="chat")
    with pytest.raises(OverlapError, match="two queries"):
        cost([week, within])
    after = claude("cost", 8, 9, 9.0, query_id="bbbbbbbb", surface="chat")
    assert cost([week, after]) == 79.0


# counts of work ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("whole", "part"), [(7, 1), (1, 7), (1, 1)])
def test_requests_of_a_whole_and_of_its_part_count_once(whole, part):
    # 70 requests in the week, 49 of them hers; ten and seven a day.
    def of(view: str, length: int, requests: int, **more: Any) -> list[dict[str, Any]]:
        counted = {"usage": {"requests": {"total": requests * length}}}
        return [claude(view, n, n + length, **more) | counted for n in range(1, 8, length)]

    bill = [claude("cost", n, n + 1, 10.0) for n in range(1, 8)]
    frame = frame_of([*of("usage", whole, 10), *of("user_usage", part, 7, **ANNA), *bill])
    assert quietly(lambda: unit_costs(frame, "request"))[0].select("cost", "units").row(0) == (70.0, 70)


def test_a_seat_used_at_some_time_in_a_long_record_is_not_idle_since_its_first_day():
    # Hers is the whole of October in one record; Ben's last day is the 31st.
    frame = frame_of([claude("user_cost", 1, 32, 56.0, **ANNA), claude("user_cost", 31, 32, 5.0, **BEN)])
    table = quietly(lambda: seats(frame))[0]
    assert table.select("email", "status", "idle_days").rows() == [("anna@x.test", "active", 0), ("ben", "active", 0)]


# pieces --------------------------------------------------------------------------------------------------------------


def pieces(frame: pl.DataFrame, *periods: tuple[int, int]) -> pl.DataFrame:
    """What loads of these periods with overhang="prorate" would give, joined."""
    parts = []
    for first, last in periods:
        period = Period.parse((day(first), day(last)))
        inside = frame.filter((pl.col("start_date") < period.end) & (pl.col("end_date") > period.start))
        out = (pl.col("start_date") < period.start) | (pl.col("end_date") > period.end)
        parts.append(settle_overhang(inside.with_columns(overhangs_period=out), period, "prorate"))
    return pl.concat(parts, how="diagonal_relaxed")


def test_seven_days_loaded_apart_and_joined_are_the_seven_days_at_once():
    # 310 over 31 days are ten a day: seven days are 70.
    month = frame_of([datadog("2026-10-01", "2026-11-01", 310.0)])
    apart, once = pieces(month, *((n, n + 1) for n in range(5, 12))), pieces(month, (5, 12))
    assert total_cost(apart) == pytest.approx(70.0)
    assert total_cost(once) == pytest.approx(70.0)
    assert apart["prorated_share"].to_list() == [pytest.approx(1 / 31)] * 7
    # a piece inside another piece of the same record is the same money twice
    with pytest.raises(OverlapError, match="by day and by week"):
        total_cost(pieces(month, (5, 12), (6, 7)))
    # a piece of a spend stays a check of its events
    spent = pieces(frame_of([spend("2026-09-14", "2026-10-14", 30.0), *EVENTS]), (1, 14))
    assert quietly(lambda: total_cost(spent))[0] == 30.0


def test_every_type_of_charge_and_every_map_is_cut_alike():
    month = frame_of([datadog("2026-10-01", "2026-11-01", 310.0)]).with_columns(
        charges_surcharge=pl.lit(62.0),
        usage_code_tool_actions_edit_tool_accepted=pl.lit(31, dtype=pl.Int64),
        usage_code_tool_actions_other=pl.lit('{"a": {"b": 31}, "c": "text", "d": true}'),
    )
    row = pieces(month, (5, 6)).row(0, named=True)
    assert row["charges_total"] == pytest.approx(10.0)
    assert row["charges_surcharge"] == pytest.approx(2.0)
    assert row["usage_code_tool_actions_edit_tool_accepted"] == pytest.approx(1.0)
    assert row["usage_code_tool_actions_other"] == '{"a": {"b": 1.0}, "c": "text", "d": true}'
    assert row["charges"][0]["amount"] == pytest.approx(10.0)
    assert row["charges_count"] == 1


# tokens meet money inside the longer one's interval ------------------------------------------------------------------


def test_a_week_of_money_finds_the_tokens_of_its_days():
    frame = frame_of([claude("cost", 1, 8, 35.0), *(claude("usage", n, n + 1, tokens=M) for n in range(1, 8))])
    row = cost_per(frame).row(0, named=True)
    assert (row["tokens"], row["cost_per_million_tokens"], row["unpriced_tokens"]) == (7 * M, 5.0, 0)
    # the buckets come after: five dollars and a million tokens a day
    days = cost_per(frame, every="1d")
    assert days["cost"].to_list() == [pytest.approx(5.0)] * 7
    assert days["tokens"].to_list() == [M] * 7
    assert days["cost_per_million_tokens"].to_list() == [pytest.approx(5.0)] * 7


def test_a_week_of_tokens_finds_the_money_of_its_days():
    frame = frame_of([claude("usage", 1, 8, tokens=7 * M), *(claude("cost", n, n + 1, 5.0) for n in range(1, 8))])
    row = cost_per(frame).row(0, named=True)
    assert (row["cost"], row["tokens"], row["other_cost"]) == (35.0, 7 * M, 0.0)
    assert cost_per(frame, every="1d")["cost_per_million_tokens"].to_list() == [pytest.approx(5.0)] * 7


def test_tokens_outside_the_longer_record_stay_unpriced():
    frame = frame_of([claude("cost", 1, 8, 35.0), *(claude("usage", n, n + 1, tokens=M) for n in range(1, 10))])
    row = cost_per(frame).row(0, named=True)
    assert (row["tokens"], row["unpriced_tokens"]) == (7 * M, 2 * M)


def test_days_of_another_zone_meet_each_other():
    def at(n: int, **fields: Any) -> dict[str, Any]:
        return rec("claude", f"{day(n)}T00:00:00+02:00", f"{day(n + 1)}T00:00:00+02:00", model=MODEL, **fields)

    money = [at(n, report_type="cost", charges=charged(net=5)) for n in (5, 6, 8)]
    tokens = [at(n, report_type="usage", usage={"tokens": {"input": M}}) for n in (5, 6, 7, 8)]
    row = cost_per(frame_of([*money, *tokens])).row(0, named=True)
    assert (row["tokens"], row["unpriced_tokens"], row["cost_per_million_tokens"]) == (3 * M, M, 5.0)


def test_a_day_of_25_hours_is_one_day():
    # Berlin puts its clocks back on 25 October: the day is 25 hours long, and meets its own tokens alone.
    def at(n: int, start: str, end: str, **fields: Any) -> dict[str, Any]:
        return rec("claude", f"{day(n)}T00:00:00{start}", f"{day(n + 1)}T00:00:00{end}", model=MODEL, **fields)

    long, after = (25, "+02:00", "+01:00"), (26, "+01:00", "+01:00")
    bill = at(*long, report_type="cost", charges=charged(net=5))
    tokens = [at(*which, report_type="usage", usage={"tokens": {"input": M}}) for which in (long, after)]
    frame = frame_of([bill, *tokens])
    assert cost_per(frame).select("tokens", "unpriced_tokens").row(0) == (M, M)
    assert cost_per(frame, every="1d")["spread_cost"].sum() == 0


def test_hours_of_one_day_meet_as_they_did():
    at = "2026-10-05T{:02}:00:00Z"
    usage = rec("claude", at.format(3), at.format(4), {"input": M}, report_type="usage", model=MODEL)
    bill = rec("claude", at.format(9), at.format(10), report_type="cost", model=MODEL, charges=charged(net=5))
    for options in ({}, {"every": "1h"}, {"every": "1d", "time_zone": "Asia/Tokyo"}):
        assert cost_per(frame_of([usage, bill]), **options)["tokens"].sum() == M


def test_tiers_take_part_where_both_sides_name_them():
    for column in ("service_tier", "speed", "context_window"):
        frame = frame_of(
            [claude("cost", 5, 6, 3.0), claude("usage", 5, 6, tokens=M), claude("usage", 5, 6, tokens=9 * M)]
        )
        frame = frame.with_columns(pl.Series(column, ["standard", "standard", "priority"]))
        row = cost_per(frame).row(0, named=True)
        assert (row["tokens"], row["unpriced_tokens"], row["cost_per_million_tokens"]) == (M, 9 * M, 3.0)


@pytest.mark.parametrize(
    ("bill", "usage"),
    [
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("claude-sonnet-4-5", "Claude-Sonnet-4-5"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5@20250929"),
        ("claude-sonnet-4-5-20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("claude-sonnet-4-5", "publishers/anthropic/models/claude-sonnet-4-5@20250929"),
        ("gpt-5", "gpt-5-2025-08-07"),
    ],
)
def test_spellings_of_one_model_meet(bill, usage):
    other = [claude("cost", 5, 6, 9.0, model={"id": "m"}), claude("usage", 5, 6, tokens=2 * M, model={"id": "m"})]
    frame = frame_of(
        [claude("cost", 5, 6, 3.0, model={"id": bill}), claude("usage", 5, 6, tokens=M, model={"id": usage}), *other]
    )
    assert cost_per(frame).select("tokens", "unpriced_tokens").row(0) == (3 * M, 0)


def test_a_fast_model_is_another_price_and_meets_no_other():
    frame = frame_of([claude("cost", 5, 6, 3.0), claude("usage", 5, 6, tokens=M, model={"id": "claude-opus-5-fast"})])
    assert cost_per(frame).filter(pl.col("cost").is_not_null())["tokens"].to_list() == [0]


# money that stands in no line ----------------------------------------------------------------------------------------

TABLES: dict[str, Callable[[pl.DataFrame], Any]] = {
    "cost_per": cost_per,
    "cost_per_token": cost_per_token,
    "kinds": lambda frame: cost_per_token(frame, kind=True),
    "total_cost": total_cost,
    "estimate_costs": estimate_costs,
    "unit_costs": lambda frame: unit_costs(frame, "request"),
}
CLEAN = claude("cost", 5, 6, 7.0, usage={"requests": {"total": 3}})
BOTH = [charge("total", 100.0), charge("total", 20.0, "EUR")]


@pytest.mark.parametrize("name", TABLES)
def test_money_in_no_line_is_told_by_every_table(name):
    _, told = quietly(lambda: TABLES[name](frame_of([CLEAN, claude("cost", 6, 7) | {"charges": BOTH}])))
    assert "1 record of acc states one charge in two currencies, €20.00 and $100.00" in told
    word = claude("cost", 6, 7) | {"charges": charged("DOLLARS", net=12.5)}
    _, told = quietly(lambda: TABLES[name](frame_of([CLEAN, word, word])))
    assert "2 records of acc are charged in DOLLARS (25 in all), which is no currency of ISO 4217" in told
    unknown = claude("cost", 6, 7, 1.0) | {"charges": [charge("net", 1.0), charge("surcharge", 4.0)]}
    _, told = quietly(lambda: TABLES[name](frame_of([CLEAN, unknown])))
    assert "a charge of the type 'surcharge', which the cost rule does not know: $4.00" in told


def test_a_clean_frame_stays_silent():
    frame = frame_of([CLEAN, *(claude("usage", n, n + 1, tokens=M) for n in (5, 6)), datadog(day(1), day(32), 5.0)])
    for ask in (cost_per, total_cost, token_mix, cache_savings, estimate_costs, coverage):
        assert quietly(lambda ask=ask: ask(frame))[1] == ""
    credits = rec("openai_codex", day(5), day(6), charges=charged("CREDITS", usage_based=3))
    assert quietly(lambda: total_cost(frame_of([CLEAN, credits]))) == (7.0, "")  # a vendor's own unit, and no mistake


def test_a_picked_currency_is_told_no_more():
    frame = frame_of([CLEAN, claude("cost", 6, 7) | {"charges": BOTH}])
    table, told = quietly(lambda: cost_per(frame, billing_currency=" eur "))
    assert (dict(table.select("currency", "cost").rows()), told) == ({"USD": 7.0, "EUR": 20.0}, "")
    assert "neither stands" in quietly(lambda: cost_per(frame, billing_currency="GBP"))[1]


def test_unknown_types_in_a_record_of_two_currencies_are_told_too():
    charges = [charge("net", 1.0), charge("tax", 0.5, "EUR"), charge("surcharge", 4.0, "EUR")]
    _, told = quietly(lambda: cost_per(frame_of([CLEAN, claude("cost", 6, 7) | {"charges": charges}])))
    assert "'surcharge', which the cost rule does not know: €4.00" in told


@pytest.mark.parametrize("kind", KINDS)
def test_a_currency_is_stripped_and_in_capitals_and_an_empty_one_is_unstated(kind):
    words = ["USD", " usd", "Usd\t", "\u00a0USD ", "", "  ", None]
    records = [claude("cost", n, n + 1) | {"charges": charged(word, net=1)} for n, word in enumerate(words, 1)]
    frame = as_kind(frame_of(records), kind)
    table = as_polars(cost_per(frame)).select("currency", "cost")
    assert dict(table.rows()) == {"USD": 4.0, "XXX": 3.0}
    ruled = as_polars(with_costs(frame)).sort("start_date")
    assert ruled["cost_currency"].to_list() == ["USD"] * 4 + ["XXX"] * 3
    assert ruled["charges_currency"].to_list()[1] == " usd"  # the frame keeps what was sent
    flags = ["no_currency" in (flag or "") for flag in ruled["cost_flag"]]
    assert flags == [False] * 4 + [True] * 3


# tokens --------------------------------------------------------------------------------------------------------------


def codex(**tokens: int) -> dict[str, Any]:
    return rec("openai_codex", day(5), day(6), tokens, model={"id": "gpt-5", "provider": "openai"})


@pytest.mark.parametrize(
    ("record", "tokens", "inputs", "writes", "flagged"),
    [
        # the greater of the stated writes and the sum of their lifetimes
        (claude("usage", 5, 6) | {"usage": {"tokens": {"cache_write": 0, "cache_write_ephemeral_5m": 20,
         "cache_write_ephemeral_1h": 10, "input": 5}}}, 35, 5, 30, False),
        (claude("usage", 5, 6) | {"usage": {"tokens": {"cache_write": 50, "cache_write_ephemeral_1h": 10}}},
         50, 0, 50, False),
        # kinds that exceed the total: 1000 + 50,000 + 500
        (claude("usage", 5, 6) | {"usage": {"tokens": {"input": 1000, "cache_read": 50_000, "output": 500,
         "total": 1500}}}, 51_500, 1000, 0, True),
        (codex(input=1000, cache_read=50_000, output=500, total=1500), 51_500, 1000, 0, True),
        # a total that shows that the input holds the cache: 1000 - 400 = 600 fresh
        (codex(input=1000, cache_read=400, output=100, total=1100), 1100, 600, 0, False),
        # a total that shows that it does not
        (codex(input=1000, cache_read=400, output=100, total=1500), 1500, 1000, 0, False),
        # a total above its kinds: the rest has no kind
        (codex(input=10, output=5, total=40), 40, 10, 0, False),
    ],
)  # fmt: skip
def test_counts_by_hand(record, tokens, inputs, writes, flagged):
    frame = frame_of([record])
    row = token_mix(frame).row(0, named=True)
    assert (row["tokens"], row["input_tokens"], row["cache_write_tokens"]) == (tokens, inputs, writes)
    assert ("token_mismatch" in (with_costs(frame)["cost_flag"][0] or "")) is flagged
    unknown = estimate_costs(frame, "model_id")["unknown_tokens"][0]
    assert 0 <= unknown <= tokens


def test_an_input_of_which_nothing_says_what_it_holds_is_told_and_can_be_settled():
    frame = frame_of([codex(input=1000, cache_read=400, output=100)])
    table, told = quietly(lambda: token_mix(frame))
    assert table["tokens"].to_list() == [1500]
    assert (
        "1 record of acc has cached tokens beside 1,000 of input, and nothing says whether the input holds them" in told
    )
    settled, told = quietly(lambda: token_mix(frame, input_includes_cache={"openai_codex": True}))
    assert (settled.select("tokens", "input_tokens").row(0), told) == ((1100, 600), "")
    confirmed, told = quietly(lambda: cost_per(frame, input_includes_cache={"openai_codex": False}))
    assert (confirmed["unpriced_tokens"].to_list(), told) == ([1500], "")
    # what is too small to hold the cache, and what Claude states, is not in doubt
    assert quietly(lambda: token_mix(frame_of([codex(input=100, cache_read=400)])))[1] == ""
    assert (
        quietly(
            lambda: token_mix(frame_of([claude("usage", 5, 6) | {"usage": {"tokens": {"input": 9, "cache_read": 4}}}]))
        )[1]
        == ""
    )
    for wrong in ({"openai_codex": "yes"}, {"opneai": True}):
        with pytest.raises(InputError, match="input_includes_cache"):
            token_mix(frame, input_includes_cache=wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_sums_beyond_63_bits_are_an_error(kind):
    one = claude("usage", 5, 6, tokens=5 * 10**18)
    assert as_polars(token_mix(as_kind(frame_of([one]), kind)))["tokens"].to_list() == [5 * 10**18]
    wide = claude("usage", 5, 6) | {"usage": {"tokens": {"input": 5 * 10**18, "output": 5 * 10**18}}}
    for records in ([one, one], [wide]):
        with pytest.raises(FrameError, match="63 bits"):
            token_mix(as_kind(frame_of(records), kind))
        with pytest.raises(FrameError, match="63 bits"):
            cost_per(as_kind(frame_of(records), kind))


def test_counts_of_work_beyond_63_bits_are_an_error_too():
    many = {"usage": {"requests": {"total": 5 * 10**18}}}
    with pytest.raises(FrameError, match=r"The requests add up to about 1e\+19"):
        unit_costs(frame_of([claude("cost", 5, 6, 1.0) | many, claude("cost", 6, 7, 1.0) | many]), "request")


def test_a_refund_alone_is_no_price():
    usage = claude("usage", 5, 6, tokens=10 * M)
    row = cost_per(frame_of([usage, claude("cost", 5, 6, -50.0)])).row(0, named=True)
    assert (row["cost"], row["other_cost"], row["unpriced_tokens"], row["cost_per_million_tokens"]) == (
        -50.0,
        -50.0,
        10 * M,
        None,
    )
    # a charge makes the price, the refund lowers it: (80 - 50) / 10 M
    both = [usage, claude("cost", 5, 6, 80.0), claude("cost", 5, 6, -50.0, metric_name="refund")]
    assert cost_per(frame_of(both))["cost_per_million_tokens"].to_list() == [3.0]
    # more came back than was paid: no price
    more = [usage, claude("cost", 5, 6, 10.0), claude("cost", 5, 6, -50.0, metric_name="refund")]
    assert cost_per(frame_of(more)).select("cost", "tokens", "cost_per_million_tokens").row(0) == (-40.0, 10 * M, None)


# algebra -------------------------------------------------------------------------------------------------------------

SPELLINGS = ["claude-opus-5", "Claude-Opus-5", "claude-opus-5-20260203", "anthropic/claude-opus-5"]


@st.composite
def untidy(draw: Any) -> list[dict[str, Any]]:
    """Money and tokens of one month, in days, weeks and the month, spelled anyhow, sometimes in no currency."""
    records = []
    for _ in range(draw(st.integers(1, 8))):
        length = draw(st.sampled_from([1, 1, 7, 31]))
        first = draw(st.integers(0, 31 // length - 1)) * length + 1
        view = draw(st.sampled_from(["cost", "usage"]))
        model = {"id": draw(st.sampled_from(SPELLINGS)), "provider": "anthropic"}
        word = draw(st.sampled_from(["USD", " usd", "EUR", "BUCKS", ""]))
        metric = draw(st.sampled_from(["a", "b", "c", "d", "e", "f"]))
        common = {"metric_name": f"{metric}{length}", "model": model}  # one length a metric: nothing is stated twice
        if view == "cost":
            amount = draw(st.integers(-5_000, 20_000)) / 100
            records.append(claude(view, first, first + length, **common) | {"charges": charged(word, net=amount)})
        else:
            records.append(claude(view, first, first + length, tokens=draw(st.integers(1, 10**9)), **common))
    return records


def answers(frame: pl.DataFrame) -> tuple[dict[str, float], int]:
    table = quietly(lambda: cost_per(frame, "integration"))[0]
    money = dict(table.filter(pl.col("cost").is_not_null()).select("currency", "cost").rows())
    return money, int(table.select(pl.sum_horizontal("tokens", "unpriced_tokens", "included_tokens")).to_series().sum())


def close(one: dict[str, float], other: dict[str, float]) -> bool:
    return {c: v for c, v in one.items() if abs(v) > 1e-9}.keys() == {
        c: v for c, v in other.items() if abs(v) > 1e-9
    }.keys() and all(one[c] == pytest.approx(other[c], abs=1e-6) for c in one if c in other)


@pytest.mark.drill
@settings(max_examples=25, deadline=None)  # each asks for some six tables
@given(untidy(), st.randoms(use_true_random=False), st.sampled_from(KINDS))
def test_nothing_that_says_the_same_changes_a_total(records, random, kind):
    frame = frame_of(records)
    money, tokens = answers(frame)
    # shuffled
    shuffled, counted = answers(frame_of(random.sample(records, len(records))))
    assert close(shuffled, money)
    assert counted == tokens
    # another library
    asked = as_polars(quietly(lambda: cost_per(as_kind(frame, kind), "integration"))[0])
    assert close(dict(asked.filter(pl.col("cost").is_not_null()).select("currency", "cost").rows()), money)
    # models dated or written otherwise
    renamed = [r | {"model": {"id": random.choice(SPELLINGS), "provider": "anthropic"}} for r in records]
    assert close(answers(frame_of(renamed))[0], money)
    # loaded in parts: each part of the month with its pieces, joined
    cuts = sorted({1, 32, *(random.randint(2, 31) for _ in range(2))})
    parts = pieces(frame, *pairwise(cuts))
    again, counted = answers(parts)
    assert close(again, money)
    assert counted == pytest.approx(tokens, abs=len(records) * len(cuts))


@settings(max_examples=40, deadline=None)
@given(untidy())
def test_what_stands_in_the_table_and_what_is_told_is_what_came_in(records):
    frame = frame_of(records)
    table, told = quietly(lambda: cost_per(frame))
    stated = sum(r["charges"][0]["amount"] for r in records if "charges" in r)
    lost = [r["charges"][0]["amount"] for r in records if "charges" in r and r["charges"][0]["currency"] == "BUCKS"]
    assert (table["cost"].sum() or 0.0) + sum(lost) == pytest.approx(stated, abs=1e-6)
    assert ("charged in BUCKS" in told) == bool(lost)
    if lost:
        assert f"{len(lost)} record{'s' * (len(lost) > 1)} of acc" in told
