"""How far a report has come: a value, and a bar where a person looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from truto_usage_nb.outside import one_line

if TYPE_CHECKING:
    from truto_usage_nb.jobs import Progress

__all__ = ["Loads", "ShowStep", "Step", "steps_shown"]


@dataclass(frozen=True, slots=True)
class Step:
    """Say how far a report has come: `stage` is "load", "run", "write" or "print"; `done` of `total` parts of it."""

    stage: str
    done: int
    total: int
    label: str


ShowStep = Callable[[Step], None]


@contextmanager
def steps_shown(progress: bool | ShowStep | None) -> Iterator[ShowStep]:
    """Give what to call with each `Step`.

    None shows a bar in notebooks and terminals and is quiet elsewhere; True and False decide; a callable is called.
    """
    from truto_usage_nb.jobs.progress import somebody_looks_on

    if callable(progress):
        yield progress
    elif somebody_looks_on() if progress is None else progress:
        bar = _Bar()
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield _ignore


def _ignore(_: Step) -> None:
    return None


class Loads:
    """Show several loads side by side as one step of the report."""

    def __init__(self, show: ShowStep) -> None:
        self._show = show
        self._seen: list[Progress | None] = []

    def one(self) -> Callable[[Progress], None]:
        """Give what one of the loads tells its progress."""
        place = len(self._seen)
        self._seen.append(None)

        def told(now: Progress) -> None:
            self._seen[place] = now
            begun = [each for each in self._seen if each is not None]
            done, total, pages, records = (
                sum(getattr(each, name) for each in begun) for name in ("done", "total", "pages", "records")
            )
            self._show(Step("load", done, total, f"{now.label} · {pages:,} pages · {records:,} records"))

        return told


class _Bar:
    """One bar a stage, which vanishes when the next begins."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __call__(self, now: Step) -> None:
        if now.stage != self._stage:
            from truto_usage_nb.jobs.progress import passing_bar

            self.close()
            self._bar = passing_bar(total=now.total, desc=now.stage, bar_format=_FORMAT)
            self._stage = now.stage
        self._bar.total = now.total
        self._bar.set_postfix_str(one_line(now.label), refresh=False)
        self._bar.update(now.done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


_FORMAT = "{desc} {bar:20} {n_fmt}/{total_fmt}{postfix}"
