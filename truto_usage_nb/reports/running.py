"""Put parameters into a notebook and run its cells in a kernel that knows no token."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from truto_usage_nb.errors import UsageError
from truto_usage_nb.reports.shelf import Notebook, library
from truto_usage_nb.reports.steps import ShowStep, Step
from truto_usage_nb.secret import Secret, masked

__all__ = ["execute", "kernel", "quiet_environment", "with_parameters"]

_SECONDS = 600
_WARM = "exec('from truto_usage_nb.reports.parts.warming import warm; warm()', {})"
"""In a namespace of its own: a notebook sees no name that it did not make."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def with_parameters(notebook: Notebook, parameters: dict[str, Any]) -> Any:
    """Give the notebook with its `parameters` cell followed by these."""
    papermill = library("papermill")
    made = papermill.iorw.load_notebook_node(str(notebook.path))
    if parameters:
        made = papermill.parameterize.parameterize_notebook(made, parameters, kernel_name="python3", language="python")
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"  # an injected cell has a random one, which would show in the page
    return made


@asynccontextmanager
async def kernel(*, warm: bool) -> AsyncIterator[Any]:
    """Start a kernel and give the client that executes notebooks in it, once it answers.

    `warm` has it import what a report's parts need, so that it does when the figures come.
    """
    library("ipykernel")
    transport = {"transport": "ipc"} if os.name == "posix" else {}  # reached through files, not ports
    manager = library("jupyter_client").AsyncKernelManager(kernel_name="python3", **transport)
    arguments = ["--log-level=CRITICAL"]  # a kernel that is told to end has nothing to add
    arguments += [f"--IPKernelApp.exec_lines={_WARM}"] if warm else []
    await manager.start_kernel(env=quiet_environment(), extra_arguments=arguments)
    try:
        yield await _answering(manager)
    finally:
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)


async def _answering(manager: Any) -> Any:
    """Import, while the kernel does the same, what is needed once it answers, and wait for that."""
    for name in ("nbclient", "papermill", "nbconvert"):
        library(name)
    client = library("nbclient").NotebookClient(
        library("nbformat").v4.new_notebook(),
        km=manager,
        shutdown_kernel="immediate",
        timeout=_SECONDS,
        store_widget_state=False,
        resources={"metadata": {"path": os.getcwd()}},
    )
    await client.async_start_new_kernel_client()
    return client


async def execute(notebook: Any, show: ShowStep, client: Any) -> Any:
    """Run every cell in a kernel; a failing cell is a `UsageError` that shows its source and its error."""
    nbclient = library("nbclient")
    client.nb, client.on_cell_start = notebook, _telling(notebook, show)
    try:
        return await client.async_execute(cleanup_kc=False)  # whoever started the kernel ends it
    except nbclient.exceptions.CellExecutionError as problem:
        told = _COLOUR.sub("", str(problem))
        raise UsageError(f"a cell of the report failed: {problem.ename}: {problem.evalue}\n{told}") from None
    except nbclient.exceptions.CellTimeoutError as problem:
        raise UsageError(f"a cell of the report took longer than {_SECONDS} seconds\n{problem}") from None
    except nbclient.exceptions.DeadKernelError:
        raise UsageError("the report's kernel died, perhaps of too little memory; ask for a shorter period") from None


def _telling(notebook: Any, show: ShowStep) -> Callable[..., None]:
    """Tell the heading above each cell as the cell starts."""
    labels, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = re.findall(r"^#+ +(.+)$", cell.source, flags=re.MULTILINE)
            heading = found[-1] if found else heading
        labels.append(heading)

    def tell(*, cell_index: int, **_: Any) -> None:
        with suppress(IndexError):
            show(Step("run", cell_index, len(labels), labels[cell_index]))

    return tell


def quiet_environment() -> dict[str, str]:
    """Give a child's environment: nothing of the service's, no token under whatever name, and what makes a page the
    same every time."""
    token = Secret(os.environ.get("TRUTO_API_TOKEN", "").strip())
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TRUTO_") and masked(value) == value and (token.is_empty or value != token.reveal())
    }
    return {**kept, "SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "0"}
