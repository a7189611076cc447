"""Read a page value by value: slow, and nothing is ever lost.

The fast path hands over every page that it cannot prove to have kept whole.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from truto_usage_nb.frames.jsontext import Scanner, Verbatim, dumps, invalid, state
from truto_usage_nb.frames.parts import Items, Layout, Path, Table, document_order, pack, unreadable
from truto_usage_nb.schema import EXPANDED

_REMOTE = "remote_data"


def walk(content: bytes, layout: Layout) -> Table:
    """Give the columns of a JSON array of records.

    Raises `ProtocolError` for a body that is not JSON as documented, `UnreadableValueError` for a documented list
    that is none.
    """
    scanner = Scanner(content.decode("utf-8", "surrogatepass"))
    records: list[dict[str, Any]] = []

    def record(start: int) -> int:
        made, end = _record(scanner, start, layout)
        records.append(made)
        return end

    scanner.array(0, record)
    return _tabulate(records, layout)


def _record(scanner: Scanner, start: int, layout: Layout) -> tuple[dict[str, Any], int]:
    """Read one record; its `remote_data` stays the text it is."""
    made: dict[str, Any] = {}

    def member(key: str, at: int) -> int:
        verbatim = layout.documented and key == _REMOTE
        value, end = scanner.value(at, careful=not verbatim)
        if verbatim and value is not None:
            value = Verbatim(scanner.text[at:end])
        try:
            state(made, key, value)
        except ValueError as error:
            raise invalid(str(error)) from None
        return end

    end = scanner.object(start, member)
    return made, end


def _tabulate(records: list[dict[str, Any]], layout: Layout) -> Table:
    sheet = _Sheet(len(records), layout)
    for row, record in enumerate(records):
        sheet.fill(record, row, ())
    table = sheet.table()
    for name, lists in sheet.lists.items():
        table.lists[name] = _items(name, lists, records)
    return table


def _items(name: str, lists: list[list[Any] | None], records: list[dict[str, Any]]) -> Items:
    """Set the items of a list column one below the other."""
    sheet = _Sheet(sum(len(each) for each in lists if each is not None), None)
    row = 0
    for record, each in zip(records, lists, strict=True):
        for item in each or ():
            if item is not None and not isinstance(item, dict):
                raise unreadable(record.get("id"), name, item, f"an item of `{name}` is an object")
            sheet.fill(item or {}, row, ())
            row += 1
    lengths = pl.Series([None if each is None else len(each) for each in lists], dtype=pl.Int64)
    return Items(lengths, sheet.table())


class _Sheet:
    """Collect values by path, row by row."""

    def __init__(self, height: int, layout: Layout | None) -> None:
        self.height = height
        self.layout = layout
        self.lists: dict[str, list[list[Any] | None]] = {}
        self._columns: dict[Path, list[Any]] = {}
        self._objects: set[Path] = set()

    def fill(self, node: dict[str, Any], row: int, prefix: Path) -> None:
        """Write a node's values into their columns, under the paths that start with `prefix`."""
        for key, value in node.items():
            path = (*prefix, key)
            if self.layout is not None and self.layout.leaves_out(path):
                continue
            if self._is_list_column(path):
                self._keep_list(key, value, row, node)
            elif isinstance(value, dict):
                self._objects.add(path)
                self._column(path)
                self.fill(value, row, path)
            else:
                self._column(path)[row] = Verbatim(dumps(value)) if isinstance(value, list) else value

    def table(self) -> Table:
        """Give what was collected, in document order."""
        table = Table(self.height, dict.fromkeys(self._columns), self._objects)
        table.columns = {path: pack(self._columns[path]) for path in document_order([table])}
        return table

    def _column(self, path: Path) -> list[Any]:
        found = self._columns.get(path)
        if found is None:
            found = self._columns[path] = [None] * self.height
        return found

    def _is_list_column(self, path: Path) -> bool:
        return self.layout is not None and self.layout.documented and len(path) == 1 and path[0] in EXPANDED

    def _keep_list(self, name: str, value: Any, row: int, record: dict[str, Any]) -> None:
        if value is not None and not isinstance(value, list):
            raise unreadable(record.get("id"), name, value, f"`{name}` is a list of objects")
        self.lists.setdefault(name, [None] * self.height)[row] = value
