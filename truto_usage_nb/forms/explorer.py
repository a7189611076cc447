"""The cost explorer: cut a frame that is loaded, see table and chart, keep the code."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ipywidgets as w
import narwhals.stable.v2 as nw
import polars as pl
import traitlets as t

from truto_usage_nb import bridge
from truto_usage_nb.costs import closing_line, cost_per
from truto_usage_nb.costs.choices import MEASURES, by_columns
from truto_usage_nb.errors import InputError, UsageError, did_you_mean, hearing
from truto_usage_nb.forms.code import BUCKETS, check_cut, cut_code, cut_options, in_marimo, without_widgets
from truto_usage_nb.forms.controls import Choice, Picker
from truto_usage_nb.forms.look import (
    AT_FIRST_SECONDS,
    STYLE,
    Waiting,
    code_html,
    failure_html,
    heading,
    listing,
    markup,
    note_html,
    traceback_of,
)
from truto_usage_nb.forms.preview import bars, cost_rows, over_time, ready_to_draw
from truto_usage_nb.native import Native, collect, enter
from truto_usage_nb.outside import isolated, shown
from truto_usage_nb.schema import field

__all__ = ["CostExplorer"]

_NO_DIMENSIONS = {"id", "query_id", "charges_currency", "usage_unit"}
_FIRST = ("integration", "integrated_account_id", "product_name", "model_id", "surface", "user_email")


class _Answer(NamedTuple):
    """Hold a cost table, of which frame it is, what was asked for it, and what was told with it."""

    of: Native | None
    asked: tuple[Any, ...]
    table: pl.DataFrame
    said: list[str]


_NOTHING = _Answer(None, (), pl.DataFrame(), [])


class CostExplorer(w.VBox):  # type: ignore[misc]  # ipywidgets publishes no types
    """Cut the cost of a loaded frame by clicking: dimensions, measure, time bucket, top-N; table and chart follow.

    `frame` is any frame that the cost tables take; `name` is what the code calls it. Traits, to set and to observe:
    `by` (columns), `every` ("" for no bucket, else "1h", "1d", "1w", "1mo", "1q", "1y"), `measure` ("billed", "list",
    "payable"), `top`. `table` is the cost table of the frame's own kind, `code` the cell that makes it and the chart.
    Raises InputError for a column that is not there.

    >>> import truto_usage_nb as tu
    >>> explorer = tu.CostExplorer(tu.sandbox().load_usage("cursor", period="2026-09-14"), by=["model_id"])
    >>> print(explorer.code)
    table = tu.cost_per(usage, by=['model_id'])
    tu.plots.cost_bars(usage, ['model_id'], top=10)
    >>> explorer.table.columns[:3]
    ['model_id', 'currency', 'cost']
    """

    by = t.Any(())
    every = t.Enum(tuple(BUCKETS.values()), "")
    measure = t.Enum(MEASURES, "billed")
    top = t.Int(10, min=1)
    _arranging = True

    def __init__(
        self, frame: Any, by: str | Sequence[str] | None = None, *, name: str = "usage", **chosen: Any
    ) -> None:
        check_cut(name, chosen)
        self.frame, self.name = frame, name
        self._running: bridge.Running[None] | None = None
        self._native, self._answer = enter(frame), _NOTHING
        self._columns = _dimensions(self._native)
        self.dimensions = Picker("other columns", self._picked, filter_from=40)
        style = {"description_width": "140px"}
        self.bucket = w.Dropdown(options=list(BUCKETS.items()), description="a line for each", style=style)
        self.measured = w.Dropdown(options=MEASURES, description="measure", style=style)
        self.most = w.BoundedIntText(10, min=1, max=100, description="largest", style=style, layout={"width": "220px"})
        self.waiting = Waiting()
        self.shown, self.chart, self.kept = markup("", "tu-costs"), markup("", "tu-picture"), markup("", "tu-code")
        super().__init__(self._arranged())
        self.add_class("tu-form")
        self.dimensions.offer([Choice(each, isolated(each), _group(each)) for each in self._columns])
        for trait, control in (("every", self.bucket), ("measure", self.measured), ("top", self.most)):
            t.link((self, trait), (control, "value"))
        self.by = self._columns[:1] if by is None else by
        for trait, value in chosen.items():
            setattr(self, trait, value)
        self._arranging = False
        ready_to_draw()
        self._follow({})
        self._wait_at_first()

    @property
    def table(self) -> Any:
        """The cost table as chosen, of the frame's own kind; asks the frame anew."""
        return cost_per(self.frame, list(self.by), **self._options)

    @property
    def code(self) -> str:
        """Give the cell that makes the table and the chart."""
        return cut_code(self.name, self.by, self.every, self.measure, self.top)

    @property
    def _options(self) -> dict[str, Any]:
        return cut_options(self.every, self.measure)

    def wait(self) -> None:
        """Wait until table and chart have followed."""
        while self._running is not None and not self._running.wait(0.5):
            pass

    def _wait_at_first(self) -> None:
        if self._running is not None:
            self._running.wait(AT_FIRST_SECONDS)

    def close(self) -> None:
        if getattr(self, "_running", None) is not None:
            self._running.cancel()  # type: ignore[union-attr]
        super().close()

    @t.validate("by")
    def _known(self, proposal: Mapping[str, Any]) -> tuple[str, ...]:
        value, columns = proposal["value"], enter(self.frame).columns
        for each in (names := tuple(dict.fromkeys(by_columns(value)))):
            if each not in columns:
                raise InputError(f"the frame has no column {shown(each)}.{did_you_mean(each, columns)}")
        return names

    def _picked(self) -> None:
        try:
            self.by = self.dimensions.picked
        except InputError as problem:
            self.dimensions.say(problem.message, wrong=True)
            self.waiting.over()

    @t.observe("by", "every", "measure", "top")
    def _follow(self, _: Mapping[str, Any]) -> None:
        """Compute in the background; what was under way for an earlier choice is given up."""
        if self._arranging:
            return
        if self.dimensions.picked != self.by:
            self.dimensions.show(self.by)
        self.dimensions.say("")
        self.kept.value = code_html(self.code, "code that makes this table and chart")
        if self._running is not None:
            self._running.cancel()
        self._running = bridge.start(self._draw())
        self.waiting.over()

    async def _draw(self) -> None:
        try:
            table, chart = await asyncio.to_thread(self._look)
        except UsageError as problem:
            table, chart = listing([str(problem)]), ""
        except Exception as problem:  # noqa: BLE001  it is shown, where a thread would lose it
            table, chart = failure_html(f"{type(problem).__name__}: {problem}", traceback_of(problem)), ""
        self.shown.value, self.chart.value = table, chart

    def _look(self) -> tuple[str, str]:
        by, top, every, measure = list(self.by), self.top, self.every, self.measure
        table, said = self._asked(by)
        rows, left = cost_rows(table, by, top)
        notes = note_html(closing_line(table)) + note_html(left) + listing(said)
        with hearing():  # said above
            if every:
                seen = self._looked_at()
                chart = over_time(seen, by or None, table, top=top, every=every, measure=measure, ready=True)
            else:
                chart = bars(table, by, table, top=top, measure=measure, ready=True) if by else ""
        return rows + notes, chart

    def _asked(self, by: list[str]) -> tuple[pl.DataFrame, list[str]]:
        """The cost table as chosen and what was told with it; asked anew only where something else is chosen."""
        native, options = self._looked_at(), self._options
        asked, answer = (tuple(by), options), self._answer
        if answer.of is native and answer.asked == asked and native.kind == "polars":
            return answer.table, answer.said
        with hearing() as said:
            table = collect(enter(cost_per(native, by, **options)).frame)
        self._answer = _Answer(native, asked, table, said)
        return table, said

    def _looked_at(self) -> Native:
        """The frame with what was found of it; only of a polars frame is it known that nobody changes it meanwhile."""
        if self._native.original is not self.frame or self._native.kind != "polars":
            self._native = enter(self.frame)
        return self._native

    def _arranged(self) -> list[Any]:
        row = w.HBox([self.bucket, self.measured, self.most], layout={"flex_flow": "row wrap"})
        beside = w.HBox([self.chart, self.shown], layout={"flex_flow": "row wrap", "grid_gap": "4px 28px"})
        return [
            markup(STYLE), heading("Cost by"), self.dimensions.widget, row, self.waiting.widget,
            heading("What it comes to"), beside, heading("Code to keep"), self.kept,
        ]  # fmt: skip

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Give the widget, and for a front end that shows none a line and the code."""
        return without_widgets(super()._repr_mimebundle_(**options), self.code)

    def _mime_(self) -> tuple[str, str]:
        return in_marimo(self.code)

    def __repr__(self) -> str:
        return f"CostExplorer(by={list(self.by)!r}, every={self.every!r}, measure={self.measure!r}, top={self.top})"


def _group(column: str) -> str:
    """Give the part of the record that a column belongs to; a column of the user's own stands apart."""
    known = field(column)
    if known is None:
        return "Your own"
    part, dot, _ = known.path.partition(".")
    return part.capitalize() if dot else "Record"


def _dimensions(native: Native) -> list[str]:
    """Give the text columns that hold something, those people ask by first, then the user's own."""
    schema = native.frame.collect_schema()
    names = [name for name, dtype in schema.items() if dtype in (nw.String, nw.Categorical, nw.Enum)]
    names = [name for name in names if name not in _NO_DIMENSIONS and getattr(field(name), "dtype", "") != "JSON"]
    if not names:
        return []
    counts = collect(native.frame.select(nw.col(name).count() for name in names))
    held = [name for name in names if counts[name].fill_null(0).cast(pl.Int64).sum()]
    own = [name for name in held if field(name) is None]
    first = [name for name in _FIRST if name in held]
    return [*first, *own, *(name for name in held if name not in (*first, *own))]
