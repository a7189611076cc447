"""The command line: load, report, accounts, reports, sandbox."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from truto_usage_nb.cli.codes import INTERRUPTED, PIPE_CLOSED

__all__ = ["main"]

_RARELY = (50_000, 20, 100)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: see `codes`. Ctrl-C and a closed pipe end it without a word."""
    if argv is None:  # this is the process of one command, which ends soon: the collector need not look so often
        gc.set_threshold(*_RARELY)
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        from truto_usage_nb.cli.exits import running

        code = running(given)  # which brings in the rest, so that Ctrl-C is quiet from the first moment on
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = PIPE_CLOSED
    _let_go()
    return code


def _let_go() -> None:
    """Leave nothing that the interpreter would try to write once more at its end, where nothing can be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
