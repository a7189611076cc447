"""A scan over real HTTP: killed at random moments, and through every fault of the line; every record once."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import truto_usage_nb as tu
from tests.loopback import FAULTS, FlyingClock, Service, answer
from tests.vendor_for_tests import Vendor, day, expected
from truto_usage_nb.dataset import Scanner
from truto_usage_nb.jobs import Integrations
from truto_usage_nb.transport import Transport

pytestmark = pytest.mark.drill

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SCRIPT = Path(__file__).with_name("scan_for_tests.py")
FIRST, LAST = day(10, 1), day(11, 1)
WANTED = sorted(expected("a", FIRST, LAST) + expected("b", FIRST, LAST))


class Windows(Service):
    """Serve windows and pages of a vendor's records over real HTTP, each page a moment late.

    `faults` befall the pages at (account, offset), one a request, before the page is served.
    """

    def __init__(self, faults=None, delay_seconds=0.01):
        super().__init__([[]])
        self.vendor = Vendor({"a": "cursor", "b": "cursor"}, per_page=5)
        self.faults = {place: list(kinds) for place, kinds in (faults or {}).items()}
        self.delay_seconds = delay_seconds

    async def _answer(self, writer, path, headers):
        params = {name: values[-1] for name, values in parse_qs(urlsplit(path).query).items()}
        self.requests.append(params)
        await asyncio.sleep(self.delay_seconds)
        page = self.vendor._page(params)
        faults = self.faults.get((params["integrated_account_id"], int(params.get("next_cursor", "0.").split(".")[0])))
        if page.status_code != 200:
            writer.write(answer(page.content, page.status_code))
            await writer.drain()
            return True
        return await self._misbehave(writer, faults.pop(0) if faults else "", page.content)


def ids_of(directory):
    """Give the ids that DuckDB finds in the files."""
    import duckdb

    found = duckdb.sql(f"select id from read_parquet('{directory}/records/**/*.parquet')").fetchall()
    return sorted(one for (one,) in found)


def scan(url, directory):
    command = [sys.executable, str(SCRIPT), url, str(directory), "2026-10-01", "2026-11-01"]
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parent.parent)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition, process, seconds=60):
    """Wait until a condition holds or the process has ended."""
    until = time.monotonic() + seconds
    while not condition() and process.poll() is None:
        assert time.monotonic() < until
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.002)


def test_killed_at_twenty_random_moments_every_record_is_there_once(tmp_path):
    rng = Random(20261101)
    kills, rounds = 0, 0
    with Windows() as service:
        while kills < 20:
            rounds += 1
            directory = tmp_path / f"round-{rounds}"
            while kills < 20:
                process, begun = scan(service.url, directory), len(service.requests)
                after = rng.randrange(1, 24)
                wait_for(lambda b=begun, a=after: len(service.requests) >= b + a, process)
                pause = time.monotonic() + rng.random() * 0.02
                wait_for(lambda until=pause: time.monotonic() >= until, process)
                process.kill()
                _, errors = process.communicate()
                assert process.returncode in (-9, 0), errors.decode()
                if process.returncode == 0:
                    break
                kills += 1
                held = ids_of(directory) if list(directory.rglob("*.parquet")) else []
                assert len(held) == len(set(held))
            last = scan(service.url, directory)
            _, errors = last.communicate(timeout=60)
            assert last.returncode == 0, errors.decode()
            assert ids_of(directory) == WANTED
            frame = tu.read_usage(directory)
            assert sorted(frame["id"]) == WANTED
            # each charge is a quarter of the record's number: the same sum as when nothing was killed
            numbers = [int(one.split("-")[1]) for one in WANTED]
            assert frame["charges_total"].sum() == sum(numbers) / 4
    assert kills == 20


PLACES = {"first": 0, "middle": 45, "last": 85}
QUICK = [fault for fault in FAULTS if not fault.startswith("stalled")]


def drill(faults, directory):
    """Scan two accounts through faults; a dead service comes back at the second wait after its death."""
    with Windows(faults, delay_seconds=0.0) as service:
        waits = []

        def on_sleep(seconds):
            if service.is_dead:
                waits.append(seconds)
                if len(waits) % 2 == 0:
                    service.revive()

        async def scan_through():
            line = Transport(
                token="tk", base_url=service.url, timeout=0.4, retries=20, concurrency=3, clock=FlyingClock(on_sleep)
            )
            scanner = Scanner(line, lambda: NOW, Integrations(line))
            frame = await scanner.scan(["a", "b"], directory, period="2026-10", integration="cursor")
            await line.aclose()
            return frame

        frame = asyncio.run(scan_through())
        left = {place: kinds for place, kinds in service.faults.items() if kinds}
    assert not left, f"not every fault happened: {left}"
    assert frame.collect()["id"].to_list() == expected("a", FIRST, LAST) + expected("b", FIRST, LAST)
    assert ids_of(directory) == WANTED


@pytest.mark.parametrize("place", PLACES)
def test_every_fault_of_the_line_at_the_first_a_middle_and_the_last_page(place, tmp_path):
    drill({("a", PLACES[place]): FAULTS, ("b", PLACES[place]): QUICK[::-1]}, tmp_path)


@settings(max_examples=10, derandomize=True)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.integers(0, 17).map(lambda page: page * 5)),
        st.lists(st.sampled_from(QUICK), max_size=4),
        max_size=8,
    )
)
def test_random_mixtures_of_faults_lose_and_double_nothing(faults):
    with TemporaryDirectory() as directory:
        drill(faults, directory)
