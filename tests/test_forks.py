"""A child forked from a process whose polars has threads is told so, whatever it asks, and waits for nobody."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

SCRIPT = """
import os, sys, tempfile, warnings
warnings.simplefilter("ignore")
import polars as pl
import truto_usage_nb as tu
from truto_usage_nb import plots
folder = tempfile.mkdtemp()

def frames():
    usage = tu.load_usage("cursor", period="2026-09-14", client=tu.sandbox())
    return {"polars": usage, "lazy": usage.lazy(), "arrow": usage.to_arrow(), "pandas": usage.to_pandas()}

def ways(held, result):
    yield from (lambda frame=frame: tu.cost_per(frame, "model_id") for frame in held.values())
    frame = held["polars"]
    helpers = (tu.cost_per_model, tu.with_costs, tu.cost_lines, tu.charges, tu.coverage, tu.deduplicate, tu.to_focus)
    yield from (lambda ask=ask: ask(frame) for ask in helpers)
    yield lambda: plots.cost_over_time(frame)
    yield from (lambda: tu.write_csv(frame, folder + "/a.csv"), lambda: tu.write_csv(result, folder + "/b.csv"))
    yield lambda: result.save(folder + "/c.parquet")
    yield lambda: tu.read_result(folder + "/usage.parquet")
    yield from (result.to_pandas, result._repr_html_)

def tried(held, result):
    for number, way in enumerate(ways(held, result)):
        try:
            way()
            print(number, "done", flush=True)
        except tu.UsageError as problem:
            print(number, type(problem).__name__, "get_context('spawn')" in str(problem), flush=True)

def forked(work):
    if (child := os.fork()) == 0:
        work()
        os._exit(0)
    os.waitpid(child, 0)
"""

AFTER = """
held = frames()
result = tu.fetch_usage("cursor", period="2026-09-14", client=tu.sandbox())
result.save(folder + "/usage.parquet")
forked({work})
print(tu.cost_per_model(held["polars"]).height > 0)
"""

BEFORE = """
rows = pl.DataFrame({"id": ["1"]})  # which begins no thread
forked(lambda: print(rows.height, tu.cost_per_model(frames()["polars"]).height > 0, flush=True))
print(tu.cost_per_model(frames()["polars"]).height > 0)
"""


def said(script):
    command = [sys.executable, "-c", SCRIPT + script]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.splitlines()


@pytest.mark.parametrize("work", ["lambda: tried(held, result)", "lambda: forked(lambda: tried(held, result))"])
def test_after_work_every_helper_says_spawn(work):
    lines = said(AFTER.format(work=work))
    assert lines == [*(f"{number} InputError True" for number in range(18)), "True"]


def test_before_polars_has_worked_a_child_reckons_as_its_parent_does():
    assert said(BEFORE) == ["1 True", "True"]
