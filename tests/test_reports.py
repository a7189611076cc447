"""A report is one page that asks nothing of the network, the same bytes for the same snapshot, and knows no token."""

import json
import os
import re
import shutil
import sys
import threading
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import DatasetError, InputError, MissingExtraError, WriteError
from truto_usage_nb.planning import Period
from truto_usage_nb.reports.loading import load, period_before
from truto_usage_nb.reports.notebook import as_parameters as plain
from truto_usage_nb.reports.notebook import find
from truto_usage_nb.reports.worker import quiet_environment, worker

kernel = pytest.mark.kernel


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """Two days of four accounts, one of them in euros; the report is of the second."""
    client = tu.sandbox()
    accounts = ["claude-console", "confluent", "openai-api-eu", "cursor"]
    result = client.fetch_usage(accounts, period=("2026-09-14", "2026-09-16"))
    return result.save(tmp_path_factory.mktemp("report") / "days.parquet")


def notebook(path, *sources, parameters='snapshot = ""', metadata=None):
    """Write a notebook whose first cell is tagged `parameters`."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for n, source in enumerate((parameters, *sources))
    ]
    cells[0]["metadata"] = {"tags": ["parameters"]}
    kept = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, **(metadata or {})}
    path.write_text(json.dumps({"cells": cells, "metadata": kept, "nbformat": 4, "nbformat_minor": 5}))
    return path


# What goes wrong is said before anything is loaded, and names the remedy.


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("ai_spent", {"sandbox": True, "period": "2026-10"}, "Did you mean 'ai_spend'"),
        ("ai_spend", {"sandbox": True}, "needs a period"),
        ("ai_spend", {"sandbox": True, "client": "x", "period": "2026-10"}, "keep one"),
        ("ai_spend", {"sandbox": True, "accounts": [], "period": "2026-10"}, "no account to report on"),
        ("ai_spend", {"snapshot": "nowhere.parquet"}, "there is no snapshot nowhere.parquet"),
        ("ai_spend", {"snapshot": "x", "sandbox": True}, "snapshot= and sandbox= are both given"),
        ("ai_spend", {"snapshot": "x", "accounts": ["cursor"]}, "snapshot= and accounts= are both given"),
        ("nowhere.ipynb", {"snapshot": "x"}, "there is no notebook"),
    ],
)
def test_bad_input_is_refused(name, options, words, tmp_path):
    with pytest.raises(InputError, match=re.escape(words)):
        tu.render_report(name, tmp_path / "d.html", **options)
    assert not (tmp_path / "d.html").exists()


def _never(step):
    raise AssertionError(f"{step} was begun")


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        (
            "ai_spend",
            {"labels": {"email": ["a@x.com"], "division": ["d"]}},
            "label='team' is no column of the table of labels",
        ),
        ("showback", {"labels": {"email": ["a@x.com"], "team": ["d"]}, "label": "taem"}, "Did you mean 'team'"),
        ("showback", {"labels": {"mail": ["a@x.com"], "team": ["d"]}}, "has no column 'email'"),
        ("showback", {"labels": 5}, "labels=5 is no path"),
    ],
)
def test_a_table_of_labels_that_a_cell_would_refuse_is_refused_before_anything_runs(
    name, given, words, snapshot, tmp_path
):
    labels = given["labels"]
    given = {**given, "labels": pl.DataFrame(labels) if isinstance(labels, dict) else labels}
    with pytest.raises(InputError, match=re.escape(words)):
        tu.render_report(name, tmp_path / "l.html", snapshot=snapshot, progress=_never, **given)


def test_an_unknown_parameter_lists_the_known(snapshot, tmp_path):
    with pytest.raises(InputError, match=r"no parameter 'snap'\. Did you mean 'snapshot'\? Known: snapshot, period"):
        tu.render_report("ai_spend", tmp_path / "e.html", snapshot=snapshot, snap=1)


@pytest.mark.parametrize(
    ("value", "kind"), [({"USD"}, "set"), ({1: 2.0}, "int"), ([len], "builtin_function_or_method")]
)
def test_what_no_notebook_can_hold_is_refused(snapshot, tmp_path, value, kind):
    with pytest.raises(InputError, match=f"budget=.* cannot be given to a notebook: it is of type {kind}"):
        tu.render_report("ai_spend", tmp_path / "e.html", snapshot=snapshot, budget=value)


def test_parameters_are_made_plain(tmp_path):
    given = {
        "day": date(2026, 10, 5),
        "amount": Decimal("0.1"),
        "count": np.int64(3),
        "prices": {"cursor": (40, "USD")},
    }
    made = {"day": "2026-10-05", "amount": 0.1, "count": 3, "prices": {"cursor": [40, "USD"]}}
    assert plain(given, tmp_path) == made
    assert type(plain(given, tmp_path)["count"]) is int
    assert plain(made, tmp_path) == made


def test_a_notebook_that_could_not_read_the_snapshot_is_refused(snapshot, tmp_path):
    path = notebook(tmp_path / "blind.ipynb", "1", parameters="budget = 1")
    with pytest.raises(InputError, match="no parameter 'snapshot'"):
        tu.render_report(path, tmp_path / "e.html", snapshot=snapshot)


def test_what_is_no_notebook_is_refused(tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text("not json")
    with pytest.raises(InputError, match="is not a notebook"):
        find(path)


BROKEN = {
    "nothing": ("", "Invalid JSON"),
    "very deep": ("[" * 100_000, "recursion limit"),
    "a list": ("[]", "Input should be an object"),
    "no format": (lambda n: n.pop("nbformat"), "nbformat: Field required"),
    "an older format": (lambda n: n.update(nbformat=3), "nbformat: Input should be 4"),
    "no minor format": (lambda n: n.pop("nbformat_minor"), "nbformat_minor: Field required"),
    "no cells": (lambda n: n.pop("cells"), "cells: Field required"),
    "cells by name": (lambda n: n.update(cells={}), "cells: Input should be a valid array"),
    "a cell that is none": (lambda n: n["cells"].append(7), "cells.2: Input should be an object"),
    "a cell of no kind": (lambda n: n["cells"][1].update(cell_type="x"), "cells.1.cell_type: Input should be 'code'"),
    "a source that is none": (lambda n: n["cells"][1].update(source=5), "cells.1.source"),
    "tags that are none": (lambda n: n["cells"][1].update(metadata={"tags": "x"}), "cells.1.metadata.tags"),
    "metadata that is none": (lambda n: n.update(metadata=[]), "metadata: Input should be an object"),
    "ours that is none": (lambda n: n["metadata"].update(truto_usage_nb=5), "metadata.truto_usage_nb"),
    "periods before": (lambda n: n["metadata"].update(truto_usage_nb={"before": "x"}), "before: Input should be a"),
    "periods below 0": (lambda n: n["metadata"].update(truto_usage_nb={"before": -1}), "before: .*or equal to 0"),
    "users": (lambda n: n["metadata"].update(truto_usage_nb={"users": [1]}), "users"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_damaged_notebook_says_what_is_wrong_with_it(what, tmp_path):
    change, says = BROKEN[what]
    path = notebook(tmp_path / "broken.ipynb", "1")
    if isinstance(change, str):
        path.write_text(change)
    else:
        made = json.loads(path.read_text())
        change(made)
        path.write_text(json.dumps(made))
    with pytest.raises(InputError, match=rf"broken\.ipynb is not a notebook: .*{says}") as told:
        find(path)
    assert "\n" not in str(told.value)


def test_a_notebook_of_another_language_is_refused(tmp_path):
    path = notebook(tmp_path / "r.ipynb", "1", metadata={"kernelspec": {"name": "ir", "language": "R"}})
    with pytest.raises(InputError, match="is a notebook in R, and reports run Python"):
        find(path)


@pytest.fixture
def nothing_starts(monkeypatch):
    def start(*_, **__):
        raise AssertionError("a process was started first")

    monkeypatch.setattr("truto_usage_nb.reports.worker.subprocess.Popen", start)


@pytest.mark.parametrize("damage", [lambda held: held[:-9], lambda _: b"", lambda _: b"not a snapshot"])
@pytest.mark.usefixtures("nothing_starts")
def test_a_damaged_snapshot_is_refused_before_anything_starts(damage, snapshot, tmp_path):
    path = tmp_path / "days.parquet"
    path.write_bytes(damage(snapshot.read_bytes()))
    with pytest.raises(DatasetError, match=r"days\.parquet is not a snapshot"):
        tu.render_report("ai_spend", tmp_path / "e.html", snapshot=path)


@pytest.mark.usefixtures("nothing_starts")
def test_a_place_that_cannot_be_written_to_is_refused_before_anything_starts(snapshot, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for to in (tmp_path / "folder", tmp_path / "file" / "e.html"):
        with pytest.raises(WriteError, match=r"cannot be written: .*(it is|is not) a folder"):
            tu.render_report("ai_spend", to, snapshot=snapshot)
    with pytest.raises(WriteError, match="it is a folder"):
        tu.render_report(
            "ai_spend", tmp_path / "e.html", sandbox=True, period="2026-10", keep_snapshot=tmp_path / "folder"
        )


@kernel
def test_records_that_were_damaged_are_said_by_no_cell(snapshot, tmp_path):
    content = bytearray(snapshot.read_bytes())
    content[len(content) // 4] ^= 255
    path = tmp_path / "days.parquet"
    path.write_bytes(content)
    for options in ({"snapshot": path}, {"snapshot": snapshot, "earlier": path}):
        with pytest.raises(DatasetError, match=r"days\.parquet (was changed after it was saved|is damaged)"):
            tu.render_report("ai_spend", tmp_path / "e.html", **options)
    assert not (tmp_path / "e.html").exists()


@kernel
def test_a_notebook_without_a_kernels_name_runs_and_a_pipe_gets_the_page(snapshot, tmp_path):
    path = notebook(tmp_path / "plain.ipynb", "print(snapshot)", metadata={"kernelspec": {}})
    made = json.loads(path.read_text())
    del made["metadata"]["kernelspec"]
    path.write_text(json.dumps(made))
    page = tu.render_report(path, tmp_path / "page.html", snapshot=snapshot).read_bytes()
    os.mkfifo(tmp_path / "pipe.html")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe.html").read_bytes()))
    reader.start()
    assert tu.render_report(path, tmp_path / "pipe.html", snapshot=snapshot) == tmp_path / "pipe.html"
    reader.join()
    assert got == [page]
    assert (tmp_path / "pipe.html").is_fifo()


@kernel
def test_a_snapshot_that_is_kept_in_a_pipe_is_read_from_a_file_all_the_same(tmp_path):
    path = notebook(tmp_path / "plain.ipynb", "import truto_usage_nb as tu\nprint(tu.read_result(snapshot))")
    os.mkfifo(tmp_path / "kept.parquet")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "kept.parquet").read_bytes()))
    reader.start()
    options = {"sandbox": True, "accounts": ["confluent"], "period": "2026-09-14", "progress": False}
    page = tu.render_report(path, tmp_path / "page.html", keep_snapshot=tmp_path / "kept.parquet", **options)
    reader.join()
    assert "UsageResult(42 records of confluent" in page.read_text(encoding="utf-8")
    (tmp_path / "file.parquet").write_bytes(got[0])
    assert tu.read_result(tmp_path / "file.parquet").polars.height == 42


def test_a_parameters_cell_that_is_more_than_python_is_refused(tmp_path):
    path = notebook(tmp_path / "magic.ipynb", parameters='%matplotlib inline\nsnapshot = ""')
    with pytest.raises(InputError, match=r"the cell tagged `parameters` of .* is not plain Python"):
        find(path)


def test_the_parameters_are_the_names_that_the_tagged_cells_assign(tmp_path):
    path = notebook(
        tmp_path / "own.ipynb", "other = 1", parameters='snapshot: str = ""\nteam = None  # a name\nprint(1)'
    )
    assert find(path).parameters == ("snapshot", "team")
    whole = json.loads(path.read_text())
    whole["cells"][0]["source"] = ['snapshot = ""\n', "limit = 3"]  # a notebook may hold its lines one by one
    path.write_text(json.dumps(whole))
    assert find(path).parameters == ("snapshot", "limit")


def test_a_library_that_is_missing_is_said_before_anything_is_loaded(snapshot, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "papermill", None)
    with pytest.raises(MissingExtraError, match=r"reports need papermill .*pip install 'truto-usage-nb\[reports\]'"):
        tu.render_report("ai_spend", tmp_path / "e.html", snapshot=snapshot)


def test_pdf_without_a_browser_is_refused_before_anything_is_loaded(snapshot, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="apt-get install chromium"):
        tu.render_report("ai_spend", tmp_path / "e.html", snapshot=snapshot, pdf=tmp_path / "e.pdf")
    assert not (tmp_path / "e.html").exists()


@kernel
def test_a_failing_cell_is_shown(snapshot, tmp_path):
    path = notebook(tmp_path / "broken.ipynb", "1 / 0  # the cell at fault")
    with pytest.raises(tu.UsageError, match="ZeroDivisionError") as failed:
        tu.render_report(path, tmp_path / "c.html", snapshot=snapshot)
    assert "the cell at fault" in str(failed.value)
    assert "\x1b" not in str(failed.value)
    assert not (tmp_path / "c.html").exists()


@kernel
def test_what_cannot_be_written_is_said_as_the_system_says_it(snapshot, tmp_path):
    path = notebook(tmp_path / "short.ipynb", "1")
    (tmp_path / "taken").write_text("a file, where the page wants a folder")
    with pytest.raises(OSError, match="taken"):
        tu.render_report(path, tmp_path / "taken" / "page.html", snapshot=snapshot)


@kernel
def test_a_kernel_that_dies_is_said(snapshot, tmp_path):
    path = notebook(tmp_path / "dies.ipynb", "import os\nos._exit(1)")
    with pytest.raises(tu.UsageError, match="the report's kernel died"):
        tu.render_report(path, tmp_path / "page.html", snapshot=snapshot)


@kernel
def test_a_renderer_that_dies_is_said(snapshot, tmp_path):
    path = notebook(tmp_path / "kills.ipynb", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    with pytest.raises(tu.UsageError, match=r"the process that renders the report died \(exit -9\)"):
        tu.render_report(path, tmp_path / "page.html", snapshot=snapshot)


@kernel
def test_leaving_ends_the_renderer_and_its_kernel_whatever_they_are_at(snapshot, tmp_path):
    """An interrupt while the cells run: the callable that is shown the progress raises it, as the keyboard would."""
    told = tmp_path / "kernel.txt"
    source = f"import os, time\nopen({str(told)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    path = notebook(tmp_path / "long.ipynb", source, "'unreached'")

    def interrupt(step):
        while step.done == 1 and not told.exists():
            time.sleep(0.01)
        if step.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tu.render_report(path, tmp_path / "page.html", snapshot=snapshot, progress=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
    assert not (tmp_path / "page.html").exists()


@kernel
def test_a_load_that_fails_leaves_no_process_behind(tmp_path):
    """Its processes were told to end, and had ended, before the error came out, and the report's folder was gone."""
    held, scratch = [], tmp_path / "own"
    scratch.mkdir()

    def fail():
        with worker(scratch, warm=True) as rendering:
            held.append(rendering._process)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert held[0].poll() == 0
    assert not scratch.exists()


# What is loaded.


@pytest.mark.parametrize(
    ("period", "before"),
    [
        ("2026-03", ("2026-02-01", "2026-03-01")),
        ("2026-01", ("2025-12-01", "2026-01-01")),
        ("2026", ("2025-01-01", "2026-01-01")),
        (("2026-07-01", "2026-10-01"), ("2026-04-01", "2026-07-01")),
        ("2026-10-05", ("2026-10-04", "2026-10-05")),
    ],
)
def test_the_period_before_is_as_long(period, before):
    assert period_before(Period.parse(period)) == Period.parse(before)


def test_an_organisation_linked_twice_is_counted_once_and_told():
    with pytest.warns(tu.UsageWarning, match="cursor-relinked serves the same records as cursor and is left out"):
        result = load(tu.sandbox(), None, "2026-10-07", lambda _: None, before=1)
    accounts = set(result.polars["integrated_account_id"])
    assert {"cursor", "datadog", "codex"} <= accounts
    assert "cursor-relinked" not in accounts
    assert result.period == Period.parse(("2026-10-06", "2026-10-08"))


def test_accounts_that_are_named_are_those_that_are_loaded():
    steps = []
    result = load(tu.sandbox(), ["cursor-relinked"], "2026-10-07", steps.append, before=1)
    assert set(result.polars["integrated_account_id"]) == {"cursor-relinked"}
    days = set(result.polars["start_date"].dt.date().cast(pl.String))
    assert days == {"2026-10-06", "2026-10-07"}  # the period and the one before
    assert steps[-1].stage == "load"


# The page.


@kernel
def test_a_snapshot_renders_to_the_same_bytes_without_a_request_or_a_token(snapshot, tmp_path, monkeypatch):
    monkeypatch.setenv("TRUTO_API_TOKEN", "secret-token")
    steps = []
    options = {"snapshot": snapshot, "period": "2026-09-15"}
    first = tu.render_report("ai_spend", tmp_path / "a.html", progress=steps.append, **options).read_bytes()
    second = tu.render_report("ai_spend", tmp_path / "b.html", progress=False, **options).read_bytes()
    assert first == second
    page = first.decode()
    assert "secret-token" not in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert str(tmp_path) not in page
    assert {step.stage for step in steps} == {"run", "write"}
    assert "The bill" in {step.label for step in steps}


def test_the_kernel_is_told_nothing_of_the_service(monkeypatch):
    monkeypatch.setenv("TRUTO_API_TOKEN", "secret-token")
    monkeypatch.setenv("TRUTO_BASE_URL", "https://elsewhere.example.com")
    assert not [name for name in quiet_environment() if name.startswith("TRUTO_")]
    assert quiet_environment()["PATH"] == os.environ["PATH"]


@kernel
def test_a_notebook_of_ones_own_is_given_frames_paths_and_values_and_made_steady(snapshot, tmp_path):
    source = (
        "import os, sys, warnings\nimport polars as pl\nimport truto_usage_nb as tu\n"
        "print(sorted(name for name in os.environ if name.startswith('TRUTO_')))\n"
        "print(pl.read_parquet(teams)['team'].to_list(), limit, object())\n"
        "warnings.warn('look here')\n"
        "tu.read_result(snapshot).polars.height"
    )
    path = notebook(tmp_path / "own.ipynb", source, parameters='snapshot = ""\nlimit = 0\nteams = ""')
    options = {"snapshot": snapshot, "limit": 7, "progress": False}
    teams = pl.DataFrame({"team": ["data", "mobile"]})
    first = tu.render_report(path, tmp_path / "a.html", teams=teams, **options).read_text(encoding="utf-8")
    second = tu.render_report(path, tmp_path / "b.html", teams=teams.to_pandas(), **options).read_text(encoding="utf-8")
    assert first == second
    assert "[]\n" in first
    assert "look here" in first
    assert f'<pre class="said">{tu.read_result(snapshot).polars.height}</pre>' in first


@kernel
def test_two_loads_differ_in_the_foot_alone(tmp_path):
    """The sandbox's clock is moved between them: what is fetched at another time is said at the end, and only there."""
    pages = []
    for number, now in enumerate(("2026-11-23T08:00:00Z", "2026-11-23T09:30:00Z")):
        with tu.sandbox(now=now) as client:
            made = tu.render_report(
                "ai_spend", tmp_path / f"{number}.html", client=client, accounts=["confluent", "cursor"],
                period="2026-09-15", progress=False,
            )  # fmt: skip
        pages.append(made.read_text(encoding="utf-8"))
    bodies, feet = zip(*(page.split("Where this comes from</h2>") for page in pages), strict=True)
    assert bodies[0] == bodies[1]
    assert feet[0] != feet[1]
    assert "fetched</th><td>2026-11-23 08:00 UTC" in feet[0]


HOSTILE = '<script>document.title = "run"</script><img src="http://example.com/x.png" onerror="alert(1)">'


@pytest.fixture(scope="module")
def hostile(snapshot, tmp_path_factory):
    """The snapshot, with names that would do harm if a page believed them."""
    result = tu.read_result(snapshot)
    names = {
        "model_id": HOSTILE,
        "product_name": "=cmd()",
        "user_email": "\u05dc\u05d9\u05d0\u05d5\u05e8 \u202egnp.exe",
        "surface": HOSTILE,
        "resources_workspace_name": "n" * 80,
        "resources_workspace_id": "n" * 80,
    }
    spoilt = [
        pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit(text)).otherwise(pl.col(name)).alias(name)
        for name, text in names.items()
    ]
    return replace(result, polars=result.polars.with_columns(spoilt)).save(tmp_path_factory.mktemp("bad") / "x.parquet")


UNREACHED = """() => [...document.querySelectorAll('.wide')].filter(
  each => each.scrollWidth > each.clientWidth && each.tabIndex !== 0).map(each => each.textContent.slice(0, 80))"""
"""What does not fit and cannot be scrolled without a mouse."""


@kernel
@pytest.mark.browser
@pytest.mark.parametrize("name", tu.list_reports())
def test_a_browser_shows_it_offline_without_a_request_or_a_complaint(name, hostile, chromium, tmp_path):
    from playwright.sync_api import sync_playwright

    from tests.axe_for_tests import violations

    page = tu.render_report(name, tmp_path / "page.html", snapshot=hostile, period="2026-09-15", progress=False)
    said: list[str] = []
    with sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        tab = browser.new_context(offline=True).new_page()
        tab.on("request", lambda request: said.append(request.url))
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        for width in (1280, 700, 390, 300):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.goto(page.as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
            assert tab.evaluate(UNREACHED) == []
            if width in (1280, 390):
                assert violations(tab) == []
                tab.emulate_media(color_scheme="dark")
                assert violations(tab, only="color-contrast") == []
                tab.emulate_media(color_scheme="light")
        tab.emulate_media(media="print")
        tab.set_viewport_size({"width": 688, "height": 900})  # a sheet of A4 between its margins
        assert tab.evaluate("document.documentElement.scrollWidth") == 688
        tab.emulate_media(media="screen")
        anchors = tab.locator("nav.contents a").evaluate_all("all => all.map(a => a.getAttribute('href').slice(1))")
        assert anchors
        assert [tab.locator(f"[id='{anchor}']").count() for anchor in anchors] == [1] * len(anchors)
        assert tab.locator("script").count() == 0
        assert tab.title() != "run"
        browser.close()
    assert [text for text in said if text != page.as_uri() and not text.startswith("data:image/png")] == []


@kernel
@pytest.mark.browser
def test_a_page_is_printed_where_a_browser_is_at_hand(snapshot, chromium, tmp_path):
    from pypdf import PdfReader

    assert shutil.which("chromium") or chromium
    path = notebook(tmp_path / "short.ipynb", "'printed'")
    pdf = tmp_path / "short.pdf"
    tu.render_report(path, tmp_path / "short.html", snapshot=snapshot, pdf=pdf, progress=False)
    assert pdf.read_bytes().startswith(b"%PDF-")
    printed = PdfReader(pdf)
    assert [each.title for each in printed.outline] == ["short"]  # a notebook without a heading has its own name
    assert [each.extract_text().split("\n")[0] for each in printed.pages] == ["1 of 1short"]
