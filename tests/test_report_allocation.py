"""The allocation in a report: what each team pays, its budget beside it, its lines, and what no rule reached."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.frames_for_tests import frame_of
from tests.test_allocation import SHARED, record
from truto_usage_nb.allocation.chargeback import UNALLOCATED
from truto_usage_nb.errors import InputError
from truto_usage_nb.reports import parts

RULES = {
    "version": 1,
    "rules": [{"to": name, "match": {"account": name[0]}} for name in ("platform", "mobile", "web")],
    "splits": [{"pool": "platform", "by": "even", "among": ["mobile", "web"]}],
}


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    """Open a book of October of a few records by hand: 100 shared, 30 and 10 of teams, 5 of nobody."""
    from dataclasses import replace

    records = frame_of([*SHARED, record("else", 5)])
    result = replace(tu.sandbox().fetch_usage("confluent", period="2026-10"), polars=records, queries=())
    path = result.save(tmp_path / "kept.parquet")

    def open_(**given: Any) -> parts.Book:
        return parts.open_book(path, period="2026-10", **given)

    return open_


def test_who_pays_what_adds_up_with_budgets_beside_it(opened: Any, tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.csv"
    budgets.write_text("team,currency,amount\nmobile,USD,100\nweb,USD,50\n", encoding="utf-8")
    book = opened(rules=RULES, team_budgets=budgets)
    lines = parts.allocation_lines(book)
    assert lines.select("target", "cost", "budget", "used").rows() == [
        ("mobile", 80.0, 100.0, 0.8), ("web", 60.0, 50.0, 1.2), ("platform", 0.0, None, None),
        (UNALLOCATED, 5.0, None, None),
    ]  # fmt: skip
    page = parts.allocation(book).markup
    assert "$145.00" in page  # the total
    assert re.search(r"SHA-256 [0-9a-f]{12}\)", page)
    assert 'download="showback-allocation-' in page


def test_each_team_has_a_section_that_says_where_its_cost_comes_from(opened: Any) -> None:
    page = parts.team_sections(opened(rules=RULES)).markup
    assert re.findall(r"<h3>(\w+)</h3><p>([^<]+)</p>", page) == [
        ("mobile", "$80.00"), ("web", "$60.00"), ("platform", "$0.00"),
    ]  # fmt: skip
    assert "platform by even (split 1)" in page
    assert "account: m (rule 2)" in page


def test_what_no_rule_reached_stands_with_the_rules_that_would_catch_it(opened: Any) -> None:
    page = parts.unallocated(opened(rules=RULES)).markup
    assert "(no person)" in page
    assert "match: {account: else}" in page
    whole = [{"to": "all", "match": "all"}]
    assert "Every record was reached by a rule." in parts.unallocated(opened(rules=whole)).markup


def test_names_in_rules_do_not_break_out_of_the_page(opened: Any) -> None:
    rules = [{"to": "<b>x", "match": {"account": ["m", "<i>"]}}]
    page = parts.team_sections(opened(rules=rules)).markup + parts.allocation(opened(rules=rules)).markup
    assert "<b>x" not in page
    assert "<i>" not in page


def test_without_rules_nothing_is_handed_out(opened: Any) -> None:
    book = opened()
    assert parts.allocation(book, heading=True).markup == ""
    assert "No rules were given" in parts.allocation(book).markup
    assert parts.team_sections(book).markup == parts.unallocated(book).markup == ""


def test_rules_that_say_nothing_clear_are_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    for name in ("allocation", "showback"):
        with pytest.raises(InputError, match="Did you mean 'account'"):
            tu.render_report(name, tmp_path / "x.html", sandbox=True, period="2026-10", rules=[
                {"to": "x", "match": {"acount": "a"}}
            ])  # fmt: skip
    assert not list(tmp_path.iterdir())


@pytest.mark.kernel
def test_a_report_is_made_by_name_in_a_fresh_folder(tmp_path: Path) -> None:
    rules = [{"to": "platform", "match": {"account": "confluent"}}]
    page = tu.render_report("showback", tmp_path / "x.html", sandbox=True, accounts=["confluent"], period="2026-10-05",
                            rules=rules)  # fmt: skip
    assert ">Who pays</h2>" in page.read_text(encoding="utf-8")


def test_the_chart_of_an_allocation_says_what_it_comes_to() -> None:
    table = tu.allocate(frame_of(SHARED), RULES)
    ax = tu.plots.allocation(table, budgets={"mobile": 100})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["mobile", "web", "platform"]
    said = " ".join(text.get_text().replace("\\", "") for text in ax.texts)
    assert "$140.00 after credits and tax, 100 % of it allocated" in said
    assert "$80.00  57 %  of $100.00" in said
    assert "$0.00  ($100.00 handed out)" in said
    widths = sorted(round(bar.get_width(), 2) for bar in ax.patches)
    assert widths == [10, 30, 50, 50]
    assert tu.plots.allocation(pl.DataFrame(table)).get_title(loc="left") == "Who pays"
    with pytest.raises(InputError, match="A chart of an allocation"):
        tu.plots.allocation(frame_of(SHARED))


def test_what_was_agreed_on_stands_with_its_breaches_first(opened: Any, tmp_path: Path) -> None:
    check = tmp_path / "check.yml"
    check.write_text(
        "version: 1\nbudgets:\n  - {total: true, amount: 200, currency: USD, period: month}\n"
        "  - {vendor: confluent, amount: 100, currency: USD, period: month}\n",
        encoding="utf-8",
    )
    page = parts.checks(opened(checks=check)).markup
    states = re.findall(r">(ok|breached|not judged)</td>", page)
    assert states == ["breached", "ok"]
    assert "$145.00 of $100.00 in 2026-10 (145 %)" in page
    assert "As check.yml has it." in page
    assert parts.checks(opened()).markup == ""
