"""A delivery: periods replaced whole, whenever a writer is killed; corrections of what is closed; its metadata."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import truto_usage_nb as tu
from tests.frames_for_tests import frame_of
from tests.test_focus import confluent, datadog
from truto_usage_nb.errors import DatasetError, InputError, UsageWarning
from truto_usage_nb.focus import check_focus, deliver_focus, to_focus
from truto_usage_nb.focus.delivery import read_delivery
from truto_usage_nb.planning import Period
from truto_usage_nb.result import UsageResult

D = Decimal
OCTOBER, NOVEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (10, 11))
FETCHED = datetime(2026, 11, 5, 8, tzinfo=UTC)


def result(*records: dict[str, Any], accounts: tuple[str, ...] = ("confluent-1",), **more: Any) -> UsageResult:
    """October of an account, loaded on November 5, its figures final to October 20."""
    queries = tuple(tu.UsageQuery(integrated_account_id=name) for name in accounts)
    settled = {name: datetime(2026, 10, 20, tzinfo=UTC) for name in accounts}
    told = {"period": Period(OCTOBER, NOVEMBER), "settled_until": settled, "fetched_at": FETCHED} | more
    return UsageResult(frame_of(records), queries, **told)


def used(day: int, amount: float, **fields: Any) -> dict[str, Any]:
    return confluent(amount, amount, "GB", day=day, id=f"r{day}", **fields)


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


DATA, FIX = "billing_period=2026-10/charges.parquet", "billing_period=2026-11/corrections-2026-10.parquet"


def test_a_delivery_is_a_period_a_folder_with_its_metadata_and_again_it_changes_nothing(tmp_path):
    one = result(used(5, 10.0), used(6, 20.0))
    assert deliver_focus(one, tmp_path / "focus") == tmp_path / "focus"
    first = files(tmp_path / "focus")
    schemas = [name for name in first if name.startswith("_focus/schemas/schema-")]
    assert set(first) == {
        DATA, "_focus/data_generator.json", "_focus/dataset_instances.json", "_focus/recency.json",
        "_focus/billing_periods.csv", *schemas,
    }  # fmt: skip
    assert len(schemas) == 2
    assert read_delivery(tmp_path / "focus").equals(to_focus(one))
    deliver_focus(one, tmp_path / "focus")
    assert files(tmp_path / "focus") == first


def test_the_metadata_are_the_specifications(tmp_path):
    """DataGenerator, DatasetInstance, Schema with a ColumnDefinition a column, Recency with its TimeSectors."""
    deliver_focus(result(used(5, 10.0)), tmp_path)
    meta = tmp_path / "_focus"
    assert json.loads((meta / "data_generator.json").read_text()) == {"DataGenerator": "truto-usage-nb"}
    instances = {each["FocusDatasetId"]: each for each in json.loads((meta / "dataset_instances.json").read_text())}
    assert set(instances) == {"CostAndUsage", "BillingPeriod"}
    assert len({each["DatasetInstanceId"] for each in instances.values()}) == 2
    schemas = {each["FocusDatasetId"]: each for each in map(read_json, sorted((meta / "schemas").iterdir()))}
    schema = schemas["CostAndUsage"]
    assert schema["FocusVersion"] == "1.4"
    assert schema["CreationDate"] == "2026-11-05T08:00:00Z"
    assert schema["DatasetInstanceId"] == instances["CostAndUsage"]["DatasetInstanceId"]
    table = pl.read_parquet(tmp_path / DATA, hive_partitioning=False)
    columns = {each["ColumnName"]: each for each in schema["ColumnDefinition"]}
    assert list(columns) == table.columns
    assert columns["BilledCost"] == {
        "ColumnName": "BilledCost", "DataType": "DECIMAL", "NumericPrecision": 38, "NumberScale": 10,
    }  # fmt: skip
    assert columns["Tags"] == {"ColumnName": "Tags", "DataType": "JSON", "StringEncoding": "UTF-8"}
    assert columns["ChargePeriodEnd"]["DataType"] == "DATETIME"
    # How a file names its schema: a key of Parquet's own metadata.
    assert pl.read_parquet_metadata(tmp_path / DATA)["FocusSchemaId"] == schema["SchemaId"]
    cost, periods = json.loads((meta / "recency.json").read_text())
    assert cost["RecencyLastUpdateDate"] == "2026-11-05T08:00:00Z"
    sectors = cost["TimeSectors"]
    assert len(sectors) == 31
    assert [each["TimeSectorComplete"] for each in sectors] == [True] * 19 + [False] * 12  # final to October 20
    assert (sectors[0]["TimeSectorStart"], sectors[-1]["TimeSectorEnd"]) == (
        "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z",
    )  # fmt: skip
    assert periods["DatasetInstanceComplete"] is True
    assert "2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,Open" in (meta / "billing_periods.csv").read_text()


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_period_is_replaced_whole_and_another_kept(tmp_path):
    deliver_focus(result(used(5, 10.0), used(6, 20.0)), tmp_path)
    before = files(tmp_path)
    deliver_focus(result(used(5, 11.0)), tmp_path)
    assert read_delivery(tmp_path)["BilledCost"].to_list() == [D(11)]
    november = frame_of([used(5, 7.0) | {"start_date": "2026-11-05", "end_date": "2026-11-06"}])
    more = replace(result(), polars=november, period=Period(NOVEMBER, datetime(2026, 12, 1, tzinfo=UTC)))
    deliver_focus(more, tmp_path)
    found = read_delivery(tmp_path)
    assert found.select("BillingPeriodStart", "BilledCost").rows() == [(OCTOBER, D(11)), (NOVEMBER, D(7))]
    sectors = read_json(tmp_path / "_focus" / "recency.json")[0]["TimeSectors"]
    assert len(sectors) == 61  # the days of both months
    starts = [line.split(",")[1] for line in (tmp_path / "_focus" / "billing_periods.csv").read_text().splitlines()]
    assert starts[1:] == ["2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"]
    instances = "_focus/dataset_instances.json"
    assert files(tmp_path)[instances] == before[instances]


def test_a_part_of_a_period_and_other_accounts_are_refused(tmp_path):
    week = result(used(5, 10.0), period=Period(OCTOBER, datetime(2026, 10, 8, tzinfo=UTC)))
    with pytest.raises(InputError, match=r"2026-10 is loaded from 2026-10-01 to 2026-10-08 only.*period='2026-10'"):
        deliver_focus(week, tmp_path)
    assert not files(tmp_path)
    deliver_focus(result(used(5, 10.0)), tmp_path)
    other = result(datadog(5.0), accounts=("datadog-1",))
    with pytest.raises(InputError, match="has confluent-1, which this result does not: deliver all accounts"):
        deliver_focus(other, tmp_path)
    both = result(used(5, 10.0), datadog(5.0), accounts=("confluent-1", "datadog-1"))
    deliver_focus(both, tmp_path)
    assert read_delivery(tmp_path)["BilledCost"].sum() == D(15)
    with pytest.raises(DatasetError, match="holds no delivery of FOCUS"):
        read_delivery(tmp_path / "none")


@pytest.mark.parametrize("version", ["1.4", "1.2"])
def test_whatever_holds_the_records_the_delivery_is_the_same(tmp_path, version):
    one = result(used(5, 10.25), used(6, 0.1))
    held = {"polars": one, "pandas": replace(one, backend="pandas"), "frame": one.polars, "lazy": one.polars.lazy(),
            "table": one.polars.to_pandas()}  # fmt: skip
    for name, each in held.items():
        deliver_focus(each, tmp_path / name, version=version)
        rows = read_delivery(tmp_path / name)
        assert rows["BilledCost"].to_list() == [D("10.25"), D("0.1")]
        assert rows.schema["BilledCost"] == pl.Decimal(38, 10)
        assert not check_focus(rows, version).height
    again = files(tmp_path / "frame")  # a frame does not say when it was loaded: the delivery still stays what it is
    deliver_focus(one.polars, tmp_path / "frame", version=version)
    assert files(tmp_path / "frame") == again


def test_periods_at_the_edges_that_are_loaded_in_part_are_left_out(tmp_path):
    """With a billing day on the 14th, two calendars meet: only October is whole in both from September 14 on."""
    records = [used(3, 1.0), used(20, 2.0), datadog(0) | {"start_date": "2026-09-20", "end_date": "2026-09-21"}]
    span = Period(datetime(2026, 9, 14, tzinfo=UTC), datetime(2026, 11, 14, tzinfo=UTC))
    both = result(
        *records, accounts=("confluent-1", "datadog-1"), period=span, fetched_at=datetime(2026, 12, 1, tzinfo=UTC)
    )
    said = r"billing periods of 2026-09 are left out: .* from 2026-09-14 to 2026-11-14"
    with pytest.warns(UsageWarning, match=said) as told:
        deliver_focus(replace(both, polars=both.polars.with_columns(charges_total=pl.lit(5.0))), tmp_path,
                      billing_day={"confluent-1": 14})  # fmt: skip
    assert {each.filename for each in told} == {__file__}
    rows = read_delivery(tmp_path)
    assert rows.select("BillingPeriodStart", "ChargePeriodStart").rows() == [
        (datetime(2026, 10, 14, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC))
    ]  # fmt: skip


def test_a_month_that_is_still_running_is_whole_up_to_now(tmp_path):
    begun = Period(OCTOBER, datetime(2026, 10, 9, tzinfo=UTC))
    deliver_focus(result(used(5, 10.0), period=begun, fetched_at=datetime(2026, 10, 9, 7, tzinfo=UTC)), tmp_path)
    assert len(read_json(tmp_path / "_focus" / "recency.json")[0]["TimeSectors"]) == 8


def test_purchases_of_a_period_that_is_not_loaded_are_left_to_its_own_delivery(tmp_path):
    bought = pl.DataFrame({"integrated_account_id": ["confluent-1"] * 2, "amount": [100.0, 7.0],
                           "currency": ["USD"] * 2, "start_date": ["2026-04-01", "2026-10-01"],
                           "end_date": ["2027-04-01", "2027-10-01"]})  # fmt: skip
    with pytest.warns(UsageWarning, match="1 purchases billed in 2026-04 are left out"):
        deliver_focus(result(used(5, 10.0)), tmp_path, purchases=bought)
    assert sorted(read_delivery(tmp_path)["BilledCost"]) == [D(7), D(10)]


# Corrections ----------------------------------------------------------------------------------------------------------


def test_what_changes_in_a_closed_period_is_a_correction_in_the_first_open_one(tmp_path):
    """CorrectionHandling: closed rows stay; the old reversed, the new stated, Corrections in their ChargePeriod."""
    deliver_focus(result(used(5, 10.0), used(6, 20.0)), tmp_path, closed_before="2026-11-01")
    before = files(tmp_path)
    late = result(used(5, 10.0), used(6, 23.5), used(7, 1.0))
    with pytest.raises(InputError, match=r"2026-10 of .* is closed and would change"):
        deliver_focus(late, tmp_path)
    said = {"closed_before": "2026-11-01", "previous": tmp_path}
    deliver_focus(late, tmp_path, **said)
    after = files(tmp_path)
    assert after[DATA] == before[DATA]
    rows = read_delivery(tmp_path)
    assert not check_focus(rows).height
    fixes = rows.filter(pl.col("ChargeClass") == "Correction")
    columns = ("x_Correction", "BilledCost", "ConsumedQuantity", "BillingPeriodStart")
    assert fixes.select(columns).rows() == [
        ("reversal", D(-20), D(-20), NOVEMBER),
        ("restatement", D("23.5"), D("23.5"), NOVEMBER),
        ("restatement", D(1), D(1), NOVEMBER),
    ]
    assert fixes["ChargePeriodStart"].dt.day().to_list() == [6, 6, 7]
    assert rows["BilledCost"].sum() == D("34.5")
    deliver_focus(late, tmp_path, **said)
    assert files(tmp_path) == after


def test_a_correction_of_a_correction_goes_into_the_next_open_period(tmp_path):
    deliver_focus(result(used(6, 20.0)), tmp_path, closed_before="2026-11-01")
    deliver_focus(result(used(6, 23.5)), tmp_path, closed_before="2026-11-01", previous=tmp_path)
    once = files(tmp_path)
    # November is open: another change there replaces the correction, and none at all takes it away.
    deliver_focus(result(used(6, 25.0)), tmp_path, closed_before="2026-11-01", previous=tmp_path)
    assert read_delivery(tmp_path)["BilledCost"].to_list() == [D(20), D(-20), D(25)]
    deliver_focus(result(used(6, 20.0)), tmp_path, closed_before="2026-11-01", previous=tmp_path)
    assert FIX not in files(tmp_path)
    # Once November is closed too, its correction stands, and what changes goes into December.
    deliver_focus(result(used(6, 23.5)), tmp_path, closed_before="2026-11-01", previous=tmp_path)
    assert files(tmp_path)[FIX][1] == once[FIX][1]
    deliver_focus(result(used(6, 21.0)), tmp_path, closed_before="2026-12-01", previous=tmp_path)
    found = read_delivery(tmp_path).select("BillingPeriodStart", "x_Correction", "BilledCost").rows()
    december = datetime(2026, 12, 1, tzinfo=UTC)
    assert found == [
        (OCTOBER, None, D(20)), (NOVEMBER, "reversal", D(-20)), (NOVEMBER, "restatement", D("23.5")),
        (december, "reversal", D("-23.5")), (december, "restatement", D(21)),
    ]  # fmt: skip
    again = files(tmp_path)
    deliver_focus(result(used(6, 21.0)), tmp_path, closed_before="2026-12-01", previous=tmp_path)
    assert files(tmp_path) == again


def test_previous_may_be_another_folder_or_its_rows(tmp_path):
    deliver_focus(result(used(6, 20.0)), tmp_path / "old", closed_before="2026-11-01")
    earlier = read_delivery(tmp_path / "old")
    for name, previous in (("a", tmp_path / "old"), ("b", earlier), ("c", earlier.to_pandas())):
        deliver_focus(result(used(6, 22.0)), tmp_path / name, closed_before="2026-11-01", previous=previous)
        assert read_delivery(tmp_path / name)["BilledCost"].to_list() == [D(20), D(-20), D(22)]
    first = deliver_focus(result(used(6, 20.0)), tmp_path / "e", closed_before="2026-11-01", previous=tmp_path / "e")
    assert read_delivery(first)["BilledCost"].to_list() == [D(20)]  # the folder itself need not have one yet
    with pytest.raises(DatasetError, match="holds no delivery"):
        deliver_focus(result(used(6, 22.0)), tmp_path / "f", closed_before="2026-11-01", previous=tmp_path / "none")
    with pytest.raises(InputError, match="previous= needs closed_before="):
        deliver_focus(result(used(6, 22.0)), tmp_path / "d", previous=earlier)
    with pytest.raises(InputError, match="is no delivery of FOCUS"):
        deliver_focus(result(used(6, 22.0)), tmp_path / "d", closed_before="2026-11-01",
                      previous=pl.DataFrame({"a": [1]}))  # fmt: skip


# Killed ---------------------------------------------------------------------------------------------------------------

CHILD = """
import os, sys
import truto_usage_nb.focus.delivery
from truto_usage_nb.focus import deliver_focus
from truto_usage_nb.result import read_result

def deliver(folder, stop):
    late, steps = read_result(sys.argv[1]), [0]
    def counted(real):
        def step(*given, **more):
            steps[0] += 1
            if steps[0] == stop:
                os._exit(9)
            return real(*given, **more)
        return step
    for name in ("open", "write", "fsync", "close", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    deliver_focus(late, folder, closed_before="2026-11-01", previous=folder)
    os._exit(min(steps[0] + 100, 255))

for stop, folder in enumerate(sys.argv[2:]):
    child = os.fork()  # before anything runs in polars, whose threads do not outlive a fork
    if not child:
        deliver(folder, stop)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Delivers into one folder after another, each in a process of its own that ends at a step: the n-th at the n-th."""


@pytest.mark.drill
def test_killed_at_any_step_of_writing_each_period_is_the_old_or_the_new(tmp_path):
    """A process is stopped at each call that touches the disk, and what it left is read; the next run mends it."""
    late = result(used(5, 11.0), used(6, 20.0))
    snapshot = late.save(tmp_path / "late.parquet")
    folders = [tmp_path / f"killed-{stop}" for stop in range(19)]
    for folder in folders:
        deliver_focus(result(used(5, 10.0), used(6, 20.0)), folder, closed_before="2026-11-01")
    old = Counter(read_delivery(folders[0])["BilledCost"])
    root = Path(__file__).resolve().parent.parent
    words = [sys.executable, "-c", CHILD, snapshot, *folders]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=240, check=True)
    whole, *codes = map(int, done.stdout.split())
    steps = whole - 100
    assert 12 < steps <= len(codes)
    assert codes == [9] * steps + [whole] * (len(codes) - steps)
    new = Counter(read_delivery(folders[0])["BilledCost"])
    assert new == Counter([D(10), D(20), D(-10), D(11)])
    expected = {name: content for name, (_, content) in files(folders[0]).items()}
    for folder in folders[1:]:
        assert Counter(read_delivery(folder)["BilledCost"]) in (old, new)
        assert all(read_json(path) for path in folder.rglob("*.json"))
        deliver_focus(late, folder, closed_before="2026-11-01", previous=folder)
        found = {name: content for name, (_, content) in files(folder).items() if not name.endswith(".part")}
        assert found == expected


# Read by others -------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs" / "focus_delivery.md"


def test_the_page_reads_a_delivery_in_duckdb_in_one_line(tmp_path, monkeypatch):
    deliver_focus(result(used(5, 10.0), used(6, 20.0)), tmp_path / "focus")
    monkeypatch.chdir(tmp_path)
    line = next(each for each in PAGE.read_text(encoding="utf-8").splitlines() if each.startswith("SELECT ServiceName"))
    assert duckdb.sql(line).fetchall() == [("Confluent Cloud", "USD", D(30))]


def test_the_page_reads_a_delivery_in_spark_in_one_line(tmp_path, monkeypatch):
    from tests.backends_for_tests import spark

    deliver_focus(result(used(5, 10.0), used(6, 20.0)), tmp_path / "focus")
    session = spark()
    line = next(each for each in PAGE.read_text(encoding="utf-8").splitlines() if each.startswith("spark.read"))
    rows = eval(line.replace('"focus"', repr(str(tmp_path / "focus"))), {"spark": session}).collect()
    assert [tuple(row) for row in rows] == [("Confluent Cloud", "USD", D(30))]


def test_the_delivery_of_the_sandbox_is_what_the_page_says(tmp_path):
    october = tu.sandbox().fetch_usage(["confluent", "datadog"], period="2026-10")
    with pytest.warns(UsageWarning, match="positive credits"):
        deliver_focus(october, tmp_path, closed_before="2026-11-01")
    rows = read_delivery(tmp_path)
    payable = sum(D(repr(tu.total_cost(october.polars.filter(pl.col("integration") == name), measure="payable")))
                  for name in ("confluent", "datadog"))  # fmt: skip
    assert abs(rows["BilledCost"].sum() - payable) < D("1e-6")
    assert "Closed" in (tmp_path / "_focus" / "billing_periods.csv").read_text()


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command_delivers_and_exports(tmp_path, capsys):
    from truto_usage_nb.cli import main

    snapshot = result(used(5, 10.0), used(6, 20.0)).save(tmp_path / "october.parquet")
    base = ["focus", "--snapshot", str(snapshot), "-o", str(tmp_path / "focus")]
    assert main([*base, "--closed-before", "2026-11-01"]) == 0
    assert "2 records as FOCUS 1.4" in capsys.readouterr().out
    assert read_delivery(tmp_path / "focus")["BilledCost"].to_list() == [D(10), D(20)]
    late_one = result(used(5, 11.0), used(6, 20.0)).save(tmp_path / "late.parquet")
    again = ["focus", "--snapshot", str(late_one), "-o", str(tmp_path / "focus"), "--closed-before", "2026-11-01"]
    assert main([*again, "-q", "--previous", str(tmp_path / "focus")]) == 0
    assert read_delivery(tmp_path / "focus")["BilledCost"].sum() == D(31)
    assert main([*base[:-1], str(tmp_path / "vantage"), "--to", "vantage", "-p", "prepaid=confluent-1"]) == 0
    path = tmp_path / "vantage" / "vantage_2026-10_USD_001.csv"
    assert capsys.readouterr().out == f"{path}\n"
    assert pl.read_csv(path)["BilledCost"].sum() == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "prepayed=x"], "no argument of to_focus. Did you mean 'prepaid'"),
        (["-p", "prepaid"], "is not NAME=VALUE"),
        (["-p", "purchases=none.csv"], "is no .csv or .parquet file that is there"),
        (["-p", "closed_before=2026-11-01"], "has an option of its own: --closed-before"),
        (["--to", "vantage", "--previous", "x"], "--previous is for a delivery"),
    ],
)
def test_what_the_command_cannot_do_is_said(words, message, tmp_path, capsys):
    from truto_usage_nb.cli import main

    snapshot = result(used(5, 10.0)).save(tmp_path / "october.parquet")
    given = [
        "focus",
        "--snapshot",
        str(snapshot),
        "-o",
        str(tmp_path / "focus"),
        "--closed-before",
        "2026-11-01",
        *words,
    ]
    assert main(given) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "focus").exists()
