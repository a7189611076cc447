"""A process of its own that renders: it gets ready, and its kernel too, while this one loads.

What notebooks are executed with takes longer to import than most loads take. Apart, both cores work, nothing of it
stays in the caller's process, and no token is in the one that runs a notebook's code.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from truto_usage_nb.errors import UsageError
from truto_usage_nb.reports.progress import Show
from truto_usage_nb.reports.running import quiet_environment
from truto_usage_nb.reports.shelf import Notebook, check_libraries

__all__ = ["SIZE_BYTES", "Worker", "worker"]

SIZE_BYTES = 8
"""An order is preceded by its length, in so many bytes."""
_SECONDS_TO_END = 10
_START = "import sys; sys.path.append(sys.argv[1]); from truto_usage_nb.reports.rendering import main; main()"
"""The library's own folder comes last on the path: it may be known to this process alone."""
_HOME = str(Path(__file__).parents[2])


@contextmanager
def worker(*, warm: bool) -> Iterator[Worker]:
    """Start the process; leaving ends it and its kernel, whatever they are at. `warm` is for reports of ours."""
    check_libraries()
    command = [sys.executable, "-P", "-c", _START, _HOME, *(["warm"] if warm else [])]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=quiet_environment(), **_apart()
    )
    try:
        yield Worker(process)
    finally:
        with suppress(OSError):
            cast(IO[bytes], process.stdin).close()  # the end of what it is told ends it
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        cast(IO[bytes], process.stdout).close()


def _apart() -> dict[str, Any]:
    """Keep the keyboard's interrupt for this process, which then ends the other in order."""
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}


class Worker:
    """The process, as the one who waits for its page sees it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def render(self, notebook: Notebook, parameters: dict[str, Any], to: Path, show: Show) -> Path:
        """Execute a notebook with parameters, write its page, and show how far it is; raises what went wrong there."""
        order = pickle.dumps((notebook, parameters, to.absolute()))
        with suppress(OSError):  # who is gone has said why
            pipe = cast(IO[bytes], self._process.stdin)
            pipe.write(len(order).to_bytes(SIZE_BYTES, "big") + order)
            pipe.flush()
        while True:
            kind, value = self._heard()
            if kind == "done":
                return to
            if kind == "failed":
                raise value
            show(value)

    def _heard(self) -> tuple[str, Any]:
        try:
            said: tuple[str, Any] = pickle.load(cast(IO[bytes], self._process.stdout))
        except (EOFError, pickle.UnpicklingError):
            raise UsageError(
                f"the process that renders the report died (exit {self._process.wait()}), perhaps of too little "
                "memory; ask for a shorter period"
            ) from None
        return said
