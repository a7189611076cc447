"""Measure a scan of ten times as many records: peak memory and time, then `cost_per_model` over what it kept.

    python benchmarks/scale.py            100,000 records against 1,000,000
    python benchmarks/scale.py 20000      20,000 against 200,000

A service on loopback, in a process of its own, writes believable records of Claude accounts, a month in pages of 500.
Each scan and each table runs in a process of its own too, whose peak memory the system states. Promised: memory at
most 1.3 times, time at most 11 times; the table over ten times the records within that same memory.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import unified_records

ACCOUNTS = 4
PAGE = 500
MEMORY, TIME = 1.3, 11.0
NOW = datetime(2027, 1, 15, tzinfo=UTC)


# --- the service


class Pages:
    """Write the pages of any account: page by page the same bytes for the same question, made from a few templates.

    A record's id, day and figures are its own; the rest of it is one of the templates, so that the service keeps up.
    """

    def __init__(self, records: int) -> None:
        rng = Random(7)
        made = [unified_records.claude(rng, number) for number in range(4_000)]
        self.templates = {
            "usage": [_cut(record) for record in made if "charges" not in record],
            "cost": [_cut(record) for record in made if "charges" in record],
        }
        self.per_query = records // (2 * ACCOUNTS)  # a period asks Claude for usage and for cost

    def page(self, params: dict[str, str]) -> bytes:
        first = int(params.get("next_cursor", "0"))
        last = min(first + PAGE, self.per_query)
        account, report = params["integrated_account_id"], params["report_type"]
        cursor = f'"{last}"' if last < self.per_query else "null"
        rows = ",".join(self._record(account, report, number) for number in range(first, last))
        return f'{{"result":[{rows}],"next_cursor":{cursor}}}'.encode()

    def _record(self, account: str, report: str, number: int) -> str:
        day = 1 + number * 31 // self.per_query
        until = f"2026-10-{day + 1:02}" if day < 31 else "2026-11-01"
        templates = self.templates[report]
        before, between, after = templates[number % len(templates)]
        return f"{before.replace('@id@', f'{account}-{report}-{number}')}2026-10-{day:02}{between}{until}{after}"


def _cut(record: dict[str, Any]) -> list[str]:
    """Give a record's JSON in three parts, with room for its dates between them."""
    marked = record | {"id": "@id@", "start_date": "@date@", "end_date": "@date@"}
    return json.dumps(marked, separators=(",", ":")).split("@date@")


async def serve(records: int) -> None:
    pages = Pages(records)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                query = parse_qs(urlsplit(head.split(" ")[1]).query)
                body = pages.page({name: values[-1] for name, values in query.items()})
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(f"content-length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# --- what is measured, each in a process of its own


def usage(url: str, directory: str) -> Any:
    """Scan at a moment when October is final: a second call asks for nothing."""
    import truto_usage_nb as tu

    accounts = [f"account-{number}" for number in range(ACCOUNTS)]
    with tu.Client("benchmark", base_url=url, records_per_page=PAGE, clock=lambda: NOW) as client:
        return tu.scan_usage(accounts, directory, period="2026-10", integration="claude", client=client, progress=False)


def scan(url: str, directory: str) -> dict[str, Any]:
    began = time.perf_counter()
    usage(url, directory)
    return {"seconds": time.perf_counter() - began}


def table(directory: str) -> dict[str, Any]:
    import truto_usage_nb as tu

    kept = usage("http://127.0.0.1:9", directory)  # nobody listens there
    began = time.perf_counter()
    made = tu.cost_per_model(kept).collect()
    return {"seconds": time.perf_counter() - began, "lines": made.height, "cost": made["cost"].sum()}


def in_a_process_of_its_own(*words: str) -> dict[str, Any]:
    told = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(told.stdout.splitlines()[-1]))


def measured(records: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scan that many records, then table them."""
    service = subprocess.Popen([sys.executable, __file__, "serve", str(records)], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    try:
        url = f"http://127.0.0.1:{service.stdout.readline().strip()}"
        with tempfile.TemporaryDirectory() as directory:
            return in_a_process_of_its_own("scan", url, directory), in_a_process_of_its_own("table", directory)
    finally:
        service.kill()
        service.wait()


def main(small: int) -> bool:
    results = {}
    for records in (small, 10 * small):
        scanned, tabled = results[records] = measured(records)
        print(
            f"{records:>9,} records: scan {scanned['seconds']:6.1f} s, {scanned['peak_mib']:5.0f} MiB at most; "
            f"cost_per_model {tabled['seconds']:5.1f} s, {tabled['peak_mib']:5.0f} MiB, {tabled['lines']} lines",
            flush=True,
        )
    (scan_small, _), (scan_large, table_large) = results.values()
    memory, seconds = scan_large["peak_mib"] / scan_small["peak_mib"], scan_large["seconds"] / scan_small["seconds"]
    within = table_large["peak_mib"] / scan_small["peak_mib"]
    print(f"ten times the records: memory x {memory:.2f} (promised {MEMORY}), time x {seconds:.1f} (promised {TIME:g})")
    print(f"cost_per_model over {10 * small:,} records: memory x {within:.2f} of the small scan's (promised {MEMORY})")
    return memory <= MEMORY and seconds <= TIME and within <= MEMORY


def run(words: list[str]) -> int:
    if words[:1] == ["serve"]:
        asyncio.run(serve(int(words[1])))
        return 0
    if words[:1] in (["scan"], ["table"]):
        said = scan(*words[1:]) if words[0] == "scan" else table(*words[1:])
        unit = 1024 if sys.platform == "darwin" else 1
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit / 1024
        print(json.dumps(said | {"peak_mib": peak}))
        return 0
    return 0 if main(int(words[0]) if words else 100_000) else 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
