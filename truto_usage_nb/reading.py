"""Records that are already on disk, read by the same rules as those from the service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import polars as pl

from truto_usage_nb.dataset import is_dataset, is_records, read_dataset, read_records
from truto_usage_nb.errors import InputError, ProtocolError, did_you_mean, tell
from truto_usage_nb.frames import Layout, Source, build_frame, parse_page, to_pandas
from truto_usage_nb.integrations import INTEGRATIONS, integration_named
from truto_usage_nb.result.snapshot import is_parquet, read_snapshot

__all__ = ["read_usage"]


def read_usage(
    paths: str | Path | Iterable[str | Path],
    *,
    backend: str = "polars",
    integrated_account_id: str | None = None,
    integration: str | None = None,
    report_type: str | None = None,
    remote_data: bool = False,
    documented: bool = True,
) -> Any:
    """Read records from disk into the frame that `load_usage` gives.

    `paths` is a path, several, or a glob. A file holds a page as served, a list of records, NDJSON (a record or a page
    a line, as the Truto CLI exports it), a snapshot (`UsageResult.save`), or a part of what `scan_usage` keeps; the
    directory of a scan is read whole, each record once. What a bare record does not say, the
    provenance, is given by `integrated_account_id`, `integration` and `report_type`; `remote_data=True` keeps the
    provider's own rows as JSON text; `documented=False` reads raw records. Raises `InputError` for no file at all.

    >>> import json, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "page.json")
    >>> page = {"result": [{"id": "1", "charges": [{"type": "net", "amount": 2.5, "currency": "USD"}]}]}
    >>> _ = path.write_text(json.dumps(page))
    >>> read_usage(path).select("id", "charges_net", "charges_currency").rows()
    [('1', 2.5, 'USD')]
    """
    if backend not in ("polars", "pandas"):
        raise InputError(f"backend={backend!r} is not allowed; give 'polars' or 'pandas'")
    files = _files(paths)
    known = None if integration is None else integration_named(integration)
    if integration is not None and known is None:
        raise InputError(
            f"integration={integration!r} is not known.{did_you_mean(integration, INTEGRATIONS)} "
            f"Known: {', '.join(INTEGRATIONS)}"
        )
    source = Source(integrated_account_id, None if known is None else known.name, report_type, None)
    frame = _read(files, source, Layout(documented=documented, remote_data=remote_data))
    return to_pandas(frame) if backend == "pandas" else frame


def _files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    found: list[Path] = []
    for one in [paths] if isinstance(paths, str | Path) else paths:
        matches = sorted(glob(str(one), recursive=True)) if has_magic(str(one)) else [str(one)]
        missing = [each for each in matches if not (Path(each).is_file() or is_dataset(Path(each)))]
        if missing or not matches:
            raise InputError(f"there is no file {missing[0] if missing else one!s}; give a path, several, or a glob")
        found += [Path(each) for each in matches]
    if not found:
        raise InputError("there is nothing to read: no path was given")
    return found


def _read(files: Sequence[Path], source: Source, layout: Layout) -> pl.DataFrame:
    """Read what is a frame already as it is and everything else as pages, in the order of the files."""
    kept = [_kept(each) for each in files]
    if all(each is None for each in kept):
        return _pages(files, source, layout)
    pairs = zip(files, kept, strict=True)
    frames = [_pages([path], source, layout) if frame is None else frame for path, frame in pairs]
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")


def _kept(path: Path) -> pl.DataFrame | None:
    if is_dataset(path):
        return read_dataset(path).collect()
    if is_records(path):
        return read_records(path)
    if is_parquet(path):
        held: pl.DataFrame = read_snapshot(path)["polars"]
        return held
    return None


def _pages(files: Sequence[Path], source: Source, layout: Layout) -> pl.DataFrame:
    built = build_frame([parse_page(_content(each), source, layout) for each in files], layout)
    for note in built.notes:
        tell(note, stacklevel=4)
    return built.frame


def _content(path: Path) -> bytes:
    """Give a file's bytes; one of lines may have none, a page or a list is never empty."""
    content = path.read_bytes()
    if not content.strip() and path.suffix.lower() not in _OF_LINES:
        raise ProtocolError(
            f"{path} is empty ({len(content):,} bytes): a page or a list of records is not; get it anew"
        )
    return content


_OF_LINES = (".ndjson", ".jsonl", ".jl")
