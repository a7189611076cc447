"""Commitments: use by hour and month, the bill never added to, credits drawn down, the curve of the next term."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.costs import total_cost
from truto_usage_nb.errors import FrameError
from truto_usage_nb.planning import Period
from truto_usage_nb.result import UsageResult

CKU = {"account": "k", "product": "KAFKA", "quantity": 4, "unit": "CKU", "price": 2.0, "on_demand_price": 3.0,
       "start": "2026-10-01", "end": "2027-10-01", "currency": "USD", "basis": "hourly"}  # fmt: skip
HOSTS = CKU | {"account": "d", "product": "Infra Hosts", "quantity": 100, "unit": "host", "price": 15.0,
               "on_demand_price": 20.0, "basis": "monthly"}  # fmt: skip


def cluster(day, hours, money=None, month=10):
    """CKU-hours of a day."""
    at = date(2026, month, day)
    made = record("k", "confluent", at.isoformat(), date.fromordinal(at.toordinal() + 1).isoformat())
    made |= {"product": {"id": "KAFKA", "name": "Kafka"}, "usage": {"quantity": hours, "unit": "CKU-hour"}}
    return made | {"charges": charged(net=money) if money is not None else None}


def bill(committed, on_demand, month=10):
    until = f"2026-{month + 1:02}-01" if month < 12 else "2027-01-01"
    made = record("d", "datadog", f"2026-{month:02}-01", until, product={"id": "infra_host", "name": "Infra Hosts"})
    return made | {"charges": charged(committed=committed, on_demand=on_demand, total=committed + on_demand)}


def held(records, *rows):
    return questions.commitments(frame_of(records), pl.DataFrame(rows)).rows(named=True)


def test_hours_used_unused_and_beyond():
    """4 CKU for 48 hours at $2 are $384. 72 of 96 on one day (24 idle, $48), then 120 (24 beyond at $3: $72)."""
    (row,) = held([cluster(1, 72.0), cluster(2, 120.0)], CKU)
    assert (row["month"], row["renews_on"]) == (date(2026, 10, 1), date(2027, 10, 1))
    assert (row["committed_quantity"], row["used_quantity"], row["unused_quantity"]) == pytest.approx((192, 192, 24))
    assert (row["committed_cost"], row["unused_cost"], row["used_share"]) == pytest.approx((384, 48, 0.875))
    assert (row["on_demand_quantity"], row["on_demand_cost"], row["on_the_bill"]) == (24, 72, False)


def test_several_clusters_add_up_and_a_day_without_any_is_idle():
    (row,) = held([cluster(1, 60.0), cluster(1, 60.0) | {"metric": {"name": "x"}}, cluster(3, 96.0)], CKU)
    assert (row["used_quantity"], row["unused_quantity"], row["on_demand_quantity"]) == pytest.approx((216, 96, 24))


def test_what_the_bill_says_is_committed_is_never_added_to():
    """$1,500 and $200 on the bill are all that is paid; 10 hosts of $20 beyond 100: 110."""
    frame = [bill(1500, 200)]
    (row,) = held(frame, HOSTS)
    assert (row["committed_cost"], row["on_demand_cost"], row["on_the_bill"]) == (1500, 200, True)
    assert row["committed_cost"] + row["on_demand_cost"] == total_cost(frame_of(frame))
    assert (row["used_quantity"], row["unused_cost"], row["used_share"], row["note"]) == (110, 0, 1, None)
    (other,) = held(frame, HOSTS | {"product": "infra_host", "quantity": 90})
    assert other["note"] == "the bill says 1,500.00 of what is committed, the table 1,350.00"


def test_a_bill_without_on_demand_does_not_say_how_much_was_used():
    (row,) = held([bill(1500, 0)], HOSTS)
    assert (row["used_quantity"], row["unused_cost"], row["on_demand_cost"]) == (None, None, 0)
    assert "does not say how much of the commitment was used" in row["note"]
    (nothing,) = held([bill(0, 50)], HOSTS)  # the table's $1,500 are not on this bill, and not added to it
    assert (nothing["committed_cost"], nothing["on_demand_cost"]) == (0, 50)


def test_no_on_demand_price_no_cost_beyond_and_no_curve():
    bare = {name: value for name, value in CKU.items() if name != "on_demand_price"}
    (row,) = held([cluster(1, 120.0)], bare)
    assert (row["on_demand_quantity"], row["on_demand_cost"]) == (24, None)
    assert "without an on_demand_price" in row["note"]
    with pytest.raises(FrameError, match="row 1: a curve needs an on_demand_price"):
        questions.commitment_curve(frame_of([cluster(1, 120.0)]), pl.DataFrame([bare]))


def test_credits_are_drawn_down_and_end_on_a_day():
    """$1,000 of credits, $20 a day for 31 days: $380 left after October, 19 days more: through the 19th of November."""
    credits = CKU | {"product": None, "quantity": 1000, "unit": "USD", "price": 1, "basis": "prepaid"}
    (row,) = held([cluster(day, 1.0, 20) for day in range(1, 32)], credits)
    assert (row["left"], row["used_share"], row["ends_on"]) == (380, 0.62, date(2026, 11, 19))
    (idle,) = held([cluster(day, 1.0, 1) for day in range(1, 32)], credits)  # 334 days at $1 would leave $635
    assert (idle["left"], idle["ends_on"]) == (969, None)
    assert idle["note"] == "$635.00 would lapse on 2027-10-01 at the pace of the last 30 days"
    (over,) = held([cluster(day, 1.0, 100) for day in range(1, 32)], credits)
    assert (over["left"], over["ends_on"], over["on_demand_cost"]) == (0, date(2026, 10, 10), 2100)


def curve(records, *rows):
    return questions.commitment_curve(frame_of(records), pl.DataFrame(rows))


def test_the_curve_by_hand():
    """Days at 2, 4 and 6 CKU, $2 held and $3 beyond, each for 24 hours.

    Held 0: 12 x 3 = 36; 2: 6 x 2 + 6 x 3 = 30; 4: 12 x 2 + 2 x 3 = 30; 6: 18 x 2 = 36. Of two the smaller is the least.
    """
    table = curve([cluster(1, 48.0), cluster(2, 96.0), cluster(3, 144.0)], CKU)
    assert table["quantity"].to_list() == [0, 2, 4, 6]
    assert table["total_cost"].to_list() == pytest.approx([36 * 24, 30 * 24, 30 * 24, 36 * 24])
    assert table.filter(is_least=True)["quantity"].to_list() == [2]
    assert table.filter(is_held=True)["above_least"].to_list() == pytest.approx([0])
    # 1 % of 30 is 0.3: below 2 each CKU less costs 3, above 4 each one more costs 3
    assert (table["flat_from"][0], table["flat_to"][0]) == pytest.approx((1.9, 4.1))
    assert table["months"].to_list() == [1] * 4
    assert table["note"][0] == "1 month held, fewer than twelve: a season may be missing"


def test_the_curve_of_a_bill_begins_at_what_is_held():
    """100 held; 100, 110 and 130 used at $15 and $20: 4,500 + 800 = 5,300; 110: 4,950 + 400; 130: 5,850."""
    table = curve([bill(1500, 0, 8), bill(1500, 200, 9), bill(1500, 600, 10)], HOSTS)
    assert table["quantity"].to_list() == [100, 110, 130]
    assert table["total_cost"].to_list() == pytest.approx([5300, 5350, 5850])
    assert table.filter(is_least=True)["quantity"].to_list() == [100]
    assert "use below what is committed is not on the bill" in table["note"][0]


def test_twelve_months_need_no_word():
    year = [bill(1500, 20 * month, month) for month in range(1, 13)]
    assert "twelve" not in curve(year, HOSTS)["note"][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"account": "dd"}, "row 1: no record is of the account 'dd'"),
        ({"product": "Infra Host"}, "no record of d is of 'Infra Host'. Did you mean 'infra hosts'"),
        ({"basis": "yearly"}, "basis='yearly' is not allowed"),
        ({"end": "2026-10-01"}, "the term ends on 2026-10-01 and starts on 2026-10-01"),
        ({"start": "soon"}, "start='soon' is no day"),
        ({"quantity": -1}, "below zero commits to nothing"),
        ({"product": None}, "it lacks its product"),
        ({"price": "1,08"}, "say which"),
        ({"on_demand_price": "much"}, "is no number"),
        ({"currency": "dollars"}, "no currency of ISO 4217"),
    ],
)
def test_a_row_that_cannot_be_right_is_named(change, said):
    with pytest.raises(FrameError, match=said):
        held([bill(1500, 200)], HOSTS | change)


def test_two_rows_of_one_time_and_a_missing_column():
    with pytest.raises(FrameError, match="rows 1 and 2 hold Infra Hosts of d at the same time"):
        held([bill(1500, 200)], HOSTS, HOSTS | {"start": "2026-11-01"})
    with pytest.raises(FrameError, match="needs the column"):
        questions.commitments(frame_of([bill(1, 1)]), pl.DataFrame([HOSTS]).drop("basis"))


def days(records, *rows):
    return questions.commitments(frame_of(records), pl.DataFrame(rows), every="1d").rows(named=True)


def test_an_hourly_commitment_day_by_day_adds_up_to_its_month():
    """96 CKU-hours a day: 72 leave 24 ($48), 120 are 24 beyond ($72), the 3rd is idle: 96, $192."""
    world = [cluster(1, 72.0), cluster(2, 120.0), cluster(4, 96.0)]
    rows = days(world, CKU)
    assert [row["day"].day for row in rows] == [1, 2, 3, 4]
    assert [row["unused_cost"] for row in rows] == pytest.approx([48, 0, 192, 0])
    assert [row["on_demand_cost"] for row in rows] == pytest.approx([0, 72, 0, 0])
    (month,) = held(world, CKU)
    for name in ("committed_cost", "unused_cost", "on_demand_cost", "used_quantity", "unused_quantity"):
        assert sum(row[name] for row in rows) == pytest.approx(month[name]), name


TASKS = CKU | {"unit": "task", "quantity": 100, "basis": "monthly", "price": 3.0, "on_demand_price": 4.0}


def tasks(day, quantity):
    return cluster(day, quantity) | {"usage": {"quantity": quantity, "unit": "task"}}


def test_a_monthly_commitment_runs_out_on_a_day_and_lapses_on_the_last():
    """100 a month at $3: 60 on the 1st, 50 on the 2nd are 10 beyond at $4. Of 31 days each costs $300 / 31."""
    rows = days([tasks(1, 60.0), tasks(2, 50.0), tasks(31, 0.5)], TASKS)
    assert len(rows) == 31
    assert [(row["left"], row["used_share"], row["on_demand_cost"]) for row in rows[:2]] == [(40, 0.6, 0), (0, 1, 40)]
    assert sum(row["committed_cost"] for row in rows) == pytest.approx(300)
    quiet = days([tasks(1, 60.0), tasks(31, 0.5)], TASKS)  # 39.5 of 100 lapse: $118.50
    assert [row["unused_quantity"] for row in quiet[-2:]] == [0, pytest.approx(39.5)]
    (month,) = held([tasks(1, 60.0), tasks(31, 0.5)], TASKS)
    assert quiet[-1]["unused_cost"] == month["unused_cost"] == pytest.approx(118.5)


def test_of_a_month_that_is_not_over_nobody_knows_what_stays_unused():
    (row,) = held([tasks(1, 60.0), tasks(20, 1.0)], TASKS)
    assert (row["used_quantity"], row["used_share"], row["unused_quantity"], row["unused_cost"]) == (
        61,
        0.61,
        None,
        None,
    )
    assert "records are held from 2026-10-01 up to 2026-10-21 (excluded)" in row["note"]


def test_a_bill_of_a_month_that_was_still_running_is_told_and_left_out_of_the_curve():
    running = bill(1500, 200, 11) | {"updated_at": "2026-11-10T00:00:00Z"}
    row = held([bill(1500, 100, 10), running], HOSTS)[1]
    assert "the month was not over" in row["note"]
    table = curve([bill(1500, 100, 10), running], HOSTS)
    assert (table["months"][0], table["quantity"].to_list()) == (1, [0, 100, 105])
    assert "not whole and left out: 2026-11" in table["note"][0]


def test_a_month_that_a_term_holds_in_part_counts_by_days():
    """From the 17th: 15 of 31 days. Twelve months to the 17th cost twelve times the price, not thirteen."""
    (row,) = held([tasks(31, 20.0), tasks(1, 30.0)], TASKS | {"start": "2026-10-17"})
    assert row["committed_quantity"] == pytest.approx(100 * 15 / 31)
    assert row["committed_cost"] == pytest.approx(300 * 15 / 31)
    assert row["used_quantity"] == 20
    both = held(
        [bill(1500, 200)], HOSTS | {"end": "2026-10-17", "start": "2025-10-17"}, HOSTS | {"start": "2026-10-17"}
    )
    assert sum(row["committed_cost"] + row["on_demand_cost"] for row in both) == pytest.approx(1700)
    assert both[0]["note"].startswith("the bill states 2026-10 as one: by days, 52% of it")


def test_the_days_of_a_result_without_a_record_were_idle():
    """The cluster was deleted on the 2nd, and 31 days were loaded: 30 idle days of 96 CKU-hours at $2."""
    seen = datetime(2026, 11, 20, tzinfo=UTC)
    result = UsageResult(frame_of([cluster(1, 96.0)]), (), seen, period=Period.parse("2026-10"))
    (row,) = questions.commitments(result, pl.DataFrame([CKU])).rows(named=True)
    assert (row["committed_quantity"], row["unused_cost"], row["note"]) == (31 * 96, pytest.approx(30 * 96 * 2), None)
    (row,) = held([cluster(1, 96.0)], CKU)
    assert (row["committed_quantity"], row["unused_cost"]) == (96, 0)
    assert row["note"] == "records are held from 2026-10-01 up to 2026-10-02 (excluded)"


def test_credits_day_by_day_and_what_is_beyond_them_counts_once():
    """$1,000, $20 a day: 380 left on the 31st. $600 a day: 400 left, then 200 beyond, then 600 more."""
    credits = CKU | {"product": None, "quantity": 1000, "unit": "USD", "price": 1, "basis": "prepaid"}
    rows = days([cluster(day, 1.0, 20) for day in range(1, 32)], credits)
    assert [row["left"] for row in (rows[0], rows[-1])] == [980, 380]
    rows = days([cluster(day, 1.0, 600) for day in (1, 2, 3)], credits)
    assert [(row["left"], row["on_demand_cost"]) for row in rows] == [(400, 0), (0, 200), (0, 600)]
    months = held([cluster(1, 1.0, 1600), cluster(2, 1.0, 50, month=11)], credits)
    assert [row["on_demand_cost"] for row in months] == [600, 50]
    assert {row["ends_on"] for row in months} == {date(2026, 10, 1)}


def test_a_row_of_an_earlier_quantity_counts_in_its_months():
    """100 held until October, then 150: 10 beyond in September is a use of 110, not of 160."""
    earlier = HOSTS | {"start": "2025-10-01", "end": "2026-10-01"}
    table = curve([bill(1500, 200, 9), bill(2250, 200, 10)], HOSTS | {"quantity": 150}, earlier)
    assert table["quantity"].to_list() == [0, 110, 150, 160]


def test_minutes_are_hours_and_another_currency_is_refused():
    flink = [cluster(1, 2880.0) | {"usage": {"quantity": 2880.0, "unit": "CFU-minute"}}]  # 2 CFU for 24 hours
    (row,) = held(flink, CKU | {"unit": "CFU"})
    assert (row["used_quantity"], row["unused_quantity"]) == pytest.approx((48, 48))
    with pytest.raises(FrameError, match="row 1: the bill of d is in USD, and the row in EUR"):
        held([bill(1500, 200)], HOSTS | {"currency": "EUR"})
    credits = CKU | {"product": None, "basis": "prepaid", "currency": "EUR"}
    with pytest.raises(FrameError, match="the bill of k is in USD"):
        held([cluster(1, 1.0, 20)], credits)


def test_two_names_of_one_product_are_one_use():
    with pytest.raises(FrameError, match="rows 1 and 2 hold infra_host of d at the same time"):
        held([bill(1500, 200)], HOSTS, HOSTS | {"product": "infra_host"})
