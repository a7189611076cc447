"""The pages of who pays: every figure on them is computed here, and every example runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.frames_for_tests import frame_of
from tests.test_allocation import record
from truto_usage_nb.allocation import read_rules
from truto_usage_nb.allocation.check import read_checks
from truto_usage_nb.errors import hearing


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "allocation.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def names(page: str) -> dict[str, Any]:
    """What the first example leaves behind."""
    left: dict[str, Any] = {}
    with hearing():
        exec(compile(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], "allocation.md", "exec"), left)
    return left


def test_the_demo_companys_october_is_handed_out_as_the_page_says(page: str, names: dict[str, Any]) -> None:
    said = re.findall(r"^\| ([\w()-]+) \| ([\d.,-]+) \| ([\d.,-]+) \| ([\d.,-]+) \|$", page, re.MULTILINE)
    usd = names["allocated"].filter(currency="USD").with_columns(pl.col("target").fill_null("(unallocated)"))
    columns = ("direct_cost", "shared_cost", "cost")
    assert said == [
        (row["target"], *(f"{row[name]:,.2f}" for name in columns)) for row in usd.iter_rows(named=True)
    ]  # fmt: skip
    rest, whole = usd.filter(target="(unallocated)")["cost"].item(), usd["cost"].sum()
    share = 1 - rest / whole
    assert share >= 0.95
    assert f"reaches {share:.1%} of it".replace("%", " %") in page


def test_the_questions_of_month_end_have_the_answers_that_the_page_says(root: Path, names: dict[str, Any]) -> None:
    page = (root / "docs" / "questions.md").read_text(encoding="utf-8")
    client, usage, allocated = names["client"], names["usage"], names["allocated"]
    rules = client.rules()
    with hearing():
        held = tu.check_allocation(usage, rules).filter(currency="USD").row(0, named=True)
        suggested = tu.suggest_rules(usage, rules).filter(currency="USD")
        other = client.rules()
        other["rules"][0]["to"] = "research"
        change = tu.allocation_change(allocated, tu.allocate(usage, other)).filter(target="platform", currency="USD")
        budget = {"vendor": "datadog", "amount": "82000", "currency": "USD", "period": "month"}
        checked = tu.check_usage(usage, {"version": "1", "budgets": [budget]}, period="2026-10").row(0, named=True)
    top = ", ".join(
        f"{row['target']} {row['cost']:,.2f}" for row in allocated.filter(currency="USD").head(3).to_dicts()
    )
    assert f"| {top}, … |" in page
    handed, payable = (f"{held[name]:,.2f}" for name in ("allocated", "payable"))
    assert f"{handed} is handed out, {payable} is payable, the difference is {held['difference']:.0f} |" in page
    rest = f"{held['unallocated']:,.2f}, or {held['unallocated'] / held['payable']:.1%}".replace("%", " %")
    assert f"| {rest}; {suggested['cost'][0]:,.2f} of it by one rule |" in page
    assert f"| platform {-change['difference'].item():,.2f} less |" in page
    assert (checked["status"], f"{checked['value']:,.2f}") == ("ok", "80,690.40")
    assert "82,000 for Datadog does: 80,690.40" in page


def test_the_example_by_hand_is_what_comes_out(page: str, tmp_path: Path) -> None:
    by_hand = page.partition("## By hand")[2]
    rules = tmp_path / "rules.yml"
    rules.write_text(re.findall(r"```yaml\n(.*?)```", by_hand, re.DOTALL)[0], encoding="utf-8")
    records = [
        record("datadog", 310, 1, days=31), record("datadog", -10, 3, product="promotion"),
        *(record("claude", amount, email=mail) for amount, mail in (
            (60, "ann@example.com"), (20, "bo@example.com"), (10, None))),
    ]  # fmt: skip
    with hearing():
        table = tu.allocate(frame_of(records), rules)
        book = tu.write_chargeback(table, tmp_path / "x.xlsx", period="2026-10", ledger=tmp_path / "x.csv")
    found = {row["target"]: f"{row['cost']:.2f}" for row in table.iter_rows(named=True)}
    row = re.search(r"^\| cost \| (.+?) \|$", by_hand, re.MULTILINE)
    assert row is not None
    mobile, web, platform, rest, together = row[1].split(" | ")
    assert found == {"mobile": mobile, "web": web, "platform": platform, None: rest}
    assert f"{table['cost'].sum():.2f}" == together
    journal = re.findall(r"```text\n(date,.*?)```", page, re.DOTALL)[0]
    assert (tmp_path / "x.csv").read_text(encoding="utf-8").replace('""', "") == journal
    assert book.exists()


def test_the_files_on_the_page_are_read(page: str, tmp_path: Path) -> None:
    rules, hand, check, workflow = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "staff.csv").write_text("email,to\nann@example.com,mobile\n", encoding="utf-8")
    for name, text in (("one.yml", rules), ("rules.yml", hand), ("check.yml", check)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert [split.by for split in read_rules(tmp_path / "one.yml", documented=True).splits] == ["cost", "shares"]
    assert len(read_checks(tmp_path / "check.yml").budgets) == 3
    assert "truto-usage check check.yml --period this-month" in workflow


def test_every_name_and_field_it_mentions_is_there(page: str) -> None:
    from truto_usage_nb.allocation.rules import FIELDS

    assert set(re.findall(r"\btu\.(\w+)", page)) <= set(tu.__all__)
    table = page.partition("| field | matches |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`(?=[^|]*\|[^|]*\|$)", table, re.MULTILINE)) - {"integrated_account_id"} == set(
        FIELDS
    )
