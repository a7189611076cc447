"""Every example of the public face runs where it is pasted: it names nothing that it does not bring along."""

from __future__ import annotations

import ast
import builtins
import doctest
import inspect

import pytest

import truto_usage_nb as tu
from truto_usage_nb import errors, plots


def face():
    """What has a docstring on the public face: by its name, the object that holds it."""
    found = {name: getattr(tu, name) for name in tu.__all__ if name not in tu._MODULES}
    found |= {f"plots.{name}": getattr(plots, name) for name in plots.__all__}
    found |= {f"errors.{name}": getattr(errors, name) for name in errors.__all__}
    for name, one in list(found.items()):
        if inspect.isclass(one):
            own = {key for kind in inspect.getmro(one) if kind.__module__.startswith("truto") for key in vars(kind)}
            found |= {f"{name}.{key}": inspect.getattr_static(one, key) for key in own if not key.startswith("_")}
    return {name: one for name, one in found.items() if ">>>" in (inspect.getdoc(one) or "")}


FACE = face()


class Names(ast.NodeVisitor):
    """Tell the names that code reads and has not bound by then."""

    def __init__(self):
        self.bound, self.unbound = set(dir(builtins)), []

    def visit_Import(self, node):
        self.bound |= {(each.asname or each.name).split(".")[0] for each in node.names}

    visit_ImportFrom = visit_Import

    def visit_arg(self, node):
        self.bound.add(node.arg)

    def visit_FunctionDef(self, node):
        self.bound.add(node.name)
        self.generic_visit(node)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Store):
            self.bound.add(node.id)
        elif node.id not in self.bound:
            self.unbound.append(node.id)


def unbound(text):
    names = Names()
    for example in doctest.DocTestParser().get_examples(text):
        tree = ast.parse(example.source)
        for node in ast.walk(tree):  # what a comprehension binds stands behind what reads it
            if isinstance(node, ast.comprehension):
                names.visit(node.target)
        names.visit(tree)
    return names.unbound


@pytest.mark.parametrize("name", sorted(FACE))
def test_an_example_names_nothing_that_it_does_not_bring_along(name):
    assert unbound(inspect.getdoc(FACE[name])) == []


def test_an_example_that_needs_its_module_is_noticed():
    assert unbound(">>> cost_per(usage)\n1") == ["cost_per", "usage"]
    assert unbound(">>> import truto_usage_nb as tu\n>>> [tu.x for x in tu.y]\n1") == []


@pytest.mark.parametrize("name", sorted(FACE))
def test_an_example_calls_the_face_by_one_name(name):
    """Public names are read off `tu`, so that an example can be pasted beside any other."""
    text = inspect.getdoc(FACE[name])
    sources = [example.source for example in doctest.DocTestParser().get_examples(text)]
    assert not [source for source in sources if "from truto_usage_nb" in source]
    assert any("truto_usage_nb as tu" in source for source in sources)


def test_most_of_the_face_has_an_example():
    functions = {name for name in tu.__all__ if inspect.isfunction(getattr(tu, name))}
    assert functions - set(FACE) <= {"afetch_usage", "ascan_usage", "allow_nested_asyncio"}
