"""The directory itself: what may be done to it, step by step, each step safe to be killed in.

    journal.json                                  names every file that counts
    records/account=…/month=2026-10/….parquet     a file a window, all of one schema
    pages/…/000001.page                           windows that are not whole yet
    lock                                          held by the scan at work

A window is published in two steps: its file takes its place, then the journal names it. Killed in between, its pages
are still there, and the next scan does it again. A file that is fetched anew takes the place of the old one in one
step, so a reader that looks at `records` alone never sees a record twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path as File
from threading import Lock
from urllib.parse import quote

import polars as pl

from truto_usage_nb.dataset.checks import check_files
from truto_usage_nb.dataset.disk import Disk, halves
from truto_usage_nb.dataset.journal import JOURNAL, Held, Journal, read_journal, write_journal
from truto_usage_nb.dataset.ordering import in_order
from truto_usage_nb.dataset.staging import (
    PAGES,
    Begun,
    Columns,
    Errand,
    Mark,
    begun_windows,
    discard,
    folder_name,
    stage,
)
from truto_usage_nb.dataset.windows import contains, overlaps
from truto_usage_nb.dataset.writing import read_pieces, types_in, write_pieces
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.frames import Register, Types, merged, on_disk

__all__ = ["RECORDS", "Store"]

RECORDS = "records"
_NO_ACCOUNT = "__HIVE_DEFAULT_PARTITION__"


class Store:
    """Hold a dataset's directory while a scan is at work in it."""

    def __init__(self, directory: File, standard: Types, disk: Disk) -> None:
        self.directory = directory
        self.disk = disk
        for half in list(halves(directory)):
            disk.remove(half)
        is_new = not (directory / JOURNAL).exists()
        self.journal = Journal(types=standard, names={}) if is_new else read_journal(directory)
        if is_new:
            write_journal(self.journal, directory, disk)
        self.register = Register(self.journal.names)
        self._seen = merged(self.journal.types, standard)
        self._lock = Lock()
        self.begun = self._recovered()

    def _recovered(self) -> dict[str, Begun]:
        """End what was cut short, and check that everything is as the journal says."""
        known = {held.attempt for held in self.journal.windows}
        begun: dict[str, Begun] = {}
        for each, columns in begun_windows(self.directory):
            if each.errand.attempt in known:
                discard(each, self.disk)
                continue
            begun[each.folder.name] = each
            for one in columns:
                self._see(one)
        self._let_go()
        due = {self._target(each.errand, self._replaced(each.errand)) for each in begun.values() if each.is_whole}
        check_files(self.journal, self.directory / RECORDS, due)
        if self.journal.widening:
            self._rewrite()
        return begun

    def start(self) -> int:
        """Start a run, or go on with the one that did not end; gives its number."""
        if self.journal.finished:
            self._write(replace(self.journal, run=self.journal.run + 1, finished=False))
        return self.journal.run

    def finish(self) -> None:
        """State that the run came to its end."""
        self._write(replace(self.journal, finished=True))

    def begin(self, errand: Errand) -> Begun:
        """Begin a window."""
        name = folder_name(errand.view, errand.window)
        begun = Begun(errand, self.directory / PAGES / name, [])
        self.begun[name] = begun
        return begun

    def drop(self, begun: Begun) -> None:
        """Take back a window that was begun."""
        discard(begun, self.disk)
        self.begun.pop(begun.folder.name, None)

    def stage(self, begun: Begun, mark: Mark, frame: pl.DataFrame, columns: Columns) -> None:
        """Commit a page with its cursor."""
        stage(begun, mark, frame, columns, self.disk)
        self._see(columns)

    def _see(self, columns: Columns) -> None:
        self.register.add(columns.names)
        with self._lock:
            self._seen = merged(self._seen, columns.types)

    def publish(self, whole: Iterable[Begun]) -> None:
        """Give whole windows their place among the records, and let go of what they replace."""
        whole = list(whole)
        self._widen()
        new, retired = list[Held](), list[Held]()
        for begun in whole:
            old = self._replaced(begun.errand)
            new.append(self._placed(begun, old))
            retired += old
        self._write(self.journal.with_windows(new, retired))
        self._let_go()
        for begun in whole:
            self.drop(begun)

    def _placed(self, begun: Begun, old: list[Held]) -> Held:
        errand, file, size = begun.errand, None, 0
        if begun.records:
            file = self._target(errand, old)
            pieces = (pl.read_parquet(page.path) for page in begun.pages if page.records)
            types = self.journal.types
            size = self.disk.place(self.directory / RECORDS / file, partial(write_pieces, pieces=pieces, types=types))
        return Held(
            view=errand.view, query=errand.query, account=errand.account, report_type=errand.report_type,
            start=errand.start, end=errand.end, fetched_at=errand.fetched_at,
            settled=errand.settled and not begun.partial, run=self.journal.run, attempt=errand.attempt,
            pages=len(begun.pages), records=begun.records, file=file, size=size,
        )  # fmt: skip

    def _replaced(self, errand: Errand) -> list[Held]:
        """Give the windows whose place a new one takes."""
        old = [held for held in self.journal.of_view(errand.view) if overlaps(held.window, errand.window)]
        if not all(contains(errand.window, held.window) for held in old):
            raise DatasetError(
                f"{self.directory} was kept in windows that {errand.window} would tear; scan into a new directory"
            )
        return old

    def _target(self, errand: Errand, old: list[Held]) -> str:
        """Give a window's file: that of one it replaces, so that one step does it, else one of its own."""
        for held in old:
            if held.file is not None:
                return held.file
        account = _NO_ACCOUNT if errand.account is None else quote(errand.account, safe="")
        folder = f"account={account}/month={errand.start:%Y-%m}"
        name = f"{folder}/{folder_name(errand.view, errand.window)}.parquet"
        return name if name not in self.journal.files() else f"{name.removesuffix('.parquet')}-{errand.attempt}.parquet"

    def _widen(self) -> None:
        """Give every file the columns and types that pages have brought, before another file comes beside them."""
        with self._lock:
            names = self.register.names()
            types = in_order(self._seen, names)
        if list(types.items()) == list(self.journal.types.items()) and names == self.journal.names:
            return
        changed = _stored(types) != _stored(self.journal.types) and bool(self.journal.files())
        self._write(replace(self.journal, types=types, names=names, widening=changed))
        if changed:
            self._rewrite()

    def _rewrite(self) -> None:
        types, sizes = self.journal.types, dict[str, int]()
        for file in self.journal.files():
            path = self.directory / RECORDS / file
            if list(types_in(path).items()) != _stored(types):
                self.disk.place(path, partial(write_pieces, pieces=read_pieces(path), types=types))
            sizes[file] = path.stat().st_size
        windows = tuple(replace(held, size=sizes.get(held.file or "", 0)) for held in self.journal.windows)
        self._write(replace(self.journal, windows=windows, widening=False))

    def _let_go(self) -> None:
        for file in self.journal.leaving:
            self.disk.remove(self.directory / RECORDS / file)
        self.journal = replace(self.journal, leaving=())

    def _write(self, journal: Journal) -> None:
        write_journal(journal, self.directory, self.disk)
        self.journal = journal


def _stored(types: Types) -> list[tuple[str, pl.DataType]]:
    return [(name, on_disk(dtype)) for name, dtype in types.items()]
