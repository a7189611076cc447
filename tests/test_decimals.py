"""Amounts and counts held as decimals, as databases do: the same figures, every fraction, on every kind of frame."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.backends_for_tests import CLUSTERS, KINDS, as_kind, as_polars
from tests.frames_for_tests import charge, charged, frame_of
from truto_usage_nb.errors import FrameError, hearing
from truto_usage_nb.native import collect, enter, kept

M = 1_000_000


def record(account: str, integration: str, **fields: Any) -> dict[str, Any]:
    dates = {"start_date": "2026-10-05", "end_date": "2026-10-06"}
    return {"integrated_account_id": account, "integration": integration, **dates} | fields


def world(*, mixed: bool = True) -> pl.DataFrame:
    opus, gpt = {"id": "claude-opus-4-5", "provider": "anthropic"}, {"id": "gpt-5", "provider": "openai"}
    used = {"tokens": {"input": M, "output": 250_001}, "requests": {"total": 3}}
    records = [
        record("c", "claude", report_type="usage", model=opus, usage=used, user={"email": "ann@x.test"}),
        record("c", "claude", report_type="cost", model=opus, charges=charged(total=0.3, net=0.25)),
        record("o", "openai_codex", model=gpt, usage=used, charges=charged(total=1234.5678)),
        record(
            "k", "confluent", charges=charged(committed=60.25, on_demand=0.05, discount=0.1), usage={"quantity": 1.5}
        ),
        record("k", "confluent", metric_name="PROMO", charges=charged(credit=-0.75)),
    ]
    if mixed:
        records.append(record("k", "confluent", charges=charged(net=7.35) + charged("EUR", committed=0.1)))
    return frame_of(records)


PLACES = pl.Decimal(18, 6)


def as_decimals(frame: pl.DataFrame) -> pl.DataFrame:
    """Amounts of six places, counts as a database's sums of integers: decimals of 38 digits; the lists' amounts too."""
    amounts = [c for c, dtype in frame.schema.items() if c.startswith(("charges_", "usage_")) and dtype == pl.Float64]
    counts = [c for c, dtype in frame.schema.items() if c.startswith(("charges_", "usage_")) and dtype == pl.Int64]
    inner = pl.Struct({"amount": PLACES, "currency": pl.String, "type": pl.String})
    return frame.with_columns(
        pl.col(amounts).cast(PLACES), pl.col(counts).cast(pl.Decimal(38, 0)), pl.col("charges").cast(pl.List(inner))
    )


TEAMS = pl.DataFrame({"email": ["ann@x.test"], "team": ["red"]})
BILLS = pl.DataFrame(
    {"integration": ["confluent"], "month": ["2026-10"], "currency": ["USD"], "amount": [Decimal("67.85")]}
)
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "cost_per": lambda frame: tu.cost_per(frame, "integration"),
    "cost_per list": lambda frame: tu.cost_per(frame, ["integration", "model_id"], measure="list"),
    "cost_per payable": lambda frame: tu.cost_per(frame, "integration", measure="payable"),
    "cost_per_token": lambda frame: tu.cost_per_token(frame, "integration", kind=True),
    "with_costs": lambda frame: as_polars(tu.with_costs(frame)).select(pl.col("^cost_.*$")),
    "cost_lines": lambda frame: as_polars(tu.cost_lines(frame)).select(pl.col("^cost_.*$")),
    "token_mix": lambda frame: tu.token_mix(frame, "integration"),
    "estimate_costs": lambda frame: tu.estimate_costs(frame, "integration"),
    "unit_costs": lambda frame: tu.unit_costs(frame, "request", "integration"),
    "reconcile": lambda frame: tu.reconcile(frame, BILLS),
    "with_labels": lambda frame: tu.cost_per(tu.with_labels(frame, TEAMS), "team"),
    "coverage": lambda frame: tu.coverage(frame).money,
    "to_focus": tu.to_focus,
}


def figures(answer: Any) -> list[str]:
    table = as_polars(answer).select(pl.selectors.numeric() | pl.selectors.string())
    table = table.with_columns(pl.selectors.decimal().cast(pl.Float64))
    rows = [tuple(float(f"{v:.12g}") if isinstance(v, int | float) else v for v in row) for row in table.rows()]
    return sorted(map(repr, rows))


@pytest.mark.parametrize("name", QUESTIONS)
def test_decimals_give_the_figures_that_floats_give(name):
    with hearing():
        wanted = figures(QUESTIONS[name](world()))
        assert figures(QUESTIONS[name](as_decimals(world()))) == wanted
        assert figures(QUESTIONS[name](as_kind(as_decimals(world()), "duckdb"))) == wanted


@pytest.mark.parametrize("name", ["cost_lines", "to_focus", "with_labels"])
@pytest.mark.parametrize("kind", ["pandas", "pandas_arrow", "pyarrow"])
def test_so_they_do_on_other_kinds_of_frame(kind, name):
    with hearing():
        found = QUESTIONS[name](as_kind(as_decimals(world()), kind))
        assert figures(found) == figures(QUESTIONS[name](as_kind(world(), kind)))


@pytest.mark.parametrize("kind", CLUSTERS)
def test_decimals_on_a_cluster(kind):
    frame = as_kind(as_decimals(world(mixed=False)), kind)
    for name in ("cost_per", "with_costs") if kind == "dask" else ("cost_per",):
        with hearing():
            assert figures(QUESTIONS[name](frame)) == figures(QUESTIONS[name](world(mixed=False)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_sums_by_hand(kind):
    with hearing():
        table = as_polars(tu.cost_per(as_kind(as_decimals(world()), kind), "integration", overlap="allow"))
    # Confluent: 60.25 + 0.05 - 0.1 = 60.2, and 7.35 of the record in two currencies: 67.55
    assert sorted(table.select("integration", "currency", "cost", "tokens").rows()) == [
        ("claude", "USD", 0.25, M + 250_001),
        ("confluent", "EUR", 0.1, 0),
        ("confluent", "USD", pytest.approx(67.55, abs=1e-9), 0),
        ("openai_codex", "USD", 1234.5678, M + 250_001),
    ]
    assert table.schema["tokens"] == pl.Int64 or kind == "pandas"


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_keeps_every_place_of_an_amount(kind):
    frame = frame_of([record("k", "confluent", charges=[charge("net", 12.345678)])])
    rows = as_polars(tu.to_focus(as_kind(as_decimals(frame), kind)))
    assert [Decimal(str(each)) for each in rows["BilledCost"]] == [Decimal("12.345678")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_float_is_the_nearest_one(kind):
    """Arrow's own way from decimals to floats misses it for every fourth amount."""
    amounts = [number / 1000 for number in range(1, 5_000, 7)]
    frame = frame_of([record("k", "confluent", charges=charged(net=each)) for each in amounts])
    assert as_polars(tu.with_costs(as_kind(as_decimals(frame), kind)))["cost_billed"].to_list() == amounts


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "pandas"])
def test_a_count_keeps_its_digits_and_one_beyond_63_bits_is_an_error(kind):
    frame = as_decimals(frame_of([record("o", "openai_codex", usage={"tokens": {"total": 2**53 + 1}})]))
    table = as_polars(tu.cost_per(as_kind(frame, kind)))
    assert table["unpriced_tokens"].to_list() == [2**53 + 1]
    beyond = frame.with_columns(usage_tokens_total=pl.lit(Decimal(2**63)).cast(pl.Decimal(38, 0)))
    with pytest.raises(FrameError, match="usage_tokens_total holds 9223372036854775808, and a count has 63 bits"):
        tu.cost_per(as_kind(beyond, kind))


def test_sums_of_a_database_are_whole_numbers_again_fractions_stay_and_nothing_wraps():
    duckdb = pytest.importorskip("duckdb")
    found = collect(enter(duckdb.sql("SELECT sum(v) AS whole, sum(v + 0.25) AS part FROM range(5) AS t(v)")).frame)
    assert found.row(0) == (10, 11.25)
    assert found.schema == {"whole": pl.Int64, "part": pl.Float64}
    with pytest.raises(FrameError, match="whole holds 13835058055282163712, and a count has 63 bits"):
        collect(enter(duckdb.sql("SELECT sum(4611686018427387904) AS whole FROM range(3)")).frame)


@pytest.mark.parametrize("kind", KINDS)
def test_a_callers_own_table_keeps_its_decimals(kind, tmp_path):
    table = pl.DataFrame({"team": ["a"], "cost": [Decimal("12.50")], "charges_net": [Decimal("0.10")]})
    path = tu.write_csv(as_kind(table, kind), tmp_path / "table.csv")
    assert path.read_text(encoding="utf-8").splitlines() == ["team,cost,charges_net", "a,12.50,0.10"]
    whole = as_kind(pl.DataFrame({"n": pl.Series([5], dtype=pl.Decimal(38, 0))}), kind)
    assert kept(enter(whole).as_it_came).rows() == [(5,)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_deduplicated_keeps_its_decimals(kind):
    frame = as_decimals(frame_of([record("k", "confluent", id="a", charges=charged(net=1.25))] * 2))
    once = tu.deduplicate(as_kind(frame, kind))
    assert kept(enter(once).as_it_came)["charges_net"].to_list() == [Decimal("1.25")]


def test_invoices_in_decimals_are_not_cut_to_whole_dollars():
    with hearing():
        table = tu.reconcile(world(), BILLS)
    assert table.filter(integration="confluent", currency="USD")["invoice"].to_list() == [67.85]
