"""The rule applied once for many questions: the same figures as asked one by one, and nothing outlives its rows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.costs.coverage import coverage_of
from truto_usage_nb.costs.lines import as_frame, precomputed
from truto_usage_nb.errors import DuplicateError, FrameError, UsageWarning
from truto_usage_nb.native import Native, enter, only

OWN = {"requests": {"api_key": 1}}
OWN_KEY = "316 tokens that Cursor used with your own key"


def record(account: str, integration: str, **fields: Any) -> dict[str, Any]:
    name = f"{account}-{integration}-{len(str(fields))}"
    dates = {"start_date": "2026-10-05", "end_date": "2026-10-06"}
    return {"integrated_account_id": account, "integration": integration, "id": name, **dates} | fields


def tokens(count: int) -> dict[str, Any]:
    return {"tokens": {"input": count, "output": 0, "cache_read": 0, "total": count}}


AWKWARD = [
    record("a", "claude", report_type="cost", model={"id": "m"}, charges=charged(net=80, total=100, tax=7)),
    record("a", "claude", report_type="usage", model={"id": "m"}, usage=tokens(1_000_000)),
    record("a", "claude", report_type="activity", charges=charged(total=9)),
    record("b", "cursor", model={"id": "x"}, charges=charged(total=3), usage=tokens(70)),
    record("b", "cursor", model={"id": "x"}, charges=charged(included=5), usage=tokens(500)),
    record("b", "cursor", model={"id": "gpt"}, charges=charged(total=0), usage=tokens(316) | OWN),
    record("f", "cursor", user={"id": "u"}, charges=charged(on_demand=4, included=20)),
    record("f", "cursor", user={"id": "u"}, charges=charged(on_demand=6, included=20), end_date="2026-10-07"),
    record("d", "openai_codex", charges=[*charged("EUR", net=10), *charged("CREDITS", net=7)]),
    record("d", "openai_codex", charges=charged("usd", net=2, credit=1)),
    record("e", "confluent", charges=charged(None, total=11)),
    record("e", "confluent"),
]  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return frame_of(AWKWARD)


def same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """Equal but for the order in which floats were added, which polars leaves open."""
    assert_frame_equal(one, other, rel_tol=1e-12, abs_tol=1e-12)


def quietly(helper: Any, *arguments: Any, **options: Any) -> Any:
    with tu.errors.hearing():
        return helper(*arguments, **options)


QUESTIONS: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (tu.cost_per, (["integration", "currency_of"],), {}),
    *((tu.cost_per, ("integration",), {"measure": measure}) for measure in ("billed", "list", "payable")),
    (tu.cost_per, ("model_id",), {"every": "1d"}),
    (tu.cost_per, ("surface",), {"every": "1h", "time_zone": "Europe/Berlin"}),
    (tu.cost_per, ("integration",), {"billing_currency": "EUR"}),
    (tu.cost_per, ("integration",), {"total_means": {"cursor": "list"}}),
    (tu.cost_per, ("integration",), {"positive_credits": "as_stated"}),
    (tu.cost_per_model, (), {}),
    (tu.cost_per_token, ("integration",), {}),
    (tu.cost_per_token, ("integration",), {"kind": True}),
    (tu.token_mix, ("model_id",), {}),
    (tu.cache_savings, ("integration",), {}),
    (tu.estimate_costs, ("integration",), {}),
    (tu.pace, (), {"by": "integrated_account_id", "now": "2026-10-20"}),
    (tu.with_costs, (), {}),
    (tu.cost_lines, (), {}),
]


@pytest.mark.drill
def test_every_question_is_answered_as_if_it_were_the_only_one(frame):
    frame = frame.with_columns(currency_of=pl.col("charges_currency"))
    together = as_frame(precomputed(frame))
    for helper, arguments, options in [*QUESTIONS, *reversed(QUESTIONS)]:
        alone = quietly(helper, frame, *arguments, **options)
        same(quietly(helper, together, *arguments, **options), alone)


def test_two_measures_and_two_readings_do_not_mix(frame):
    together = as_frame(precomputed(frame))
    costs = [
        quietly(tu.cost_per, together, "integration", **options).filter(integration="cursor")["cost"].to_list()
        for options in ({}, {"measure": "list"}, {"total_means": {"cursor": "with_included"}}, {})
    ]
    # billed 3 + 0 + 0 and the later state of the running total, 6; at list also what the plan covers: 5 and 20
    assert costs == [[9.0], [34.0], [9.0], [9.0]]


def test_coverage_is_the_same(frame):
    ours, plain = coverage_of(as_frame(precomputed(frame)), None), tu.coverage(frame)
    for name in ("accounts", "money", "flags"):
        same(getattr(ours, name), getattr(plain, name))
    assert ours.notes == plain.notes


def test_some_of_the_lines_are_asked_as_some_of_the_records(frame):
    some = pl.col("integration") != "cursor"
    lines = precomputed(frame).filter(some).with_columns(team=pl.lit("core"))
    alone = frame.filter(some).with_columns(team=pl.lit("core"))
    assert_frame_equal(as_frame(lines).original, alone)
    assert_frame_equal(
        quietly(tu.cost_per, as_frame(lines), "team"), quietly(tu.cost_per, alone, "team"), check_exact=True
    )


def test_what_is_to_be_told_is_told_every_time(frame):
    together = as_frame(precomputed(frame))
    for _ in range(2):
        with pytest.warns(UsageWarning, match=OWN_KEY):
            tu.cost_per(together, "integration")


def test_what_is_refused_is_refused_every_time(frame):
    together = as_frame(precomputed(pl.concat([frame, frame.tail(1)])))
    for _ in range(2):
        with pytest.raises(DuplicateError, match="1 record is here twice"):
            tu.cost_per(together)


def test_a_frame_changed_in_place_is_read_anew():
    frame = frame_of([record("a", "claude", report_type="cost", charges=charged(net=80))])
    net = frame.columns.index("charges_net")
    assert tu.total_cost(frame) == 80.0
    frame.replace_column(net, pl.Series("charges_net", [30.0]))
    assert tu.total_cost(frame) == 30.0
    lines = precomputed(frame)
    assert [tu.total_cost(as_frame(lines)), tu.total_cost(as_frame(precomputed(frame)))] == [30.0, 30.0]
    frame.replace_column(net, pl.Series("charges_net", [5.0]))
    assert [tu.total_cost(frame), tu.total_cost(as_frame(precomputed(frame)))] == [5.0, 5.0]


def test_a_pandas_frame_changed_in_place_is_read_anew():
    frame = frame_of([record("a", "claude", report_type="cost", charges=charged(net=80))]).to_pandas()
    assert tu.total_cost(frame) == 80.0
    frame.loc[0, "charges_net"] = 30.0
    assert tu.total_cost(frame) == 30.0


def test_rows_without_the_rule_beside_them_are_a_frame_like_any_other(frame):
    plain = quietly(tu.cost_per, frame, "integration")
    same(quietly(tu.cost_per, as_frame(frame), "integration"), plain)


def test_what_cannot_be_ruled_says_what_is_missing(frame):
    with pytest.raises(FrameError, match="charges_net"):
        precomputed(frame.drop("charges_net"))


def test_what_was_found_goes_with_the_rows_and_not_with_a_changed_copy(frame):
    from dataclasses import replace

    native = enter(frame)
    assert native.once("count", lambda: 1) == 1
    assert only(native, ["id"]).once("count", lambda: 2) == 1
    assert replace(native, frame=native.frame.head(2)).once("count", lambda: 3) == 3
    assert Native(native.kind, native.original, native.frame).once("count", lambda: 4) == 4
