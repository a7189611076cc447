"""The notebooks of `notebooks/`: what they hold, and what they show once `docs.site.running` has run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat


def read(path: Path) -> Any:
    """Give a notebook as it is kept."""
    return nbformat.read(path, as_version=4)


def code(notebook: Any) -> list[str]:
    """Give the source of the code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook: Any) -> str:
    """Give all text that the cells of an executed notebook show: what is printed, warned of and answered."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
