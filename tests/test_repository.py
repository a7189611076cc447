"""The repository's own promises: imports, layers, dependencies, the record's fields, errors."""

import ast
import pickle
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from truto_usage_nb import errors, schema
from truto_usage_nb.integrations import INTEGRATIONS, integration_named

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {"polars", "pandas", "pyarrow", "matplotlib", "ipywidgets", "IPython", "nbformat", "papermill", "narwhals"}


def modules_after(code):
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name.partition(".")[0] for name in told.stdout.split()}


def test_importing_the_library_imports_nothing_beyond_the_standard_library():
    assert modules_after("import truto_usage_nb") - set(sys.stdlib_module_names) == {"truto_usage_nb"}


def test_the_query_and_the_client_bring_in_no_dataframe_plot_widget_or_notebook_library():
    assert not modules_after("import truto_usage_nb as tu; tu.UsageQuery; tu.Client") & HEAVY


def test_every_name_of_the_face_is_there_and_documented():
    import truto_usage_nb as tu

    for name in tu.__all__:
        assert getattr(tu, name) is not None, name
    with pytest.raises(AttributeError, match="Did you mean 'load_usage'"):
        tu.load_usages  # noqa: B018


def test_the_layers_hold():
    told = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout


def _ranges(lines):
    found = {}
    for line in lines:
        name, rest = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\s*(.*)", line).groups()
        found[name.lower().replace("_", "-")] = rest.replace(" ", "")
    return found


CONDA_NAMES = {"duckdb": "python-duckdb", "matplotlib": "matplotlib-base", "playwright": "playwright-python"}
"""What conda-forge calls otherwise than the Python index."""


def test_environment_yml_mirrors_every_group_of_dependencies_and_holds_nothing_else():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    listed = _ranges(re.findall(r"^\s+- ['\"]?([A-Za-z][^:#'\"\n]*?)['\"]?\s*(?:#.*)?$", text, re.MULTILINE))
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    wanted = _ranges(line for group in groups for line in group)
    del wanted[PROJECT["name"]]  # a group that names other groups
    wanted = {CONDA_NAMES.get(name, name): version for name, version in wanted.items()}
    not_packages = {"conda-forge", "nodefaults", "pip"}
    assert {name: version for name, version in listed.items() if name not in not_packages} == {
        "python": PROJECT["requires-python"], **wanted
    }  # fmt: skip


def test_every_dependency_has_a_lower_bound_and_one_that_all_groups_share():
    groups = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    stated = {}
    for group, lines in groups.items():
        for name, version in _ranges(line for line in lines if not line.startswith(PROJECT["name"])).items():
            assert version.startswith(">="), (group, name)
            assert stated.setdefault(name, version) == version, (group, name)


def test_dependencies_are_ranges_and_each_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for line in (
        line for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()) for line in group
    ):
        assert "==" not in line
        assert line.startswith(PROJECT["name"]) or re.search(re.escape(f'"{line}",') + r"\s*# \w", text), line


def test_functions_are_short_and_no_file_is_a_haystack():
    """A file reads from top to bottom, so its length is that of its story; a function is held in the head."""
    for path in ROOT.glob("truto_usage_nb/**/*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 800, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                held = len((ast.get_docstring(node) or "").splitlines())
                assert node.end_lineno - node.lineno + 1 - held <= 50, (path, node.name)


def test_column_names_are_unique_and_follow_their_paths():
    columns = [each.column for each in schema.columns(remote_data=True)]
    assert len(columns) == len(set(columns))
    assert all(each.meaning.endswith(".") for each in schema.SCHEMA)
    assert schema.field("usage_tokens_total").additivity == "sum"
    assert schema.field("usage_conversations_distinct").additivity == "distinct"
    assert schema.field("nonsense") is None
    assert len(schema.data_dictionary().splitlines()) == len(columns) + 2


def test_errors_survive_pickling_with_all_they_carry():
    for name in errors.__all__:
        kind = getattr(errors, name)
        if not (isinstance(kind, type) and issubclass(kind, errors.UsageError)):
            continue
        if kind is errors.PartialLoadError:
            error = kind("m", result=1, errors={"a": errors.ForbiddenError("no", status=403)})
        else:
            error = kind("m", status=422, is_remote=True, raw_response={"e": 1}, details=[1], pages=3)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind
        assert str(again) == "m"
        assert again.status == error.status
        assert again.pages == error.pages
        assert again.retryable == error.retryable


def test_integrations_are_found_as_people_spell_them():
    assert integration_named("OpenAI Codex") is INTEGRATIONS["openai_codex"]
    assert integration_named(" Claude ") is INTEGRATIONS["claude"]
    assert integration_named("stripe") is None


def test_the_glossary_is_small_enough_to_be_known():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    words = text.partition("## Words")[2].partition("## Rooms")[0]
    rows = [line for line in words.splitlines() if line.startswith("| ") and not line.startswith("| word")]
    assert 20 <= len(rows) <= 30


def test_the_measure_of_the_house_is_printed():
    told = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "house.py"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    figures = {
        title.strip(): float(figure.replace(",", ""))
        for title, figure in re.findall(r"^(.*?)\s+([\d,.]+)$", told, re.M)
    }
    assert figures["Python files"] == len(list(ROOT.glob("truto_usage_nb/**/*.py")))
    assert 0 < figures["lines of code"] < figures["all lines"]
