"""Outcomes: a person's day shared among what came of it, at the grain of the bill, and the bill kept whole."""

from __future__ import annotations

import polars as pl
import pytest

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.errors import FrameError, InputError, UsageWarning


def event(email, day, money, currency="USD"):
    at = f"2026-10-{day:02}T09:00:00Z"
    return record("u", "cursor", at, at, user={"email": email}, charges=charged(currency, total=money))


WORLD = [event("A@x.com", 5, 10), event("a@x.com", 6, 6), event("b@x.com", 5, 8), event("b@x.com", 7, 3)]


def answered(items, *rest, frame=WORLD):
    table = questions.outcomes(frame_of(frame), pl.DataFrame(items), *rest)
    assert table["cost"].sum() == pytest.approx(sum(each["charges"][0]["amount"] for each in frame))
    return {row["outcome"]: row for row in table.iter_rows(named=True)}


def test_a_day_is_shared_among_its_outcomes_and_the_rest_stands_apart():
    """a's 5th: $10 for one fix and one feature; a's 6th: $6 for a fix. b made nothing: $11."""
    items = {"day": ["2026-10-05", "2026-10-05", "2026-10-06"], "email": ["a@x.com", " A@x.com", "a@x.com"],
             "kind": ["fix", "feature", "fix"]}  # fmt: skip
    rows = answered(items, "kind")
    fix, feature, rest = rows["fix"], rows["feature"], rows["(no outcome)"]
    assert (fix["cost"], fix["outcomes"], fix["cost_per_outcome"]) == (11, 2, 5.5)
    assert (fix["cost_at_least"], fix["cost_at_most"]) == (6, 16)
    assert (feature["cost"], feature["cost_at_least"], feature["cost_at_most"]) == (5, 0, 10)
    assert (rest["cost"], rest["outcomes"], rest["cost_per_outcome"]) == (11, 0, None)
    assert {row["grain"] for row in rows.values()} == {"person and day"}


def test_by_week_and_in_counts():
    """In the week of the 5th a cost $16 for four of one kind, b $11 for one."""
    rows = answered({"Week": ["2026-W41", "2026-10-07"], "E-Mail": ["a@x.com", "b@x.com"], "count": [4, 1]})
    assert (rows["outcome"]["cost"], rows["outcome"]["outcomes"], rows["outcome"]["people"]) == (27, 5, 2)
    assert (rows["outcome"]["cost_per_outcome"], rows["outcome"]["grain"]) == (5.4, "person and week")
    assert "(no outcome)" not in rows


def test_without_people_a_day_is_everybodys():
    rows = answered({"day": ["2026-10-05", "2026-10-05"]})
    assert (rows["outcome"]["cost"], rows["outcome"]["cost_per_outcome"], rows["outcome"]["grain"]) == (18, 9, "day")
    assert rows["(no outcome)"]["cost"] == 9


def test_a_person_billed_by_the_week_has_outcomes_by_the_week():
    """$14 for a week say nothing of its Tuesday: two outcomes of the week cost $7 each."""
    week = record("c", "claude", "2026-10-05", "2026-10-12", report_type="user_cost", user={"email": "a@x.com"},
                  charges=charged(net=14))  # fmt: skip
    rows = answered({"day": ["2026-10-06", "2026-10-08"], "email": ["a@x.com"] * 2}, frame=[week])
    assert (rows["outcome"]["cost_per_outcome"], rows["outcome"]["grain"]) == (7, "person and week")


def test_each_currency_by_itself():
    table = questions.outcomes(
        frame_of([event("a@x.com", 5, 10), event("a@x.com", 5, 4, "EUR")]), pl.DataFrame({"day": ["2026-10-05"] * 2})
    )
    assert table.select("currency", "cost_per_outcome").rows() == [("USD", 5), ("EUR", 2)]


def test_what_lies_outside_and_who_is_unknown_is_told():
    items = {"day": ["2026-10-05", "2026-11-05"], "email": ["nobody@x.com", "a@x.com"]}
    with pytest.warns(
        UsageWarning, match="1 outcomes lie outside .*; 1 outcomes are of people whom no record here names"
    ):
        rows = answered(items)
    assert (rows["outcome"]["cost"], rows["outcome"]["outcomes"]) == (0, 1)


@pytest.mark.parametrize(
    ("items", "of", "said"),
    [
        ({"email": ["a@x.com"]}, None, "needs the column week"),
        ({"day": ["2026-10-05"] * 2, "email": ["a@x.com", None]}, None, "row 2: it lacks its email"),
        ({"day": [None]}, None, "row 1: day='' is no day"),
        ({"week": ["2026-W60"]}, None, "row 1: week='2026-W60' is no week of that year"),
        ({"day": ["2026-10-05"], "count": [1.5]}, None, "row 1: count=1.5 is no number of outcomes"),
        ({"day": ["2026-10-05"]}, "kind", "of='kind' is no column of the table of outcomes; it has day"),
    ],
)
def test_a_table_that_cannot_be_right(items, of, said):
    with pytest.raises((FrameError, InputError), match=said):
        answered(items, of)
