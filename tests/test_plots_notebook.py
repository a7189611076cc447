"""In a notebook every chart is shown, not only the first."""

import nbclient
import nbformat
import pytest

from tests.notebooks_for_tests import SECONDS

FRAME = "import polars as pl; import truto_usage_nb as tu"
DRAW = """
table = pl.DataFrame([{"model_id": "m", "currency": "USD", "before": 1.0, "after": 3.0, "change": 2.0, "volume": 2.0,
                       "rate": 0.0, "mix": 0.0, "new": 0.0, "gone": 0.0, "before_start": None, "after_start": None}])
tu.plots.bridge(table)
"""


@pytest.mark.kernel
def test_a_second_chart_is_shown_as_well(tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND")  # the kernel then takes its own
    cells = [nbformat.v4.new_code_cell(source) for source in (FRAME, DRAW, DRAW)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=place).execute()
    for cell in notebook.cells[1:]:
        assert any("image/png" in output.get("data", {}) for output in cell.outputs)
