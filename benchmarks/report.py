"""How long the CFO's report takes: October of five vendors and the month before, loaded from the sandbox, to one page.

Held against `jupyter nbconvert --execute` of a notebook that only imports what the report does. Each run is a process
of its own, as `make report` is; all are run in turns, and the median counts of the ratios within a turn.

    python benchmarks/report.py [runs]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

MOST = 2.0
"""The report may take this many times as long as the empty notebook."""

EMPTY = "an empty notebook, nbconvert"
REPORT = "ai_spend"

LEAN = """\
import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from pathlib import Path
notebook = nbformat.read({notebook!r}, 4)
NotebookClient(notebook).execute()
Path({page!r}).write_text(HTMLExporter().from_notebook_node(notebook)[0])
"""

IMPORTS = """\
import genai_prices
import matplotlib.pyplot as plt
import truto_usage_nb as tu
from truto_usage_nb import plots, questions
from truto_usage_nb.reports import parts

figure, axes = plt.subplots()
plt.close(figure)
"""


def main() -> int:
    """Print the times and their ratios; 1 where the report takes too long."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        empty = str(_notebook(Path(folder, "empty.ipynb")))
        page = str(Path(folder, "page.html"))
        kept = str(Path(folder, "usage.parquet"))
        report = ["-m", "truto_usage_nb", "report", REPORT, "--period=2026-10", f"--output={page}", "--quiet"]
        commands = {
            EMPTY: [
                "-m",
                "jupyter",
                "nbconvert",
                "--log-level=ERROR",
                "--execute",
                "--to=html",
                f"--output={page}",
                empty,
            ],
            "the same, in one process": ["-c", LEAN.format(notebook=empty, page=page)],
            REPORT: [*report, "--sandbox", f"--keep-snapshot={kept}"],
            f"{REPORT}, from its snapshot": [*report, f"--snapshot={kept}"],
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(runs):  # in turns, so that a busy minute strikes all
            for name, command in commands.items():
                found[name].append(_seconds(command))
        size = Path(page).stat().st_size
    times = {
        name: median(own / empty for (own, _), (empty, _) in zip(each, found[EMPTY], strict=True))
        for name, each in found.items()
    }
    for name, each in found.items():
        clock, processor = (median(one) for one in zip(*each, strict=True))
        print(f"{name:30} {clock:6.2f} s ({times[name]:.2f} times), {processor:6.2f} s of processor time")
    print(f"at most {MOST:g} times is the aim; the page is {size / 1e6:.1f} MB")
    return int(times[REPORT] > MOST)


def _notebook(path: Path) -> Path:
    cell = {"cell_type": "code", "id": "imports", "metadata": {}, "source": IMPORTS, "outputs": []}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    whole = {"cells": [{**cell, "execution_count": None}], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole))
    return path


def _seconds(command: list[str]) -> tuple[float, float]:
    """Give the seconds on the clock, and those of the processor, the kernel's included."""
    begun, spent = time.perf_counter(), _processor()
    subprocess.run([sys.executable, *command], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun, _processor() - spent


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
