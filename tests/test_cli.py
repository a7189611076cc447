"""The command line: files, exit codes a cron job can act on, one line for an error, and never a token."""

import asyncio
import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import truto_usage_nb as tu
from tests.loopback import Service, answer
from truto_usage_nb.cli import main
from truto_usage_nb.cli.exits import code_of, spoken
from truto_usage_nb.errors import (
    ConnectionFailedError,
    ForbiddenError,
    PartialLoadError,
    QueryError,
    RateLimitError,
    ServiceUnavailableError,
)
from truto_usage_nb.query import PARAMETERS
from truto_usage_nb.sandbox.app import DEFAULT_TOKEN
from truto_usage_nb.sandbox.serve import loopback

DAY = ["--sandbox", "--period", "2026-09-14"]
ROOT = Path(__file__).parent.parent


def told(capsys):
    said = capsys.readouterr()
    return said.out, said.err


# --- load


def test_a_parquet_is_what_load_usage_gives_with_where_it_came_from(tmp_path, capsys):
    path = tmp_path / "day.parquet"
    assert main(["load", "confluent", *DAY, "-o", str(path)]) == 0
    assert tu.read_usage(path).equals(tu.load_usage("confluent", period="2026-09-14", client=tu.sandbox()))
    assert str(tu.read_result(path).period) == "2026-09-14 to 2026-09-15 (UTC, end excluded)"
    out, err = told(capsys)
    assert out == f"{path}: 42 records, 2026-09-14 to 2026-09-15 (UTC, end excluded)\n"
    assert err == ""


def test_csv_and_xlsx_hold_the_same_records(tmp_path, capsys):
    for name in ("day.csv", "day.XLSX"):
        assert main(["load", "confluent", *DAY, "-q", "-o", str(tmp_path / name)]) == 0
    assert told(capsys) == ("", "")
    rows = list(csv.reader(io.StringIO((tmp_path / "day.csv").read_bytes().decode(), newline="")))
    assert len(rows) == 43
    with zipfile.ZipFile(tmp_path / "day.XLSX") as book:
        assert book.read("xl/worksheets/sheet1.xml").count(b"<row ") == 43


def test_a_dash_is_csv_on_standard_output(capsys):
    assert main(["load", "confluent", *DAY, "-o", "-"]) == 0
    assert len(list(csv.reader(io.StringIO(told(capsys)[0])))) == 43


def test_without_a_file_the_first_rows_are_shown(capsys):
    assert main(["load", "confluent", *DAY]) == 0
    assert "UsageResult(42 records of confluent" in told(capsys)[0]


def test_parameters_of_the_endpoint_are_options(tmp_path):
    path = tmp_path / "x.parquet"
    options = ["--start-date", "2026-09-14", "--end-date", "2026-09-15", "--report-type", "cost", "--limit", "3"]
    more = ["--group-by", "product", "model", "--group-by", "surface", "--remote-query", '{"a": {"b": 1}}']
    more += ["--truto-ignore-limit", "-o", str(path)]
    assert main(["load", "claude-console", "--sandbox", *options, *more]) == 0
    query = tu.read_result(path).queries[0]
    assert query.group_by == ("product", "model", "surface")
    assert query.remote_query == {"a": {"b": 1}}
    assert query.truto_ignore_limit is True
    assert query.limit == 3


def test_what_is_missing_is_said_and_told_by_the_exit_code(tmp_path, capsys):
    path = tmp_path / "x.parquet"
    two = ["load", "confluent", "nobody", "--integration", "confluent", *DAY, "-o", str(path)]
    assert main(two) == 1
    assert "1 of 2 accounts failed" in (said := told(capsys)[1])
    assert "--on-error warn writes what did load" in said
    assert not path.exists()
    assert main([*two, "--on-error", "warn"]) == 3
    out, err = told(capsys)
    assert "42 records" in out
    assert err.startswith("truto-usage: note: nobody: UsageQuery(")
    assert tu.read_result(path).partial


def test_what_the_library_warns_of_is_a_line_each(tmp_path, capsys):
    assert main(["load", "confluent", *DAY, "--granularity", "hour", "-o", str(tmp_path / "x.csv")]) == 0
    err = told(capsys)[1]
    assert err == "truto-usage: note: granularity is not honoured by Confluent; the figures are those without it\n"


# --- the others


def test_lists(capsys):
    assert main(["accounts", "--sandbox"]) == 0
    assert "datadog\tdatadog\ttidewheel\n" in told(capsys)[0]
    assert main(["reports"]) == 0
    assert "ai_spend\n" in told(capsys)[0]


@pytest.mark.kernel
def test_a_report_from_a_snapshot_asks_nobody(tmp_path, capsys):
    kept, page = tmp_path / "day.parquet", tmp_path / "day.html"
    assert main(["load", "confluent", *DAY, "-q", "-o", str(kept)]) == 0
    assert main(["report", "ai_spend", "--snapshot", str(kept), "-o", str(page)]) == 0
    assert told(capsys)[0] == f"{page}\n"
    assert "<html" in page.read_text(encoding="utf-8")


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["load", "nobody", "--sandbox"], 1, "there is no account 'nobody'"),
        (["load", "nobody", "--sandbox"], 1, "`truto-usage accounts` shows"),
        (["load", "cursor", "--sandbox", "--report-type", "costs"], 2, "Did you mean 'cost'"),
        (["load", "cursor", "--sandbox", "-o", "x.xls"], 2, ".parquet, .csv, .xlsx. Did you mean '.xlsx'"),
        (["load", "cursor", "--sandbox", "-o", "."], 2, "-o . ends in none"),
        (["load", "cursor", "--sandbox", "--remote-query", "{a"], 2, "--remote-query is not JSON"),
        (["load", "cursor", "--sandbox", "--perid", "2026"], 2, "there is no option --perid. Did you mean '--period'"),
        (["load", "cursor"], 2, "there is no token: set TRUTO_API_TOKEN"),
        (["accounts"], 2, "there is no token"),
        (["report", "ai_spend", "-o", "x.html"], 2, "there is no token"),
        (["report", "ai_spent", "--sandbox", "-o", "x.html"], 2, "Did you mean 'ai_spend'"),
        (["report", "ai_spend", "--sandbox", "-o", "x.html"], 2, "period"),
        (["report", "ai_spend", "--sandbox", "-o", "x.html", "-p", "top"], 2, "-p top is not NAME=VALUE"),
        (["report", "ai_spend", "--sandbox", "-o", "x.html", "-p", "period=2026"], 2, "it is an option: --period"),
        (["report", "ai_spend", "--sandbox", "-o", "x.html", "-p", "a=1", "-p", "a=2"], 2, "-p a= is given twice"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_with_a_code(arguments, code, words, capsys):
    assert main(arguments) == code
    out, err = told(capsys)
    assert out == ""
    assert words in err
    assert err.startswith("truto-usage: ")
    assert err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["load", "confluent", *DAY, "-o", str(tmp_path / "file" / "x.csv")]) == 1
    assert "file" in (err := told(capsys)[1])
    assert err.count("\n") == 1


@pytest.mark.parametrize("typed", [["--token", "s3cret"], ["--token=s3cret"], ["--tokn=s3cret", "s3cret"]])
def test_a_token_typed_by_mistake_is_not_repeated(typed, capsys):
    assert main(["accounts", *typed]) == 2
    said = "".join(told(capsys))
    assert "s3cret" not in said
    assert "there is no option --tok" in said


def test_a_token_that_the_service_refuses_is_not_shown_and_one_it_takes_neither(monkeypatch, capsys):
    with loopback() as serving:
        monkeypatch.setenv("TRUTO_BASE_URL", serving.url)
        monkeypatch.setenv("TRUTO_API_TOKEN", "wr0ng-s3cret")
        assert main(["load", "cursor", "--period", "2026-10-05"]) == 1
        refused = "".join(told(capsys))
        assert refused.startswith("truto-usage: ")
        assert "401" in refused
        monkeypatch.setenv("TRUTO_API_TOKEN", DEFAULT_TOKEN)
        assert main(["load", "cursor", "--period", "2026-10-05", "-o", "-"]) == 0
        taken = "".join(told(capsys))
    assert "s3cret" not in refused
    assert DEFAULT_TOKEN not in taken


def test_wrong_usage_is_status_two():
    for arguments in ([], ["load"], ["report", "ai_spend"], ["reprot"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QueryError("no"), 2),
        (ForbiddenError("no", status=403), 1),
        (RateLimitError("slow down", status=429), 75),
        (ServiceUnavailableError("down", status=503), 75),
        (ConnectionFailedError("nobody answers"), 75),
        (PartialLoadError("some", errors={"a": RateLimitError("x"), "b": ConnectionFailedError("y")}), 75),
        (PartialLoadError("some", errors={"a": RateLimitError("x"), "b": ForbiddenError("y")}), 1),
    ],
)
def test_a_cron_job_can_tell_later_from_never(error, code):
    assert code_of(error) == code


def test_messages_speak_of_options():
    text = "a report needs a period, such as period='2026-10', or snapshot= with a file that was saved"
    assert spoken(text) == "a report needs --period 2026-10, or --snapshot with a file that was saved"


def test_a_report_without_a_period_is_told_which_option_is_missing(tmp_path, capsys):
    assert main(["report", "ai_spend", "--sandbox", "-o", str(tmp_path / "page.html")]) == 2
    assert told(capsys)[1].startswith("truto-usage: a report needs --period 2026-10, or --snapshot with a saved file")


# --- help


def test_help_names_every_parameter_and_who_honours_it(capsys):
    with pytest.raises(SystemExit) as left:
        main(["load", "--help"])
    assert left.value.code == 0
    out = told(capsys)[0]
    for name in PARAMETERS:
        assert name == "integrated_account_id" or f"--{name.replace('_', '-')}" in out
    assert "[claude]" in out
    assert max(map(len, out.splitlines())) < 130


@pytest.mark.parametrize("command", [[], ["report"], ["accounts"], ["reports"], ["sandbox"]])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])
    assert left.value.code == 0
    assert "truto-usage" in told(capsys)[0]


# --- a real process


def started(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "truto_usage_nb", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    )  # fmt: skip


def test_control_c_during_a_load_is_quiet_and_leaves_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the request and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        path = tmp_path / "x.csv"
        run = started("load", "a", "-o", str(path), TRUTO_BASE_URL=url, TRUTO_API_TOKEN="s3cret")
        silent.settimeout(60)
        asking, _ = silent.accept()
        with asking:
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=60)
    assert (run.returncode, out, err) == (130, "", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.kernel
def test_control_c_during_a_report_is_quiet_and_ends_its_kernel(tmp_path):
    kept, page, path = tmp_path / "day.parquet", tmp_path / "day.html", tmp_path / "waiting.ipynb"
    assert main(["load", "confluent", *DAY, "-q", "-o", str(kept)]) == 0
    with socket.create_server(("127.0.0.1", 0)) as heard:
        wait = f"import socket\nsocket.create_connection(('127.0.0.1', {heard.getsockname()[1]})).recv(1)"
        path.write_text(json.dumps(notebook_of(('snapshot = ""', ["parameters"]), (wait, []))), encoding="utf-8")
        run = started("report", str(path), "--snapshot", str(kept), "-o", str(page))
        heard.settimeout(60)
        kernel, _ = heard.accept()
        with kernel:
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=60)
            kernel.settimeout(60)
            assert kernel.recv(1) == b""
    assert (run.returncode, out, err) == (130, "", "")
    assert not page.exists()


def notebook_of(*cells):
    made = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "metadata": {"tags": tags}, "outputs": [],
         "execution_count": None}
        for n, (source, tags) in enumerate(cells)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def test_control_c_ends_the_sandbox_quietly():
    run = started("sandbox", "--port", "0")
    assert run.stdout.readline().startswith("TRUTO_BASE_URL=http://127.0.0.1:")
    assert run.stdout.readline().startswith("TRUTO_API_TOKEN=")
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (130, "")


def test_a_closed_pipe_is_no_fault():
    run = started("load", "confluent", *DAY, "-o", "-")
    run.stdout.close()
    assert run.wait(timeout=60) == 141
    assert run.stderr.read() == ""
    run.stderr.close()


def shelled(command, tmp_path, encoding="utf-8"):
    """Run a command in a shell, where its streams can be what a shell makes of them."""
    line = command.replace("truto-usage", f"{sys.executable} -m truto_usage_nb")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    options = {"cwd": tmp_path, "env": environment, "encoding": encoding}
    return subprocess.run(line, shell=True, capture_output=True, check=False, **options)


LOAD = f"truto-usage load confluent {' '.join(DAY)}"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (f"{LOAD} -o - >/dev/full", "standard output cannot be written: no space left on device"),
        (f"{LOAD} >/dev/full", "standard output cannot be written: no space left on device"),
        ("truto-usage reports >/dev/full", "standard output cannot be written: no space left on device"),
        (f"{LOAD} -o - >&-", "standard output cannot be written: it is closed"),
        (f"{LOAD} -o /dev/stdout >&-", "/dev/stdout cannot be written: it is closed"),
        (f"{LOAD} -o /dev/full", "/dev/full cannot be written: no space left on device"),
    ],
)
def test_an_output_that_cannot_be_written_is_one_line(command, says, tmp_path):
    done = shelled(command, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"truto-usage: {says}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_standard_output_by_its_path_is_the_table_alone(tmp_path):
    done = shelled(f"echo before >log; {LOAD} -o /dev/stdout >>log; {LOAD} -q -o x.csv; cat x.csv", tmp_path)
    assert (tmp_path / "log").read_text() == f"before\n{done.stdout}"
    assert done.stderr == ""


def test_nobody_hears_it_and_the_exit_code_still_says_it(tmp_path):
    assert shelled("truto-usage load 2>&-", tmp_path).returncode == 2
    assert shelled("truto-usage accounts 2>/dev/full", tmp_path).returncode == 2
    assert shelled(f"{LOAD} -q -o x.csv 2>&-", tmp_path).returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_is_not_utf_8_is_spoken_to_and_a_table_is_utf_8(encoding, tmp_path):
    done = shelled(f"PYTHONIOENCODING={encoding} {LOAD}", tmp_path, encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "UsageResult(42 records of confluent" in done.stdout
    done = shelled(f"PYTHONIOENCODING={encoding} {LOAD} -o - >x.csv", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.csv").read_text(encoding="utf-8").count("\n") == 43


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_loaded(tmp_path, capsys, monkeypatch):
    from truto_usage_nb.client import Client

    def load(*_, **__):
        raise AssertionError("it loaded first")

    monkeypatch.setattr(Client, "fetch_usage", load)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.html").mkdir()
    assert main(["load", "confluent", *DAY, "-o", str(tmp_path / "file" / "x.csv")]) == 1
    report = ["report", "ai_spend", "--sandbox", "--period", "2026-10", "-o"]
    assert main([*report, str(tmp_path / "folder.html")]) == 1
    assert main([*report, str(tmp_path / "x.html"), "--keep-snapshot", str(tmp_path / "folder.html")]) == 1
    said = told(capsys)[1].splitlines()
    assert [line.rpartition("cannot be written: ")[2] for line in said] == [
        f"{tmp_path / 'file'} is not a folder", *["it is a folder; name a file in it"] * 2
    ]  # fmt: skip


# --- what others say, on a terminal

SAID = "gone\r\ntruto-usage: all is well\x1b[2J\x07\u202e\u2028\x85\x00"


class Terminal(io.StringIO):
    """Stand in for a terminal: text goes to a person."""

    encoding = "utf-8"

    def isatty(self):
        return True


def spoken_to(monkeypatch, responds, *arguments):
    """Run a command against answers of one's own, at a terminal; give its code, and what that shows."""
    out, err = Terminal(), Terminal()
    with Service([[]]) as service:
        service.respond = responds
        monkeypatch.setenv("TRUTO_BASE_URL", service.url)
        monkeypatch.setenv("TRUTO_API_TOKEN", "a-l0ng-s3cret")
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()


def is_harmless(shown):
    """Say whether a text has no control code; the ends of lines are ours, and counted apart."""
    return all(line.isprintable() for line in shown.replace("\t", " ").split("\n"))


LOAD_ONE = ("load", "acc", "--integration", "claude", "-q")


@pytest.mark.parametrize("field", ["message", "error"])
def test_what_a_service_refuses_with_is_one_line_of_ours(field, monkeypatch):
    for said in (SAID, [SAID, SAID], SAID * 200_000):
        body = answer(json.dumps({field: said if field == "message" else str(said)}).encode(), 404)
        code, out, err = spoken_to(monkeypatch, lambda *_, body=body: body, *LOAD_ONE)
        assert (code, out) == (1, "")
        assert err.startswith("truto-usage: ")
        assert err.count("\n") == 1
        assert len(err) < 3000
        assert is_harmless(err)


KEY = SAID.rstrip("\0")  # a NUL is refused there
RECORD = {
    "id": SAID, "surface": SAID, "start_date": "2026-10-05", KEY: SAID,
    "charges": [{"amount": 1.5, "currency": SAID, "type": KEY, KEY: SAID}], "resources": [{"id": SAID}],
}  # fmt: skip


@pytest.mark.parametrize("more", [(), ("-o", "-")])
def test_what_records_say_does_not_move_the_cursor_nor_begin_a_line(more, monkeypatch):
    body = answer(json.dumps({"result": [RECORD, {"id": "plain", "surface": "chat"}]}).encode())
    code, out, err = spoken_to(monkeypatch, lambda *_: body, *LOAD_ONE, *more)
    assert code == 0
    assert is_harmless(out)
    assert is_harmless(err)
    assert "all is well" in out + err
    assert not [line for line in out.splitlines() if line.startswith("truto-usage")]
    if more:
        assert len(out.splitlines()) == 3  # the names and two records
        assert "plain" in out
    for line in err.splitlines():
        assert line.startswith("truto-usage: note: ")


def test_what_goes_into_a_pipe_is_what_was_sent(monkeypatch, capsysbinary):
    with Service([[]]) as service:
        service.respond = lambda *_: answer(json.dumps({"result": [{"id": "a\x1b[2Jb\u202e"}]}).encode())
        monkeypatch.setenv("TRUTO_BASE_URL", service.url)
        monkeypatch.setenv("TRUTO_API_TOKEN", "a-l0ng-s3cret")
        assert main([*LOAD_ONE, "-o", "-"]) == 0
    assert "a\x1b[2Jb\u202e".encode() in capsysbinary.readouterr().out


def test_names_of_columns_that_look_alike_are_both_shown(monkeypatch):
    body = answer(b'{"result":[{"id":"1","a\\u001b":1,"a\\u0007":2}]}')
    code, out, _ = spoken_to(monkeypatch, lambda *_: body, *LOAD_ONE)
    assert (code, is_harmless(out)) == (0, True)


def test_accounts_others_named_are_a_line_each(monkeypatch):
    body = answer(json.dumps({"result": [{"id": SAID, "name": SAID, "integration": {"name": "cursor"}}] * 3}).encode())
    code, out, _ = spoken_to(monkeypatch, lambda *_: body, "accounts")
    assert code == 0
    assert is_harmless(out)
    assert len(out.splitlines()) == 3
    assert all(line.count("\t") == 2 for line in out.splitlines())


def test_a_bar_shows_no_control_code(monkeypatch):
    from truto_usage_nb.jobs import Progress, progress_shown

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_shown(progress=True) as show:
        show(Progress(1, 2, 3, 4, SAID))
    assert "\x07" not in shown.getvalue()
    assert "[2J" not in shown.getvalue().replace("?[2J", "")


def test_further_lines_of_a_message_are_set_in():
    from truto_usage_nb.cli import exits

    heard = Terminal()
    before, sys.stderr = sys.stderr, heard
    try:
        exits._say("a cell failed\ntruto-usage: all is well\n\x1b[2J" + "x" * 5_000_000)
    finally:
        sys.stderr = before
    first, second, third, end = heard.getvalue().split("\n")
    assert first == "truto-usage: a cell failed"
    assert second == "    truto-usage: all is well"
    assert third.startswith("    ?[2Jxxx")
    assert len(third) < 30_000
    assert end == ""


def test_control_c_is_quiet_even_where_the_loop_only_tells_that_it_was_cancelled(monkeypatch, capsys):
    """asyncio starts to count interrupts just after it has taken the signal: one in between is a bare cancellation."""

    def cancelled(*_, **__):
        raise asyncio.CancelledError

    monkeypatch.setattr("uvicorn.Server.run", cancelled)
    assert main(["sandbox", "--port", "0"]) == 130
    assert capsys.readouterr().err == ""
