"""Every block of code in the pages runs, is read, or says which service it needs; and the reference lacks no name."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import truto_usage_nb as tu
from docs.site import bringing, checking, face, tables
from truto_usage_nb import errors
from truto_usage_nb.cli import main
from truto_usage_nb.cli.options import parsed
from truto_usage_nb.focus.columns import COLUMNS
from truto_usage_nb.integrations import INTEGRATIONS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
BROUGHT = ("docs/reference/api/", "docs/tutorials/0")  # by the site's build; examples of docstrings run as doctests
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("*.md"), *sorted(DOCS.rglob("*.md")))
    if not path.relative_to(ROOT).as_posix().startswith(BROUGHT)
}
RUN_BY = {
    ("README.md", "python"): "test_readme.py",
    ("docs/tour.md", "python"): "test_readme.py",
    ("docs/allocation.md", "python"): "test_allocation_docs.py",
    ("docs/questions.md", "python"): "test_questions_docs.py",
    ("docs/focus.md", "python"): "test_focus_check.py",
    ("docs/focus_delivery.md", "python"): "test_focus_delivery.py",
    ("docs/focus_delivery.md", "sql"): "test_focus_delivery.py",
    ("docs/howto/month_end.md", "console"): "test_examples.py",
}
"""Which test runs the blocks of a page that are not run here, because it holds the figures beside them too."""
NEEDS = re.compile(r"\A(?:#|--|<!--) needs: (\w[^\n]*)\n")
KNOWN = {"python", "console", "sql", "yaml", "toml", "text", "sh"}


def blocks(text: str) -> list[tuple[str, str]]:
    """Give the language and the text of each block of code."""
    found = re.findall(r"^( *)```([\w{}]*)[^\n]*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [(language, inspect.cleandoc(code) + "\n") for _, language, code in found if "{" not in language]


BLOCKS = [(name, number, *block) for name, text in PAGES.items() for number, block in enumerate(blocks(text))]
"""The page, the number in it, the language and the text."""


@pytest.mark.parametrize(("name", "number", "language", "code"), BLOCKS, ids=lambda each: str(each)[:40])
def test_a_block_says_what_it_is_and_holds_together(name: str, number: int, language: str, code: str) -> None:
    assert language in KNOWN, f"{name}, block {number} has no language that a test knows: {language!r}"
    if language == "python":
        compile(code, f"{name}:{number}", "exec")
        assert set(re.findall(r"\btu\.(\w+)", code)) <= set(tu.__all__)
    if language == "yaml":
        assert yaml.load(code, yaml.BaseLoader)
    if language == "toml":
        assert tomllib.loads(code)
    for line in commands(code) if language in ("console", "text", "yaml", "sh") else ():
        assert parsed(line)


def commands(code: str) -> list[list[str]]:
    """Give the words after `truto-usage` of every line that calls it."""
    said = re.findall(
        r"(?<![\w./-])truto-usage ((?:load|report|check|allocate|focus|accounts|reports)\b[^\n|;&#]*)", code
    )
    return [shlex.split(line.partition(" < ")[0]) for line in said]


@pytest.mark.parametrize("name", sorted({name for name, _, language, _ in BLOCKS if language in ("python", "sql")}))
def test_the_code_of_a_page_runs_from_top_to_bottom(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"tu": tu, "pl": pl}
    for language, code in blocks(PAGES[name]):
        other = RUN_BY.get((name, language))
        if other is not None:
            assert Path(name).stem in (ROOT / "tests" / other).read_text(encoding="utf-8")
        elif language == "python" and not NEEDS.match(code):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", tu.UsageWarning)
                exec(compile(code, name, "exec"), names)
        elif language == "sql":
            run_on_focus(code)


def run_on_focus(query: str) -> None:
    import duckdb

    with errors.hearing():
        focus = tu.to_focus(tu.sandbox().load_usage("cursor", period="2026-10-05"))
    assert duckdb.sql(query).fetchall(), focus.height


@pytest.mark.parametrize(
    ("name", "code"), [(name, code) for name, _, language, code in BLOCKS if language == "console"], ids=str
)
def test_a_command_runs_or_says_what_it_needs(
    name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if NEEDS.match(code) or (name, "console") in RUN_BY:
        return
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    for said in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        line, _, answer = said.partition("\n")
        words = shlex.split(line, comments=True)
        if words[0] == "truto-usage":
            assert main(words[1:]) == 0, line
            shown = capsys.readouterr().out
        else:
            assert words[0] == "python", f"{name}: {line} is run by nothing here; say what it needs"
            run = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)
            shown = run.stdout
        assert shown.startswith(answer.strip())


def test_an_unmarked_block_is_noticed() -> None:
    assert NEEDS.match("# needs: Spark\nspark.read\n")
    assert not NEEDS.match("spark.read\n")
    assert blocks("```python\nx\n```\n\n```{toctree}\na\n```\n\n```\nls\n```\n") == [("python", "x\n"), ("", "ls\n")]


# The reference --------------------------------------------------------------------------------------------------------


def test_the_reference_has_every_public_name_with_something_to_say() -> None:
    pages = face.pages()
    told = "\n".join(pages.values())
    names = {name for name in tu.__all__ if name not in (*tu._MODULES, "__version__")}
    names |= {f"{module}.{name}" for module in tu._MODULES for name in getattr(tu, module).__all__}
    for name in names:
        assert re.search(rf"^:+\{{py:\w+\}} (errors\.)?{re.escape(name)}\b", told, re.MULTILINE), name
    assert set(pages) == set(face.TITLES), "a room without a title, or a title without a room"
    for name in face.public() - set(tu._MODULES):
        assert face.about(name).strip(), name


def test_a_docstring_becomes_markdown_whose_examples_are_blocks_and_whose_names_lead_somewhere() -> None:
    text = face.markdown("See `cost_per`, `tu.plots`, `x`.\n\n>>> 1\n1\n\n>>> 2\n2")
    assert "{py:obj}`cost_per <truto_usage_nb.cost_per>`, `tu.plots`, `x`." in text
    assert text.count("```pycon") == 2
    assert text.count("```") == 4


def test_the_tables_of_the_reference_hold_what_the_code_holds() -> None:
    parameters = tables.parameters()
    assert all(f"| `{name}` |" in parameters for name in tu.PARAMETERS)
    line = next(line for line in parameters.splitlines() if line.startswith("| `granularity` |"))
    honours = [each.label for each in INTEGRATIONS.values() if "granularity" in each.honours]
    assert all(label in line for label in honours)
    assert all(each.label in tables.integrations() for each in INTEGRATIONS.values())
    assert all(f"`{one.name}`" in tables.series() for each in INTEGRATIONS.values() for one in each.series)
    assert all(f"| `{each.name}` |" in tables.focus() for each in COLUMNS)
    assert all(f"truto-usage {name}" in tables.commands() for name in ("load", "report", "check", "allocate", "focus"))
    assert "| `75` |" in tables.commands()


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name.endswith("Error")])
def test_an_error_says_what_happened_and_what_to_do(name: str) -> None:
    said, _, remedy = (inspect.getdoc(getattr(errors, name)) or "").partition("\n\nWhat to do: ")
    assert said.strip()
    assert remedy.strip().endswith("."), f"errors.{name} says no remedy: 'What to do: …'"
    assert f"{name}" in tables.problems()


# The site -------------------------------------------------------------------------------------------------------------


def test_what_a_page_fetches_from_elsewhere_or_links_to_in_vain_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">x</a><a href="b.html#gone">y</a><a href="https://example.com">z</a><h2 id="up"></h2>'
        '<a href="#up">u</a><img src="data:image/png;base64,x"><script src="https://cdn.example.com/x.js"></script>'
        '<link rel="stylesheet" href="//cdn.example.com/x.css"><img src="missing.png">',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<h1 id="here"></h1>', encoding="utf-8")
    (tmp_path / "c.css").write_text("@font-face { src: url(https://fonts.example.com/f.woff2) }", encoding="utf-8")
    assert checking.problems(tmp_path) == [
        "c.css fetches https://fonts.example.com/f.woff2",
        "a.html fetches https://cdn.example.com/x.js",
        "a.html fetches //cdn.example.com/x.css",
        "a.html lacks missing.png",
        "a.html links to b.html#gone, which is not there",
    ]


def test_every_link_between_pages_leads_somewhere() -> None:
    for name, text in PAGES.items():
        page = ROOT / name
        for target, mark in re.findall(r"\]\(([^)#:\s]*)(#[^)]*)?\)", text):
            there = (page.parent / target).resolve() if target else page
            if "reference/api" in target or "/tutorials/0" in target:
                continue  # brought in by the build, which checks them
            assert there.exists(), (name, target)
            if mark and there.suffix == ".md":
                heads = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
                marks = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
                assert mark[1:] in marks, (name, target, mark)


def test_every_page_is_reached_from_the_start_page() -> None:
    trees = {
        (DOCS / name).relative_to(ROOT).parent / entry
        for name in (path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)
        for entry in re.findall(r"^(?!:)(\S+)$", tree, re.MULTILINE)
    }
    reached = {(ROOT / entry).resolve().with_suffix(".md") for entry in trees}
    for name in PAGES:
        path = ROOT / name
        assert path in reached or path.parent == ROOT or name == "docs/index.md", name


def test_a_page_that_stands_for_code_is_read_at_every_build() -> None:
    names = bringing.standing_for_others()
    assert {"index", "reference/errors", "reference/columns", "howto/month_end", "project/changelog"} <= set(names)
    assert "howto/real_account" not in names


def test_drawings_take_the_readers_light_or_dark() -> None:
    for path in (DOCS / "images").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert "prefers-color-scheme: dark" in text, path.name
        assert "--ink" in text, path.name
        assert not re.search(r'(fill|stroke)="#', text), path.name
