"""The long forms: a row a charge, a row a resource, with the keys of the record they stand on.

Nothing is lost on the way: a field of a charge that the documentation does not name becomes a column too. Lists are
taken apart by the caller's own engine where it can (polars, DuckDB, PySpark), and in polars otherwise.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from truto_usage_nb.errors import FrameError
from truto_usage_nb.native import Native, enter, to_polars

__all__ = ["KEYS", "charges", "resources"]

KEYS = (
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
    keys = [key for key in KEYS if key in native.columns]
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
