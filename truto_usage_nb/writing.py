"""The one writer of files: whole or not at all, whoever else writes or reads the same path.

What is written stands beside its place under a name of its own, made so that nobody can have laid a file or a link
there before, and is moved into place in one step once it is on the disk. An existing file keeps its mode. A link is
written through: what it points to is replaced, and made where it is not there. A pipe, a device such as `/dev/null`,
and `/dev/stdout` are written to, once everything that goes there is made; they are never replaced. Anything else that
is no file is refused.

Why not a library: `atomicwrites` is given up by its author, `boltons.fileutils.atomic_save` has one `.part` name for
all who write, and none of them knows links and pipes. What the standard library has for temporary files is for such
that stay private: the mode would be lost.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, TypeAlias, cast

from truto_usage_nb.checks import a_path
from truto_usage_nb.errors import WriteError

_REMEDIES = {
    errno.ENOSPC: "make room, or name a place that has some",
    errno.EDQUOT: "make room, or name a place that has some",
    errno.EFBIG: "name a place that takes files of this size",
    errno.EACCES: "name a place that you may write to",
    errno.EPERM: "name a place that you may write to",
    errno.EROFS: "name a place that you may write to",
    errno.ENAMETOOLONG: "give it a shorter name",
}


def write_file(path: str | Path, compose: Compose) -> Path:
    """Write a file; it appears whole or not at all. Gives the path.

    Raises WriteError with the path and the cause; what stood there before still does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(f"{folder}/new/page.html", lambda file: file.write(b"<p>")).read_bytes()
    b'<p>'
    """
    to = a_path("path", path, WriteError)
    with telling(to):
        if is_stream(to):
            _pour(to, compose)
        else:
            with beside(to) as half, _held_open(half.handle) as file:
                compose(file)
    return to


def write_stdout(text: str, *, as_it_is: bool = False) -> None:
    """Write text to standard output, now: a disk that is full is said here, not when the interpreter ends.

    `as_it_is`: as UTF-8, whatever the terminal speaks; else what the terminal cannot say is spelled out.
    """
    with telling("standard output"):
        _say(text, as_it_is=as_it_is)


def check_target(path: str | Path) -> None:
    """Refuse a path that cannot be written to, as far as that shows before anything is made."""
    to = a_path("path", path, WriteError)
    with telling(to):
        if not is_stream(to):
            target, _ = _target_of(to)
            folder = _nearest_folder(target.parent)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, f"{folder} may not be written to")


@contextmanager
def telling(what: object) -> Iterator[None]:
    """Make one sentence of what the system says: what cannot be written, and why."""
    try:
        yield
    except WriteError:
        raise
    except OSError as problem:
        raise WriteError(f"{what} cannot be written: {_cause(problem, str(what))}") from problem


def _cause(problem: OSError, what: str) -> str:
    said = str(problem.strerror or problem)
    other = "" if problem.filename is None else os.fsdecode(problem.filename)
    where = "" if what.startswith(other) or is_half(Path(other).name) else f" ({other})"
    remedy = _REMEDIES.get(problem.errno or 0)
    return f"{said[:1].lower()}{said[1:]}{where}" + (f"; {remedy}" if remedy else "")


_ABSENT = (FileNotFoundError, NotADirectoryError)
_HALF = re.compile(r"\.truto-usage-[0-9a-f]{16}\.part")
_KINDS = (
    (stat.S_ISDIR, "it is a folder; name a file in it"),
    (stat.S_ISSOCK, "it is a socket; name a file"),
    (stat.S_ISBLK, "it is a disk; name a file"),
)
_WITHOUT = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""What a file system says that has nothing to wait for."""


@dataclass(frozen=True, slots=True)
class Half:
    """Hold a file that is being written: its path, and an open handle of it."""

    path: Path
    handle: int


@contextmanager
def beside(path: Path) -> Iterator[Half]:
    """Give a new file in the folder of a path's own; it is moved there at the end, or taken away if it came to none.

    Raises OSError as it comes; `telling` makes a sentence of it.
    """
    target, before = _target_of(path)
    made = _made(target.parent)
    handle = -1
    half: Path | None = None
    try:
        half, handle = _new_half(target.parent, private=before is not None)
        yield Half(half, handle)
        _settle(handle, before)
        closing, handle = handle, -1
        os.close(closing)
        half.replace(target)
    except BaseException:
        with suppress(OSError):
            if handle != -1:
                os.close(handle)
        with suppress(OSError):
            if half is not None:
                half.unlink()
            for folder in made:
                folder.rmdir()
        raise
    settle_folder(target.parent)


def _target_of(path: Path) -> tuple[Path, os.stat_result | None]:
    """Give the place that a path leads to, and what is known of the file that stands there."""
    try:
        found = path.stat()
    except _ABSENT:
        return Path(os.path.realpath(path)), None
    for is_kind, why in _KINDS:
        if is_kind(found.st_mode):
            raise WriteError(f"{path} cannot be written: {why}")
    if not stat.S_ISREG(found.st_mode):
        raise WriteError(f"{path} cannot be written: it is no file; name one")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only")
    return Path(os.path.realpath(path)), found


def _made(folder: Path) -> list[Path]:
    """Make a folder; gives those that were not there before, the lowest first."""
    there = _nearest_folder(folder)
    missing = [each for each in (folder, *folder.parents) if each.is_relative_to(there) and each != there]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _nearest_folder(folder: Path) -> Path:
    """Give the lowest folder above that is there; raises OSError where it is a file."""
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder")
    return folder


def _new_half(folder: Path, *, private: bool) -> tuple[Path, int]:
    """Make a file that was not there, without following a link; readable as new files are, unless it replaces one."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    while True:
        half = folder / f".truto-usage-{token_hex(8)}.part"
        with suppress(FileExistsError):
            return half, os.open(half, flags, 0o600 if private else 0o666)


def _settle(handle: int, before: os.stat_result | None) -> None:
    """Give a file the owner and mode of the one it replaces, and have it on the disk before it takes that place."""
    if before is not None and hasattr(os, "fchmod"):
        with suppress(OSError):  # only root gives files away
            os.fchown(handle, before.st_uid, before.st_gid)
        with suppress(OSError):  # a memory card knows no modes
            os.fchmod(handle, stat.S_IMODE(before.st_mode))
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno not in _WITHOUT:
            raise


def settle_folder(folder: Path) -> None:
    """Make a move last through a power cut, where the system lets a folder be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_half(name: str) -> bool:
    """Say whether a file's name is that of one which was being written.

    >>> is_half(".truto-usage-0123456789abcdef.part"), is_half(".mine.part")
    (True, False)
    """
    return _HALF.fullmatch(name) is not None


Compose: TypeAlias = Callable[[IO[bytes]], object]
"""Writes the content into the file that it is given; it may go back in it."""


@contextmanager
def _held_open(handle: int) -> Iterator[IO[bytes]]:
    """Give an open handle as a file; a failure of the disk is raised as such, whatever a library made of it."""
    file = _Kept(handle)
    try:
        yield cast(IO[bytes], file)
    finally:
        file.end()
        if file.problem is not None:
            raise file.problem


@contextmanager
def filling(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to be filled from its beginning."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with _held_open(handle) as file:
            yield file
    finally:
        os.close(handle)


class _Kept(io.RawIOBase):
    """A file that remembers what the disk said: libraries that write make many errors, or none, of it.

    It hides its handle, or they would write past it, and has every write done whole. What one that failed has to add
    later, when the handle may be another file's, goes nowhere.
    """

    def __init__(self, handle: int) -> None:
        super().__init__()
        self.handle: int | None = handle
        self.problem: OSError | None = None
        self._at = 0

    def end(self) -> None:
        """Let go of the handle; who writes on does so into nothing, which has places like a file."""
        if self.handle is not None:
            self._at, self.handle = os.lseek(self.handle, 0, os.SEEK_CUR), None

    def write(self, content: Any, /) -> int:
        left = memoryview(content).cast("B")
        size = left.nbytes
        self._at += size  # counts once the handle is gone
        try:
            while left.nbytes and self.handle is not None:
                left = left[os.write(self.handle, left) :]
        except OSError as problem:
            self.problem = self.problem or problem
            raise
        return size

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if self.handle is not None:
            return os.lseek(self.handle, offset, whence)
        self._at = offset if whence == os.SEEK_SET else self._at + offset
        return self._at

    def truncate(self, size: int | None = None, /) -> int:
        size = self.tell() if size is None else size
        if self.handle is not None:
            os.ftruncate(self.handle, size)
        return size

    def flush(self) -> None:
        """Do nothing: nothing is held back, and who asks late is not to be told that the file is closed."""

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


_LINKS = 40  # as many as the system follows
_OWN = r"(/proc/{}(/task/\d+)?|/dev)/fd"
_TURN_SECONDS = 0.05


def is_stream(path: Path) -> bool:
    """Say whether a path is a pipe or a device, which is written to as it stands.

    >>> is_stream(Path("/dev/null"))
    True
    """
    mode = _mode(path)
    return _own_descriptor(path) is not None or (mode is not None and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)))


def _say(text: str, *, as_it_is: bool) -> None:
    """Write to standard output, and have it out."""
    out = sys.stdout
    if out is None:
        raise OSError(errno.EBADF, "it is closed")
    if as_it_is and hasattr(out, "buffer"):
        out.flush()
        out.buffer.write(text.encode())
    else:
        encoding = getattr(out, "encoding", None) or "utf-8"
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    out.flush()


def _pour(path: Path, compose: Compose) -> None:
    """Write to a pipe or a device what was made whole before: a reader is not given half a table and then nothing."""
    with tempfile.TemporaryFile() as held:
        with _held_open(held.fileno()) as file:
            compose(file)
        held.seek(0)
        handle = _opened(path)
        try:
            shutil.copyfileobj(held, cast(Any, _Sink(handle)))
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class _Sink:
    handle: int

    def write(self, content: bytes) -> None:
        """Write all of it, in turns: a reader may be slow, and an interrupt is to be heard meanwhile."""
        left = memoryview(content)
        while left.nbytes:
            try:
                left = left[os.write(self.handle, left) :]
            except BlockingIOError:
                select.select([], [self.handle], [], _TURN_SECONDS)


def _opened(path: Path) -> int:
    """Open a stream to write to: a descriptor of this process as it stands, a pipe once somebody reads it."""
    own = _own_descriptor(path)
    if own is not None:
        if own < 3 and (sys.__stdin__, sys.__stdout__, sys.__stderr__)[own] is None:
            raise OSError(errno.EBADF, "it is closed")  # another file may have its number by now
        for stream in (sys.stdout, sys.stderr):  # what was said before comes before
            if stream is not None:
                stream.flush()
        return os.dup(own)
    flags = os.O_WRONLY | getattr(os, "O_NOCTTY", 0)
    while True:
        try:
            handle = os.open(path, flags | (getattr(os, "O_NONBLOCK", 0) if path.is_fifo() else 0))
        except OSError as problem:
            if problem.errno != errno.ENXIO or not path.is_fifo():
                raise
            time.sleep(_TURN_SECONDS)  # nobody reads yet
            continue
        if stat.S_ISREG(os.fstat(handle).st_mode):  # it became a file meanwhile: that is not to be written over
            os.close(handle)
            raise OSError(errno.EBUSY, "it was replaced by a file meanwhile")
        return handle


def _own_descriptor(path: Path) -> int | None:
    """Give the descriptor of this process that a path such as `/dev/stdout` stands for.

    Where that leads to a file, opening it anew would write over what stands in it already.
    """
    if os.name != "posix":
        return None
    step = os.path.abspath(path)
    for _ in range(_LINKS):
        folder, name = os.path.split(step)
        folder = os.path.realpath(folder)
        if name.isdecimal() and re.fullmatch(_OWN.format(os.getpid()), folder):
            return int(name)
        step = os.path.join(folder, name)
        if not os.path.islink(step):
            return None
        step = os.path.join(folder, os.readlink(step))
    return None


def _mode(path: Path) -> int | None:
    """Give what a path, links followed, is; None where there is nothing yet."""
    try:
        return path.stat().st_mode
    except _ABSENT:
        return None
