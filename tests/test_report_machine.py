"""Reports rendered side by side, from any folder, and ended at any moment: nothing is left, nothing else is touched,
and what fails is one sentence."""

import asyncio
import gc
import json
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pytest

import truto_usage_nb as tu
from tests.test_report_gaps import OCTOBER, client_of, quiet
from truto_usage_nb.cli import main
from truto_usage_nb.errors import InputError, PeriodError, UsageError
from truto_usage_nb.planning import Period
from truto_usage_nb.reports.loading import _loaded, load
from truto_usage_nb.reports.notebook import find
from truto_usage_nb.reports.parts.book import _READ

kernel = pytest.mark.kernel


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    result = tu.sandbox().fetch_usage(["confluent", "cursor"], period="2026-09-15")
    return result.save(tmp_path_factory.mktemp("report") / "day.parquet")


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where temporary files of this process and its children are, so that it can be seen that none is left."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def notebook(path, *sources):
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for n, source in enumerate(('snapshot = ""', *sources))
    ]
    cells[0]["metadata"] = {"tags": ["parameters"]}
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.write_text(json.dumps({"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}))
    return path


# side by side, from any folder ----------------------------------------------------------------------------------------


@kernel
def test_several_are_rendered_at_once_within_a_running_loop_and_their_folder_stays_empty(
    snapshot, scratch, tmp_path, monkeypatch
):
    here = tmp_path / "a folder, é"
    here.mkdir()
    monkeypatch.chdir(here)
    together = tmp_path / "together"
    wait = (  # each goes on only when all three are there: nobody waits for another's sockets
        f"import os, pathlib, time\nplace = pathlib.Path({str(together)!r})\nplace.mkdir(exist_ok=True)\n"
        "(place / str(os.getpid())).touch()\nwhile len(list(place.iterdir())) < 3: time.sleep(0.01)\nprint(os.getcwd())"
    )
    path = notebook(tmp_path / "own.ipynb", wait)

    async def service():
        one = [
            asyncio.to_thread(tu.render_report, path, tmp_path / f"{n}.html", snapshot=snapshot, progress=False)
            for n in range(3)
        ]
        return await asyncio.wait_for(asyncio.gather(*one), 120)

    pages = asyncio.run(service())
    assert {page.read_text(encoding="utf-8").count(here.name) for page in pages} == {1}
    assert list(here.iterdir()) == []
    assert list(scratch.iterdir()) == []


@kernel
def test_a_folder_that_is_gone_and_a_long_way_to_the_temporary_ones_do_no_harm(snapshot, tmp_path, monkeypatch):
    deep = tmp_path / ("t" * 100)  # no socket's path may be as long
    deep.mkdir()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.chdir(gone)
    gone.rmdir()
    path = notebook(tmp_path / "own.ipynb", "'rendered'")
    page = tu.render_report(path, tmp_path / "own.html", snapshot=snapshot, progress=False)
    assert "rendered" in page.read_text(encoding="utf-8")
    assert list(deep.iterdir()) == []


@kernel
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_whoever_is_ended_while_cells_run_leaves_no_file_and_no_process(how, snapshot, scratch, tmp_path):
    told = tmp_path / "kernel.txt"
    source = f"import os, time\nopen({str(told)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}}')\ntime.sleep(600)"
    path = notebook(tmp_path / "long.ipynb", source)
    page = tmp_path / "page.html"
    page.write_text("the report of last month")
    command = [sys.executable, "-m", "truto_usage_nb", "report", path, "--snapshot", snapshot, "-o", page, "-q"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until(lambda: told.exists() and " " in told.read_text())
    process.send_signal(how)
    said = process.communicate()[1]
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert said == ""
    until(lambda: not list(scratch.iterdir()))
    for pid in map(int, told.read_text().split()):
        until(lambda pid=pid: not runs(pid))
    assert page.read_text() == "the report of last month"


def until(reached, seconds=60):
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def runs(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@kernel
def test_a_kernel_that_dies_leaves_the_earlier_page_as_it_was(snapshot, scratch, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("the report of last month")
    path = notebook(tmp_path / "dies.ipynb", "import os\nos._exit(1)")
    with pytest.raises(UsageError, match="the report's kernel died"):
        tu.render_report(path, page, snapshot=snapshot, progress=False)
    assert page.read_text() == "the report of last month"
    assert list(scratch.iterdir()) == []


# one part fails -------------------------------------------------------------------------------------------------------

PATCH = """\
import sys
if any("ipykernel" in word for word in sys.orig_argv):
    from truto_usage_nb import errors
    from truto_usage_nb.reports import parts

    def estimates(book):
        raise errors.FrameError("the price of nothing is <unknown>; ask somebody")

    parts.estimates = estimates
"""


@kernel
def test_a_part_that_fails_says_so_in_its_place_and_the_rest_stands(snapshot, tmp_path, monkeypatch, capsys):
    """A part is made to fail within the kernel, which imports `sitecustomize` as every Python does."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text(PATCH)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    page = tmp_path / "prices.html"
    given = ["report", "prices", "--snapshot", str(snapshot), "--period", "2026-09-15", "-o", str(page), "-q"]
    assert main(given) == 3
    markup = page.read_text(encoding="utf-8")
    sentence = "the price of nothing is &lt;unknown&gt;; ask somebody."
    assert markup.count(f'<p class="failed">This part could not be made: {sentence}</p>') == 1
    heading, said = markup.index("Estimates, apart from the bill</h2>"), markup.index("This part could not be made")
    assert heading < said < markup.index("Where this comes from</h2>")
    assert f"could not be made: {sentence}</p>" in markup.split("</h1>")[1][:300]  # and at the top
    assert "Traceback" not in markup
    told = capsys.readouterr().err
    assert "A part under “Estimates, apart from the bill” could not be made: the price of nothing is <unknown>" in told
    assert "Traceback" not in told


@kernel
@pytest.mark.parametrize("debug", [False, True])
def test_a_cell_of_ones_own_that_fails_is_one_sentence_and_with_debug_the_rest(debug, snapshot, tmp_path, capsys):
    path = notebook(tmp_path / "own.ipynb", "a = 1\nb = a / 0  # here\nc = 2")
    given = ["report", str(path), "--snapshot", str(snapshot), "-o", str(tmp_path / "p.html"), "-q"]
    assert main([*given, "--debug"] if debug else given) == 1
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == (
        "truto-usage: cell 2 of own.ipynb failed: ZeroDivisionError: division by zero, at: b = a / 0  # here"
    )
    assert any("----> 2 b = a / 0" in line for line in rest) == debug
    assert bool(rest) == debug


# what is refused before anything starts -------------------------------------------------------------------------------


@pytest.fixture
def nothing_starts(monkeypatch):
    def start(*_, **__):
        raise AssertionError("a process was started first")

    monkeypatch.setattr("truto_usage_nb.reports.worker.subprocess.Popen", start)


FILES = {
    "x.csv": "mail,team\na@x.com,d\n",
    "b.csv": "currency,amont\nUSD,1\n",
    "r.yml": "version: 1\nrules:\n- too: x\n",
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("ai_spend", {"labels": "gone.csv"}, "labels='gone.csv': there is no such file"),
        ("ai_spend", {"labels": "x.csv"}, "labels: x.csv has no column 'email'"),
        ("ai_spend", {"invoices": "x.csv"}, "invoices: x.csv has no column 'integration'"),
        ("ai_spend", {"roster": "x.csv"}, "roster: x.csv has no column 'integration'"),
        ("seats", {"roster": "gone.csv"}, "roster='gone.csv': there is no such file"),
        ("ai_spend", {"budget": "b.csv"}, "budget: b.csv needs the column amount"),
        ("ai_spend", {"budget": "lots"}, "budget='lots' is no number"),
        ("ai_spend", {"budget": {"USD": "lots"}}, "budget['USD']='lots' is no number"),
        ("ai_spend", {"decimal": "x"}, "decimal='x' is not allowed"),
        ("ai_spend", {"seat_prices": {"cursor": 4}}, "seat_prices['cursor']=4 names no currency"),
        ("seats", {"seat_prices": "4"}, "seat_prices='4' is no mapping"),
        ("ai_spend", {"earlier": "gone.parquet"}, "gone.parquet: there is no such snapshot"),
        ("ai_spend", {"earlier": "x.csv"}, "x.csv is not a snapshot"),
        ("allocation", {"rules": "gone.yml"}, "gone.yml"),
        ("allocation", {"rules": "r.yml"}, "r.yml"),
        ("allocation", {"team_budgets": "b.csv"}, "team_budgets: b.csv has no column 'team'"),
        ("allocation", {"purchases": "b.csv"}, "purchases: b.csv has no column 'integrated_account_id'"),
        ("allocation", {"checks": "r.yml"}, "r.yml"),
        ("showback", {"labels": "x.csv", "label": "team"}, "labels: x.csv has no column 'email'"),
        ("showback", {"rules": "gone.yml"}, "gone.yml"),
    ],
)
@pytest.mark.usefixtures("nothing_starts")
def test_what_a_report_cannot_use_is_refused_before_anything_starts(name, given, words, snapshot, files):
    for source in ({"snapshot": snapshot}, {"sandbox": True, "accounts": ["cursor"], "period": "2026-09-15"}):
        with pytest.raises(UsageError) as told:
            tu.render_report(name, files / "p.html", **source, **given)
        assert words in str(told.value)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", tu.list_reports())
def test_there_is_a_reader_for_each_thing_that_a_report_takes(name):
    """Whoever adds a parameter adds what refuses it; those of the period, and of a column, are looked at elsewhere."""
    assert set(find(name).parameters) <= {*_READ, "snapshot", "period", "earlier", "label", "decimal"}


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ("2027-03", "March 2027 has not begun: where the figures come from it is 2026-11-23 (UTC)"),
        ("2027", "2027 has not begun"),
        ("2026-11-24", "Tuesday 24 November 2026 has not begun"),
    ],
)
@pytest.mark.usefixtures("nothing_starts")
def test_a_period_to_come_is_refused_by_its_own_name(period, words, tmp_path):
    for options in ({"sandbox": True}, {"client": tu.sandbox()}):
        with pytest.raises(PeriodError) as told:
            tu.render_report("seats", tmp_path / "p.html", period=period, **options)
        assert str(told.value).startswith(words)


@pytest.mark.usefixtures("nothing_starts")
def test_a_period_that_a_snapshot_does_not_hold_is_refused(snapshot, tmp_path):
    with pytest.raises(
        InputError, match=r"day\.parquet holds 2026-09-15 to 2026-09-16 .* not cover the period 2026-09-16"
    ):
        tu.render_report("ai_spend", tmp_path / "p.html", snapshot=snapshot, period="2026-09-16")


# what is loaded -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", tu.list_reports())
def test_accounts_that_are_named_need_not_be_listed_for_any_report(name):
    asked = find(name)
    with client_of({}, listed=False) as client:
        result = load(client, ["good", "bad"], OCTOBER, quiet, before=asked.before, users=True)
    assert set(result.polars["integrated_account_id"]) == {"good", "bad"}


class Asking:
    """Ask as a report does, and fail at once for the period that is reported."""

    def __init__(self, failing):
        self.failing = failing

    async def of(self, accounts, span, *, users=False):
        if span == self.failing:
            raise UsageError("gone")
        await asyncio.sleep(0)


def test_a_load_that_fails_at_once_leaves_nothing_that_was_never_awaited():
    spans = [Period.parse(month) for month in ("2026-10", "2026-09", "2026-08")]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(UsageError, match="gone"):
            asyncio.run(_loaded(Asking(spans[0]), ["cursor"], spans, users=False))
        gc.collect()
    assert [str(each.message) for each in said] == []
