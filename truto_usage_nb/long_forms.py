"""What is nested in a record, as rows and columns: its charges, its resources, a field of the provider's own row.

The long forms have a row a charge, or a row a resource, with the keys of the record they stand on. Nothing is lost on
the way: a field of a charge that the documentation does not name becomes a column too. Lists are taken apart by the
caller's own engine where it can (polars, DuckDB, PySpark), and in polars otherwise.
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from truto_usage_nb.errors import FrameError, InputError
from truto_usage_nb.native import Native, collect, enter, to_polars
from truto_usage_nb.outside import shown

__all__ = ["charges", "remote_field", "resources"]

_KEYS = (
    "integrated_account_id", "integration", "report_type", "query_id", "id", "product_id", "product_name",
    "metric_name", "organization_id", "user_id", "user_email", "model_id", "surface", "start_date", "end_date",
)  # fmt: skip
"""The columns of a record that its charges and resources carry."""

_CHARGE = ("amount", "currency", "type")
_RESOURCE = ("id", "name", "workspace")


def charges(frame: Any) -> Any:
    """Give a row per charge: the record's keys, then `amount` (in `currency`), `currency`, `type` as stated.

    Charges keep the record's order and their own; a record without charges has no row. Comes back as the kind of frame
    that came in. Raises FrameError where the frame holds no list of charges, as on Dask.

    >>> import truto_usage_nb as tu
    >>> import polars as pl
    >>> one = pl.DataFrame({"id": ["a"], "charges": [[{"amount": 12.5, "currency": "USD", "type": "total"}]]})
    >>> tu.charges(one).rows()
    [('a', 12.5, 'USD', 'total')]
    """
    return _long(frame, "charges", _CHARGE, "charges_total, charges_net, …")


def resources(frame: Any) -> Any:
    """Give a row per resource: the record's keys, then resource_id, resource_name, workspace_id, workspace_name.

    A record with several resources has a row for each, so its amounts must not be joined to this and added. Raises
    FrameError where the frame holds no list of resources, as on Dask.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-10-05")
    >>> tu.resources(usage).columns[-4:]
    ['resource_id', 'resource_name', 'workspace_id', 'workspace_name']
    """
    return _long(frame, "resources", _RESOURCE, "resources_id, resources_name, …")


def _long(frame: Any, column: str, documented: tuple[str, ...], wide: str) -> Any:
    native = enter(frame)
    if column not in native.columns or native.kind == "dask":
        where = "Dask cannot hold lists" if native.kind == "dask" else "this frame does not have it"
        raise FrameError(f"The long form needs the list column {column}: {where}. Use the wide columns {wide}.")
    keys = [key for key in _KEYS if key in native.columns]
    if native.kind in _ENGINES:
        return _ENGINES[native.kind](native, column, keys)
    long = _taken_apart(to_polars(native).lazy(), column, keys, documented)
    return long if native.kind == "polars_lazy" else native.leave(long.collect())


def _taken_apart(seen: pl.LazyFrame, column: str, keys: list[str], documented: tuple[str, ...]) -> pl.LazyFrame:
    dtype = seen.collect_schema()[column]
    fields = _fields(dtype)
    parts = [
        pl.col("__item").struct.field(name).alias(_named(column, name, keys)) for name in fields if name != "workspace"
    ]
    missing = [
        pl.lit(None, dtype=pl.Float64 if name == "amount" else pl.String).alias(_named(column, name, keys))
        for name in documented
        if name not in fields and name != "workspace"
    ]
    if not fields:
        empty = seen.select(*keys).filter(pl.lit(value=False))
        return empty.with_columns(*missing, *_workspace(column, ()))
    held = seen.filter(pl.col(column).list.len() > 0).select(*keys, pl.col(column).alias("__item")).explode("__item")
    return held.select(*keys, *parts, *missing, *_workspace(column, _fields(dict(_pairs(dtype)).get("workspace"))))


def _fields(dtype: Any) -> tuple[str, ...]:
    return tuple(name for name, _ in _pairs(dtype))


def _pairs(dtype: Any) -> list[tuple[str, Any]]:
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    return [(f.name, f.dtype) for f in inner.fields] if isinstance(inner, pl.Struct) else []


def _named(column: str, name: str, keys: list[str]) -> str:
    if column == "resources":
        return f"resource_{name}"
    return f"charge_{name}" if name in keys else name


def _workspace(column: str, fields: tuple[str, ...]) -> list[pl.Expr]:
    if column != "resources":
        return []
    place = pl.col("__item").struct.field("workspace")
    known = [place.struct.field(name).alias(f"workspace_{name}") for name in fields]
    absent = [n for n in ("id", "name") if n not in fields]
    return [*known, *(pl.lit(None, dtype=pl.String).alias(f"workspace_{name}") for name in absent)]


def _duckdb(native: Native, column: str, keys: list[str]) -> Any:
    """By DuckDB's own SQL, which drops empty lists just so."""
    relation = native.original
    quoted = ", ".join(f'"{key}"' for key in keys)
    rows = relation.project(f'{quoted}, unnest("{column}") AS item')
    names = [name for name, _ in relation[column].types[0].children[0][1].children]
    return rows.project(", ".join([quoted, *_sql(column, names, keys)]))


def _sql(column: str, names: list[str], keys: list[str]) -> list[str]:
    parts = [f'item."{name}" AS "{_named(column, name, keys)}"' for name in names if name != "workspace"]
    if column == "resources":
        parts += [f'item.workspace."{name}" AS workspace_{name}' for name in ("id", "name")]
    return parts


def _pyspark(native: Native, column: str, keys: list[str]) -> Any:
    from pyspark.sql import functions as f

    rows = native.original.select(*keys, f.explode(column).alias("item"))
    names = rows.schema["item"].dataType.fieldNames()
    parts = [f.col(f"item.{name}").alias(_named(column, name, keys)) for name in names if name != "workspace"]
    if column == "resources":
        parts += [f.col(f"item.workspace.{name}").alias(f"workspace_{name}") for name in ("id", "name")]
    return rows.select(*keys, *parts)


_ENGINES = {"duckdb": _duckdb, "pyspark": _pyspark}


# a field that only the provider's own row holds -----------------------------------------------------------------------

REMOTE = "remote_data"
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PLACES = ("$.{}", "$.group.{}")
"""Where a row keeps its dimensions: at its top, or, in the analytics reports, in a group."""


def remote_field(frame: Any, name: str) -> Any:
    """Add one field of `remote_data`, the provider's own row, as a column of text named like it.

    `name` is the field's own (`"service_tier"`: looked for at the top and in `group`) or a path (`"group.speed"`, a
    column `speed`); null where a row has no such field, which for a vendor's dimension means "not grouped by". A column
    `service_tier` joins the key of every cost table: tokens of a tier meet the money of that tier, so that those of a
    Priority tier, which has no cost row, are unpriced instead of making the others look cheap.

    Comes back as the kind of frame that came in; lazy frames stay lazy. Raises FrameError for a frame without
    `remote_data`, or with a column of that name, or where no row of a frame in memory has the field.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05", truto_ignore_remote_data=False)
    >>> tu.remote_field(usage, "kind")["kind"].unique().sort().to_list()[:2]
    ['Errored, Not Charged', 'Included in Business']
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"remote_field({shown(name)}): write a field's name, or names joined by dots, such as 'group.speed'."
        )
    native, column = enter(frame), name.rpartition(".")[2]
    if REMOTE not in native.columns:
        raise FrameError(f"This frame has no {REMOTE}. Load it with truto_ignore_remote_data=False.")
    if column in native.columns:
        raise FrameError(f"This frame has a column {column} already; rename it first.")
    if native.is_local:
        found = collect(native.frame.select(REMOTE)).select(_at_path(name, column))[column]
        if found.len() and found.null_count() == found.len() and not _occurs(native, column):
            raise FrameError(f"No row's {REMOTE} has a field {shown(name)}.")
        return _LOCAL[native.kind](native.original, column, found)
    return _LAZY[native.kind](native.original, name, column)


def _at_path(name: str, column: str) -> pl.Expr:
    text = pl.col(REMOTE).cast(pl.String)
    return pl.coalesce(text.str.json_path_match(place.format(name)) for place in _PLACES).alias(column)


def _occurs(native: Native, column: str) -> bool:
    texts = collect(native.frame.select(REMOTE))[REMOTE].cast(pl.String)
    return bool(texts.str.contains(f'"{column}"', literal=True).any())


def _pandas(frame: Any, column: str, found: pl.Series) -> Any:
    values = found.to_pandas()
    values.index = frame.index
    return frame.assign(**{column: values})


def _pandas_arrow(frame: Any, column: str, found: pl.Series) -> Any:
    values = found.to_pandas(use_pyarrow_extension_array=True)
    values.index = frame.index
    return frame.assign(**{column: values})


def _remote_duckdb(frame: Any, name: str, column: str) -> Any:
    parts = ", ".join(f"json_extract_string({REMOTE}, '{place.format(name)}')" for place in _PLACES)
    return frame.project(f'*, coalesce({parts}) AS "{column}"')


def _remote_pyspark(frame: Any, name: str, column: str) -> Any:
    from pyspark.sql import functions as f

    return frame.withColumn(column, f.coalesce(*(f.get_json_object(REMOTE, place.format(name)) for place in _PLACES)))


def _dask(frame: Any, name: str, column: str) -> Any:
    return frame.map_partitions(_dask_part, name, column, meta=_dask_part(frame._meta, name, column))


def _dask_part(part: Any, name: str, column: str) -> Any:
    found = collect(enter(part).frame.select(REMOTE)).select(_at_path(name, column))[column]
    return _pandas_arrow(part, column, found)


_LOCAL: dict[str, Any] = {
    "polars": lambda frame, column, found: frame.with_columns(found.alias(column)),
    "pandas": _pandas,
    "pandas_arrow": _pandas_arrow,
    "pyarrow": lambda frame, column, found: frame.append_column(column, found.to_arrow()),
}
_LAZY: dict[str, Any] = {
    "polars_lazy": lambda frame, name, column: frame.with_columns(_at_path(name, column)),
    "duckdb": _remote_duckdb,
    "pyspark": _remote_pyspark,
    "dask": _dask,
}
