"""The notebooks of `notebooks/`, run as a reader runs them: top to bottom, in a fresh kernel that knows no token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbclient
import nbformat

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
SECONDS = 300


def notebooks() -> list[Path]:
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> Any:
    """Give a notebook as it is kept."""
    return nbformat.read(path, as_version=4)


def executed(path: Path, folder: Path) -> Any:
    """Run every cell in `folder` and give the notebook with its outputs; a failing cell raises with its source."""
    notebook = read(path)
    place = {"metadata": {"path": str(folder)}}
    return nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=place).execute()


def code(notebook: Any) -> list[str]:
    """Give the source of the code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook: Any) -> str:
    """Give all text that the cells of an executed notebook show: what is printed, warned of and answered."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
