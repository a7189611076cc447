"""What is in a dataset: its journal, one file that is replaced whole, and names every file that counts.

A directory is input, like any other: what the journal says is of the type that it was written with, and no file that
it names lies outside the directory, or nothing is read and nothing touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, TypeAdapter

from truto_usage_nb.dataset.files import Disk, check_own
from truto_usage_nb.dataset.stored_columns import FOLDERS, read_names, read_types, stored, write_names, write_types
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.frames import FieldPath, Types
from truto_usage_nb.planning import Period
from truto_usage_nb.recall import CountSaid, MomentSaid, recalled
from truto_usage_nb.writing import filling

__all__ = [
    "BESIDE",
    "JOURNAL",
    "PREPARED",
    "RECORDS",
    "Attempt",
    "Held",
    "HeldFile",
    "Journal",
    "Reach",
    "SentQuery",
    "ViewName",
    "place_of",
    "read_journal",
    "write_journal",
]

JOURNAL, RECORDS, BESIDE, PREPARED = "journal.json", "records", "beside", "prepared"
_FORMAT = 1
_REMEDY = "restore the directory from a copy, or scan into a new one"


def _file(name: str) -> str:
    leads_away = any(part in ("", ".", "..") for part in name.split("/")) or re.search(r"[\\:\0]", name)
    if leads_away or not name.endswith(".parquet"):
        raise ValueError(f"{name!r} is no file within the directory")
    return name


def _object(text: str) -> str:
    if not isinstance(json.loads(text), dict):
        raise ValueError("it is no query")
    return text


Name = Annotated[str, AfterValidator(_file)]
SentQuery = Annotated[str, AfterValidator(_object)]
ViewName = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
Attempt = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
Reach = tuple[MomentSaid, MomentSaid]
"""From the first start to the last end of some records."""


def place_of(directory: Path, name: str) -> Path:
    """Give the place of a file that the journal names."""
    return directory / name if name.startswith(f"{BESIDE}/") else directory / RECORDS / name


class HeldFile(NamedTuple):
    """Name a file of a window, and what it holds."""

    file: str
    records: int
    size: int


@dataclass(frozen=True, slots=True)
class Held:
    """State one window that is held whole: whose it is, when it was fetched, and the file with its records.

    `view` says which query it answers, `query` is what was sent, as JSON. `fetched_at` is when its first page was
    asked for, `settled` that its figures were final by then. `file` (below `records`) is None where it has no records.

    `strays` is how far the records reach that came with the window and do not start in it, or nobody knows where. Those
    that count elsewhere, or nowhere, are kept in `beside`; until a scan has settled that (`pending`) all of them are.
    """

    view: ViewName
    query: SentQuery
    account: str | None
    report_type: str | None
    start: MomentSaid
    end: MomentSaid
    fetched_at: MomentSaid
    settled: bool
    run: CountSaid
    attempt: Attempt
    pages: CountSaid
    records: CountSaid
    file: Name | None
    size: CountSaid
    strays: Reach | None = None
    beside: Name | None = None
    beside_records: CountSaid = 0
    beside_size: CountSaid = 0
    pending: bool = False

    @property
    def window(self) -> Period:
        """Give the window."""
        return Period(self.start, self.end)

    @property
    def shared(self) -> list[Reach]:
        """Give how far those of its records reach that other windows may have as well."""
        own = [] if self.beside is None else [(self.start, self.end)]
        return own if self.strays is None else [*own, self.strays]

    @property
    def parts(self) -> list[HeldFile]:
        """Give its files, first the one whose records count."""
        both = (self.file, self.records, self.size), (self.beside, self.beside_records, self.beside_size)
        return [HeldFile(file, records, size) for file, records, size in both if file is not None]


@dataclass(frozen=True, slots=True)
class Journal:
    """State what a dataset holds.

    `types` are the columns of every file, `names` the columns that undocumented paths were given, `kept_as` the names
    on disk that are others than a frame's (None: an earlier version wrote the files, and knew none). `run` counts the
    calls, and `finished` says whether the last one came to its end. `leaving` are files that no longer count and are
    about to go. `prepared` names the folder of files that are to be moved to their places, if they are not there yet.
    `widening`: an earlier version was giving its files the columns in `types`, one by one, and did not end.
    """

    types: Types
    names: dict[FieldPath, str]
    windows: tuple[Held, ...] = ()
    run: int = 0
    finished: bool = True
    widening: bool = False
    leaving: tuple[str, ...] = ()
    kept_as: Mapping[str, str] | None = None
    prepared: str | None = None

    def files(self) -> dict[str, HeldFile]:
        """Give every file that counts, or stands beside those that do, by its name."""
        return {part.file: part for held in self.windows for part in held.parts}

    def of_view(self, view: str) -> list[Held]:
        """Give the windows of one view, oldest first."""
        return sorted((held for held in self.windows if held.view == view), key=lambda held: held.start)

    def with_windows(self, windows: Iterable[Held]) -> Journal:
        """Hold these windows; files that no window names any more are to leave."""
        made = replace(self, windows=tuple(windows))
        leaving = dict.fromkeys((*self.leaving, *self.files()))
        return replace(made, leaving=tuple(file for file in leaving if file not in made.files()))


def write_journal(journal: Journal, directory: Path, disk: Disk) -> None:
    """Replace the journal."""
    content = {
        "types": write_types(journal.types),
        "names": write_names(journal.names),
        "windows": [_written(held) for held in journal.windows],
        "run": journal.run,
        "finished": journal.finished,
        "widening": journal.widening,
        "leaving": list(journal.leaving),
        "kept_as": None if journal.kept_as is None else dict(journal.kept_as),
        "prepared": journal.prepared,
    }
    body = json.dumps(content, ensure_ascii=False)
    text = f'{{"truto_usage_dataset": {_FORMAT}, "hash": "{_hash(body)}", "content":\n{body}\n}}\n'.encode()

    def write(half: Path) -> None:
        with filling(half) as file:
            file.write(text)

    disk.place(directory / JOURNAL, write)


_MOMENTS = ("start", "end", "fetched_at")


def _written(held: Held) -> dict[str, Any]:
    said = asdict(held)
    said["strays"] = None if held.strays is None else [each.isoformat() for each in held.strays]
    return said | {name: said[name].isoformat() for name in _MOMENTS}


def _hash(body: str) -> str:
    return blake2b(body.encode(), digest_size=8).hexdigest()


def read_journal(directory: Path) -> Journal:
    """Read the journal; raises `DatasetError` where it is damaged, of another version, or leads elsewhere."""
    path = directory / JOURNAL
    check_own(directory, JOURNAL)
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        version, body = said["truto_usage_dataset"], json.dumps(said["content"], ensure_ascii=False)
        if type(version) is int and version == _FORMAT and said["hash"] == _hash(body):
            journal = _read(said["content"], body)
            _check_windows(journal)
            places = (place_of(Path(), name).as_posix() for name in _named(journal))
            check_own(directory, RECORDS, BESIDE, PREPARED, *places)
            return journal
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise DatasetError(f"{path} is damaged ({_line(problem)}); {_REMEDY}") from None
    except OSError as problem:
        raise DatasetError(f"{path} cannot be read: {problem.strerror or problem}") from None
    if version != _FORMAT or isinstance(version, bool):
        raise DatasetError(
            f"{path} is of format {_line(version)}, and this version reads {_FORMAT}; scan into a new directory"
        )
    raise DatasetError(f"{path} is damaged (its content does not match its hash); {_REMEDY}")


@dataclass(frozen=True, slots=True)
class _Content:
    """State what stands in a journal, each value of its type; types and names are read by `types`."""

    types: list[Any]
    names: list[Any]
    windows: tuple[Held, ...]
    run: CountSaid
    finished: bool
    widening: bool
    leaving: tuple[Name, ...]
    kept_as: dict[str, str] | None = None
    prepared: Attempt | None = None


@cache
def _kind() -> TypeAdapter[_Content]:
    return TypeAdapter(_Content)


def _read(content: dict[str, Any], body: str) -> Journal:
    held = recalled(_kind(), body)
    return Journal(
        types=read_types(content["types"]),
        names=read_names(content["names"]),
        windows=held.windows, run=held.run, finished=held.finished, widening=held.widening, leaving=held.leaving,
        kept_as=held.kept_as, prepared=held.prepared,
    )  # fmt: skip


def _named(journal: Journal) -> set[str]:
    return {*journal.files(), *journal.leaving}


def _check_windows(journal: Journal) -> None:
    """Refuse windows that would count a record twice, or a file that is to go and to stay."""
    files = [part.file for held in journal.windows for part in held.parts]
    if len(set(files)) < len(files) or set(files) & set(journal.leaving):
        raise ValueError("a file is named twice")
    if any(held.start >= held.end or not _is_consistent(held) for held in journal.windows):
        raise ValueError("a window ends before it begins, or has records and no file, or a file and no records")
    for one, two in pairwise(sorted(journal.windows, key=lambda held: (held.view, held.start))):
        if one.view == two.view and one.end > two.start:
            raise ValueError(f"two windows of view {one.view} overlap")
    names = [name.casefold() for name, _ in stored(journal.types, journal.kept_as)]
    if journal.kept_as is not None and len({*names, *FOLDERS}) < len(names) + len(FOLDERS):
        raise ValueError("two columns have one name on disk, or one has the name of a folder")


def _is_consistent(held: Held) -> bool:
    if (held.file is None) != (held.records == 0) or (held.beside is None) != (held.beside_records == 0):
        return False
    placed = held.file is None or not held.file.startswith(f"{BESIDE}/")
    return placed and (held.beside is None or held.beside.startswith(f"{BESIDE}/"))


def _line(problem: object) -> str:
    said = " ".join(str(problem).split()) or type(problem).__name__
    return said if len(said) <= 200 else f"{said[:200]}…"
