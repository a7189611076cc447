"""What must hold whatever the records: sums of parts are the whole, and order does not matter."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charge, frame_of
from truto_usage_nb.costs import cost_lines, cost_per, with_costs
from truto_usage_nb.schema import CHARGE_TYPES

AMOUNTS = st.one_of(st.just(0.0), st.floats(-1e6, 1e6).map(lambda x: round(x, 6)))
CURRENCY = st.sampled_from(["USD", "EUR", "usd", "CREDITS", None])
VIEWS = [
    ("claude", "usage"),
    ("claude", "cost"),
    ("claude", "skill_usage"),
    ("openai_codex", None),
    ("confluent", None),
]


@st.composite
def records(draw: Any) -> dict[str, Any]:
    integration, view = draw(st.sampled_from(VIEWS))
    day = draw(st.integers(1, 4))
    charges = draw(st.lists(st.builds(charge, st.sampled_from(CHARGE_TYPES), AMOUNTS, CURRENCY), max_size=4))
    tokens = draw(st.one_of(st.none(), st.integers(0, 10**12)))
    return {
        "integrated_account_id": draw(st.sampled_from(["a", "b"])) + integration,
        "integration": integration,
        "report_type": view,
        "model": {"id": draw(st.sampled_from(["m", "n", None]))},
        "surface": draw(st.sampled_from(["chat", None])),
        "start_date": f"2026-10-{day:02}",
        "end_date": f"2026-10-{day + 1:02}",
        "charges": charges if view != "usage" else [],
        "usage": {"tokens": {"total": tokens}},
    }  # fmt: skip


FRAMES = st.lists(records(), max_size=12)
fewer = settings(max_examples=40)  # each asks for several tables
COUNTS = ("tokens", "unpriced_tokens", "included_tokens")
MONEY = {"billed": ["cost_billed"], "list": ["cost_list"], "payable": ["cost_billed", "cost_tax", "cost_credit"]}


def by_currency(table: pl.DataFrame, amount: str = "cost", currency: str = "currency") -> dict[str, float]:
    stated = table.filter(pl.col(amount).is_not_null())
    return dict(stated.group_by(currency).agg(pl.col(amount).sum()).iter_rows())


def agree(one: dict[str, float], other: dict[str, float], scale: float) -> None:
    assert one.keys() == other.keys()
    for currency, amount in one.items():
        assert amount == pytest.approx(other[currency], rel=1e-9, abs=1e-9 * (1 + scale))


def same(one: Any, other: Any) -> bool:
    """Sums of floats in another order may differ in their last digits, and a ratio of what is left of them by more."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-9, abs=1e-3)
    return bool(one == other)


def scale_of(frame: pl.DataFrame) -> float:
    return float(sum(abs(c["amount"]) for charges in frame["charges"].to_list() for c in charges or []))


def ask(frame: pl.DataFrame, *by: str, **options: Any) -> pl.DataFrame:
    return cost_per(frame, list(by), overlap="allow", **options)


@pytest.mark.drill
@pytest.mark.filterwarnings("ignore::truto_usage_nb.errors.UsageWarning")
@fewer
@given(
    FRAMES,
    st.sampled_from(["model_id", "surface", "integration", "start_date", "integrated_account_id"]),
    st.sampled_from(list(MONEY)),
)
def test_sums_over_groups_are_sums_over_records(stated, dimension, measure):
    frame = frame_of(stated)
    lines = cost_lines(frame).filter(pl.col("cost_billed").is_not_null())
    whole = lines.with_columns(cost=pl.sum_horizontal(*MONEY[measure]))
    table = ask(frame, dimension, measure=measure)
    agree(by_currency(table), by_currency(whole, currency="cost_currency"), scale_of(frame))
    assert sum(table[c].sum() for c in COUNTS) == frame["usage_tokens_total"].sum()


@pytest.mark.drill
@pytest.mark.filterwarnings("ignore::truto_usage_nb.errors.UsageWarning")
@fewer
@given(FRAMES, st.lists(st.booleans(), min_size=12, max_size=12))
def test_any_split_of_a_frame_adds_up(stated, sides):
    """Cost and tokens of all sorts add up; the *priced share* need not: a split can part money from its tokens.

    Matching them across the split is what no part of a frame could do, so a rule under which the share did add up
    would have to price tokens by money that it cannot see.
    """
    frame = frame_of(stated)
    mask = pl.Series(sides[: frame.height], dtype=pl.Boolean)
    parts = [ask(frame.filter(mask), "model_id"), ask(frame.filter(~mask), "model_id")]
    whole, both = ask(frame, "model_id"), pl.concat(parts, how="vertical_relaxed")
    agree(by_currency(both), by_currency(whole), scale_of(frame))
    assert sum(both[c].sum() for c in COUNTS) == sum(whole[c].sum() for c in COUNTS)


@pytest.mark.drill
@pytest.mark.filterwarnings("ignore::truto_usage_nb.errors.UsageWarning")
@fewer
@given(FRAMES, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(stated, random):
    shuffled = random.sample(stated, len(stated))
    one, other = ask(frame_of(stated), "model_id", "surface"), ask(frame_of(shuffled), "model_id", "surface")
    key = ["model_id", "surface", "currency"]
    rows = [table.sort(key, nulls_last=True).rows() for table in (one, other)]
    assert len(rows[0]) == len(rows[1])
    for left, right in zip(*rows, strict=True):
        assert all(map(same, left, right)), (left, right)


@given(records(), st.randoms(use_true_random=False))
def test_the_order_of_charges_does_not_matter(stated, random):
    mixed = stated | {"charges": random.sample(stated["charges"], len(stated["charges"]))}
    one, other = (with_costs(frame_of([r])).select(pl.col("^cost_.*$")).row(0, named=True) for r in (stated, mixed))
    for name, value in one.items():
        assert value == (pytest.approx(other[name], rel=1e-9, abs=1e-9) if isinstance(value, float) else other[name])


@given(records())
def test_a_flag_is_sorted_and_a_cost_without_charges_null(stated):
    row = with_costs(frame_of([stated])).row(0, named=True)
    flags = (row["cost_flag"] or "").split(";")
    assert flags == sorted(set(flags))
    if not stated["charges"]:
        assert row["cost_billed"] is None
    if row["cost_billed"] is not None:
        assert row["cost_credit"] <= 0
