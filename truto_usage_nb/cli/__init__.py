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

        return running(given)  # which brings in the rest, so that Ctrl-C is quiet from the first moment on
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter tries once more at its end
        return PIPE_CLOSED
