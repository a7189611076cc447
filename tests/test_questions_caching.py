"""Cache advice: what never came back, what fell and what an hour costs, each by hand at Opus's prices."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from tests.frames_for_tests import frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.costs import cache_savings
from truto_usage_nb.errors import FrameError

M = 1_000_000
OPUS = "claude-opus-5"


def day(number, workspace="w", model=OPUS, **tokens):
    """Claude's use of a day of October; Opus: $5 fresh, $0.50 read, $6.25 and $10 written."""
    made = record("c", "claude", f"2026-10-{number:02}", f"2026-10-{number + 1:02}", report_type="usage")
    made |= {"resources": [{"id": "k", "workspace": {"id": workspace}}]}
    return made | {"model": {"id": model}, "usage": {"tokens": tokens}}


def frame(records):
    places = [each["resources"][0]["workspace"]["id"] for each in records]
    return frame_of(records).with_columns(pl.Series("resources_workspace_id", places))


def advised(records, *by):
    return questions.cache_advice(frame(records), *by)


def test_writes_that_reads_of_the_day_never_paid_for():
    """4 M written for $5 more, 1 M read for $4.50 less: $0.50 lost; on the next day 1 M and 2 M: $7.75 won."""
    records = [
        day(5, cache_write_ephemeral_5m=4 * M, cache_read=M),
        day(6, cache_write_ephemeral_5m=M, cache_read=2 * M),
    ]
    row = advised(records).row(0, named=True)
    assert (row["unearned_premium"], row["cache_write_premium"], row["read_savings"]) == pytest.approx(
        (0.5, 6.25, 13.5)
    )
    assert (row["unearned_days"], row["days"], row["cache_savings"]) == (1, 2, pytest.approx(7.25))
    assert "$0.50 of writes were not earned back on 1 of 2 days" in row["advice"]


def test_a_falling_hit_rate_in_money():
    """8 of 10 M read, then 4 of 10: 4 M more at $5 instead of $0.50 is $18; a rise costs nothing."""
    fall = [day(5, input=2 * M, cache_read=8 * M), day(8, input=6 * M, cache_read=4 * M)]
    row = advised(fall).row(0, named=True)
    assert (row["hit_rate_before"], row["hit_rate_after"], row["cost_of_fall"]) == pytest.approx((0.8, 0.4, 18.0))
    assert row["since"] == date(2026, 10, 7)
    assert row["cache_hit_rate"] == pytest.approx(0.6)
    assert "reads fell from 80 % to 40 % of input from 2026-10-07 on, which cost $18.00" in row["advice"]
    rise = advised([day(5, input=6 * M, cache_read=4 * M), day(8, input=2 * M, cache_read=8 * M)]).row(0, named=True)
    assert (rise["cost_of_fall"], rise["advice"]) == (0.0, None)


def test_five_minutes_against_an_hour():
    """2 M for an hour: $3.75 a million more. A write spared saves 6.25 - 0.50: it pays from 3.75 / 5.75 = 65.2 %."""
    row = advised([day(5, cache_write_ephemeral_1h=2 * M, cache_write_ephemeral_5m=M, cache_read=9 * M)]).row(
        0, named=True
    )
    assert (row["one_hour_premium"], row["one_hour_instead"]) == pytest.approx((7.5, 3.75))
    assert row["one_hour_pays_from"] == pytest.approx(3.75 / 5.75)
    assert "an hour's lifetime cost $7.50 more than five minutes" in row["advice"]
    assert "an hour instead of five minutes would cost $3.75 more" in row["advice"]
    assert (row["since"], row["cost_of_fall"]) == (None, None)  # one day has no halves


def test_by_workspace_and_model_the_most_at_stake_first_and_the_sums_are_those_of_cache_savings():
    records = [
        day(5, workspace="quiet", input=M),
        day(5, workspace="loud", cache_write_ephemeral_5m=M),
        day(6, workspace="loud", model="claude-opus-5-20260203", cache_write_ephemeral_5m=M),
        day(6, workspace="loud", model="auto", input=M),
    ]
    table = advised(records)
    assert table.columns[:2] == ["resources_workspace_id", "model_id"]
    assert table["resources_workspace_id"].to_list() == ["loud", "quiet", "loud"]
    assert table["unearned_premium"].to_list() == pytest.approx([2.5, 0, 0])
    assert table["unpriced_tokens"].to_list() == [0, 0, M]
    assert table["model_id"].to_list() == [OPUS, OPUS, "auto"]  # the first row holds two spellings
    known = cache_savings(frame(records)).row(0, named=True)
    for column in ("cache_savings", "cache_write_premium"):
        assert table[column].sum() == pytest.approx(known[column])
    whole = advised(records, None)
    assert whole.height == 1
    assert whole["unpriced_tokens"].to_list() == [known["unpriced_tokens"]]


def test_nothing_cached_is_no_advice_and_no_tokens_no_row():
    row = advised([day(5, input=M, output=M)]).row(0, named=True)
    assert (row["advice"], row["cache_hit_rate"], row["unearned_premium"]) == (None, 0.0, 0.0)
    assert advised([day(5, output=M)]).height == 0
    with pytest.raises(FrameError, match="also a column of the table"):
        advised([day(5, input=M)], "advice")
