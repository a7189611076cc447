"""Parquet files for every reader: written a few thousand rows at a time, all of one schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path as File

import polars as pl

from truto_usage_nb.frames import Types, fitted, on_disk

__all__ = ["KEY", "UNREADABLE", "read_pieces", "rows_of", "types_in", "write_pieces"]

KEY = "truto_usage_records"
"""The key of a file's metadata that tells it from any other Parquet file."""

UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
"""What comes of reading a file that is cut short or damaged."""

_ROWS = 16_384  # a group of rows: what is in memory at once, here and in a reader


def write_pieces(path: File, pieces: Iterable[pl.DataFrame], types: Types) -> None:
    """Write frames below each other into one file, in groups of rows, each frame made to fit."""
    from pyarrow.parquet import ParquetWriter

    empty = pl.DataFrame(schema={name: on_disk(dtype) for name, dtype in types.items()})
    schema = empty.to_arrow(compat_level=_PLAIN).schema.with_metadata({KEY: "1"})
    with ParquetWriter(path, schema, compression="zstd", write_page_index=False) as writer:
        for group in _grouped(fitted(piece, types) for piece in pieces):
            writer.write_table(group.to_arrow(compat_level=_PLAIN).cast(schema))


_PLAIN = pl.CompatLevel.oldest()  # texts and lists as every reader of Arrow and Parquet knows them


def _grouped(pieces: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    for piece in pieces:
        held.append(piece)
        if sum(each.height for each in held) >= _ROWS:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def read_pieces(path: File) -> Iterator[pl.DataFrame]:
    """Give a file's rows, a group at a time."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            made = pl.from_arrow(file.read_row_group(number))
            assert isinstance(made, pl.DataFrame)
            yield made


def types_in(path: File) -> Types:
    """Give the columns of a file."""
    return dict(pl.read_parquet_schema(path))


def rows_of(path: File) -> int:
    """Give the number of a file's rows."""
    rows: int = pl.scan_parquet(path, hive_partitioning=False, glob=False).select(pl.len()).collect().item()
    return rows
