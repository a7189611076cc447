"""From an executed notebook to one HTML file, the same bytes for the same cells."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

__all__ = ["to_html"]

_HERE = Path(__file__).parent
_WIDGET = "application/vnd.jupyter.widget-view+json"


def to_html(notebook: Any, path: Path) -> Path:
    """Write the page; it appears whole or not at all."""
    from nbconvert import HTMLExporter

    exporter: Any = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="template", extra_template_basedirs=[str(_HERE)], embed_images=True, exclude_anchor_links=True
    )
    numbers = itertools.count()
    exporter.environment.globals["uuid4"] = lambda: f"id-{next(numbers)}"
    page, _ = exporter.from_notebook_node(_bare(notebook))
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    half.write_text(page, encoding="utf-8")
    half.replace(path)
    return path


def _bare(notebook: Any) -> Any:
    """Take out what differs from run to run, and widgets, which a page without scripts cannot show."""
    for name in ("papermill", "execution", "widgets"):
        notebook.metadata.pop(name, None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.pop("papermill", None)
        if "outputs" in cell:
            cell.outputs = [out for out in cell.outputs if _WIDGET not in out.get("data", {})]
    notebook.metadata["title"] = notebook.metadata.get("title", "Usage and cost")
    return notebook
