"""The form: every control is a view of one plain value, `state`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ipywidgets as w
import traitlets as t

from truto_usage_nb import bridge
from truto_usage_nb.client import Client
from truto_usage_nb.errors import InputError, PartialLoadError, hearing
from truto_usage_nb.forms.checking import Checked, check, standing
from truto_usage_nb.forms.choosing import Choosing
from truto_usage_nb.forms.core import Asking, first_state
from truto_usage_nb.forms.fields import Field, is_advanced
from truto_usage_nb.forms.layout import Pages, arrange
from truto_usage_nb.forms.lookups import Lookups
from truto_usage_nb.forms.period import PeriodPicker
from truto_usage_nb.forms.picking import Picker
from truto_usage_nb.forms.plain import without_widgets
from truto_usage_nb.forms.preview import preview
from truto_usage_nb.forms.running import RunRow
from truto_usage_nb.forms.state import FormState
from truto_usage_nb.planning import DATED
from truto_usage_nb.query import PARAMETERS
from truto_usage_nb.result import UsageResult

__all__ = ["QueryForm"]


class QueryForm(Asking, w.VBox):  # type: ignore[misc]  # ipywidgets publishes no types
    """Click a query together, see what it loads, and keep the code.

    `client` is the one to ask (`Client()` when left out). `defaults` are what the form starts with: `accounts`,
    `period` (last month when left out), `backend`, `overhang`, `users`, `on_error`, and any parameter of `UsageQuery`.
    Traits, to set and to observe:

    - `state`: the `FormState` that the form shows; a field that is wrong is in `problems` and not in the state.
    - `result`: the `UsageResult` of the last run, None before it; `error`: what ended it instead, or took some accounts
      out of it.

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
            name: Field(each, self._edited) for name, each in PARAMETERS.items() if name != "integrated_account_id"
        }
        self.accounts = Picker("other accounts", self._edited)
        self.period = PeriodPicker(self.client.now, self._edited)
        self.choosing = Choosing(self._edited)
        self.row = RunRow()
        self.pages = Pages()
        plain = [each for each in self.fields.values() if not is_advanced(each.parameter)]
        rest = [each for each in self.fields.values() if is_advanced(each.parameter)]
        when = w.VBox([self.period.widget, self.choosing.widget])
        super().__init__(arrange(self.accounts, when, fields=plain, advanced=rest, row=self.row, pages=self.pages))
        self.add_class("tu-form")
        self.row.run.on_click(lambda _: self._press())
        self.row.cancel.on_click(lambda _: self.cancel())
        self.row.backend.observe(lambda _: self._edited(), "value")
        self._lookups = Lookups(self.client, self._arrived)
        self.state = state
        self._is_made = True
        self._lookups.accounts()

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
            self.row.preparing()
            seen = await asyncio.to_thread(preview, result.polars)
            self._lookups.offers.learn(result.polars, PARAMETERS.values())
        except Exception as problem:  # noqa: BLE001  it is shown and kept, where a thread would lose it
            self.error = problem
            self.row.failed(problem)
        else:
            with self._lock:
                self._loaded, self.result, self.error = state, result, lost
                self.row.done(result)
                self.pages.show(seen)
                self._refresh()

    async def _fetched(self, state: FormState) -> tuple[UsageResult, PartialLoadError | None]:
        """Load what the form says; where only some accounts failed, give the others, whose gaps say it."""
        try:
            return await self.client.afetch_usage(state.what, progress=self.row.show, **state.options), None
        except PartialLoadError as problem:
            if problem.result is None:
                raise
            return problem.result, problem

    def _ended(self, cancelled: bool) -> None:
        if cancelled:
            self.row.cancelled()
        self.row.allow(run=not self._problems, cancel=False)

    def _press(self) -> None:
        if not self.is_running and not self._problems:
            self.run()

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
        return check(
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
            field.say(checked.problems.get(name), standing(field.parameter, integrations, has_period=has_period))
        wrong = checked.problems.get("accounts")
        self.accounts.say(wrong or self._lookups.note(self.accounts.picked), wrong=wrong is not None)
        self.period.say(checked.problems.get("period"))
        self.choosing.say(integrations, has_period=has_period)
        self.row.allow(run=not checked.problems and not self.is_running, cancel=self.is_running)
        stale = self.result is not None and self._loaded is not None and not _same_load(self._loaded, self.state)
        self.pages.say(list(checked.problems.values()), stale=stale)
        if not checked.problems:
            self.pages.keep(self.code, self.to_report())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Give the widget, and for a front end that shows none a line and the code."""
        code = self.code if not self._problems else "; ".join(self._problems.values())
        return without_widgets(super()._repr_mimebundle_(**options), code)

    def __repr__(self) -> str:
        return f"QueryForm({self.state!r})"


def _same_load(one: FormState, other: FormState) -> bool:
    return replace(one, backend=other.backend) == other
