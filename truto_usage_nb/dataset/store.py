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

import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import polars as pl

from truto_usage_nb.dataset.files import (
    RECORDS_KEY,
    UNREADABLE,
    Disk,
    check_own,
    count_rows,
    halves,
    is_left_over,
    read_columns,
    read_pieces,
    read_staged_page,
    types_in,
    write_pieces,
)
from truto_usage_nb.dataset.journal import (
    BESIDE,
    JOURNAL,
    PREPARED,
    RECORDS,
    Held,
    HeldFile,
    Journal,
    Reach,
    place_of,
    read_journal,
    write_journal,
)
from truto_usage_nb.dataset.staging import (
    PAGES,
    Begun,
    Mark,
    PageColumns,
    WindowTask,
    begun_windows,
    discard,
    folder_name,
    stage,
)
from truto_usage_nb.dataset.stored_columns import (
    COUNTS,
    Leaf,
    aligned,
    as_texts,
    in_order,
    inexact,
    joined_types,
    kept_as,
    of_type,
    plain_leaf,
    stored,
    whole_leaves,
)
from truto_usage_nb.dataset.windows import WindowAnswer, contains, loose, meet, not_standing, open_files, overlaps
from truto_usage_nb.errors import DatasetError, UnreadableValueError, UsageError
from truto_usage_nb.frames import Register, Types
from truto_usage_nb.writing import telling

_NO_ACCOUNT = "__HIVE_DEFAULT_PARTITION__"
_NEW = ".new"


class Store:
    """Hold a dataset's directory while a scan is at work in it."""

    def __init__(self, directory: Path, standard: Types, disk: Disk) -> None:
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
            if each.task.attempt in known or self._tears(each.task):
                discard(each, self.disk)
            else:
                self.begun[each.folder.name] = each
                self.register.add(each.names)
        self._let_go()
        placed = [each for each in self.begun.values() if each.is_whole and self._was_placed(each.task)]
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

    def begin(self, task: WindowTask) -> Begun:
        """Begin a window."""
        name = folder_name(task.view, task.window)
        begun = Begun(task, self.directory / PAGES / name, [])
        self.begun[name] = begun
        return begun

    def drop(self, begun: Begun) -> None:
        """Take back a window that was begun."""
        discard(begun, self.disk)
        self.begun.pop(begun.folder.name, None)

    def stage(
        self, begun: Begun, mark: Mark, frame: pl.DataFrame, columns: PageColumns, strays: Reach | None = None
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
            retired = {held for begun in whole for held in self._replaced(begun.task)}
            kept = [held for held in journal.windows if held not in retired]
            shared = {each.task.view for each in whole if self._shares(each, kept, retired)}
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
        task, window = begun.task, begun.task.window
        target, file, beside, sizes = self._target(task), None, None, [0, 0]
        strays = sum(read_staged_page(page.path).filter(loose(window)).height for page in begun.pages if page.strays)
        if strays < begun.records:
            file = target
            sizes[0] = prepare(file, _pages(begun, ~loose(window)))
        if strays:
            beside = _beside(target)
            sizes[1] = prepare(beside, _pages(begun, loose(window)))
        return Held(
            view=task.view, query=task.query, account=task.account, report_type=task.report_type,
            start=task.start, end=task.end, fetched_at=task.fetched_at,
            settled=task.settled and not begun.partial, run=self.journal.run, attempt=task.attempt,
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
        task = begun.task
        changed = [(task.start, task.end), *([] if begun.strays is None else [begun.strays])]
        changed += [reach for held in retired if held.view == task.view for reach in held.shared]
        settled = (held for held in kept if held.view == task.view and not held.pending)
        return any(meet(one, two) for held in settled for one in held.shared for two in changed)

    def _settled(self, view: str, journal: Journal, prepare: partial[int]) -> Journal:
        """Prepare the files of a view so that each of its records counts once."""
        windows = journal.of_view(view)
        shared = [reach for held in windows for reach in held.shared]
        extent = min(first for first, _ in shared), max(last for _, last in shared)
        near = [held for held in windows if held.parts and (held.shared or meet((held.start, held.end), extent))]
        paths = [[self._path(part.file, prepare) for part in held.parts] for held in near]
        answers = [WindowAnswer(n, held.window, open_files(paths[n], journal)) for n, held in enumerate(near)]
        gone = not_standing(answers, [held.window for held in windows])
        made = {held: self._parted(held, paths[n], gone.get(n, set()), prepare) for n, held in enumerate(near)}
        return journal.with_windows(made.get(held, held) for held in journal.windows)

    def _parted(self, held: Held, paths: Sequence[Path], gone: set[int], prepare: partial[int]) -> Held:
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

    def _path(self, file: str, prepare: partial[int]) -> Path:
        """Give where a file is that this commit may have prepared."""
        prepared = self.directory / PREPARED / prepare.args[0] / f"{file}{_NEW}"
        return prepared if prepared.exists() else place_of(self.directory, file)

    def _prepare(self, folder: str, journal: Journal, file: str, pieces: Iterator[pl.DataFrame]) -> int:
        """Write a file under `prepared`, and make room for it; gives its size."""
        target = place_of(self.directory, file)
        with telling(target):
            check_own(self.directory, place_of(Path(), file).as_posix())
            target.parent.mkdir(parents=True, exist_ok=True)
        write = partial(write_pieces, pieces=pieces, types=journal.types, names=journal.kept_as)
        return self.disk.place(self.directory / PREPARED / folder / f"{file}{_NEW}", write)

    def _move(self) -> None:
        """Move the files that the journal names to their places, and take away those that it does not."""
        top, files = self.directory / PREPARED, self.journal.files()
        for folder, _, names in list(os.walk(top, topdown=False)):
            for name in names:
                path = Path(folder, name)
                prepared, _, file = path.relative_to(top).as_posix().removesuffix(_NEW).partition("/")
                if prepared == self.journal.prepared and file in files and not path.is_symlink():
                    self.disk.move(path, place_of(self.directory, file))
                else:
                    self.disk.remove(path)
            with suppress(OSError):
                Path(folder).rmdir()

    def _replaced(self, task: WindowTask | Held) -> list[Held]:
        """Give the windows whose place a new one takes."""
        if self._tears(task):
            raise DatasetError(
                f"{self.directory} was kept in windows that {task.window} would tear; scan into a new directory"
            )
        return [held for held in self.journal.of_view(task.view) if overlaps(held.window, task.window)]

    def _tears(self, task: WindowTask | Held) -> bool:
        """Tell whether a window would take a part of another."""
        old = (held.window for held in self.journal.of_view(task.view))
        return any(overlaps(each, task.window) and not contains(task.window, each) for each in old)

    def _target(self, task: WindowTask | Held) -> str:
        """Give a window's file: that of one it replaces, so that one step does it, else one of its own."""
        for held in self._replaced(task):
            if held.file is not None:
                return held.file
        account = _NO_ACCOUNT if task.account is None else quote(task.account, safe="")
        folder = f"account={account}/month={task.start:%Y-%m}"
        name = f"{folder}/{folder_name(task.view, task.window)}.parquet"
        return name if name not in self.journal.files() else f"{name.removesuffix('.parquet')}-{task.attempt}.parquet"

    def _was_placed(self, task: WindowTask) -> bool:
        """Tell whether a window's file took its place before the journal named it, as it did in an earlier version."""
        file = self._target(task)
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
            held = read_staged_page(page.path)
            yield held if begun.strays is None else held.filter(wanted)


def _rows(paths: Sequence[Path], journal: Journal, rows: set[int], *, are_in: bool) -> Iterator[pl.DataFrame]:
    """Give the records of files, one file after the other, that are among some rows, or those that are not."""
    at, among = 0, pl.Series(sorted(rows), dtype=pl.UInt32).implode()
    for path in paths:
        for piece in read_pieces(path, journal.types, journal.kept_as):
            found = pl.int_range(at, at + piece.height, dtype=pl.UInt32).is_in(among)
            yield piece.filter(found if are_in else ~found)
            at += piece.height


def renewed(journal: Journal, standard: Types, whole: Sequence[Begun], directory: Path) -> Journal:
    """Give the journal with the columns that windows bring; `standard` are those that every frame of the scan has."""
    names = journal.names | {path: name for begun in whole for path, name in begun.names.items()}
    types = in_order(_types(journal, standard, whole, directory), names)
    before = journal.kept_as
    kept = kept_as(types, names, before or {}, () if before is None else journal.types)
    return replace(journal, types=types, names=names, kept_as=kept)


def _types(journal: Journal, standard: Types, whole: Sequence[Begun], directory: Path) -> Types:
    """Give the types that hold what is there and what windows bring."""
    types, counted = joined_types(journal.types, standard), whole_leaves(journal.types)
    if journal.widening:  # what the files hold, not what the journal meant them to
        counted |= {leaf for file in journal.files() for leaf in whole_leaves(types_in(place_of(directory, file)))}
    held = set(counted)
    for begun in whole:
        types, counted = joined_types(types, begun.types), counted | begun.whole
    at_stake = {leaf for leaf in of_type(types, pl.Float64()) if plain_leaf(leaf) in counted}
    if not at_stake:
        return types
    looked_at = _held(journal, directory, at_stake, held), _brought(whole, at_stake)
    lost = {leaf for frames in looked_at for leaf in inexact((aligned(frame, types) for frame in frames), at_stake)}
    counts = {leaf for leaf in lost if leaf[0] in COUNTS} if _is_documented(journal, whole) else set[Leaf]()
    types = as_texts(types, lost - counts)
    return types | {leaf[0]: pl.Int64() for leaf in counts if journal.widening}


def _held(journal: Journal, directory: Path, leaves: Collection[Leaf], held: set[Leaf]) -> Iterator[pl.DataFrame]:
    """Give what is there of columns where whole numbers would become fractions."""
    for file in journal.files() if held & set(map(plain_leaf, leaves)) else ():
        yield read_columns(place_of(directory, file), journal.types, journal.kept_as, _columns(leaves))


def _brought(whole: Iterable[Begun], leaves: Collection[Leaf]) -> Iterator[pl.DataFrame]:
    for begun in whole:
        if begun.whole & set(map(plain_leaf, leaves)):
            yield from (read_columns(page.path, {}, None, _columns(leaves)) for page in begun.pages if page.records)


def _columns(leaves: Iterable[Leaf]) -> list[str]:
    return list(dict.fromkeys(leaf[0] for leaf in leaves))


def _is_documented(journal: Journal, whole: Iterable[Begun]) -> bool:
    """Tell whether a column by the name of a documented one is that, and not one of the provider's own rows."""
    sent = [*(begun.task.query for begun in whole), *(held.query for held in journal.windows)]
    return any(json.loads(query).get("truto_response_format") != "raw" for query in sent)


_REMEDY = "restore the directory from a copy, or scan into a new one"


def is_ours(directory: Path) -> bool:
    """Tell whether a directory is a dataset."""
    return (directory / JOURNAL).is_file()


def check_place(directory: Path) -> None:
    """Refuse a directory that holds something else."""
    try:
        if not directory.exists():
            return
        if not directory.is_dir():
            raise DatasetError(f"{directory} is a file; scan_usage keeps a directory: give an empty or a new one")
        others = sorted(each.name for each in directory.iterdir() if not _may_come_first(each.name))
    except OSError as problem:
        raise DatasetError(f"{directory} cannot be looked into: {problem.strerror or problem}") from None
    if others and not is_ours(directory):
        raise DatasetError(
            f"{directory} is not a dataset of scan_usage: it holds {', '.join(map(repr, others[:3]))}, and no "
            f"{JOURNAL}; give an empty or a new directory"
        )


def _may_come_first(name: str) -> bool:
    """Tell what may be there before there is a journal."""
    return name == "lock" or is_left_over(name)


def check_files(journal: Journal, directory: Path) -> None:
    """Check that every file is there and whole, and that there is no other."""
    check_held(journal, directory)
    held, records = journal.files(), directory / RECORDS
    there = {each.relative_to(records).as_posix() for each in records.rglob("*.parquet")}
    if unknown := sorted(there - held.keys()):
        raise DatasetError(
            f"{records / unknown[0]} is not a file of this dataset: its {JOURNAL} does not name it, so a reader would "
            "count records that nobody vouches for; move it elsewhere"
        )


def check_held(journal: Journal, directory: Path) -> None:
    """Check that every file that the journal names is there and whole."""
    columns = stored(journal.types, journal.kept_as)
    for file, part in journal.files().items():
        _check_file(place_of(directory, file), part, columns)


def _check_file(path: Path, held: HeldFile, columns: list[tuple[str, pl.DataType]]) -> None:
    if not path.is_file():
        raise DatasetError(f"{path} is missing, with {held.records:,} records; {_REMEDY}")
    size = path.stat().st_size
    if size != held.size:
        raise DatasetError(f"{path} is damaged: it has {size:,} bytes, and {held.size:,} were written; {_REMEDY}")
    try:
        rows, has_our_key = count_rows(path), RECORDS_KEY in pl.read_parquet_metadata(path)
    except UNREADABLE as problem:
        raise DatasetError(f"{path} is damaged ({' '.join(str(problem).split())[:200]}); {_REMEDY}") from None
    if rows != held.records or not has_our_key:
        raise DatasetError(f"{path} was changed: it has {rows:,} records, and {held.records:,} were written; {_REMEDY}")
    if list(types_in(path).items()) != columns:
        raise DatasetError(f"{path} was changed: its columns are not those that were written; {_REMEDY}")
