"""The form: every control is a view of one plain value, `state`; then where all stands, the Run row and the pages."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as w
import traitlets as t

from truto_usage_nb import bridge
from truto_usage_nb.client import Client
from truto_usage_nb.errors import InputError, PartialLoadError, UsageError, hearing
from truto_usage_nb.format import escape
from truto_usage_nb.forms.code import Asking, first_state, in_marimo, without_widgets
from truto_usage_nb.forms.controls import Choosing, Fields, ParameterField, PeriodPicker, Picker, in_folds
from truto_usage_nb.forms.look import (
    AT_FIRST_SECONDS,
    STYLE,
    Fold,
    Waiting,
    code_html,
    failure_html,
    heading,
    listing,
    markup,
    note_html,
    traceback_of,
)
from truto_usage_nb.forms.lookups import Lookups
from truto_usage_nb.forms.preview import Preview, preview, ready_to_draw
from truto_usage_nb.forms.state import BACKENDS, Checked, FormState, and_, checked_fields
from truto_usage_nb.jobs.progress import Progress
from truto_usage_nb.outside import isolated
from truto_usage_nb.planning import DATED
from truto_usage_nb.query import PARAMETERS
from truto_usage_nb.result import UsageResult
from truto_usage_nb.unanswered import failures

__all__ = ["QueryForm"]


class QueryForm(Asking, w.VBox):  # type: ignore[misc]  # ipywidgets publishes no types
    """Click a query together, see what it loads, and keep the code.

    `client` is the one to ask (`Client()` when left out). `defaults` are what the form starts with: `accounts`,
    `period` (last month when left out), `backend`, `overhang`, `users`, `on_error`, and any parameter of `UsageQuery`.
    Traits, to set and to observe:

    - `state`: the `FormState` that the form shows; a field that is wrong is in `problems` and not in the state.
    - `result`: the `UsageResult` of the last run, None before it; `error`: what ended it instead, or, with
      `on_error="raise"`, took a part out of it. What did load is in `result` either way, and `frame` gives it.

    `query`, `code`, `to_report()` and `frame` follow from these. `run()` starts a load and returns at once, `cancel()`
    ends it, `wait()` waits, `load()` does all of it and gives the frame. Raises `InputError` where the form is wrong.

    >>> import truto_usage_nb as tu
    >>> form = tu.QueryForm(tu.sandbox(), accounts=["cursor"], period="2026-09-14")
    >>> form.query
    UsageQuery(integrated_account_id='cursor')
    >>> form.load().height == form.result.polars.height > 0
    True
    """

    state = t.Instance(FormState)
    result = t.Any(None)
    error = t.Any(None)
    _running: bridge.Running[None] | None = None
    _is_made = False  # a form may be closed half made

    def __init__(self, client: Client | None = None, **defaults: Any) -> None:
        self.client = client if client is not None else Client()
        state = first_state(self.client, defaults)
        self._lock = threading.RLock()  # answers arrive from the background
        self._showing = False
        self._problems: Mapping[str, str] = {}
        self._loaded: FormState | None = None
        self.fields = {
            name: ParameterField(each, self._edited)
            for name, each in PARAMETERS.items()
            if name != "integrated_account_id"
        }
        self.accounts = Picker("other accounts", self._edited)
        self.period = PeriodPicker(self.client.now, self._edited)
        self.row = _RunRow()
        self.choosing = Choosing(self.row.backend, self._edited)
        self.pages = _Pages()
        asking, advanced, dates = map(Fields, in_folds(self.fields.values()))
        self._dates = dates
        self._folds = {
            Fold("What to ask", _ASK, [asking.widget]): asking,
            Fold("Advanced", _ADVANCED, [advanced.widget]): advanced,
        }
        super().__init__(self._arranged())
        self.add_class("tu-form")
        self.row.run.on_click(lambda _: self._press())
        self.row.cancel.on_click(lambda _: self._press_cancel())
        self.row.backend.observe(lambda _: self._edited(), "value")
        self._lookups = Lookups(self.client, self._arrived)
        self.state = state
        self._is_made = True
        self._lookups.accounts()
        self._lookups.wait(AT_FIRST_SECONDS)

    @property
    def problems(self) -> Mapping[str, str]:
        return self._problems

    @property
    def frame(self) -> Any:
        """The frame of the last run, polars or pandas as the form says; raises `InputError` before there is one."""
        if self.result is None:
            raise InputError("nothing is loaded yet: press Run, or call form.load()")
        return self.result.to_pandas() if self.state.backend == "pandas" else self.result.polars

    @property
    def is_running(self) -> bool:
        """Whether a load is under way."""
        return self._running is not None and not self._running.is_done

    def run(self) -> None:
        """Start loading what the form says, and return at once."""
        state = self._asked()
        if self.is_running:
            raise InputError("a load is under way: cancel() it, or wait() for it")
        self.result = self.error = None
        self.pages.clear()
        self.row.began()
        ready_to_draw()
        self._running = bridge.start(self._load(state), self._ended)

    def cancel(self) -> None:
        """End the load that is under way, and its requests with it."""
        if self._running is not None:
            self._running.cancel()

    def wait(self) -> None:
        """Wait until nothing of the form is under way."""
        while not ((self._running is None or self._running.wait(0.5)) and self._lookups.wait(0.5)):
            pass

    def load(self) -> Any:
        """Load what the form says, and give the frame or raise what went wrong."""
        self.run()
        self.wait()
        if self.error is not None:
            raise self.error
        return self.frame

    def close(self) -> None:
        """End what is under way, and take the form off the page."""
        self.cancel()
        if self._is_made:
            self._lookups.cancel()
        super().close()

    async def _load(self, state: FormState) -> None:
        try:
            with hearing():  # the form shows what is told
                result, lost = await self._fetched(state)
        except Exception as problem:  # noqa: BLE001  it is shown and kept, where a thread would lose it
            self.error = problem
            self.row.failed(problem)
            return
        self.row.preparing()
        try:
            seen = await asyncio.to_thread(preview, result.polars)
            self._lookups.offers.learn(result.polars, PARAMETERS.values())
        except Exception as problem:  # noqa: BLE001  the records are there all the same
            seen = Preview(
                "", failure_html(f"No look at it: {type(problem).__name__}: {problem}", traceback_of(problem)), ""
            )
        with self._lock:
            self._loaded, self.result, self.error = state, result, lost
            self.row.done(result)
            self.pages.show(seen)
            self._refresh()

    async def _fetched(self, state: FormState) -> tuple[UsageResult, UsageError | None]:
        """Load what the form says; where only a part failed, give the rest, whose gaps say it, and what ended it.

        One account is asked to the end, so that the gaps name all that is missing, and not what failed first.
        """
        single = len(state.accounts) < 2
        options = {**state.options, "on_error": "warn"} if single else state.options
        try:
            result = await self.client.afetch_usage(state.what, progress=self.row.show, **options)
        except PartialLoadError as problem:
            if problem.result is None:
                raise
            return problem.result, problem
        return result, next(iter(result.errors.values()), None) if state.on_error == "raise" else None

    def _ended(self, cancelled: bool) -> None:
        if cancelled:
            self.row.cancelled()
        self.row.allow(run=not self._problems, cancel=False)

    def _press(self) -> None:
        if not self.is_running and not self._problems:
            self.run()
        self.row.waiting.over()

    def _press_cancel(self) -> None:
        self.cancel()
        self.row.waiting.over()

    def _arrived(self) -> None:
        """Show what a lookup brought."""
        with self._lock:
            if self.accounts.choices != self._lookups.choices:
                self.accounts.offer(self._lookups.choices)
            self._refresh()

    @t.observe("state")
    def _show(self, change: Mapping[str, Any]) -> None:
        """Show a state in every control."""
        state: FormState = change["new"]
        with self._lock:
            if self._showing:
                return
            self._showing = True
            try:
                self.accounts.show(state.accounts)
                self.period.show(state.period)
                self.choosing.show(state)
                self.row.backend.value = state.backend
                for name, field in self.fields.items():
                    field.show(getattr(state.query, name))
            finally:
                self._showing = False
            self._refresh()

    def _edited(self) -> None:
        """Read the controls again after one of them was changed."""
        with self._lock:
            if not self._showing:
                self._take_dates_out()
                self._refresh()
                self.row.waiting.over()

    def _take_dates_out(self) -> None:
        """Empty the parameters that a period takes the place of, or else what only a period gives a meaning."""
        self._showing = True
        try:
            for name in DATED if self.period.is_chosen else ():
                self.fields[name].show(None)
            if not self.period.is_chosen:
                self.choosing.empty()
        finally:
            self._showing = False

    def _refresh(self) -> None:
        """Take the state from the controls, and say beside each what is wrong with it or why it does not act."""
        checked = self._checked()
        self._problems = checked.problems
        if checked.state is not None and checked.state != self.state:
            self._showing = True
            try:
                self.state = checked.state
            finally:
                self._showing = False
        self._say(checked)
        self._lookups.products(self.accounts.picked)

    def _checked(self) -> Checked:
        fields = {name: field.read for name, field in self.fields.items()}
        return checked_fields(
            fields,
            lambda: self.accounts.picked,
            self.period.read,
            {"backend": self.row.backend.value, **self.choosing.read()},
        )

    def _say(self, checked: Checked) -> None:
        integrations = [self._lookups.integration(each) for each in self.accounts.picked]
        has_period = self.period.is_chosen
        for name, field in self.fields.items():
            known = self._lookups.known_products() if name == "product_ids" else ""
            field.offer(self._lookups.offers.of(field.parameter), known)
        for each in (self._dates, *self._folds.values()):
            each.say(checked.problems, integrations, has_period=has_period)
        for fold, each in self._folds.items():
            text, is_wrong = each.held(checked.problems)
            fold.say(text, wrong=is_wrong)
        wrong = checked.problems.get("accounts")
        self.accounts.say(wrong or self._lookups.note(self.accounts.picked), wrong=wrong is not None)
        self.period.say(checked.problems.get("period"))
        self.choosing.say(self.state, integrations, has_period=has_period)
        self.row.allow(run=not checked.problems, cancel=self.is_running)
        stale = self.result is not None and self._loaded is not None and not _same_load(self._loaded, self.state)
        self.pages.say(list(checked.problems.values()), stale=stale)
        if not checked.problems:
            self.pages.keep(self.code, self.to_report())

    def _arranged(self) -> list[Any]:
        """Give the children, in order: accounts, period and Run; what else there is opens between them."""
        asking, advanced = (each.widget for each in self._folds)
        return [
            markup(STYLE), heading("Accounts"), self.accounts.widget,
            heading("Period"), self.period.widget, self._dates.widget,
            asking, self.choosing.fold.widget, advanced, self.row.widget, self.pages.widget,
        ]  # fmt: skip

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Give the widget, and for a front end that shows none a line and the code."""
        return without_widgets(super()._repr_mimebundle_(**options), self._code_or_why())

    def _mime_(self) -> tuple[str, str]:
        return in_marimo(self._code_or_why())

    def _code_or_why(self) -> str:
        return self.code if not self._problems else "; ".join(self._problems.values())

    def __repr__(self) -> str:
        return f"QueryForm({self.state!r})"


def _same_load(one: FormState, other: FormState) -> bool:
    return replace(one, backend=other.backend) == other


_ASK = "report type, models, people, surfaces, groups, limit"
_ADVANCED = "formats, the provider’s own parameters, excluded fields, cursor and page"


class _Pages:
    """Hold what stands under the Run row: the head of the frame, costs, and the code to keep."""

    def __init__(self) -> None:
        self.head, self.costs, self.chart = markup("", "tu-head"), markup("", "tu-costs"), markup("", "tu-picture")
        self.told, self.code, self.report = markup("", "tu-attention"), markup("", "tu-code"), markup("", "tu-report")
        as_report = Fold("The same as a report", "one page to hand on", [self.report])
        beside = w.HBox([self.chart, self.costs], layout={"flex_flow": "row wrap", "grid_gap": "4px 28px"})
        self.widget = w.VBox([self.told, beside, self.head, heading("Code to keep"), self.code, as_report.widget])

    def clear(self) -> None:
        self.head.value = self.costs.value = self.chart.value = ""

    def show(self, seen: Preview) -> None:
        self.head.value, self.costs.value, self.chart.value = seen.head, seen.costs, seen.chart

    def say(self, problems: Sequence[str], *, stale: bool) -> None:
        """Say that the result is of an earlier form; and what stands in the way of code, in the place of the code."""
        old = ["What is shown below was loaded before the last change; press Run."]
        self.told.value = listing(old if stale and not problems else [])
        if problems:
            self.code.value = note_html("The code waits for the form: " + "; ".join(problems), wrong=True, quiet=True)
            self.report.value = ""

    def keep(self, code: str, report: str) -> None:
        self.code.value = code_html(code, "code that loads the same frame")
        self.report.value = code_html(report, "code that renders a report")


_EVERY_SECONDS = 0.1  # a front end is told ten times a second at most


class _RunRow:
    """Hold the buttons `run` and `cancel`, the choice of `backend`, and what is `shown` of a load.

    `shown` is safe to set from any thread. Run stays as it is while a load is under way, so that the keyboard keeps its
    place; pressed again, it does nothing.
    """

    def __init__(self) -> None:
        self.run = w.Button(
            description="Run", button_style="primary", tooltip="load what the form asks for", icon="play"
        )
        self.cancel = w.Button(
            description="Cancel", disabled=True, tooltip="stop the load and its requests", icon="stop"
        )
        self.backend = w.Dropdown(
            options=BACKENDS, description="frame", tooltip="a polars DataFrame, or a pandas one, Arrow-backed",
            style={"description_width": "140px"}, layout={"width": "auto"},
        )  # fmt: skip
        self.waiting = Waiting()
        self.shown = markup("", "tu-status")
        self.run.add_class("tu-run")
        self.cancel.add_class("tu-cancel")
        row = w.HBox([self.run, self.cancel, self.waiting.widget], layout={"flex_flow": "row wrap", "grid_gap": "8px"})
        row.layout.align_items = "center"
        self.widget = w.VBox([row, self.shown], layout={"margin": "12px 0 0"})
        self._last = Progress(0, 0, 0, 0, "")
        self._next = 0.0

    def allow(self, *, run: bool, cancel: bool) -> None:
        self.run.disabled, self.cancel.disabled = not run, not cancel

    def began(self) -> None:
        self._last, self._next = Progress(0, 0, 0, 0, ""), 0.0
        self.allow(run=True, cancel=True)
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
        told = listing(each for each in result.told if each not in result.gaps)
        notes = "".join(note_html(text) for text in result.notes)
        self.shown.value = f'{_gaps_html(result)}<div role="status" class="tu-done">{head}</div>{told}{notes}'


def _gaps_html(result: UsageResult) -> str:
    """Say what did not load, before anything that did: each account once, with the reason."""
    if not result.gaps:
        return ""
    failed, others = failures(result.queries, result.gaps)
    names = dict.fromkeys(isolated(str(each.query.integrated_account_id or "the token’s account")) for each in failed)
    who = f"{and_(list(names))} did" if names else "a part did"
    reasons = dict.fromkeys([*(each.reason for each in failed), *others])
    said = f"Incomplete: {who} not load, or not wholly. What is shown is without it."
    return f'<div class="tu-failed tu-gap" role="alert"><b>{escape(said)}</b>{listing(reasons)}</div>'


def _bar(now: Progress) -> str:
    done = f"{now.done:,} of {now.total:,} queries" if now.total else "asking"
    value = f' max="{now.total}" value="{now.done}"' if now.total else ""
    counts = f"{now.pages:,} pages · {now.records:,} records"
    at = f" · {escape(isolated(now.label))}" if now.label else ""
    return (
        f'<progress aria-label="load"{value}></progress> <span class="tu-progress" title="{done}">{counts}{at}</span>'
    )
