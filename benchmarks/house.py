"""What the library measures: files, lines of code, functions, who imports whom, and names that mean two things.

    python benchmarks/house.py            # the table
    python benchmarks/house.py --names    # and every public name that several modules define

Code is what the tokenizer finds without blank lines, comments and docstrings; templates and tables in files of their
own count by their lines. A name is public where it has no underscore in front and stands at the top of a module. Names
that one declared protocol asks of every vendor are no second meaning, nor is the chart or the part of a report that
shows a thing and bears its name (`plots.pace` draws `pace`), nor the constant of a column, which is its name.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent / "truto_usage_nb"
DATA = {".json", ".toml", ".yml", ".yaml", ".css", ".js", ".j2", ".csv", ".tpl"}
LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENCODING}
A_MODULE_A_VENDOR = ("vendors", "sandbox.vendors", "direct.vendors")
"""Packages with a module a vendor: each holds what one protocol asks of all."""
COMMAND_LINE = {"main"}
NAMED = {"columns"}
"""Modules whose names are texts: a column's."""
SHOWN = ("plots", "reports.parts")
"""Packages whose public functions show a thing, under its name."""


def main() -> int:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--names", action="store_true")
    chosen = arguments.parse_args()
    modules = {_name(path): path for path in sorted(ROOT.rglob("*.py"))}
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in modules.items()}
    data = [path for path in ROOT.rglob("*") if path.suffix in DATA]
    texts = {name: path.read_text(encoding="utf-8") for name, path in modules.items()}
    code = {name: code_lines(text, trees[name]) for name, text in texts.items()}
    lengths = sorted(length for tree in trees.values() for length in function_lines(tree))
    importers = importers_of(trees)
    alone = [name for name, who in importers.items() if len(who) == 1]
    twice = names_of_several(trees)
    comments = sum(_comments(text) for text in texts.values())
    rows = [
        ("Python files", len(modules)),
        ("lines of code", sum(code.values())),
        ("lines of templates and tables", sum(len(path.read_text(encoding="utf-8").splitlines()) for path in data)),
        ("all lines", sum(len(text.splitlines()) for text in texts.values())),
        ("comments a hundred lines of code", round(100 * comments / sum(code.values()), 1)),
        ("function, median lines", statistics.median(lengths)),
        ("function, 95th in a hundred", lengths[int(0.95 * len(lengths))]),
        ("function, longest", lengths[-1]),
        ("file of code, median lines", statistics.median(code.values())),
        ("file of code, longest", max(code.values())),
        ("modules with one importer", len(alone)),
        ("public names that several modules define", len(twice)),
    ]
    for title, figure in rows:
        print(f"{title:<44} {figure:>10,}")
    if chosen.names:
        for name, where in sorted(twice.items()):
            print(f"{name}: {', '.join(where)}")
    return 0


def code_lines(text: str, tree: ast.Module) -> int:
    """Count the lines that hold code."""
    documented = {line for node in ast.walk(tree) for line in _docstring(node)}
    held: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT and token.type != tokenize.ENDMARKER:
            held.update(range(token.start[0], token.end[0] + 1))
    return len(held - documented)


def _docstring(node: ast.AST) -> range:
    body = getattr(node, "body", None)
    for one in body if isinstance(body, list) else ():
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str):
            return range(one.lineno, (one.end_lineno or one.lineno) + 1)
        break
    return range(0)


def _comments(text: str) -> int:
    return sum(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(text).readline))


def function_lines(tree: ast.Module) -> Iterator[int]:
    """Give the length of every function without its docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1 - len(_docstring(node))


def importers_of(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Give, for each module that is no package, the modules that import it."""
    found: dict[str, set[str]] = {name: set() for name in trees if not name.endswith("__")}
    for name, tree in trees.items():
        for node in ast.walk(tree):
            for one in _imported(node):
                if one in found and one != name:
                    found[one].add(name)
    return found


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(ROOT.name):
        inside = node.module.removeprefix(ROOT.name).lstrip(".")
        yield inside
        yield from (f"{inside}.{alias.name}".lstrip(".") for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from (alias.name.removeprefix(f"{ROOT.name}.") for alias in node.names)


def names_of_several(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Give the public names that several modules define, with those modules."""
    found: dict[str, list[str]] = defaultdict(list)
    for module in trees.keys() - NAMED:
        for name in {name for node in trees[module].body for name in _defined(node) if not name.startswith("_")}:
            found[name].append(module)
    asked = {name for tree in trees.values() for name in _asked(tree)}
    shows = {(package, name) for package in SHOWN for name in _faces(trees[package])}
    things = {
        name: {_vendors(one, name, asked) for one in where if (_package(one), name) not in shows} or {"shown"}
        for name, where in found.items()
    }
    return {name: found[name] for name, which in things.items() if name not in COMMAND_LINE and len(which) > 1}


def _asked(tree: ast.Module) -> Iterator[str]:
    """Give what the protocols of a module ask for."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases):
            yield from (one.name for one in node.body if isinstance(one, ast.FunctionDef))


def _faces(tree: ast.Module) -> Iterator[str]:
    """Give what a package hands out from its modules."""
    yield from (alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names)


def _package(module: str) -> str:
    return module.rpartition(".")[0]


def _vendors(module: str, name: str, asked: set[str]) -> str:
    """Give one word for all vendors' modules where a protocol asks a name of each, else the module's own."""
    package = next((each for each in A_MODULE_A_VENDOR if module.startswith(f"{each}.")), None)
    return module if package is None or name not in asked else f"{package}.*"


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


if __name__ == "__main__":
    sys.exit(main())
