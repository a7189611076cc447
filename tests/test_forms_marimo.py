"""In marimo, which has widgets of its own: what a person sees of a form, an explorer, a frame, a table and a chart."""

import json
import subprocess
import sys

import pytest

PAGE = """
import marimo

app = marimo.App()


@app.cell
def form():
    import truto_usage_nb as tu

    client = tu.sandbox()
    form = tu.QueryForm(client, accounts=["cursor"], period="2026-09-14")
    form.load()
    form
    return client, form, tu


@app.cell
def result(form):
    form.result
    return


@app.cell
def explorer(form, tu):
    tu.CostExplorer(form.frame, by=["model_id"])
    return


@app.cell
def chart(form, tu):
    tu.plots.cost_bars(form.frame, "model_id")
    return


@app.cell
def table(form, tu):
    tu.cost_per_model(form.frame)
    return


@app.cell
def rule(tu):
    tu.cost_rule()
    return
"""


def test_what_marimo_shows_is_sensible_without_a_widget(tmp_path):
    pytest.importorskip("marimo")
    (tmp_path / "page.py").write_text(PAGE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "marimo", "export", "session", "page.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    session = json.loads((tmp_path / "__marimo__" / "session" / "page.py.json").read_text(encoding="utf-8"))
    shown = [each["data"] for cell in session["cells"] for each in cell["outputs"] if each["type"] == "data"]
    assert len(shown) == 6
    form, result, explorer, chart, table, rule = shown
    assert list(form) == list(explorer) == ["text/html"]  # no empty tab beside for a widget
    assert "This front end shows no widgets. The same as code:" in form["text/html"]
    assert (
        "usage = tu.load_usage(&#x27;cursor&#x27;, period=&#x27;2026-09-14&#x27;, client=client)" in form["text/html"]
    )
    assert "tu.cost_per(usage, by=[&#x27;model_id&#x27;])" in explorer["text/html"]
    assert "369 in 4 pages" in result["text/html"]
    assert "data:image/png" in json.dumps(chart)
    assert "marimo-table" in table["text/html"]
    assert "How a cost is counted" in rule["text/html"]
    assert "widget-view" not in json.dumps(session)
    said = [each for cell in session["cells"] for each in cell.get("console", ())]
    assert not [each for each in said if "Traceback" in json.dumps(each)]
