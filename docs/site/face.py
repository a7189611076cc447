"""Write the reference of every public name from its docstring: Markdown, where autodoc reads reStructuredText."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, is_typeddict

import truto_usage_nb as tu

TITLES = {
    "client": ("Loading", "How usage is asked for, and what comes back."),
    "query": ("The query", "What is asked: the endpoint's parameters as a value."),
    "planning": ("Periods", "Which time is asked for."),
    "result": ("Results and snapshots", "A frame with its provenance, and its way to disk and back."),
    "reading": ("Reading from disk", "Pages, NDJSON, snapshots and datasets."),
    "schema": ("The schema", "The record's fields. [The data dictionary](../columns.md) lists them."),
    "columns": ("Column names", "The names of a frame's columns, for an editor to complete."),
    "costs": ("Costs", "The cost rule and its tables. [What a cost is](../../costs.md) explains them."),
    "long_forms": ("Charges and resources", "The lists of a record, a row an item."),
    "questions": ("Questions", "What people ask of a bill. [The rules](../../questions.md) by which it is answered."),
    "allocation": ("Allocation", "Who pays, and what a schedule checks. [How](../../allocation.md)."),
    "focus": ("FOCUS", "Rows, checks and deliveries. [What they mean](../../focus.md)."),
    "spreadsheets": ("Files for people", "Workbooks and CSV."),
    "plots": ("Charts", "`tu.plots`: charts on an `Axes`."),
    "forms": ("Forms", "Widgets for a notebook."),
    "reports": ("Reports", "Notebooks that come with the library, rendered to one HTML page."),
    "direct": ("The direct door", "The vendors' own APIs. [Accounts and keys](../../direct.md)."),
    "sandbox": ("The sandbox", "The whole service embedded."),
    "bridge": ("Notebooks and loops", "For what runs an event loop already."),
    "errors": ("Errors and warnings", "`tu.errors`: what can go wrong. [What to do about it](../errors.md)."),
}
"""What each page is called, and what it is about: by the room of the library, as the face names it."""


def rooms() -> dict[str, list[str]]:
    """Give the public names by their room, as `tu` and its public modules have them: `cost_per`, `plots.seats`."""
    found: dict[str, list[str]] = {room: list(names) for room, names in tu._HOMES.items()}
    for module in tu._MODULES:
        found.setdefault(module, []).extend(f"{module}.{name}" for name in getattr(tu, module).__all__)
    return {room: sorted(set(found[room]) - doubled(found[room])) for room in TITLES if room in found}


def doubled(names: list[str]) -> set[str]:
    """Give what stands on the face and in a public module too: it is told once, in the module."""
    return {name for name in names if "." not in name and f"errors.{name}" in names}


@functools.cache
def public() -> frozenset[str]:
    """Give every public name, as it stands behind `tu.`."""
    return frozenset(name for names in rooms().values() for name in names) | set(tu._MODULES)


def linked(text: str, bare: bool = False) -> str:
    """Let code that names the face lead to its place in the reference; `bare` where the prefix `tu.` may be missing."""

    def link(found: re.Match[str]) -> str:
        code = found[1]
        named = re.match(r"(tu\.)?(\w+(?:\.\w+)?)", code)
        if named is None or not (named[1] or (bare and code == named[2])) or "<" in code:
            return found[0]
        name = next((one for one in (named[2], named[2].split(".")[0], f"errors.{named[2]}") if one in public()), None)
        if name is None or name in tu._MODULES:
            return found[0]
        return f"{{py:obj}}`{code} <truto_usage_nb.{name}>`"

    parts = re.split(r"(^ *(?:`{3,}|:{3,})[^\n]*\n.*?^ *(?:`{3,}|:{3,}) *$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(
        part if number % 2 else re.sub(r"(?<![`}\]\[])`([^`\n]+)`(?![`\]])", link, part)
        for number, part in enumerate(parts)
    )


def pages() -> dict[str, str]:
    """Give the pages, by room."""
    return {room: page(room, names) for room, names in rooms().items()}


def overview() -> str:
    """Give a table of every name with its first sentence, by room."""
    lines = ["| name | what it does |", "|---|---|"]
    for room, names in rooms().items():
        lines.append(f"| **[{TITLES[room][0]}]({room}.md)** | |")
        for name in names if room != "columns" else ():
            said = re.split(r"(?<=[.:])\s", about(name).strip(), maxsplit=1)[0]
            lines.append(f"| {{py:obj}}`{name} <truto_usage_nb.{name}>` | {said.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def about(name: str) -> str:
    one = resolved(name)
    return written(one) if inspect.isroutine(one) or inspect.isclass(one) else constant(name)


def resolved(name: str) -> Any:
    """Give what a public name stands for."""
    one: Any = tu
    for part in name.split("."):
        one = getattr(one, part)
    if inspect.ismodule(one) and name not in tu._MODULES:  # `sandbox`, once its package was imported: both are called
        one = getattr(one, name)
    return one


def page(room: str, names: list[str]) -> str:
    title, about = TITLES[room]
    body = "\n\n".join(described(name) for name in names)
    return f"# {title}\n\n{about}\n\n```{{py:currentmodule}} truto_usage_nb\n```\n\n{body}\n"


def described(name: str) -> str:
    """Give the directive of a public name."""
    one = resolved(name)
    if inspect.isclass(one):
        kind = "exception" if issubclass(one, BaseException) else "class"
        return directive(kind, name, of_class(one), signed(one) if kind == "class" else "", members(one))
    if inspect.isroutine(one):
        return directive("function", name, written(one), signed(one))
    if inspect.ismodule(one):
        return directive("data", name, inspect.getdoc(one) or "")
    return directive("data", name, constant(name))


def directive(kind: str, name: str, text: str, signature: str = "", inner: str = "") -> str:
    depth = "::::" if inner or kind in ("class", "exception") else ":::"
    content = "\n\n".join(filter(None, (text, inner)))
    return f"{depth}{{py:{kind}}} {name}{signature}\n{content}\n{depth}"


def signed(one: Any) -> str:
    """Give the signature as it is written."""
    if is_typeddict(one):
        return ""
    signature = inspect.signature(one)
    taken = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    taken = [each.replace(annotation=AsWritten.of(each.annotation)) for each in taken]
    back = AsWritten.of(signature.return_annotation) if inspect.isroutine(one) else inspect.Signature.empty
    return str(signature.replace(parameters=taken, return_annotation=back))


class AsWritten:
    """An annotation that shows as the code has it, without the quotes of a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    @classmethod
    def of(cls, annotation: Any) -> Any:
        return cls(annotation) if isinstance(annotation, str) else annotation


def written(one: Any) -> str:
    return markdown(inspect.getdoc(one) or "")


def of_class(one: Any) -> str:
    text = written(one) if "__doc__" in vars(one) else ""
    if is_typeddict(one):
        keys = "\n".join(f"- `{key}`: `{kind}`" for key, kind in one.__annotations__.items())
        keys = re.sub(r"ForwardRef\('(.*?)'(?:, .*?)?\)", r"\1", keys)
        text += f"\n\nKeys, each of which may be left out:\n\n{keys}"
    bases = [base.__name__ for base in one.__bases__ if base is not object]
    if issubclass(one, BaseException):
        text += f"\n\nIs {' and '.join(f'`{base}`' for base in bases)}."
        text = linked(text, bare=True)
    return text


def members(one: type) -> str:
    """Give the public methods and properties of a class that are written in this library and have something to say."""
    kinds = (one,) if issubclass(one, BaseException) else inspect.getmro(one)  # an error's are told once, at the root
    own = [kind for kind in kinds if kind.__module__.startswith("truto_usage_nb")]
    held = {name: value for kind in reversed(own) for name, value in vars(kind).items() if not name.startswith("_")}
    return "\n\n".join(found for name, value in sorted(held.items()) for found in member(name, value))


def member(name: str, value: Any) -> Iterator[str]:
    read = getattr(value, "fget", None) or getattr(value, "func", None) if not inspect.isroutine(value) else None
    if read is not None and inspect.getdoc(read):
        yield directive("property", name, written(read))
    elif inspect.isroutine(value) and inspect.getdoc(value):
        plain = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        yield directive("method", name, written(plain), signed(plain))


def constant(name: str) -> str:
    """Give what stands under a constant in the code."""
    if name == "__version__":
        return "The version, stated once."
    module, _, own = name.rpartition(".")
    source = source_of(module or tu._HOME_OF[name])
    found = re.search(rf'^{own}\b[^\n]* = (?:(?!^\S+ ?[:=]).)*?^"""(.*?)"""', source, re.DOTALL | re.MULTILINE)
    return markdown(found[1]) if found else ""


@functools.cache
def source_of(room: str) -> str:
    return inspect.getsource(import_module(f"truto_usage_nb.{room}"))


def markdown(text: str) -> str:
    """Make of a docstring what MyST reads: examples become blocks, and names of the face lead there."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith(">>> ") and not inside:
            inside = True
            lines += ["", "```pycon"]
        elif inside and not line.strip():
            inside = False
            lines.append("```")
        lines.append(line)
    return linked("\n".join([*lines, "```"] if inside else lines), bare=True)
