"""The last look at an error before it is let out: at its notes too, and at whatever it came from."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from truto_usage_nb.errors import PartialLoadError, UsageError
from truto_usage_nb.secret import masked

__all__ = ["veil"]


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
