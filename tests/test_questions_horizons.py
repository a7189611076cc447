"""The month and the quarter, part by part: sums by hand, parts that add up, and a backtest that can fail."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.errors import InputError, UsageWarning, hearing

START, NOW = date(2026, 6, 1), date(2026, 11, 16)


def by_day(account, money, start=START, end=NOW, **more):
    """A record a day of what `money` says of the day."""
    span = [start + timedelta(days=i) for i in range((end - start).days)]
    integration = {"k": "confluent", "u": "cursor"}[account]
    return [
        record(account, integration, day.isoformat(), (day + timedelta(days=1)).isoformat(), charges=charged(net=paid))
        | more
        for day in span
        if (paid := money(day)) is not None
    ]


def by_month(committed, a_day, until=(2026, 11), seen="2026-11-16"):
    """Datadog's months from June: what is committed, and so much a day on demand, up to when it was seen."""
    made = []
    for month in range(6, until[1] + 1):
        first, after = date(2026, month, 1), date(2026, month + 1, 1)
        counted = (min(after, date.fromisoformat(seen)) - first).days
        charges = charged(committed=committed, on_demand=a_day * counted, total=committed + a_day * counted)
        updated = f"{min(after + timedelta(days=15), date.fromisoformat(seen))}T00:00:00Z"
        made.append(
            record("d", "datadog", first.isoformat(), after.isoformat(), product={"id": "hosts"}, charges=charges)
            | {"updated_at": updated}
        )
    return made


def ten(_):
    return 10.0


def forecast(records, by=None, horizon="month", **more):
    return questions.forecast_costs(frame_of(records), by, horizon=horizon, now=NOW, **more)


def row(records, horizon, **more):
    return forecast(records, horizon=horizon, **more).row(0, named=True)


def test_ten_a_day_are_300_a_month_and_920_a_quarter():
    """November has 30 days; October 31 and December 31: 310 + 300 + 310. Steady days leave no range and no error."""
    month, quarter = (row(by_day("k", ten), each) for each in ("month", "quarter"))
    assert (month["to_date"], month["projected"]) == (150, pytest.approx(300))
    assert (quarter["period_start"], quarter["period_end"]) == (date(2026, 10, 1), date(2027, 1, 1))
    assert (quarter["to_date"], quarter["projected"]) == (460, pytest.approx(920))
    for each in (month, quarter):
        assert (each["low"], each["high"]) == pytest.approx((each["projected"], each["projected"]))
        assert (each["backtest_error"], each["backtest_held"]) == (pytest.approx(0, abs=1e-9), 1.0)
    assert (month["backtests"], quarter["backtests"]) == (5, 2)  # June to October; of quarters June and July can end


def test_what_a_month_states_as_fixed_comes_again_and_what_grows_goes_by_days():
    """$1,000 committed and $2 a day: October 1,062, November 1,060, December 1,062."""
    month, quarter = (row(by_month(1000, 2.0), each) for each in ("month", "quarter"))
    assert month["projected"] == pytest.approx(1060, abs=8)  # the vendor's lateness leaves open how many days are in it
    assert quarter["projected"] == pytest.approx(1062 + 1060 + 1062, abs=16)
    assert quarter["low"] <= 3184 <= quarter["high"]


def test_several_records_of_a_month_all_come_again():
    world = by_month(1000, 2.0) + [
        one | {"product": {"id": "logs"}, "id": f"{i}"} for i, one in enumerate(by_month(500, 0.0))
    ]
    quarter = row(world, "quarter")
    assert quarter["projected"] == pytest.approx(3184 + 1500, abs=16)


def test_what_comes_once_a_month_comes_again():
    """$10 a day and $300 more on every 1st: 610 + 600 + 610 = 1,820. What came once comes no more: 920 + 300."""
    world = by_day("k", lambda day: 310.0 if day.day == 1 else 10.0)
    assert row(world, "quarter")["projected"] == pytest.approx(1820)
    once = by_day("k", lambda day: 310.0 if day == date(2026, 10, 1) else 10.0)
    assert row(once, "quarter")["projected"] == pytest.approx(1220)


def test_a_month_that_doubles_is_an_error_of_the_backtest():
    """$5 a day until the end of August and $10 since. On the 16th of August 155 was forecast and came: no error.

    On the 16th of September the level had half followed; of June to October that one alone was off.
    """
    world = by_day("k", lambda day: 5.0 if day < date(2026, 9, 1) else 10.0)
    month = row(world, "month")
    assert month["projected"] == pytest.approx(300, rel=0.01)
    assert 0 < month["backtest_error"] < 0.1
    assert month["backtest_bias"] < 0
    assert month["backtest_held"] < 1


def test_parts_add_up_to_the_whole_and_ranges_do_not():
    def wavy(day):
        return 40.0 + 8 * (day.toordinal() * 7 % 5) if day.weekday() < 5 else 6.0

    world = by_day("k", wavy) + by_day("u", lambda day: 60.0 - wavy(day) / 2) + by_month(100, 1.0)
    for horizon in ("month", "quarter"):
        whole = forecast(world, None, horizon).row(0, named=True)
        parts = forecast(world, "integration", horizon)
        for name in ("to_date", "projected"):
            assert parts[name].sum() == pytest.approx(whole[name])
        width = (parts["high"] - parts["low"]).sum()
        assert whole["high"] - whole["low"] < width  # what one loses the other wins


TEAMS = pl.DataFrame({
    "period_start": [date(2026, month, 1) for month in (9, 9, 10, 10)], "target": ["web", None] * 2,
    "currency": ["USD"] * 4, "cost": [100.0, 200.0, 240.0, 70.0],
})  # fmt: skip


def test_teams_have_their_share_of_the_newest_month_that_was_allocated():
    """October went 240 to 70: of 300 in November web is 232.26.

    By September's 1 : 2 it was 103.33 of October, not 240; and 100 of September's 300, which it was.
    """
    table = forecast(by_day("k", ten), allocated=TEAMS)
    web = table.filter(target="web").row(0, named=True)
    assert web["projected"] == pytest.approx(300 * 240 / 310)
    assert table["projected"].sum() == pytest.approx(300)
    assert web["backtests"] == 2
    assert web["backtest_bias"] == pytest.approx((310 / 3 - 240 + 300 / 3 - 100) / 340)
    plain = forecast(by_day("k", ten), allocated=TEAMS.drop("period_start").filter(pl.col("cost") > 150))
    assert plain["projected"].to_list() == pytest.approx([300 * 240 / 440, 300 * 200 / 440])
    assert plain["note"].to_list() == ["no earlier month to test it on"] * 2


def test_what_no_part_expects_goes_by_what_they_cost_so_far():
    """A job of $70 a day, each of forty projects in turn: none is often enough to be expected, all together are."""
    jobs = [
        record("k", "confluent", day.isoformat(), (day + timedelta(days=1)).isoformat(), charges=charged(net=70.0))
        | {"product": {"id": f"p{day.toordinal() % 40}"}}
        for day in (NOW - timedelta(days=1 + i) for i in range(140))
    ]
    whole, parts = forecast(jobs), forecast(jobs, "product_id")
    assert whole["projected"][0] == pytest.approx(30 * 70)
    assert parts["projected"].sum() == pytest.approx(30 * 70)


def test_currencies_stay_apart():
    world = by_day("k", ten) + by_day("u", ten, charges=charged("EUR", net=4))
    table = forecast(world, "integration")
    assert dict(table.select("currency", "projected").iter_rows()) == pytest.approx({"USD": 300, "EUR": 120})


def test_too_little_is_said_in_a_sentence():
    with pytest.raises(InputError, match="The quarter begins on 2026-10-01, and this frame on 2026-10-20"):
        row(by_day("k", ten, date(2026, 10, 20)), "quarter")
    with pytest.raises(InputError, match="46 days of records are too few"):
        row(by_day("k", ten, date(2026, 10, 1)), "quarter")
    with pytest.warns(UsageWarning, match="no projection for USD"):
        short = row(by_day("k", ten, date(2026, 11, 12)), "month")
    assert (short["to_date"], short["projected"], short["backtests"]) == (40, None, 0)
    with pytest.raises(InputError, match=r"horizon='year' is not allowed"):
        row(by_day("k", ten), "year")
    with pytest.raises(InputError, match="by= and allocated= both"):
        forecast(by_day("k", ten), "integration", allocated=TEAMS)


def test_the_last_month_of_a_quarter_needs_no_eight_weeks():
    frame = frame_of(by_day("k", ten, date(2026, 7, 1), date(2026, 9, 16)))
    with hearing():
        (found,) = questions.forecast_costs(frame, horizon="quarter", now=date(2026, 9, 16)).rows(named=True)
    assert found["projected"] == pytest.approx(920)


@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(seeds=st.lists(st.integers(1, 10**6), min_size=2, max_size=3), horizon=st.sampled_from(["month", "quarter"]))
def test_any_parts_add_up(seeds, horizon):
    world = []
    for place, seed in enumerate(seeds):
        world += by_day(
            "k", lambda day, s=seed: float((day.toordinal() * s) % 97), date(2026, 9, 15), product={"id": f"p{place}"}
        )
    with hearing():
        whole, parts = (forecast(world, by, horizon, overlap="allow") for by in (None, "product_id"))
    assert parts["projected"].sum() == pytest.approx(whole["projected"][0])
    assert (parts["low"] <= parts["high"]).all()
