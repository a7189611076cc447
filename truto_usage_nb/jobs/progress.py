"""How far a load has come: a value, and a bar that shows it where a person looks on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from truto_usage_nb.outside import one_line

__all__ = ["Progress", "ProgressTally", "Show", "bar_class", "passing_bar", "progress_shown", "somebody_looks_on"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Say how far a load has come: queries done of all, pages and records so far, and the account at work."""

    done: int
    total: int
    pages: int
    records: int
    label: str


Show = Callable[[Progress], None]


class ProgressTally:
    """Count queries, pages and records, and show them."""

    def __init__(self, total: int, show: Show) -> None:
        self._total, self._show = total, show
        self._done = self._pages = self._records = 0

    def more_queries(self, count: int) -> None:
        """Count queries that turned out to be there, beside those known in the beginning."""
        self._total += count

    def page_done(self, label: str, records: int) -> None:
        """Count a page."""
        self._pages += 1
        self._records += records
        self._tell(label)

    def records_read(self, label: str, records: int) -> None:
        """Count the records of pages that were counted unread."""
        if records:
            self._records += records
            self._tell(label)

    def query_done(self, label: str) -> None:
        """Count a query that ended, well or not."""
        self._done += 1
        self._tell(label)

    def _tell(self, label: str) -> None:
        self._show(Progress(self._done, self._total, self._pages, self._records, label))


@contextmanager
def progress_shown(progress: bool | Show | None) -> Iterator[Show]:
    """Give what to call with each `Progress`.

    None shows a bar in notebooks and terminals and is quiet elsewhere (pipes, reports); True and False decide; a
    callable is called itself.
    """
    if callable(progress):
        yield progress
        return
    if not (somebody_looks_on() if progress is None else progress):
        yield _ignore
        return
    with _Bar() as bar:
        yield bar


def _ignore(_: Progress) -> None:
    return None


def somebody_looks_on() -> bool:
    """Say whether a bar would be seen: in a notebook or a terminal, unless TRUTO_USAGE_PROGRESS says off."""
    if os.environ.get("TRUTO_USAGE_PROGRESS", "").lower() in {"0", "false", "off"}:
        return False
    shell = sys.modules.get("IPython")
    if shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None:
        return True
    return sys.stderr is not None and sys.stderr.isatty()


class _Bar:
    """Draw with tqdm, which knows notebook from terminal; imported when the first progress arrives."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, now: Progress) -> None:
        if self._bar is None:
            self._bar = passing_bar(total=now.total, unit="query")
        self._bar.total = now.total
        self._bar.set_postfix_str(f"{one_line(now.label)} · {now.pages} pages · {now.records:,} records", refresh=False)
        self._bar.update(now.done - self._bar.n)


def bar_class() -> Any:
    """Give tqdm's bar for where we are, a notebook or a terminal."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tqdm's own: it falls back to text where widgets are missing
        from tqdm.auto import tqdm
    return tqdm


def passing_bar(**options: Any) -> Any:
    """Give a bar that leaves nothing behind once it is closed at its end.

    A notebook's is taken out of the output too, where Voilà would say instead that a widget is missing.
    """
    kind = bar_class()
    notebook = sys.modules.get("tqdm.notebook")
    if notebook is None or not issubclass(kind, notebook.tqdm_notebook):
        return kind(leave=False, **options)
    bar = kind(leave=False, display=False, **options)
    from IPython.display import display

    shown = display(bar.container, display_id=True)  # type: ignore[no-untyped-call]  # IPython types none of it
    close = bar.close

    def closed() -> None:
        close()
        if bar.container.comm is None:  # at its end; one that was cut short stays, in red
            shown.update({"text/plain": ""}, raw=True)

    bar.close = closed
    return bar
