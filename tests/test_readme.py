"""The code of the README and of the tour runs as it stands, and the README's table is what it shows."""

import re
import warnings
from pathlib import Path

import truto_usage_nb as tu

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")


def run(text: str, name: str) -> dict[str, object]:
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tu.UsageWarning)
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(compile(block, name, "exec"), names)
    return names


def test_the_code_runs_and_the_first_table_is_true():
    table = run(TEXT, "README.md")["table"]
    for row in table.iter_rows(named=True):
        price = row["cost_per_million_tokens"]
        said = (
            f"| {row['integration']} | {row['currency']} | {row['cost']:,.2f} | {row['other_cost']:,.2f} "
            f"| {row['tokens']:,} | {'' if price is None else f'{price:.2f}'} "
            f"| {row['unpriced_tokens']:,} | {row['included_tokens']:,} |"
        )
        assert said.replace("|  |", "| |") in TEXT


def test_the_code_of_the_tour_runs():
    assert {"one", "three", "by_model", "form", "explorer", "month_end", "seen"} <= set(run(TOUR, "tour.md"))


def test_every_name_they_mention_is_there():
    for name in set(re.findall(r"\btu\.(\w+)", TEXT + TOUR)):
        assert hasattr(tu, name), name


def test_the_readme_fits_two_screens_and_every_link_leads_somewhere():
    assert len(TEXT.splitlines()) <= 90
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
