"""What is released: built here without a network, and tried outside the checkout; and what the workflows name."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import pytest
import yaml

import truto_usage_nb as tu

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def run(*command, folder, **variables):
    told = subprocess.run(
        [str(word) for word in command], cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout.strip()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Build the source distribution and unpack it."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, folder=ROOT)
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder / packed.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(source):
    """Build the wheel from the unpacked source distribution, and unpack it where no checkout is near."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", source.parent, folder=source)
    (built,) = source.parent.glob("*.whl")
    there = source.parent / "installed"
    with zipfile.ZipFile(built) as archive:
        archive.extractall(there)
    return there


def files(folder):
    """Give the files of a package, by their paths in it."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {path for path in found if "__pycache__" not in path}


def test_the_version_is_stated_once_and_everything_follows(source, wheel):
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["readme", "version"]
    assert version("truto-usage-nb") == tu.__version__, "the environment knows another version: install again"
    assert source.name == f"truto_usage_nb-{tu.__version__}"
    assert (wheel / f"truto_usage_nb-{tu.__version__}.dist-info" / "METADATA").is_file()


def test_the_wheel_holds_the_package_whole_and_nothing_else(wheel):
    assert files(wheel / "truto_usage_nb") == files(ROOT / "truto_usage_nb")
    assert {path.name for path in wheel.iterdir()} == {"truto_usage_nb", f"truto_usage_nb-{tu.__version__}.dist-info"}
    assert "py.typed" in files(wheel / "truto_usage_nb")


def test_an_index_is_shown_nothing_that_it_lacks(wheel):
    """Beside the README's text an index has neither pictures nor pages: what is relative stands as text."""
    told = (wheel / f"truto_usage_nb-{tu.__version__}.dist-info" / "METADATA").read_text(encoding="utf-8")
    head, _, shown = told.partition("\n\n")
    assert "Description-Content-Type: text/markdown" in head
    assert shown.startswith("# truto_usage_nb\n")
    assert [target for target in re.findall(r"\]\(([^)]*)\)", shown) if not target.startswith("https://")] == []
    assert "docs/costs.md, the rule and every flag" in shown
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "![" in readme
    for line in ("tu.load_usage(accounts", "| datadog | USD |", "make report"):
        assert line in shown


def test_the_wheel_works_outside_the_checkout(wheel, tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import truto_usage_nb as tu\n"
        "from importlib.metadata import version\n"
        "usage = tu.load_usage('cursor', period='2026-10-05', client=tu.sandbox())\n"
        "print(tu.__file__, version('truto-usage-nb'), usage.height > 0, *tu.list_reports(), sep='\\n')"
    )
    told = run(sys.executable, "-c", code, wheel, folder=tmp_path).splitlines()
    assert Path(told[0]).is_relative_to(wheel)
    assert told[1:3] == [tu.__version__, "True"]
    assert "ai_spend" in told[3:]


def test_the_command_tells_its_version(wheel, tmp_path):
    told = run(sys.executable, "-m", "truto_usage_nb", "--version", folder=tmp_path, PYTHONPATH=str(wheel))
    assert told == f"truto-usage {tu.__version__}"


def test_the_source_distribution_holds_what_its_tests_and_readers_need_and_nothing_written_by_a_run(source):
    held = files(source)
    for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "Makefile", "environment.yml"):
        assert name in held, name
    for folder in ("docs", "notebooks", "benchmarks", "examples", ".github"):
        assert any(path.startswith(f"{folder}/") for path in held), folder
    assert {path.suffix for path in map(PurePosixPath, held) if path.parts[0] == "notebooks"} == {".ipynb"}
    assert not [path for path in held if path.endswith((".html", ".pdf", ".pyc")) and "/fixtures/" not in path]


def test_there_are_workflows_for_the_tests_and_for_a_release():
    assert {path.stem for path in WORKFLOWS} == {"tests", "release"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_names_what_there_is(path):
    """Its jobs need jobs that there are, its steps say what they do, and its make targets and scripts exist."""
    read = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    assert set(read) == {"name", "on", "permissions", "jobs"}
    assert read["permissions"] == {"contents": "read"}  # a job that needs more says so itself
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for job in read["jobs"].values():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(read["jobs"])
        assert ("uses" in job) != ("steps" in job)
        if "uses" in job:
            assert (ROOT / job["uses"]).is_file()
        for step in job.get("steps", []):
            assert ("uses" in step) != ("run" in step)
            assert "@" in step.get("uses", "@")
            assert set(re.findall(r"\bmake (\w+)", step.get("run", ""))) <= set(targets)
            for script in re.findall(r"\.ci/\w+", step.get("run", "")):
                assert not (ROOT / ".ci").is_dir() or (ROOT / script).is_file()  # it does not travel with the source


def test_the_workflow_tests_what_is_declared_on_three_systems():
    read = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    matrix = read["jobs"]["test"]["strategy"]["matrix"]
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert matrix["python"] == declared
    assert [system.partition("-")[0] for system in matrix["system"]] == ["ubuntu", "macos", "windows"]


def test_a_release_is_published_by_trust_alone_after_the_tests():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    publish = yaml.safe_load(text)["jobs"]["publish"]
    assert publish["needs"] == ["tests", "build"]
    assert publish["permissions"] == {"id-token": "write"}
    assert "environment" in publish
    assert not re.search(r"secrets\.|password|token:", text.replace("id-token:", ""))


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("user", [0, 1000])
def test_make_lab_says_what_to_do_as_root_and_starts_all_the_same(user, tmp_path):
    for name, does in {"jupyter": 'echo "started: $*"', "id": f"echo {user}"}.items():
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        script.chmod(0o755)
    (tmp_path / ".ready").touch()
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    told = run("make", "-s", "lab", f"VENV={tmp_path}", "LAB=--port=9", folder=ROOT, PATH=path).splitlines()
    if user == 0:
        assert told[0].startswith("You are root, as in most containers")
        assert told[-1] == "started: lab --allow-root --no-browser --port=9 notebooks/01_load.ipynb"
    else:
        assert told == ["started: lab --port=9 notebooks/01_load.ipynb"]


def test_the_changelog_is_in_the_usual_form_and_knows_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert all(re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - (\d{4}-\d\d-\d\d|Unreleased)", t) for t in titles)
    assert any(title.startswith(f"[{tu.__version__}]") for title in titles)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        under = section.partition("\n")[2].partition("### ")[0]
        assert not under.strip(), "each line stands under what kind of change it is"
