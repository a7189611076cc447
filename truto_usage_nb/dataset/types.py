"""The types of columns as JSON, for the journal and the pages."""

from __future__ import annotations

from typing import Any

import polars as pl

from truto_usage_nb.frames import Path, Types

__all__ = ["read_names", "read_types", "write_names", "write_types"]

_PLAIN = {
    str(dtype): dtype
    for dtype in (pl.Null(), pl.Boolean(), pl.Int64(), pl.Float64(), pl.String(), pl.Datetime("us", "UTC"))
}


def write_types(types: Types) -> list[Any]:
    """Give columns in order, each with its type.

    >>> write_types({"id": pl.String(), "charges": pl.List(pl.Struct({"amount": pl.Float64()}))})
    [['id', 'String'], ['charges', {'list': {'struct': [['amount', 'Float64']]}}]]
    """
    return [[name, _written(dtype)] for name, dtype in types.items()]


def read_types(said: list[Any]) -> Types:
    """Read what `write_types` wrote."""
    return {name: _read(dtype) for name, dtype in said}


def _written(dtype: Any) -> Any:
    if isinstance(dtype, pl.List):
        return {"list": _written(dtype.inner)}
    if isinstance(dtype, pl.Struct):
        return {"struct": [[each.name, _written(each.dtype)] for each in dtype.fields]}
    return str(dtype)


def _read(said: Any) -> pl.DataType:
    if isinstance(said, str):
        return _PLAIN[said]
    if "list" in said:
        return pl.List(_read(said["list"]))
    return pl.Struct(read_types(said["struct"]))


def write_names(names: dict[Path, str]) -> list[Any]:
    """Give the names that paths were given."""
    return [[list(path), name] for path, name in names.items()]


def read_names(said: list[Any]) -> dict[Path, str]:
    """Read what `write_names` wrote."""
    return {tuple(path): name for path, name in said}
