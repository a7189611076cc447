"""The file that libraries are given to write into."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

__all__ = ["Compose", "filling", "kept"]

Compose: TypeAlias = Callable[[IO[bytes]], object]
"""Writes the content into the file that it is given; it may go back in it."""


@contextmanager
def kept(handle: int) -> Iterator[IO[bytes]]:
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
        with kept(handle) as file:
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
