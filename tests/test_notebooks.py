"""Every notebook is kept without outputs, says what it shows, starts on the sandbox, and runs."""

import pytest

from tests.notebooks_for_tests import code, executed, notebooks, read, shown

pytestmark = pytest.mark.kernel

each = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


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


@each
def test_a_notebook_runs(path, tmp_path):
    assert "Traceback" not in shown(executed(path, tmp_path))
