"""A process of its own that renders: it gets ready, and its kernel too, while this one loads.

What notebooks are executed with takes longer to import than most loads take. Apart, both cores work, nothing of it
stays in the caller's process, and no token is in the one that runs a notebook's code.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, cast

from truto_usage_nb.errors import UsageError
from truto_usage_nb.reports.running import quiet_environment
from truto_usage_nb.reports.shelf import Notebook, check_libraries
from truto_usage_nb.reports.steps import ShowStep

__all__ = ["Worker", "packed", "unpacked", "worker"]

_SECONDS_TO_END = 10
_TURN_SECONDS = 0.2
_LENGTH_BYTES = 8
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
    held = Worker(process)
    try:
        yield held
    finally:
        held.end()


def _apart() -> dict[str, Any]:
    """Keep the keyboard's interrupt for this process, which then ends the other in order."""
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}


class Worker:
    """The process, as the one who waits for its page sees it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._orders, self._answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        self._said: SimpleQueue[tuple[str, Any] | None] = SimpleQueue()
        self._listening = Thread(target=self._listen, daemon=True)
        self._listening.start()

    def render(self, notebook: Notebook, parameters: dict[str, Any], to: Path, show: ShowStep) -> Path:
        """Execute a notebook with parameters, write its page, and show how far it is; raises what went wrong there."""
        with suppress(OSError):  # who is gone has said why
            self._orders.write(packed((notebook, parameters, to.absolute())))
            self._orders.flush()
        while (said := self._next()) is not None:
            kind, value = said
            if kind == "done":
                return to
            if kind == "failed":
                raise value
            show(value)
        raise UsageError(
            f"the process that renders the report died (exit {self._process.wait()}), perhaps of too little memory; "
            "ask for a shorter period"
        )

    def end(self) -> None:
        """End the process, whatever it is at; it ends its kernel."""
        with suppress(OSError):
            self._orders.close()  # the end of what it is told ends it
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listening.join()
        self._answers.close()

    def _next(self) -> tuple[str, Any] | None:
        """Wait for what is said next, None for the end; in turns, between which an interrupt is heard.

        A blocking call would go on: polars has the system restart whatever an interrupt falls into.
        """
        while True:
            with suppress(Empty):
                return self._said.get(timeout=_TURN_SECONDS)

    def _listen(self) -> None:
        with suppress(EOFError):
            while True:
                self._said.put(unpacked(partial(os.read, self._answers.fileno())))
        self._said.put(None)


def packed(value: Any) -> bytes:
    """Write a value for the other process: its length, then itself."""
    content = pickle.dumps(value)
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content


def unpacked(read: Callable[[int], bytes]) -> Any:
    """Read a value with what reads so many bytes, or some of them; raises EOFError where they end."""
    length = int.from_bytes(_exactly(read, _LENGTH_BYTES), "big")
    return pickle.loads(_exactly(read, length))


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = read(size - len(got))
        if not more:
            raise EOFError
        got += more
    return got
