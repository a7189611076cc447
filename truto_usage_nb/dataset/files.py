"""How files come and go: each whole or not at all, and one process at a time; and Parquet for every reader.

Records are written a few thousand rows at a time, all of one schema.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from truto_usage_nb.dataset.stored_columns import aligned, as_counts, restoring, stored, storing
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.frames import Types, fitted
from truto_usage_nb.writing import beside, filling, is_half, settle_folder, telling

_OF_OLD = re.compile(r"\..+\.(parquet|page|json|new)\.part")
"""How a file that was being written was called once."""


class Disk:
    """Put files in their place, and take them away, so that a process may be killed at any moment.

    What the system refuses is a `WriteError`, one sentence with the path.
    """

    def place(self, path: Path, write: Callable[[Path], object]) -> int:
        """Have a file written beside its place, then moved there in one step; gives its size in bytes."""
        with telling(path), beside(path) as half:
            write(half.path)
            return os.fstat(half.handle).st_size

    def move(self, path: Path, to: Path) -> None:
        """Move a file to another place in one step."""
        with telling(to):
            to.parent.mkdir(parents=True, exist_ok=True)
            path.replace(to)
            settle_folder(to.parent)  # that it has left its old place may be lost: it is moved once more then

    def remove(self, path: Path) -> None:
        """Take a file away, if it is there."""
        with telling(path):
            path.unlink(missing_ok=True)


def is_left_over(name: str) -> bool:
    """Tell whether a file's name is that of a write which never ended, of this version or an earlier one.

    >>> is_left_over(".journal.json.part"), is_left_over(".notes.part")
    (True, False)
    """
    return is_half(name) or _OF_OLD.fullmatch(name) is not None


def halves(directory: Path) -> Iterator[Path]:
    """Give what writes that never ended have left behind."""
    for folder, _, names in os.walk(directory):
        yield from (Path(folder, name) for name in names if is_left_over(name))


def check_own(directory: Path, *names: str) -> None:
    """Refuse a dataset whose own files, or the folders above them, are links: they lead elsewhere."""
    top, seen = Path(os.path.realpath(directory)), set[Path]()
    for name in names:
        steps = [top / name, *(top / name).parents]
        for step in steps[: steps.index(top)]:
            if step in seen:
                break
            seen.add(step)
            if step.is_symlink():
                raise DatasetError(
                    f"{step} is a link to {os.readlink(step)}: a dataset keeps its files within its own directory; "
                    "put the files back in its place, or scan into a new directory"
                )


@contextmanager
def locked(path: Path, directory: Path) -> Iterator[None]:
    """Hold a directory for this scan; the system lets go of it when the process ends, however it ends."""
    check_own(directory, path.name)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with telling(path):
        handle = os.open(path, flags, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise DatasetError(f"{path} is no file; a dataset keeps its lock there: take it away")
        try:
            _lock(handle)
        except OSError:
            raise DatasetError(
                f"another scan is at work in {directory}; wait for it, or scan into another directory"
            ) from None
        yield
    finally:
        with suppress(OSError):
            os.close(handle)


try:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # pragma: no cover - Windows
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]


RECORDS_KEY = "truto_usage_records"
"""The key of a file's metadata that tells it from any other Parquet file."""

UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
"""What comes of reading a file that is cut short or damaged."""

_DiskNames = Mapping[str, str] | None

_ROWS = 16_384  # a group of rows: what is in memory at once, here and in a reader


def write_pieces(path: Path, pieces: Iterable[pl.DataFrame], types: Types, names: _DiskNames) -> None:
    """Write frames below each other into one file, in groups of rows, each frame made to fit; see `naming` for `names`.

    Raises `UnreadableValueError` for a value that its column cannot hold.
    """
    from pyarrow.parquet import ParquetWriter

    schema = pl.DataFrame(schema=dict(stored(types, names))).to_arrow(compat_level=_PLAIN).schema
    schema, columns = schema.with_metadata({RECORDS_KEY: "1"}), storing(types, names)
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


def read_pieces(path: Path, types: Types, names: _DiskNames) -> Iterator[pl.DataFrame]:
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


def read_staged_page(path: Path) -> pl.DataFrame:
    """Give the records of a page that was committed."""
    try:
        return pl.read_parquet(path, hive_partitioning=False, glob=False)
    except UNREADABLE as problem:
        raise _damaged(path, problem) from None


def read_columns(path: Path, types: Types, names: _DiskNames, wanted: Iterable[str]) -> pl.DataFrame:
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


def types_in(path: Path) -> Types:
    """Give the columns of a file."""
    try:
        return dict(pl.read_parquet_schema(path))
    except UNREADABLE as problem:
        raise _damaged(path, problem) from None


def count_rows(path: Path) -> int:
    """Give the number of a file's rows."""
    rows: int = pl.scan_parquet(path, hive_partitioning=False, glob=False).select(pl.len()).collect().item()
    return rows


def _damaged(path: Path, problem: BaseException) -> DatasetError:
    why = " ".join(str(problem).split())[:200]
    return DatasetError(f"{path} is damaged ({why}); restore the directory from a copy, or scan into a new one")
