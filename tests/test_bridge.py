"""The blocking door: from threads and running loops, through fork, interrupt and exit (each in its own process)."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from truto_usage_nb import bridge
from truto_usage_nb.errors import LoopThreadError


async def double(number, seconds=0.0):
    await asyncio.sleep(seconds)
    return 2 * number


HEAD = "from truto_usage_nb import bridge\nimport asyncio, os, signal, sys, threading, time\n"


def script(source, timeout=60):
    """Run a script; give what it printed, its exit code and how long it took."""
    began = time.monotonic()
    source = "from truto_usage_nb import bridge\nimport asyncio, os, signal, sys, threading, time\n" + textwrap.dedent(
        source
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, timeout=timeout, check=False
    )
    return done.stdout.split(), done.stderr, done.returncode, time.monotonic() - began


def test_it_gives_the_result_or_raises_the_error():
    async def fail():
        raise ValueError("as it was")

    assert bridge.run(double(21)) == 42
    with pytest.raises(ValueError, match="as it was"):
        bridge.run(fail())


def test_it_works_inside_a_running_loop():
    async def cell():
        return bridge.run(double(4))

    assert asyncio.run(cell()) == 8


def test_eight_threads_at_once():
    with ThreadPoolExecutor(8) as pool:
        began = time.monotonic()
        assert list(pool.map(lambda n: bridge.run(double(n, 0.2)), range(8))) == [2 * n for n in range(8)]
        assert time.monotonic() - began < 1.2  # side by side, not one after another


def test_all_calls_share_one_loop_in_one_daemon_thread():
    async def where():
        return id(asyncio.get_running_loop()), threading.current_thread()

    (loop, thread), (other, _) = bridge.run(where()), bridge.run(where())
    assert loop == other
    assert thread.daemon
    assert thread is not threading.main_thread()


def test_context_variables_travel_along():
    name = contextvars.ContextVar("name", default="nobody")
    name.set("caller")

    async def look():
        return name.get()

    assert bridge.run(look()) == "caller"


def test_a_call_from_the_loop_itself_names_what_to_await():
    async def inside():
        return bridge.run(double(1), twin="aload_usage")

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no coroutine may be left behind unawaited
        with pytest.raises(LoopThreadError, match="await aload_usage instead"):
            bridge.run(inside())


def test_where_no_thread_can_start_it_names_what_to_await(monkeypatch):
    def refuse():
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(bridge, "_the_background", refuse)
    with pytest.raises(LoopThreadError, match="await aload_usage instead"):
        bridge.run(double(1), twin="aload_usage")


def test_importing_starts_nothing():
    said, *_ = script("print(threading.active_count(), 'asyncio.runners' in sys.modules)")
    assert said[0] == "1"


# --- exit ---

FOREVER = """
    async def forever():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if not STUBBORN:
                    print("cancelled", flush=True)
                    raise
"""


def test_it_exits_at_once_after_work_is_done():
    said, complaint, code, seconds = script("bridge.run(asyncio.sleep(0)); print('done')")
    assert (said, complaint, code) == (["done"], "", 0)
    assert seconds < 5


@pytest.mark.parametrize("stubborn", [False, True])
def test_it_exits_soon_with_work_pending(stubborn):
    source = textwrap.dedent(FOREVER).replace("STUBBORN", str(stubborn)) + textwrap.dedent("""
    def call():
        try:
            bridge.run(forever())
        except BaseException:
            pass
    threading.Thread(target=call, daemon=True).start()
    bridge.run(asyncio.sleep(0.05))
    print("over", flush=True)
    """)
    said, _, code, seconds = script(source)
    assert code == 0
    assert said == ["over"] if stubborn else said == ["over", "cancelled"]
    assert seconds < 8


def test_it_exits_when_the_program_raises():
    said, complaint, code, _ = script("bridge.run(asyncio.sleep(0)); print('x'); raise SystemExit(3)")
    assert (said, complaint, code) == (["x"], "", 3)


# --- interrupt ---

INTERRUPT = """
    ended = []
    async def work():
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.2)
            ended.append("ended")
    threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        bridge.run(work())
    except KeyboardInterrupt:
        print("interrupted", *ended)
    async def next_one():
        return "next", str(len(asyncio.all_tasks()))
    print(*bridge.run(next_one()))
"""


def test_an_interrupt_cancels_the_work_and_waits_for_it():
    said, complaint, code, seconds = script(INTERRUPT)
    assert (said, complaint, code) == (["interrupted", "ended", "next", "1"], "", 0)
    assert seconds < 10


def test_a_second_interrupt_leaves_stubborn_work_behind():
    source = textwrap.dedent(FOREVER).replace("STUBBORN", "True") + textwrap.dedent("""
    for wait in (0.4, 0.9):
        threading.Timer(wait, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        bridge.run(forever())
    except KeyboardInterrupt:
        print("out")
    """)
    said, _, code, seconds = script(source)
    assert (said, code) == (["out"], 0)
    assert seconds < 10


# --- fork ---


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_gets_a_loop_of_its_own_and_the_parent_keeps_its():
    said, complaint, code, _ = script("""
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking with threads
    async def where():
        return id(asyncio.get_running_loop())
    mine = bridge.run(where())
    child = os.fork()
    if child == 0:
        print("child", bridge.run(asyncio.sleep(0, "works")), bridge.run(where()) != mine, flush=True)
        sys.exit(7)
    _, status = os.waitpid(child, 0)
    print("parent", bridge.run(asyncio.sleep(0, "works")), bridge.run(where()) == mine)
    print(os.waitstatus_to_exitcode(status))
    """)
    assert said == ["child", "works", "True", "parent", "works", "True", "7"]
    assert (complaint, code) == ("", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_before_the_first_call_works_too():
    said, _, code, _ = script("""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    print(bridge.run(asyncio.sleep(0, "works")), flush=True)
    """)
    assert (said, code) == (["works", "works"], 0)


BY_POLARS_ALONE = ["import polars as pl; pl.DataFrame({'a': [1, 2]}).lazy().group_by('a').len().collect()"]
if sys.platform != "linux":
    BY_POLARS_ALONE.clear()  # where nobody can tell whether it has threads

AFTER_A_LOAD = """
    import warnings
    import truto_usage_nb as tu
    warnings.simplefilter("ignore", DeprecationWarning)
    def load():
        return tu.load_usage("cursor", period="2026-09-14", client=tu.sandbox())
    def ways():
        yield load
        yield lambda: asyncio.run(tu.aload_usage("cursor", period="2026-09-14", client=tu.sandbox()))
        yield lambda: tu.fetch_usage("cursor", period="2026-09-14", client=tu.sandbox())
        yield lambda: tu.sandbox().list_accounts()
    def tried():
        for way in ways():
            try:
                way()
            except tu.UsageError as problem:
                print(type(problem).__name__, "spawn" in str(problem), flush=True)
    def forked(work):
        child = os.fork()
        if child == 0:
            work()
            sys.exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    {before}
    print(forked({work}))
    print(load().height)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("work", ["tried", "lambda: forked(tried)"])
@pytest.mark.parametrize("before", ["load()", *BY_POLARS_ALONE])
def test_a_load_in_a_child_forked_after_a_load_is_an_error_that_says_spawn(work, before):
    said, complaint, code, _ = script(AFTER_A_LOAD.format(before=before, work=work))
    *refused, last, height = said
    assert refused[:8] == ["InputError", "True"] * 4
    assert (last, code, complaint) == ("0", 0, "")
    assert int(height) > 0  # the parent goes on


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_before_any_load_loads():
    said, complaint, code, _ = script(AFTER_A_LOAD.format(before="import polars", work="lambda: print(load().height)"))
    assert (said[0], said[1], code, complaint) == (said[2], "0", 0, "")


# --- nested asyncio, on request ---

NESTED = """
    async def inner():
        return 5
    async def cell():
        return asyncio.run(inner())
    {first}
    try:
        print(asyncio.run(cell()))
    except RuntimeError:
        print("refused")
    print(bridge.run(inner()))
"""


def test_nested_asyncio_comes_on_request_only_and_the_bridge_goes_on():
    first = "import warnings; warnings.simplefilter('ignore'); {}"
    assert script(NESTED.format(first=first.format("bridge.run(inner())")))[0] == ["refused", "5"]
    assert script(NESTED.format(first=first.format("bridge.allow_nested_asyncio()")))[0] == ["5", "5"]


def test_a_started_errand_is_not_waited_for_and_says_how_it_ended():
    release, ended = threading.Event(), []

    async def answer():
        await asyncio.to_thread(release.wait)
        return 42

    errand = bridge.start(answer(), ended.append)
    assert not errand.is_done
    release.set()
    assert errand.result() == 42
    assert ended == [False]


def test_an_errand_cancelled_before_it_began_still_says_that_it_ended():
    ended = []
    errand = bridge.start(asyncio.sleep(600), ended.append)
    errand.cancel()
    assert errand.wait(10)
    assert ended == [True]
    with pytest.raises(asyncio.CancelledError):
        errand.result()
