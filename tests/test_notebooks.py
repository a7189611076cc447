"""Every notebook is kept without outputs, says what it shows and needs, starts on the sandbox, runs, and cleans up."""

import functools
import re
import tempfile
from pathlib import Path

import pytest

from tests.notebooks_for_tests import code, executed, notebooks, read, shown

pytestmark = pytest.mark.kernel

each = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


@functools.cache
def ran(path):
    """Run a notebook in a folder of its own, twice where it writes; give what each run shows and what is left there."""
    with tempfile.TemporaryDirectory() as folder:
        texts = [shown(executed(path, folder)) for _ in range(2 if "scan_usage" in path.read_text("utf-8") else 1)]
        left = [found.name for found in Path(folder).rglob("*")]
    return [re.sub(r"ipykernel_\d+", "ipykernel", text) for text in texts], left


def test_there_are_notebooks():
    assert {path.stem for path in notebooks()} >= {"01_load", "02_costs"}


@each
def test_a_notebook_is_kept_without_outputs(path):
    kept = read(path)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in kept.cells)
    ids = [cell.id for cell in kept.cells]
    assert len(set(ids)) == len(ids)


@each
def test_a_notebook_says_what_it_shows_and_starts_on_the_sandbox(path):
    kept = read(path)
    assert kept.cells[0].cell_type == "markdown"
    assert kept.cells[0].source.startswith("# ")
    assert any("sandbox" in source for source in code(kept)[:3])
    assert re.search(r"\n\n\*Needs .+\. Takes (about|a few) .+\.\*$", kept.cells[0].source)


@each
def test_a_notebook_runs_and_leaves_nothing_behind(path):
    texts, left = ran(path)
    assert "Traceback" not in texts[0]
    assert left == []


def test_a_notebook_that_keeps_usage_on_disk_says_the_same_when_it_runs_again():
    (path,) = (path for path in notebooks() if "scan_usage" in path.read_text("utf-8"))
    first, second = ran(path)[0]
    assert "pages of another wait for the rest" in first
    assert second == first
