"""Charts of the next term: what is drawn, from zero, and what the words under the title say."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from truto_usage_nb import plots
from truto_usage_nb.errors import FrameError, InputError

HELD = {"account": "k", "product": "KAFKA", "unit": "CKU", "basis": "hourly", "currency": "USD",
        "renews_on": date(2027, 1, 1), "left": None, "ends_on": None, "note": None}  # fmt: skip


def held(*rows):
    """By month: what was committed to, not used, and on demand."""
    return pl.DataFrame(
        [
            HELD | dict(zip(("month", "committed_cost", "unused_cost", "on_demand_cost"), row, strict=True))
            for row in rows
        ],
        schema_overrides={"left": pl.Float64, "ends_on": pl.Date, "unused_cost": pl.Float64},
    )


def heights(ax):
    return [[round(bar.get_height(), 2) for bar in group] for group in ax.containers]


def under(ax):
    return " ".join(text.get_text() for text in ax.texts).replace("\\", "")


def test_a_commitment_is_what_was_used_what_was_not_and_what_was_beside_it():
    table = held((date(2026, 9, 1), 100.0, 0.0, 30.0), (date(2026, 10, 1), 100.0, 25.0, 0.0))
    ax = plots.commitments(table)
    assert heights(ax) == [[100, 75], [0, 25], [30, 0]]
    assert ax.get_ylim()[0] == 0
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "used of what is paid for", "paid for and not used", "on demand beside it",
    ]  # fmt: skip
    assert "$200.00 paid for, $25.00 (12 %) of it not used, $30.00 on demand; renews on 1 Jan 2027" in under(ax)


def test_use_that_nobody_knows_is_drawn_as_such():
    ax = plots.commitments(held((date(2026, 10, 1), 100.0, None, 0.0)))
    assert heights(ax) == [[100]]
    assert "how much of it was used is not known" in under(ax)


def test_credits_are_what_is_left_of_them_and_end_on_a_day():
    rows = [
        {"basis": "prepaid", "product": None, "month": date(2026, month, 1), "left": left,
         "committed_cost": 1000.0, "unused_cost": None, "on_demand_cost": 0.0, "ends_on": date(2026, 12, 9)}
        for month, left in ((9, 700.0), (10, 380.0))
    ]  # fmt: skip
    ax = plots.commitments(pl.DataFrame([HELD | row for row in rows], schema_overrides={"product": pl.String}))
    assert heights(ax) == [[700, 380]]
    assert "$380.00 left; at the pace of the last thirty days they end on 9 Dec 2026" in under(ax)


def test_several_have_a_chart_each_and_one_is_named():
    table = pl.concat([held((date(2026, 10, 1), 1.0, 0.0, 0.0)).with_columns(product=pl.lit(name)) for name in "ab"])
    assert len(plots.commitments(table)) == 2
    assert plots.commitments(table, "b").get_title(loc="left").startswith("b of k")
    with pytest.raises(InputError, match=r"product='c' is not in this table.* There: a, b"):
        plots.commitments(table, "c")
    with pytest.raises(InputError, match="one ax cannot show a, b"):
        plots.commitments(table, ax=plots.commitments(table, "a"))
    with pytest.raises(FrameError):
        plots.commitments(table.drop("unused_cost"))


def test_the_curve_has_its_least_its_flat_part_and_what_is_held():
    curve = pl.DataFrame({
        "account": "k", "product": "KAFKA", "unit": "CKU", "currency": "USD", "quantity": [0.0, 2.0, 4.0, 6.0],
        "total_cost": [36.0, 30.0, 30.0, 36.0], "above_least": [0.2, 0.0, 0.0, 0.2], "is_held": [False] * 3 + [True],
        "is_least": [False, True, False, False], "flat_from": 1.9, "flat_to": 4.1, "note": "1 month held",
    })  # fmt: skip
    ax = plots.commitment_curve(curve)
    line, dot, now = ax.get_lines()
    assert list(line.get_ydata()) == [36, 30, 30, 36]
    assert (list(dot.get_xdata()), list(now.get_xdata())) == ([2.0], [6.0, 6.0])
    assert ax.get_ylim()[0] == 0
    said = "least at 2: $30.00; flat from 1.9 to 4.1; 6 is held now, 20 % above the least"
    assert said in under(ax).replace("\n", " ")
    assert "1 month held" in under(ax)


def test_what_if_has_its_assumptions_under_the_title():
    table = pl.DataFrame({
        "model_id": ["opus", "auto"], "currency": "USD", "cost": [24.0, None], "what_if_cost": [9.6, None],
        "difference": [-14.4, None], "left_out_cost": [0.0, 7.0], "assumptions": "the same number of tokens is taken.",
    })  # fmt: skip
    ax = plots.what_if(table)
    assert [[bar.get_width() for bar in group] for group in ax.containers] == [[24.0], [9.6]]
    said = under(ax).replace("\n", " ")
    assert "$24.00 as billed, $9.60 in this case: $14.40 less; $7.00 cannot be compared" in said
    assert "Assumed: the same number of tokens is taken." in said
    assert "$9.60 for $24.00" in said


def test_cache_advice_is_in_money():
    table = pl.DataFrame({
        "model_id": ["opus", "haiku"], "currency": "USD", "unearned_premium": [0.5, 0.0], "cost_of_fall": [18.0, None],
        "cache_savings": [7.25, 1.0], "cache_hit_rate": [0.4, 0.9],
    })  # fmt: skip
    ax = plots.cache_advice(table)
    assert [[bar.get_width() for bar in group] for group in ax.containers] == [[0.5], [18.0]]
    assert "$0.50 of writes never came back, falls of the hit rate cost $18.00" in under(ax)
    assert "$18.50, 40 % read from cache" in under(ax)


def test_outcomes_have_a_line_from_least_to_most():
    table = pl.DataFrame({
        "outcome": ["fix", "feature", "(no outcome)"], "currency": "USD", "cost": [11.0, 5.0, 4.0],
        "outcomes": [2, 1, 0], "cost_per_outcome": [5.5, 5.0, None], "cost_at_least": [6.0, 0.0, 4.0],
        "cost_at_most": [16.0, 10.0, 4.0], "grain": "person and day",
    })  # fmt: skip
    ax = plots.outcomes(table)
    assert [bar.get_width() for bar in ax.containers[0]] == [5.5, 5.0]
    assert [list(line.get_xdata()) for line in ax.get_lines()] == [[3.0, 8.0], [0.0, 10.0]]
    assert "$16.00 of $20.00 had outcomes, by person and day" in under(ax).replace("\n", " ")


def test_a_forecast_has_its_range_and_its_backtest():
    table = pl.DataFrame({
        "integration": ["k", "u"], "currency": "USD", "period_start": date(2026, 10, 1), "period_end": date(2027, 1, 1),
        "to_date": [460.0, 5.0], "projected": [920.0, None], "low": [900.0, None], "high": [950.0, None],
        "backtests": [4, 0], "backtest_error": [0.02, None], "backtest_held": [0.75, None],
    })  # fmt: skip
    ax = plots.forecast_costs(table)
    assert [[bar.get_width() for bar in group] for group in ax.containers] == [[460, 5], [460, 0]]
    assert list(ax.get_lines()[0].get_xdata()) == [900, 950]
    said = under(ax).replace("\n", " ")
    assert "$920.00, $900.00 to $950.00; off by 2 %, 3 of 4 held" in said
    assert "$5.00 so far, the rest unknown" in said
    assert ax.get_title(loc="left") == "What Q4 2026 will come to"


@pytest.mark.parametrize("name", ["cache_advice", "commitments", "forecast_costs", "outcomes"])
def test_nothing_to_draw_is_said(name):
    made = {
        "cache_advice": pl.DataFrame({"currency": ["USD"], "unearned_premium": [0.0], "cost_of_fall": [0.0],
                                      "cache_savings": [1.0], "cache_hit_rate": [0.5]}),
        "commitments": held((date(2026, 10, 1), 1.0, 0.0, 0.0)).head(0),
        "outcomes": pl.DataFrame({"outcome": ["(no outcome)"], "currency": ["USD"], "cost": [1.0], "outcomes": [0],
                                  "cost_per_outcome": [None], "cost_at_least": [1.0], "cost_at_most": [1.0],
                                  "grain": ["day"]}, schema_overrides={"cost_per_outcome": pl.Float64}),
        "forecast_costs": pl.DataFrame(schema={"currency": pl.String, "period_start": pl.Date, "period_end": pl.Date,
                                               **dict.fromkeys(("to_date", "projected", "low", "high"), pl.Float64),
                                               "backtests": pl.Int64, "backtest_error": pl.Float64}),
    }  # fmt: skip
    ax = getattr(plots, name)(made[name])
    assert not ax.axison
    assert ax.texts
