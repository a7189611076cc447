"""The other side of `worker`: the process that executes a notebook in a kernel, and writes its page.

It is told one order on its standard input and answers on its standard output, pickled both; the end of its input is
the order to stop, whatever ended it: then the kernel ends, and the folder of this report is taken away. The kernel
knows no token, and the page is the same bytes for the same cells.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import subprocess
import sys
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from html import unescape
from mimetypes import guess_type
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote

from truto_usage_nb import errors
from truto_usage_nb.errors import UsageError
from truto_usage_nb.outside import one_line, shortened
from truto_usage_nb.reports.notebook import Notebook, library
from truto_usage_nb.reports.page import finished_page, styled_like_ours, without_outside
from truto_usage_nb.reports.steps import ShowStep, Step
from truto_usage_nb.reports.worker import Done, FailedPart, Order, ended, packed, quiet_environment, unpacked
from truto_usage_nb.writing import write_file

__all__ = ["main"]

Say = Callable[[str, Any], None]

_LEFT_OUT = ("rfc3987_syntax", "pyarrow")
"""Python is told that there is none: jsonschema would check texts that no notebook has, and papermill look into Hadoop.
Importing them takes a second and more."""


def main() -> None:
    """Start a kernel, wait for the order, render, and end once nobody needs the report's folder any more."""
    _, scratch, kernel_name, warm = sys.argv[1:]
    say = _line_of_its_own()
    for name in _LEFT_OUT:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    over = Event()
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(say, over, _Kernel(Path(scratch), kernel_name, warm == "warm")))
    over.wait()
    shutil.rmtree(scratch, ignore_errors=True)  # whoever waited may have been killed
    os._exit(0)  # everything is said and closed; taking hundreds of modules apart would be waited for


def _line_of_its_own() -> Say:
    """Keep standard output for what is answered; whatever else prints, prints where errors go."""
    line = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(kind: str, value: Any) -> None:
        with suppress(BrokenPipeError):  # nobody waits any more
            line.write(packed((kind, value)))

    return say


async def _serve(say: Say, over: Event, kernel: _Kernel) -> None:
    loop, work = asyncio.get_running_loop(), asyncio.current_task()
    order: asyncio.Future[Order] = loop.create_future()
    Thread(target=_listen, args=(loop, order, work, over), daemon=True).start()
    try:
        async with kernel.started() as client:
            _prepare()
            told = await order
            cells = _with_parameters(told.notebook, told.parameters)
            done = await _execute(cells, told.notebook, lambda step: say("step", step), client)
            say("step", Step("write", 0, 1, told.to.name))
            writing = asyncio.create_task(asyncio.to_thread(_to_html, done, told))
        say("done", await writing)  # written while the kernel ended
    except Exception as problem:  # noqa: BLE001  (whatever it is, it is raised where somebody waits)
        say("failed", _sendable(problem))


def _listen(
    loop: asyncio.AbstractEventLoop, order: asyncio.Future[Order], work: asyncio.Task[Any], over: Event
) -> None:
    """Wait for the order; the end of the line ends the work, whenever it comes.

    The bytes are read past Python's own buffer: whoever waits there at the end of a process holds it up.
    """
    try:
        with suppress(RuntimeError):  # the loop is over already
            with suppress(EOFError):
                loop.call_soon_threadsafe(order.set_result, unpacked(partial(os.read, 0)))
                unpacked(partial(os.read, 0))
            loop.call_soon_threadsafe(work.cancel)
    finally:
        over.set()


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
_LONGEST_SOCKET = 100
"""The bytes that the path of a socket may have, with some to spare: 108 on Linux, 104 elsewhere."""


@dataclass(frozen=True, slots=True)
class _Kernel:
    """Hold which kernel runs the cells, and the folder that this report has for itself.

    `warm` has it import what a report's parts need, so that it does when the figures come.
    """

    scratch: Path
    name: str
    warm: bool

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Any]:
        """Start it, and give the client that executes notebooks in it, once it answers."""
        library("ipykernel")
        manager = library("jupyter_client").AsyncKernelManager(
            kernel_name=self.name, connection_file=str(self.scratch / "kernel.json"), **self._transport()
        )
        environment = quiet_environment()
        arguments = ["--log-level=CRITICAL"]  # a kernel that is told to end has nothing to add
        if self.warm:  # of ours, which needs nothing of the reader's: neither a module that lies about, nor a history
            environment["IPYTHONDIR"] = str(self.scratch / "ipython")
            arguments += [f"--IPKernelApp.exec_lines={_WARM}", "--InteractiveShellApp.ignore_cwd=True"]
            arguments += ["--HistoryManager.enabled=False"]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # cells' prints come through the kernel
        try:
            await manager.start_kernel(env=environment, extra_arguments=arguments, **silent)
            yield await _answering(manager)
        finally:
            if manager.has_kernel:
                await manager.shutdown_kernel(now=True)

    def _transport(self) -> dict[str, str]:
        """Reach it through files rather than ports, where a path to them is short enough; ports have a key."""
        sockets = str(self.scratch / "kernel")
        if os.name != "posix" or len(os.fsencode(sockets)) > _LONGEST_SOCKET:
            return {}
        return {"transport": "ipc", "ip": sockets}


def _with_parameters(notebook: Notebook, parameters: dict[str, Any]) -> Any:
    """Give the notebook with its `parameters` cell followed by these."""
    papermill = library("papermill")
    made = papermill.iorw.load_notebook_node(str(notebook.path))
    if parameters:
        made = papermill.parameterize.parameterize_notebook(made, parameters, kernel_name="python3", language="python")
    heading = ""
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"  # an injected cell has a random one, which would show in the page
        if cell.cell_type == "markdown":
            heading = (_HEADINGS.findall(cell.source) or [heading])[-1]
        cell.metadata["heading"] = heading
    if notebook.shipped:
        for cell in _parts(made)[1:]:  # all but that which opens the figures, without which there is none
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "raises-exception"]
    return made


_HEADINGS = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def _parts(notebook: Any) -> list[Any]:
    """Give the cells of code that are the reader's: neither defaults nor what was told of them."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and not _is_of_parameters(cell)]


def _is_of_parameters(cell: Any) -> bool:
    """Say whether a cell holds defaults, which this page was not made with, or paths of this machine."""
    return bool({"parameters", "injected-parameters"} & set(cell.metadata.get("tags", [])))


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


async def _execute(cells: Any, notebook: Notebook, show: ShowStep, client: Any) -> Any:
    """Run every cell in a kernel. A failing one is a `UsageError`, unless its tags let the others stand."""
    nbclient = library("nbclient")
    client.nb, client.on_cell_start = cells, _telling(cells, show)
    try:
        return await client.async_execute(cleanup_kc=False)  # whoever started the kernel ends it
    except nbclient.exceptions.CellExecutionError as problem:
        raise _of_cell(cells, notebook, problem.traceback) from None
    except nbclient.exceptions.CellTimeoutError:
        told = f"a cell of the report took longer than {_SECONDS_A_CELL} seconds; ask for a shorter period"
        raise UsageError(told) from None
    except nbclient.exceptions.DeadKernelError:
        raise UsageError("the report's kernel died, perhaps of too little memory; ask for a shorter period") from None


def _of_cell(cells: Any, notebook: Notebook, traceback_: str) -> UsageError:
    """Make one sentence of a cell that failed; what else is known of it is for whoever looks for the fault."""
    failed = next(cell for cell in cells.cells if any(out.output_type == "error" for out in cell.get("outputs", [])))
    error = next(out for out in failed.outputs if out.output_type == "error")
    details = {"source": failed.source, "traceback": _COLOUR.sub("", "\n".join(error.traceback) or traceback_)}
    if notebook.shipped:
        return UsageError(f"the report {notebook.name} could not be made: {_sentence(error)}", details=details)
    before = [cell for cell in cells.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    place = before.index(failed) + 1 if failed in before else "of parameters"
    line = _AT_FAULT.search(details["traceback"])
    at = shortened((line[1] if line else failed.source.strip().split("\n")[0]).strip(), 300)
    return UsageError(f"cell {place} of {notebook.path.name} failed: {_sentence(error)}, at: {at}", details=details)


_AT_FAULT = re.compile(r"^-+> +\d+ (.*)$", re.MULTILINE)


def _sentence(error: Any) -> str:
    """Give an error's own sentence; one that is not of this library says little without its name."""
    said = shortened(one_line(_COLOUR.sub("", str(error.evalue))), 1_000)
    ours = isinstance(getattr(errors, error.ename, None), type)
    return said if ours and said else f"{error.ename}: {said}".removesuffix(": ")


def _telling(cells: Any, show: ShowStep) -> Callable[..., None]:
    """Tell the heading above each cell as the cell starts."""
    labels = [cell.metadata["heading"] for cell in cells.cells]

    def tell(*, cell_index: int, **_: Any) -> None:
        with suppress(IndexError):
            show(Step("run", cell_index, len(labels), labels[cell_index]))

    return tell


_HERE = Path(__file__).parent


def _prepare() -> None:
    """Read the template, so that it is at hand when the cells are done."""
    _exporter().from_notebook_node(library("nbformat").v4.new_notebook())


def _to_html(cells: Any, told: Order) -> Done:
    """Write the page; it appears whole or not at all. Pictures that its text names are looked for beside it."""
    exporter = _exporter()
    numbers = itertools.count()
    exporter.environment.globals["uuid4"] = lambda: f"id-{next(numbers)}"
    css = (_HERE / "template" / "page.css").read_text(encoding="utf-8")
    failed, left_out = _failed(cells), list[tuple[int, str]]()
    about = {"path": str(told.notebook.path.parent), "name": told.notebook.name}
    resources = {"metadata": about, "page_css": css, "shipped": told.notebook.shipped}
    page, _ = exporter.from_notebook_node(_steady(cells, left_out), resources=resources)
    name = str(cells.metadata.get("title") or told.notebook.name)
    page = finished_page(
        _with_pictures(page, told.notebook.path.parent),
        name=name,
        period=told.period,
        failed=[each.said for each in failed],
    )
    content = page.encode(errors="replace")
    write_file(told.to, lambda file: file.write(content))
    return Done(tuple(failed), tuple(left_out))


_PICTURE = re.compile(r'(<img\b[^>]*?\bsrc=")(?!data:)([^"]*)')


def _with_pictures(page: str, folder: Path) -> str:
    """Take in the pictures that nbconvert did not find, since an address writes a blank as %20."""

    def taken_in(found: re.Match[str]) -> str:
        path = folder / unquote(unescape(found[2]))
        kind = guess_type(path.name)[0] or ""
        if not kind.startswith("image/") or not path.is_file():
            return found[0]
        return f"{found[1]}data:{kind};base64,{b64encode(path.read_bytes()).decode('ascii')}"

    return _PICTURE.sub(taken_in, page)


def _failed(cells: Any) -> list[FailedPart]:
    """Give what failed and was let stand, and write in its place one sentence instead of what the kernel says."""
    found: list[FailedPart] = []
    for cell in _parts(cells):
        for error in (each for each in cell.get("outputs", []) if each.output_type == "error"):
            sentence = _sentence(error)
            found.append(
                FailedPart(cell.metadata["heading"], sentence, _COLOUR.sub("", "\n".join(error.get("traceback", []))))
            )
            error.evalue = f"This part could not be made: {ended(sentence)}"
    return found


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


_WIDGET = "application/vnd.jupyter.widget-view+json"
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


def _steady(cells: Any, left_out: list[tuple[int, str]]) -> Any:
    """Give the notebook without what differs, without what would come from outside, and without widgets, which a page
    without scripts cannot show."""
    for name in ("papermill", "execution", "widgets"):
        cells.metadata.pop(name, None)
    cells.metadata.get("language_info", {}).pop("version", None)
    names: dict[str, str] = {}
    place = 0
    for cell in cells.cells:
        place += "injected-parameters" not in cell.metadata.get("tags", [])
        for name in ("execution", "papermill"):
            cell.metadata.pop(name, None)
        if "outputs" in cell:
            lacking: list[str] = []
            cell.outputs = [_output(out, names, lacking.append) for out in cell.outputs if _is_shown(out)]
            left_out += [(place, what) for what in dict.fromkeys(lacking)]
    cells.cells = [cell for cell in cells.cells if not _is_of_parameters(cell)]
    return cells


def _is_shown(output: Any) -> bool:
    """Say whether a page has something to show of an output: no widget, and no part that has nothing to say."""
    data = output.get("data", {})
    return _WIDGET not in data and data.get("text/html", "shown").strip() != ""


def _output(output: Any, names: dict[str, str], leave_out: Callable[[str], None]) -> Any:
    if "text" in output:
        output.text = _placed(output.text)
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/") and isinstance(value, str):
            text = _with_ids(_placed(value), names)
            is_markup = kind in ("text/html", "text/markdown")
            if is_markup:
                text = without_outside(styled_like_ours(text), leave_out, markdown=kind == "text/markdown")
            output.data[kind] = text
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
