"""How files come and go: each whole or not at all, and one process at a time."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from truto_usage_nb.errors import DatasetError
from truto_usage_nb.writing import beside, is_half, settle_folder, telling

__all__ = ["Disk", "check_own", "halves", "is_left_over", "locked"]

_OF_OLD = re.compile(r"\..+\.(parquet|page|json|new)\.part")
"""How a file that was being written was called once."""


class Disk:
    """Put files in their place, and take them away, so that a process may be killed at any moment.

    What the system refuses is a `WriteError`, one sentence with the path.
    """

    def place(self, path: Path, write: Callable[[Path], object]) -> int:
        """Have a file written beside its place, then moved there in one step; gives its size in bytes."""
        with telling(path), beside(path) as half:
            write(half.path)
            return os.fstat(half.handle).st_size

    def move(self, path: Path, to: Path) -> None:
        """Move a file to another place in one step."""
        with telling(to):
            to.parent.mkdir(parents=True, exist_ok=True)
            path.replace(to)
            settle_folder(to.parent)  # that it has left its old place may be lost: it is moved once more then

    def remove(self, path: Path) -> None:
        """Take a file away, if it is there."""
        with telling(path):
            path.unlink(missing_ok=True)


def is_left_over(name: str) -> bool:
    """Tell whether a file's name is that of a write which never ended, of this version or an earlier one.

    >>> is_left_over(".journal.json.part"), is_left_over(".notes.part")
    (True, False)
    """
    return is_half(name) or _OF_OLD.fullmatch(name) is not None


def halves(directory: Path) -> Iterator[Path]:
    """Give what writes that never ended have left behind."""
    for folder, _, names in os.walk(directory):
        yield from (Path(folder, name) for name in names if is_left_over(name))


def check_own(directory: Path, *names: str) -> None:
    """Refuse a dataset whose own files, or the folders above them, are links: they lead elsewhere."""
    top, seen = Path(os.path.realpath(directory)), set[Path]()
    for name in names:
        steps = [top / name, *(top / name).parents]
        for step in steps[: steps.index(top)]:
            if step in seen:
                break
            seen.add(step)
            if step.is_symlink():
                raise DatasetError(
                    f"{step} is a link to {os.readlink(step)}: a dataset keeps its files within its own directory; "
                    "put the files back in its place, or scan into a new directory"
                )


@contextmanager
def locked(path: Path, directory: Path) -> Iterator[None]:
    """Hold a directory for this scan; the system lets go of it when the process ends, however it ends."""
    check_own(directory, path.name)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with telling(path):
        handle = os.open(path, flags, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise DatasetError(f"{path} is no file; a dataset keeps its lock there: take it away")
        try:
            _lock(handle)
        except OSError:
            raise DatasetError(
                f"another scan is at work in {directory}; wait for it, or scan into another directory"
            ) from None
        yield
    finally:
        with suppress(OSError):
            os.close(handle)


try:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # pragma: no cover - Windows
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
