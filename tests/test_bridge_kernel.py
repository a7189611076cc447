"""Run All in a real kernel: cells queued at once, all of them answered; and an interrupt that stops a load at once."""

from __future__ import annotations

import time
from queue import Empty

import pytest

from tests.loopback import Service, records

pytestmark = pytest.mark.kernel

SETUP = """
import asyncio
from truto_usage_nb import bridge
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.transport import Transport
transport = Transport(token="tk", base_url={url!r}, timeout=60)
async def count():
    return sum([page.records async for page in transport.pages(UsageQuery(integrated_account_id="acc"))])
"""


class Kernel:
    """A Jupyter kernel; cells may be sent without waiting for the one before."""

    def __init__(self) -> None:
        from jupyter_client.manager import KernelManager

        self.manager = KernelManager(kernel_name="python3", transport="ipc")
        self.manager.start_kernel()
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def send(self, code):
        return self.client.execute(code, stop_on_error=False)

    def replies(self, sent, seconds=60):
        """Wait for the answers to these cells; give their status by cell, in the order sent."""
        status, until = {}, time.monotonic() + seconds
        while len(status) < len(sent) and time.monotonic() < until:
            try:
                reply = self.client.get_shell_msg(timeout=1)
            except Empty:
                continue
            if reply["parent_header"]["msg_id"] in sent:  # a late answer to the greeting is none of these
                status[reply["parent_header"]["msg_id"]] = reply["content"]
        return [status.get(cell, {"status": "never ran"}) for cell in sent]

    def run(self, *cells, seconds=60):
        return [reply["status"] for reply in self.replies([self.send(cell) for cell in cells], seconds)]

    def printed(self):
        """Give what was printed so far."""
        text = ""
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=0.5)
            except Empty:
                return text.split()
            text += message["content"].get("text", "") if message["msg_type"] == "stream" else ""

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel():
    kernel = Kernel()
    yield kernel
    kernel.end()


@pytest.mark.parametrize("nested", [False, True])
def test_run_all_with_queued_cells_answers_every_cell(kernel, nested):
    with Service(records(3)) as service:
        cells = [
            SETUP.format(url=service.url) + ("bridge.allow_nested_asyncio()" if nested else ""),
            "background = asyncio.create_task(asyncio.sleep(600)); print(bridge.run(count()))",
            "print(await count())",
            "print(asyncio.run(count()))" if nested else "print(bridge.run(count()))",
            "print(bridge.run(count())); assert not background.done(); background.cancel()",
        ]
        assert kernel.run(*cells) == ["ok"] * 5
    assert kernel.printed() == ["9"] * 4


def test_an_interrupt_stops_a_long_load_at_once_and_leaves_nothing_running(kernel):
    with Service(records(3), {1: ["stalled body"]}) as service:
        assert kernel.run(SETUP.format(url=service.url)) == ["ok"]
        cell = kernel.send("bridge.run(count())")
        until = time.monotonic() + 30
        while len(service.requests) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        began = time.monotonic()
        kernel.manager.interrupt_kernel()
        (reply,) = kernel.replies([cell], seconds=20)
        assert reply.get("ename") == "KeyboardInterrupt"
        assert time.monotonic() - began < 5
        left = "async def left(): return len(asyncio.all_tasks()) - 1\nprint('left', bridge.run(left()))"
        assert kernel.run(left, "print(bridge.run(count()))") == ["ok", "ok"]
    assert kernel.printed() == ["left", "0", "9"]
