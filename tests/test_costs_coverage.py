"""What a load covers, and the clean-up of repeats."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from tests.backends_for_tests import KINDS, as_kind, as_polars, kind_name
from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.costs.coverage import coverage, days_over
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.repeats import deduplicate


def record(day: int, amount: float | None = None, **fields: Any) -> dict[str, Any]:
    charges = {"charges": charged(total=amount)} if amount is not None else {}
    dates = {"start_date": f"2026-10-{day:02}", "end_date": f"2026-10-{day + 1:02}"}
    return {"integrated_account_id": "c", "integration": "claude", "report_type": "cost", **dates, **charges} | fields


def test_days_held_and_missing():
    frame = frame_of([record(d, 1.0) for d in (1, 2, 3, 5, 9)])
    row = coverage(frame).accounts.row(0, named=True)
    assert (row["first_day"], row["last_day"]) == (date(2026, 10, 1), date(2026, 10, 9))
    assert (row["days_held"], row["days_missing"]) == (5, 4)
    assert row["missing_days"] == "2026-10-04, 2026-10-06..2026-10-08"


def test_a_month_covers_its_days_and_an_instant_its_own():
    month = record(1, 5.0) | {"end_date": "2026-11-01"}
    assert coverage(frame_of([month])).accounts["days_held"].to_list() == [31]
    instant = record(5) | {"start_date": "2026-10-05T23:59:59Z", "end_date": "2026-10-05T23:59:59Z"}
    assert coverage(frame_of([instant])).accounts["days_held"].to_list() == [1]


def test_the_period_of_a_result_shows_what_is_missing_at_its_ends():
    frame = frame_of([record(d, 1.0) for d in (4, 5)])
    period = SimpleNamespace(start=datetime(2026, 10, 1, tzinfo=UTC), end=datetime(2026, 11, 1, tzinfo=UTC))
    settled = datetime(2026, 10, 3, tzinfo=UTC)
    result = SimpleNamespace(
        frame=frame, period=period, fetched_at=datetime(2026, 10, 7, 12, tzinfo=UTC), settled_until={"c": settled},
        partial=True, gaps=("c failed on 2026-10-06",),
    )  # fmt: skip
    found = coverage(result)
    row = found.accounts.row(0, named=True)
    # Until the day of the fetch: 1-3, 6 and 7 October are missing.
    assert row["missing_days"] == "2026-10-01..2026-10-03, 2026-10-06..2026-10-07"
    assert row["settled_until"] == settled
    assert "partial" in repr(found)
    assert "c failed on 2026-10-06" in found._repr_html_()


def test_a_day_that_had_not_begun_is_not_missing_and_one_that_had_only_begun_is_no_gap():
    frame = frame_of([record(d, 1.0) for d in (4, 5, 6)])
    period = SimpleNamespace(start=datetime(2026, 10, 4, tzinfo=UTC), end=datetime(2026, 11, 1, tzinfo=UTC))
    known = {"frame": frame, "period": period, "settled_until": {}}
    midnight = coverage(SimpleNamespace(**known, fetched_at=datetime(2026, 10, 7, tzinfo=UTC)))
    assert midnight.accounts.select("days_held", "days_missing").row(0) == (3, 0)
    noon = coverage(SimpleNamespace(**known, fetched_at=datetime(2026, 10, 7, 12, tzinfo=UTC)))
    stated = noon.accounts["missing_days"][0]
    assert stated == "2026-10-07"
    assert days_over(stated, date(2026, 10, 7)) == (0, None)
    assert days_over(None, date(2026, 10, 7)) == (0, None)


def test_money_tokens_and_flags():
    frame = frame_of([
        record(1, 30.0),
        record(1, report_type="usage", usage={"tokens": {"total": 75}}),
        record(2, report_type="usage", usage={"tokens": {"total": 25}}),
        record(3, None, charges=charged("EUR", total=7.0)),
    ])  # fmt: skip
    found = coverage(frame)
    assert found.money.select("report_type", "currency", "cost").rows() == [("cost", "EUR", 7.0), ("cost", "USD", 30.0)]
    assert found.accounts.select("report_type", "records", "tokens", "priced_share").rows() == [
        ("cost", 2, 0, None),
        ("usage", 2, 100, 0.75),
    ]
    assert found.flags.select("report_type", "cost_flag", "currency", "records", "cost").rows() == [
        ("cost", "list_assumed", "EUR", 1, 7.0),
        ("cost", "list_assumed", "USD", 1, 30.0),
        ("usage", "no_charges", None, 2, None),
    ]


def test_nothing_is_refused():
    twice = record(1, 5.0, id="a")
    frame = frame_of([twice, twice, record(1, 5.0, report_type="user_cost")])
    marked = frame.with_columns(overhangs_period=pl.Series([True, False, False]))
    rows = coverage(marked).accounts.select("report_type", "records", "overhanging", "repeated").rows()
    assert rows == [("cost", 2, 1, 1), ("user_cost", 1, 0, 0)]


def test_the_money_of_a_flag_is_what_it_is_about():
    frame = frame_of([
        record(1, charges=charged(credit=40)),
        record(1, report_type="activity", charges=charged(usage_based=1.86)),
        record(1, charges=charged("CREDITS", usage_based=9)),
    ])  # fmt: skip
    rows = coverage(frame).flags.select("cost_flag", "currency", "records", "cost").rows()
    assert rows == [
        ("estimate", "USD", 1, 1.86),
        ("credit_sign", "USD", 1, -40.0),
        ("virtual_currency", "CREDITS", 1, None),
    ]


def test_records_without_an_id_that_say_the_same_are_counted():
    frame = frame_of([record(1, 5.0), record(1, 5.0), record(1, 5.0), record(1, 6.0), record(1, 7.0, id="a")])
    assert coverage(frame).notes == (
        "2 records without an id say just what another one says; all of them count",
        "a frame cannot know who was asked: coverage(result) of fetch_usage shows who delivered nothing too",
    )
    assert coverage(frame).money["cost"].to_list() == [28.0]


def test_other_vendors_dollars_are_named():
    metric = record(1, None, integration="datadog", metric_name="ccm_anthropic_spend_last_sum", usage={"quantity": 9.0})
    assert "other vendors' dollars" in coverage(frame_of([metric])).notes[0]


def test_the_page_escapes_what_came_from_outside():
    page = coverage(frame_of([record(1, 1.0, integrated_account_id="<script>")]))._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_nothing_held():
    assert coverage(frame_of([])).accounts.height == 0
    assert "seats" in repr(coverage(frame_of([])))


@pytest.mark.parametrize("kind", KINDS)
def test_coverage_on_every_kind(kind):
    frame = frame_of([record(1, 30.0), record(3, None, charges=charged("EUR", total=7.0))])
    found, wanted = coverage(as_kind(frame, kind)), coverage(frame)
    assert kind_name(found.accounts) == kind_name(as_kind(frame, kind))
    for name in ("accounts", "money", "flags"):
        assert repr(found.tables[name].rows()) == repr(wanted.tables[name].rows())


REPEATED = frame_of([
    record(1, 1.0, id="a", updated_at="2026-10-02"),
    record(1, 9.0, id="a", updated_at="2026-10-04"),
    record(1, 5.0, id="a", updated_at="2026-10-03"),
    record(2, 2.0, id="b"),
    record(2, 2.0),
    record(2, 2.0),
])  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_newest_of_a_record_is_kept(kind):
    kept = deduplicate(as_kind(REPEATED, kind))
    assert kind_name(kept) == kind_name(as_kind(REPEATED, kind))
    rows = as_polars(kept).select("id", "charges_total").rows()
    # Records without an id are kept, however alike.
    assert sorted(rows, key=repr) == sorted([("a", 9.0), ("b", 2.0), (None, 2.0), (None, 2.0)], key=repr)


def test_the_order_served_stays():
    kept = deduplicate(REPEATED)
    assert kept["id"].to_list() == ["a", "b", None, None]
    assert kept.columns == REPEATED.columns


def test_one_id_for_several_records_is_told_and_kept():
    frame = frame_of([record(1, 1.0, id="a"), record(2, 1.0, id="a"), record(2, 1.0, id="a", model={"id": "m"})])
    with pytest.warns(UsageWarning, match="1 ids stand for several records, such as 'a' of c"):
        assert deduplicate(frame).height == 3
