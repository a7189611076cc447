"""What changed and why: the parts by hand, and that they add up whatever is thrown at them."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.costs import cost_per
from truto_usage_nb.errors import FrameError, InputError, UsageWarning
from truto_usage_nb.result import UsageResult

M = 1_000_000
PARTS = ("volume", "rate", "mix", "new", "gone")
MONTHS = {"before": "2026-09", "after": "2026-10"}


def event(month, model, tokens, money, currency="USD", **fields):
    day = f"2026-{month}-05T10:00:00Z"
    usage = {} if tokens is None else {"usage": {"tokens": tokens if isinstance(tokens, dict) else {"total": tokens}}}
    charges = charged(currency, total=money)
    return record("u", "cursor", day, day, model=model and {"id": model}, charges=charges, **usage, **fields)


def parts(table, row=0):
    return dict(zip(PARTS, table.select(PARTS).row(row), strict=True))


def test_volume_rate_and_mix_by_hand():
    """Before: 2 M at $10 and 2 M at $2 a million, $24 for 4 M, so $6 on average; after: 1 M at $9 and 5 M at $2, $19.

    Volume (6 - 4) * 6 = 12, and the search went from $5 to $8, 3 more: 15. The new tokens at their old prices are
    1 * 10 + 5 * 2 = 20; at the old average 36: mix -16. New prices make 19 of these 20: rate -1. Together -2.
    """
    frame = frame_of([
        event("09", "dear", 2 * M, 20), event("09", "cheap", 2 * M, 4), event("09", None, None, 5),
        event("10", "dear", 1 * M, 9), event("10", "cheap", 5 * M, 10), event("10", None, None, 8),
    ])  # fmt: skip
    change = questions.cost_change(frame, "integration", **MONTHS)
    assert change.select("integration", "currency", "before", "after", "change").row(0) == ("cursor", "USD", 29, 27, -2)
    assert change["before_start"][0] == datetime(2026, 9, 1, tzinfo=UTC)
    assert parts(change) == pytest.approx({"volume": 15, "rate": -1, "mix": -16, "new": 0, "gone": 0})
    by_model = questions.cost_change(frame, "model_id", **MONTHS)
    dear = parts(by_model.filter(model_id="dear"))
    assert dear == pytest.approx({"volume": -10, "rate": -1, "mix": 0, "new": 0, "gone": 0})


def test_a_shift_between_kinds_is_mix_by_their_list_prices():
    """A list price of $5 for input and $25 for output: the same million, all output now, is five times as dear."""
    frame = frame_of([
        event("09", "claude-opus-4-5", {"input": M}, 4), event("10", "claude-opus-4-5", {"output": M}, 18)
    ])  # fmt: skip
    change = questions.cost_change(frame, "model_id", **MONTHS)
    assert parts(change) == pytest.approx({"volume": 0, "rate": -2, "mix": 16, "new": 0, "gone": 0})


def test_a_model_without_an_old_price_moves_the_mix():
    frame = frame_of([event("09", "dear", M, 10), event("10", "fresh", M, 3)])
    change = questions.cost_change(frame, "integration", **MONTHS)
    assert parts(change) == pytest.approx({"volume": 0, "rate": 0, "mix": -7, "new": 0, "gone": 0})
    by_model = questions.cost_change(frame, "model_id", **MONTHS)
    rows = {model: parts(by_model.filter(model_id=model)) for model in ("dear", "fresh")}
    assert rows["dear"] == pytest.approx(dict.fromkeys(PARTS, 0) | {"gone": -10})
    assert rows["fresh"] == pytest.approx(dict.fromkeys(PARTS, 0) | {"new": 3})


SONNET = "claude-sonnet-4-5"
DATED = f"{SONNET}-20250929"


@pytest.mark.parametrize("after", [DATED, f"us.anthropic.{DATED}-v1:0", f"{SONNET}@20250929", SONNET.upper()])
@pytest.mark.parametrize("by", [None, "model_id", "integration"])
def test_a_price_cut_under_another_spelling_is_rate(after, by):
    """30 M at $3 in September, 31 M at $2 in October: 1 M more at $3, and 31 M at $1 less."""
    frame = frame_of([event("09", SONNET, 30 * M, 90), event("10", after, 31 * M, 62)])
    change = questions.cost_change(frame, by, **MONTHS)
    assert change.height == 1
    assert parts(change) == pytest.approx({"volume": 3, "rate": -31, "mix": 0, "new": 0, "gone": 0})
    if by == "model_id":
        assert change["model_id"].to_list() == [SONNET]


def test_a_row_of_models_stands_under_the_spelling_that_is_stated_alone():
    frame = frame_of([
        event("09", DATED, M, 3), event("10", DATED, M, 2), event("08", SONNET, M, 9),
        event("09", "fresh", M, 1), event("10", f"{SONNET}-fast", M, 6),
    ])  # fmt: skip
    change = questions.cost_change(frame, "model_id", **MONTHS)
    assert {m: parts(change.filter(model_id=m)) for m in change["model_id"]} == {
        DATED: dict.fromkeys(PARTS, 0) | {"rate": -1},
        "fresh": dict.fromkeys(PARTS, 0) | {"gone": -1},
        f"{SONNET}-fast": dict.fromkeys(PARTS, 0) | {"new": 6},  # another price, so another model
    }


def test_money_and_tokens_of_different_records_meet_even_where_one_side_names_no_model():
    """Claude's cost without a model beside usage by model: the account's average price, no mix."""
    span = {"09": ("2026-09-05", "2026-09-06"), "10": ("2026-10-05", "2026-10-06")}
    records = [
        record("c", "claude", *span[month], report_type="usage", model={"id": "m"}, usage={"tokens": {"total": tokens}})
        for month, tokens in (("09", 2 * M), ("10", 3 * M))
    ]
    records += [
        record("c", "claude", *span[month], report_type="cost", charges=charged(net=money))
        for month, money in (("09", 8), ("10", 15))
    ]
    change = questions.cost_change(frame_of(records), "integration", **MONTHS)
    assert parts(change) == pytest.approx({"volume": 4, "rate": 3, "mix": 0, "new": 0, "gone": 0})


def test_currencies_stand_in_blocks_and_the_largest_change_first():
    euro = {"integrated_account_id": "e"}
    frame = frame_of([
        event("09", "a", M, 1), event("10", "a", M, 2), event("09", "b", M, 50), event("10", "b", M, 10),
        event("09", "a", M, 5, "EUR") | euro, event("10", "a", M, 6, "EUR") | euro,
    ])  # fmt: skip
    change = questions.cost_change(frame, "model_id", **MONTHS)
    assert change.select("currency", "model_id", "change").rows() == [
        ("USD", "b", -40),  # 12 dollars after, 6 euros
        ("USD", "a", 1),
        ("EUR", "a", 1),
    ]


def daily(first, last, **more):
    days = pl.date_range(first, last, "1d", eager=True)
    return [record("u", "cursor", f"{d}T12:00:00Z", f"{d}T12:00:00Z", charges=charged(total=1), **more) for d in days]


def test_the_last_two_complete_months_are_compared():
    frame = frame_of(daily(pl.date(2026, 8, 20), pl.date(2026, 11, 12)))
    change = questions.cost_change(frame)
    assert [f"{d:%Y-%m}" for d in change.select("before_start", "after_start").row(0)] == ["2026-09", "2026-10"]
    assert change.select("before", "after").row(0) == (30, 31)
    weeks = questions.cost_change(frame, every="1w")
    assert [f"{d:%m-%d}" for d in weeks.select("before_start", "after_start").row(0)] == ["10-26", "11-02"]
    assert questions.cost_change(frame, after="2026-09-01", before="2026-08").select("before", "after").row(0) == (
        12,
        30,
    )


def test_a_fixed_month_does_not_make_an_open_one_complete():
    records = daily(pl.date(2026, 9, 1), pl.date(2026, 11, 12))
    for month, end in (("09", "10-01"), ("10", "11-01"), ("11", "12-01")):
        records.append(record("d", "datadog", f"2026-{month}-01", f"2026-{end}", charges=charged(committed=100)))
    change = questions.cost_change(frame_of(records))
    assert change["after_start"][0] == datetime(2026, 10, 1, tzinfo=UTC)
    assert parts(change) == pytest.approx(dict.fromkeys(PARTS, 0) | {"volume": 1})


def test_when_a_result_was_fetched_says_whether_the_later_month_runs():
    """Cursor's events state no moment of their own: 11 whole days of November are there at noon on the 12th."""
    frame = frame_of(daily(pl.date(2026, 10, 1), pl.date(2026, 11, 12)))
    months = {"before": "2026-10", "after": "2026-11"}
    assert questions.cost_change(frame, **months).select("before", "after").row(0) == (31, 12)
    told = UsageResult(polars=frame, queries=(), fetched_at=datetime(2026, 11, 12, 12, tzinfo=UTC))
    with pytest.warns(UsageWarning, match="holds 2026-11-01 to 2026-11-11 so far of the later one.*to 2026-10-11"):
        assert questions.cost_change(told, **months).select("before", "after").row(0) == (11, 11)
    over = UsageResult(polars=frame, queries=(), fetched_at=datetime(2026, 12, 12, tzinfo=UTC))
    assert questions.cost_change(over, **months).select("before", "after").row(0) == (31, 12)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({}, InputError, "compares two complete buckets of 1mo; the frame holds 2026-10-01.*load|Load a longer period"),
        ({"before": "2026-07", "after": "2026-10"}, InputError, "before='2026-07' is not the start of a bucket"),
        ({"before": "2026-10", "after": "2026-09"}, InputError, "before=2026-10-01 must lie before after=2026-09-01"),
        ({"before": "last month"}, InputError, "before='last month' is no day"),
        ({"every": "1m"}, InputError, "every='1m' is not allowed. Did you mean '1mo'"),
        ({"measure": "net"}, InputError, "measure='net' is not allowed"),
        ({"by": "volume"}, FrameError, "by='volume' is also a column of the table"),
        ({"keeps": {}}, InputError, "keeps is not a choice"),
    ],
)
def test_questions_that_cannot_be_asked(options, error, match):
    frame = frame_of(daily(pl.date(2026, 9, 20), pl.date(2026, 10, 31)))
    with pytest.raises(error, match=match):
        questions.cost_change(frame, **options)


def test_months_of_different_age_are_told():
    """Claude may correct thirty days: in a load of 10 November, September is final and October is not."""
    records = [
        record("c", "claude", f"2026-{m}-05", f"2026-{m}-06", report_type="cost", charges=charged(net=5), updated_at=at)
        for m, at in (("09", "2026-10-05T00:00:00Z"), ("10", "2026-11-10T00:00:00Z"))
    ]
    with pytest.warns(
        UsageWarning, match=r"2026-09-01 is final, 2026-10-01 may still change for claude \(2026-10-11\)"
    ):
        questions.cost_change(frame_of(records), **MONTHS)


models = st.sampled_from(["claude-opus-4-5", "claude-sonnet-4-5", "x", None])
amounts = st.integers(-100_000, 1_000_000).map(lambda n: n / 1000)
counts = st.one_of(st.none(), st.integers(0, 10**9), st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)))


@pytest.mark.drill
@settings(max_examples=20)
@pytest.mark.filterwarnings("ignore:.*charged in two currencies")
@given(
    facts=st.lists(
        st.tuples(
            st.sampled_from(["09", "10"]),
            models,
            counts,
            amounts,
            st.sampled_from(["USD", "EUR"]),
            st.sampled_from("uv"),
        ),
        min_size=2,
        max_size=14,
    ),
    by=st.sampled_from([None, "model_id", ["integrated_account_id", "model_id"]]),
)
def test_the_parts_add_up_to_the_change_and_the_change_to_the_cost_tables(facts, by):
    records = [event("09", "x", M, 1), event("10", "x", M, 1)]
    for month, model, tokens, money, currency, account in facts:
        stated = {"input": tokens[0], "output": tokens[1]} if isinstance(tokens, tuple) else tokens
        records.append(event(month, model, stated, money, currency) | {"integrated_account_id": account})
    frame = frame_of(records)
    change = questions.cost_change(frame, by, overlap="allow", **MONTHS)
    for row in change.iter_rows(named=True):
        assert sum(row[part] for part in PARTS) == pytest.approx(row["change"], abs=1e-6, rel=1e-9)
        assert row["after"] - row["before"] == pytest.approx(row["change"], abs=1e-9)
    stated = cost_per(frame, overlap="allow").filter(pl.col("cost").is_not_null())
    both = change.group_by("currency").agg((pl.col("before") + pl.col("after")).sum())
    assert dict(both.iter_rows()) == pytest.approx(dict(stated.select("currency", "cost").iter_rows()), abs=1e-6)
