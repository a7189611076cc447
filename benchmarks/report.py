"""How long the CFO's report takes: October of five vendors and the month before, loaded from the sandbox, to one page.

Held against executing and rendering a notebook that only imports what the report imports. Each run is a process of its
own, as `truto-usage report` is; the best of several counts, because the machine has other things to do.

    python benchmarks/report.py [runs]
"""

from __future__ import annotations

import json
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
render_report("ai_spend", {page!r}, sandbox=True, period="2026-10", progress=False)
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
        code = {"empty notebook": EMPTY.format(notebook=str(empty), page=page), "ai_spend": REPORT.format(page=page)}
        best = dict.fromkeys(code, float("inf"))
        for _ in range(runs):  # in turns, so that a busy minute strikes both
            for name, source in code.items():
                best[name] = min(best[name], _seconds(source))
        for name, seconds in best.items():
            print(f"{name:16} {seconds:6.2f} s")
        size = Path(page).stat().st_size
    ratio = best["ai_spend"] / best["empty notebook"]
    print(f"{'ratio':16} {ratio:6.2f}   (at most {MOST:g}; the page is {size / 1e6:.1f} MB)")
    return int(ratio > MOST)


def _notebook(path: Path) -> Path:
    cell = {"cell_type": "code", "id": "imports", "metadata": {}, "source": IMPORTS, "outputs": []}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    whole = {"cells": [{**cell, "execution_count": None}], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole))
    return path


def _seconds(source: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", source], check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
