"""The explicit clean-up: one record, once. Each engine does it in its own words; no value passes through another."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.errors import tell
from truto_usage_nb.native import Native, collect, enter, require
from truto_usage_nb.schema import RECORD_KEY

__all__ = ["deduplicate"]

_KEY = list(RECORD_KEY)
_SAME_ID = ("integrated_account_id", "report_type", "id")


def deduplicate(frame: Any) -> Any:
    """Keep one record of each account, report type, id, start, end, model and person: the one updated last.

    Where `updated_at` does not tell repeats apart, the one that came last is kept (on DuckDB, Dask and PySpark, which
    have no order, any). Records without an id are kept; so is the same id with other dates, model or person, which is
    another record, and is told in a UsageWarning. Comes back as the kind of frame that came in, in the order served;
    lazy frames stay lazy. Raises FrameError for a frame without these columns.

    >>> import polars as pl
    >>> from truto_usage_nb import schema
    >>> row = {f.column: None for f in schema.columns()} | {"id": "a", "integrated_account_id": "acc"}
    >>> deduplicate(pl.DataFrame([row, row])).height
    1
    """
    native = enter(frame)
    require(native, (*RECORD_KEY, "updated_at"), "deduplicate")
    _tell_reused_ids(native)
    return _BY_ENGINE[native.kind](native)


def _tell_reused_ids(native: Native) -> None:
    known = native.frame.filter(~nw.col("id").is_null()).select(*_KEY).unique()
    reused = collect(known.group_by(*_SAME_ID).agg(nw.len().alias("n")).filter(nw.col("n") > 1))
    if reused.height:
        account, _, name, *_ = reused.sort(*_SAME_ID, nulls_last=True).row(0)
        tell(
            f"{reused.height:,} ids stand for several records, such as {name!r} of {account}: other dates, model or "
            f"person. All are kept.",
            stacklevel=3,
        )


def _kept(native: Native) -> list[int]:
    """Which rows of a frame in memory stay, by position; only the key's columns are looked at."""
    rows = collect(native.frame.select(*_KEY, "updated_at")).with_row_index("__row")
    return _unique(rows.lazy()).select("__row").collect()["__row"].to_list()


def _unique(rows: pl.LazyFrame) -> pl.LazyFrame:
    newest = rows.sort("updated_at", "__row", nulls_last=False)
    named = newest.filter(pl.col("id").is_not_null()).unique(_KEY, keep="last")
    return pl.concat([named, rows.filter(pl.col("id").is_null())]).sort("__row")


def _duckdb(native: Native) -> Any:
    key = ", ".join(f'"{name}"' for name in _KEY)
    ranked = f"row_number() OVER (PARTITION BY {key} ORDER BY updated_at DESC NULLS LAST) AS __rank"
    rows = native.original.project(f"*, {ranked}").filter("id IS NULL OR __rank = 1")
    return rows.project("* EXCLUDE (__rank)")


def _pyspark(native: Native) -> Any:
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    window = Window.partitionBy(*_KEY).orderBy(f.col("updated_at").desc_nulls_last())
    rows = native.original.withColumn("__rank", f.row_number().over(window))
    return rows.filter(f.col("id").isNull() | (f.col("__rank") == 1)).drop("__rank")


def _dask(native: Native) -> Any:
    import dask.dataframe as dd

    frame = native.original
    named = frame[~frame["id"].isna()].sort_values("updated_at", na_position="first")
    parts = [named.drop_duplicates(subset=_KEY, keep="last"), frame[frame["id"].isna()]]
    return dd.concat(parts)


_BY_ENGINE: dict[str, Any] = {
    "polars": lambda native: native.original[_kept(native)],
    "polars_lazy": lambda native: _unique(native.original.with_row_index("__row")).drop("__row"),
    "pandas": lambda native: native.original.iloc[_kept(native)],
    "pandas_arrow": lambda native: native.original.iloc[_kept(native)],
    "pyarrow": lambda native: native.original.take(_kept(native)),
    "duckdb": _duckdb,
    "pyspark": _pyspark,
    "dask": _dask,
}
