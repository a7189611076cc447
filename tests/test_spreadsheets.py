"""CSV and xlsx hold values alone: nothing runs, nothing is lost unsaid, and the same frame is the same bytes."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.backends_for_tests import as_kind
from truto_usage_nb.errors import InputError, UsageWarning

NASTY = [
    "=cmd()",
    "+1+1",
    "-2",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "＝1+1",
    "http://evil.example",
    "\u202e=gnp",
    "عربي",
    'a,"b"\nc',
]
SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def sheet(path, number=1):
    """Read a sheet with nothing but the standard library: a row a list of (type, value)."""
    with zipfile.ZipFile(path) as book:
        shared = [
            "".join(node.text or "" for node in item.iter(f"{{{SPACE['m']}}}t"))
            for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        ]
        tree = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
    rows = []
    for row in tree.iterfind(".//m:row", SPACE):
        cells = {}
        for cell in row.iterfind("m:c", SPACE):
            value, kind = cell.findtext("m:v", namespaces=SPACE), cell.get("t", "n")
            cells[re.sub(r"\d", "", cell.get("r"))] = (kind, shared[int(value)] if kind == "s" else value)
        rows.append(cells)
    return rows


def texts(path, number=1):
    return [[value for _, value in row.values()] for row in sheet(path, number)]


def notes(path):
    return " | ".join(": ".join(row) for row in texts(path, 2))


def read_csv(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_no_text_is_a_formula_or_a_link_in_a_workbook(tmp_path):
    path = tu.write_xlsx(pl.DataFrame({"=name": NASTY}), tmp_path / "x.xlsx")
    rows = sheet(path)
    assert rows[0]["A"] == ("s", "=name")
    assert {row["A"][0] for row in rows} == {"s"}
    assert [row["A"][1].replace("_x000D_", "\r") for row in rows[1:]] == NASTY
    with zipfile.ZipFile(path) as book:
        whole = b"".join(book.read(name) for name in book.namelist() if "worksheets" in name)
    assert b"<f>" not in whole
    assert b"hyperlink" not in whole


def test_a_text_that_would_run_in_a_csv_gets_an_apostrophe_and_nothing_else_changes(tmp_path):
    path = tu.write_csv(pl.DataFrame({"=name": NASTY, "cost": [-1.5] * len(NASTY)}), tmp_path / "x.csv")
    rows = read_csv(path)
    assert rows[0] == ["'=name", "cost"]
    assert [row[0] for row in rows[1:]] == [f"'{text}" for text in NASTY[:7]] + NASTY[7:]
    assert {row[1] for row in rows[1:]} == {"-1.5"}


FRAME = pl.DataFrame(
    {
        "at": [datetime(2026, 10, 1, 22, 30, tzinfo=UTC), None],
        "day": [date(2026, 10, 1), date(1899, 1, 1)],
        "tokens": [12, None],
        "cost": [0.1, float("nan")],
        "on": [True, False],
        "charges": [[{"amount": 1.5, "type": "net"}], None],
    },
    schema_overrides={"at": pl.Datetime("us", "Europe/Berlin")},
)


def test_every_kind_of_value_has_its_cell(tmp_path):
    with pytest.warns(UsageWarning, match="cost: 1 values that are no finite number are left empty"):
        path = tu.write_xlsx(FRAME, tmp_path / "x.xlsx")
    head, first, second = sheet(path)
    assert [value for _, value in head.values()] == FRAME.columns
    assert first["A"] == ("n", "46296.9375")  # 2026-10-01 22:30 UTC as Excel counts days, not Berlin's next day
    assert first["B"] == ("n", "46296")
    assert first["C"] == ("n", "12")
    assert first["D"] == ("n", "0.1")
    assert first["E"] == ("b", "1")
    assert first["F"] == ("s", '[{"amount": 1.5, "type": "net"}]')
    assert set(second) == {"B", "E"}  # what nobody stated is an empty cell
    assert second["B"] == ("s", "1899-01-01")
    assert "times: UTC, without a time zone: at" in notes(path)
    assert "changed: cost: 1 values" in notes(path)


def test_the_same_values_in_a_csv(tmp_path):
    rows = read_csv(tu.write_csv(FRAME, tmp_path / "x.csv"))
    assert rows[1] == ["2026-10-01T22:30:00Z", "2026-10-01", "12", "0.1", "true", '[{"amount": 1.5, "type": "net"}]']
    assert rows[2] == ["", "1899-01-01", "", "NaN", "false", ""]


def test_what_excel_cannot_hold_is_told(tmp_path):
    frame = pl.DataFrame({"big": [10**15, -(10**15), -(2**63), 5], "long": ["x" * 32_768, "y", None, "z"]})
    with pytest.warns(UsageWarning) as told:
        path = tu.write_xlsx(frame, tmp_path / "x.xlsx")
    said = str(told[0].message)
    assert "big: 3 whole numbers have more than the 15 digits" in said
    assert "long: 1 texts are cut to the 32,767 characters" in said
    assert told[0].filename == __file__
    assert len(sheet(path)[1]["B"][1]) == 32_767


def test_a_frame_larger_than_a_sheet_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match=r"room for 1,048,575 rows .* has 1,048,576 and 1; write .csv or .parquet"):
        tu.write_xlsx(pl.DataFrame({"a": range(1_048_576)}), tmp_path / "x.xlsx")
    assert not list(tmp_path.iterdir())


def test_columns_that_differ_only_in_case_stay_two(tmp_path):
    assert texts(tu.write_xlsx(pl.DataFrame({"ext_py": [1], "ext_PY": [2]}), tmp_path / "x.xlsx"))[0] == [
        "ext_py",
        "ext_PY",
    ]


def test_a_result_brings_its_provenance(tmp_path):
    result = tu.fetch_usage("cursor", period="2026-10-05", client=tu.sandbox())
    path = tu.write_xlsx(result, tmp_path / "x.xlsx")
    assert len(sheet(path)) == result.polars.height + 1
    said = notes(path)
    assert "period: 2026-10-05 to 2026-10-06" in said
    assert "query: UsageQuery(integrated_account_id='cursor'" in said
    assert "lists: JSON text: resources, charges" in said


@pytest.mark.parametrize("kind", ["pandas", "pandas_arrow", "pyarrow", "duckdb", "polars_lazy"])
def test_any_frame_is_written_the_same(kind, tmp_path):
    frame = pl.DataFrame({"a": ["=x", None], "b": [1, 2]})
    tu.write_csv(as_kind(frame, kind), tmp_path / "x.csv")
    assert read_csv(tmp_path / "x.csv") == [["a", "b"], ["'=x", "1"], ["", "2"]]


def test_the_same_frame_is_the_same_bytes(tmp_path):
    first, second = (tu.write_xlsx(FRAME.drop("cost"), tmp_path / f"{n}.xlsx") for n in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_an_empty_frame_keeps_its_head(tmp_path):
    assert texts(tu.write_xlsx(FRAME.head(0), tmp_path / "x.xlsx")) == [FRAME.columns]
    assert read_csv(tu.write_csv(FRAME.head(0), tmp_path / "x.csv")) == [FRAME.columns]


COSTS = pl.DataFrame(
    {
        "team": ["web", "mobile", "web"],
        "currency": ["USD", "USD", "JPY"],
        "cost": [80690.39999999998, -1.5, 1000.0],
        "tokens": [10, 5, 1],
        "cost_per_million_tokens": [2.0, None, 3.0],
        "cache_read_share": [0.5, None, 0.25],
    }
)


def formats(path, number=1):
    """Give the number format of each cell, by its name."""
    with zipfile.ZipFile(path) as book:
        styles, body = (book.read(f"xl/{name}.xml").decode() for name in ("styles", f"worksheets/sheet{number}"))
    known = {"0": None, "3": "#,##0", "4": "#,##0.00", "10": "0.00%"}
    known |= dict(re.findall(r'numFmtId="(\d+)" formatCode="([^"]+)"', styles))
    used = [known[one] for one in re.findall(r'<xf numFmtId="(\d+)"', styles.split("<cellXfs")[1])]
    return {cell: used[int(style or 0)] for cell, style in re.findall(r'<c r="(\w+)"(?: s="(\d+)")?', body)}


def test_a_workbook_of_costs_has_formats_and_a_total_a_currency(tmp_path):
    path = tu.write_xlsx(COSTS, tmp_path / "x.xlsx")
    rows = sheet(path)
    assert [float(row["C"][1]) for row in rows[1:]] == pytest.approx([80690.4, -1.5, 1000, 80688.9, 1000], abs=1e-11)
    assert [(row["A"][1], row["B"][1], row["D"][1]) for row in rows[4:]] == [
        ("total", "USD", "15"),
        ("total", "JPY", "1"),
    ]
    assert "E" not in rows[4]  # prices do not add up
    seen = formats(path)
    assert [seen[f"C{n}"] for n in range(2, 7)] == ["#,##0.00", "#,##0.00", "#,##0", "#,##0.00", "#,##0"]
    assert (seen["D2"], seen["E2"], seen["F2"]) == ("#,##0", "#,##0.00########", "0.0%")
    assert len(sheet(tu.write_xlsx(COSTS, tmp_path / "y.xlsx", total=False))) == 4


def test_records_keep_their_parts_of_a_cent_and_have_a_total_only_when_asked(tmp_path):
    records = pl.DataFrame({"charges_total": [0.0000375], "charges_currency": ["USD"], "usage_tokens_total": [3]})
    path = tu.write_xlsx(records, tmp_path / "x.xlsx")
    assert len(sheet(path)) == 2
    assert formats(path)["A2"] == "#,##0.00########"
    assert sheet(tu.write_xlsx(records, tmp_path / "y.xlsx", total=True))[2]["C"] == ("n", "3")


def test_a_sheet_for_each_value_of_a_column(tmp_path):
    frame = pl.DataFrame({"team": ["a/b", "A_B", None, "a/b", "notes"], "tokens": [1, 2, 4, 8, 16]})
    path = tu.write_xlsx(frame, tmp_path / "x.xlsx", sheets_by="team")
    with zipfile.ZipFile(path) as book:
        names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
    assert names == ["usage", "a_b", "A_B 2", "(none)", "notes 2", "notes"]
    assert texts(path, 2)[1:] == [["a/b", "1"], ["a/b", "8"]]
    tu.write_csv(frame, tmp_path / "y.csv", sheets_by="team")
    assert sorted(each.name for each in tmp_path.glob("*.csv")) == [
        "y-(none).csv", "y-A_B 2.csv", "y-a_b.csv", "y-notes.csv", "y.csv",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"sheets_by='tem' is no column of this frame\. Did you mean 'team'"):
        tu.write_xlsx(frame, tmp_path / "z.xlsx", sheets_by="tem")


def test_a_csv_of_costs_has_its_currencys_decimals_and_a_total_when_asked(tmp_path):
    assert read_csv(tu.write_csv(COSTS, tmp_path / "x.csv", total=True))[1:] == [
        ["web", "USD", "80690.40", "10", "2.0", "0.5"], ["mobile", "USD", "-1.50", "5", "", ""],
        ["web", "JPY", "1000", "1", "3.0", "0.25"], ["total", "USD", "80688.90", "15", "", ""],
        ["total", "JPY", "1000", "1", "", ""],
    ]  # fmt: skip
    assert len(read_csv(tu.write_csv(COSTS, tmp_path / "x.csv"))) == 4


@pytest.mark.parametrize(
    ("write", "name", "said"),
    [
        (tu.write_xlsx, "x.csv", r"x\.csv does not end in \.xlsx, .* write_csv writes \.csv"),
        (tu.write_xlsx, "x.XLS", r"does not end in \.xlsx"),
        (tu.write_csv, "x.xlsx", r"does not end in \.csv, .* write_xlsx writes \.xlsx"),
        (tu.write_csv, "x.csv.gz", r"does not end in \.csv"),
    ],
)
def test_an_ending_that_lies_is_refused(tmp_path, write, name, said):
    with pytest.raises(InputError, match=said):
        write(COSTS, tmp_path / name)
    assert not list(tmp_path.iterdir())
    write(COSTS, tmp_path / ("X.XLSX" if write is tu.write_xlsx else "X.CSV"))
