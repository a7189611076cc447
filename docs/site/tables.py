"""Write the tables of the reference from the code that they describe: columns, parameters, errors, commands, FOCUS."""

from __future__ import annotations

import argparse
import inspect
import os
import re
from collections.abc import Iterable

import truto_usage_nb as tu
from docs.site.face import linked
from truto_usage_nb import errors
from truto_usage_nb.cli import codes
from truto_usage_nb.cli.options import parser
from truto_usage_nb.focus.columns import COLUMNS
from truto_usage_nb.integrations import INTEGRATIONS


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Give a Markdown table; what would end a cell is escaped."""
    lines = [list(head), ["---"] * len(list(head)), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def columns() -> str:
    return tu.data_dictionary()


def parameters() -> str:
    """Give the parameters of the endpoint, and who honours each."""
    everybody = set(INTEGRATIONS)
    rows = []
    for each in tu.PARAMETERS.values():
        who = set(each.integrations)
        who_of = (
            "all" if who == everybody else ", ".join(INTEGRATIONS[name].label for name in INTEGRATIONS if name in who)
        )
        takes = " ".join(f"`{one}`" for one in each.allowed) or each.kind
        rows.append([f"`{each.name}`", takes, who_of or "none", each.help])
    return table(("parameter", "takes", "honoured by", "meaning"), rows)


def integrations() -> str:
    """Give what the library knows of each integration: windows, lateness, what its invoice holds beyond its API."""
    rows = []
    for each in INTEGRATIONS.values():
        window = each.window
        asked = window.grain if window.grain != "range" else f"a range of at most {window.days} days"
        kept = "not stated" if each.keeps_days is None else f"{each.keeps_days} days"
        final = f"{each.late.days * 24 + each.late.seconds // 3600} hours after a record's end"
        if getattr(each, "settle_day", None):
            final = f"on day {each.settle_day} of the following month"
        rows.append([f"**{each.label}** (`{each.name}`)", asked, kept, final, each.beyond])
    return table(("integration", "a request asks for", "data is kept", "figures are final", "in no record"), rows)


def series() -> str:
    """Give the series of each integration: what it states, and whether its money is a bill."""
    rows = [
        [each.label, f"`{one.name}`", ", ".join(sorted(one.states)), one.basis, one.meaning]
        for each in INTEGRATIONS.values()
        for one in each.series
    ]
    return table(("integration", "series", "states", "its money is", "meaning"), rows)


def problems() -> str:
    """Give every error with what it means and what to do about it, and the tree in which they stand."""
    rows = []
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, errors.UsageError):
            said, _, remedy = (inspect.getdoc(kind) or "").partition("\n\nWhat to do: ")
            to_do = remedy.partition("\n\n")[0]
            link = f"{{py:obj}}`{name} <truto_usage_nb.errors.{name}>`"
            rows.append([link, flat(said), flat(to_do[:1].upper() + to_do[1:])])
    tree = re.search(r"^    UsageError\n(?:    .*\n)+", errors.__doc__ or "", re.MULTILINE)
    drawn = re.sub(r"^    ", "", tree[0] if tree else "", flags=re.MULTILINE)
    return f"{table(('error', 'what happened', 'what to do'), rows)}\n\n## The tree\n\n```text\n{drawn}```"


def flat(text: str) -> str:
    return linked(" ".join(text.split()), bare=True)


def commands() -> str:
    """Give the help of every command as the shell shows it, and the exit codes."""
    os.environ["COLUMNS"] = "100"  # argparse breaks its lines by the width of a terminal
    top = parser()
    made = next(action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    text = "\n\n".join(
        f"## truto-usage {name}\n\n```text\n{one.format_help()}```"
        for name, one in made.choices.items()
        if one.add_help
    )
    exits = re.findall(r"^(\d+) +(.*)$", codes.__doc__ or "", re.MULTILINE)
    shown = table(("exit code", "what it says"), ([f"`{code}`", said] for code, said in exits))
    return f"```text\n{top.format_help()}```\n\n{text}\n\n## Exit codes\n\n{shown}"


def focus() -> str:
    """Give FOCUS's columns as the check knows them."""
    rows = []
    for each in COLUMNS:
        values = (
            ", ".join(each.allowed) if len(each.allowed) <= 6 else f"{len(each.allowed)} values of the specification"
        )
        versions = " and ".join(each.versions)
        rule = ("must be there" if each.needed else "may be there") + ("" if each.nullable else ", never null")
        written = "written" if each.written else "empty, on request"
        rows.append([f"`{each.name}`", each.type, rule, values, versions, written])
    return table(("column", "type", "rule", "allowed values", "FOCUS", "here"), rows)


TABLES = {
    "columns": columns,
    "parameters": parameters,
    "integrations": integrations,
    "series": series,
    "errors": problems,
    "commands": commands,
    "focus": focus,
}
"""What a page of the reference may ask for with `% table: name` on a line of its own."""
