"""Forms: click a query together, see what it loads, and keep the code.

Nothing here is imported before a form is made.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from truto_usage_nb.errors import MissingExtraError
from truto_usage_nb.forms.state import FormState

if TYPE_CHECKING:
    from truto_usage_nb.forms.explorer import CostExplorer as CostExplorer
    from truto_usage_nb.forms.query_form import QueryForm as QueryForm

__all__ = ["CostExplorer", "FormState", "QueryForm"]

_HOMES = {"CostExplorer": "explorer", "QueryForm": "query_form"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if find_spec("ipywidgets") is None:
        raise MissingExtraError(f"{name} needs ipywidgets, which is not installed: pip install 'ipywidgets>=8.1'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
