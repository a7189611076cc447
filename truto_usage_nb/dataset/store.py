"""The directory itself: what may be done to it, step by step, each step safe to be killed in.

    journal.json                                  names every file that counts
    records/account=…/month=2026-10/….parquet     a file a window, all of one schema
    beside/account=…/month=2026-10/….parquet      what windows brought that counts elsewhere, or nowhere
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
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path as File
from urllib.parse import quote
from uuid import uuid4

import polars as pl

from truto_usage_nb.dataset.answers import Answer, loose, meet, opened, standing
from truto_usage_nb.dataset.checks import check_files, is_ours
from truto_usage_nb.dataset.disk import Disk, check_own, halves
from truto_usage_nb.dataset.journal import (
    BESIDE,
    PREPARED,
    RECORDS,
    Held,
    Journal,
    Reach,
    place_of,
    read_journal,
    write_journal,
)
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

__all__ = ["Store"]

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
        check_files(self.journal, self.directory)

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

    def stage(
        self, begun: Begun, mark: Mark, frame: pl.DataFrame, columns: Columns, strays: Reach | None = None
    ) -> None:
        """Commit a page with its cursor; `strays`: how far those of its records reach that are of other windows."""
        stage(begun, mark, frame, columns, self.disk, strays=strays)
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

    def settle(self) -> None:
        """Have what windows brought of other windows' time counted, once each, where nobody else has it."""
        views = {held.view for held in self.journal.windows if held.pending}
        if views:
            self._commit((), views)
            self._settle(())

    def _commit(self, whole: Sequence[Begun], views: Collection[str] = ()) -> None:
        """Write what changes beside its place, then have the journal name it; where that fails, nothing has changed.

        `views` are those of which it is to be settled which of their records count.
        """
        old, journal = self.journal, renewed(self.journal, self.standard, whole, self.directory)
        prepare = partial(self._prepare, uuid4().hex[:12], journal)
        try:
            retired = {held for begun in whole for held in self._replaced(begun.errand)}
            kept = [held for held in journal.windows if held not in retired]
            shared = {each.errand.view for each in whole if self._shares(each, kept, retired)}
            if old.widening or stored(journal.types, journal.kept_as) != stored(old.types, old.kept_as):
                kept = [self._anew(held, prepare) for held in kept]
            journal = journal.with_windows([*kept, *(self._held(begun, prepare) for begun in whole)])
            for view in sorted({*views, *shared}):
                journal = self._settled(view, journal, prepare)
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
        """Prepare a new window's files, where it has records: its own, and those that may be of other windows."""
        errand, window = begun.errand, begun.errand.window
        target, file, beside, sizes = self._target(errand), None, None, [0, 0]
        strays = sum(read_page(page.path).filter(loose(window)).height for page in begun.pages if page.strays)
        if strays < begun.records:
            file = target
            sizes[0] = prepare(file, _pages(begun, ~loose(window)))
        if strays:
            beside = _beside(target)
            sizes[1] = prepare(beside, _pages(begun, loose(window)))
        return Held(
            view=errand.view, query=errand.query, account=errand.account, report_type=errand.report_type,
            start=errand.start, end=errand.end, fetched_at=errand.fetched_at,
            settled=errand.settled and not begun.partial, run=self.journal.run, attempt=errand.attempt,
            pages=sum(page.mark.pages for page in begun.pages),
            records=begun.records - strays, file=file, size=sizes[0],
            strays=begun.strays, beside=beside, beside_records=strays, beside_size=sizes[1], pending=strays > 0,
        )  # fmt: skip

    def _anew(self, held: Held, prepare: partial[int]) -> Held:
        """Prepare the files of a window that is there with the columns that all have now."""
        old = self.journal
        sizes = {
            part.file: prepare(part.file, read_pieces(place_of(self.directory, part.file), old.types, old.kept_as))
            for part in held.parts
        }
        return replace(held, size=sizes.get(held.file or "", 0), beside_size=sizes.get(held.beside or "", 0))

    def _shares(self, begun: Begun, kept: Iterable[Held], retired: Iterable[Held]) -> bool:
        """Tell whether a new window may change which records of others count, as far as that is settled."""
        errand = begun.errand
        changed = [(errand.start, errand.end), *([] if begun.strays is None else [begun.strays])]
        changed += [reach for held in retired if held.view == errand.view for reach in held.shared]
        settled = (held for held in kept if held.view == errand.view and not held.pending)
        return any(meet(one, two) for held in settled for one in held.shared for two in changed)

    def _settled(self, view: str, journal: Journal, prepare: partial[int]) -> Journal:
        """Prepare the files of a view so that each of its records counts once."""
        windows = journal.of_view(view)
        shared = [reach for held in windows for reach in held.shared]
        extent = min(first for first, _ in shared), max(last for _, last in shared)
        near = [held for held in windows if held.parts and (held.shared or meet((held.start, held.end), extent))]
        paths = [[self._path(part.file, prepare) for part in held.parts] for held in near]
        answers = [Answer(n, held.window, opened(paths[n], journal)) for n, held in enumerate(near)]
        gone = standing(answers, [held.window for held in windows])
        made = {held: self._parted(held, paths[n], gone.get(n, set()), prepare) for n, held in enumerate(near)}
        return journal.with_windows(made.get(held, held) for held in journal.windows)

    def _parted(self, held: Held, paths: Sequence[File], gone: set[int], prepare: partial[int]) -> Held:
        """Prepare a window's files so that those of its records that are gone stand beside."""
        total = held.records + held.beside_records
        if gone == set(range(held.records, total)):
            return replace(held, pending=False)
        journal = prepare.args[1]
        target, file, beside, sizes = held.file or self._target(held), None, None, [0, 0]
        if gone:  # first, and under a name of its own: the other file may take the place of what is read here
            beside = _beside(target)
            sizes[1] = prepare(beside, _rows(paths, journal, gone, are_in=True))
        if len(gone) < total:
            file = target
            sizes[0] = prepare(file, _rows(paths, journal, gone, are_in=False))
        return replace(
            held, records=total - len(gone), file=file, size=sizes[0],
            beside=beside, beside_records=len(gone), beside_size=sizes[1], pending=False,
        )  # fmt: skip

    def _path(self, file: str, prepare: partial[int]) -> File:
        """Give where a file is that this commit may have prepared."""
        prepared = self.directory / PREPARED / prepare.args[0] / f"{file}{_NEW}"
        return prepared if prepared.exists() else place_of(self.directory, file)

    def _prepare(self, folder: str, journal: Journal, file: str, pieces: Iterator[pl.DataFrame]) -> int:
        """Write a file under `prepared`, and make room for it; gives its size."""
        target = place_of(self.directory, file)
        with telling(target):
            check_own(self.directory, place_of(File(), file).as_posix())
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
                    self.disk.move(path, place_of(self.directory, file))
                else:
                    self.disk.remove(path)
            with suppress(OSError):
                File(folder).rmdir()

    def _replaced(self, errand: Errand | Held) -> list[Held]:
        """Give the windows whose place a new one takes."""
        if self._tears(errand):
            raise DatasetError(
                f"{self.directory} was kept in windows that {errand.window} would tear; scan into a new directory"
            )
        return [held for held in self.journal.of_view(errand.view) if overlaps(held.window, errand.window)]

    def _tears(self, errand: Errand | Held) -> bool:
        """Tell whether a window would take a part of another."""
        old = (held.window for held in self.journal.of_view(errand.view))
        return any(overlaps(each, errand.window) and not contains(errand.window, each) for each in old)

    def _target(self, errand: Errand | Held) -> str:
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
            self.disk.remove(place_of(self.directory, file))
        self.journal = replace(self.journal, leaving=())

    def _write(self, journal: Journal) -> None:
        write_journal(journal, self.directory, self.disk)
        self.journal = journal


def _beside(file: str) -> str:
    """Give a name of its own to what stands beside a file."""
    return f"{BESIDE}/{file.removesuffix('.parquet')}-{uuid4().hex[:12]}.parquet"


def _pages(begun: Begun, wanted: pl.Expr) -> Iterator[pl.DataFrame]:
    """Give the records of a window's pages, those that are wanted of the pages that have any of other windows."""
    for page in begun.pages:
        if page.records:
            held = read_page(page.path)
            yield held if begun.strays is None else held.filter(wanted)


def _rows(paths: Sequence[File], journal: Journal, rows: set[int], *, are_in: bool) -> Iterator[pl.DataFrame]:
    """Give the records of files, one file after the other, that are among some rows, or those that are not."""
    at, among = 0, pl.Series(sorted(rows), dtype=pl.UInt32).implode()
    for path in paths:
        for piece in read_pieces(path, journal.types, journal.kept_as):
            found = pl.int_range(at, at + piece.height, dtype=pl.UInt32).is_in(among)
            yield piece.filter(found if are_in else ~found)
            at += piece.height
