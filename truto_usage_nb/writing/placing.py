"""A file of its own beside the place that it is to have, and the move there in one step."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from truto_usage_nb.errors import WriteError

__all__ = ["ABSENT", "Half", "beside", "is_half", "nearest", "settle_folder", "target_of"]

ABSENT = (FileNotFoundError, NotADirectoryError)
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
    target, before = target_of(path)
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


def target_of(path: Path) -> tuple[Path, os.stat_result | None]:
    """Give the place that a path leads to, and what is known of the file that stands there."""
    try:
        found = path.stat()
    except ABSENT:
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
    there = nearest(folder)
    missing = [each for each in (folder, *folder.parents) if each.is_relative_to(there) and each != there]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def nearest(folder: Path) -> Path:
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
