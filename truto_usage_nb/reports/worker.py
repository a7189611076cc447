"""Processes beside this one: one that renders, ready by the time the figures are loaded, and a browser that prints.

What notebooks are executed with takes longer to import than most loads take. Apart, both cores work, nothing of it
stays in the caller's process, and no token is in the one that runs a notebook's code. What the two tell each other is
pickled, behind its length: a notebook, parameters, steps and errors as they are, with which the one that waits raises
the error itself. `multiprocessing` would import the caller's own script once more, and hand its environment on.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, NamedTuple, cast

from truto_usage_nb.errors import MissingExtraError, UsageError
from truto_usage_nb.reports.notebook import Notebook, check_libraries
from truto_usage_nb.reports.steps import ShowStep
from truto_usage_nb.secret import Secret, masked
from truto_usage_nb.writing import telling, write_file

__all__ = [
    "Done", "FailedPart", "Order", "Worker", "browser", "ended", "packed", "quiet_environment", "to_pdf", "unpacked",
    "worker",
]  # fmt: skip

_SECONDS_TO_END = 10
_TURN_SECONDS = 0.2
_LENGTH_BYTES = 8
_START = "import sys; sys.path.append(sys.argv[1]); from truto_usage_nb.reports.rendering import main; main()"
"""The library's own folder comes last on the path: it may be known to this process alone."""
_HOME = str(Path(__file__).parents[2])


class Order(NamedTuple):
    """Say what is to be rendered: a notebook with parameters, to where; `period` is named in the page's title."""

    notebook: Notebook
    parameters: dict[str, Any]
    to: Path
    period: str


class FailedPart(NamedTuple):
    """Say of a part that it failed: the heading above it, the error's own sentence, and what the kernel said."""

    heading: str
    sentence: str
    traceback: str

    @property
    def said(self) -> str:
        under = f" under “{self.heading}”" if self.heading else ""
        return f"A part{under} could not be made: {ended(self.sentence)}"


def ended(sentence: str) -> str:
    """Give a sentence with its full stop."""
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


class Done(NamedTuple):
    """Say of a page that is written which parts failed, and of which cell what was left out since it lies outside."""

    failed: tuple[FailedPart, ...] = ()
    left_out: tuple[tuple[int, str], ...] = ()


@contextmanager
def worker(scratch: Path, *, warm: bool, kernel_name: str = "python3") -> Iterator[Worker]:
    """Start the process; leaving ends it and its kernel, whatever they are at.

    `scratch` is the report's own folder, which it takes away where this process no longer can. `warm` is for reports of
    ours.
    """
    check_libraries()
    command = [sys.executable, "-P", "-c", _START, _HOME, str(scratch), kernel_name, "warm" if warm else ""]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=quiet_environment(), cwd=_here(scratch), **_apart()
    )
    held = Worker(process)
    try:
        yield held
    finally:
        held.end()


def _here(otherwise: Path) -> Path | None:
    """Give the folder to run in: this process's own, unless it was taken away."""
    try:
        return None if os.path.isdir(os.getcwd()) else otherwise
    except OSError:
        return otherwise


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

    def render(self, order: Order, show: ShowStep) -> Done:
        """Execute a notebook with parameters, write its page, and show how far it is; raises what went wrong there."""
        with suppress(OSError):  # who is gone has said why
            self._orders.write(packed(order._replace(to=order.to.absolute())))
            self._orders.flush()
        while (said := self._next()) is not None:
            kind, value = said
            if kind == "done":
                return cast(Done, value)
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


_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_SECONDS_TO_PRINT = 120
_FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-sync", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)  # fmt: skip


def browser() -> str:
    """Give the path of a Chromium on PATH; `MissingExtraError` says what to do without one."""
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    raise MissingExtraError(
        f"pdf= needs Chromium or Chrome, and none of {', '.join(_BROWSERS)} is on PATH; install one, such as "
        "apt-get install chromium, or leave pdf= out and print the page from any browser"
    )


def to_pdf(program: str, page: Path, pdf: Path, scratch: Path) -> Path:
    """Print a page; the file appears whole or not at all. What the browser keeps is in the report's own folder."""
    with telling(pdf):
        made = scratch / "page.pdf"
        sandbox = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()  # refuses root without
        command = [program, *_FLAGS, *sandbox, f"--user-data-dir={scratch}/profile", f"--print-to-pdf={made}"]
        try:
            done = subprocess.run(
                [*command, page.resolve().as_uri()],
                env=quiet_environment(), capture_output=True, text=True, timeout=_SECONDS_TO_PRINT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            told = f"{program} did not print {page} within {_SECONDS_TO_PRINT} seconds; the page itself is there"
            raise UsageError(told) from None
        if not made.is_file():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            told = f"{program} did not print {page} (exit {done.returncode}): {last}; the page itself is there"
            raise UsageError(told)
        content = made.read_bytes()
    return write_file(pdf, lambda file: file.write(content))


def quiet_environment() -> dict[str, str]:
    """Give a child's environment: nothing of the service's, no token under whatever name, and what makes a page the
    same every time."""
    token = Secret(os.environ.get("TRUTO_API_TOKEN", "").strip())
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TRUTO_") and masked(value) == value and (token.is_empty or value != token.reveal())
    }
    return {**kept, "SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "0"}
