"""Every helper over every kind of frame: the same figures, and the kind that came in goes out."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from tests.backends_for_tests import CLUSTERS, KINDS, as_kind, as_polars, kind_name
from tests.frames_for_tests import charged, frame_of
from truto_usage_nb import costs
from truto_usage_nb.costs.coverage import coverage
from truto_usage_nb.errors import FrameError

M = 1_000_000

# Five vendors in five spans: that is told, which `test_unanswered` holds, and no figure depends on it.
pytestmark = pytest.mark.filterwarnings("ignore:the accounts cover other spans")


def record(
    account: str, integration: str, start: str = "2026-10-05", end: str = "2026-10-06", **fields: Any
) -> dict[str, Any]:
    return {"integrated_account_id": account, "integration": integration, "start_date": start, "end_date": end} | fields


def world(*, clusters: bool = False) -> pl.DataFrame:
    """Five vendors at once: currencies, kinds of tokens, a plan, a refund, an instant near midnight."""
    opus, gpt = {"id": "claude-opus-4-5", "provider": "anthropic"}, {"id": "gpt-5", "provider": "openai"}
    kinds = {"tokens": {"input": M, "output": M, "cache_read": 8 * M, "cache_write_ephemeral_1h": M}}
    late = ("2026-10-31T23:30:00Z", "2026-10-31T23:30:00Z")
    records = [
        record("c", "claude", report_type="usage", model=opus, usage=kinds, surface="chat"),
        record("c", "claude", report_type="cost", model=opus, surface="chat", charges=charged(total=40, net=34)),
        record("c", "claude", report_type="cost", metric_name="web_search", charges=charged(total=5)),
        record("c", "claude", report_type="cost", model=opus, charges=charged(net=-3, discount=-1)),
        record("c", "claude", report_type="skill_usage", charges=charged(on_demand=12.5, total=88.2)),
        record("o", "openai_codex", model=gpt, usage={"tokens": {"total": 7 * M}, "unit": "credits"}),
        record("o", "openai_codex", model=gpt, charges=charged("CREDITS", usage_based=3), usage={"unit": "credits"}),
        record("e", "openai_codex", model=gpt, usage={"tokens": {"input": 5 * M}}),
        record("e", "openai_codex", model=gpt, charges=charged("eur", total=11)),
        record("u", "cursor", *late, model=opus, usage={"tokens": {"total": M}}, charges=charged(included=2, total=0)),
        record(
            "u", "cursor", *late, model=opus, usage={"tokens": {"total": M}}, charges=charged(usage_based=3, total=3)
        ),
        record("k", "confluent", metric_name="PROMO_CREDIT", charges=charged(credit=-50)),
        record(
            "d",
            "datadog",
            "2026-10-01",
            "2026-11-01",
            product={"id": "apm"},
            charges=charged(committed=2500, on_demand=600),
        ),
    ]
    if not clusters:
        records.append(record("k", "confluent", charges=charged(total=100) + charged("EUR", tax=19)))
    return frame_of(records)


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "with_costs": costs.with_costs,
    "cost_lines": costs.cost_lines,
    "cost_per nothing": costs.cost_per,
    "cost_per two": lambda frame: costs.cost_per(frame, ["integration", "usage_activity_max_mode"]),
    "cost_per a date": lambda frame: costs.cost_per(frame, "start_date", measure="payable"),
    "cost_per month": lambda frame: costs.cost_per(frame, "integration", every="1mo", time_zone="Asia/Tokyo"),
    "cost_per day": lambda frame: costs.cost_per(frame, every="1d", measure="list"),
    "cost_per hour": lambda frame: costs.cost_per(frame, "surface", every="1h"),
    "cost_per_model": costs.cost_per_model,
    "cost_per_model week": lambda frame: costs.cost_per_model(frame, every="1w"),
    "cost_per_surface": costs.cost_per_surface,
    "cost_per_token": lambda frame: costs.cost_per_token(frame, "model_id"),
    "cost_per_token kind": lambda frame: costs.cost_per_token(frame, "integration", kind=True),
    "token_mix": lambda frame: costs.token_mix(frame, "model_id"),
    "cache_savings": lambda frame: costs.cache_savings(frame, "model_id"),
    "estimate_costs": lambda frame: costs.estimate_costs(frame, "integration"),
    "coverage accounts": lambda frame: coverage(frame).accounts,
    "coverage flags": lambda frame: coverage(frame).flags,
    "deduplicate": costs.deduplicate,
}
ON_CLUSTERS = (
    "with_costs", "cost_per two", "cost_per day", "cost_per_model", "cost_per_surface", "cost_per_token kind",
    "token_mix", "coverage accounts", "coverage flags", "deduplicate",
)  # fmt: skip
"""A question of each sort: a cluster takes seconds where a frame in memory takes milliseconds."""
ROW_BY_ROW = ("with_costs", "cost_lines", "deduplicate")


def figures(name: str, answer: Any) -> list[tuple[Any, ...]]:
    """A result's rows, comparable over kinds: times in seconds, numbers as floats, row-wise helpers sorted."""
    table = as_polars(answer)
    if name in ROW_BY_ROW:
        table = table.select("integrated_account_id", "metric_name", pl.col("^cost_.*$"))
    rows = [tuple(_plain(value) for value in row) for row in table.rows()]
    return sorted(rows, key=repr) if name in ROW_BY_ROW else rows


def _plain(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)  # pandas has no dates without a time
    if hasattr(value, "timestamp"):
        return value.timestamp()
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.9g}")
    return float(value) if isinstance(value, int) else value


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_figures_and_the_same_kind(kind, name):
    ask, frame = QUESTIONS[name], as_kind(world(), kind)
    answer = ask(frame)
    assert kind_name(answer) == kind_name(frame)
    assert figures(name, answer) == of_polars(name)


@functools.cache
def of_polars(name: str) -> list[tuple[Any, ...]]:
    """What polars answers, asked once a question."""
    return figures(name, QUESTIONS[name](world()))


@pytest.mark.parametrize("name", ON_CLUSTERS)
@pytest.mark.parametrize("kind", CLUSTERS)
def test_on_a_cluster_from_the_wide_columns(kind, name):
    frame = as_kind(world(clusters=True), kind)
    answer = QUESTIONS[name](frame)
    assert kind_name(answer).split(".")[0] == kind_name(frame).split(".")[0]
    assert figures(name, answer) == figures(name, QUESTIONS[name](world(clusters=True).drop("charges", "resources")))


@pytest.mark.parametrize("kind", CLUSTERS)
def test_several_currencies_on_a_cluster_are_an_error_with_their_count(kind):
    frame = as_kind(world(), kind)
    for ask in (costs.cost_lines, costs.cost_per_model):
        with pytest.raises(FrameError, match="1 record is charged in several currencies"):
            ask(frame)


def test_lazy_frames_stay_lazy_row_by_row():
    assert isinstance(costs.with_costs(world().lazy()), pl.LazyFrame)
    assert isinstance(costs.deduplicate(world().lazy()), pl.LazyFrame)


def test_a_dask_frame_stays_lazy_and_says_nothing_of_its_engine():
    frame = as_kind(world(clusters=True), "dask")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        costed = costs.with_costs(frame)
    assert type(costed).__name__ == "DataFrame"
    assert costed.npartitions == frame.npartitions
    assert list(costed.columns) == costs.with_costs(world(clusters=True).drop("charges", "resources")).columns


def test_partitions_add_up_however_the_frame_is_parted():
    """Tokens in one partition, their money in another: they meet all the same."""
    dd = pytest.importorskip("dask.dataframe", reason="needs Dask: pip install 'truto-usage-nb[cluster]'")
    held = world(clusters=True).drop("charges", "resources")
    whole = figures("cost_per", costs.cost_per_model(held))
    for parts in (1, 4):
        frame = dd.from_pandas(held.to_pandas(use_pyarrow_extension_array=True), npartitions=parts)
        assert figures("cost_per", costs.cost_per_model(frame)) == whole


TABLES: dict[str, Callable[[Any], Any]] = {
    "cost_per": lambda frame: costs.cost_per(frame, ["model_id", "surface"]),
    "cost_per_model": costs.cost_per_model,
    "cost_per_token": lambda frame: costs.cost_per_token(frame, kind=True),
    "token_mix": lambda frame: costs.token_mix(frame, "model_id"),
    "cache_savings": lambda frame: costs.cache_savings(frame, "model_id"),
    "estimate_costs": lambda frame: costs.estimate_costs(frame, "model_id"),
}


@functools.cache
def columns_of(name: str) -> list[str]:
    return as_polars(TABLES[name](world())).columns


@pytest.mark.parametrize("records", [[], [{}, {}]], ids=["empty", "all null"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_gives_a_table_of_the_right_shape(kind, records):
    frame = as_kind(frame_of(records), kind)
    for name, ask in TABLES.items():
        empty = as_polars(ask(frame))
        assert empty.height == 0
        assert empty.columns == columns_of(name)
    costed = as_polars(costs.with_costs(frame))
    assert costed["cost_flag"].to_list() == ["no_charges"] * len(records)
    assert costed["cost_billed"].null_count() == len(records)


@pytest.mark.parametrize("kind", KINDS)
def test_amounts_that_are_text_and_columns_that_are_gone_are_named(kind):
    text = frame_of([{"charges": charged(total=5)}]).with_columns(charges_total=pl.lit("5.00"))
    renamed = world().rename({"usage_tokens_total": "total_tokens"})
    for ask in (costs.cost_per, costs.cost_per_model, coverage):
        with pytest.raises(FrameError, match=r"charges_total holds .*, not numbers"):
            ask(as_kind(text, kind))
        with pytest.raises(FrameError, match="needs the column usage_tokens_total"):
            ask(as_kind(renamed, kind))
