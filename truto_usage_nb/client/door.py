"""The blocking door for people: what is told while they wait is told where they stand."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from truto_usage_nb.bridge import run
from truto_usage_nb.client.veil import veil
from truto_usage_nb.errors import hearing, tell
from truto_usage_nb.forks import refuse_if_cut_off

__all__ = ["veiled", "wait"]

T = TypeVar("T")

_CALLER = 3  # this function, the method that calls it, and the line of the user's that a warning should show


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; what it tells becomes a warning at the line that called the calling method."""
    said: list[str] = []
    try:
        with hearing() as said:
            return run(work)
    finally:
        for text in said:
            tell(text, stacklevel=_CALLER)


@contextmanager
def veiled() -> Iterator[None]:
    """Let no error out that shows a token, or that came of one that does; let nothing begin that cannot end."""
    try:
        refuse_if_cut_off()
        yield
    except BaseException as error:
        veil(error)
        raise
