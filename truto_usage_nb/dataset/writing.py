"""Parquet files for every reader: written a few thousand rows at a time, all of one schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as File

import polars as pl

from truto_usage_nb.dataset.fitting import aligned, as_counts
from truto_usage_nb.dataset.naming import restoring, stored, storing
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.frames import Types, fitted
from truto_usage_nb.writing import filling

__all__ = ["KEY", "UNREADABLE", "read_columns", "read_page", "read_pieces", "rows_of", "types_in", "write_pieces"]

KEY = "truto_usage_records"
"""The key of a file's metadata that tells it from any other Parquet file."""

UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
"""What comes of reading a file that is cut short or damaged."""

Names = Mapping[str, str] | None

_ROWS = 16_384  # a group of rows: what is in memory at once, here and in a reader


def write_pieces(path: File, pieces: Iterable[pl.DataFrame], types: Types, names: Names) -> None:
    """Write frames below each other into one file, in groups of rows, each frame made to fit; see `naming` for `names`.

    Raises `UnreadableValueError` for a value that its column cannot hold.
    """
    from pyarrow.parquet import ParquetWriter

    schema = pl.DataFrame(schema=dict(stored(types, names))).to_arrow(compat_level=_PLAIN).schema
    schema, columns = schema.with_metadata({KEY: "1"}), storing(types, names)
    with filling(path) as file, ParquetWriter(file, schema, compression="zstd", write_page_index=False) as writer:
        for group in _grouped(_fitted(piece, types) for piece in pieces):
            writer.write_table(group.select(columns).to_arrow(compat_level=_PLAIN).cast(schema))


_PLAIN = pl.CompatLevel.oldest()  # texts and lists as every reader of Arrow and Parquet knows them


def _fitted(piece: pl.DataFrame, types: Types) -> pl.DataFrame:
    lists = [name for name, dtype in piece.schema.items() if dtype == pl.List and types.get(name) == pl.String()]
    texts = [pl.Series(name, list(map(_json, piece[name].to_list())), dtype=pl.String) for name in lists]
    made = fitted(as_counts(aligned(piece.with_columns(texts), types), types), types)
    if list(made.schema.items()) != stored(types, None):
        raise DatasetError("a column holds what its type does not; restore the directory from a copy, or scan anew")
    return made


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _grouped(pieces: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    for piece in pieces:
        held.append(piece)
        if sum(each.height for each in held) >= _ROWS:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def read_pieces(path: File, types: Types, names: Names) -> Iterator[pl.DataFrame]:
    """Give a file's rows with the columns of a frame, a group at a time."""
    from pyarrow.parquet import ParquetFile

    columns = restoring(types, names) if list(types_in(path).items()) == stored(types, names) else [pl.all()]
    try:
        with path.open("rb") as held, ParquetFile(held) as file:
            for number in range(file.num_row_groups):
                made = pl.from_arrow(file.read_row_group(number))
                assert isinstance(made, pl.DataFrame)
                yield made.select(columns)
    except UNREADABLE as problem:
        raise _damaged(path, problem) from None


def read_page(path: File) -> pl.DataFrame:
    """Give the records of a page that was committed."""
    try:
        return pl.read_parquet(path, hive_partitioning=False, glob=False)
    except UNREADABLE as problem:
        raise _damaged(path, problem) from None


def read_columns(path: File, types: Types, names: Names, wanted: Iterable[str]) -> pl.DataFrame:
    """Give some columns of a file, those that are there."""
    found = types_in(path)
    columns = {name: pl.col(name) for name in found}
    if list(found.items()) == stored(types, names):
        columns = dict(zip(types, restoring(types, names), strict=True))
    chosen = [columns[name] for name in wanted if name in columns]
    try:
        return pl.scan_parquet(path, hive_partitioning=False, glob=False).select(chosen).collect()
    except UNREADABLE as problem:
        raise _damaged(path, problem) from None


def types_in(path: File) -> Types:
    """Give the columns of a file."""
    try:
        return dict(pl.read_parquet_schema(path))
    except UNREADABLE as problem:
        raise _damaged(path, problem) from None


def rows_of(path: File) -> int:
    """Give the number of a file's rows."""
    rows: int = pl.scan_parquet(path, hive_partitioning=False, glob=False).select(pl.len()).collect().item()
    return rows


def _damaged(path: File, problem: BaseException) -> DatasetError:
    why = " ".join(str(problem).split())[:200]
    return DatasetError(f"{path} is damaged ({why}); restore the directory from a copy, or scan into a new one")
