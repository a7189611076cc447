"""The blocking door for people: what is told while they wait is told where they stand, and no error shows a token.

An error is looked at a last time before it is let out: its notes too, and whatever it came from.
"""

from __future__ import annotations

import traceback
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from truto_usage_nb.bridge import run
from truto_usage_nb.errors import PartialLoadError, UsageError, hearing, tell
from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.secret import masked

__all__ = ["veil", "veiled", "wait"]

_T = TypeVar("_T")


def wait(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end; what it tells becomes a warning of the thread that waits."""
    said: list[str] = []
    try:
        with hearing() as said:
            return run(work)
    finally:
        for text in said:
            tell(text)


@contextmanager
def veiled() -> Iterator[None]:
    """Let no error out that shows a token, or that came of one that does; let nothing begin that cannot end."""
    try:
        refuse_if_cut_off()
        yield
    except BaseException as error:
        veil(error)
        raise


def veil(error: BaseException) -> None:
    """Mask secrets in an error and in all that it came from; what cannot be masked there is cut off.

    The frames of an error of ours let go of their variables, in which an answer's bytes may stand.
    """
    seen: set[int] = set()
    links = [error]
    while links:
        link = links.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        _mask(link)
        if isinstance(error, UsageError):
            traceback.clear_frames(link.__traceback__)
        links += [*_causes(link), *getattr(link, "exceptions", ())]
        if isinstance(link, PartialLoadError):
            links += link.errors.values()


def _causes(error: BaseException) -> Iterator[BaseException]:
    for name in ("__cause__", "__context__"):
        below: BaseException | None = getattr(error, name)
        if below is None:
            continue
        _mask(below)
        if _shows_a_secret(below):
            setattr(error, name, None)
        else:
            yield below


def _mask(error: BaseException) -> None:
    error.args = masked(error.args)
    if isinstance(error, UsageError):
        error.message, error.details, error.raw_response = masked((error.message, error.details, error.raw_response))
    if hasattr(error, "__notes__"):
        error.__notes__ = masked(error.__notes__)


def _shows_a_secret(error: BaseException) -> bool:
    shown = f"{error!r} {error} {vars(error)!r}"
    return bool(masked(shown) != shown)
