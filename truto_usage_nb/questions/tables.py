"""Tables that people bring along: labels, rosters, invoices, as a path to a CSV or as any frame."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from truto_usage_nb.errors import FrameError, InputError, did_you_mean
from truto_usage_nb.native import collect, enter

__all__ = ["column_named", "folded", "need_columns", "read_table"]


def read_table(table: Any, what: str) -> pl.DataFrame:
    """Give a caller's table as polars; a CSV's cells stay text unless they are numbers.

    Raises InputError for a path that is not there, FrameError for anything that is no frame.
    """
    if not isinstance(table, str | Path):
        held = collect(enter(table).frame)
    else:
        if not Path(table).is_file():
            raise InputError(f"{what}: there is no file {str(table)!r}. Give the path of a CSV, or a frame.")
        held = pl.read_csv(table, infer_schema_length=None)
        held = held.rename({name: name.strip() for name in held.columns})
    if not held.height:
        raise FrameError(f"{what} has no rows.")
    return held


def need_columns(table: pl.DataFrame, names: Iterable[str], what: str) -> None:
    """Refuse a table that lacks columns, naming them and those it has."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise FrameError(
            f"{what} needs the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it has "
            f"{', '.join(table.columns)}.{did_you_mean(missing[0], table.columns)}"
        )


def column_named(path: str, columns: Iterable[str], what: str) -> str:
    """Give the column of a dotted path, such as `user_email` for "user.email"."""
    have = list(columns)
    for name in (path, path.replace(".", "_")):
        if name in have:
            return name
    hint = did_you_mean(path.replace(".", "_"), have)
    raise FrameError(f"{what}={path!r} is no column of this frame.{hint}")


def folded(column: str) -> pl.Expr:
    """A key as it is compared: as text, without surrounding spaces, in small letters."""
    return pl.col(column).cast(pl.String).str.strip_chars().str.to_lowercase()
