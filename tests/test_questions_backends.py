"""Every question over every kind of frame: the same figures, and the kind that came in goes out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from tests.backends_for_tests import CLUSTERS, KINDS, as_kind, as_polars, kind_name
from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import figures, record
from truto_usage_nb import questions
from truto_usage_nb.errors import FrameError, UsageWarning

M = 1_000_000
OPUS, SONNET = {"id": "claude-opus-4-5", "provider": "anthropic"}, {"id": "claude-4.5-sonnet", "provider": "anthropic"}
TEAMS = pl.DataFrame({"email": ["a@x.com", "b@x.com"], "team": ["red", None]})
INVOICES = pl.DataFrame({"integration": ["Cursor"], "month": ["2026-10"], "currency": ["usd"], "amount": ["1,000.50"]})
ROSTER = pl.DataFrame({"integration": ["cursor"] * 2, "email": ["A@x.com ", "idle@x.com"]})

MERGED = pl.DataFrame({"day": ["2026-10-05"] * 2, "email": ["a@x.com", "b@x.com"]})
COMMITMENTS = pl.DataFrame({
    "account": ["d", "u"], "product": ["apm", None], "quantity": [10, 1000], "unit": ["host", "USD"], "price": [250, 1],
    "on_demand_price": [300, None], "start": "2026-09-01", "end": "2027-01-01", "currency": "USD",
    "basis": ["monthly", "prepaid"],
})  # fmt: skip


def world() -> pl.DataFrame:
    """Two months of days: Cursor events of two people, Claude's four reports, a fixed month, another currency."""
    records = []
    for i in range(61):
        day = date(2026, 9, 1) + timedelta(days=i)
        span = (day.isoformat(), (day + timedelta(days=1)).isoformat())
        busy = 3.0 if day.weekday() < 5 else 1.0
        wild = 40.0 if day == date(2026, 10, 14) else 1.0
        work = {"tokens": {"input": M, "output": M // 2}, "requests": {"total": 4}, "code": {"commits": 1}}
        for email, model in ((" A@x.com", SONNET), ("b@x.com", OPUS)):
            money = charged(usage_based=busy * wild)
            event = {"user": {"email": email}, "model": model, "usage": work, "charges": money}
            records.append(record("u", "cursor", span[0], span[0], **event))
        kinds = {"tokens": {"input": 2 * M + i, "output": M}, "requests": {"total": 8}}
        part = {"tokens": {"input": M, "output": M}, "requests": {"total": 5}}
        person = {"id": "p1", "email": "a@x.com"}
        records += [
            record("c", "claude", *span, report_type="usage", model=OPUS, usage=kinds),
            record("c", "claude", *span, report_type="cost", model=OPUS, charges=charged(total=12, net=10)),
            record("c", "claude", *span, report_type="user_usage", model=OPUS, usage=part, user=person),
            record(
                "c", "claude", *span, report_type="user_cost", model=OPUS, user=person, charges=charged(total=7, net=6)
            ),
            record("e", "openai_codex", *span, charges=charged("EUR", total=5 + i / 10)),
        ]
    for start, end in (("2026-09-01", "2026-10-01"), ("2026-10-01", "2026-11-01")):
        records.append(record("d", "datadog", start, end, product={"id": "apm"}, charges=charged(committed=2500)))
    return frame_of(records)


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "with_labels": lambda frame: questions.with_labels(frame, TEAMS),
    "with_models": questions.with_models,
    "cost_change": lambda frame: questions.cost_change(frame, "integration"),
    "pace": lambda frame: questions.pace(frame, {"USD": 3000.0}, now="2026-10-20"),
    "forecast_costs": lambda frame: questions.forecast_costs(frame, "integration", now="2026-10-20"),
    "unusual": lambda frame: questions.unusual(frame, "integration"),
    "unit_costs": lambda frame: questions.unit_costs(frame, "request", "integration"),
    "unit_costs people": lambda frame: questions.unit_costs(frame, "active_user"),
    "seats": lambda frame: questions.seats(frame, ROSTER, (40, "USD")),
    "check_prices": questions.check_prices,
    "reconcile": lambda frame: questions.reconcile(frame, INVOICES),
    "cache_advice": questions.cache_advice,
    "outcomes": lambda frame: questions.outcomes(frame, MERGED),
    "commitments": lambda frame: questions.commitments(frame, COMMITMENTS),
    "commitment_curve": lambda frame: questions.commitment_curve(frame, COMMITMENTS),
    "what_if": lambda frame: questions.what_if(frame, {"claude-opus-4-5": "claude-4.5-sonnet"}),
}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        return {name: told(name, ask(world())) for name, ask in QUESTIONS.items()}


def told(name: str, answer: Any) -> Any:
    table = as_polars(answer)
    if name in ("with_labels", "with_models"):
        table = table.select("integrated_account_id", "report_type", "charges_net", pl.col("^team|model_family$"))
        return figures(name, table)
    return table.columns, figures(name, table)


@pytest.mark.filterwarnings("ignore::truto_usage_nb.errors.UsageWarning")
@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_figures_and_the_same_kind(kind, name, expected):
    frame = as_kind(world(), kind)
    answer = QUESTIONS[name](frame)
    assert kind_name(answer) == kind_name(frame)
    assert told(name, answer) == expected[name]
    assert as_polars(answer).height > 0


ON_CLUSTERS = [("dask", name) for name in ("with_models", "cost_change", "unit_costs", "unit_costs people", "seats")]
ON_CLUSTERS += [("pyspark", "with_models")]


@pytest.mark.filterwarnings("ignore::truto_usage_nb.errors.UsageWarning")
@pytest.mark.parametrize(("kind", "name"), ON_CLUSTERS)
def test_on_a_cluster(kind, name, expected):
    frame = as_kind(world(), kind)
    answer = QUESTIONS[name](frame)
    assert kind_name(answer).split(".")[0] == kind_name(frame).split(".")[0]
    assert told(name, answer) == expected[name]


@pytest.mark.parametrize("kind", CLUSTERS)
def test_labels_on_a_cluster_leave_the_part_of_claude_without_a_person_to_memory(kind):
    with pytest.raises(FrameError, match=f"On {kind} the part of cost without a person cannot be told apart"):
        questions.with_labels(as_kind(world(), kind), TEAMS)
    others = world().filter(pl.col("integration") != "claude")
    labelled = as_polars(questions.with_labels(as_kind(others, kind), TEAMS))
    assert labelled.filter(pl.col("team") == "red")["user_email"].unique().to_list() == [" A@x.com"]
