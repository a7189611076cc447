"""The row with Run and Cancel: how far a load has come, and how it ended."""

from __future__ import annotations

import time

import ipywidgets as w

from truto_usage_nb.errors import UsageError
from truto_usage_nb.format import escape
from truto_usage_nb.forms.look import failure_html, listing, markup, note_html, traceback_of
from truto_usage_nb.forms.state import BACKENDS
from truto_usage_nb.jobs.progress import Progress
from truto_usage_nb.result import UsageResult

__all__ = ["RunRow"]

_EVERY_SECONDS = 0.1  # a front end is told ten times a second at most


class RunRow:
    """Hold the buttons `run` and `cancel`, the choice of `backend`, and what is `shown` of a load.

    `shown` is safe to set from any thread.
    """

    def __init__(self) -> None:
        self.run = w.Button(
            description="Run", button_style="primary", tooltip="load what the form asks for", icon="play"
        )
        self.cancel = w.Button(
            description="Cancel", disabled=True, tooltip="stop the load and its requests", icon="stop"
        )
        self.backend = w.ToggleButtons(
            options=BACKENDS, tooltips=["a polars DataFrame", "a pandas DataFrame, Arrow-backed"],
            style={"button_width": "72px"}, layout={"width": "auto"},
        )  # fmt: skip
        self.shown = markup("", "tu-status")
        self.run.add_class("tu-run")
        self.cancel.add_class("tu-cancel")
        self.backend.add_class("tu-backend")
        frame = markup('<span id="tu-frame-kind" class="tu-note">frame</span>')
        row = w.HBox([self.run, self.cancel, frame, self.backend], layout={"flex_flow": "row wrap", "grid_gap": "8px"})
        row.layout.align_items = "center"
        self.widget = w.VBox([row, self.shown], layout={"margin": "12px 0 0"})
        self._last = Progress(0, 0, 0, 0, "")
        self._next = 0.0

    def allow(self, *, run: bool, cancel: bool) -> None:
        self.run.disabled, self.cancel.disabled = not run, not cancel

    def began(self) -> None:
        self._last, self._next = Progress(0, 0, 0, 0, ""), 0.0
        self.allow(run=False, cancel=True)
        self.shown.value = _bar(self._last)

    def show(self, progress: Progress) -> None:
        """Show how far it has come; called for every page."""
        self._last = progress
        if (now := time.monotonic()) >= self._next or progress.done == progress.total:
            self._next = now + _EVERY_SECONDS
            self.shown.value = _bar(progress)

    def preparing(self) -> None:
        self.shown.value = f'{_bar(self._last)}<div class="tu-note">Adding up…</div>'

    def cancelled(self) -> None:
        last = self._last
        self.shown.value = listing(
            [f"Cancelled after {last.pages:,} pages and {last.records:,} records; nothing of it was kept."]
        )

    def failed(self, problem: BaseException) -> None:
        kind = "" if isinstance(problem, UsageError) else f"{type(problem).__name__}: "
        self.shown.value = failure_html(f"{kind}{problem}", traceback_of(problem))

    def done(self, result: UsageResult) -> None:
        pages = "page" if result.pages == 1 else "pages"
        head = f"<b>{result.polars.height:,} records</b> in {result.pages:,} {pages}"
        notes = "".join(note_html(text) for text in result.notes)
        self.shown.value = f'<div role="status" class="tu-done">{head}</div>{listing(result.told)}{notes}'


def _bar(now: Progress) -> str:
    done = f"{now.done:,} of {now.total:,} queries" if now.total else "asking"
    value = f' max="{now.total}" value="{now.done}"' if now.total else ""
    counts = f"{now.pages:,} pages · {now.records:,} records"
    at = f" · {escape(now.label)}" if now.label else ""
    return (
        f'<progress aria-label="load"{value}></progress> '
        f'<span class="tu-progress" role="status" title="{done}">{counts}{at}</span>'
    )
