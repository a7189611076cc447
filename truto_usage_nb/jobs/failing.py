"""What became of the jobs that failed: raised, or told with the rest in hand; never an empty frame instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from truto_usage_nb.checks import one_of
from truto_usage_nb.errors import PartialLoadError, UsageError
from truto_usage_nb.jobs.making import Job
from truto_usage_nb.unanswered import gap_of

__all__ = ["ON_ERROR", "PARTIAL", "Ended", "check_on_error", "gaps", "raise_unless_told"]

PARTIAL = "{}: the provider gave incomplete data (is_partial_response); its figures are a lower bound"
_REST = "what did load is this error's .result, and on_error='warn' returns it with the gaps stated"
ON_ERROR = ("raise", "warn")


class Ended(Protocol):
    """What a job came to: `error` is None where it succeeded."""

    @property
    def job(self) -> Job: ...

    @property
    def error(self) -> UsageError | None: ...


def check_on_error(on_error: Any) -> None:
    """Refuse an `on_error` that is none of the two."""
    one_of("on_error", on_error, ON_ERROR)


def gaps(outcomes: Sequence[Ended]) -> list[str]:
    """Say of each job that failed what it was and why."""
    return [gap_of(each.job.label, each.job.query, each.error) for each in outcomes if each.error is not None]


def raise_unless_told(outcomes: Sequence[Ended], result: Any, on_error: str) -> None:
    """Raise what went wrong, unless the caller wants the rest with its gaps stated."""
    errors: dict[str, UsageError] = {}
    for each in outcomes:
        if each.error is not None:
            errors.setdefault(each.job.label, each.error)
    labels = dict.fromkeys(each.job.label for each in outcomes)
    if not errors or (on_error == "warn" and any(each.error is None for each in outcomes)):
        return
    if len(labels) == 1:
        raise next(iter(errors.values()))
    reasons = "; ".join(f"{label}: {error}" for label, error in errors.items())
    rest = "nothing was loaded" if result is None else _REST
    raise PartialLoadError(
        f"{len(errors)} of {len(labels)} accounts failed ({reasons}); {rest}",
        result=result,
        errors=errors,
    )
