"""`remote_data`, the provider's own row: kept as the text it is, and out of the way of everything else."""

from __future__ import annotations

import re

import polars as pl

from truto_usage_nb.frames.jsontext import Scanner
from truto_usage_nb.frames.parts import Path, Table, nulls

REMOTE: Path = ("remote_data",)

_KEY = re.compile(r'(?<!\\)"remote_data"\s*:\s*')


def cut_remote(text: str) -> tuple[str, list[str]]:
    """Give the text with `true` in the place of each `remote_data`, and what stood there; a null stays.

    Raises `ProtocolError` where no JSON value follows the key.
    """
    scanner = Scanner(text)
    kept: list[str] = []
    cut: list[str] = []
    at = 0
    while (found := _KEY.search(text, at)) is not None:
        value, end = scanner.value(found.end(), careful=False)
        kept.append(text[at : found.end()])
        kept.append("null" if value is None else "true")
        if value is not None:
            cut.append(text[found.end() : end])
        at = end
    kept.append(text[at:])
    return "".join(kept), cut


def is_nested(table: Table) -> bool:
    """Tell whether something of the same name stands inside an object or a list: then more was cut than should be."""
    tables = (table, *(items.table for items in table.lists.values()))
    return any(path[-1] == REMOTE[0] and path != REMOTE for each in tables for path in each.columns) or any(
        REMOTE in each.columns for each in tables[1:]
    )


def put_back(table: Table, cut: list[str]) -> bool:
    """Put what was cut out into its column; False where that does not come out even."""
    mark = table.columns.get(REMOTE)
    if mark is None:
        return not cut
    if not isinstance(mark, pl.Series) or mark.dtype != pl.Boolean or mark.len() - mark.null_count() != len(cut):
        return False
    rows = mark.is_not_null().arg_true()
    table.columns[REMOTE] = nulls(mark.len(), pl.String).scatter(rows, pl.Series(cut))
    return True
