"""The other side of `worker`: the process that executes a notebook and writes its page.

It is told one order on its standard input and answers on its standard output, pickled both; the end of its input is
the order to stop.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

from truto_usage_nb.errors import UsageError
from truto_usage_nb.reports.running import execute, kernel, with_parameters
from truto_usage_nb.reports.steps import Step
from truto_usage_nb.reports.worker import packed, unpacked
from truto_usage_nb.reports.writing import prepare, to_html

__all__ = ["main"]

Say = Callable[[str, Any], None]

_LEFT_OUT = ("rfc3987_syntax",)
"""Python is told that there is none: jsonschema uses it to check texts that no notebook has, and importing it takes a
second."""


def main() -> None:
    """Start a kernel, wait for the order, render, and end."""
    say = _line_of_its_own()
    for name in _LEFT_OUT:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(say, warm="warm" in sys.argv))
    os._exit(0)  # everything is said and closed; taking hundreds of modules apart would be waited for


def _line_of_its_own() -> Say:
    """Keep standard output for what is answered; whatever else prints, prints where errors go."""
    line = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(kind: str, value: Any) -> None:
        with suppress(BrokenPipeError):  # nobody waits any more
            line.write(packed((kind, value)))

    return say


async def _serve(say: Say, *, warm: bool) -> None:
    loop, work = asyncio.get_running_loop(), asyncio.current_task()
    order: asyncio.Future[Any] = loop.create_future()
    Thread(target=_listen, args=(loop, order, work), daemon=True).start()
    try:
        async with kernel(warm=warm) as client:
            prepare()
            notebook, parameters, to = await order
            done = await execute(with_parameters(notebook, parameters), lambda step: say("step", step), client)
            say("step", Step("write", 0, 1, to.name))
            writing = asyncio.create_task(asyncio.to_thread(to_html, done, to, notebook.path.parent))
        say("done", await writing)  # written while the kernel ended
    except Exception as problem:  # noqa: BLE001  (whatever it is, it is raised where somebody waits)
        say("failed", _sendable(problem))


def _listen(loop: asyncio.AbstractEventLoop, order: asyncio.Future[Any], work: asyncio.Task[Any]) -> None:
    """Wait for the order; the end of the line ends the work, whenever it comes.

    The bytes are read past Python's own buffer: whoever waits there at the end of a process holds it up.
    """
    with suppress(RuntimeError):  # the loop is over already
        with suppress(EOFError):
            loop.call_soon_threadsafe(order.set_result, unpacked(partial(os.read, 0)))
            unpacked(partial(os.read, 0))
        loop.call_soon_threadsafe(work.cancel)


def _sendable(problem: Exception) -> Exception:
    """Give errors that mean something to the caller as they are; anything else with its traceback as a note."""
    if isinstance(problem, UsageError | OSError):
        return problem
    unforeseen = UsageError(f"the report could not be rendered: {type(problem).__name__}: {problem}")
    unforeseen.add_note(traceback.format_exc())
    return unforeseen
