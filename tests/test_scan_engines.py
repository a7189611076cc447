"""What a scan keeps, read by DuckDB, Dask and Spark: one schema, and the figures of a load."""

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from tests.backends_for_tests import LISTS, as_polars, spark
from truto_usage_nb.errors import hearing

PERIODS = (("2026-10-01", "2026-10-04"), ("2026-10-04", "2026-10-08"))
ACCOUNTS = ("claude-console", "confluent", "codex")
SORTED = ("model_id", "currency")


@pytest.fixture(scope="module")
def loaded():
    with hearing():
        return tu.sandbox().load_usage(ACCOUNTS, period=("2026-10-01", "2026-10-08"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Give the records of a scan in two calls."""
    directory, client = tmp_path_factory.mktemp("kept"), tu.sandbox()
    with hearing():
        for period in PERIODS:
            client.scan_usage(ACCOUNTS, directory, period=period)
    return directory / "records"


def table(frame):
    with hearing():
        return as_polars(tu.cost_per_model(frame)).sort(SORTED)


def assert_same(found, wanted):
    assert_frame_equal(found.select(wanted.columns), wanted.sort(SORTED), rel_tol=1e-9, check_dtypes=False)


def test_duckdb_reads_the_figures_of_a_load(kept, loaded):
    assert_same(table(duckdb.sql(f"select * from read_parquet('{kept}/**/*.parquet')")), table(loaded))
    months = duckdb.sql(f"select distinct account, month from read_parquet('{kept}/**/*.parquet') order by all")
    assert months.fetchall() == [(account, "2026-10") for account in sorted(ACCOUNTS)]


def test_polars_reads_the_folder_itself(kept, loaded):
    assert_same(table(pl.scan_parquet(kept, hive_partitioning=False)), table(loaded))


def test_dask_reads_the_figures_of_a_load(kept, loaded):
    dd = pytest.importorskip("dask.dataframe", reason="needs Dask: pip install 'truto-usage-nb[cluster]'")
    columns = [name for name in loaded.columns if name not in (*LISTS, "overhangs_period")]
    assert_same(table(dd.read_parquet(str(kept), columns=columns, dtype_backend="pyarrow")), table(loaded.drop(LISTS)))


def test_spark_reads_the_figures_of_a_load(kept, loaded):
    frame = spark().read.parquet(str(kept))
    assert frame.count() == loaded.height
    assert_same(table(frame.drop(*LISTS)), table(loaded.drop(LISTS)))


CHANGES = ({"score": 1}, {"score": 2.5}, {"score": "high", "note": {"text": "new"}})


@pytest.fixture(scope="module")
def drifted(tmp_path_factory):
    """Give records whose score is whole, then a fraction, then a text, a day each."""
    from tests.vendor_for_tests import Vendor, client

    directory, vendor = tmp_path_factory.mktemp("drifted"), Vendor({"f": "confluent"})
    for number, change in enumerate(CHANGES, 1):
        vendor.more = lambda _, change=change: change
        with hearing():
            client(vendor).scan_usage("f", directory, period=f"2026-10-0{number}")
    return directory / "records"


SCORES = ["1"] * 3 + ["2.5"] * 3 + ["high"] * 3
NOTES = [None] * 6 + ["new"] * 3


def test_a_column_that_widened_reads_the_same_everywhere(drifted):
    held = duckdb.sql(f"select score, note_text from read_parquet('{drifted}/**/*.parquet') order by start_date")
    assert held.fetchall() == list(zip(SCORES, NOTES, strict=True))
    dd = pytest.importorskip("dask.dataframe", reason="needs Dask: pip install 'truto-usage-nb[cluster]'")
    dask = dd.read_parquet(str(drifted), columns=["start_date", "score"]).compute().sort_values("start_date")
    assert dask["score"].to_list() == SCORES
    rows = spark().read.parquet(str(drifted)).orderBy("start_date").select("score", "note_text").collect()
    assert [(row.score, row.note_text) for row in rows] == list(zip(SCORES, NOTES, strict=True))
