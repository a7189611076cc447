"""Turn 100,000 records of all five vendors from bytes into one frame, against `json_normalize` and `orjson.loads`.

    python benchmarks/flatten.py              # time and memory
    python benchmarks/flatten.py --mixed      # every page holds records of all five, which the service never sends

Ours is everything a load does with its pages: documented columns, dates, wide charges, open maps, and the proof that
nothing was lost; pages are read in two threads. The peers are `json.loads` of each page and one call of
`pandas.json_normalize` over all records, and `orjson.loads` alone, which makes no frame at all. Each is measured in a
process of its own, in turns; imports are not counted, medians are. Memory is the peak above what is held after
importing; every side reads its pages from disk as it goes.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RECORDS, PAGE_SIZE = 100_000, 500
FASTER, LIGHTER = 7.0, 0.3  # the goals
THREADS = 2


def main() -> int:
    """Measure, print, and fail when a goal is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=RECORDS)
    arguments.add_argument("--page-size", type=int, default=PAGE_SIZE)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--mixed", action="store_true", help="mix the vendors inside each page")
    arguments.add_argument("--child", nargs=2, metavar=("SIDE", "DIRECTORY"), help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.child:
        return measure(chosen.child[0], Path(chosen.child[1]), chosen.records)
    with tempfile.TemporaryDirectory() as directory:
        size = write_pages(Path(directory), chosen)
        print(f"{chosen.records:,} records in pages of {chosen.page_size:,}, {size / 1e6:.0f} MB, {THREADS} threads")
        return report(run_all(directory, chosen))


def write_pages(directory: Path, chosen: argparse.Namespace) -> int:
    """Write the pages, each under a name that says whose it is; give their size."""
    from unified_records import MAKERS, pages

    size = 0
    for number, body in enumerate(pages(chosen.records, chosen.page_size, mixed=chosen.mixed)):
        whose = "all" if chosen.mixed else MAKERS[number % len(MAKERS)].__name__
        size += (directory / f"{number:06}-{whose}.json").write_bytes(body)
    return size


def run_all(directory: str, chosen: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Run each side in turns, so that whatever else the machine does falls on all; give medians."""
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(chosen.runs):
        for side, results in found.items():
            results.append(_child(side, directory, chosen.records))
    return {
        side: {name: statistics.median(each[name] for each in results) for name in ("seconds", "cpu_seconds", "bytes")}
        for side, results in found.items()
    }


def _child(side: str, directory: str, records: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--records", str(records), "--child", side, directory]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def report(found: dict[str, dict[str, float]]) -> int:
    for side, (_, title) in SIDES.items():
        seconds, cpu, peak = (found[side][name] for name in ("seconds", "cpu_seconds", "bytes"))
        print(f"{title:<44} {seconds * 1000:7.0f} ms  {cpu * 1000:7.0f} ms of CPU  {peak / 2**20:6.0f} MiB at the peak")
    ours, peer, bare = (found[side] for side in ("frame", "normalize", "orjson"))
    faster, lighter = peer["seconds"] / ours["seconds"], ours["bytes"] / peer["bytes"]
    print(f"{faster:.1f} times faster than json_normalize (goal: {FASTER:.0f}; aim: 10)")
    print(f"in {lighter:.2f} of its memory (goal: {LIGHTER})")
    print(f"{bare['seconds'] / ours['seconds']:.2f} times as fast as orjson.loads alone (goal: 1)")
    return 0 if faster >= FASTER and lighter <= LIGHTER and ours["seconds"] <= bare["seconds"] else 1


def measure(side: str, directory: Path, records: int) -> int:
    """Run one side in this process and print what it took."""
    paths = sorted(directory.iterdir())
    work = SIDES[side][0]
    work(paths[:5])  # imports what is imported late
    gc.collect()
    before = _reset_peak()
    began, busy = time.perf_counter(), time.process_time()
    held, height = work(paths)
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "bytes": _status("VmHWM") - before}))
    assert height == records, height
    del held
    return 0


def _reset_peak() -> int:
    """Forget the peak of the imports, and give what is held now; Linux only."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def frame(paths: Sequence[Path]) -> tuple[Any, int]:
    from truto_usage_nb.frames import Layout, build_frame

    made = build_frame(_parsed(paths), Layout()).frame
    return made, made.height


def parse(paths: Sequence[Path]) -> tuple[Any, int]:
    parsed = _parsed(paths)
    return parsed, sum(page.height for page in parsed)


def _parsed(paths: Sequence[Path]) -> list[Any]:
    from truto_usage_nb.frames import Layout, Source, parse_page

    layout = Layout()

    def parsed(path: Path) -> Any:
        integration = path.stem.partition("-")[2]
        return parse_page(path.read_bytes(), Source(f"account-{integration}", integration, None, "0f0f0f0f"), layout)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(parsed, paths))


def normalize(paths: Sequence[Path]) -> tuple[Any, int]:
    import pandas as pd

    made = pd.json_normalize([record for path in paths for record in json.loads(path.read_bytes())["result"]])
    return made, len(made)


def bare(paths: Sequence[Path]) -> tuple[Any, int]:
    import orjson

    loaded = [orjson.loads(path.read_bytes()) for path in paths]
    return loaded, sum(len(page["result"]) for page in loaded)


SIDES: dict[str, tuple[Callable[[Sequence[Path]], tuple[Any, int]], str]] = {
    "frame": (frame, "parse_page + build_frame"),
    "parse": (parse, "parse_page alone"),
    "normalize": (normalize, "json.loads + pandas.json_normalize"),
    "orjson": (bare, "orjson.loads alone, no frame"),
}


if __name__ == "__main__":
    sys.exit(main())
