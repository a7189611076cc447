"""A parameter and a field are each said in one line: proven by adding the line, to a copy of the package."""

import json
import subprocess
import sys
from shutil import copytree, ignore_patterns
from typing import get_origin, get_type_hints

import pytest

from truto_usage_nb.client.options import Parameters
from truto_usage_nb.query import PARAMETERS
from truto_usage_nb.sandbox.params import SENT

FIELD = '    _count("usage.tools.searches", "Searches of the invented kind.", "searches"),\n'
PARAMETER = '    regions: Filter | None = _p("Only these regions, such as eu or us.", changes_meaning=True)\n'
LINES = {
    "schema.py": ('    _count("usage.tools.web_search_count"', FIELD),
    "query.py": ("    surfaces: Filter | None", PARAMETER),
    "sandbox/ask.py": ("    surfaces: SentTexts = ()\n", "    regions: SentTexts = ()\n"),
}
ASKED = """
import io, json
from contextlib import redirect_stdout

import httpx

import truto_usage_nb as tu
from truto_usage_nb.cli.options import parser
from truto_usage_nb.forms.query_form import QueryForm
from truto_usage_nb.sandbox.params import read_params

query = tu.UsageQuery(regions=["eu", "us, or nearly"])
client = tu.sandbox()
form = QueryForm(client, accounts=["cursor"], period="2026-10-05")
form.fields["regions"].control.value = 'eu, "us, or nearly"'
with redirect_stdout(io.StringIO()) as said:
    try:
        parser().parse_args(["load", "--help"])
    except SystemExit:
        pass
try:
    tu.UsageQuery(regions="eu")
except tu.UsageError as problem:
    refused = str(problem)
usage = client.load_usage("cursor", period="2026-10-05", limit=3)
dictionary = [line for line in tu.data_dictionary().splitlines() if "usage_tools_searches" in line]
print(json.dumps({
    "kind": tu.PARAMETERS["regions"].kind,
    "wire": query.to_params(),
    "code": repr(query),
    "signature": str(tu.UsageQuery.__signature__.parameters["regions"].annotation),
    "apart": query.query_id != tu.UsageQuery().query_id,
    "refused": refused,
    "help": said.getvalue(),
    "typed": parser().parse_args(["load", "cursor", "--regions", "eu", "us"]).regions,
    "form": form.query.to_params(),
    "form_code": form.code,
    "control": type(form.fields["regions"].control).__name__,
    "sandbox": read_params([("regions[]", "eu"), ("regions[]", "us")]).regions,
    "columns": usage.columns,
    "dtype": str(usage.schema["usage_tools_searches"]),
    "dictionary": dictionary,
}))
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory, root):
    """What a package says that has one line more in each of the three places."""
    folder = tmp_path_factory.mktemp("changed")
    package = folder / "truto_usage_nb"
    copytree(root / "truto_usage_nb", package, ignore=ignore_patterns("__pycache__", "notebooks"))
    for name, (before, line) in LINES.items():
        text = (package / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, name
        (package / name).write_text(text.replace(before, line + before), encoding="utf-8")
    made = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def test_a_parameter_is_a_line_of_the_query_and_of_the_right_kind_everywhere(changed):
    assert changed["kind"] == "texts"
    assert changed["wire"] == [["regions[]", "eu"], ["regions[]", "us, or nearly"]]
    assert changed["code"] == "UsageQuery(regions=['eu', 'us, or nearly'])"
    assert changed["signature"] == "list[str] | None"
    assert changed["apart"]
    assert "regions='eu' is a bare text; give a list" in changed["refused"]


def test_form_and_command_line_follow(changed):
    assert "--regions TEXT [TEXT ...]" in changed["help"]
    assert "Only these regions, such as eu or us. [none]" in " ".join(changed["help"].split())
    assert changed["typed"] == ["eu", "us"]
    assert changed["control"] == "Combobox"
    assert [pair for pair in changed["form"] if pair[0].startswith("regions")] == changed["wire"]
    assert "regions=['eu', 'us, or nearly']" in changed["form_code"]


def test_the_sandbox_reads_it_by_a_line_of_its_own(changed):
    assert changed["sandbox"] == ["eu", "us"]


def test_a_field_is_a_line_of_the_schema(changed):
    at = changed["columns"].index("usage_tools_searches")
    assert changed["columns"][at + 1] == "usage_tools_web_search_count"
    assert changed["dtype"] == "Int64"
    [row] = changed["dictionary"]
    assert "Searches of the invented kind." in row


OF_THE_SERVICE_ALONE = {"truto_skip_api_call", "next_cursor", "tenant_id", "is_sandbox"}


def test_the_service_reads_each_parameter_as_the_client_sends_it():
    """Two tables, which share no code, so that neither hides the other's mistake."""
    assert set(SENT) - OF_THE_SERVICE_ALONE == set(PARAMETERS)
    for name, parameter in PARAMETERS.items():
        assert (SENT[name].kind, SENT[name].allowed) == (parameter.kind, parameter.allowed), name
        assert parameter.least in (None, SENT[name].least), name


def test_an_editor_knows_each_parameter():
    hints = get_type_hints(Parameters)
    assert list(hints) == list(PARAMETERS)
    lists = {name for name, hint in hints.items() if "Sequence[str]" in str(hint)}
    assert lists == {name for name, each in PARAMETERS.items() if each.kind == "texts"}
    assert get_origin(hints["limit"]) is not None
