"""From an executed notebook to one HTML file, the same bytes for the same cells."""

from __future__ import annotations

import itertools
import re
from functools import cache
from pathlib import Path
from typing import Any

from truto_usage_nb.reports.shelf import library
from truto_usage_nb.reports.steady import steady
from truto_usage_nb.writing import write_file

__all__ = ["prepare", "to_html"]

_HERE = Path(__file__).parent
_HEADING = re.compile(r"<h2(?: id=\"[^\"]*\")?>(.*?)</h2>", re.DOTALL)
_TITLE = re.compile(r"^# +(.+)$", re.MULTILINE)
_CONTENTS = "<!-- contents -->"
_TAGS = re.compile(r"<[^>]+>")


def prepare() -> None:
    """Read the template, so that it is at hand when the cells are done."""
    _exporter().from_notebook_node(library("nbformat").v4.new_notebook())


def to_html(notebook: Any, path: Path, folder: Path) -> Path:
    """Write the page; it appears whole or not at all. Pictures that its text names are looked for in `folder`."""
    exporter = _exporter()
    numbers = itertools.count()
    exporter.environment.globals["uuid4"] = lambda: f"id-{next(numbers)}"
    css = (_HERE / "template" / "page.css").read_text(encoding="utf-8")
    title = _title(notebook)
    resources = {"metadata": {"path": str(folder), "name": title}, "page_css": css, "page_title": title}
    page, _ = exporter.from_notebook_node(steady(notebook), resources=resources)
    content = _with_contents(page).encode()
    return write_file(path, lambda file: file.write(content))


@cache
def _exporter() -> Any:
    """Make nbconvert's exporter without its last step, which reads the finished page again, tag by tag, to add what our
    template has or does not need: on a page of many tables that takes longer than all the rest."""
    nbconvert = library("nbconvert")

    class Page(nbconvert.HTMLExporter):  # type: ignore[misc, name-defined]
        def from_notebook_node(self, nb: Any, resources: Any = None, **options: Any) -> Any:
            return nbconvert.TemplateExporter.from_notebook_node(self, nb, resources, **options)

    return Page(
        template_name="template",
        extra_template_basedirs=[str(_HERE)],
        embed_images=True,
        exclude_anchor_links=True,
    )


def _title(notebook: Any) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := _TITLE.search(cell.source)):
            return found[1].strip()
    return str(notebook.metadata.get("title", "Report"))


def _with_contents(page: str) -> str:
    """Name the second-level headings, and list them where the template left room for it."""
    links: list[str] = []

    def named(found: re.Match[str]) -> str:
        plain = _TAGS.sub("", found[1]).strip()
        name = f"{len(links) + 1}-{re.sub(r'[^a-z0-9]+', '-', plain.lower()).strip('-')}"
        links.append(f'<li><a href="#{name}">{plain}</a></li>')
        return f'<h2 id="{name}">{found[1]}</h2>'

    page = _HEADING.sub(named, page)
    listed = f'<nav class="contents" aria-label="Contents"><ol>{"".join(links)}</ol></nav>' if links else ""
    return page.replace(_CONTENTS, listed, 1)
