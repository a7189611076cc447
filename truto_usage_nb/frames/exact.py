"""Read a page value by value: slow, and nothing is ever lost.

The fast path hands over every page that it cannot prove to have kept whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from truto_usage_nb.frames.jsontext import JsonText, Verbatim, dumps, invalid_body, state
from truto_usage_nb.frames.parsed import (
    MOST_CELLS,
    MOST_PATHS,
    OBJECTS,
    REMOTE_DATA,
    FieldPath,
    Items,
    Layout,
    PageTable,
    Whose,
    document_order,
    dotted,
    most_crowded,
    pack,
    unreadable,
    unusable_key,
)
from truto_usage_nb.schema import EXPANDED

_MOST_CELLS = MOST_CELLS // 4  # a list takes more room than a Series


def read_exactly(content: bytes, layout: Layout, account: str | None = None) -> PageTable:
    """Give the columns of a JSON array of records; `account` is whose they are, for errors to say.

    Raises `ProtocolError` for a body that is not JSON as documented, `UnreadableValueError` for a documented list
    that is none, for a key that no column can be named by, and for more keys than a frame can have columns.
    """
    scanner = JsonText(content.decode("utf-8", "surrogatepass"))
    records: list[dict[str, Any]] = []

    def record(start: int) -> int:
        made, end = _record(scanner, start, layout)
        records.append(made)
        return end

    scanner.array(0, record)
    return _tabulate(records, layout, _MOST_CELLS + len(content), account)


def _record(scanner: JsonText, start: int, layout: Layout) -> tuple[dict[str, Any], int]:
    """Read one record; its `remote_data` stays the text it is."""
    made: dict[str, Any] = {}

    def member(key: str, at: int) -> int:
        verbatim = layout.documented and key == REMOTE_DATA[0]
        value, end = scanner.value(at, careful=not verbatim)
        if verbatim and value is not None:
            value = Verbatim(scanner.text[at:end])
        try:
            state(made, key, value)
        except ValueError as error:
            raise invalid_body(str(error)) from None
        return end

    end = scanner.object(start, member)
    return made, end


def _tabulate(records: list[dict[str, Any]], layout: Layout, cells: int, account: str | None) -> PageTable:
    owners = [Whose(_id(record, number), account) for number, record in enumerate(records, 1)]
    sheet = _filled(records, owners.__getitem__, layout, cells)
    table = sheet.table()
    for name, lists in sheet.lists.items():
        items = _items(name, lists, owners, cells)
        table.lists[name] = items
        table.as_text |= {(name, *path) for path in items.table.as_text}
    return table


def _id(record: dict[str, Any], number: int) -> object:
    found = record.get("id")
    return f"number {number}" if found is None else found


def _items(name: str, lists: list[list[Any] | None], owners: list[Whose], cells: int) -> Items:
    """Set the items of a list column one below the other."""
    items: list[dict[str, Any]] = []
    whose: list[Whose] = []
    for owner, each in zip(owners, lists, strict=True):
        for item in each or ():
            if item is not None and not isinstance(item, dict):
                raise unreadable(owner, name, item, f"an item of `{name}` is an object")
            items.append(item or {})
            whose.append(owner)
    lengths = pl.Series([None if each is None else len(each) for each in lists], dtype=pl.Int64)
    return Items(lengths, _filled(items, whose.__getitem__, None, cells, within=(name,)).table())


def _filled(
    rows: list[dict[str, Any]], owner: Callable[[int], Whose], layout: Layout | None, cells: int, within: FieldPath = ()
) -> _Sheet:
    """Lay rows out by path; an object with so many keys that it must be a map of sorts is kept as JSON text."""
    as_text: set[FieldPath] = set()
    while True:
        sheet = _Sheet(len(rows), layout, owner=owner, within=within, as_text=as_text, cells=cells)
        try:
            for row, record in enumerate(rows):
                sheet.fill(record, row, ())
        except _Crowded as crowded:
            map_of_sorts = most_crowded(sheet.paths(), OBJECTS if layout and layout.documented else ())
            if map_of_sorts is None:
                raise _too_many(owner(crowded.row), (*within, *crowded.path)) from None
            as_text.add(map_of_sorts)
        else:
            return sheet


def _too_many(whose: Whose, path: FieldPath) -> Exception:
    why = f"the records of one answer have more than {MOST_PATHS:,} different keys, or more rows than there is room for"
    return unreadable(whose, dotted(path), path[-1], f"that is a key, and {why}")


class _Crowded(Exception):
    """There are more paths than a page can have columns; `path` is one too many, in a row."""

    def __init__(self, row: int, path: FieldPath) -> None:
        super().__init__(path)
        self.row, self.path = row, path


class _Sheet:
    """Collect values by path, row by row."""

    def __init__(
        self,
        height: int,
        layout: Layout | None,
        *,
        owner: Callable[[int], Whose],
        within: FieldPath,
        as_text: set[FieldPath],
        cells: int,
    ) -> None:
        self.height = height
        self.layout = layout
        self.lists: dict[str, list[list[Any] | None]] = {}
        self._owner = owner
        self._within = within
        self._as_text = as_text
        self._most = min(MOST_PATHS, cells // max(height, 1))
        self._columns: dict[FieldPath, list[Any]] = {}
        self._objects: set[FieldPath] = set()

    def fill(self, node: dict[str, Any], row: int, prefix: FieldPath) -> None:
        """Write a node's values into their columns, under the paths that start with `prefix`."""
        for key, value in node.items():
            path = (*prefix, key)
            if self.layout is not None and self.layout.leaves_out(path):
                continue
            if self._is_list_column(path):
                self._keep_list(key, value, row)
            elif isinstance(value, dict) and not (value and path in self._as_text):
                self._objects.add(path)
                self._column(path, row)
                self.fill(value, row, path)
            else:
                self._column(path, row)[row] = Verbatim(dumps(value)) if isinstance(value, list | dict) else value

    def paths(self) -> list[FieldPath]:
        """Give the paths so far."""
        return list(self._columns)

    def table(self) -> PageTable:
        """Give what was collected, in document order."""
        table = PageTable(self.height, dict.fromkeys(self._columns), self._objects, as_text=self._as_text)
        table.columns = {path: pack(self._columns[path]) for path in document_order([table])}
        return table

    def _column(self, path: FieldPath, row: int) -> list[Any]:
        found = self._columns.get(path)
        if found is None:
            if problem := unusable_key(self._owner(row), (*self._within, *path)):
                raise problem
            if len(self._columns) >= self._most:
                raise _Crowded(row, path)
            found = self._columns[path] = [None] * self.height
        return found

    def _is_list_column(self, path: FieldPath) -> bool:
        return self.layout is not None and self.layout.documented and len(path) == 1 and path[0] in EXPANDED

    def _keep_list(self, name: str, value: Any, row: int) -> None:
        if value is not None and not isinstance(value, list):
            raise unreadable(self._owner(row), name, value, f"`{name}` is a list of objects")
        self.lists.setdefault(name, [None] * self.height)[row] = value
