"""The form and the explorer where ipywidgets is not installed: one clear line, and everything but the clicking."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.client import Client
from truto_usage_nb.format import escape
from truto_usage_nb.forms.core import Asking, first_state

__all__ = ["NO_WIDGETS", "CostExplorer", "QueryForm", "without_widgets"]

NO_WIDGETS = "ipywidgets is not installed, so there is nothing to click: pip install 'ipywidgets>=8.1' and start again"


def without_widgets(bundle: Any, code: str) -> Any:
    """Add to what a widget shows a line and the code, for a front end that shows no widgets."""
    line = "This front end shows no widgets"
    bundle["text/html"] = fallback_html(line, code)
    bundle["text/plain"] = f"{line}. The same as code:\n\n{code}"
    return bundle


def fallback_html(line: str, code: str) -> str:
    """Write what stands where a widget cannot: a line that says so, and the code that does the same."""
    return f"<p>{escape(line)}. The same as code:</p><pre>{escape(code)}</pre>"


class QueryForm(Asking):
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

    def __repr__(self) -> str:
        return f"{NO_WIDGETS}. The same as code:\n\n{self.code}"

    def _repr_html_(self) -> str:
        return fallback_html(NO_WIDGETS, self.code)


class CostExplorer:
    """Say that there is nothing to click, and which functions do the same."""

    _CODE = "tu.cost_per(frame, by=['model_id'], every='1d')"

    def __init__(self, frame: Any, **_: Any) -> None:
        self.frame = frame

    @property
    def code(self) -> str:
        """Give a call to begin with."""
        return self._CODE

    def __repr__(self) -> str:
        return f"{NO_WIDGETS}. The same as code:\n\n{self.code}"

    def _repr_html_(self) -> str:
        return fallback_html(NO_WIDGETS, self.code)
