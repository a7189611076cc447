"""The explicit clean-up: one record, once. Each engine does it in its own words; no value passes through another.

What is there more than once is looked for first, in eight bytes a row where polars can hash (`repeated`), and only
those rows are looked at closely (`repeats`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.errors import DuplicateError, tell
from truto_usage_nb.format import money
from truto_usage_nb.native import Native, collect, each_part, enter, require, suspects
from truto_usage_nb.repeats import (
    AT,
    CONTESTED,
    DIMENSIONS,
    RECORD,
    contest,
    keyed,
    list_texts,
    needed,
    told_apart,
)
from truto_usage_nb.schema import RECORD_KEY

__all__ = ["billed_in_all", "deduplicate", "repeated"]

_ROW, _RANK = "__row", "__rank"
_SAME_ID = ("integrated_account_id", "report_type", "id")


def deduplicate(frame: Any) -> Any:
    """Keep one of the rows that are one record: the same account, report type, id, start, end and dimensions.

    Dimensions are metric, product, organisation, model, surface, person, resource, workspace and currency, as far as
    the frame has them. The row updated last is kept; among rows that state the same, one without `updated_at` counts as
    the oldest, and of equally new ones the last served stays (on DuckDB, Dask and PySpark, which have no order, any).
    Rows without an id are kept; so is the same id with other dates or dimensions, which is another record, and is told
    in a UsageWarning. Comes back as the kind of frame that came in, in the order served; lazy frames stay lazy, after
    one look at what is there twice.

    Raises DuplicateError where a record is stated with other figures and none is newer: it names both, and nothing is
    dropped. Raises FrameError for a frame without the columns of the key.

    >>> import truto_usage_nb as tu
    >>> import polars as pl
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.deduplicate(pl.concat([usage, usage])).height == usage.height
    True
    """
    native = enter(frame)
    require(native, RECORD_KEY, "deduplicate", also=("resources_count", "charges_count", "updated_at"))
    found = repeated(native)
    if found[CONTESTED].any():
        raise DuplicateError(contest(found))
    _tell_reused_ids(native)
    return _BY_ENGINE[native.kind](native, found)


# what is there more than once -----------------------------------------------------------------------------------------


def repeated(native: Native, *more: str) -> pl.DataFrame:
    """Give the rows whose record is there more than once, as `repeats.told_apart` does, with the columns `more` too."""
    find = {"duckdb": _in_sql, "pyspark": _in_sql, "dask": _in_parts}.get(native.kind, _in_memory)
    wanted = dict.fromkeys((*needed(native.columns), *(name for name in more if name in native.columns)))
    rows, key = find(native, list(wanted))
    return told_apart(rows, key)


def _named() -> nw.Expr:
    """Whether a record has an id: one without says nothing of being another."""
    return (~nw.col("id").is_null()) & (nw.col("id").cast(nw.String()) != "")


def _in_memory(native: Native, wanted: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Hash the key, then take the rows alone whose hash is there twice."""
    if native.kind in ("polars", "polars_lazy"):
        lazy: pl.LazyFrame = native.frame.to_native()
        rows = _suspected(lazy.with_row_index(_ROW), RECORD_KEY).select(_ROW, *wanted).collect(engine="streaming")
        return _keyed(rows.sort(_ROW))
    local: Any = native.frame
    heads = collect(local.select(*RECORD_KEY)).with_row_index(_ROW)
    places = _suspected(heads.lazy(), RECORD_KEY).select(_ROW).collect()[_ROW].sort()
    return _keyed(collect(local.select(*wanted)[places.to_list()]).with_columns(places))


def _suspected(rows: pl.LazyFrame, key: Iterable[str]) -> pl.LazyFrame:
    named = rows.filter(pl.col("id").is_not_null() & (pl.col("id").cast(pl.String) != ""))
    found: pl.LazyFrame = suspects(enter(named), tuple(key)).frame.to_native()
    return found


def _keyed(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    frame, key = keyed(nw.from_native(rows.lazy()))
    held: pl.LazyFrame = frame.to_native()
    return held.collect(), key


def _in_parts(native: Native, wanted: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Hash the key partition by partition, then ask each for the rows whose hash is there twice."""

    def hashed(part: Native) -> pl.DataFrame:
        rows, key = _keyed(collect(part.frame.filter(_named()).select(*wanted)))
        return rows.with_columns(pl.struct(key).hash().alias(_RANK))

    hashes = pl.concat(each_part(native, lambda part: hashed(part).select(_RANK)))[_RANK]
    twice = hashes.filter(hashes.is_duplicated()).unique().implode()
    rows = each_part(native, lambda part: hashed(part).filter(pl.col(_RANK).is_in(twice)))
    return _keyed(pl.concat(rows, how="diagonal_relaxed").select(*wanted))


def _in_sql(native: Native, wanted: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Let the engine count its keys; only where one is there twice are rows fetched."""
    frame, key = keyed(native.frame.filter(_named()))
    several = frame.group_by(*key).agg(nw.len().alias(_RANK)).filter(nw.col(_RANK) > 1)
    count = int(collect(several.select(nw.len().alias("n")))["n"][0])
    rows = frame.with_columns(**{_RANK: nw.len().over(*key)}).filter(nw.col(_RANK) > 1) if count else frame.head(0)
    return collect(rows.select(*dict.fromkeys((*wanted, *key)))), key


def billed_in_all(rows: pl.DataFrame) -> str:
    """Write what records are billed, by currency, such as "$3.00 and €1.00"; nothing where they state no money."""
    from truto_usage_nb.costs.facts import NEEDED
    from truto_usage_nb.costs.lines import cost_lines

    if not rows.height or not {*NEEDED, "charges"} <= set(rows.columns):
        return ""
    lines: pl.DataFrame = cost_lines(rows)
    sums = lines.filter(pl.col("cost_billed").is_not_null()).group_by("cost_currency").agg(pl.col("cost_billed").sum())
    return " and ".join(money(amount, currency) for currency, amount in sums.sort("cost_currency").iter_rows())


# ids that stand for several records -----------------------------------------------------------------------------------


def _tell_reused_ids(native: Native) -> None:
    frame, key = keyed(suspects(native, _SAME_ID).frame.filter(_named()))
    several = frame.select(*key).unique().group_by(*_SAME_ID).agg(nw.len().alias("n")).filter(nw.col("n") > 1)
    reused = collect(several)
    if reused.height:
        first = reused.sort(*_SAME_ID, nulls_last=True).row(0, named=True)
        same = (nw.col(name).is_null() if first[name] is None else nw.col(name) == first[name] for name in _SAME_ID)
        seen = collect(frame.filter(*same).select(*key).unique())
        words = {"start_date": "start", "end_date": "end"} | {f"__key_{word}": word for word in DIMENSIONS}
        differ = [words[name] for name in key if name in words and seen[name].n_unique() > 1]
        tell(
            f"{reused.height:,} ids stand for several records, such as {first['id']!r} of "
            f"{first['integrated_account_id']}: another {' and another '.join(differ)}. All are kept.",
            stacklevel=3,
        )


# the engines ----------------------------------------------------------------------------------------------------------


def _gone(found: pl.DataFrame) -> pl.Series:
    """Which rows of a frame in memory go, by position."""
    updated = pl.col("updated_at") if "updated_at" in found.columns else pl.lit(0)
    last = pl.col(AT).sort_by([updated, AT], nulls_last=False).last().over(RECORD)
    return found.filter(pl.col(AT) != last)[_ROW].cast(pl.Int64)


def _kept(native: Native, found: pl.DataFrame) -> pl.Series:
    """Which rows of a frame in memory stay, by position."""
    height: int = native.original.shape[0]
    rows = pl.int_range(height, eager=True, dtype=pl.Int64)
    return rows.filter(~rows.is_in(_gone(found).implode()))


def _in_polars(native: Native, found: pl.DataFrame) -> pl.DataFrame:
    """The rows that stay; where all do they are not copied, which would take most of the time."""
    frame: pl.DataFrame = native.original
    gone = _gone(found)
    if gone.is_empty():
        return frame.clone()
    return frame.filter(~pl.int_range(frame.height, eager=True, dtype=pl.Int64).is_in(gone.implode()))


def _lazily(native: Native, _: pl.DataFrame) -> pl.LazyFrame:
    original: pl.LazyFrame = native.original
    frame, key = keyed(nw.from_native(original.with_row_index(_ROW)))
    rows: pl.LazyFrame = frame.to_native()
    lists = list_texts(original.collect_schema())
    rows = rows.with_columns(**lists)
    by = [_ROW] if "updated_at" not in native.columns else ["updated_at", _ROW]
    named = pl.col("id").is_not_null() & (pl.col("id").cast(pl.String) != "")
    newest = rows.sort(by, nulls_last=False).filter(named).unique([*key, *lists], keep="last")
    more = [name for name in (*key, *lists) if name not in RECORD_KEY]
    return pl.concat([newest, rows.filter(~named)]).sort(_ROW).drop(_ROW, *more)


def _lists_in(native: Native) -> dict[str, str]:
    """The texts of `repeats.list_texts` in SQL, of the lists that the frame has."""
    types = native.as_it_came.collect_schema()
    fields = {name: _fields(types.get(name)) for name in ("resources", "charges")}
    resource, workspace = fields["resources"], fields["resources"].get("workspace", {})
    items = {
        "resources": f"concat({_first_said('i', resource)}, chr(30), {_first_said('i.workspace', workspace)})",
        "charges": "CASE WHEN i.amount IS NOT NULL THEN upper(trim(coalesce(i.currency, ''))) END",
    }
    words = _SQL[native.kind]
    return {f"__key_{name}": words.format(list=name, item=items[name]) for name, has in fields.items() if has}


def _fields(dtype: Any) -> dict[str, Any]:
    """The fields of a list's items, and of the objects in them, by name."""
    inner = getattr(dtype, "inner", dtype)
    return {each.name: _fields(each.dtype) for each in getattr(inner, "fields", ())}


def _first_said(item: str, fields: dict[str, Any]) -> str:
    said = [f"nullif(trim({item}.{name}), '')" for name in ("id", "name") if name in fields]
    return f"coalesce({', '.join((*said, chr(39) * 2))})"


_SQL = {
    "duckdb": """CASE WHEN len({list}) > 1 THEN
        array_to_string(list_sort(list_distinct(list_transform({list}, lambda i: {item}))), chr(31)) END""",
    "pyspark": """CASE WHEN size({list}) > 1 THEN
        array_join(array_sort(array_distinct(transform({list}, i -> {item}))), chr(31)) END""",
}


def _duckdb(native: Native, _: pl.DataFrame) -> Any:
    frame, key = keyed(native.as_it_came)
    lists = _lists_in(native)
    rows: Any = frame.to_native()
    rows = rows.project(", ".join(["*", *(f'{sql} AS "{name}"' for name, sql in lists.items())]))
    names = ", ".join(f'"{name}"' for name in (*key, *lists))
    order = "ORDER BY updated_at DESC NULLS LAST" if "updated_at" in native.columns else ""
    rows = rows.project(f"*, row_number() OVER (PARTITION BY {names} {order}) AS {_RANK}")
    rows = rows.filter(f"id IS NULL OR id::VARCHAR = '' OR {_RANK} = 1")
    return rows.project(", ".join(f'"{name}"' for name in native.columns))


def _pyspark(native: Native, _: pl.DataFrame) -> Any:
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    frame, key = keyed(native.as_it_came)
    lists = _lists_in(native)
    rows: Any = frame.to_native()
    rows = rows.withColumns({name: f.expr(sql) for name, sql in lists.items()}) if lists else rows
    order = f.col("updated_at").desc_nulls_last() if "updated_at" in native.columns else f.lit(0)
    window = Window.partitionBy(*key, *lists).orderBy(order)
    rows = rows.withColumn(_RANK, f.row_number().over(window))
    return rows.filter(f.col("id").isNull() | (f.col("id") == "") | (f.col(_RANK) == 1)).select(*native.columns)


def _dask(native: Native, _: pl.DataFrame) -> Any:
    import dask.dataframe as dd

    frame = native.original
    rows = frame.map_partitions(_with_key, meta=_with_key(frame._meta))
    nameless = rows["id"].isna() | (rows["id"] == "").fillna(False)
    key = [name for name in rows.columns if name in RECORD_KEY or name.startswith("__key_")]
    newest = rows[~nameless].sort_values(_ROW).drop_duplicates(subset=key, keep="last")
    return dd.concat([newest, rows[nameless]])[list(frame.columns)]


def _with_key(part: Any) -> Any:
    """A partition with the key's own columns, as texts, and when it was updated, as a number: Dask sorts no times."""
    import pandas as pd
    import pyarrow as pa

    native = enter(part)
    rows, key = _keyed(collect(native.frame.select(*needed(native.columns))))
    text = pd.ArrowDtype(pa.large_string())
    made = {name: pd.Series(rows[name].to_list(), part.index, dtype=text) for name in key if name not in RECORD_KEY}
    moment = pl.Series([0]).new_from_index(0, rows.height)
    if "updated_at" in rows.columns and rows.schema["updated_at"].is_temporal():
        moment = rows["updated_at"].cast(pl.Datetime("us")).to_physical().fill_null(-(2**62))
    return part.assign(**made, **{_ROW: pd.Series(moment.to_numpy(), part.index, dtype="int64")})


_BY_ENGINE: dict[str, Any] = {
    "polars": _in_polars,
    "polars_lazy": _lazily,
    "pandas": lambda native, found: native.original.iloc[_kept(native, found).to_numpy()],
    "pandas_arrow": lambda native, found: native.original.iloc[_kept(native, found).to_numpy()],
    "pyarrow": lambda native, found: native.original.take(_kept(native, found).to_arrow()),
    "duckdb": _duckdb,
    "pyspark": _pyspark,
    "dask": _dask,
}
