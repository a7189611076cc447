"""Time what importing costs: the face alone, and `tu.UsageQuery` with `tu.Client` against `import httpx, pydantic`.

    python benchmarks/imports.py

Each import runs in a fresh interpreter, in turns; what the interpreter takes to start is taken off, and of several runs
the median counts. Whatever the imports brought in beyond the standard library is named.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

FACE_MILLISECONDS, RATIO = 60.0, 1.8  # the goals
FACE = "import truto_usage_nb"
CLIENT = "import truto_usage_nb as tu; tu.UsageQuery; tu.Client"
PEER = "import httpx, pydantic"
CODE = """
import sys, time
before = set(sys.modules)
began = time.perf_counter()
{}
print((time.perf_counter() - began) * 1000, *sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""


def main() -> int:
    """Measure, print, and fail when a goal is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=15)
    runs = arguments.parse_args().runs
    times: dict[str, list[float]] = {FACE: [], CLIENT: [], PEER: []}
    brought: dict[str, set[str]] = {}
    for _ in range(runs):
        for code, found in times.items():
            milliseconds, brought[code] = once(code)
            found.append(milliseconds)
    medians = {code: statistics.median(found) for code, found in times.items()}
    for code, milliseconds in medians.items():
        others = brought[code] - set(sys.stdlib_module_names) - {"truto_usage_nb"}
        print(f"{milliseconds:7.1f} ms  {code}\n            brings in {', '.join(sorted(others)) or 'nothing'}")
    ratio = medians[CLIENT] / medians[PEER]
    print(f"the face: {medians[FACE]:.1f} ms (goal: {FACE_MILLISECONDS:.0f})")
    print(f"the client: {ratio:.2f} times its peer (goal: {RATIO})")
    return 0 if medians[FACE] <= FACE_MILLISECONDS and ratio <= RATIO else 1


def once(code: str) -> tuple[float, set[str]]:
    """Import in a fresh interpreter; give the milliseconds and what came in."""
    done = subprocess.run([sys.executable, "-c", CODE.format(code)], capture_output=True, text=True, check=True)
    milliseconds, *names = done.stdout.split()
    return float(milliseconds), set(names)


if __name__ == "__main__":
    sys.exit(main())
