"""Where the month ends, and what went wild: the rules by hand."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.errors import FrameError, InputError, UsageWarning

FIRST = date(2026, 9, 7)
"""A Monday."""


def spent(amounts, account="u", first=FIRST, currency="USD", **more):
    """A charge a day, in turn; None is a day without a record."""
    days = (first + timedelta(days=i) for i in range(len(amounts)))
    return [
        record(
            account, "cursor", f"{day}T12:00:00Z", f"{day}T12:00:00Z", charges=charged(currency, total=money), **more
        )
        for day, money in zip(days, amounts, strict=True)
        if money is not None
    ]


def weeks(count, working=10, weekend=4):
    return ([working] * 5 + [weekend] * 2) * count


def test_a_steady_week_is_projected_to_the_cent():
    """Six weeks from 7 September end on Sunday 18 October: 12 working days and 6 weekend days of October make 144.

    To come are Monday 19 to Saturday 31: ten working days and three weekend days, 112. The rhythm never missed.
    """
    row = questions.pace(frame_of(spent(weeks(6))), 200).row(0, named=True)
    assert row["month"] == date(2026, 10, 1)
    assert row["to_date"] == pytest.approx(12 * 10 + 6 * 4)
    assert row["projected"] == pytest.approx(144 + 112)
    assert (row["low"], row["high"]) == (row["projected"], row["projected"])
    assert row["settled_to"] == date(2026, 10, 18)  # an hour before midnight: Cursor's figures of the 18th may change
    # 144 + five working days to Friday 23 = 194, + 4 on Saturday = 198, + 4 on Sunday = 202
    assert row["breaks_on"] == date(2026, 10, 25)
    assert questions.pace(frame_of(spent(weeks(6))), 300)["breaks_on"][0] is None
    # 1 to 10 October: 10 + 10 + 4 + 4 + 5 * 10 + 4
    assert questions.pace(frame_of(spent(weeks(6))), 81)["breaks_on"][0] == date(2026, 10, 10)


def test_the_range_is_what_the_past_missed_its_rhythm_by():
    """Four Mondays at 8, 10, 10 and 12, else 10: misses of 2, 0, 0 and 2 over 28 days, so a mean square of 8/28.

    Sunday 4 October is the last day; 27 days come. 1.2816 * sqrt(8/28 * (27 + 27² / 28)) = 4.988.
    """
    amounts = [10.0] * 28
    amounts[0], amounts[21] = 8.0, 12.0
    row = questions.pace(frame_of(spent(amounts))).row(0, named=True)
    assert row["projected"] == pytest.approx(40 + 270)
    assert row["high"] - row["projected"] == pytest.approx(4.988, abs=0.001)
    assert row["projected"] - row["low"] == pytest.approx(4.988, abs=0.001)


def test_a_runaway_day_is_in_the_money_but_not_in_the_rhythm():
    amounts = weeks(6)
    amounts[-4] = 500  # Thursday 15 October
    row = questions.pace(frame_of(spent(amounts))).row(0, named=True)
    assert row["to_date"] == pytest.approx(144 + 490)
    assert row["projected"] == pytest.approx(144 + 490 + 112)
    assert row["low"] >= row["to_date"]


def test_a_fixed_month_counts_whole_and_is_never_extrapolated():
    fixed = record("d", "datadog", "2026-10-01", "2026-11-01", charges=charged(committed=2000, on_demand=500))
    row = questions.pace(frame_of([*spent(weeks(6)), fixed]), 2600).row(0, named=True)
    assert row["to_date"] == pytest.approx(144 + 2500)
    assert row["projected"] == pytest.approx(144 + 112 + 2500)
    assert row["breaks_on"] == date(2026, 10, 13)  # 2,586 by Sunday 11, 2,596 on Monday, 2,606 on Tuesday
    alone = questions.pace(frame_of([fixed])).row(0, named=True)
    assert (alone["to_date"], alone["projected"], alone["low"], alone["high"]) == (2500, 2500, 2500, 2500)
    annual = record("d", "datadog", "2026-01-01", "2027-01-01", charges=charged(committed=3650))
    shared = questions.pace(frame_of([*spent(weeks(6)), annual])).row(0, named=True)
    assert shared["to_date"] == pytest.approx(144 + 310)  # 31 of 365 days


def test_a_vendor_that_is_late_is_estimated_for_the_days_it_has_not_told():
    frame = frame_of([*spent(weeks(6)), *spent(weeks(6)[:-3], "late")])
    row = questions.pace(frame).row(0, named=True)
    assert row["projected"] == pytest.approx(2 * (144 + 112))
    assert row["to_date"] == pytest.approx(144 + 144 - 18)


def test_an_outage_is_no_day_of_nothing():
    amounts = weeks(6)
    amounts[21:26] = [None] * 5
    row = questions.pace(frame_of(spent(amounts))).row(0, named=True)
    assert row["projected"] - row["to_date"] == pytest.approx(112)


def test_by_keys_currencies_and_their_budgets():
    frame = frame_of([*spent(weeks(6), surface="a"), *spent(weeks(6), "e", currency="EUR", surface="b")])
    table = questions.pace(frame, {"EUR": 200.0})
    assert table.select("currency", "budget").rows() == [("EUR", 200.0), ("USD", None)]
    by = questions.pace(frame, {"a": 100, ("b", "EUR"): 50.0}, by="surface")
    assert by.select("surface", "currency", "budget").rows() == [("b", "EUR", 50.0), ("a", "USD", 100.0)]
    assert by["breaks_on"].null_count() == 0


@pytest.mark.parametrize(
    ("budget", "options", "match"),
    [
        (100, {}, r"budget=100 does not say which of 2 rows it is for.*by currency \(EUR, USD\)"),
        ({"USB": 100}, {}, "budget names 'USB', which has no row here. Did you mean 'USD'"),
        (None, {"now": "soon"}, "now='soon' is no day"),
        (None, {"every": "1d"}, "every is not a choice"),
    ],
)
def test_budgets_and_days_that_mean_nothing(budget, options, match):
    frame = frame_of([*spent(weeks(6)), *spent(weeks(6), "e", currency="EUR")])
    with pytest.raises(InputError, match=match):
        questions.pace(frame, budget, **options)


def test_less_than_a_week_has_no_projection_and_that_is_told():
    with pytest.warns(UsageWarning, match="no projection for USD: an account there has less than 7 days"):
        row = questions.pace(frame_of(spent([5, 5, 5])), 100).row(0, named=True)
    assert row["to_date"] == 15
    assert (row["projected"], row["low"], row["high"], row["breaks_on"]) == (None, None, None, None)
    with pytest.raises(InputError, match="at least one record with a date"):
        questions.pace(frame_of([record("u", "cursor", None, None, charges=charged(total=1))]))


def test_now_looks_back_as_if_later_days_were_not_there():
    whole, then = frame_of(spent(weeks(8))), frame_of(spent(weeks(6)))
    assert questions.pace(whole, now="2026-10-19").rows() == questions.pace(then).rows()
    ended = questions.pace(whole, now="2026-11-01").row(0, named=True)
    assert (ended["month"], ended["to_date"]) == (date(2026, 10, 1), ended["projected"])


@settings(max_examples=20)
@given(st.lists(st.integers(0, 10_000), min_size=8, max_size=60), st.integers(1, 3))
def test_a_projection_is_never_below_what_is_spent_and_parts_add_up(cents, accounts):
    records = [r for a in range(accounts) for r in spent([c / 100 for c in cents], f"u{a}", surface=f"s{a}")]
    whole = questions.pace(frame_of(records)).row(0, named=True)
    assert whole["to_date"] - 1e-9 <= whole["low"] <= whole["projected"] + 1e-9
    assert whole["projected"] <= whole["high"] + 1e-9
    parts = questions.pace(frame_of(records), by="surface")
    assert parts["projected"].sum() == pytest.approx(whole["projected"])
    assert parts["to_date"].sum() == pytest.approx(whole["to_date"])


def test_a_wild_day_by_hand():
    """Twenty working days at 10, one at 30. Around it the median is 10 and the spread 0: usual is 7.50 to 12.50."""
    amounts = weeks(4)
    amounts[9] = 30  # Wednesday 16 September
    found = questions.unusual(frame_of(spent(amounts)))
    assert found.rows() == [(date(2026, 9, 16), "USD", 30.0, 7.5, 12.5, 17.5)]
    assert found.columns == ["day", "currency", "cost", "usual_low", "usual_high", "excess"]


def test_a_spread_is_usual_and_a_drop_is_told_with_its_sign():
    """Working days in turn 8, 9, 10, 11 and 12: median 10, median distance 1, so 5 * 1.4826 either side."""
    amounts = [8, 9, 10, 11, 12, 4, 4] * 5
    amounts[16] = 17  # a Wednesday at 17 is within 10 + 7.41
    assert questions.unusual(frame_of(spent(amounts))).height == 0
    amounts[16] = 2
    (row,) = questions.unusual(frame_of(spent(amounts))).iter_rows(named=True)
    assert (row["day"], row["usual_low"]) == (date(2026, 9, 23), pytest.approx(10 - 5 * 1.4826))
    assert row["excess"] == pytest.approx(2 - row["usual_low"])


def test_small_change_wakes_nobody():
    """A key of cents beside one of dollars: thrice its usual cost is less than two percent of an average day."""
    small = [0.01] * 28
    small[10] = 0.03
    frame = frame_of([*spent(weeks(4), surface="big"), *spent(small, surface="small")])
    assert questions.unusual(frame, "surface").height == 0
    assert questions.unusual(frame_of(spent(small, surface="small")), "surface").height == 1


def test_a_key_that_wakes_up_is_found_and_one_that_comes_and_goes_is_not():
    asleep = [None] * 28
    asleep[17] = 25
    frame = frame_of([*spent(weeks(4), surface="steady"), *spent([0.1], surface="k"), *spent(asleep, surface="k")])
    assert [row[:3] for row in questions.unusual(frame, "surface").iter_rows()] == [(date(2026, 9, 24), "k", "USD")]
    comes = [20 if day in (0, 2, 8, 10, 15, 22, 24) else None for day in range(28)]
    frame = frame_of([*spent(weeks(4), surface="steady"), *spent(comes, surface="k")])
    assert questions.unusual(frame, "surface").height == 0


def test_an_account_that_moves_to_another_currency_has_no_odd_days():
    """Four weeks in dollars, then four in euros: the days of one currency are no empty days of the other."""
    moved = [*spent(weeks(4)), *spent(weeks(4), first=FIRST + timedelta(days=28), currency="EUR")]
    assert questions.unusual(frame_of(moved), "integrated_account_id").height == 0


def test_days_of_an_outage_and_records_of_a_month_are_no_odd_days():
    amounts = weeks(4)
    amounts[7:10] = [None] * 3
    month = record("d", "datadog", "2026-09-01", "2026-10-01", charges=charged(committed=9000))
    with pytest.warns(UsageWarning, match=r"not judged: 1 amount stated for longer than a day on 1 line, \$9,000"):
        assert questions.unusual(frame_of([*spent(amounts), month])).height == 0


def test_too_few_days_to_know_what_is_usual():
    with pytest.raises(FrameError, match=r"needs 6 working days or 6 weekend days of one key.*the longest has 5 days"):
        questions.unusual(frame_of(spent([1] * 5)))
    with pytest.raises(FrameError, match="by='excess' is also a column"):
        questions.unusual(frame_of(spent([1] * 9)), "excess")
    with pytest.warns(UsageWarning, match=r"not judged: 2 days on 1 line, \$2.00"):  # a Saturday and a Sunday
        assert isinstance(questions.unusual(frame_of(spent([1] * 9))), pl.DataFrame)
