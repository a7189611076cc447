"""Turn 100,000 records of all five vendors from bytes into one frame, as a user does, against `json_normalize`.

    python benchmarks/flatten.py              # time and memory
    python benchmarks/flatten.py --mixed      # every page holds records of all five, which the service never sends

Ours are `tu.read_usage` of the files and `tu.load_usage` of five accounts over loopback, from a service in a process of
its own that has no latency: documented columns, dates, wide charges, open maps, and the proof that nothing was lost.
The peers are `json.loads` of each file and one call of `pandas.json_normalize` over all records, and `orjson.loads`
alone, which makes no frame at all. Each runs in a process of its own, in turns; every side reads one record first, so
that imports are not counted and no shape is known. The median counts of the ratios within a turn. Memory is the peak
above what is held after importing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECORDS, PAGE_SIZE = 100_000, 500
FASTER, LIGHTER = 7.0, 0.27
"""What read_usage and load_usage must reach; the aims are 10 and 0.25."""


def main() -> int:
    """Measure, print, and fail when a limit is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=RECORDS)
    arguments.add_argument("--page-size", type=int, default=PAGE_SIZE)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--mixed", action="store_true", help="mix the vendors inside each page")
    arguments.add_argument("--child", nargs=3, metavar=("SIDE", "DIRECTORY", "URL"), help=argparse.SUPPRESS)
    arguments.add_argument("--serve", metavar="DIRECTORY", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.serve:
        return asyncio.run(serve(Path(chosen.serve)))
    if chosen.child:
        side, directory, url = chosen.child
        return measure(side, Path(directory), url, chosen.records)
    with tempfile.TemporaryDirectory() as directory:
        size = write_pages(Path(directory), chosen)
        print(
            f"{chosen.records:,} records in pages of {chosen.page_size:,}, {size / 1e6:.0f} MB, {os.cpu_count()} cores"
        )
        with service(directory) as url:
            return report(run_all(directory, url, chosen))


def write_pages(directory: Path, chosen: argparse.Namespace) -> int:
    """Write the pages, each under a name that says whose it is; give their size."""
    from unified_records import MAKERS, pages

    (directory / "one.json").write_bytes(b'{"result":[{"id":"1"}],"next_cursor":null}')
    size = 0
    for number, body in enumerate(pages(chosen.records, chosen.page_size, mixed=chosen.mixed)):
        whose = "all" if chosen.mixed else MAKERS[number % len(MAKERS)].__name__
        size += (directory / f"{number:06}-{whose}.json").write_bytes(body)
    return size


def run_all(directory: str, url: str, chosen: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Run each side in turns, so that whatever else the machine does falls on all."""
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(chosen.runs):
        for side, results in found.items():
            results.append(_child(side, directory, url, chosen.records))
    return found


def _child(side: str, directory: str, url: str, records: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--records", str(records), "--child", side, directory, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def report(found: dict[str, list[dict[str, float]]]) -> int:
    for side, (_, title) in SIDES.items():
        seconds, cpu, peak = (statistics.median(each[name] for each in found[side]) for name in MEASURED)
        print(f"{title:<40} {seconds * 1000:7.0f} ms  {cpu * 1000:7.0f} ms of CPU  {peak / 2**20:6.0f} MiB at the peak")
    held = True
    for side in ("read", "load"):
        faster, lighter = _ratio(found, "normalize", side, "seconds"), _ratio(found, side, "normalize", "bytes")
        print(f"{SIDES[side][1]}: {faster:.1f} times as fast as json_normalize (limit {FASTER:.0f}, aim 10), in "
              f"{lighter:.2f} of its memory (limit {LIGHTER}, aim 0.25)")  # fmt: skip
        held = held and faster >= FASTER and lighter <= LIGHTER
    print(f"read_usage takes {_ratio(found, 'read', 'orjson', 'seconds'):.2f} times what orjson.loads alone takes")
    return 0 if held else 1


MEASURED = ("seconds", "cpu_seconds", "bytes")


def _ratio(found: dict[str, list[dict[str, float]]], one: str, other: str, name: str) -> float:
    pairs = zip(found[one], found[other], strict=True)
    return statistics.median(left[name] / right[name] for left, right in pairs)


def measure(side: str, directory: Path, url: str, records: int) -> int:
    """Run one side in this process and print what it took."""
    paths = sorted(directory.glob("*-*.json"))
    work = SIDES[side][0]
    work([directory / "one.json"], url, ["one"])  # imports what is imported late
    gc.collect()
    before = _reset_peak()
    began, busy = time.perf_counter(), time.process_time()
    held, height = work(paths, url, sorted({path.stem.partition("-")[2] for path in paths}))
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


def read(paths: Sequence[Path], url: str, accounts: Sequence[str]) -> tuple[Any, int]:  # noqa: ARG001
    import truto_usage_nb as tu

    made = tu.read_usage(paths)
    return made, made.height


def load(paths: Sequence[Path], url: str, accounts: Sequence[str]) -> tuple[Any, int]:  # noqa: ARG001
    import truto_usage_nb as tu

    with tu.Client("benchmark-token", base_url=url) as client:
        made = client.load_usage(accounts, progress=False)
    return made, made.height


def normalize(paths: Sequence[Path], url: str, accounts: Sequence[str]) -> tuple[Any, int]:  # noqa: ARG001
    import pandas as pd

    made = pd.json_normalize([record for path in paths for record in json.loads(path.read_bytes())["result"]])
    return made, len(made)


def bare(paths: Sequence[Path], url: str, accounts: Sequence[str]) -> tuple[Any, int]:  # noqa: ARG001
    import orjson

    loaded = [orjson.loads(path.read_bytes()) for path in paths]
    return loaded, sum(len(page["result"]) for page in loaded)


SIDES: dict[str, tuple[Callable[..., tuple[Any, int]], str]] = {
    "read": (read, "tu.read_usage of files"),
    "load": (load, "tu.load_usage over loopback"),
    "normalize": (normalize, "json.loads + pandas.json_normalize"),
    "orjson": (bare, "orjson.loads alone, no frame"),
}


# --- the service


@contextmanager
def service(directory: str) -> Iterator[str]:
    """Serve the pages from a process of its own, so that it shares no interpreter with who is measured."""
    command = [sys.executable, __file__, "--serve", directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


async def serve(directory: Path) -> int:
    """Answer for an account per vendor with its pages one after the other."""
    pages: dict[str, list[bytes]] = {}
    for path in sorted(directory.glob("*.json")):
        pages.setdefault(path.stem.partition("-")[2] or "one", []).append(path.read_bytes())

    def body(target: str) -> bytes:
        where = urlsplit(target)
        query = parse_qs(where.query)
        if where.path.startswith("/integrated-account"):
            name = where.path.rpartition("/")[2]
            integration = "claude" if name in ("one", "all") else name
            account = {"id": name, "integration": {"name": integration}, "is_sandbox": False}
            return json.dumps(account).encode()
        number = int(query.get("next_cursor", ["0"])[0])
        served = pages[query["integrated_account_id"][0]]
        records = served[number]
        cursor = b"null" if number + 1 == len(served) else b'"%d"' % (number + 1)
        return b'%b,"next_cursor":%b}' % (records[: records.rindex(b',"next_cursor"')], cursor)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                said = body(head.split(b" ", 2)[1].decode())
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n" % len(said) + said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
