"""Records that are already on disk, read by the same rules as those from the service."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import polars as pl

from truto_usage_nb.checks import a_flag, a_path, a_text, one_of
from truto_usage_nb.dataset import is_dataset, is_records, read_dataset, read_records
from truto_usage_nb.errors import InputError, ProtocolError, UnreadableValueError, did_you_mean, tell
from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.frames import (
    BATCH_BYTES,
    Layout,
    ParsedPage,
    Provenance,
    build_frame,
    pages_cut,
    parse_page,
    parse_pages,
    to_pandas,
)
from truto_usage_nb.integrations import INTEGRATIONS, Integration, integration_named
from truto_usage_nb.outside import cut, one_line, shown
from truto_usage_nb.result.snapshot import is_parquet, read_snapshot
from truto_usage_nb.secret import masked

__all__ = ["read_usage"]

_MOST_THREADS = 4


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

    `paths` is a path, several, or a glob (a file of that very name comes first). A file holds a page as served, a list
    of records or of pages, NDJSON (a record or a page a line, as the Truto CLI exports it), packed where its name ends
    in `.gz`, a snapshot (`UsageResult.save`), or a part of what `scan_usage` keeps; the
    directory of a scan is read whole, each record once. What a bare record does not say, the
    provenance, is given by `integrated_account_id`, `integration` and `report_type`; `remote_data=True` keeps the
    provider's own rows as JSON text; `documented=False` reads raw records. Raises `InputError` for no file at all; what
    cannot be read is an error that names the file.

    >>> import json, pathlib, tempfile, truto_usage_nb as tu
    >>> path = pathlib.Path(tempfile.mkdtemp(), "page.json")
    >>> page = {"result": [{"id": "1", "charges": [{"type": "net", "amount": 2.5, "currency": "USD"}]}]}
    >>> _ = path.write_text(json.dumps(page))
    >>> tu.read_usage(path).select("id", "charges_net", "charges_currency").rows()
    [('1', 2.5, 'USD')]
    """
    one_of("backend", backend, ("polars", "pandas"))
    a_flag("remote_data", remote_data)
    a_flag("documented", documented)
    for name, value in (("integrated_account_id", integrated_account_id), ("report_type", report_type)):
        if value is not None:
            a_text(name, value, "a text, such as 'cursor'" if name[0] == "i" else "a text, such as 'cost'")
    known = None if integration is None else _known(integration)
    refuse_if_cut_off()
    files = _files(paths)
    source = Provenance(integrated_account_id, None if known is None else known.name, report_type, None)
    frame = _read(files, source, Layout(documented=documented, remote_data=remote_data))
    return to_pandas(frame) if backend == "pandas" else frame


def _known(integration: Any) -> Integration:
    known = integration_named(integration) if isinstance(integration, str) else None
    if known is None:
        near = did_you_mean(integration, INTEGRATIONS) if isinstance(integration, str) else ""
        raise InputError(f"integration={shown(integration)} is not known.{near} Known: {', '.join(INTEGRATIONS)}")
    return known


def _several(paths: Any) -> list[Path]:
    """Give the paths one by one, each checked; a path is one, whatever may be walked over several."""
    if isinstance(paths, str | os.PathLike):
        return [a_path("paths", paths)]
    is_walkable = isinstance(paths, Iterable) and not isinstance(paths, bytes | bytearray | Mapping)
    if not is_walkable or hasattr(paths, "columns"):
        raise InputError(f"paths={shown(paths)} is no path; give a path, several, or a glob")
    return [a_path("paths", each) for each in paths]


def _files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    found: list[Path] = []
    for one in _several(paths):
        is_glob = has_magic(str(one)) and not os.path.lexists(one)  # a name like `a[1].json` means that file, if there
        matches = sorted(glob(str(one), recursive=True)) if is_glob else [str(one)]
        missing = [each for each in matches if not _is_there(Path(each))]
        if missing or not matches:
            name = one_line(cut(str(missing[0] if missing else one), 200))
            raise InputError(f"there is no file {name}; give a path, several, or a glob")
        found += [Path(each) for each in matches]
    if not found:
        raise InputError("there is nothing to read: no path was given")
    return found


def _is_there(path: Path) -> bool:
    """Whether a path leads anywhere; a name that is too long leads nowhere."""
    try:
        return path.is_file() or is_dataset(path)
    except OSError:
        return False


def _read(files: Sequence[Path], source: Provenance, layout: Layout) -> pl.DataFrame:
    """Read what is a frame already as it is and everything else as pages, in the order of the files."""
    kept = [_kept(each) for each in files]
    if all(each is None for each in kept):
        return _pages(files, source, layout)
    pairs = zip(files, kept, strict=True)
    frames = [_pages([path], source, layout) if frame is None else frame for path, frame in pairs]
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")


def _kept(path: Path) -> pl.DataFrame | None:
    try:
        if is_dataset(path):
            return read_dataset(path).collect()
        if is_records(path):
            return read_records(path)
        if is_parquet(path):
            held: pl.DataFrame = read_snapshot(path)["polars"]
            return held
    except OSError as problem:
        raise _unread(path, problem) from None
    return None


def _pages(files: Sequence[Path], source: Provenance, layout: Layout) -> pl.DataFrame:
    try:
        built = build_frame(_side_by_side(files, source, layout), layout)
    except UnreadableValueError as problem:
        at_fault = _first_unreadable(files, source, layout)
        raise UnreadableValueError(f"{at_fault}: {problem.message}", details=problem.details) from None
    for note in built.notes:
        tell(note)
    return built.frame


def _side_by_side(files: Sequence[Path], source: Provenance, layout: Layout) -> list[ParsedPage]:
    """Read files in their order, a megabyte of them at once and in a thread each."""
    runs = list(_runs(files))
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="truto-read") as threads:
        if len(runs) == 1:
            return _parsed_at_once(runs[0], source, layout, threads)
        reads = threads.map(lambda run: _parsed_at_once(run, source, layout), runs)
        return [page for pages in reads for page in pages]


def _runs(files: Sequence[Path]) -> Iterator[list[Path]]:
    held, size = list[Path](), 0
    for path in files:
        held.append(path)
        size += path.stat().st_size
        if size >= BATCH_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _parsed_at_once(
    files: Sequence[Path], source: Provenance, layout: Layout, threads: Executor | None = None
) -> list[ParsedPage]:
    try:
        return parse_pages((_body(each) for each in files), source, layout, threads)
    except ProtocolError:
        return [_parsed(each, source, layout) for each in files]  # which names the file


def _body(path: Path) -> bytes:
    content = _content(path)
    cut = pages_cut(content)
    return content if cut is None else cut


def _first_unreadable(files: Sequence[Path], source: Provenance, layout: Layout) -> Path:
    """Find the file with which the first so many cannot be read, by halves."""
    low, high = 0, len(files)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            build_frame([_parsed(each, source, layout) for each in files[:middle]], layout)
            low = middle
        except UnreadableValueError:
            high = middle
    return files[high - 1]


def _parsed(path: Path, source: Provenance, layout: Layout) -> ParsedPage:
    content = _content(path)
    try:
        cut = pages_cut(content)
        return parse_page(content if cut is None else cut, source, layout)
    except ProtocolError as problem:
        why = (problem.details or {}).get("why", problem.message)
        raise ProtocolError(f"{path} cannot be read: {why}; get it anew", details=problem.details) from None


def _content(path: Path) -> bytes:
    """Give a file's bytes, unpacked where its name says so; lines may have none, a page or a list is never empty."""
    try:
        content = path.read_bytes()
        name = path
        if path.suffix.lower() == ".gz" and content[:2] == b"\x1f\x8b":
            content, name = gzip.decompress(content), path.with_suffix("")
    except (OSError, EOFError, zlib.error) as problem:
        raise _unread(path, problem) from None
    _refuse_foreign(path, content)
    if not content.strip() and name.suffix.lower() not in _OF_LINES:
        raise ProtocolError(
            f"{path} is empty ({len(content):,} bytes): a page or a list of records is not; get it anew"
        )
    return content


_OF_LINES = (".ndjson", ".jsonl", ".jl")
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0", b"[\0", b"{\0")


def _refuse_foreign(path: Path, content: bytes) -> None:
    """Refuse what is no JSON in UTF-8 on sight, and an answer that is the service's refusal."""
    if packed := next((name for magic, name in _PACKED.items() if content.startswith(magic)), None):
        named = f"call it {path.name}.gz, or unpack it" if packed == "gzip" else "unpack it"
        raise ProtocolError(f"{path} is packed ({packed}): {named}")
    if content.startswith(_WIDE):
        raise ProtocolError(f"{path} is not UTF-8, but UTF-16 or UTF-32 as it seems: save it as UTF-8")
    if content.lstrip()[:1] == b"{" and len(content) < _LONGEST_REFUSAL and b'"statusCode"' in content:
        with suppress(ValueError, RecursionError):
            said = json.loads(content)
            if {"statusCode", "message"} <= said.keys() and not {"result", "id"} & said.keys():
                why = cut(one_line(masked(str(said["message"]))), 200)
                raise ProtocolError(f"{path} holds a refusal ({said['statusCode']!r}: {why}), and no records")


_LONGEST_REFUSAL = 65_536


def _unread(path: Path, problem: Exception) -> ProtocolError:
    why = getattr(problem, "strerror", None) or problem
    return ProtocolError(f"{path} cannot be read: {why}; get it anew")
