"""The fault drill: whatever breaks, and wherever, every record arrives once, in order. Real HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import truto_usage_nb as tu
from tests.loopback import DEATH, FAULTS, FlyingClock, Service, records
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.transport import Transport

PAGES = 5
PLACES = {"first": 0, "middle": 2, "last": PAGES - 1}
QUERY = UsageQuery(integrated_account_id="acc")


async def walk_through(service: Service, timeout: float = 0.5) -> list[str]:
    """Walk all pages; a dead service comes back at the second wait after its death."""
    waits_since_death: list[float] = []

    def on_sleep(seconds: float) -> None:
        if service.is_dead:
            waits_since_death.append(seconds)
            if len(waits_since_death) % 2 == 0:
                service.revive()

    clock = FlyingClock(on_sleep)
    transport = Transport(token="tk", base_url=service.url, timeout=timeout, retries=12, clock=clock)
    found = []
    async with aclosing(transport.pages(QUERY)) as pages:
        async for page in pages:
            found += [record["id"] for record in json.loads(page.content)["result"]]
    await transport.aclose()
    return found


def drill(faults: dict[int, list[str]]) -> None:
    with Service(records(PAGES), faults) as service:
        found = asyncio.run(walk_through(service))
        left = {number: kinds for number, kinds in service.faults.items() if kinds}
    assert found == [record["id"] for page in records(PAGES) for record in page]
    assert not left, f"not every fault happened: {left}"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_alone_loses_and_doubles_nothing(fault, place):
    drill({PLACES[place]: [fault]})


def test_every_fault_on_every_page_one_after_another():
    drill(
        {number: [fault for fault in FAULTS if not fault.startswith("stalled")][number::2] for number in range(PAGES)}
    )


def test_the_service_dies_between_two_pages_and_again():
    drill({1: [DEATH, "503", DEATH], 2: [DEATH]})


QUICK = [fault for fault in FAULTS if not fault.startswith("stalled")]
mixtures = st.dictionaries(
    st.integers(0, PAGES - 1),
    st.lists(st.one_of(st.sampled_from(QUICK), st.sampled_from(FAULTS)), max_size=4),
    max_size=PAGES,
)


@settings(max_examples=25, derandomize=True)
@given(mixtures)
def test_random_mixtures_lose_and_double_nothing(faults):
    drill(faults)


def test_a_load_through_the_public_door_holds_every_record_once():
    pages = [[{"id": record["id"]} for record in page] for page in records(PAGES)]
    faults = {0: ["cut json"], 2: ["stalled body"], 4: ["reset", "garbage"]}
    with Service(pages, faults) as service, tu.Client("tk", base_url=service.url, timeout=0.5) as client:
        frame = client.load_usage("acc", integration="cursor")
        assert not any(service.faults.values())
    assert frame["id"].to_list() == [record["id"] for page in pages for record in page]
