"""What a report says of a period that runs, of one that is over, and of one without anything before it: by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

import truto_usage_nb as tu
from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb.errors import InputError
from truto_usage_nb.planning import Period
from truto_usage_nb.reports import loading, parts
from truto_usage_nb.result import UsageResult


def days(account, integration, first, last, money):
    """A record of each whole day."""
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [
        record(account, integration, f"{day}", f"{day + timedelta(days=1)}", charges=charged(net=money),
               product={"id": "kafka", "name": "Kafka"})
        for day in every
    ]  # fmt: skip


def month(begin, end, counted, money):
    return record("d", "datadog", begin, end, charges=charged(committed=money), product={"id": "h", "name": "Hosts"},
                  updated_at=counted)  # fmt: skip


RECORDS = [
    *days("k", "confluent", date(2026, 10, 1), date(2026, 10, 31), 10),
    *days("k", "confluent", date(2026, 11, 1), date(2026, 11, 11), 12),
    month("2026-10-01", "2026-11-01", "2026-11-05T00:00:00Z", 310),
    month("2026-11-01", "2026-12-01", "2026-11-11T14:00:00Z", 250),
]
NOW = datetime(2026, 11, 11, 14, tzinfo=UTC)


def book_of(records=RECORDS, period="2026-11", held=("2026-10-01", "2026-12-01"), now=NOW, **more):
    known = {"settled_until": {}, "fetched_at": now}
    result = UsageResult(polars=frame_of(records), queries=(), period=Period.parse(held), **known)
    return parts.Book(result=result, period=Period.parse(period), hash="f" * 64, **more)


def test_a_month_that_runs_is_held_against_the_same_days_in_words():
    """At 14:00 on the 11th: 11 * 12 + 250 = 382 so far. Ten whole days, 120 against 100: 20 more, 20 %."""
    cost, change, _ = parts.sentences(book_of())
    assert cost.startswith("November 2026 so far cost $382.00, before credits and tax")
    assert change == (
        "Against 1 to 10 October 2026 the same days so far are $20.00 more (20 %). Confluent moved most: up $20.00. "
        "Left out is what is stated for longer than a day: Datadog, $250.00 so far and $310.00 in all of October 2026."
    )


def test_a_day_that_has_not_come_explains_no_fall():
    """At 8 a day the ten days are 80 against 100: down 20, and the 11th, which is not there, has no part in it."""
    records = [*RECORDS[:31], *days("k", "confluent", date(2026, 11, 1), date(2026, 11, 10), 8)]
    change = parts.sentences(book_of(records))[1]
    assert change.endswith("$20.00 less (20 %). Confluent moved most: down $20.00.")


def test_the_day_of_the_fetch_is_no_gap_and_the_one_before_is():
    """At 14:00 on the 11th nothing is there of the 11th, which is not over; without the 10th a day's 12 are missing."""
    held = book_of([r for r in RECORDS if r["start_date"] != "2026-11-11"])
    assert not [each for each in parts.trust.doubts(held) if "gap" in each.what]
    lacking = book_of([r for r in RECORDS if r["start_date"] not in ("2026-11-10", "2026-11-11")])
    (gap,) = [each for each in parts.trust.doubts(lacking) if "gap" in each.what]
    assert (gap.what, gap.amount) == ("k (Confluent) has a gap", 12)
    assert gap.how == "1 day without a record (2026-11-10), at the account's mean of the days held"


def test_a_month_that_runs_says_so_far_in_its_head_its_tables_and_its_charts():
    book = book_of()
    assert "November 2026 so far" in parts.head(book).markup
    assert "loaded on 2026-11-11, so far" in parts.head(book).markup
    assert "Metered so far" in parts.bill(book).markup
    bridge = parts.bridge(book).markup
    alt = "From 1 to 10 October 2026 to 1 to 10 November 2026 so far: what moved the cost, USD: $120.00 after "
    assert f'alt="{alt}' in bridge
    assert ">$100.00<" in bridge
    assert ">$120.00<" in bridge
    assert "$382" not in bridge
    assert "$310" not in bridge
    assert "Cost by day, November 2026 so far" in parts.time_chart(book, "integration", "Cost by day").markup
    products = parts.by_product(book, ["confluent", "datadog"]).markup
    assert "Cost so far" in products
    assert "1 to 10 October 2026" in products


def test_a_month_that_is_over_is_compared_whole_and_nothing_is_so_far():
    """October: 31 * 10 + 310 = 620, against nothing loaded before; November as seen in December: all of both."""
    december = datetime(2026, 12, 9, tzinfo=UTC)
    records = [*RECORDS, *days("k", "confluent", date(2026, 11, 12), date(2026, 11, 30), 12)]
    book = book_of(records, now=december)
    cost, change, _ = parts.sentences(book)
    # 30 * 12 + 250 = 610 against 620: 10 less; Datadog moved most, 60 down.
    assert cost.startswith("November 2026 cost $610.00")
    assert change == "Against October 2026 that is $10.00 less (2 %). Datadog moved most: down $60.00."
    shown = [parts.head, parts.answer, parts.bill, parts.bridge, lambda b: parts.by_product(b, ["confluent"])]
    assert not any("so far" in part(book).markup for part in shown)


def test_pace_is_of_a_month_that_runs_alone():
    """Over, October has no pace and no heading for one; its 620 stand against a budget of 700 where there is one."""
    october = {"period": "2026-10", "now": datetime(2026, 12, 9, tzinfo=UTC)}
    assert parts.pace(book_of(**october)).markup == ""
    assert parts.pace(book_of(period=("2026-11-02", "2026-11-09"))).markup == ""
    budget = parts.pace(book_of(**october, budget=700)).markup
    assert "<h2>Budget</h2>" in budget
    assert ">$620.00<" in budget
    assert ">$80.00<" in budget
    for word in ("so far", "projected", "<figure"):
        assert word not in budget
    assert "<h2>Pace</h2>" in parts.pace(book_of()).markup


def test_what_was_not_judged_stands_under_the_unusual_days():
    """November alone: Datadog's month has October before it, so October's is the one that cannot be judged."""
    shown = parts.unusual(book_of()).markup
    assert "amount stated for longer than a day" not in shown
    october = parts.unusual(book_of(period="2026-10", now=datetime(2026, 12, 9, tzinfo=UTC))).markup
    assert "Not judged: 1 amount stated for longer than a day on 1 line, $310.00" in october


@pytest.mark.parametrize(
    ("period", "held", "name"),
    [
        ("2026-10-05", ("2026-10-04", "2026-10-06"), "Sunday 4 October 2026, the day before, that is"),
        (("2026-10-08", "2026-10-15"), ("2026-10-01", "2026-10-15"), "1 to 7 October 2026, the week before, that is"),
        (("2026-10-07", "2026-10-10"), ("2026-10-04", "2026-10-10"), "4 to 6 October 2026 that is"),
    ],
)
def test_whatever_is_compared_is_named(period, held, name):
    """Ten a day against ten a day: nothing more, and the bridge stands for a week as for a day."""
    book = book_of(days("k", "confluent", date(2026, 10, 1), date(2026, 10, 31), 10), period, held)
    change = parts.sentences(book)[1]
    assert change == f"Against {name} $0.00 more (0 %)."
    assert f'alt="From {name.split(",")[0].removesuffix(" that is")} to ' in parts.bridge(book).markup


def test_without_anything_before_there_is_nothing_to_compare_with_and_nothing_falls():
    """A customer's first month, whether the snapshot reaches back or not."""
    november = days("k", "confluent", date(2026, 11, 1), date(2026, 11, 11), 12)
    alone = book_of(november, held=("2026-11-01", "2026-12-01"))
    assert parts.sentences(alone)[1] == (
        "There is nothing to compare with: the snapshot does not hold October 2026, the period before."
    )
    empty = book_of(november)
    assert "Nothing can be compared with October 2026." in parts.sentences(empty)[1]
    for book in (alone, empty):
        assert "nothing to compare" in parts.bridge(book).markup
        assert "Change" not in parts.by_product(book, ["confluent"]).markup


def test_on_the_first_of_a_month_there_is_no_whole_day_to_compare():
    records = [*days("k", "confluent", date(2026, 10, 1), date(2026, 11, 1), 10)]
    book = book_of(records, now=datetime(2026, 11, 1, 9, tzinfo=UTC))
    assert parts.sentences(book)[1] == "There is nothing to compare yet: no whole day of November 2026 is there."
    assert "no whole day" in parts.bridge(book).markup


def test_a_period_before_that_cannot_be_loaded_takes_no_report_down(monkeypatch):
    """Nobody asked for it: the report's own period is there, and why nothing is compared is told."""
    asked = loading._Asking.of

    async def refused():
        await asyncio.sleep(0)
        raise InputError("a year is as far as it goes")

    def ask(asking, accounts, span, *, users=False):
        return refused() if span.start.day == 4 else asked(asking, accounts, span, users=users)

    monkeypatch.setattr(loading._Asking, "of", ask)
    result = loading.load(tu.sandbox(), ["cursor"], "2026-10-05", lambda _: None, before=1)
    assert result.period == Period.parse("2026-10-05")
    assert result.polars.height
    told = "nothing before 2026-10-05 is compared, since it could not be loaded: a year is as far as it goes"
    assert told in result.told
