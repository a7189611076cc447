"""How long the CFO's report takes: October of five vendors and the month before, loaded from the sandbox, to one page.

Held against executing and rendering a notebook that only imports what the report imports. Each run is a process of its
own, as `truto-usage report` is; the best of several counts, because the machine has other things to do.

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

MOST = 2.0
"""The report may take this many times as long as the empty notebook."""

EMPTY = """\
from truto_usage_nb.reports.running import execute, kernel, with_parameters
from truto_usage_nb.reports.shelf import find
from truto_usage_nb.reports.writing import to_html
from pathlib import Path
notebook = find({notebook!r})
with kernel() as manager:
    to_html(execute(with_parameters(notebook, {{}}), lambda _: None, manager), Path({page!r}), notebook.path.parent)
"""

REPORT = """\
import warnings
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.reports import render_report
warnings.simplefilter("ignore", UsageWarning)
render_report("ai_spend", {page!r}, period="2026-10", progress=False, {source})
"""

IMPORTS = """\
import genai_prices
import great_tables
import matplotlib.pyplot as plt
import truto_usage_nb as tu
from truto_usage_nb import plots, questions
from truto_usage_nb.reports import parts

figure, axes = plt.subplots()
plt.close(figure)
"""


def main() -> int:
    """Print both times and their ratio; 1 where the report takes too long."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        empty = _notebook(Path(folder, "empty.ipynb"))
        page = str(Path(folder, "page.html"))
        kept = str(Path(folder, "usage.parquet"))
        code = {
            "empty notebook": EMPTY.format(notebook=str(empty), page=page),
            "ai_spend": REPORT.format(page=page, source=f"sandbox=True, keep_snapshot={kept!r}"),
            "the same, from its snapshot": REPORT.format(page=page, source=f"snapshot={kept!r}"),
        }
        best = {name: (float("inf"), float("inf")) for name in code}
        for _ in range(runs):  # in turns, so that a busy minute strikes both
            for name, source in code.items():
                clock, processor = _seconds(source)
                best[name] = (min(best[name][0], clock), min(best[name][1], processor))
        size = Path(page).stat().st_size
    for name, (clock, processor) in best.items():
        times = clock / best["empty notebook"][0]
        print(f"{name:28} {clock:6.2f} s ({times:.1f} times), {processor:6.2f} s of processor time")
    print(f"at most {MOST:g} times is the aim; the page is {size / 1e6:.1f} MB")
    return int(best["ai_spend"][0] > MOST * best["empty notebook"][0])


def _notebook(path: Path) -> Path:
    cell = {"cell_type": "code", "id": "imports", "metadata": {}, "source": IMPORTS, "outputs": []}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    whole = {"cells": [{**cell, "execution_count": None}], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole))
    return path


def _seconds(source: str) -> tuple[float, float]:
    """Give the seconds on the clock, and those of the processor, the kernel's included."""
    begun, spent = time.perf_counter(), _processor()
    subprocess.run([sys.executable, "-c", source], check=True)
    return time.perf_counter() - begun, _processor() - spent


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
