"""The calendar: buckets, spreading, instants, zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.costs import cost_per

PACIFIC = "America/Los_Angeles"


def bill(start: str, end: str, amount: float = 1.0, tokens: int | None = None) -> dict[str, Any]:
    usage = {"usage": {"tokens": {"total": tokens}}} if tokens is not None else {}
    source = {"integrated_account_id": "a", "integration": "confluent"}
    return source | {"start_date": start, "end_date": end, "charges": charged(total=amount)} | usage


def buckets(records: list[dict[str, Any]], every: str, zone: str = "UTC") -> list[tuple[str, float]]:
    table = cost_per(frame_of(records), every=every, time_zone=zone)
    return [(f"{start:%Y-%m-%d %H:%M}", round(cost, 9)) for start, cost in table.select("period_start", "cost").rows()]


def test_weeks_start_on_monday():
    # 5 October 2026 is a Monday.
    assert buckets([bill("2026-10-04", "2026-10-05"), bill("2026-10-05", "2026-10-06", 2)], "1w") == [
        ("2026-09-28 00:00", 1.0),
        ("2026-10-05 00:00", 2.0),
    ]


@pytest.mark.parametrize(
    ("every", "start"), [("1d", "2026-11-15"), ("1mo", "2026-11-01"), ("1q", "2026-10-01"), ("1y", "2026-01-01")]
)
def test_calendar_buckets(every, start):
    assert buckets([bill("2026-11-15", "2026-11-16")], every) == [(f"{start} 00:00", 1.0)]


def test_time_stands_first_and_the_zone_is_in_the_column():
    table = cost_per(frame_of([bill("2026-10-05", "2026-10-06")]), "integration", every="1d", time_zone="Europe/Berlin")
    assert table.columns[:3] == ["period_start", "integration", "currency"]
    assert table["period_start"].to_list() == [datetime(2026, 10, 5, tzinfo=ZoneInfo("Europe/Berlin"))]


def test_a_month_is_spread_over_its_days():
    # 3,100 over 31 days: 100 each, all of it spread.
    table = cost_per(frame_of([bill("2026-10-01", "2026-11-01", 3100)]), every="1d")
    assert table.height == 31
    assert table["cost"].to_list() == pytest.approx([100.0] * 31)
    assert table["spread_cost"].to_list() == pytest.approx([100.0] * 31)


def test_a_cycle_that_straddles_months_is_parted_by_time():
    # 14 October to 14 November: 18 days and 13 days of 31.
    table = cost_per(frame_of([bill("2026-10-14", "2026-11-14", 310)]), every="1mo")
    assert table.select("cost", "spread_cost").rows() == [
        (pytest.approx(180.0), pytest.approx(180.0)),
        (pytest.approx(130.0), pytest.approx(130.0)),
    ]


def test_a_calendar_month_in_its_own_bucket_is_whole():
    table = cost_per(frame_of([bill("2026-10-01", "2026-11-01", 3100)]), every="1mo")
    assert table.select("cost", "spread_cost").rows() == [(3100.0, 0.0)]


def test_a_day_is_spread_over_its_hours_and_tokens_stay_whole():
    table = cost_per(frame_of([bill("2026-10-05", "2026-10-06", 24, tokens=100)]), every="1h")
    assert table["cost"].to_list() == pytest.approx([1.0] * 24)
    assert table["tokens"].sum() == 100
    assert set(table["tokens"]) == {4, 5}


def test_an_instant_lies_in_the_bucket_that_holds_it():
    records = [
        bill("2026-10-05T10:00:00Z", "2026-10-05T10:00:00Z"),
        bill("2026-10-05T10:59:59Z", "2026-10-05T10:59:59Z"),
    ]
    assert buckets(records, "1h") == [("2026-10-05 10:00", 2.0)]
    midnight = [bill("2026-10-06T00:00:00Z", "2026-10-06T00:00:00Z")]
    assert buckets(midnight, "1d") == [("2026-10-06 00:00", 1.0)]


def test_records_of_a_day_keep_their_utc_date_in_every_zone():
    assert buckets([bill("2026-11-01", "2026-11-02")], "1mo", PACIFIC) == [("2026-11-01 00:00", 1.0)]


def test_hours_and_instants_follow_the_zone():
    instant = bill("2026-11-01T03:00:00Z", "2026-11-01T03:00:00Z")  # 31 October, 20:00 in California
    assert buckets([instant], "1mo", PACIFIC) == [("2026-10-01 00:00", 1.0)]
    # Kathmandu is 5:45 ahead: 18:15Z is midnight.
    late = [bill("2026-10-05T18:15:00Z", "2026-10-05T18:15:00Z"), bill("2026-10-05T18:14:59Z", "2026-10-05T18:14:59Z")]
    assert buckets(late, "1d", "Asia/Kathmandu") == [("2026-10-05 00:00", 1.0), ("2026-10-06 00:00", 1.0)]


def test_the_hour_that_comes_twice():
    # Berlin, 25 October 2026: 00:30Z and 01:30Z are both 02:30.
    records = [bill(f"2026-10-25T0{h}:30:00Z", f"2026-10-25T0{h}:30:00Z") for h in (0, 1)]
    table = cost_per(frame_of(records), every="1h", time_zone="Europe/Berlin")
    assert [start.astimezone(UTC).hour for start in table["period_start"]] == [0, 1]


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        # The clock goes from 24:00 to 1:00, so that the first instant of the day is 1:00.
        ("Africa/Cairo", "2026-04-24", "2026-04-23 22:00"),  # 2 hours ahead until then
        ("Asia/Beirut", "2026-03-29", "2026-03-28 22:00"),  # 2 hours ahead
        ("America/Santiago", "2026-09-06", "2026-09-06 04:00"),  # 4 hours behind
        # ... and in Havana it goes from 1:00 back to 0:00: the first midnight is at 4 hours behind, the second at 5.
        ("America/Havana", "2026-11-01", "2026-11-01 04:00"),
    ],
)
def test_a_day_begins_at_its_first_instant(zone, day, start):
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    after = [first + timedelta(minutes=m) for m in (0, 15, 60, 75, 12 * 60)]  # 60: Havana's second midnight
    instants = [bill(each.isoformat(), each.isoformat(), 1) for each in after]
    before = bill((first - timedelta(minutes=1)).isoformat(), (first - timedelta(minutes=1)).isoformat(), 100)
    hour = bill(first.isoformat(), (first + timedelta(hours=1)).isoformat(), 10)
    whole = bill(day, (datetime.fromisoformat(day) + timedelta(days=1)).isoformat(), 1000)
    frame = frame_of([before, *instants, hour, whole])
    table = cost_per(frame, every="1d", time_zone=zone, overlap="allow")
    assert table["cost"].to_list() == [100, 5 + 10 + 1000]  # five instants, an hour, the day
    assert table["period_start"].dt.convert_time_zone("UTC")[1] == first


def test_days_of_a_month_that_is_spread_begin_at_their_first_instant():
    table = cost_per(frame_of([bill("2026-04-01", "2026-05-01", 3000)]), every="1d", time_zone="Africa/Cairo")
    assert table["cost"].to_list() == pytest.approx([100.0] * 30)
    assert [f"{start:%H:%M}" for start in table["period_start"]] == [*["00:00"] * 23, "01:00", *["00:00"] * 6]


@pytest.mark.parametrize(
    ("every", "starts"),
    [
        ("1d", ["2026-10-31 00:00-04:00", "2026-11-01 00:00-04:00", "2026-11-02 00:00-05:00"]),
        ("1w", ["2026-10-26 00:00-04:00", "2026-11-02 00:00-05:00"]),
        ("1mo", ["2026-10-01 00:00-04:00", "2026-11-01 00:00-04:00"]),
        ("1q", ["2026-10-01 00:00-04:00"]),
        ("1y", ["2026-01-01 00:00-05:00"]),
    ],
)
def test_a_month_with_two_midnights_is_one_bucket(every, starts):
    """Havana, 1 November 2026: midnight is 4:00Z, and again 5:00Z. 5:00Z of the 2nd is the next midnight."""
    at = ("2026-11-01T03:59:00Z", "2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T05:00:00Z")
    days = [bill("2026-10-31", "2026-11-01"), bill("2026-11-01", "2026-11-02"), bill("2026-11-02", "2026-11-03")]
    for records in ([bill(each, each) for each in at], days):
        table = cost_per(frame_of(records), every=every, time_zone="America/Havana")
        assert [start.isoformat(" ", "minutes") for start in table["period_start"]] == starts
        assert table["cost"].sum() == len(records)


def test_a_year_without_a_midnight():
    # Lima's year 1986 began at 1:00.
    at = ("1986-01-01T05:00:00Z", "1986-07-01T05:00:00Z")
    table = cost_per(frame_of([bill(each, each) for each in at]), every="1y", time_zone="America/Lima")
    assert [start.isoformat(" ", "minutes") for start in table["period_start"]] == ["1986-01-01 01:00-04:00"]


def test_a_day_that_never_was_has_no_bucket():
    """Samoa went from the end of 29 December 2011, 10 hours behind, to 31 December, 14 hours ahead: at 10:00Z."""
    days = [bill(f"2011-12-{day}", f"2011-12-{day + 1}", day) for day in (29, 30)]
    spread = bill("2011-12-29", "2012-01-01", 30) | {"integrated_account_id": "b"}
    at = [bill(each, each, 1000) for each in ("2011-12-30T09:59:00Z", "2011-12-30T10:00:00Z")]
    table = cost_per(frame_of([*days, spread, *at]), every="1d", time_zone="Pacific/Apia")
    assert table["period_start"].dt.to_string("%Y-%m-%d %H:%M").to_list() == ["2011-12-29 00:00", "2011-12-31 00:00"]
    assert table["cost"].to_list() == pytest.approx([29 + 10 + 1000, 30 + 20 + 1000])
    assert table["spread_cost"].to_list() == pytest.approx([10, 20])


def test_hours_where_the_clock_changes_by_half_an_hour():
    """Lord Howe, 5 April 2026: at 15:00Z the clock goes from 2:00 (11 hours ahead) back to 1:30 (10:30 ahead)."""
    zone = "Australia/Lord_Howe"
    at = [f"2026-04-04T{each}:00Z" for each in ("13:59", "14:00", "14:59", "15:00", "15:29", "15:30")]
    assert buckets([bill(each, each) for each in at], "1h", zone) == [
        ("2026-04-05 00:00", 1.0), ("2026-04-05 01:00", 4.0), ("2026-04-05 02:00", 1.0),
    ]  # fmt: skip
    # A day of 24: a dollar an hour, so 1.50 in the hour that is half as long again, and half in the last one, which
    # begins at 23:30Z. On 4 October the clock goes from 2:00 to 2:30: that hour has half.
    hours = buckets([bill("2026-04-04", "2026-04-05", 24)], "1h", zone)
    assert [cost for _, cost in hours] == [1.0] * 14 + [1.5] + [1.0] * 8 + [0.5]
    hours = buckets([bill("2026-10-03", "2026-10-04", 24)], "1h", zone)
    assert hours[0] == ("2026-10-03 10:00", 0.5)
    assert ("2026-10-04 02:30", 0.5) in hours
    assert [cost for _, cost in hours[1:]] == [1.0] * 15 + [0.5] + [1.0] * 8


def test_hours_of_a_zone_that_is_three_quarters_of_an_hour_off():
    # 10:00Z to 12:30Z is 15:45 to 18:15 in Kathmandu: a quarter, two hours, a quarter, of 2.5 hours for $10.
    assert buckets([bill("2026-10-05T10:00:00Z", "2026-10-05T12:30:00Z", 10)], "1h", "Asia/Kathmandu") == [
        ("2026-10-05 15:00", 1.0), ("2026-10-05 16:00", 4.0), ("2026-10-05 17:00", 4.0), ("2026-10-05 18:00", 1.0),
    ]  # fmt: skip


def test_an_hour_that_is_skipped_and_one_that_comes_twice_in_a_spread_day():
    # Berlin: 25 October 2026 has 25 hours, 29 March has 23; the records are the UTC days, each 24 hours long.
    day = buckets([bill("2026-10-25", "2026-10-26", 24)], "1h", "Europe/Berlin")
    assert [start for start, _ in day[:3]] == ["2026-10-25 02:00", "2026-10-25 02:00", "2026-10-25 03:00"]
    assert len(day) == 24
    day = buckets([bill("2026-03-29", "2026-03-30", 24)], "1h", "Europe/Berlin")
    assert [start for start, _ in day[:3]] == ["2026-03-29 01:00", "2026-03-29 03:00", "2026-03-29 04:00"]
    assert len(day) == 24


ODD = [
    "Africa/Cairo", "Asia/Beirut", "America/Havana", "America/Santiago", "America/Asuncion", "Pacific/Apia",
    "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca",
    "Antarctica/Troll", "America/Sao_Paulo", "Asia/Gaza", "Atlantic/Azores",
]  # fmt: skip


@pytest.mark.drill
@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 20 * 365 * 96), min_size=1, max_size=8),
    st.sampled_from(["1h", "1d", "1w", "1mo", "1q", "1y"]),
    st.sampled_from(ODD),
)
def test_a_bucket_begins_at_its_first_instant_in_every_zone(quarters, every, zone):
    """The rule itself, asked of Python's calendar: a minute before the start the clock shows another bucket."""
    there = ZoneInfo(zone)
    at = [datetime(2005, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * number) for number in quarters]
    records = [bill(each.isoformat(), each.isoformat()) for each in sorted(set(at))]
    table = cost_per(frame_of(records), every=every, time_zone=zone)
    starts = [start.astimezone(UTC) for start in table["period_start"]]
    assert len(set(starts)) == len(starts)
    assert table["cost"].sum() == len(records)
    for each in at:
        start = max(start for start in starts if start <= each)
        assert _opened(start, there, every) == _opened(each, there, every)
        assert _opened(start - timedelta(minutes=1), there, every) < _opened(start, there, every) or every == "1h"


def _opened(moment: datetime, zone: ZoneInfo, every: str) -> datetime:
    """What the clock showed when the bucket of a moment began, were no midnight ever skipped."""
    wall = moment.astimezone(zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    if every == "1h":
        return wall
    midnight = wall.replace(hour=0)
    month = {"1mo": wall.month, "1q": (wall.month - 1) // 3 * 3 + 1, "1y": 1}.get(every)
    if every == "1w":
        return midnight - timedelta(days=midnight.weekday())
    return midnight if month is None else midnight.replace(day=1, month=month)


def test_a_record_without_a_start_has_a_line_of_its_own():
    nameless = bill("2026-10-05", "2026-10-06") | {"start_date": None, "end_date": None}
    table = cost_per(frame_of([bill("2026-10-05", "2026-10-06"), nameless]), every="1d")
    assert table["period_start"].to_list() == [datetime(2026, 10, 5, tzinfo=UTC), None]


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 2000), st.floats(-1e6, 1e6), st.integers(0, 10**9)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["1h", "1d", "1w", "1mo", "1q", "1y"]),
    st.sampled_from(["UTC", PACIFIC, "Asia/Kathmandu", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe"]),
)
def test_spreading_changes_no_sum(spans, every, zone):
    records = [
        bill(_moment(start), _moment(start + length), amount, tokens) | {"integrated_account_id": str(i)}
        for i, (start, length, amount, tokens) in enumerate(spans)
    ]
    frame = frame_of(records)
    whole, parts = cost_per(frame, overlap="allow"), cost_per(frame, every=every, time_zone=zone, overlap="allow")
    scale = sum(abs(amount) for _, _, amount, _ in spans)
    assert parts["cost"].sum() == pytest.approx(whole["cost"].sum(), rel=1e-9, abs=1e-9 * scale + 1e-12)
    for column in ("tokens", "unpriced_tokens"):
        assert parts[column].sum() == whole[column].sum()


def _moment(hours: int) -> str:
    return datetime.fromtimestamp(1_759_276_800 + hours * 3600, tz=UTC).isoformat()
