"""The other side of `worker`: the process that executes a notebook in a kernel, and writes its page.

It is told one order on its standard input and answers on its standard output, pickled both; the end of its input is
the order to stop. The kernel knows no token, and the page is the same bytes for the same cells.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from pathlib import Path
from threading import Thread
from typing import Any

from truto_usage_nb.errors import UsageError
from truto_usage_nb.reports.notebook import Notebook, library
from truto_usage_nb.reports.steps import ShowStep, Step
from truto_usage_nb.reports.worker import packed, quiet_environment, unpacked
from truto_usage_nb.writing import write_file

__all__ = ["main"]

Say = Callable[[str, Any], None]

_LEFT_OUT = ("rfc3987_syntax",)
"""Python is told that there is none: jsonschema uses it to check texts that no notebook has, and importing it takes a
second."""


def main() -> None:
    """Start a kernel, wait for the order, render, and end."""
    say = _line_of_its_own()
    for name in _LEFT_OUT:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(say, warm="warm" in sys.argv))
    os._exit(0)  # everything is said and closed; taking hundreds of modules apart would be waited for


def _line_of_its_own() -> Say:
    """Keep standard output for what is answered; whatever else prints, prints where errors go."""
    line = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(kind: str, value: Any) -> None:
        with suppress(BrokenPipeError):  # nobody waits any more
            line.write(packed((kind, value)))

    return say


async def _serve(say: Say, *, warm: bool) -> None:
    loop, work = asyncio.get_running_loop(), asyncio.current_task()
    order: asyncio.Future[Any] = loop.create_future()
    Thread(target=_listen, args=(loop, order, work), daemon=True).start()
    try:
        async with _kernel(warm=warm) as client:
            _prepare()
            notebook, parameters, to = await order
            done = await _execute(_with_parameters(notebook, parameters), lambda step: say("step", step), client)
            say("step", Step("write", 0, 1, to.name))
            writing = asyncio.create_task(asyncio.to_thread(_to_html, done, to, notebook.path.parent))
        say("done", await writing)  # written while the kernel ended
    except Exception as problem:  # noqa: BLE001  (whatever it is, it is raised where somebody waits)
        say("failed", _sendable(problem))


def _listen(loop: asyncio.AbstractEventLoop, order: asyncio.Future[Any], work: asyncio.Task[Any]) -> None:
    """Wait for the order; the end of the line ends the work, whenever it comes.

    The bytes are read past Python's own buffer: whoever waits there at the end of a process holds it up.
    """
    with suppress(RuntimeError):  # the loop is over already
        with suppress(EOFError):
            loop.call_soon_threadsafe(order.set_result, unpacked(partial(os.read, 0)))
            unpacked(partial(os.read, 0))
        loop.call_soon_threadsafe(work.cancel)


def _sendable(problem: Exception) -> Exception:
    """Give errors that mean something to the caller as they are; anything else with its traceback as a note."""
    if isinstance(problem, UsageError | OSError):
        return problem
    unforeseen = UsageError(f"the report could not be rendered: {type(problem).__name__}: {problem}")
    unforeseen.add_note(traceback.format_exc())
    return unforeseen


_SECONDS_A_CELL = 600
_WARM = "exec('from truto_usage_nb.reports.parts.markup import warm; warm()', {})"
"""In a namespace of its own: a notebook sees no name that it did not make."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _with_parameters(notebook: Notebook, parameters: dict[str, Any]) -> Any:
    """Give the notebook with its `parameters` cell followed by these."""
    papermill = library("papermill")
    made = papermill.iorw.load_notebook_node(str(notebook.path))
    if parameters:
        made = papermill.parameterize.parameterize_notebook(made, parameters, kernel_name="python3", language="python")
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"  # an injected cell has a random one, which would show in the page
    return made


@asynccontextmanager
async def _kernel(*, warm: bool) -> AsyncIterator[Any]:
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
        timeout=_SECONDS_A_CELL,
        store_widget_state=False,
        resources={"metadata": {"path": os.getcwd()}},
    )
    await client.async_start_new_kernel_client()
    return client


async def _execute(notebook: Any, show: ShowStep, client: Any) -> Any:
    """Run every cell in a kernel; a failing cell is a `UsageError` that shows its source and its error."""
    nbclient = library("nbclient")
    client.nb, client.on_cell_start = notebook, _telling(notebook, show)
    try:
        return await client.async_execute(cleanup_kc=False)  # whoever started the kernel ends it
    except nbclient.exceptions.CellExecutionError as problem:
        told = _COLOUR.sub("", str(problem))
        raise UsageError(f"a cell of the report failed: {problem.ename}: {problem.evalue}\n{told}") from None
    except nbclient.exceptions.CellTimeoutError as problem:
        raise UsageError(f"a cell of the report took longer than {_SECONDS_A_CELL} seconds\n{problem}") from None
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


_HERE = Path(__file__).parent
_HEADING = re.compile(r"<h2(?: id=\"[^\"]*\")?>(.*?)</h2>", re.DOTALL)
_TITLE = re.compile(r"^# +(.+)$", re.MULTILINE)
_CONTENTS = "<!-- contents -->"
_TAGS = re.compile(r"<[^>]+>")


def _prepare() -> None:
    """Read the template, so that it is at hand when the cells are done."""
    _exporter().from_notebook_node(library("nbformat").v4.new_notebook())


def _to_html(notebook: Any, path: Path, folder: Path) -> Path:
    """Write the page; it appears whole or not at all. Pictures that its text names are looked for in `folder`."""
    exporter = _exporter()
    numbers = itertools.count()
    exporter.environment.globals["uuid4"] = lambda: f"id-{next(numbers)}"
    css = (_HERE / "template" / "page.css").read_text(encoding="utf-8")
    title = _title(notebook)
    resources = {"metadata": {"path": str(folder), "name": title}, "page_css": css, "page_title": title}
    page, _ = exporter.from_notebook_node(_steady(notebook), resources=resources)
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


_WIDGET = "application/vnd.jupyter.widget-view+json"
_PARAMETER_CELLS = {"parameters", "injected-parameters"}
"""Cells that hold defaults, which this page was not made with, and paths of this machine."""
_PLACES = (
    (
        "ipykernel_",
        re.compile(r"(?:/[\w.-]{1,64}){0,8}/ipykernel_\d+/\d+\.py"),
        "cell",
    ),  # a warning names the cell's own file
    (" at 0x", re.compile(r" at 0x[0-9a-fA-F]{6,}"), ""),  # where an object happened to lie
)
_RANDOM_IDS = (
    re.compile(r'<div id="([a-z]{10})" style="padding-left:0px'),  # great-tables
    re.compile(r'<table id="T_([0-9a-f]{5,})"'),  # pandas' Styler
)


def _steady(notebook: Any) -> Any:
    """Give the notebook without what differs, and without widgets, which a page without scripts cannot show."""
    for name in ("papermill", "execution", "widgets"):
        notebook.metadata.pop(name, None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook.cells = [cell for cell in notebook.cells if not _PARAMETER_CELLS & set(cell.metadata.get("tags", []))]
    names: dict[str, str] = {}
    for cell in notebook.cells:
        for name in ("execution", "papermill"):
            cell.metadata.pop(name, None)
        if "outputs" in cell:
            cell.outputs = [_output(out, names) for out in cell.outputs if _WIDGET not in out.get("data", {})]
    return notebook


def _output(output: Any, names: dict[str, str]) -> Any:
    if "text" in output:
        output.text = _placed(output.text)
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/") and isinstance(value, str):
            output.data[kind] = _with_ids(_placed(value), names)
    return output


def _placed(text: str) -> str:
    for mark, pattern, instead in _PLACES:
        if mark in text:  # a picture's megabyte of base64 is not searched for nothing
            text = pattern.sub(instead, text)
    return text


def _with_ids(markup: str, names: dict[str, str]) -> str:
    """Give each random id its number, in the order of first appearance in the notebook."""
    for pattern in _RANDOM_IDS:
        for found in pattern.findall(markup):
            names.setdefault(found, f"t{len(names)}")
            markup = markup.replace(found, names[found])
    return markup
