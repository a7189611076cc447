"""`remote_data`, the provider's own row: kept as the text it is, and out of the way of everything else."""

from __future__ import annotations

import re

import polars as pl

from truto_usage_nb.frames.jsontext import Scanner
from truto_usage_nb.frames.parts import Path, Table

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


def put_back(table: Table, cut: list[str]) -> bool:
    """Put what was cut out into its column; False where some of it did not stand in a record of its own."""
    mark = table.columns.get(REMOTE)
    if any(path[-1] == REMOTE[0] and path != REMOTE for path in table.columns):
        return False
    if mark is None:
        return not cut
    if not isinstance(mark, pl.Series) or mark.dtype != pl.Boolean or mark.len() - mark.null_count() != len(cut):
        return False
    rows = mark.is_not_null().arg_true()
    table.columns[REMOTE] = pl.repeat(None, mark.len(), dtype=pl.String, eager=True).scatter(rows, pl.Series(cut))
    return True
