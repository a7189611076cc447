"""Progress: counted once, shown where a person looks on, quiet everywhere else."""

import io
import os
import re
import subprocess
import sys

import pytest

import truto_usage_nb as tu
from truto_usage_nb.jobs import Progress, progress_shown
from truto_usage_nb.jobs.progress import somebody_looks_on

DAY = "2026-09-14"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def bar_of(progress, **environment):
    """Load in another process, whose standard error is a pipe; give what stands on it."""
    code = (
        "import sys, truto_usage_nb as tu; "
        f"tu.sandbox().load_usage(['cursor', 'confluent'], period={DAY!r}, progress={progress})"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    ).stderr


def test_a_bar_says_queries_pages_records_and_the_account_at_work():
    shown = bar_of(True, TQDM_MININTERVAL="0")
    assert "2/2" in shown
    assert re.search(r"(cursor|confluent) · \d pages · \d+ records", shown)


def test_false_and_a_pipe_are_quiet():
    assert bar_of(False, TQDM_MININTERVAL="0") == ""
    assert bar_of(None, TQDM_MININTERVAL="0") == ""


@pytest.mark.parametrize("word", ["0", "false", "OFF"])
def test_the_environment_can_say_off(monkeypatch, word):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert somebody_looks_on()
    monkeypatch.setenv("TRUTO_USAGE_PROGRESS", word)
    assert not somebody_looks_on()


def test_without_a_screen_there_is_nobody(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert not somebody_looks_on()


def test_a_callable_is_told_of_every_page_and_every_query():
    seen = []
    frame = tu.sandbox().load_usage(["cursor", "confluent"], period=DAY, progress=seen.append)
    assert all(isinstance(each, Progress) for each in seen)
    assert (seen[-1].done, seen[-1].total) == (2, 2)
    assert seen[-1].records == frame.height
    assert {each.label for each in seen} == {"cursor", "confluent"}
    counted = [(each.done, each.pages, each.records) for each in seen]
    assert counted == sorted(counted)


def test_an_error_closes_the_bar(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with pytest.raises(ZeroDivisionError), progress_shown(True) as show:  # noqa: PT012
        show(Progress(0, 1, 0, 0, "a"))
        raise ZeroDivisionError
    assert screen.getvalue().endswith("\r")


def test_a_bar_is_not_imported_until_it_is_drawn():
    code = (
        "import sys, truto_usage_nb as tu; tu.sandbox().load_usage('confluent', period='2026-09-14'); "
        "print('tqdm' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (told.stdout.strip(), told.stderr) == ("False", "")
