"""The form and the explorer where ipywidgets cannot be imported: one clear line, and everything but the clicking."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.client import Client
from truto_usage_nb.forms.code import Asking, fallback_html, first_state

__all__ = ["PlainExplorer", "PlainForm"]

_NO_WIDGETS = "ipywidgets is not installed, so there is nothing to click: pip install 'ipywidgets>=8.1' and start again"


class _Plain:
    """Show the line, and the code that does the same."""

    code: str

    def __repr__(self) -> str:
        return f"{_NO_WIDGETS}. The same as code:\n\n{self.code}"

    def _repr_html_(self) -> str:
        return fallback_html(_NO_WIDGETS, self.code)


class PlainForm(_Plain, Asking):
    """Hold a query as the form would: `state`, `query`, `code`, `to_report()`, and `load()`."""

    def __init__(self, client: Client | None = None, **defaults: Any) -> None:
        self.client = client if client is not None else Client()
        self.state = first_state(self.client, defaults)
        self.result: Any = None

    def load(self) -> Any:
        """Load what the state asks for, and give the frame."""
        self.result = self.client.fetch_usage(self.state.what, **self.state.options)
        return self.result.frame

    @property
    def frame(self) -> Any:
        """The frame of the last load; loads where there was none."""
        return self.load() if self.result is None else self.result.frame


class PlainExplorer(_Plain):
    """Say that there is nothing to click, and which call to begin with."""

    code = "tu.cost_per(frame, by=['model_id'], every='1d')"

    def __init__(self, frame: Any, **_: Any) -> None:
        self.frame = frame
