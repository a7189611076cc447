"""The directory itself: what may be done to it, step by step, each step safe to be killed in.

    journal.json                                  names every file that counts
    records/account=…/month=2026-10/….parquet     a file a window, all of one schema
    prepared/…/account=…/….parquet.new            files that the journal names, on the way to their places
    pages/…/000001.page                           windows that are not whole yet
    lock                                          held by the scan at work

Windows are published in three steps: every file that changes is written under `prepared`, that of a new window as well
as those that a new column or a wider type makes anew; then the journal is replaced, which names them; then they are
moved to their places. Whatever can fail, a full disk or a value that no column holds, fails in the first step, which
nothing counts on: the directory is as it was, and that window alone is lost. What is left to do after the journal is
done again by the next scan, if it was cut short. A file that is fetched anew takes the place of the old one in one
step, so a reader that looks at `records` alone never sees a record twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path as File
from urllib.parse import quote
from uuid import uuid4

import polars as pl

from truto_usage_nb.dataset.checks import check_files, is_ours
from truto_usage_nb.dataset.disk import Disk, check_own, halves
from truto_usage_nb.dataset.journal import PREPARED, RECORDS, Held, Journal, read_journal, write_journal
from truto_usage_nb.dataset.naming import stored
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
from truto_usage_nb.dataset.widening import renewed
from truto_usage_nb.dataset.windows import contains, overlaps
from truto_usage_nb.dataset.writing import read_page, read_pieces, write_pieces
from truto_usage_nb.errors import DatasetError, UnreadableValueError, UsageError
from truto_usage_nb.frames import Register, Types
from truto_usage_nb.writing import telling

__all__ = ["RECORDS", "Store"]

_NO_ACCOUNT = "__HIVE_DEFAULT_PARTITION__"
_NEW = ".new"


class Store:
    """Hold a dataset's directory while a scan is at work in it."""

    def __init__(self, directory: File, standard: Types, disk: Disk) -> None:
        self.directory, self.disk, self.standard = directory, disk, standard
        is_new = not is_ours(directory)
        self.journal = Journal(standard, {}, kept_as={}) if is_new else read_journal(directory)
        found = list(begun_windows(directory))  # until here nothing was touched
        for half in list(halves(directory)):
            disk.remove(half)
        if is_new:
            write_journal(self.journal, directory, disk)
        self.register = Register(self.journal.names)
        self.begun: dict[str, Begun] = {}
        self._recover(found)

    def _recover(self, found: Iterable[Begun]) -> None:
        """End what was cut short, and check that everything is as the journal says."""
        self._move()
        known = {held.attempt for held in self.journal.windows}
        for each in found:
            if each.errand.attempt in known or self._tears(each.errand):
                discard(each, self.disk)
            else:
                self.begun[each.folder.name] = each
                self.register.add(each.names)
        self._let_go()
        placed = [each for each in self.begun.values() if each.is_whole and self._was_placed(each.errand)]
        if placed or self.journal.widening:  # as an earlier version left it
            self._commit(placed)
            self._settle(placed)
        check_files(self.journal, self.directory / RECORDS)

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
        self.register.add(columns.names)

    def publish(self, whole: Sequence[Begun]) -> dict[str, UsageError]:
        """Give whole windows their place among the records; gives the error of each that cannot have one, by folder.

        Such a window fails alone. Where one of its values is at fault, its pages are taken back, so that it is asked
        for anew; where the disk is, they stay.
        """
        self._move()
        if not whole:
            return {}
        try:
            self._commit(whole)
        except UsageError as problem:
            if len(whole) > 1:
                half = len(whole) // 2
                return self.publish(whole[:half]) | self.publish(whole[half:])
            if isinstance(problem, UnreadableValueError):
                self.drop(whole[0])
            return {whole[0].folder.name: problem}
        self._settle(whole)
        return {}

    def _commit(self, whole: Sequence[Begun]) -> None:
        """Write what changes beside its place, then have the journal name it; where that fails, nothing has changed."""
        old, journal = self.journal, renewed(self.journal, self.standard, whole, self.directory / RECORDS)
        prepare = partial(self._prepare, uuid4().hex[:12], journal)
        try:
            new = [self._held(begun, prepare) for begun in whole]
            journal = journal.with_windows(new, [held for begun in whole for held in self._replaced(begun.errand)])
            if old.widening or stored(journal.types, journal.kept_as) != stored(old.types, old.kept_as):
                fresh = set(new)
                windows = (each if each in fresh else self._anew(each, prepare) for each in journal.windows)
                journal = replace(journal, windows=tuple(windows))
            self._write(replace(journal, widening=False, prepared=prepare.args[0]))
        except UsageError:
            self._move()  # as the journal that stands says: what was prepared for this one goes
            raise

    def _settle(self, whole: Iterable[Begun]) -> None:
        """Have the directory be as the journal says."""
        self._move()
        self._let_go()
        for begun in whole:
            self.drop(begun)

    def _held(self, begun: Begun, prepare: partial[int]) -> Held:
        """Prepare a new window's file, where it has records."""
        errand, file, size = begun.errand, None, 0
        if begun.records:
            file = self._target(errand)
            size = prepare(file, (read_page(page.path) for page in begun.pages if page.records))
        return Held(
            view=errand.view, query=errand.query, account=errand.account, report_type=errand.report_type,
            start=errand.start, end=errand.end, fetched_at=errand.fetched_at,
            settled=errand.settled and not begun.partial, run=self.journal.run, attempt=errand.attempt,
            pages=len(begun.pages), records=begun.records, file=file, size=size,
        )  # fmt: skip

    def _anew(self, held: Held, prepare: partial[int]) -> Held:
        """Prepare the file of a window that is there with the columns that all have now."""
        if held.file is None:
            return held
        pieces = read_pieces(self.directory / RECORDS / held.file, self.journal.types, self.journal.kept_as)
        return replace(held, size=prepare(held.file, pieces))

    def _prepare(self, folder: str, journal: Journal, file: str, pieces: Iterator[pl.DataFrame]) -> int:
        """Write a file under `prepared`, and make room for it; gives its size."""
        target = self.directory / RECORDS / file
        with telling(target):
            check_own(self.directory, f"{RECORDS}/{file}")
            target.parent.mkdir(parents=True, exist_ok=True)
        write = partial(write_pieces, pieces=pieces, types=journal.types, names=journal.kept_as)
        return self.disk.place(self.directory / PREPARED / folder / f"{file}{_NEW}", write)

    def _move(self) -> None:
        """Move the files that the journal names to their places, and take away those that it does not."""
        top, files = self.directory / PREPARED, self.journal.files()
        for folder, _, names in list(os.walk(top, topdown=False)):
            for name in names:
                path = File(folder, name)
                prepared, _, file = path.relative_to(top).as_posix().removesuffix(_NEW).partition("/")
                if prepared == self.journal.prepared and file in files and not path.is_symlink():
                    self.disk.move(path, self.directory / RECORDS / file)
                else:
                    self.disk.remove(path)
            with suppress(OSError):
                File(folder).rmdir()

    def _replaced(self, errand: Errand) -> list[Held]:
        """Give the windows whose place a new one takes."""
        if self._tears(errand):
            raise DatasetError(
                f"{self.directory} was kept in windows that {errand.window} would tear; scan into a new directory"
            )
        return [held for held in self.journal.of_view(errand.view) if overlaps(held.window, errand.window)]

    def _tears(self, errand: Errand) -> bool:
        """Tell whether a window would take a part of another."""
        old = (held.window for held in self.journal.of_view(errand.view))
        return any(overlaps(each, errand.window) and not contains(errand.window, each) for each in old)

    def _target(self, errand: Errand) -> str:
        """Give a window's file: that of one it replaces, so that one step does it, else one of its own."""
        for held in self._replaced(errand):
            if held.file is not None:
                return held.file
        account = _NO_ACCOUNT if errand.account is None else quote(errand.account, safe="")
        folder = f"account={account}/month={errand.start:%Y-%m}"
        name = f"{folder}/{folder_name(errand.view, errand.window)}.parquet"
        return name if name not in self.journal.files() else f"{name.removesuffix('.parquet')}-{errand.attempt}.parquet"

    def _was_placed(self, errand: Errand) -> bool:
        """Tell whether a window's file took its place before the journal named it, as it did in an earlier version."""
        file = self._target(errand)
        path, held = self.directory / RECORDS / file, self.journal.files().get(file)
        return path.is_file() and (held is None or path.stat().st_size != held.size)

    def _let_go(self) -> None:
        for file in self.journal.leaving:
            self.disk.remove(self.directory / RECORDS / file)
        self.journal = replace(self.journal, leaving=())

    def _write(self, journal: Journal) -> None:
        write_journal(journal, self.directory, self.disk)
        self.journal = journal
