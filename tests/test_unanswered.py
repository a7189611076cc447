"""Who was asked and delivered nothing: said by coverage and by the sentences of a report, never called a saving."""

from datetime import UTC, datetime
from types import SimpleNamespace

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.backends_for_tests import KINDS, as_kind
from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.errors import hearing
from truto_usage_nb.planning import Period
from truto_usage_nb.reports import parts
from truto_usage_nb.result import UsageResult, read_result
from truto_usage_nb.unanswered import Failure, SilentView, failures, gap_of, heard, unanswered, unexplained

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OCTOBER = Period.parse("2026-10")


def asked(account, report_type=None, **more):
    return tu.UsageQuery(integrated_account_id=account, report_type=report_type, **more)


def record(account, integration, day, amount=None, /, **more):
    base = {
        "integrated_account_id": account, "integration": integration, "id": f"{account}-{day}",
        "start_date": f"{day}T00:00:00Z", "end_date": f"{day}T23:59:59Z",
    }  # fmt: skip
    return base | ({"charges": charged(net=amount)} if amount is not None else {}) | more


def result_of(records, queries, integrations=None, *, period=OCTOBER, **more):
    given = {"fetched_at": NOW, "integrations": integrations or {}} | more
    return UsageResult(polars=frame_of(records), queries=tuple(queries), period=period, **given)


# coverage -------------------------------------------------------------------------------------------------------------


def test_an_account_in_an_outage_has_its_line_with_every_day_it_lacks():
    """The sandbox's codex serves nothing from 13 to 17 October."""
    result = tu.sandbox().fetch_usage(["cursor", "codex"], period=("2026-10-13", "2026-10-15"))
    found = tu.coverage(result)
    line = found.accounts.filter(integrated_account_id="codex").row(0, named=True)
    assert line == {
        "integrated_account_id": "codex", "integration": "openai_codex", "report_type": None, "records": 0,
        "first_day": None, "last_day": None, "days_held": 0, "days_missing": 2,
        "missing_days": "2026-10-13..2026-10-14", "overhanging": 0, "repeated": 0, "tokens": 0, "priced_share": None,
        "settled_until": result.settled_until["codex"],
    }  # fmt: skip
    assert found.money.filter(integrated_account_id="codex").is_empty()
    assert "asked, and delivered no record: codex (OpenAI Codex)" in found.notes[0]
    for page in (repr(found), found._repr_html_()):
        assert 0 < page.index("codex (openai_codex)") < page.index("cursor (cursor)")
        assert "delivered nothing" in page


def test_nobody_answered():
    result = result_of([], [asked("a"), asked("b", "cost"), asked("b", "usage")], {"a": "cursor", "b": "claude"})
    found = tu.coverage(result)
    lines = found.accounts.select("integrated_account_id", "report_type", "records", "days_missing").rows()
    assert lines == [("a", None, 0, 31), ("b", "cost", 0, 31), ("b", "usage", 0, 31)]
    assert found.money.is_empty()


def test_a_report_type_that_was_asked_and_did_not_come_has_its_line():
    queries = [asked("k", kind, granularity="day") for kind in ("usage", "cost")]
    records = [record("k", "claude", "2026-10-05", report_type="usage", usage={"tokens": {"total": 5}})]
    found = tu.coverage(result_of(records, queries))
    assert found.accounts.select("report_type", "records", "days_held", "days_missing").rows() == [
        ("cost", 0, 0, 31),
        ("usage", 1, 1, 30),
    ]
    assert "k (Claude): cost" in found.notes[-1]


def test_what_is_missing_ends_with_the_day_of_the_fetch():
    result = result_of([], [asked("a")], fetched_at=datetime(2026, 10, 4, 12, tzinfo=UTC))
    assert tu.coverage(result).accounts["missing_days"].to_list() == ["2026-10-01..2026-10-04"]


def test_an_account_whose_records_have_no_dates_lacks_every_day():
    records = [record("a", "cursor", "2026-10-05") | {"start_date": None, "end_date": None}]
    line = tu.coverage(result_of(records, [asked("a")])).accounts.row(0, named=True)
    assert (line["records"], line["days_held"], line["days_missing"]) == (1, 0, 31)


@pytest.mark.parametrize(
    ("dates", "missing"),
    [
        ({"date": "2026-10-05"}, "2026-10-05"),
        ({"start_date": "2026-10-05", "end_date": "2026-10-08"}, "2026-10-05..2026-10-07"),
        ({}, None),
    ],
)
def test_without_a_period_the_queries_say_which_days(dates, missing):
    found = tu.coverage(result_of([], [asked("a", **dates)], period=None))
    assert found.accounts["missing_days"].to_list() == [missing]
    assert ("not known" in repr(found)) is (missing is None)


def test_a_frame_cannot_know_who_was_asked():
    found = tu.coverage(frame_of([record("a", "cursor", "2026-10-05")]))
    assert found.notes == (
        "a frame cannot know who was asked: coverage(result) of fetch_usage shows who delivered nothing too",
    )


def test_nobody_is_missing_where_everybody_answered():
    records = [record("a", "cursor", "2026-10-05"), record("k", "claude", "2026-10-05", report_type="cost")]
    found = tu.coverage(result_of(records, [asked("a"), asked("k", "cost")]))
    assert (found.accounts.height, found.notes) == (2, ())


def test_what_a_service_names_otherwise_has_answered():
    query = asked("k", "cost")
    records = [record("k", "claude", "2026-10-05", report_type="cost_report", query_id=query.query_id)]
    assert tu.coverage(result_of(records, [query])).accounts["report_type"].to_list() == ["cost_report"]


def test_a_report_type_that_a_vendor_ignores_is_none_of_its_lines():
    queries = [asked("d", "usage"), asked("d", "cost")]
    assert unanswered(queries, heard(frame_of([record("d", "datadog", "2026-10-05")]))) == []
    silent = unanswered(queries, heard(frame_of([])), {"d": "datadog"})
    assert silent == [SilentView("d", "datadog", None)]
    assert str(silent[0]) == "d (Datadog) delivered no record"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_frame_shows_who_is_silent(kind):
    frame = frame_of([record("a", "cursor", "2026-10-05", 2.0)])
    result = SimpleNamespace(
        frame=as_kind(frame, kind), queries=(asked("a"), asked("b")), integrations={"b": "datadog"}, period=OCTOBER,
        fetched_at=NOW, settled_until={}, partial=False, gaps=(),
    )  # fmt: skip
    rows = tu.coverage(result).tables["accounts"].select("integrated_account_id", "integration", "records").rows()
    assert rows == [("a", "cursor", 1), ("b", "datadog", 0)]


def test_a_snapshot_keeps_who_was_asked(tmp_path):
    result = result_of([record("a", "cursor", "2026-10-05")], [asked("a"), asked("b")], {"a": "cursor", "b": "datadog"})
    again = read_result(result.save(tmp_path / "usage.parquet"))
    assert again.integrations == {"a": "cursor", "b": "datadog"}
    assert tu.coverage(again).accounts["integrated_account_id"].to_list() == ["a", "b"]


def test_an_account_of_the_token_itself_has_a_name():
    assert SilentView(None, None, None).label == "the token's account"
    assert unanswered([asked(None)], heard(pl.DataFrame())) == [SilentView(None, None, None)]


# reports --------------------------------------------------------------------------------------------------------------

SETTLED = dict.fromkeys("abk", datetime(2026, 11, 20, tzinfo=UTC))
VENDORS = {"a": "cursor", "b": "openai_codex", "k": "confluent"}


def days_of(account, month, amount, days):
    return [record(account, VENDORS[account], f"2026-{month}-{day:02}", amount) for day in range(1, days + 1)]


SEPTEMBER = [*days_of("a", "09", 10.0, 30), *days_of("b", "09", 5.0, 30)]  # $300 and $150
BOTH = [*SEPTEMBER, *days_of("a", "10", 10.0, 31), *days_of("b", "10", 5.0, 31)]  # and $310 and $155


def book_of(records, accounts="ab", **more):
    queries = [asked(account) for account in accounts]
    known = {"settled_until": SETTLED, "period": Period.parse(("2026-09-01", "2026-11-01"))} | more
    return parts.Book(result=result_of(records, queries, VENDORS, **known), period=OCTOBER, hash="f" * 64)


def said_by(book):
    shown = (parts.head, parts.answer, parts.uncertainty, parts.coverage, parts.bridge, parts.foot)
    return "\n".join(part(book).markup for part in shown)


def test_where_everybody_answered_it_is_final_and_complete():
    book = book_of(BOTH)
    # 465 against 450: 15 more, 3 %
    assert parts.sentences(book)[1:] == [
        "Against September 2026 that is $15.00 more (3 %). Cursor moved most: up $10.00.",
        "Nothing is known that could still change these figures.",
    ]
    said = said_by(book)
    assert ">FINAL<" in said
    assert "yes, every query was answered" in said


def test_an_account_in_an_outage_is_no_saving():
    book = book_of([*SEPTEMBER, *days_of("a", "10", 10.0, 31)])
    cost, change, doubt = parts.sentences(book)
    assert cost == "October 2026 cost $310.00, before credits and tax."
    # Cursor alone has both: 310 against 300; Codex's 150 of September stand apart
    assert change == (
        "Against September 2026 that is $10.00 more (3 %) for the accounts with records of both. Cursor moved most: up "
        "$10.00. No record came for October 2026 of b (OpenAI Codex): $150.00 of September 2026 is not compared."
    )
    assert doubt == (
        "The largest uncertainty is $150.00: no record came of b (OpenAI Codex) (at what it billed in September 2026; "
        "nobody says whether there was none)."
    )
    said = said_by(book)
    assert ">INCOMPLETE<" in said
    assert "FINAL" not in said
    assert "no: no record came of b (OpenAI Codex)" in said
    sentences = said.replace(parts.bridge(book).markup, "")  # a column of the bridge is headed Gone
    for word in ("down", "gone", "saving", "less", "every query was answered", "Nothing is known"):
        assert word not in sentences
    assert "-$150.00" not in parts.bridge(book).markup
    table = parts.coverage(book).markup
    assert table.index(">b<") < table.index(">a<")


def test_an_outage_of_the_period_before_is_no_rise():
    book = book_of([*days_of("a", "09", 10.0, 30), *days_of("a", "10", 10.0, 31), *days_of("b", "10", 5.0, 31)])
    change = parts.sentences(book)[1]
    assert change == (
        "Against September 2026 that is $10.00 more (3 %) for the accounts with records of both. Cursor moved most: up "
        "$10.00. No record came for September 2026 of b (OpenAI Codex): $155.00 of October 2026 is not compared."
    )
    assert ">FINAL<" in parts.head(book).markup
    # the bridge: 300 to 310, and nobody is new
    cells = parts.bridge(book).markup
    assert "$300.00" in cells
    assert "$310.00" in cells
    assert "$455.00" not in cells


def test_a_period_without_any_record_says_so_first():
    book = book_of(SEPTEMBER, "ab")
    head = parts.head(book).markup
    title, _, lead = head.partition("</h1>")
    assert title.startswith("<h1>October 2026: ")
    assert lead.startswith('<p class="lead"><span class="state act">NO RECORD</span> ')
    assert ": no record came</p>" in lead
    assert parts.sentences(book) == [
        "October 2026: no record came of a (Cursor) and b (OpenAI Codex), so nothing is known of what it cost.",
        "Nothing can be compared with September 2026. No record came for October 2026 of a (Cursor) and b (OpenAI "
        "Codex): $450.00 of September 2026 is not compared.",
        "The largest uncertainty is $300.00: no record came of a (Cursor) (at what it billed in September 2026; nobody "
        "says whether there was none).",
    ]
    said = said_by(book)
    assert "FINAL" not in said
    assert "every query was answered" not in said


def test_a_period_before_without_any_record_is_not_compared():
    book = book_of(days_of("a", "10", 10.0, 31), "a")
    assert parts.sentences(book)[1] == (
        "Nothing can be compared with September 2026. No record came for September 2026 of a (Cursor): $310.00 of "
        "October 2026 is not compared."
    )
    assert "nothing to compare" in parts.bridge(book).markup


def test_nothing_at_all_is_no_success():
    book = book_of([], "a")
    assert (
        parts.sentences(book)[0] == "October 2026: no record came of a (Cursor), so nothing is known of what it cost."
    )
    assert parts.sentences(book)[2].startswith("no record came of a (Cursor): how much money that is")
    assert "No seat is known" in parts.idle_seats(book).markup
    nobody = book_of([], "")
    assert parts.sentences(nobody)[0] == "October 2026: no record came, so nothing is known of what it cost."
    assert ">NO RECORD<" in parts.head(nobody).markup
    assert "every query was answered" not in parts.foot(nobody).markup


def test_a_cost_report_that_did_not_come_is_no_saving():
    def claude(month, kind, **more):
        return record("k", "claude", f"2026-{month}-05", report_type=kind, **more)

    tokens = {"usage": {"tokens": {"total": 5}}}
    was = [claude("09", "usage", **tokens), claude("09", "cost", charges=charged(net=70.0))]
    result = result_of(
        [*was, claude("10", "usage", **tokens)], [asked("k", "usage"), asked("k", "cost")], {"k": "claude"},
        period=Period.parse(("2026-09-01", "2026-11-01")), settled_until=SETTLED,
    )  # fmt: skip
    book = parts.Book(result=result, period=OCTOBER, hash="f" * 64)
    assert parts.sentences(book) == [
        "October 2026: no record states a cost.",
        "Nothing can be compared with September 2026. No record came for October 2026 of k (Claude): cost: $70.00 of "
        "September 2026 is not compared.",
        "The largest uncertainty is $70.00: no record came of k (Claude): cost (at what it billed in September 2026; "
        "nobody says whether there was none).",
    ]
    assert ">INCOMPLETE<" in parts.head(book).markup


def test_fewer_days_are_told_where_a_vendor_is_down():
    # Codex has 26 of 31 days: 130 against 150
    book = book_of([*SEPTEMBER, *days_of("a", "10", 10.0, 31), *days_of("b", "10", 5.0, 26)])
    assert parts.sentences(book)[1] == (
        "Against September 2026 that is $10.00 less (2 %). OpenAI Codex moved most: down $20.00, with 5 days of b "
        "without a record (2026-10-27..2026-10-31)."
    )


def test_who_is_silent_and_not_final_is_still_awaited():
    late = dict(SETTLED, b=datetime(2026, 10, 20, tzinfo=UTC))
    book = book_of([*SEPTEMBER, *days_of("a", "10", 10.0, 31)], settled_until=late)
    assert "PROVISIONAL" in parts.head(book).markup
    assert "OpenAI Codex from 2026-10-20 on" in parts.head(book).markup


def test_an_account_that_was_reported_and_is_silent_now_is_no_restatement():
    earlier = result_of(BOTH, [asked("a"), asked("b")], period=Period.parse(("2026-09-01", "2026-11-01")))
    book = book_of([*SEPTEMBER, *days_of("a", "10", 10.0, 31)])
    shown = parts.restated(parts.Book(result=book.result, period=OCTOBER, hash="f", earlier=earlier)).markup
    assert "October 2026 was reported as $310.00, and still is." in shown
    assert "October 2026: b had been reported, and this snapshot has no record of it; it is left out here." in shown


def test_products_of_a_silent_account_have_no_change():
    was = [record("k", "confluent", "2026-09-05", 9.0, product={"id": "kafka", "name": "Kafka"})]
    book = book_of([*was, *days_of("a", "10", 10.0, 31)], "ak")
    shown = parts.by_product(book, ["confluent"]).markup
    assert "$9.00" in shown
    assert "-$9.00" not in shown
    assert "−$9.00" not in shown
    assert "No record came for October 2026 of k (Confluent)" in shown


# spans ----------------------------------------------------------------------------------------------------------------


def spans_of(frame):
    with hearing() as said:
        tu.cost_per(frame, "integration")
    return [text for text in said if "cover other spans" in text]


def test_a_load_without_a_period_tells_each_ones_span_and_so_does_its_table():
    accounts = ["claude-console", "cursor", "datadog"]
    with hearing() as said:
        frame = tu.sandbox().load_usage(accounts)
    # the sandbox's now is 23 November: Claude answers for its last whole day, Cursor for thirty, Datadog for the month
    assert said == [
        "without a period each account answers for a span of its own, and they differ: claude-console 2026-11-21, "
        "cursor 2026-10-24 to 2026-11-22, datadog 2026-11-01 to 2026-11-30; period= loads the same days of all"
    ]
    assert len(spans_of(frame)) == 1
    assert "claude-console 2026-11-21, cursor 2026-10-24 to 2026-11-22" in spans_of(frame)[0]


def test_a_load_for_a_period_or_of_one_account_says_nothing_of_spans():
    with hearing() as said:
        frame = tu.sandbox().load_usage(["claude-console", "cursor"], period="2026-10-05")
        alone = tu.sandbox().load_usage("cursor")
    assert (said, spans_of(frame), spans_of(alone)) == ([], [], [])


@pytest.mark.parametrize(
    ("days", "is_told"),
    [
        ({"a": range(1, 31), "b": range(1, 31)}, False),
        ({"a": range(1, 31), "b": range(3, 30)}, False),  # nothing on the first days
        ({"a": range(1, 31), "b": range(21, 22)}, True),  # one day of thirty
        ({"a": range(1, 31), "b": range(1, 16)}, False),  # half of them
        ({"a": range(1, 31), "b": range(1, 15)}, True),
        ({"a": range(1, 4), "b": range(5, 6)}, False),  # a few days of either are no span
        ({"a": range(1, 9), "b": range(20, 22)}, True),  # a week, and two days elsewhere
        ({"a": range(1, 4), "b": range(1, 2)}, False),  # a few days are no span
    ],
)
def test_a_bare_frame_is_told_of_where_its_spans_are_far_apart(days, is_told):
    frame = frame_of(
        [record(name, VENDORS[name], f"2026-10-{day:02}", 1.0) for name, found in days.items() for day in found]
    )
    assert bool(spans_of(frame)) is is_told
    marked = frame.with_columns(overhangs_period=pl.lit(value=False))
    assert spans_of(marked) == []  # it was loaded for a period


def test_a_view_that_failed_is_not_silent_and_another_of_its_account_is():
    queries = [asked("k", kind, granularity="day") for kind in ("usage", "cost")]
    gaps = (gap_of("k", queries[0], "out of order"),)
    found = tu.coverage(result_of([], queries, {"k": "claude"}, gaps=gaps, partial=True))
    assert found.accounts["report_type"].to_list() == ["cost", "usage"]  # both lack every day
    assert found.notes == ("asked, and delivered no record: k (Claude): cost; nothing here says whether there was none",
                           *gaps)  # fmt: skip
    failed, others = failures(queries, [*gaps, "something else"])
    assert (failed, others) == ([Failure(queries[0], "out of order")], ["something else"])
    lookup = Failure(asked("k"), "who is that")
    assert unexplained([SilentView("k", "claude", "cost"), SilentView("a", "cursor", None)], [lookup]) == [
        SilentView("a", "cursor", None)
    ]
