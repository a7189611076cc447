"""What is unusual for a line is judged by its own past, and what could not be judged is told: by hand."""

from __future__ import annotations

import warnings
from datetime import date, timedelta

import pytest

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.errors import FrameError, UsageWarning

MONDAY = date(2026, 9, 7)
DATADOG = [(f"2026-{m:02}-01", f"2026-{m + 1:02}-01") for m in range(6, 11)]
"""June to October."""


def spent(amounts, who, account="u", currency="USD"):
    days = (MONDAY + timedelta(days=i) for i in range(len(amounts)))
    return [
        record(account, "cursor", f"{day}T12:00:00Z", f"{day}T12:00:00Z", charges=charged(currency, total=money),
               surface=who)
        for day, money in zip(days, amounts, strict=True)
        if money is not None
    ]  # fmt: skip


def months(amounts, product, *, counted=None, first=0):
    spans = DATADOG[first : first + len(amounts)]
    return [
        record("d", "datadog", begin, end, charges=charged(committed=money), surface=product,
               metric_name=product, updated_at=counted or f"{end}T12:00:00Z")
        for (begin, end), money in zip(spans, amounts, strict=True)
        if money is not None
    ]  # fmt: skip


def asked(records, by="surface"):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UsageWarning)
        table = questions.unusual(frame_of(records), by)
    return table, " ".join(str(each.message) for each in told if "not judged" in str(each.message))


def test_a_user_at_three_times_is_found_beside_whatever_is_large():
    """A working day at 5 and one at 15: usual is 5 give or take a quarter, so 15 is 8.75 beyond 6.25.

    Beside a product of 50,000 a month and a line of 10,000 a day, of which two percent would be 200.
    """
    amounts = [5.0] * 28
    amounts[9] = 15.0
    large = [*spent([10_000.0] * 28, "large"), *months([50_000.0] * 4, "hosts")]
    table, _ = asked([*spent(amounts, "user"), *large])
    assert table.rows() == [(date(2026, 9, 16), "user", "USD", 15.0, 3.75, 6.25, 8.75)]


def test_less_than_two_percent_of_a_usual_day_wakes_nobody():
    """100 a day, so usual is 75 to 125: 126.50 is 1.50 beyond it, less than the 2 of a day's 100; 128 is 3 beyond."""
    little, much = [100.0] * 28, [100.0] * 28
    little[9], much[9] = 126.5, 128.0
    table, _ = asked([*spent(little, "little"), *spent(much, "much")])
    assert table.select("surface", "excess").rows() == [("much", 3.0)]


def test_less_than_a_dollar_wakes_nobody():
    """Beside real money a line of 0.40 a day at 1.20 is 0.70 beyond 0.50; one of 1 a day at 3 is 1.75 beyond 1.25."""
    cents, dollars = [0.4] * 28, [1.0] * 28
    cents[9], dollars[9] = 1.2, 3.0
    table, _ = asked([*spent(cents, "cents"), *spent(dollars, "dollars"), *spent([500.0] * 28, "large")])
    assert table.select("surface", "excess").rows() == [("dollars", 1.75)]


def test_one_saturday_of_a_few_dollars_is_no_oddity_and_one_of_a_working_day_is():
    """Ten on every working day, nothing at weekends: a Saturday at 4 is less than half of ten, one at 6 more."""
    week = [10.0] * 5 + [None, None]
    little, much = week * 4, week * 4
    little[12], much[12] = 4.0, 6.0
    steady = spent([10.0] * 28, "steady")  # so that the account has records at weekends
    table, _ = asked([*spent(little, "little"), *spent(much, "much"), *steady])
    assert table.select("day", "surface", "cost").rows() == [(date(2026, 9, 19), "much", 6.0)]


def test_a_month_is_held_against_the_months_before_it():
    """Four months at 18,000, the fifth at 36,000: usual is 13,500 to 22,500. A month alone cannot be judged."""
    table, told = asked([*months([18_000.0] * 4 + [36_000.0], "hosts"), *months([900.0] * 5, "logs")])
    assert table.rows() == [(date(2026, 10, 1), "hosts", "USD", 36_000.0, 13_500.0, 22_500.0, 13_500.0)]
    # The first month of each line has none before it: 18,000 and 900.
    assert "2 amounts stated for longer than a day on 2 lines, $18,900" in told


def test_one_month_before_is_enough_and_none_is_told():
    days = spent([10.0] * 28, "steady")
    table, _ = asked([*days, *months([18_000.0, 36_000.0], "hosts", first=3)])
    assert table.select("day", "surface", "excess").rows() == [(date(2026, 10, 1), "hosts", 13_500.0)]
    table, told = asked([*days, *months([36_000.0], "hosts", first=4)])
    assert table.height == 0
    assert told == (
        "not judged: 1 amount stated for longer than a day on 1 line, $36,000 (no earlier one of the same length to "
        "hold them against)."
    )


def test_a_product_that_is_new_or_gone_is_found_where_its_account_has_months_before():
    table, _ = asked([*months([18_000.0] * 5, "hosts"), *months([700.0], "new", first=4), *months([500.0] * 4, "gone")])
    assert table.select("day", "surface", "cost", "usual_low", "usual_high").rows() == [
        (date(2026, 10, 1), "new", 700.0, 0.0, 0.0),
        (date(2026, 10, 1), "gone", 0.0, 375.0, 625.0),
    ]


def test_an_open_month_is_judged_upwards_alone():
    """On 6 October 300 of usually 1,000 are no drop; 1,400 are beyond 1,250 already."""
    open_ = {"counted": "2026-10-06T00:00:00Z"}
    low = [*months([1_000.0] * 4, "hosts"), *months([300.0], "hosts", first=4, **open_)]
    assert asked(low)[0].height == 0
    high = [*months([1_000.0] * 4, "hosts"), *months([1_400.0], "hosts", first=4, **open_)]
    assert asked(high)[0].select("day", "excess").rows() == [(date(2026, 10, 1), 150.0)]


def test_days_that_nothing_can_be_held_against_are_told():
    """Three days of a new line, on Monday to Wednesday, have no five others: 3 days, 60."""
    short = spent([None] * 21 + [20.0] * 3, "short")
    table, told = asked([*spent([10.0] * 24, "steady"), *short])
    assert table.height == 0
    assert told == ("not judged: 3 days on 1 line, $60.00 (fewer than 5 other days of their kind within four weeks).")


def test_nothing_but_one_month_is_refused_with_its_money():
    with pytest.raises(FrameError, match=r"Not judged: 1 amount stated for longer than a day on 1 line, \$36,000"):
        questions.unusual(frame_of(months([36_000.0], "hosts")), "surface")
