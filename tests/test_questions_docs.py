"""The page of questions: its tests are there, its names exist, and its example is the one that is tested."""

import re

import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import hearing


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "questions.md").read_text(encoding="utf-8")


def test_every_complaint_has_an_answer_and_every_test_it_names_is_there(page, root):
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", page.partition("## Twenty-five")[2], re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 26))
    there = {
        name
        for path in (root / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    for _, complaint, answer in rows:
        named = re.findall(r"`(test_\w+)`", answer)
        assert named, complaint
        assert set(named) <= there, complaint


def test_every_name_it_mentions_is_public(page):
    names = set(re.findall(r"\btu\.(\w+)", page))
    assert names <= set(tu.__all__)
    assert names >= {"with_labels", "with_models", "cost_change", "pace", "unusual", "unit_costs", "seats"}
    assert names >= {"check_prices", "reconcile"}


def test_the_ten_questions_are_those_of_the_notebook(page, root):
    notebook = (root / "notebooks" / "03_questions.ipynb").read_text(encoding="utf-8")
    for number, question in re.findall(r"^\| (\d+) \| (.+?) \|", page.partition("Beside them")[0], re.MULTILINE):
        words = question.rstrip("?").split(",")[0]
        assert re.search(rf"## {number}\. {re.escape(words)}", notebook), question


# what next term should cost -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(page):
    """The answers of a table of the page, by the code that gives them."""
    section = page.partition("## What next term")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .+? \| `(tu\..+?)` \| (.+?) \|$", section, re.MULTILINE)
    return dict(rows)


@pytest.fixture(scope="module")
def console():
    return tu.sandbox().load_usage("claude-console", period="2026-10")


def test_what_if_on_the_page(answers, console):
    found = {code: answer for code, answer in answers.items() if "what_if" in code}
    assert len(found) == 2
    for code, answer in found.items():
        row = eval(code, {"tu": tu, "usage": console}).row(0, named=True)
        said = f"{-row['difference']:,.2f} less"
        assert answer in (said, f"{said} of {row['cost']:,.2f}"), code
        assert row["cost"] + row["other_cost"] + row["left_out_cost"] == pytest.approx(tu.total_cost(console))


def test_cache_advice_on_the_page(answers, console):
    code = next(code for code in answers if "cache_advice" in code)
    table = eval(code, {"tu": tu, "usage": console})
    lost, fell = (table[name].sum() for name in ("unearned_premium", "cost_of_fall"))
    assert answers[code] == f"{lost:,.2f} of writes never came back, and falls cost {fell:,.2f}"


def test_commitments_on_the_page(page, answers):
    import polars as pl

    names = {"tu": tu, "pl": pl, "datadog": tu.sandbox().load_usage("datadog", period="2026-10")}
    exec(re.search(r"```python\n(table = .+?)```", page, re.DOTALL)[1], names)
    row = eval("tu.commitments(datadog, table)", names).row(0, named=True)
    said = f"{row['committed_cost']:,.2f} committed, {row['on_demand_cost']:,.2f} on demand"
    assert answers["tu.commitments(datadog, table)"] == said
    least = eval("tu.commitment_curve(datadog, table)", names).filter(is_least=True).row(0, named=True)
    assert answers["tu.commitment_curve(datadog, table)"] == (
        f"least at {least['quantity']:,.1f}, flat to {least['flat_to']:,.1f}"
    )


@pytest.fixture(scope="module")
def recent():
    with hearing():
        return tu.sandbox().load_usage(["confluent", "datadog"], period=("2026-05-01", "2026-12-01"))


def test_forecasts_on_the_page(answers, recent):
    month, quarter = (code for code in answers if "forecast_costs" in code)
    rows = {row["integration"]: row for row in eval(month, {"tu": tu, "recent": recent}).iter_rows(named=True)}
    assert (
        answers[month]
        == f"Datadog {rows['datadog']['projected']:,.0f}, Confluent {rows['confluent']['projected']:,.0f}"
    )
    table = eval(quarter, {"tu": tu, "recent": recent})
    off = " and ".join(f"{error:.1%}".replace("%", " %") for error in table["backtest_error"])
    tests = table["backtests"].unique().item()
    assert answers[quarter] == f"{table['projected'].sum():,.0f}; off by {off} in {tests} earlier stretches"


def test_outcomes_on_the_page(page, answers):
    import polars as pl

    names = {"tu": tu, "pl": pl, "cursor": tu.sandbox().load_usage("cursor", period="2026-10-05")}
    exec(re.search(r"```python\n(merged = .+?)```", page, re.DOTALL)[1], names)
    code = next(code for code in answers if "outcomes" in code)
    table = eval(code, names)
    rows = {row["outcome"]: row["cost_per_outcome"] for row in table.iter_rows(named=True)}
    assert answers[code] == f"fix {rows['fix']:,.2f}, feature {rows['feature']:,.2f}"
    assert table["cost"].sum() == pytest.approx(tu.total_cost(names["cursor"]))
