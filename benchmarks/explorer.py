"""Redraw the cost explorer over a million records, and compare with the cost table that it shows.

    python benchmarks/explorer.py                  # 1,000,000 records, the median of 5 runs
    python benchmarks/explorer.py --records 200000 --runs 3

A click on another dimension asks for another table and draws it; a click on another number of lines asks for nothing.
A process of its own clicks as a user does. The runs take turns with `cost_per`, so that a busy machine slows both
alike: the ratio counts, not the seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable

from costs import records

import truto_usage_nb as tu

TIMES_TABLE = 1.3
BY = ("surface", "integrated_account_id", "integration", "report_type", "organization_id", "query_id")
"""A dimension a run, for what was asked before is remembered."""


def main() -> int:
    """Measure, print, and fail when the goal is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    chosen = arguments.parse_args()
    warnings.simplefilter("ignore", tu.UsageWarning)
    frame = records(chosen.records)
    explorer = tu.CostExplorer(frame, by=["model_id"])
    explorer.wait()
    taken: dict[str, list[float]] = {"cost_per": [], "redraw": [], "fewer lines": []}
    for run in range(chosen.runs):
        by = [BY[run % len(BY)]]
        taken["cost_per"].append(seconds(lambda by=by: tu.cost_per(frame, by)))
        taken["redraw"].append(seconds(lambda by=by: click(explorer, "by", by)))
        taken["fewer lines"].append(seconds(lambda run=run: click(explorer, "top", 5 + run)))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    print(f"{frame.height:,} records on {os.cpu_count()} cores")
    for name, median in medians.items():
        print(f"{name:12} {median:6.2f} s")
    ratio = medians["redraw"] / medians["cost_per"]
    met = ratio <= TIMES_TABLE
    print(f"{'met   ' if met else 'MISSED'} a redraw takes {ratio:.2f} times cost_per ({TIMES_TABLE} or less)")
    return 0 if met else 1


def click(explorer: tu.CostExplorer, trait: str, value: object) -> None:
    """Choose something and wait until table and chart have followed."""
    setattr(explorer, trait, value)
    explorer.wait()


def seconds(call: Callable[[], object]) -> float:
    """Give how long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
