"""CSV as FOCUS asks: UTC instants with a Z, plain decimals, nothing where there is nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from truto_usage_nb.errors import FrameError
from truto_usage_nb.writing import write_file

__all__ = ["as_text", "write_csv"]


def as_text(table: pl.DataFrame) -> pl.DataFrame:
    """Give the table with every value as the text that belongs into a file."""
    return table.select(_text(name, dtype) for name, dtype in table.schema.items())


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(dtype, pl.Decimal):
        # Zeros that say nothing go, but one decimal stays, so that no reader takes a column of costs for integers.
        text = column.cast(pl.String).str.replace(r"(\.\d+?)0+$", "$1")
        return pl.when(text.str.contains(".", literal=True)).then(text).otherwise(text + ".0").alias(name)
    return column.cast(pl.String)


def write_csv(table: pl.DataFrame, path: Path) -> Path:
    """Write the file; it appears whole or not at all."""
    for name, dtype in table.schema.items():
        if dtype.is_nested() or dtype in (pl.Duration, pl.Object, pl.Binary):
            raise FrameError(f"{name} holds {dtype}, and a CSV of FOCUS texts, numbers and times; write .parquet.")
    texts = as_text(table)
    return write_file(path, lambda file: texts.write_csv(file, null_value="", line_terminator="\n"))
