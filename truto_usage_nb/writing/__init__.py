"""The one writer of files: whole or not at all, whoever else writes or reads the same path.

What is written stands beside its place under a name of its own, made so that nobody can have laid a file or a link
there before, and is moved into place in one step once it is on the disk. An existing file keeps its mode. A link is
written through: what it points to is replaced, and made where it is not there. A pipe, a device such as `/dev/null`,
and `/dev/stdout` are written to, once everything that goes there is made; they are never replaced. Anything else that
is no file is refused.

Why not a library: `atomicwrites` is given up by its author, `boltons.fileutils.atomic_save` has one `.part` name for
all who write, and none of them knows links and pipes. What the standard library has for temporary files is for such
that stay private: the mode would be lost.

placing     a file of its own beside the place, and the move
handle      the file that libraries are given: it remembers what the disk said
streams     pipes, devices, and this process's own output
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from truto_usage_nb.checks import a_path
from truto_usage_nb.errors import WriteError
from truto_usage_nb.writing.handle import Compose, filling, kept
from truto_usage_nb.writing.placing import Half, beside, is_half, nearest, settle_folder, target_of
from truto_usage_nb.writing.streams import is_stream, pour, say

__all__ = [
    "Half",
    "beside",
    "check_target",
    "filling",
    "is_half",
    "is_stream",
    "settle_folder",
    "telling",
    "write_file",
    "write_stdout",
]

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
            pour(to, compose)
        else:
            with beside(to) as half, kept(half.handle) as file:
                compose(file)
    return to


def write_stdout(text: str, *, as_it_is: bool = False) -> None:
    """Write text to standard output, now: a disk that is full is said here, not when the interpreter ends.

    `as_it_is`: as UTF-8, whatever the terminal speaks; else what the terminal cannot say is spelled out.
    """
    with telling("standard output"):
        say(text, as_it_is=as_it_is)


def check_target(path: str | Path) -> None:
    """Refuse a path that cannot be written to, as far as that shows before anything is made."""
    to = a_path("path", path, WriteError)
    with telling(to):
        if not is_stream(to):
            target, _ = target_of(to)
            folder = nearest(target.parent)
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
