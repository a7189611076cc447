"""Export a million records as FOCUS rows: time, memory, and the size of what comes out.

    python benchmarks/focus.py                          # 1,000,000 records, the median of 3 runs
    python benchmarks/focus.py --records 200000
    python benchmarks/focus.py --against ../older       # beside another checkout of this repository, in the same run

Each call runs in a process of its own, as a user's does, and the system states its peak memory: what `to_focus` adds
to the frame that it was given. `deduplicate` and `coverage` are measured likewise. Ratios count, not seconds: to
`cost_per_model` of the same frame, and to the other checkout, where there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FASTER, MEMORY = 5.0, 600
COVERAGE_RECORDS, COVERAGE_MEMORY = 5, 400
HERE = Path(__file__).resolve().parent

CHILD = """
import json, resource, sys, time, warnings
path, name, root = sys.argv[1:]
sys.path.insert(0, root)
import polars as pl
import truto_usage_nb as tu
warnings.simplefilter("ignore")
frame = pl.read_parquet(path)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
call, held, began = getattr(tu, name), peak(), time.perf_counter()
made = call(frame)
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "megabytes": peak() - held, "rows": getattr(made, "height", 0)}))
"""


def main() -> int:
    """Measure, print, and fail when a goal is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--against", type=Path)
    chosen = arguments.parse_args()
    roots = {"ours": HERE.parent} | ({"theirs": chosen.against.resolve()} if chosen.against else {})
    print(f"{chosen.records:,} records on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.parquet"), Path(folder, "large.parquet")
        write(small, chosen.records)
        write(large, chosen.records * COVERAGE_RECORDS)
        names = ("to_focus", "cost_per_model", "deduplicate")
        found = {(who, name): [] for who in roots for name in names}
        for _ in range(chosen.runs):  # in turns: a busy machine slows all alike
            for (who, name), taken in found.items():
                taken.append(in_a_process_of_its_own(small, name, roots[who]))
        covered = in_a_process_of_its_own(large, "coverage", HERE.parent)
        whole = in_a_process_of_its_own(large, "deduplicate", HERE.parent)
    return verdict({key: medians(each) for key, each in found.items()}, covered, whole)


def write(path: Path, count: int) -> None:
    """Make the frame in a process of its own, which gives back all its memory."""
    code = "import sys; from costs import records; records(int(sys.argv[2])).write_parquet(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(path), str(count)], cwd=HERE, check=True)


def in_a_process_of_its_own(path: Path, name: str, root: Path) -> dict[str, float]:
    """Call one function once, and give its seconds, the megabytes it added at its peak, and the rows it gave."""
    words = [sys.executable, "-c", CHILD, str(path), name, str(root)]
    told: dict[str, float] = json.loads(subprocess.run(words, cwd=path.parent, check=True, capture_output=True).stdout)
    return told


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Give the median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def verdict(found: dict[tuple[str, str], dict[str, float]], covered: dict[str, float], whole: dict[str, float]) -> int:
    """Print the figures beside their goals; 1 when one is missed."""
    for (who, name), told in found.items():
        print(f"{who:6} {name:16} {told['seconds']:6.2f} s, {told['megabytes']:5.0f} MB more, {told['rows']:,.0f} rows")
    ours, table = found["ours", "to_focus"], found["ours", "cost_per_model"]
    print(f"       to_focus takes {ours['seconds'] / table['seconds']:.1f} times cost_per_model")
    one = found["ours", "deduplicate"]["seconds"]
    print(f"       deduplicate of {COVERAGE_RECORDS} times as many takes {whole['seconds'] / one:.1f} times as long")
    most = covered["megabytes"]
    several = f"coverage of {COVERAGE_RECORDS} times as many"
    goals = [
        (ours["megabytes"] <= MEMORY, f"to_focus adds {ours['megabytes']:.0f} MB ({MEMORY} or less)"),
        (most <= COVERAGE_MEMORY, f"{several} adds {most:.0f} MB ({COVERAGE_MEMORY} or less)"),
    ]
    if ("theirs", "to_focus") in found:
        faster = found["theirs", "to_focus"]["seconds"] / ours["seconds"]
        goals.append((faster >= FASTER, f"to_focus is {faster:.1f} times faster ({FASTER:.0f} or more)"))
    for met, text in goals:
        print(f"{'met   ' if met else 'MISSED'} {text}")
    return 0 if all(met for met, _ in goals) else 1


if __name__ == "__main__":
    raise SystemExit(main())
