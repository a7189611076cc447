"""Whatever is typed, a command ends with an exit code and a line of ours, never with a traceback."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from truto_usage_nb.cli import main
from truto_usage_nb.query import PARAMETERS

DEEP = "[" * 100_000
DIGITS = "9" * 5_000
WORDS = st.sampled_from(
    [
        "", " ", "-", "--", "-o", "-q", "=", ",", ",,", "..", "/", "/dev/null/x.csv", "x.csv", "deep/x.parquet", "x",
        "x.xlsx", "2026-10-05", "2026-13", "2026-10-05,2026-10-01", "confluent", "nobody", "last-month", "true", "5",
        "-1", "1e999", "nan", "{}", '{"a": 1}', "[1]", "null", DEEP, DIGITS, "n" * 300, "nul\0", "\x1b[31m", "a\nb",
        "x=1", "earlier=x.parquet", "budget=NaN", f"budget={DEEP}", f"budget={DIGITS}", "sandbox=true", "period=2026",
    ]
)  # fmt: skip
OPTIONS = st.sampled_from(
    [
        *(f"--{name.replace('_', '-')}" for name in PARAMETERS),
        "--period", "--users", "--no-users", "--overhang", "--integration", "--on-error", "-o", "--output", "-q",
        "--pdf", "--accounts", "--snapshot", "--keep-snapshot", "-p", "--parameter", "--token=abcdefgh1234", "--versio",
        "--helpp",
    ]
)  # fmt: skip
COMMANDS = st.sampled_from(
    [
        ["load", "confluent"], ["load", "nobody"], ["load"], ["report", "nope", "-o", "x.html"], ["report"],
        ["accounts"], ["reports"], ["lod"], [], ["sandbox", "--nothing"],
    ]
)  # fmt: skip


def ends(given, capsys):
    """Run a command line to its end, and give its code and what it said."""
    try:
        code = main(given)
    except SystemExit as end:  # argparse's own way out
        code = end.code
    said = capsys.readouterr()
    assert type(code) is int
    assert "Traceback" not in said.err
    assert len(said.err) < 25_000
    assert code in (0, 3) or said.err.strip(), given
    return code


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(command=COMMANDS, pieces=st.lists(st.one_of(OPTIONS, WORDS), max_size=6))
def test_whatever_is_typed_it_ends_with_a_code(command, pieces, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = ["--sandbox", "--period", "2026-10-05"] if command[:1] in (["load"], ["report"]) else ["--sandbox"]
    ends(
        [*command, *(here if command and command[0] in ("load", "report", "accounts", "reports") else []), *pieces],
        capsys,
    )


@pytest.mark.parametrize(
    "line",
    [
        ["load", "confluent", "--sandbox", "--remote-query", DEEP],
        ["load", "confluent", "--sandbox", "--remote-query", DIGITS],
        ["load", "confluent", "--sandbox", "--limit", DIGITS],
        ["load", "confluent", "--sandbox", "--period", DIGITS],
        ["load", "confluent", "--sandbox", "--period", ","],
        ["load", "confluent", "--sandbox", "-o", "nul\0.csv"],
        ["load", "confluent", "--sandbox", "-o", "half\ud800.csv"],
        ["load", "confluent", "--sandbox", "-o", f"{'n' * 300}.csv"],
        ["load", "half\ud800", "--sandbox", "--period", "2026-10-05"],
        ["report", "ai_spend", "--sandbox", "-o", "x.html", "-p", f"budget={DEEP}"],
        ["report", "ai_spend", "--sandbox", "-o", "x.html", "-p", f"budget={DIGITS}"],
        ["report", "ai_spend", "--sandbox", "-o", "x.html", "-p", "label=nul\0"],
        ["report", "ai_spend", "-o", "x.html", "--snapshot", "nul\0.parquet"],
        ["report", "ai_spend", "-o", "x.html", "--snapshot", "."],
        ["report", "nul\0", "-o", "x.html", "--sandbox"],
        ["report", "half\ud800", "-o", "x.html", "--sandbox"],
        ["report", "n" * 5000, "-o", "x.html", "--sandbox"],
        ["report", "ai_spend", "-o", "nul\0.html", "--sandbox", "--period", "2026-10-05"],
        ["report", "ai_spend", "-o", "x.html", "--pdf", "nul\0.pdf", "--sandbox", "--period", "2026-10-05"],
        ["report", "ai_spend", "-o", "x.html", "--keep-snapshot", "nul\0.parquet", "--sandbox"],
        ["sandbox", "--nothing", DEEP],
    ],
    ids=lambda line: " ".join(each[:12] for each in line).encode("ascii", "backslashreplace").decode(),
)  # fmt: skip
def test_a_line_that_cannot_be_is_refused(line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ends(line, capsys) in (1, 2)
    assert not list(tmp_path.iterdir())
