"""What lies in examples/ runs on the sandbox as it stands."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import truto_usage_nb as tu

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FIVE = ["claude-console", "claude-enterprise", "cursor", "confluent", "datadog"]


def test_a_month_end_makes_everything_of_one_load(tmp_path):
    told = subprocess.run(
        [sys.executable, EXAMPLES / "month_end.py", "--sandbox", "--accounts", *FIVE, "--folder", tmp_path / "month"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[:2] == ["2026-10-01 to 2026-11-01 (UTC, end excluded)", "158,203.94 USD"]
    assert {path.name for path in (tmp_path / "month").iterdir()} == {
        "usage.parquet", "bill.xlsx", "chargeback.xlsx", "ledger.csv", "focus", "report.html"
    }  # fmt: skip
    key = tu.sandbox().answers("2026-10", FIVE).totals()
    assert f"{sum(row['billed'] for row in key):,.2f}" == "158,203.94"
    # paid is what is billed less credits: 500 of Confluent's, and 40 that stand there without their minus
    ledger = pl.read_csv(tmp_path / "month" / "ledger.csv", schema_overrides={"amount": pl.Decimal(None, 2)})
    by_account = dict(ledger.group_by("account").agg(pl.col("amount").sum().cast(str)).iter_rows())
    assert by_account == {"usage": "157663.94", "clearing": "-157663.94"}
    assert (tmp_path / "month" / "focus" / "billing_period=2026-10" / "charges.parquet").is_file()


@pytest.fixture
def job(tmp_path):
    """Give the cron job in a folder of its own, and how to run it."""
    for name in ("check.sh", "check.yml"):
        shutil.copy(EXAMPLES / name, tmp_path)

    def run(*options, command=f"{sys.executable} -m truto_usage_nb"):
        script = tmp_path / "truto-usage"
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        told = subprocess.run(
            [tmp_path / "check.sh", *options], cwd="/", env={**os.environ, "TRUTO_USAGE": str(script)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.stderr == ""  # cron's mail is in order
        return told.returncode, told.stdout

    return tmp_path, run


pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


def test_a_cron_job_is_silent_where_all_is_well_and_tells_what_is_not(job):
    folder, run = job
    assert run("--sandbox") == (0, "")
    text = (folder / "check.yml").read_text(encoding="utf-8")
    (folder / "check.yml").write_text(text.replace("amount: 82000", "amount: 70000"), encoding="utf-8")
    code, told = run("--sandbox")
    assert code == 1
    assert told.startswith("Usage is beyond what was agreed on:\n")
    assert "BREACHED    budget datadog: $75,917 of $70,000 in 2026-11 so far" in told


@pytest.mark.parametrize(
    ("failing", "said"),
    [("2", "Usage could not be judged:\nwhy\n"), ("75", "The check itself failed (75):\nwhy\n")],
)
def test_a_cron_job_tells_what_came_of_a_check_that_could_not_be_made(job, failing, said):
    _, run = job
    assert run(command=f"sh -c 'echo why >&2; exit {failing}'") == (int(failing), said)


def test_a_cron_job_without_the_library_is_no_silence(job):
    folder, run = job
    code, told = run(command=str(folder / "nothing"))
    assert code not in (0, 1, 2)
    assert told.startswith("The check itself failed (")


def test_a_page_fits_a_screen_and_shows_last_month():
    pytest.importorskip("marimo")
    path = EXAMPLES / "page.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60
    _, held = runpy.run_path(str(path))["app"].run()
    assert held["months"] == ["2026-10", "2026-09", "2026-08", "2026-07", "2026-06", "2026-05"]
    assert held["month"].value == "2026-10"
    assert held["table"].select("integration", "cost").row(0) == ("datadog", pytest.approx(80_690.40))
    assert not held["failed"]


def test_every_example_is_named_in_the_readme():
    text = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        assert path.name.startswith(("__", ".")) or f"examples/{path.name}" in text, path.name
