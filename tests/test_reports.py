"""A report is one page that asks nothing of the network, the same bytes for the same snapshot, and knows no token."""

import json
import re

import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import InputError

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    client = tu.sandbox()
    result = client.fetch_usage(["claude-console", "confluent", "openai-api-eu"], period="2026-09-14")
    return result.save(tmp_path_factory.mktemp("report") / "day.parquet")


def test_a_snapshot_renders_to_the_same_bytes_without_a_request_or_a_token(snapshot, tmp_path, monkeypatch):
    monkeypatch.setenv("TRUTO_API_TOKEN", "secret-token")
    first = tu.render_report("ai_spend", tmp_path / "a.html", snapshot=snapshot).read_text(encoding="utf-8")
    second = tu.render_report("ai_spend", tmp_path / "b.html", snapshot=snapshot).read_text(encoding="utf-8")
    assert first == second
    assert "secret-token" not in first
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(https?:)?//", first)
    assert "@import" not in first
    assert "Cost by vendor" in first
    assert first.count("<img") == 3


def test_a_failing_cell_is_shown(snapshot, tmp_path):
    cells = [
        {"cell_type": "code", "id": "p", "source": 'snapshot = ""', "metadata": {"tags": ["parameters"]}},
        {"cell_type": "code", "id": "q", "source": "1 / 0  # the cell at fault", "metadata": {}},
    ]
    for cell in cells:
        cell.update(outputs=[], execution_count=None)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path / "broken.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    with pytest.raises(tu.UsageError, match="ZeroDivisionError") as failed:
        tu.render_report(path, tmp_path / "c.html", snapshot=snapshot)
    assert "the cell at fault" in str(failed.value)
    assert not (tmp_path / "c.html").exists()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("ai_spent", {"sandbox": True, "period": "2026-10"}, "Did you mean 'ai_spend'"),
        ("ai_spend", {"sandbox": True}, "needs a period"),
        ("ai_spend", {"snapshot": "nowhere.parquet"}, "there is no snapshot"),
        ("nowhere.ipynb", {"snapshot": "x"}, "there is no notebook"),
    ],
)
def test_bad_input_is_refused(name, options, words, tmp_path):
    with pytest.raises(InputError, match=words):
        tu.render_report(name, tmp_path / "d.html", **options)


def test_an_unknown_parameter_lists_the_known(snapshot, tmp_path):
    with pytest.raises(InputError, match=r"no parameter .snap.\..* Known: snapshot"):
        tu.render_report("ai_spend", tmp_path / "e.html", snapshot=snapshot, snap=1)
