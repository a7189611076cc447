"""One frame as every kind of frame that people hold."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from shutil import which
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl
import pytest

from truto_usage_nb.native import enter

KINDS = ("polars", "polars_lazy", "pandas", "pandas_arrow", "pyarrow", "duckdb")
CLUSTERS = ("dask", "pyspark")
LISTS = ("charges", "resources")


def as_kind(frame: pl.DataFrame, kind: str) -> Any:
    """Give the frame as a kind; on a cluster without its lists."""
    return _MAKE[kind](frame)


def _duckdb(frame: pl.DataFrame) -> Any:
    duckdb = pytest.importorskip("duckdb", reason="needs DuckDB: pip install 'truto-usage-nb[cluster]'")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/Los_Angeles'")  # a session's zone must not move a UTC day
    return connection.from_arrow(frame.to_arrow())


def _dask(frame: pl.DataFrame) -> Any:
    dd = pytest.importorskip("dask.dataframe", reason="needs Dask: pip install 'truto-usage-nb[cluster]'")
    lists = [name for name in LISTS if name in frame.columns]
    return dd.from_pandas(frame.drop(lists).to_pandas(use_pyarrow_extension_array=True), npartitions=2)


def _pyspark(frame: pl.DataFrame) -> Any:
    lists = [name for name in LISTS if name in frame.columns]
    return spark().createDataFrame(frame.drop(lists).to_arrow())


@cache
def spark() -> Any:
    if find_spec("pyspark") is None or not (which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("needs PySpark and Java: pip install 'truto-usage-nb[cluster]'")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "America/Los_Angeles")
    session = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


_MAKE: dict[str, Any] = {
    "polars": lambda frame: frame,
    "polars_lazy": lambda frame: frame.lazy(),
    "pandas": lambda frame: frame.to_pandas(),
    "pandas_arrow": lambda frame: frame.to_pandas(use_pyarrow_extension_array=True),
    "pyarrow": lambda frame: frame.to_arrow(),
    "duckdb": _duckdb,
    "dask": _dask,
    "pyspark": _pyspark,
}


def as_polars(frame: Any) -> pl.DataFrame:
    """Bring a result into polars, to be compared: NaN is null, decimals are numbers."""
    seen = enter(frame).frame
    local = seen.collect("polars") if isinstance(seen, nw.LazyFrame) else seen
    table = local.to_polars()
    return table.with_columns(pl.selectors.float().fill_nan(None))


def kind_name(frame: Any) -> str:
    return f"{type(frame).__module__.split('.')[0]}.{type(frame).__name__}"
