"""The command line: files, exit codes, one line for an error."""

import csv

import pytest

import truto_usage_nb as tu
from truto_usage_nb.cli import main


def test_load_writes_what_load_usage_gives(tmp_path, capsys):
    path = tmp_path / "day.parquet"
    assert main(["load", "confluent", "--sandbox", "--period", "2026-09-14", "-o", str(path)]) == 0
    assert tu.read_usage(path).equals(tu.load_usage("confluent", period="2026-09-14", client=tu.sandbox()))
    assert "records" in capsys.readouterr().out


def test_a_csv_cannot_run_as_a_formula(tmp_path):
    import polars as pl

    from truto_usage_nb.cli import _write_csv

    path = tmp_path / "x.csv"
    _write_csv(pl.DataFrame({"name": ["=cmd()", "plain"], "list": [[{"a": 1}], None]}), path)
    rows = list(csv.reader(path.open(encoding="utf-8")))
    assert rows[1] == ["'=cmd()", '[{"a": 1}]']


def test_lists(capsys):
    assert main(["accounts", "--sandbox"]) == 0
    assert "datadog\tdatadog" in capsys.readouterr().out
    assert main(["reports"]) == 0
    assert "ai_spend" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["load", "nobody", "--sandbox"], "there is no account 'nobody'"),
        (["load", "cursor", "--sandbox", "--report-type", "costs"], "Did you mean 'cost'"),
        (["load", "cursor", "--sandbox", "-o", "x.xls"], "neither .parquet nor .csv"),
        (["load", "cursor"], "there is no token"),
        (["report", "ai_spent", "--sandbox", "-o", "x.html"], "Did you mean 'ai_spend'"),
    ],
)
def test_an_error_is_one_line_and_status_one(arguments, words, capsys):
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_wrong_usage_is_status_two():
    with pytest.raises(SystemExit) as left:
        main(["load"])
    assert left.value.code == 2
