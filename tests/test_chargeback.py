"""Files for the books: cents add up, cost centres are text, and a journal comes to nothing."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

import truto_usage_nb as tu
from tests.backends_for_tests import as_kind
from truto_usage_nb.errors import FrameError, InputError

LINES = pl.DataFrame(
    {
        "rule": ["rule 1", "split 1", "rule 2", None],
        "reason": ["account: a", "pool by even", "account: b", "(no person)"],
        "target": ["00420", "00420", "1E5", None],
        "currency": ["USD", "USD", "USD", "EUR"],
        "direct_cost": [10.01, 0.0, 5.02, 7.0],
        "shared_cost": [0.0, 2.5, -2.5, 0.0],
        "purchased_cost": [0.0, 0.0, 1.0, 0.0],
        "cost": [10.01, 2.5, 3.52, 7.0],
        "tokens": [100, 50, 0, 7],
        "rules_sha256": ["abc"] * 4,
    }
)


def sheets(path: Path) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_a_workbook_has_a_summary_with_totals_and_a_sheet_a_team(tmp_path: Path) -> None:
    read = sheets(tu.write_chargeback(LINES, tmp_path / "october.xlsx", period="2026-10"))
    assert list(read) == ["summary", "00420", "1E5", "(unallocated)", "notes"]
    head, *rows = read["summary"]
    own = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["cost_center"], row["currency"], row["cost"], row["tokens"]) for row in own] == [
        ("00420", "USD", 12.51, 150), ("1E5", "USD", 3.52, 0), ("(unallocated)", "EUR", 7.0, 7),
        ("total", "USD", 16.03, 150), ("total", "EUR", 7.0, 7),
    ]  # fmt: skip
    assert str(own[0]["period_start"]) == "2026-10-01"
    assert str(own[0]["period_end"]) == "2026-10-31"
    assert [row[:2] + row[-2:] for row in read["00420"][1:]] == [
        ["rule 1", "account: a", 10.01, 100], ["split 1", "pool by even", 2.5, 50], ["total", "", 12.51, 150],
    ]  # fmt: skip
    assert ["rules", "SHA-256 abc"] in read["notes"]


def test_amounts_and_days_have_formats_and_cost_centres_are_text(tmp_path: Path) -> None:
    path = tu.write_chargeback(LINES, tmp_path / "october.xlsx", period="2026-10")
    with zipfile.ZipFile(path) as book:
        styles, sheet = (book.read(f"xl/{name}.xml").decode() for name in ("styles", "worksheets/sheet1"))
    known = dict(re.findall(r'numFmtId="(\d+)" formatCode="([^"]+)"', styles)) | {"4": "#,##0.00", "3": "#,##0"}
    used = [known.get(number) for number in re.findall(r'<xf numFmtId="(\d+)"', styles.split("<cellXfs")[1])]

    def of(cell: str) -> tuple[str, str | None]:
        found = re.search(rf'<c r="{cell}"(?: s="(\d+)")?(?: t="(\w+)")?', sheet)
        assert found is not None
        return found[2] or "n", used[int(found[1] or 0)]

    assert of("A2")[0] == "s"  # 00420
    assert of("B2") == ("n", "yyyy-mm-dd")
    assert of("H2") == ("n", "#,##0.00")
    assert of("I2") == ("n", "#,##0")
    assert of("H5") == ("n", "#,##0.00")  # the total


def test_a_ledger_balances_in_each_currency(tmp_path: Path) -> None:
    tu.write_chargeback(LINES, tmp_path / "x.xlsx", period="2026-10", ledger=tmp_path / "x.csv", account="6500",
                        contra_account="2900")  # fmt: skip
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == ["date", "account", "cost_center", "amount", "currency", "text"]
    assert [(row["account"], row["cost_center"], row["amount"], row["currency"]) for row in rows] == [
        ("6500", "00420", "12.51", "USD"), ("6500", "1E5", "3.52", "USD"), ("6500", "(unallocated)", "7.00", "EUR"),
        ("2900", "", "-16.03", "USD"), ("2900", "", "-7.00", "EUR"),
    ]  # fmt: skip
    assert {(row["date"], row["text"]) for row in rows} == {("2026-10-31", "Usage 2026-10")}
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["currency"]] += Decimal(row["amount"])
    assert not any(sums.values())


def test_months_of_a_table_are_booked_each_on_its_last_day(tmp_path: Path) -> None:
    usage = tu.sandbox().load_usage("confluent", period=("2026-09-29", "2026-10-03"))
    made = tu.allocate(usage, [{"to": "platform", "match": {"account": "confluent"}}], every="1mo")
    tu.write_chargeback(made, tmp_path / "x.xlsx", ledger=tmp_path / "x.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text(encoding="utf-8"))))
    assert {row["date"] for row in rows} == {"2026-09-30", "2026-10-31"}
    assert sum(Decimal(row["amount"]) for row in rows) == 0


@pytest.mark.parametrize("kind", ["polars_lazy", "pandas", "pyarrow"])
def test_any_frame_makes_the_same_workbook(kind: str, tmp_path: Path) -> None:
    one = tu.write_chargeback(LINES, tmp_path / "one.xlsx", period="2026-10").read_bytes()
    assert tu.write_chargeback(as_kind(LINES, kind), tmp_path / "two.xlsx", period="2026-10").read_bytes() == one


def test_what_cannot_be_booked_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ledger= needs the period that is booked"):
        tu.write_chargeback(LINES, tmp_path / "x.xlsx", ledger=tmp_path / "x.csv")
    with pytest.raises(FrameError, match="write_chargeback needs the columns"):
        tu.write_chargeback(pl.DataFrame({"team": ["a"]}), tmp_path / "x.xlsx")
    with pytest.raises(FrameError, match="cost holds String"):
        tu.write_chargeback(LINES.with_columns(pl.col("cost").cast(pl.String)), tmp_path / "x.xlsx")
    with pytest.raises(InputError, match=r"does not end in \.xlsx"):
        tu.write_chargeback(LINES, tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())
