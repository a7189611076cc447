"""The README's code runs as it stands, and its table is what it shows."""

import re
import warnings
from pathlib import Path

import truto_usage_nb as tu

TEXT = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_code_runs_and_the_first_table_is_true():
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tu.UsageWarning)
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
            exec(compile(block, "README.md", "exec"), names)
    table = names["table"]
    for row in table.iter_rows(named=True):
        price = row["cost_per_million_tokens"]
        said = (
            f"| {row['integration']} | {row['currency']} | {row['cost']:,.2f} | {row['other_cost']:,.2f} "
            f"| {row['tokens']:,} | {'' if price is None else f'{price:.2f}'} "
            f"| {row['unpriced_tokens']:,} | {row['included_tokens']:,} |"
        )
        assert said.replace("|  |", "| |") in TEXT


def test_every_name_it_mentions_is_there():
    for name in set(re.findall(r"\btu\.(\w+)", TEXT)):
        assert hasattr(tu, name), name
