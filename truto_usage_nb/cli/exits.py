"""How a command ends: one line a fault on standard error, and its exit code."""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from truto_usage_nb.cli.codes import DONE, FAILED, FOR_NOW, REFUSED
from truto_usage_nb.errors import InputError, PartialLoadError, UsageError, UsageWarning
from truto_usage_nb.outside import cut, plain
from truto_usage_nb.secret import masked

__all__ = ["DEBUG", "code_of", "running", "show_trace", "spoken"]

DEBUG = "--debug"

_MOST_CHARACTERS = 20_000
_SAID_IN_PYTHON = {
    r"`list_accounts\(\)` shows": "`truto-usage accounts` shows",
    r"\baccounts= names": "--accounts names",
    r"what did load is this error's \.result, and on_error='warn' returns it with the gaps stated": (
        "--on-error warn writes what did load"
    ),
    r"\bintegration=\{'([^']*)': '(\w+)'\}": r"--integration \1=\2",
    r"a report needs a period, such as period='(\S+?)', or snapshot=": r"a report needs --period \1, or --snapshot",
}
"""What the library says to people who write Python, and what it is called here.

Whole sentences are read, and not errors that carry both forms: a message often holds those of several accounts, which a
warning or a page may quote as well, and by then there is one text.
"""


def running(given: Sequence[str]) -> int:
    """Run one command; what the library warns of goes to standard error, a line each."""
    from truto_usage_nb.cli.options import parsed

    try:
        with _warned():
            arguments = parsed(given)
            return int(arguments.run(arguments) or DONE)
    except UsageError as problem:
        if isinstance(problem.__cause__, BrokenPipeError):
            raise problem.__cause__ from None
        _say(spoken(problem))
        if DEBUG in given:
            show_trace(problem)
        return code_of(problem)
    except BrokenPipeError:
        raise
    except OSError as problem:
        _say(f"{problem.filename or 'a file'}: {problem.strerror or problem}")
        return FAILED


def code_of(problem: UsageError) -> int:
    """Give the exit code of an error.

    >>> from truto_usage_nb.errors import FrameError, RateLimitError
    >>> code_of(RateLimitError("too many")), code_of(FrameError("no such column")), code_of(UsageError("else"))
    (75, 2, 1)
    """
    if isinstance(problem, InputError):
        return REFUSED
    if isinstance(problem, PartialLoadError) and problem.errors:
        return FOR_NOW if all(each.retryable for each in problem.errors.values()) else FAILED
    return FOR_NOW if problem.retryable else FAILED


def spoken(problem: object) -> str:
    """Give a message in the words of a shell."""
    text = str(problem)
    for python, shell in _SAID_IN_PYTHON.items():
        text = re.sub(python, shell, text)
    return text


def show_trace(problem: UsageError) -> None:
    """Show where an error came from, and what the kernel said of a notebook's cell."""
    there = problem.details.get("traceback", "") if isinstance(problem.details, dict) else ""
    _say(masked("".join([*traceback.format_exception(problem), str(there)])))


@contextmanager
def _warned() -> Iterator[None]:
    said: set[str] = set()

    def shown(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, UsageWarning) and str(message) not in said:
            said.add(str(message))
            _say(f"note: {spoken(message)}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UsageWarning)
        warnings.showwarning = shown
        yield


def _say(text: str) -> None:
    """Say something on standard error. Further lines are set in: none of them can pose as one of ours."""
    shown = plain(cut(text, _MOST_CHARACTERS)).replace("\n", "\n    ")
    with suppress(OSError):  # where nobody hears it, the exit code says it still
        if sys.stderr is not None:
            sys.stderr.write(f"truto-usage: {shown}\n")
            sys.stderr.flush()
