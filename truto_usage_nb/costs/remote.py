"""A field that only the provider's own row holds, as a column."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from truto_usage_nb.errors import FrameError, InputError
from truto_usage_nb.native import Native, collect, enter
from truto_usage_nb.outside import shown

__all__ = ["remote_field"]

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
        found = collect(native.frame.select(REMOTE)).select(_path(name, column))[column]
        if found.len() and found.null_count() == found.len() and not _occurs(native, column):
            raise FrameError(f"No row's {REMOTE} has a field {shown(name)}.")
        return _LOCAL[native.kind](native.original, column, found)
    return _LAZY[native.kind](native.original, name, column)


def _path(name: str, column: str) -> pl.Expr:
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


def _duckdb(frame: Any, name: str, column: str) -> Any:
    parts = ", ".join(f"json_extract_string({REMOTE}, '{place.format(name)}')" for place in _PLACES)
    return frame.project(f'*, coalesce({parts}) AS "{column}"')


def _pyspark(frame: Any, name: str, column: str) -> Any:
    from pyspark.sql import functions as f

    return frame.withColumn(column, f.coalesce(*(f.get_json_object(REMOTE, place.format(name)) for place in _PLACES)))


def _dask(frame: Any, name: str, column: str) -> Any:
    return frame.map_partitions(_dask_part, name, column, meta=_dask_part(frame._meta, name, column))


def _dask_part(part: Any, name: str, column: str) -> Any:
    found = collect(enter(part).frame.select(REMOTE)).select(_path(name, column))[column]
    return _pandas_arrow(part, column, found)


_LOCAL: dict[str, Any] = {
    "polars": lambda frame, column, found: frame.with_columns(found.alias(column)),
    "pandas": _pandas,
    "pandas_arrow": _pandas_arrow,
    "pyarrow": lambda frame, column, found: frame.append_column(column, found.to_arrow()),
}
_LAZY: dict[str, Any] = {
    "polars_lazy": lambda frame, name, column: frame.with_columns(_path(name, column)),
    "duckdb": _duckdb,
    "pyspark": _pyspark,
    "dask": _dask,
}
