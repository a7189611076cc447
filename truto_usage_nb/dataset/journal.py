"""What is in a dataset: its journal, one file that is replaced whole, and names every file that counts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path as File
from typing import Any

from truto_usage_nb.dataset.disk import Disk
from truto_usage_nb.dataset.types import read_names, read_types, write_names, write_types
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.frames import Path, Types
from truto_usage_nb.planning import Period

__all__ = ["JOURNAL", "Held", "Journal", "read_journal", "write_journal"]

JOURNAL = "journal.json"
_FORMAT = 1
_REMEDY = "restore the directory from a copy, or scan into a new one"


@dataclass(frozen=True, slots=True)
class Held:
    """State one window that is held whole: whose it is, when it was fetched, and the file with its records.

    `view` says which query it answers, `query` is what was sent, as JSON. `fetched_at` is when its first page was
    asked for, `settled` that its figures were final by then. `file` (below `records`) is None where it has no records.
    """

    view: str
    query: str
    account: str | None
    report_type: str | None
    start: datetime
    end: datetime
    fetched_at: datetime
    settled: bool
    run: int
    attempt: str
    pages: int
    records: int
    file: str | None
    size: int

    @property
    def window(self) -> Period:
        """Give the window."""
        return Period(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Journal:
    """State what a dataset holds.

    `types` are the columns of every file, `names` the columns that undocumented paths were given. `run` counts the
    calls, and `finished` says whether the last one came to its end. While `widening`, files are being given the
    columns in `types` one by one; `leaving` are files that no longer count and are about to go.
    """

    types: Types
    names: dict[Path, str]
    windows: tuple[Held, ...] = ()
    run: int = 0
    finished: bool = True
    widening: bool = False
    leaving: tuple[str, ...] = ()

    def files(self) -> dict[str, Held]:
        """Give each window that has records by its file."""
        return {held.file: held for held in self.windows if held.file is not None}

    def of_view(self, view: str) -> list[Held]:
        """Give the windows of one view, oldest first."""
        return sorted((held for held in self.windows if held.view == view), key=lambda held: held.start)

    def with_windows(self, new: Iterable[Held], retired: Iterable[Held]) -> Journal:
        """Take in new windows in the place of others, whose files are to leave."""
        gone = set(retired)
        windows = (*(held for held in self.windows if held not in gone), *new)
        staying = {held.file for held in windows}
        leaving = (*self.leaving, *(held.file for held in gone if held.file is not None))
        return replace(self, windows=windows, leaving=tuple(file for file in leaving if file not in staying))


def write_journal(journal: Journal, directory: File, disk: Disk) -> None:
    """Replace the journal."""
    content = {
        "types": write_types(journal.types),
        "names": write_names(journal.names),
        "windows": [_written(held) for held in journal.windows],
        "run": journal.run,
        "finished": journal.finished,
        "widening": journal.widening,
        "leaving": list(journal.leaving),
    }
    body = json.dumps(content, ensure_ascii=False)
    text = f'{{"truto_usage_dataset": {_FORMAT}, "hash": "{_hash(body)}", "content":\n{body}\n}}\n'
    disk.place(directory / JOURNAL, lambda half: half.write_text(text, encoding="utf-8"))


def read_journal(directory: File) -> Journal:
    """Read the journal; raises `DatasetError` where it is damaged, or of another version."""
    path = directory / JOURNAL
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        version = said["truto_usage_dataset"]
        if version == _FORMAT and said["hash"] == _hash(json.dumps(said["content"], ensure_ascii=False)):
            return _read(said["content"])
    except (ValueError, KeyError, TypeError) as problem:
        raise DatasetError(f"{path} is damaged ({problem}); {_REMEDY}") from None
    if version != _FORMAT:
        raise DatasetError(
            f"{path} is of format {version!r}, and this version reads {_FORMAT}; scan into a new directory"
        )
    raise DatasetError(f"{path} is damaged (its content does not match its hash); {_REMEDY}")


def _hash(body: str) -> str:
    return blake2b(body.encode(), digest_size=8).hexdigest()


def _read(content: dict[str, Any]) -> Journal:
    return Journal(
        types=read_types(content["types"]),
        names=read_names(content["names"]),
        windows=tuple(map(_held, content["windows"])),
        leaving=tuple(content["leaving"]),
        **{name: content[name] for name in ("run", "finished", "widening")},
    )


_MOMENTS = ("start", "end", "fetched_at")


def _written(held: Held) -> dict[str, Any]:
    said = asdict(held)
    return said | {name: said[name].isoformat() for name in _MOMENTS}


def _held(said: dict[str, Any]) -> Held:
    return Held(**{**said, **{name: datetime.fromisoformat(said[name]) for name in _MOMENTS}})
