"""Forms: click a query together, see what it loads, and keep the code.

Nothing here is imported before a form is made. Where ipywidgets is missing, `QueryForm` and `CostExplorer` say so in
one line and do everything but the clicking.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from truto_usage_nb.forms.state import FormState

if TYPE_CHECKING:
    from truto_usage_nb.forms.explorer import CostExplorer as CostExplorer
    from truto_usage_nb.forms.query_form import QueryForm as QueryForm

__all__ = ["CostExplorer", "FormState", "QueryForm"]

_HOMES = {"CostExplorer": ("explorer", "PlainExplorer"), "QueryForm": ("query_form", "PlainForm")}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, plain = _HOMES[name]
    if find_spec("ipywidgets") is None:
        return getattr(import_module(f"{__name__}.plain"), plain)
    return getattr(import_module(f"{__name__}.{home}"), name)
