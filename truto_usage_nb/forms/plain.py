"""The form and the explorer where ipywidgets cannot be imported: one clear line, and everything but the clicking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from truto_usage_nb.client import Client
from truto_usage_nb.costs import cost_per
from truto_usage_nb.costs.choices import by_columns
from truto_usage_nb.errors import PartialLoadError
from truto_usage_nb.forms.code import (
    Asking,
    check_cut,
    cut_code,
    cut_options,
    fallback_html,
    fallback_text,
    first_state,
)

__all__ = ["PlainExplorer", "PlainForm"]

_NO_WIDGETS = "ipywidgets is not installed, so there is nothing to click: pip install 'ipywidgets>=8.1' and start again"


class _Plain:
    """Show the line, and the code that does the same."""

    code: str

    def __repr__(self) -> str:
        return fallback_text(_NO_WIDGETS, self.code)

    def _repr_html_(self) -> str:
        return fallback_html(_NO_WIDGETS, self.code)


class PlainForm(_Plain, Asking):
    """Hold a query as the form would: `state`, `query`, `code`, `to_report()`, `load()`, `result` and `error`."""

    def __init__(self, client: Client | None = None, **defaults: Any) -> None:
        self.client = client if client is not None else Client()
        self.state = first_state(self.client, defaults)
        self.result: Any = None
        self.error: PartialLoadError | None = None

    def load(self) -> Any:
        """Load what the state asks for, and give the frame; where only some failed, `result` has the others."""
        self.result = self.error = None
        try:
            self.result = self.client.fetch_usage(self.state.what, **self.state.options)
        except PartialLoadError as problem:
            self.result, self.error = problem.result, problem
            raise
        return self.result.frame

    @property
    def frame(self) -> Any:
        """The frame of the last load; loads where there was none."""
        return self.load() if self.result is None else self.result.frame


class PlainExplorer(_Plain):
    """Hold what the explorer would be told: `table` is the cost table as chosen, `code` the cell that makes it."""

    def __init__(
        self, frame: Any, by: str | Sequence[str] | None = None, *, name: str = "usage", **chosen: Any
    ) -> None:
        check_cut(name, chosen)
        self.frame, self.name = frame, name
        self.by = tuple(by_columns("model_id" if by is None else by))
        self.every, self.measure, self.top = (
            chosen.get(each, usual) for each, usual in (("every", ""), ("measure", "billed"), ("top", 10))
        )

    @property
    def table(self) -> Any:
        """The cost table as chosen, of the frame's own kind."""
        return cost_per(self.frame, list(self.by), **cut_options(self.every, self.measure))

    @property
    def code(self) -> str:  # type: ignore[override]  # it follows what is chosen
        """Give the cell that makes the table and the chart."""
        return cut_code(self.name, self.by, self.every, self.measure, self.top)
