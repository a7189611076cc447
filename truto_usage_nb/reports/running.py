"""Put parameters into a notebook and run its cells in a kernel that knows no token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from truto_usage_nb.errors import InputError, MissingExtraError, UsageError, did_you_mean

__all__ = ["execute", "with_parameters"]

_TAG = "parameters"
_SECONDS = 600


def with_parameters(path: Path, parameters: dict[str, Any]) -> Any:
    """Give the notebook with its `parameters` cell followed by these; an unknown parameter is an `InputError`."""
    papermill = _import("papermill")
    known = papermill.inspect_notebook(str(path))
    for name in parameters:
        if name not in known:
            raise InputError(
                f"report {path.stem!r} has no parameter {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}"
            )
    notebook = papermill.iorw.load_notebook_node(str(path))
    notebook = papermill.parameterize.parameterize_notebook(notebook, parameters)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # an injected cell has a random one, which would show in the page
    return notebook


def execute(notebook: Any, folder: Path) -> Any:
    """Run every cell in a fresh kernel; a failing cell is a `UsageError` that shows its source and its error."""
    nbclient = _import("nbclient")
    client = nbclient.NotebookClient(
        notebook,
        timeout=_SECONDS,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        return client.execute(env=_environment())
    except nbclient.exceptions.CellExecutionError as problem:
        raise UsageError(f"a cell of the report failed: {problem.ename}: {problem.evalue}\n{problem}") from None


def _environment() -> dict[str, str]:
    """Give the kernel's environment: nothing of the service's, and what makes a page the same every time."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRUTO_")}
    return {**kept, "SOURCE_DATE_EPOCH": "0", "PYTHONWARNINGS": "default", "TRUTO_USAGE_PROGRESS": "off"}


def _import(name: str) -> Any:
    from importlib import import_module

    try:
        if name == "papermill":
            import_module("papermill.iorw")
            import_module("papermill.parameterize")
        return import_module(name)
    except ImportError as problem:
        raise MissingExtraError(
            f"reports need {name} ({problem}); install it: pip install 'truto-usage-nb[reports]'"
        ) from None
