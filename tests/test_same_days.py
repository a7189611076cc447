"""What runs is compared with the same days before, and nothing lies on days that have not happened: by hand."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.jobs.period_cut import settle_overhang
from truto_usage_nb.planning import Period

MONTHS = {"before": "2026-10", "after": "2026-11"}


def a_day(account, first, last, money, integration="cursor"):
    """A record of a whole day, each stamped at its end."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [
        record(account, integration, f"{day}", f"{day + timedelta(days=1)}", charges=charged(net=money),
               report_type="cost" if integration == "claude" else None,
               updated_at=f"{day + timedelta(days=1)}T00:00:00Z")
        for day in days
    ]  # fmt: skip


def month(begin, end, counted, money):
    return record("d", "datadog", begin, end, charges=charged(committed=money), product={"id": "hosts"},
                  updated_at=counted, created_at=f"{begin}T00:00:00Z")  # fmt: skip


RUNNING = [
    *a_day("k", date(2026, 10, 1), date(2026, 10, 31), 10, "confluent"),
    *a_day("k", date(2026, 11, 1), date(2026, 11, 10), 12, "confluent"),
    month("2026-10-01", "2026-11-01", "2026-11-05T00:00:00Z", 310),
    month("2026-11-01", "2026-12-01", "2026-11-11T00:00:00Z", 250),
]


def test_an_open_month_is_spread_over_the_days_it_was_counted_up_to():
    """Counted at 6 on the fourth: 300 over four days, 75 each; the same month counted in December over all thirty."""
    open_ = tu.cost_per(frame_of([month("2026-11-01", "2026-12-01", "2026-11-04T06:00:00Z", 300)]), "integration",
                        every="1d")  # fmt: skip
    assert open_.select(pl.col("period_start").dt.day(), "cost").rows() == [(1, 75), (2, 75), (3, 75), (4, 75)]
    closed = tu.cost_per(frame_of([month("2026-11-01", "2026-12-01", "2026-12-02T00:00:00Z", 300)]), "integration",
                         every="1d")  # fmt: skip
    assert closed["cost"].to_list() == [pytest.approx(10)] * 30


def test_a_part_of_an_open_month_is_its_share_of_the_days_so_far():
    """300 counted up to the end of the fourth: the second and third have 2/4, and the fifth to the seventh nothing."""
    frame = frame_of([month("2026-11-01", "2026-12-01", "2026-11-04T06:00:00Z", 300)])
    frame = frame.with_columns(overhangs_period=pl.lit(value=True))
    part = settle_overhang(frame, Period.parse(("2026-11-02", "2026-11-04")), "prorate")
    assert part.select("charges_committed", "prorated_share").row(0) == (150, 0.5)
    later = settle_overhang(frame, Period.parse(("2026-11-05", "2026-11-08")), "prorate")
    assert later["charges_committed"][0] == 0


def change(records, by="integration", **options):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UsageWarning)
        table = tu.cost_change(frame_of(records), by, **(MONTHS | options))
    return table, " ".join(str(each.message) for each in told)


def test_a_month_that_runs_is_held_against_the_same_days():
    """Ten days at 12 are 120, against ten at 10, which are 100; Datadog's 310 and 250 are of no days, and told."""
    table, told = change(RUNNING)
    assert table.select("integration", "before", "after", "change").rows() == [("confluent", 100, 120, 20)]
    ends = table.select("before_start", "before_end", "after_start", "after_end").row(0)
    assert [f"{each:%m-%d}" for each in ends] == ["10-01", "10-11", "11-01", "11-11"]
    assert "2026-11-01 to 2026-11-10 so far" in told
    assert "2026-10-01 to 2026-10-10" in told
    assert "left out (d): $310.00 of the earlier and $250.00 of the later one" in told


def test_a_day_is_compared_where_every_account_holds_it():
    """One account is a day late: nine days count, 9 * 12 + 9 * 1 against 9 * 10 + 9. Long silence holds nobody up."""
    late = [*a_day("e", date(2026, 10, 1), date(2026, 10, 31), 1, "claude"),
            *a_day("e", date(2026, 11, 1), date(2026, 11, 9), 1, "claude")]  # fmt: skip
    table, _ = change([*RUNNING, *late], None)
    assert table.select("before", "after").row(0) == (99, 117)
    table, _ = change([*RUNNING, *late[:33]], None)  # 2 in November, then silence
    assert table.select("before", "after").row(0) == (110, 122)


def test_a_day_that_runs_is_no_whole_day():
    records = [*RUNNING, record("k", "confluent", "2026-11-11", "2026-11-12", charges=charged(net=3),
                                updated_at="2026-11-11T06:00:00Z")]  # fmt: skip
    assert change(records)[0].select("before", "after").row(0) == (100, 120)


def test_a_month_that_is_over_is_compared_whole():
    """October's last record is of the 30th: a quiet Saturday, since records were still made in November."""
    records = [*a_day("k", date(2026, 9, 1), date(2026, 9, 30), 10, "confluent"),
               *a_day("k", date(2026, 10, 1), date(2026, 10, 30), 10, "confluent"),
               *a_day("k", date(2026, 11, 1), date(2026, 11, 2), 10, "confluent")]  # fmt: skip
    table, told = change(records, before="2026-09", after="2026-10")
    assert table.select("before", "after").row(0) == (300, 300)
    assert "so far" not in told


def test_a_longer_month_is_compared_by_the_days_of_the_shorter():
    """30 days of March against February's 28: 28 days each."""
    records = [*a_day("k", date(2026, 2, 1), date(2026, 2, 28), 10, "confluent"),
               *a_day("k", date(2026, 3, 1), date(2026, 3, 30), 10, "confluent")]  # fmt: skip
    table, _ = change(records, before="2026-02", after="2026-03")
    assert table.select("before", "after").row(0) == (280, 280)


def test_the_bridge_names_the_days_of_both_sides():
    table, _ = change(RUNNING)
    ax = tu.plots.bridge(table)
    assert [each.get_text() for each in ax.get_yticklabels()][:: len(ax.get_yticks()) - 1] == [
        "1 to 10 Oct 2026", "1 to 10 Nov 2026",
    ]  # fmt: skip
    ax = tu.plots.bridge(table, names=("then", "now so far"))
    assert [each.get_text() for each in ax.get_yticklabels()][-1] == "now so far"


def test_nothing_is_drawn_on_days_that_have_not_happened():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        november = frame_of(RUNNING).filter(pl.col("start_date") >= datetime(2026, 11, 1, tzinfo=UTC))
        ax = tu.plots.cost_over_time(november)
    drawn = [bar.get_height() for bar in ax.patches if bar.get_height()]
    assert drawn == [pytest.approx(12 + 25)] * 10
