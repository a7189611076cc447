"""Load ten accounts of eight pages of 500 records over loopback with 60 ms of latency, against Truto's own Python SDK.

    python benchmarks/load.py                         # ours alone, and how far it is from what latency alone costs
    python benchmarks/load.py --peer path/to/python   # an interpreter (3.12 or newer) with truto-python-sdk and pandas
    python benchmarks/load.py --wide                  # a thousand accounts of one page: the CPU of a request

Ours is the default call, `client.load_usage(accounts)`, which looks every account up and has eight requests under way.
What latency alone costs is those ninety requests, eight at a time, asked by bare httpx and thrown away. The peer is
what the SDK's documentation shows, one account after the other, and `pandas.json_normalize` over all records. Every
run is a process of its own, on both sides; imports are not timed, the median of the ratios within a turn counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ACCOUNTS, PAGES, RECORDS, LATENCY_SECONDS, SLOTS = 10, 8, 500, 0.06, 8
NAMES = [f"account-{number}" for number in range(ACCOUNTS)]
WIDE = 1000
IDEAL, FASTER, WIDER = 1.3, 7.0, 1.15
"""Limits: of the time that latency alone costs, of the SDK's time, of the CPU a request at 64 against 8."""

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
    """Measure, print, and fail when a limit is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--peer", default=os.environ.get("TRUTO_SDK_PYTHON"), help="a Python with truto-python-sdk")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--wide", action="store_true", help="a thousand accounts of one page instead")
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments.add_argument("--child", nargs=2, metavar=("SIDE", "URL"), help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.serve:
        return serve()
    if chosen.child:
        print(json.dumps(CHILDREN[chosen.child[0]](chosen.child[1])))
        return 0
    with service() as url:
        return wide(url, chosen.runs) if chosen.wide else deep(url, chosen)


def deep(url: str, chosen: argparse.Namespace) -> int:
    """Ten accounts of eight pages."""
    peer = peer_python(chosen.peer)
    turns = []
    for _ in range(chosen.runs):
        turn = {side: child(side, url) for side in ("latency", "default")}
        turns.append(turn | ({"peer": theirs(peer, url)} if peer else {}))
    print(f"{ACCOUNTS} accounts, {PAGES} pages of {RECORDS} records, {LATENCY_SECONDS * 1000:.0f} ms of latency, "
          f"{os.cpu_count()} cores")  # fmt: skip
    for side, title in TITLES.items():
        if side in turns[0]:
            print(f"{title:<44} {statistics.median(turn[side] for turn in turns) * 1000:8.0f} ms")
    ideal = statistics.median(turn["default"] / turn["latency"] for turn in turns)
    print(f"load_usage takes {ideal:.2f} times what latency alone costs (limit {IDEAL})")
    if peer is None:
        print("SDK skipped: no Python >= 3.12 with truto-python-sdk and pandas; name one with --peer")
        return int(ideal > IDEAL)
    faster = statistics.median(turn["peer"] / turn["default"] for turn in turns)
    print(f"load_usage is {faster:.1f} times as fast as the SDK (limit {FASTER:.0f})")
    return int(ideal > IDEAL or faster < FASTER)


TITLES = {
    "latency": "the same requests, thrown away",
    "default": "load_usage as it comes",
    "peer": "truto-python-sdk + json_normalize",
}


def wide(url: str, runs: int) -> int:
    """A thousand accounts of one page, eight and sixty-four at once."""
    turns = [(child("eight", url), child("many", url)) for _ in range(runs)]
    eight, many = (statistics.median(turn[side] for turn in turns) for side in (0, 1))
    ratio = statistics.median(turn[1] / turn[0] for turn in turns)
    print(f"{WIDE:,} accounts of one page: {eight:.2f} ms of CPU a request at 8, {many:.2f} at 64: {ratio:.2f} times "
          f"(limit {WIDER})")  # fmt: skip
    return int(ratio > WIDER)


def child(side: str, url: str) -> float:
    done = subprocess.run(
        [sys.executable, __file__, "--child", side, url], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(json.loads(done.stdout))


def default(url: str) -> float:
    import polars  # noqa: F401  # imports are not timed
    import pyarrow.json  # noqa: F401

    import truto_usage_nb as tu

    with tu.Client("benchmark-token", base_url=url) as client:
        client.load_usage("warm", integration="claude", limit=1, progress=False)
        began = time.perf_counter()
        frame = client.load_usage(NAMES, progress=False)
        seconds = time.perf_counter() - began
    assert frame.height == ACCOUNTS * PAGES * RECORDS, frame.height
    return seconds


def latency(url: str) -> float:
    """Ask all that the default call asks, as many at once, and look at nothing."""
    import httpx

    async def account(client: httpx.AsyncClient, slots: asyncio.Semaphore, name: str) -> None:
        asked = [(f"/integrated-account/{name}", {})]
        asked += [("/usage", {"next_cursor": f"page_{number}"} if number else {}) for number in range(PAGES)]
        for path, params in asked:
            async with slots:
                await client.get(path, params=params)

    async def every() -> float:
        slots = asyncio.Semaphore(SLOTS)
        async with httpx.AsyncClient(base_url=url) as client:
            await client.get("/integrated-account/warm")
            began = time.perf_counter()
            await asyncio.gather(*(account(client, slots, name) for name in NAMES))
            return time.perf_counter() - began

    return asyncio.run(every())


def _wide_load(concurrency: int) -> float:
    import truto_usage_nb as tu

    with tu.Client("benchmark-token", base_url=sys.argv[-1], concurrency=concurrency) as client:
        client.load_usage("one-warm", integration="claude", progress=False)
        began = time.process_time()
        frame = client.load_usage([f"one-{n}" for n in range(WIDE)], integration="claude", progress=False)
        seconds = time.process_time() - began
    assert frame.height == WIDE, frame.height
    return seconds / WIDE * 1000


CHILDREN = {
    "default": default,
    "latency": latency,
    "eight": lambda _: _wide_load(8),
    "many": lambda _: _wide_load(64),
}


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
    account = _answer(b'{"id":"a","integration":{"name":"claude"}}')
    one = _answer(
        b'{"result":[{"id":"1","charges":[{"amount":2.5,"currency":"USD","type":"net"}]}],"next_cursor":null}'
    )

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(LATENCY_SECONDS)
                where = urlsplit(head.split(b" ", 2)[1].decode())
                query = parse_qs(where.query)
                if where.path.startswith("/integrated-account"):
                    writer.write(account)
                elif query.get("integrated_account_id", [""])[0].startswith("one-"):
                    writer.write(one)
                else:
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
