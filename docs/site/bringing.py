"""Bring to the site what is written elsewhere: tutorials as they ran, the reference, and the repository's own pages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from docs.site import face, running
from docs.site.tables import TABLES

DOCS = running.ROOT / "docs"
TUTORIALS = DOCS / "tutorials"
API = DOCS / "reference" / "api"
_ELSEWHERE = {
    "README.md": "/index.md",
    "CHANGELOG.md": "/project/changelog.md",
    "CONTRIBUTING.md": "/project/contributing.md",
    "SECURITY.md": "/project/security.md",
}
"""Where the site has the pages that lie at the repository's root."""


def tutorials() -> None:
    """Write each notebook with what it showed, the slowest first to run."""
    paths = running.notebooks()
    running.run_beside(sorted(paths, key=lambda path: -path.stat().st_size))
    for path in paths:
        tutorial(path)


def tutorial(path: Path) -> None:
    """Write a notebook in a form that a page can hold."""
    runs, left = running.outcome(path)
    if left:
        raise RuntimeError(f"{path.name} leaves behind {left}.")
    runs[0].metadata.pop("widgets", None)  # the state of forms that stand on the page as text
    for cell in runs[0].cells:
        if cell.cell_type == "code":
            cell.outputs = [shown for output in cell.outputs if (shown := still(output)) is not None]
        cell.source = cell.source.replace("](../docs/images/", "](../images/")
    write(TUTORIALS / path.name, nbformat.writes(runs[0]))


def still(output: Any) -> Any:
    """Give an output as a page without scripts shows it: no progress that has passed, no widget, no kernel's path."""
    if output.output_type == "stream":
        output.text = re.sub(r"^\S*ipykernel_\d+\S*: (UsageWarning: .*\n)(?:  .*\n)?", r"\1", output.text, flags=re.M)
        return output if output.text.strip() else None
    data = output.get("data", {})
    data.pop("application/vnd.jupyter.widget-view+json", None)
    return output if any(str(shown).strip() for shown in data.values()) else None


def reference() -> None:
    """Write the pages of the public face, and take away those of rooms that are no more."""
    pages = face.pages()
    for room, text in pages.items():
        write(API / f"{room}.md", text)
    listed = "\n".join(pages)
    pages["index"] = f"# Every public name\n\n{face.overview()}\n\n```{{toctree}}\n:hidden:\n{listed}\n```\n"
    write(API / "index.md", pages["index"])
    for old in set(API.glob("*.md")) - {API / f"{room}.md" for room in pages}:
        old.unlink()


def write(path: Path, text: str) -> None:
    """Write a page where it differs: what is as it was is not read again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, encoding="utf-8")


def page(name: str, text: str) -> str:
    """Fill in the tables and files that a page stands for; let links and names of the face lead to the site's own."""
    text = re.sub(r"^% file: (\S+)$", _file, text, flags=re.MULTILINE)
    text = re.sub(r"^% code: (\S+)$", _code, text, flags=re.MULTILINE)
    text = re.sub(r"^% figure: (\S+)$", _figure, text, flags=re.MULTILINE)
    text = re.sub(r"^% table: (\w+)$", lambda found: TABLES[found[1]](), text, flags=re.MULTILINE)
    text = re.sub(r"^!\[([^]]*)\]\(\S*?images/(\w+\.svg)\)$", _drawn, text, flags=re.MULTILINE)
    text = re.sub(r"\]\((?:\.\./)*([A-Z]+\.md)(#[^)]*)?\)", _here, text)
    text = re.sub(r"\]\((?:\.\./)+notebooks/(\w+\.ipynb)\)", r"](/tutorials/\1)", text)
    return text if name.startswith(("reference/api/", "tutorials/0")) else face.linked(text)


def standing_for_others() -> list[str]:
    """Give the pages that stand for what is written elsewhere: they are read at every build, since that may differ."""
    pages = {path.relative_to(DOCS).with_suffix("").as_posix(): path.read_text("utf-8") for path in DOCS.rglob("*.md")}
    return [name for name, text in pages.items() if re.search(r"^% \w+: |images/\w+\.svg\)$", text, re.MULTILINE)]


def _file(found: re.Match[str]) -> str:
    return (running.ROOT / found[1]).read_text("utf-8")


def _code(found: re.Match[str]) -> str:
    language = {".py": "python", ".sh": "sh", ".yml": "yaml"}[Path(found[1]).suffix]
    return f"```{language}\n{_file(found).strip()}\n```"


def _figure(found: re.Match[str]) -> str:
    return f"![What the page's code draws](/images/drawn/{found[1]})"


def figure(page: Path, name: str) -> None:
    """Draw what the Python code of a page draws and saves under a name; again where the page or the library changed."""
    there = DOCS / "images" / "drawn" / name
    mark = running.KEPT / f"{name}.key"
    key = running.key(page)
    if there.exists() and mark.exists() and mark.read_text("utf-8") == key:
        return
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
    with tempfile.TemporaryDirectory() as folder:
        known = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(running.ROOT)}
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], cwd=folder, env=known, check=True, stdout=subprocess.DEVNULL
        )
        write(there, (Path(folder) / name).read_text("utf-8"))
    write(mark, key)


def _drawn(found: re.Match[str]) -> str:
    """Put a drawing into the page itself, where it takes the page's colours, light or dark."""
    drawn = (
        (DOCS / "images" / found[2]).read_text("utf-8").replace("<svg ", f'<svg role="img" aria-label="{found[1]}" ', 1)
    )
    return f"```{{raw}} html\n<div class='drawing'>{drawn}</div>\n```"


def _here(found: re.Match[str]) -> str:
    return f"]({_ELSEWHERE[found[1]]}{found[2] or ''})" if found[1] in _ELSEWHERE else found[0]


def foreign() -> str:
    """Give a pattern of what annotations may name that is no public name of this library."""
    known = "|".join(re.escape(f"truto_usage_nb.{name}") for name in sorted(face.public()))
    return f"(?!(?:{known})$).*"
