"""Load ten accounts of eight pages of 500 records over loopback with 60 ms of latency, against Truto's own Python SDK.

    python benchmarks/load.py                         # ours alone, and how far it is from the ideal
    python benchmarks/load.py --peer path/to/python   # an interpreter (3.12 or newer) with truto-python-sdk and pandas

The peer is what the SDK's documentation shows, one account after the other, and `pandas.json_normalize` over all
records. The ideal is the round trips of one account alone, nothing parsed: nobody can load ten accounts faster.
Imports are not timed on either side; the median of several runs counts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ACCOUNTS, PAGES, RECORDS, LATENCY_SECONDS = 10, 8, 500, 0.06
NAMES = [f"account-{number}" for number in range(ACCOUNTS)]
GOAL = 8.0

PEER = """
import asyncio, sys, time
import pandas
from truto_python_sdk import TrutoApi

async def load(url, accounts):
    api = TrutoApi(token="tk", base_url=url)
    rows = []
    for account in accounts:
        rows += await api.unified_api.list("usage-metering", "usage", {"integrated_account_id": account}).to_array()
    return pandas.json_normalize(rows)

began = time.perf_counter()
frame = asyncio.run(load(sys.argv[1], sys.argv[2:]))
print(time.perf_counter() - began, len(frame))
"""


def main() -> int:
    """Measure, print, and fail when the goal is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--peer", default=os.environ.get("TRUTO_SDK_PYTHON"), help="a Python with truto-python-sdk")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.serve:
        return serve()
    with service() as url:
        ideal = median(chosen.runs, lambda: one_account_alone(url))
        every = median(chosen.runs, lambda: ours(url, ACCOUNTS))
        default = median(chosen.runs, lambda: ours(url, None))
        print(f"{ACCOUNTS} accounts, {PAGES} pages of {RECORDS} records, {LATENCY_SECONDS * 1000:.0f} ms of latency")
        say("ideal: one account, nothing parsed", ideal, ideal)
        say(f"load_usage, concurrency={ACCOUNTS}", every, ideal)
        say("load_usage, as it comes (concurrency=8)", default, ideal)
        return against_peer(url, chosen, ideal, every)


def against_peer(url: str, chosen: argparse.Namespace, ideal: float, ours_seconds: float) -> int:
    peer = peer_python(chosen.peer)
    if peer is None:
        print("SDK skipped: no Python >= 3.12 with truto-python-sdk and pandas; name one with --peer")
        return 0
    seconds = median(chosen.runs, lambda: theirs(peer, url))
    say("truto-python-sdk + json_normalize", seconds, ideal)
    print(f"load_usage is {seconds / ours_seconds:.1f} times faster (goal: {GOAL:.0f})")
    return 0 if seconds / ours_seconds >= GOAL else 1


def say(what: str, seconds: float, ideal: float) -> None:
    print(f"{what:<42} {seconds * 1000:8.0f} ms {seconds / ideal:6.2f} x ideal")


def median(runs: int, measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(runs))


def ours(url: str, concurrency: int | None) -> float:
    import truto_usage_nb as tu
    import truto_usage_nb.loader

    options = {} if concurrency is None else {"concurrency": concurrency}
    with tu.Client("tk", base_url=url, **options) as client:
        began = time.perf_counter()
        frame = client.load_usage(NAMES, integration="claude", progress=False)
        seconds = time.perf_counter() - began
    assert frame.height == ACCOUNTS * PAGES * RECORDS, frame.height
    return seconds


def one_account_alone(url: str) -> float:
    import httpx

    with httpx.Client(base_url=url) as client:
        client.get("/warm")
        began = time.perf_counter()
        for number in range(PAGES):
            client.get("/usage", params={"next_cursor": f"page_{number}"} if number else {})
        return time.perf_counter() - began


def theirs(peer: str, url: str) -> float:
    done = subprocess.run([peer, "-c", PEER, url, *NAMES], capture_output=True, text=True, check=True)
    seconds, height = done.stdout.split()
    assert int(height) == ACCOUNTS * PAGES * RECORDS, height
    return float(seconds)


def peer_python(named: str | None) -> str | None:
    """Find an interpreter that has the SDK: the one named, this one, or one on the path."""
    candidates = [named] if named else [sys.executable, *(f"python3.{minor}" for minor in range(12, 16))]
    ready = "import sys, pandas, truto_python_sdk; assert sys.version_info >= (3, 12)"
    for candidate in candidates:
        found = shutil.which(str(candidate))
        if found and subprocess.run([found, "-c", ready], capture_output=True, check=False).returncode == 0:
            return found
    return None


@contextmanager
def service() -> Iterator[str]:
    """Run the service in a process of its own, so that it shares no interpreter with who is measured."""
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def serve() -> int:
    sys.path.insert(0, str(Path(__file__).parent))
    from unified_records import pages

    bodies = [_answer(body) for body in pages(PAGES * RECORDS, RECORDS)]

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(LATENCY_SECONDS)
                query = parse_qs(urlsplit(head.split(b" ", 2)[1].decode()).query)
                writer.write(bodies[int(query.get("next_cursor", ["page_0"])[0].removeprefix("page_"))])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(connection, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(listen())
    return 0


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    sys.exit(main())
