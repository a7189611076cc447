"""Where everything stands: sections in the order of reading and of the Tab key, and the pages under the Run row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as w

from truto_usage_nb.forms.fields import Field
from truto_usage_nb.forms.look import STYLE, code_html, listing, markup, note_html
from truto_usage_nb.forms.picking import Picker
from truto_usage_nb.forms.preview import Preview
from truto_usage_nb.forms.running import RunRow

__all__ = ["Pages", "arrange", "heading"]

_ADVANCED = "Advanced: formats, the provider’s own parameters, excluded fields, cursor and page, dates as they are"


class Pages:
    """Hold what stands under the Run row: the head of the frame, costs, and the code to keep."""

    def __init__(self) -> None:
        self.head, self.costs, self.chart = markup("", "tu-head"), markup("", "tu-costs"), markup("", "tu-picture")
        self.told, self.code, self.report = markup("", "tu-attention"), markup("", "tu-code"), markup("", "tu-report")
        beside = w.HBox([self.costs, self.chart], layout={"flex_flow": "row wrap", "grid_gap": "4px 28px"})
        self.widget = w.VBox([self.told, self.head, beside, heading("Code to keep"), self.code, self.report])

    def clear(self) -> None:
        self.head.value = self.costs.value = self.chart.value = ""

    def show(self, seen: Preview) -> None:
        self.head.value, self.costs.value, self.chart.value = seen.head, seen.costs, seen.chart

    def say(self, problems: Sequence[str], *, stale: bool) -> None:
        """Say that the result is of an earlier form; and what stands in the way of code, in the place of the code."""
        old = ["What is shown below was loaded before the last change; press Run."]
        self.told.value = listing(old if stale and not problems else [])
        if problems:
            self.code.value = note_html("The code waits for the form: " + "; ".join(problems), wrong=True)
            self.report.value = ""

    def keep(self, code: str, report: str) -> None:
        self.code.value = code_html(code, "code that loads the same frame")
        inner = code_html(report, "code that renders a report")
        self.report.value = f"<details><summary>The same as a report</summary>{inner}</details>"


def arrange(
    accounts: Picker,
    period: Any,
    *,
    fields: Sequence[Field],
    advanced: Sequence[Field],
    row: RunRow,
    pages: Pages,
) -> list[Any]:
    """Give the children of the form, in order."""
    closed = w.Accordion([_grid(advanced)], titles=(_ADVANCED,), selected_index=None)
    return [
        markup(STYLE), heading("Accounts"), accounts.widget, heading("Period"), period,
        heading("What to ask"), _grid(fields), closed, row.widget, pages.widget,
    ]  # fmt: skip


def _grid(fields: Sequence[Field]) -> Any:
    columns = "repeat(auto-fit, minmax(min(100%, 400px), 1fr))"
    return w.GridBox([each.box for each in fields], layout={"grid_template_columns": columns, "grid_gap": "2px 28px"})


def heading(text: str) -> Any:
    return markup(f"<h3>{text}</h3>")
