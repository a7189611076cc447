"""What is written to as it stands: pipes, devices, and this process's own output."""

from __future__ import annotations

import errno
import os
import re
import select
import shutil
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from truto_usage_nb.writing.handle import Compose, kept
from truto_usage_nb.writing.placing import ABSENT

__all__ = ["is_stream", "pour", "say"]

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


def say(text: str, *, as_it_is: bool) -> None:
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


def pour(path: Path, compose: Compose) -> None:
    """Write to a pipe or a device what was made whole before: a reader is not given half a table and then nothing."""
    with tempfile.TemporaryFile() as held:
        with kept(held.fileno()) as file:
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
    except ABSENT:
        return None
