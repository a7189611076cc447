"""Who was asked and delivered nothing: said by coverage and by the sentences of a report, never called a saving."""

from datetime import UTC, datetime
from types import SimpleNamespace

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.backends_for_tests import KINDS, as_kind
from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.planning import Period
from truto_usage_nb.result import UsageResult, read_result
from truto_usage_nb.unanswered import View, heard, unanswered

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
    assert silent == [View("d", "datadog", None)]
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
    assert View(None, None, None).label == "the token's account"
    assert unanswered([asked(None)], heard(pl.DataFrame())) == [View(None, None, None)]
