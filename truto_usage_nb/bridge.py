"""The blocking door: run a coroutine from code that does not await, also inside a notebook's running loop.

One daemon thread with one event loop serves the whole process; it starts at the first call. The loop of the notebook
is never touched. Interrupting the wait cancels the work and waits for it to end. A forked child gets a loop of its own;
what it cannot get is polars' threads (`forks`).
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

from truto_usage_nb.errors import LoopThreadError
from truto_usage_nb.forks import worked

__all__ = ["Running", "allow_nested_asyncio", "run", "start"]

_T = TypeVar("_T")

_HEARTBEAT_SECONDS = 0.5  # where a wait without end cannot be interrupted (Windows), it wakes this often
_EXIT_SECONDS = 2.0


def run(work: Coroutine[Any, Any, _T], *, twin: str = "the method of the same name with an `a` in front") -> _T:
    """Run a coroutine to its end on the background loop and give its result or raise its error.

    `twin` names what to await instead; the error says it when the caller is the background loop itself
    (`LoopThreadError`). KeyboardInterrupt cancels the work, waits until it has ended, and goes on.

    >>> async def answer():
    ...     return 42
    >>> run(answer())
    42
    """
    background = _background_for(work, twin)
    if background.is_here():
        work.close()
        raise LoopThreadError(f"a blocking call from the background loop would wait for itself; await {twin} instead")
    return Running(work, background.loop).result()


def start(work: Coroutine[Any, Any, _T], ended: Callable[[bool], None] | None = None) -> Running[_T]:
    """Start a coroutine on the background loop, do not wait for it, and give what holds its outcome.

    `ended` is called there once it has ended, whether or not it ever began; its argument says if it was cancelled.

    >>> async def answer():
    ...     return 42
    >>> start(answer()).result()
    42
    """
    return Running(work, _background_for(work, "it").loop, ended)


def _background_for(work: Coroutine[Any, Any, Any], twin: str) -> _Background:
    try:
        return _the_background()
    except RuntimeError as problem:
        work.close()
        raise LoopThreadError(f"no background thread can be started here ({problem}); await {twin} instead") from None


def allow_nested_asyncio() -> None:
    """Let `asyncio.run(...)` work inside a running loop, such as a notebook cell's.

    For scripts pasted into a cell; nothing in this library needs it. It patches asyncio for the whole process (with
    nest-asyncio2) and cannot be undone.
    """
    import nest_asyncio2

    nest_asyncio2.apply()


class Running(Generic[_T]):
    """Hold a coroutine that runs on a loop, and carry its outcome back."""

    def __init__(
        self,
        work: Coroutine[Any, Any, _T],
        loop: asyncio.AbstractEventLoop,
        ended: Callable[[bool], None] | None = None,
    ) -> None:
        self._work = work
        self._then = ended
        self._loop = loop
        self._task: asyncio.Task[_T] | None = None
        self._ended = threading.Event()
        loop.call_soon_threadsafe(self._start)

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Ask it to end; what it awaits is cancelled."""
        with suppress(RuntimeError):  # the loop is gone, and the work with it
            self._loop.call_soon_threadsafe(self._cancel)

    def wait(self, seconds: float) -> bool:
        """Wait for its end, that long at most, and say whether it has ended."""
        return self._ended.wait(seconds)

    def result(self) -> _T:
        """Wait for its end and give its result or raise its error; an interrupt cancels it first."""
        try:
            self._wait()
        except BaseException:
            self._loop.call_soon_threadsafe(self._cancel)
            self._wait()
            raise
        assert self._task is not None
        return self._task.result()

    def _start(self) -> None:
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[_T]) -> None:
        if not task.cancelled():
            task.exception()  # taken note of, whoever waits
        try:
            if self._then is not None:
                self._then(task.cancelled())
        finally:
            self._ended.set()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _wait(self) -> None:
        while not self._ended.wait(_HEARTBEAT_SECONDS):
            pass


class _Background:
    """Keep an event loop turning in a daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._turn, name="truto-usage-loop", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def is_here(self) -> bool:
        return threading.current_thread() is self._thread

    def _turn(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        with suppress(RuntimeError):
            self.loop.run_until_complete(_wind_up())
        self.loop.close()

    def stop(self) -> None:
        """End what is under way and close connections, without holding up the interpreter's exit for long."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_EXIT_SECONDS)


async def _wind_up() -> None:
    pending = asyncio.all_tasks() - {asyncio.current_task()}
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


class _Process:
    """What belongs to this process alone."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.background: _Background | None = None
        self.of_parents: list[_Background] = []  # kept for ever: closing a parent's loop would reach into the parent

    def begin_anew(self) -> None:
        """Start with nothing of the parent's, in a forked child."""
        self.lock = threading.Lock()
        if self.background is not None:
            atexit.unregister(self.background.stop)
            self.of_parents.append(self.background)
            self.background = None


_process = _Process()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.begin_anew)


def _the_background() -> _Background:
    with _process.lock:
        if _process.background is None or not _process.background.is_alive():
            _process.background = _Background()
            worked()
        return _process.background
