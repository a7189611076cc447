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


def read_types(said: Any) -> Types:
    """Read what `write_types` wrote; raises ValueError for anything else."""
    found: Types = {}
    for name, dtype in _pairs(said):
        if not isinstance(name, str) or name in found:
            raise ValueError(f"types: {name!r} is no column's name, or is there twice")
        found[name] = _read(dtype)
    return found


def _written(dtype: Any) -> Any:
    if isinstance(dtype, pl.List):
        return {"list": _written(dtype.inner)}
    if isinstance(dtype, pl.Struct):
        return {"struct": [[each.name, _written(each.dtype)] for each in dtype.fields]}
    return str(dtype)


def _read(said: Any) -> pl.DataType:
    if isinstance(said, str) and said in _PLAIN:
        return _PLAIN[said]
    if isinstance(said, dict) and list(said) == ["list"]:
        return pl.List(_read(said["list"]))
    if isinstance(said, dict) and list(said) == ["struct"]:
        return pl.Struct(read_types(said["struct"]))
    raise ValueError(f"types: {str(said)[:80]!r} is no type")


def write_names(names: dict[Path, str]) -> list[Any]:
    """Give the names that paths were given."""
    return [[list(path), name] for path, name in names.items()]


def read_names(said: Any) -> dict[Path, str]:
    """Read what `write_names` wrote; raises ValueError for anything else."""
    found: dict[Path, str] = {}
    for path, name in _pairs(said):
        keys = tuple(path) if isinstance(path, list) else ()
        if not keys or not isinstance(name, str) or not all(isinstance(key, str) for key in keys):
            raise ValueError(f"names: {str(path)[:80]!r} is no path with a name")
        found[keys] = name
    return found


def _pairs(said: Any) -> list[Any]:
    if not isinstance(said, list) or not all(isinstance(each, list) and len(each) == 2 for each in said):
        raise ValueError(f"{str(said)[:80]!r} is no list of pairs")
    return said
