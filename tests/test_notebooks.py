"""Every notebook is kept without outputs, says what it shows and needs, starts on the sandbox, runs, and cleans up."""

import re
import shutil

import pytest

from docs.site import running
from docs.site.running import notebooks, outcome
from tests.notebooks_for_tests import code, read, shown

pytestmark = pytest.mark.kernel

each = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


def ran(path):
    """Give what each run of a notebook shows, and what is left there; `make docs` may have run it, on this library."""
    runs, left = outcome(path)
    return [re.sub(r"ipykernel_\d+", "ipykernel", shown(run)) for run in runs], left


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


def test_an_outcome_is_that_of_this_notebook_and_this_library_alone(tmp_path):
    """Whatever could make a notebook show something else makes it run again: a cell, a file of the library."""
    path = tmp_path / "one.ipynb"
    shutil.copy(notebooks()[0], path)
    before = running.key(path)
    path.write_text(path.read_text("utf-8").replace("2026-10", "2026-09"), encoding="utf-8")
    assert running.key(path) != before
    library = tmp_path / "library"
    library.mkdir()
    worlds = set()
    for text in ("one = 1\n", "one = 2\n", "one = 1\n"):
        (library / "costs.py").write_text(text, encoding="utf-8")
        worlds.add(running.world.__wrapped__(library))
    assert len(worlds) == 2


@each
def test_no_prose_is_typeset_as_mathematics(path):
    """A dollar sign in Markdown, escaped or not, may begin a formula that ends at the next one."""
    assert not [cell.source for cell in read(path).cells if cell.cell_type == "markdown" and "$" in cell.source]


@each
def test_a_notebook_says_a_thing_to_know_once(path):
    """The red boxes of a notebook: no sentence twice, and none in more than half of its cells."""
    (run, *_), _ = outcome(path)
    boxes = [
        [output.text for output in cell.get("outputs", ()) if output.get("name") == "stderr"]
        for cell in run.cells
        if cell.cell_type == "code"
    ]
    said = re.findall(r"UsageWarning: (.*)", "\n".join(text for box in boxes for text in box))
    assert len(said) == len(set(said))
    assert sum(map(bool, boxes)) <= len(boxes) // 2
