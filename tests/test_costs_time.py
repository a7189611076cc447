"""The calendar: buckets, spreading, instants, zones."""

from __future__ import annotations

from datetime import UTC, datetime
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
    st.sampled_from(["UTC", PACIFIC, "Asia/Kathmandu"]),
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
