"""How files come and go: each whole or not at all, and one process at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from truto_usage_nb.errors import DatasetError

__all__ = ["Disk", "locked"]

_HALF = ".part"


class Disk:
    """Put files in their place, and take them away, so that a process may be killed at any moment."""

    def place(self, path: Path, write: Callable[[Path], object]) -> int:
        """Have a file written beside its place, then moved there in one step; gives its size in bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}{_HALF}")
        write(half)
        with half.open("rb+") as written:
            os.fsync(written.fileno())
            size = os.fstat(written.fileno()).st_size
        half.replace(path)
        _settle(path.parent)
        return size

    def remove(self, path: Path) -> None:
        """Take a file away, if it is there."""
        path.unlink(missing_ok=True)


def halves(directory: Path) -> Iterator[Path]:
    """Give what writes that never ended have left behind."""
    return directory.rglob(f".*{_HALF}")


def _settle(directory: Path) -> None:
    """Make a move last through a power cut, where the system lets a directory be opened."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(path: Path, directory: Path) -> Iterator[None]:
    """Hold a directory for this scan; the system lets go of it when the process ends, however it ends."""
    with path.open("ab") as handle:
        try:
            _lock(handle.fileno())
        except OSError:
            raise DatasetError(
                f"another scan is at work in {directory}; wait for it, or scan into another directory"
            ) from None
        yield


try:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # pragma: no cover - Windows
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
