"""One Parquet file that holds a frame and where it came from: the root of a reproducible report.

Both are under a hash, so that a file which was changed, cut short or damaged is told from one that was saved. A file
is read once, from its beginning: another may be saved under its name meanwhile.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from truto_usage_nb.errors import DatasetError, UsageError
from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.recall import CountSaid, MomentSaid, recalled
from truto_usage_nb.writing import write_file

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from truto_usage_nb.result import UsageResult

__all__ = [
    "check_snapshot",
    "content_hash",
    "is_parquet",
    "read_hashed",
    "read_snapshot",
    "write_snapshot",
]

_KEY = "truto_usage_nb"
_FORMAT = 2
_HASHED_SINCE = 2
"""Since this format the provenance is under a hash of its own."""

_HASH = "provenance_hash"
_MAGIC = b"PAR1"
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, TypeError, OverflowError)
_REMEDY = "restore it from a copy, or load and save it anew"


def write_snapshot(result: UsageResult, path: Path) -> Path:
    """Write a result; the file appears whole or not at all."""
    refuse_if_cut_off()
    provenance = {
        "format": _FORMAT,
        "queries": [query.given() for query in result.queries],
        "fetched_at": result.fetched_at.astimezone(UTC).isoformat(),
        "pages": result.pages,
        "partial": result.partial,
        "backend": result.backend,
        "period": None if result.period is None else [result.period.start.isoformat(), result.period.end.isoformat()],
        "settled_until": {name: moment.isoformat() for name, moment in result.settled_until.items()},
        "told": list(result.told),
        "notes": list(result.notes),
        "gaps": list(result.gaps),
        "integrations": dict(result.integrations),
        "versions": {name: version(name) for name in ("truto-usage-nb", "polars")},
        "content_hash": content_hash(_as_read(result.polars)),
    }
    said = json.dumps(provenance | {_HASH: _provenance_hash(provenance)}, sort_keys=True)
    return write_file(path, lambda file: result.polars.write_parquet(file, metadata={_KEY: said}))


def _as_read(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the frame as a reader will hold it: the memory layout of nested nulls is not part of the content."""
    held = io.BytesIO()
    frame.write_parquet(held)
    held.seek(0)
    return pl.read_parquet(held)


def content_hash(frame: pl.DataFrame) -> str:
    """Give a hash of the columns, dtypes and values of a frame that was read from a snapshot."""
    digest = hashlib.sha256()
    for column in frame.get_columns():
        held = io.BytesIO()
        column.rechunk().to_frame().write_ipc_stream(held, compression="uncompressed")
        digest.update(hashlib.sha256(held.getbuffer()).digest())
    return digest.hexdigest()


def _provenance_hash(said: dict[str, Any]) -> str:
    text = json.dumps({name: value for name, value in said.items() if name != _HASH}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_parquet(path: Path) -> bool:
    """Say whether a file is one of Parquet, or means to be: one that is cut short or damaged included."""
    with path.open("rb") as file:
        return path.suffix.lower() == ".parquet" or file.read(len(_MAGIC)) == _MAGIC


def check_snapshot(path: Path) -> Period | None:
    """Refuse a file that is no snapshot, or says of itself what cannot be read, and give the period that it holds.

    Its records are not looked at.
    """
    period: Period | None = _arguments(path, _provenance(path, _content(path)))["period"]
    return period


def read_snapshot(path: Path) -> dict[str, Any]:
    """Read what `write_snapshot` wrote, as the arguments of a `UsageResult`."""
    return read_hashed(path)[0]


def read_hashed(path: Path) -> tuple[dict[str, Any], str]:
    """Read what `write_snapshot` wrote, as the arguments of a `UsageResult`, beside the hash that it was held against.

    Raises DatasetError, which names the file and what is wrong with it, where it is not as it was saved.
    """
    content = _content(path)
    said = _provenance(path, content)
    try:
        frame = pl.read_parquet(io.BytesIO(content))
        found = content_hash(frame)
    except _UNREADABLE as problem:
        raise DatasetError(f"{path} is damaged: its records cannot be read ({_line(problem)}); {_REMEDY}") from None
    if found != said.content_hash:
        raise DatasetError(f"{path} was changed after it was saved: its content does not match its hash; load it anew")
    return {"polars": frame, **_arguments(path, said)}, said.content_hash


def _content(path: Path) -> bytes:
    refuse_if_cut_off()  # for it is polars that reads it
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise DatasetError(f"{path} cannot be read: {problem.strerror or problem}") from None
    if not content:
        raise DatasetError(f"{path} is not a snapshot: it is empty (0 bytes); {_REMEDY}")
    return content


@dataclass(frozen=True, slots=True)
class _Provenance:
    """State what a snapshot says of itself, each value of its type."""

    queries: tuple[dict[str, Any], ...]
    fetched_at: MomentSaid
    pages: CountSaid
    partial: bool
    backend: Literal["polars", "pandas"]
    period: tuple[MomentSaid, MomentSaid] | None
    settled_until: dict[str, MomentSaid]
    told: tuple[str, ...]
    notes: tuple[str, ...]
    gaps: tuple[str, ...]
    content_hash: str
    integrations: dict[str, str] = field(default_factory=dict)  # snapshots of before do not say it


@cache
def _kind() -> TypeAdapter[_Provenance]:
    from pydantic import TypeAdapter

    return TypeAdapter(_Provenance)


def _provenance(path: Path, content: bytes) -> _Provenance:
    """Read what a file says of itself, held against the hash where it has one."""
    try:
        said = json.loads(_said(path, content))
        wrote = said["format"]
        if type(wrote) is int and _HASHED_SINCE <= wrote <= _FORMAT and said[_HASH] != _provenance_hash(said):
            raise DatasetError(
                f"{path} was changed after it was saved: where its records came from does not match its hash; "
                "load it anew"
            )
        if type(wrote) is int and 1 <= wrote <= _FORMAT:
            text = json.dumps(said, ensure_ascii=False).encode(errors="replace").decode()  # half a surrogate is none
            return recalled(_kind(), text)
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise DatasetError(
            f"{path} is damaged: what it says of where its records came from cannot be read "
            f"({_line(problem)}); {_REMEDY}"
        ) from None
    raise DatasetError(
        f"{path} is a snapshot of format {_line(wrote)}, and this version reads 1 to {_FORMAT}; "
        "read it with the version that wrote it, or load it anew"
    )


def _said(path: Path, content: bytes) -> str:
    try:
        found = pl.read_parquet_metadata(io.BytesIO(content))
    except _UNREADABLE as problem:
        why = "it is cut short or damaged" if content.startswith(_MAGIC) else "it does not begin as a Parquet file does"
        raise DatasetError(
            f"{path} is not a snapshot, or no longer a whole one: {why} ({_line(problem)}); {_REMEDY}"
        ) from None
    if _KEY not in found:
        raise DatasetError(
            f"{path} is not a snapshot; UsageResult.save(path) writes one. A frame in a file of another's is read by "
            "pl.read_parquet(path) or pd.read_parquet(path, dtype_backend='pyarrow')"
        )
    return found[_KEY]


def _arguments(path: Path, said: _Provenance) -> dict[str, Any]:
    try:
        queries = tuple(UsageQuery(**given) for given in said.queries)
        period = None if said.period is None else Period.parse(said.period)
    except (UsageError, TypeError) as problem:
        raise DatasetError(
            f"{path} is damaged: a query in it, or its period, is none ({_line(problem)}); {_REMEDY}"
        ) from None
    return {
        "queries": queries, "period": period, "fetched_at": said.fetched_at, "pages": said.pages,
        "partial": said.partial, "backend": said.backend, "settled_until": said.settled_until, "told": said.told,
        "notes": said.notes, "gaps": said.gaps, "integrations": said.integrations,
    }  # fmt: skip


def _line(problem: object) -> str:
    """Give an error of a library in one short line."""
    said = " ".join(str(problem).split()) or type(problem).__name__
    return said if len(said) <= 200 else f"{said[:200]}…"
