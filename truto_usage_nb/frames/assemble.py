"""From parsed pages to one frame: every column over all pages, each given its dtype, its name and its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import polars as pl

from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.frames.column_names import MAPS, MOST_IN_A_MAP, Names, Register, beyond, folded_to_json, map_of
from truto_usage_nb.frames.dtypes import documented_column, free_column, open_map_column, text_column
from truto_usage_nb.frames.list_columns import ListColumn, list_column, wide_charges, wide_resources
from truto_usage_nb.frames.parsed import (
    MOST_PATHS,
    OBJECTS,
    ColumnPart,
    ColumnParts,
    FieldPath,
    Layout,
    ParsedPage,
    Whose,
    document_order,
    dotted,
    most_crowded,
    repeated_value,
    unreadable,
)
from truto_usage_nb.schema import EXPANDED, PROVENANCE, SCHEMA, Field
from truto_usage_nb.schema import columns as schema_columns

if TYPE_CHECKING:
    import pandas as pd

NEW_FIELDS = "fields that the documentation does not name became columns"
AS_TEXT = "objects with more keys than there is room for as columns are kept as JSON text"
DEEP = "what is nested more than 64 levels deep is kept as JSON text"
NEW_CHARGES = "charge types that the documentation does not name became columns"

_MOST_TYPES = 1000
_WIDE = {"charges": wide_charges, "resources": wide_resources}


class _Same(NamedTuple):
    """A column of one value, which takes no room until somebody changes it."""

    value: str | None
    dtype: Any


_Column: TypeAlias = "pl.Series | _Same"
_Named: TypeAlias = "dict[str, _Column]"


@dataclass(frozen=True, slots=True)
class BuiltFrame:
    """Hold a frame, and what a reader of it should be told."""

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()


def build_frame(pages: Iterable[ParsedPage], layout: Layout, register: Register | None = None) -> BuiltFrame:
    """Set pages below each other in one frame, a row a record, in the order of the pages.

    Provenance comes first, then the documented columns, always all there and in one order, then the paths of the open
    maps, sorted, then what the documentation does not name. The pages are used up: columns are taken out of them as
    the frame grows. With a `register`, paths that had a name in an earlier frame have it in this one too, and the
    limit on an open map's columns counts over all of them. Raises `UnreadableValueError` for a value that its column
    cannot hold without changing it.
    """
    columns = Columns(pages, documented=layout.documented)
    register = Register() if register is None else register
    made: _Named = {field.column: _provenance(columns, field.column, layout) for field in PROVENANCE}
    notes: list[str] = []
    if columns.is_cut_short:
        notes.append(DEEP)
    if layout.documented:
        made |= _documented(columns, layout, notes, register)
    made |= _others(columns, made, register, layout, notes)
    return BuiltFrame(_framed(made, sum(columns.heights)), tuple(notes))


def _framed(made: _Named, height: int) -> pl.DataFrame:
    """Set columns side by side."""
    whole = {name: one for name, one in made.items() if isinstance(one, pl.Series)}
    if not whole or not height:
        whole = {name: _filled(one, height) for name, one in made.items()}
    frame = pl.DataFrame([series.alias(name) for name, series in whole.items()])
    same = {name: pl.lit(one.value, dtype=one.dtype) for name, one in made.items() if isinstance(one, _Same)}
    return frame.select(pl.col(name) if name in whole else same[name].alias(name) for name in made)


def _filled(one: _Column, height: int) -> pl.Series:
    return one if isinstance(one, pl.Series) else repeated_value(one.value, height, one.dtype)


def _lean(series: pl.Series) -> _Column:
    """Give a column, or that it holds nothing but nulls."""
    return _Same(None, series.dtype) if series.len() == series.null_count() else series


def _provenance(columns: Columns, name: str, layout: Layout) -> _Column:
    """State where each record came from; what the service says of it counts where nothing is known."""
    path = (name,)
    if not (layout.documented and path in columns) and (only := columns.stated_by_all(name)) is not None:
        return _Same(only[0], pl.String)
    known = columns.stated(name)
    if not (layout.documented and path in columns):
        return known
    served = text_column(columns.look(path))
    filled = known.fill_null(served)
    if (filled == served).all():  # nulls aside: nothing else is served, so the column says it all
        columns.take(path)
    return filled


def _documented(columns: Columns, layout: Layout, notes: list[str], register: Register) -> _Named:
    fields = schema_columns(remote_data=layout.remote_data, excluded=layout.excluded)[len(PROVENANCE) :]
    names = {field.column for field in fields}
    derived = {field.column for wide in EXPANDED.values() for field in wide}
    rows = sum(columns.heights)
    lists = side_by_side({name: partial(_list, columns, name) for name in EXPANDED if name in names}, rows)
    plain = {
        field.column: partial(_plain, columns, field) for field in fields if field.column not in {*lists, *derived}
    }
    found = side_by_side(plain, rows)
    for name, (series, wide, _) in lists.items():
        found |= {name: series} | wide
    made = {field.column: found[field.column] for field in fields}
    new_types = {kind: series for *_, kinds in lists.values() for kind, series in kinds.items()}
    return made | _new_charge_types(new_types, Names(made, register), notes)


def _list(columns: Columns, name: str) -> tuple[_Column, _Named, _Named]:
    """Give a list column, its wide ones, and one for each type of charge that the documentation does not name."""
    items = list_column(name, columns.tables, columns.owner)
    if name == "charges":
        _check_types(items, columns)
    wide = _WIDE[name](items)
    wides, kinds = ({key: _lean(one) for key, one in some.items()} for some in (wide.columns, wide.new_types))
    return _lean(items.series()), wides, kinds


def _check_types(charges: ListColumn, columns: Columns) -> None:
    """Refuse a type of charge that cannot name a column, and more of them than there can be columns."""
    types = charges.leaves[("type",)]
    known = types.unique(maintain_order=True).drop_nulls()
    row = None
    if known.len() > _MOST_TYPES:
        row = types.index_of(known[_MOST_TYPES])
        why = f"charges are of more than {_MOST_TYPES:,} different types, each of which would be a column"
    elif known.str.contains("\0", literal=True).any():
        row = types.str.contains("\0", literal=True).fill_null(value=False).arg_max()
        why = "the type of a charge names a column, and no column's name holds a NUL"
    if row is not None:
        raise unreadable(columns.owner(charges.rows[row]), "charges.type", types[row], why)


def _plain(columns: Columns, field: Field) -> _Column:
    return _lean(documented_column(columns.take(tuple(field.path.split("."))), field.dtype))


def _new_charge_types(found: _Named, names: Names, notes: list[str]) -> _Named:
    """Give a column to each type of charge that the documentation does not name."""
    if found:
        notes.append(f"{NEW_CHARGES}: {', '.join(found)}")
    return {names.give(("charges", kind)): series for kind, series in found.items()}


def _others(columns: Columns, made: _Named, register: Register, layout: Layout, notes: list[str]) -> _Named:
    """Give a column to each path that is left: first those of the open maps, sorted, then all others."""
    names, known = Names(made, register), register.names()
    rest = list(columns.rest(also_empty=not layout.documented))
    folded: _Named = {}
    for open_map in MAPS if layout.documented else ():
        inside = sorted(path for path in rest if map_of(path) == open_map)
        if surplus := set(beyond(inside, known, open_map)):
            rest = [path for path in rest if path not in surplus]
            stacks = [columns.take(path) for path in inside if path in surplus]
            folded[names.give((*open_map, "other"))] = folded_to_json(stacks, open_map)
            notes.append(
                f"{dotted(open_map)} has {len(inside)} paths; {MOST_IN_A_MAP} became columns, the other {len(surplus)} "
                f"stand in {next(reversed(folded))} as JSON text"
            )
    crowds = _crowds(columns, rest, known, layout)
    apart = set().union(*crowds.values())
    named = {names.give(path): path for path in rest if path not in apart}
    made = _sorted(columns, named, folded, layout) | _undocumented(columns, named, layout, notes)
    kept = {*crowds, *columns.as_text}
    if kept:
        notes.append(f"{AS_TEXT}: {', '.join(sorted(map(dotted, kept)))}")
    return made | {
        names.give((*parent, "other")): folded_to_json([columns.take(path) for path in paths], parent)
        for parent, paths in crowds.items()
    }


def _crowds(
    columns: Columns, rest: Sequence[FieldPath], known: Collection[FieldPath], layout: Layout
) -> dict[FieldPath, list[FieldPath]]:
    """Find the objects that must be maps of sorts, so many keys they have; their paths do not become columns.

    Those that are columns of an earlier frame (`known`) stay so.
    """
    left = [path for path in rest if path not in known and not (layout.documented and map_of(path))]
    room = max(0, MOST_PATHS - sum(1 for path in known if not (layout.documented and map_of(path))))
    found: dict[FieldPath, list[FieldPath]] = {}
    while len(left) > room:
        parent = most_crowded(left, OBJECTS if layout.documented else ())
        if parent is None:
            path, why = left[room], f"a frame has room for {MOST_PATHS:,} columns that nobody documented"
            raise unreadable(columns.first(path), dotted(path), path[-1], f"that is a key, and {why}")
        found[parent] = [path for path in left if path[: len(parent)] == parent and len(path) > len(parent)]
        left = [path for path in left if path[: len(parent)] != parent or len(path) == len(parent)]
    return found


def _sorted(columns: Columns, named: dict[str, FieldPath], folded: _Named, layout: Layout) -> _Named:
    """Give the columns of the open maps, by name."""
    inside = {name: path for name, path in named.items() if layout.documented and map_of(path)}
    made = side_by_side({name: partial(_open, columns, path) for name, path in inside.items()}, sum(columns.heights))
    return dict(sorted((folded | made).items()))


def _open(columns: Columns, path: FieldPath) -> _Column:
    return _lean(open_map_column(columns.take(path)))


def _undocumented(columns: Columns, named: dict[str, FieldPath], layout: Layout, notes: list[str]) -> _Named:
    """Give the columns that the documentation does not name, in document order."""
    outside = {name: path for name, path in named.items() if not (layout.documented and map_of(path))}
    if outside and layout.documented:
        fields = ", ".join(dotted(path) for path in outside.values())
        notes.append(f"{NEW_FIELDS}: {fields}")
    return {name: _lean(free_column(columns.take(path))) for name, path in outside.items()}


def told_once(notes: Iterable[str]) -> list[str]:
    """Set the notes of several frames together: what lists names is said once, with all of them.

    >>> told_once([f"{NEW_FIELDS}: a", f"{NEW_FIELDS}: b, a", "and more"])
    ['fields that the documentation does not name became columns: a, b', 'and more']
    """
    said: dict[str, dict[str, None]] = {}
    for note in notes:
        opening, _, names = note.partition(": ")
        lists = opening in (NEW_FIELDS, NEW_CHARGES, AS_TEXT)
        said.setdefault(opening if lists else note, {}).update(dict.fromkeys(names.split(", ")) if lists else {})
    return [f"{opening}: {', '.join(names)}" if names else opening for opening, names in said.items()]


_DOCUMENTED = [tuple(each.path.split(".")) for each in SCHEMA]


class Columns:
    """Hold the columns of several pages until each is taken, once, so that its parts can go.

    Pages are used up by that: a frame is as large as its pages, and both at once would be twice as much.
    """

    def __init__(self, pages: Iterable[ParsedPage], *, documented: bool) -> None:
        pages = list(pages)
        self.tables = [page.table for page in pages]
        self.heights = [page.height for page in pages]
        self.is_cut_short = any(page.is_cut_short for page in pages)
        """Whether something was nested too deeply, and is kept as JSON text."""
        self.as_text: set[FieldPath] = set().union(*(table.as_text for table in self.tables))
        self._sources = [page.source for page in pages]
        self._order = document_order(self.tables, _DOCUMENTED if documented else ())
        self._objects: set[FieldPath] = set().union(*(table.objects for table in self.tables))
        self._columns: list[dict[FieldPath, ColumnPart]] = [table.columns for table in self.tables]
        self._ids = [table.columns.get(("id",)) for table in self.tables]

    def __contains__(self, path: FieldPath) -> bool:
        return any(page.get(path) is not None for page in self._columns)

    def look(self, path: FieldPath) -> ColumnParts:
        """Give a column, and keep it."""
        return ColumnParts(path, [page.get(path) for page in self._columns], self.heights, self.owner)

    def take(self, path: FieldPath) -> ColumnParts:
        """Give a column, and let go of it."""
        return ColumnParts(path, [page.pop(path, None) for page in self._columns], self.heights, self.owner)

    def rest(self, *, also_empty: bool) -> Iterator[FieldPath]:
        """Give the paths that nobody took, in document order.

        `also_empty`: a path that has nothing but nulls is one too, unless it holds objects elsewhere.
        """
        left = set().union(*self._columns)
        for path in self._order:
            if path in left and (path in self or (also_empty and path not in self._objects)):
                yield path

    def first(self, path: FieldPath) -> Whose:
        """Give the first record that has a value under a path."""
        return self.owner(next((row for row, _ in self.look(path).stated()), 0))

    def stated_by_all(self, name: str) -> tuple[str | None] | None:
        """Give what the sources of all pages state alike for a provenance column; None where they differ."""
        found = {getattr(source, name) for source in self._sources}
        return (found.pop(),) if len(found) == 1 else None

    def stated(self, name: str) -> pl.Series:
        """Give a provenance column as the sources of the pages state it."""
        sources = zip(self._sources, self.heights, strict=True)
        stated = [(getattr(source, name), height) for source, height in sources]
        parts = [
            repeated_value(value, sum(height for _, height in same), pl.String)
            for value, same in groupby(stated, key=itemgetter(0))
        ]
        return pl.concat(parts, rechunk=True) if parts else pl.Series([], dtype=pl.String)

    def owner(self, row: int) -> Whose:
        """Give the record in a row: its id, or, where it has none, its number."""
        number = row + 1
        for ids, height, source in zip(self._ids, self.heights, self._sources, strict=True):
            if row < height:
                found: Any = None if ids is None else ids[row]
                found = found.as_py() if hasattr(found, "as_py") else found  # Arrow's scalars are no values yet
                return Whose(f"number {number}" if found is None else found, source.integrated_account_id)
            row -= height
        return Whose(f"number {number}")


_Made = TypeVar("_Made")
_MOST_THREADS = 4
_WORTH_ROWS = 20_000


def side_by_side(tasks: Mapping[str, Callable[[], _Made]], rows: int) -> dict[str, _Made]:
    """Run the tasks and give their results under their names, in order; the first one's error is raised first.

    polars works outside the interpreter's lock. Columns of few `rows` are made sooner one after the other, the more so
    where others make theirs at the same time.

    >>> side_by_side({"a": lambda: 1, "b": lambda: 2}, rows=2)
    {'a': 1, 'b': 2}
    """
    if rows < _WORTH_ROWS:
        return {name: task() for name, task in tasks.items()}
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="truto-frame") as threads:
        coming = {name: threads.submit(task) for name, task in tasks.items()}
        return {name: future.result() for name, future in coming.items()}


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """Give a frame as pandas holds it without loss: Arrow-backed, so counts with nulls stay whole numbers.

    >>> to_pandas(pl.DataFrame({"usage_requests_total": [1, None]})).dtypes.iloc[0]
    int64[pyarrow]
    """
    refuse_if_cut_off()
    return frame.to_pandas(use_pyarrow_extension_array=True)
