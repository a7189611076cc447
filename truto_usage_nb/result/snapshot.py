"""One Parquet file that holds a frame and where it came from: the root of a reproducible report."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from truto_usage_nb.errors import DatasetError
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery

if TYPE_CHECKING:
    from truto_usage_nb.result import UsageResult

__all__ = ["content_hash", "is_snapshot", "read_hashed", "read_snapshot", "write_snapshot"]

_KEY = "truto_usage_nb"
_FORMAT = 1


def write_snapshot(result: UsageResult, path: Path) -> Path:
    """Write a result; the file appears whole or not at all."""
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
        "versions": {name: version(name) for name in ("truto-usage-nb", "polars")},
        "content_hash": content_hash(_as_read(result.polars)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    result.polars.write_parquet(half, metadata={_KEY: json.dumps(provenance, sort_keys=True)})
    half.replace(path)
    return path


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


def is_snapshot(path: Path) -> bool:
    """Say whether a file is a snapshot of ours."""
    try:
        return _KEY in pl.read_parquet_metadata(path)
    except (pl.exceptions.PolarsError, OSError):
        return False


def read_snapshot(path: Path) -> dict[str, Any]:
    """Read what `write_snapshot` wrote, as the arguments of a `UsageResult`."""
    return read_hashed(path)[0]


def read_hashed(path: Path) -> tuple[dict[str, Any], str]:
    """Read what `write_snapshot` wrote, as the arguments of a `UsageResult`, beside the hash that it was held against.

    Raises DatasetError where the content is not that of the hash.
    """
    if not is_snapshot(path):
        raise DatasetError(f"{path} is not a snapshot; UsageResult.save(path) writes one")
    said = json.loads(pl.read_parquet_metadata(path)[_KEY])
    frame = pl.read_parquet(path)
    if content_hash(frame) != said["content_hash"]:
        raise DatasetError(f"{path} was changed after it was saved: its content does not match its hash; load it anew")
    period = said["period"]
    arguments = {
        "polars": frame,
        "queries": tuple(UsageQuery(**given) for given in said["queries"]),
        "fetched_at": datetime.fromisoformat(said["fetched_at"]),
        "period": None if period is None else Period.parse(tuple(datetime.fromisoformat(each) for each in period)),
        "settled_until": {name: datetime.fromisoformat(moment) for name, moment in said["settled_until"].items()},
        **{name: tuple(said[name]) for name in ("told", "notes", "gaps")},
        **{name: said[name] for name in ("pages", "partial", "backend")},
    }
    return arguments, str(said["content_hash"])
