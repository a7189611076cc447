"""Whether this process was forked away from polars' threads: whoever works with polars here would wait for ever."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from truto_usage_nb.errors import InputError

__all__ = ["refuse_if_cut_off", "worked"]


class _Process:
    """What is known of this process alone."""

    def __init__(self) -> None:
        self.has_worked = self.leaves_threads_behind = self.is_cut_off = False

    def prepare(self) -> None:
        """Look, before a fork, whether polars has threads, which the child will not have."""
        self.leaves_threads_behind = _polars_has_threads(used=self.has_worked)

    def begin_anew(self) -> None:
        """In a forked child."""
        self.is_cut_off = self.is_cut_off or self.leaves_threads_behind
        self.has_worked = False


_process = _Process()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_process.prepare, after_in_child=_process.begin_anew)


def worked() -> None:
    """Note that we had polars work here, for a system that does not tell which threads there are."""
    _process.has_worked = True


def refuse_if_cut_off() -> None:
    """Raise `InputError` where polars would wait for ever: in a child forked from a process that had used it."""
    if _process.is_cut_off:
        raise InputError(
            "this process was forked from one that had used polars already, and polars' threads stayed there: whoever "
            "loads or reckons here would wait for them for ever; start processes afresh, with "
            "multiprocessing.get_context('spawn')"
        )


def _polars_has_threads(*, used: bool) -> bool:
    """Say whether polars has begun to work in this process; where nobody can tell, whether we had it work."""
    if "polars" not in sys.modules:
        return False
    try:
        names = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir()]
    except OSError:
        return used
    return any(name.startswith("polars-") and name[len("polars-")].isdigit() for name in names)
