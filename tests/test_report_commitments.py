"""The report of the next term: each sentence by hand, and what to hand over where nothing was given."""

from __future__ import annotations

import html
import json
import re
from datetime import date, timedelta

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.test_report_parts import NAME, book_of, charged, record
from truto_usage_nb.errors import InputError
from truto_usage_nb.reports import parts
from truto_usage_nb.reports.notebook import find

TERM = {"start": "2026-09-01", "end": "2027-09-01", "currency": "USD"}
CKU = {"account": "k", "product": "kafka", "quantity": "4", "unit": "CKU", "price": "2", "on_demand_price": "3",
       "basis": "hourly"} | TERM  # fmt: skip
CREDITS = CKU | {"product": None, "quantity": "1000", "unit": "USD", "price": "1", "basis": "prepaid"}
SPAN = [date(2026, 9, 1) + timedelta(days=i) for i in range(61)]


def hours(day):
    """72 of 96 CKU-hours a day in September, 120 in October."""
    return 72.0 if day.month == 9 else 120.0


WORLD = [
    record("k", "confluent", day.isoformat(), charged(net=10), product={"id": "kafka", "name": NAME},
           usage={"quantity": hours(day), "unit": "CKU-hour"})
    | {"end_date": f"{day + timedelta(days=1)}T00:00:00Z"}
    for day in SPAN
]  # fmt: skip
EVENTS = [
    record("u", "cursor", "2026-10-20", charged(net=24), model={"id": "claude-opus-5"},
           usage={"tokens": {"input": 10**6, "output": 10**6, "total": 2 * 10**6}}, user={"email": "ann@x.com"}),
]  # fmt: skip


def frame(*rows):
    return pl.DataFrame(rows)


def said(part):
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<img[^>]*>", "", part.markup))).replace("\u00a0", " ")


def alts(part):
    return [html.unescape(each) for each in re.findall(r'alt="([^"]*)"', part.markup)]


@pytest.fixture(scope="module")
def book():
    merged = frame({"day": "2026-10-20", "kind": "fix"}, {"day": "2026-10-20", "kind": "feature"})
    case = {"models": {"claude-opus-5": "claude-sonnet-5"}}
    return book_of(WORLD + EVENTS, commitments=frame(CKU, CREDITS), what_if=case, outcomes=merged)


def test_the_answer_is_on_one_screen(book):
    """October: 31 days of 96 CKU-hours at $2 are $5,952, all used; 24 a day beyond at $3 are $2,232.

    $610 of the $1,000 are drawn in two months, $300 of them in 30 days: $390 last 39 days more, through 9 December.
    30 days of 3 CKU and 31 of 5: held 3: 61 x 3 x 2 + 31 x 2 x 3 = 552; 5: 610; 4: 488 + 93 = 581. Times 24 hours.
    """
    text = said(parts.next_term_answer(book))
    assert "$5,952 was committed to in October 2026: all of it was used. Beside it $2,232 was on demand." in text
    assert "Credits of k: $390.00 left, at this pace they end on 2026-12-09." in text
    assert "kafka of k: 3 CKU instead of 4 would have cost least; what is held cost 5 % more." in text
    assert "The next to renew is" in text
    assert "In the other case the same tokens would cost $14.40 less, as far as its assumptions hold." in text
    assert "Q4 2026 will come to $920.00, of which $310.00 is billed. Of Cursor too little is known" in text


def test_use_is_drawn_by_day_and_a_month_is_not_added_to(book):
    shown = parts.commitment_use(book)
    first, credits = alts(shown)
    assert first.startswith("kafka of k: what was committed to, and what beside it: $5,952 paid for, all of it used")
    assert credits.startswith("k: what is left of the credits: $390.00 left")
    assert "hourly $5,952 100 % $2,232" in " ".join(said(shown).split())
    assert "Curve" not in said(shown)


def test_the_curve_says_how_flat_it_is(book):
    (alt,) = alts(parts.commitment_curves(book))
    assert "least at 3" in alt
    assert "2 months held, fewer than twelve: a season may be missing" in said(parts.commitment_curves(book))


def test_the_quarter_is_what_ten_a_day_come_to(book):
    """310 in October, then 300 and 310."""
    shown = said(parts.forecasts(book))
    assert "Confluent $310" in " ".join(shown.split())
    assert "$920" in shown


def test_a_scenario_has_its_assumptions_below(book):
    shown = said(parts.scenario(book))
    assert "Assumed: claude-sonnet-5 for claude-opus-5: the same number of tokens is taken" in shown
    assert "-$14.40" in shown


def test_outcomes_are_those_of_who_bills_by_model(book):
    shown = " ".join(said(parts.outcome_costs(book)).split())
    assert "feature 1 0 $12.00 $12.00" in shown
    assert "The bill of Cursor, by day." in shown


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (parts.commitment_use, "No table of commitments was given (commitments=): a file with account, product"),
        (parts.commitment_curves, "No table of commitments was given"),
        (parts.scenario, "No other case was given (what_if=)"),
        (parts.outcome_costs, "No table of outcomes was given (outcomes=)"),
        (parts.next_term_answer, "What was committed to is not known."),
        (parts.cache_losses, "No cache lost money here"),
    ],
)
def test_what_was_not_given_is_asked_for(part, words):
    assert words in said(part(book_of(WORLD)))


def test_too_little_to_forecast_and_a_row_that_is_wrong_are_said():
    assert "ask for horizon='month'" in said(parts.forecasts(book_of(WORLD[29:])))
    wrong = book_of(WORLD, commitments=frame(CKU | {"product": "nothing"}))
    assert "no record of k is of 'nothing'" in said(parts.commitment_use(wrong))


def test_a_name_from_outside_is_text(book):
    renamed = book_of(WORLD, commitments=frame(CKU | {"product": NAME, "unit": "CKU"}))
    for part in (parts.next_term_answer, parts.commitment_use, parts.commitment_curves):
        assert "<script" not in part(renamed).markup


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"commitments": "gone.csv"}, "commitments='gone.csv': there is no such file"),
        ({"what_if": {"caches": 0.5}}, "what_if names 'caches', which is no case. Did you mean"),
        ({"what_if": "0.5"}, "is no mapping; write it like"),
        ({"commitments": {"account": ["k"], "price": [1]}}, "has no column 'product'"),
    ],
)
def test_what_a_report_cannot_use_is_refused_before_anything_is_loaded(tmp_path, options, words):
    given = {name: pl.DataFrame(value) if name == "commitments" and isinstance(value, dict) else value
             for name, value in options.items()}  # fmt: skip
    with pytest.raises(InputError) as caught:
        tu.render_report("commitments", tmp_path / "x.html", sandbox=True, period="2026-10", **given)
    assert words in str(caught.value)


def test_the_notebook_shows_every_part_once():
    notebook = json.loads(find("commitments").path.read_text(encoding="utf-8"))
    source = "\n".join("".join(each["source"]) for each in notebook["cells"])
    shown = re.findall(r"^parts\.(\w+)\(book", source, re.MULTILINE)
    wanted = {"next_term_answer", "commitment_use", "commitment_curves", "forecasts", "scenario", "cache_losses"}
    assert wanted | {"outcome_costs"} <= set(shown)
    assert len(shown) == len(set(shown))
