"""From parsed pages to one frame: every column over all pages, each given its dtype, its name and its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from truto_usage_nb.frames import columns as read
from truto_usage_nb.frames.book import Book
from truto_usage_nb.frames.lists import ListColumn, list_column
from truto_usage_nb.frames.naming import Names, Register
from truto_usage_nb.frames.notes import AS_TEXT, DEEP, NEW_CHARGES, NEW_FIELDS
from truto_usage_nb.frames.openmaps import MAPS, beyond, fold, map_of
from truto_usage_nb.frames.openmaps import MOST_PATHS as MOST_IN_A_MAP
from truto_usage_nb.frames.parts import (
    MOST_PATHS,
    OBJECTS,
    Layout,
    ParsedPage,
    Path,
    dotted,
    most_crowded,
    repeated,
    unreadable,
)
from truto_usage_nb.frames.threads import side_by_side
from truto_usage_nb.frames.wide import wide_charges, wide_resources
from truto_usage_nb.schema import EXPANDED, PROVENANCE, Field, columns

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
    book = Book(pages, documented=layout.documented)
    register = Register() if register is None else register
    made: _Named = {field.column: _provenance(book, field.column, layout) for field in PROVENANCE}
    notes: list[str] = []
    if book.is_cut_short:
        notes.append(DEEP)
    if layout.documented:
        made |= _documented(book, layout, notes, register)
    made |= _others(book, made, register, layout, notes)
    return BuiltFrame(_framed(made, sum(book.heights)), tuple(notes))


def _framed(made: _Named, height: int) -> pl.DataFrame:
    """Set columns side by side."""
    whole = {name: one for name, one in made.items() if isinstance(one, pl.Series)}
    if not whole or not height:
        whole = {
            name: one if isinstance(one, pl.Series) else repeated(one.value, height, one.dtype)
            for name, one in made.items()
        }
    frame = pl.DataFrame([series.alias(name) for name, series in whole.items()])
    same = {name: pl.lit(one.value, dtype=one.dtype) for name, one in made.items() if isinstance(one, _Same)}
    return frame.select(pl.col(name) if name in whole else same[name].alias(name) for name in made)


def _filled(one: _Column, height: int) -> pl.Series:
    return one if isinstance(one, pl.Series) else repeated(one.value, height, one.dtype)


def _lean(series: pl.Series) -> _Column:
    """Give a column, or that it holds nothing but nulls."""
    return _Same(None, series.dtype) if series.len() == series.null_count() else series


def _provenance(book: Book, name: str, layout: Layout) -> _Column:
    """State where each record came from; what the service says of it counts where nothing is known."""
    path = (name,)
    if not (layout.documented and path in book) and (only := book.stated_by_all(name)) is not None:
        return _Same(only[0], pl.String)
    known = book.stated(name)
    if not (layout.documented and path in book):
        return known
    served = read.texts(book.look(path))
    filled = known.fill_null(served)
    if (filled == served).all():  # nulls aside: nothing else is served, so the column says it all
        book.take(path)
    return filled


def _documented(book: Book, layout: Layout, notes: list[str], register: Register) -> _Named:
    fields = columns(remote_data=layout.remote_data, excluded=layout.excluded)[len(PROVENANCE) :]
    names = {field.column for field in fields}
    derived = {field.column for wide in EXPANDED.values() for field in wide}
    rows = sum(book.heights)
    lists = side_by_side({name: partial(_list, book, name) for name in EXPANDED if name in names}, rows)
    plain = {field.column: partial(_plain, book, field) for field in fields if field.column not in {*lists, *derived}}
    found = side_by_side(plain, rows)
    for name, (series, wide, _) in lists.items():
        found |= {name: series} | wide
    made = {field.column: found[field.column] for field in fields}
    new_types = {kind: series for *_, kinds in lists.values() for kind, series in kinds.items()}
    return made | _new_charge_types(new_types, Names(made, register), notes)


def _list(book: Book, name: str) -> tuple[_Column, _Named, _Named]:
    """Give a list column, its wide ones, and one for each type of charge that the documentation does not name."""
    items = list_column(name, book.tables, book.owner)
    if name == "charges":
        _check_types(items, book)
    wide = _WIDE[name](items)
    columns, kinds = ({key: _lean(one) for key, one in some.items()} for some in (wide.columns, wide.new_types))
    return _lean(items.series()), columns, kinds


def _check_types(charges: ListColumn, book: Book) -> None:
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
        raise unreadable(book.owner(charges.rows[row]), "charges.type", types[row], why)


def _plain(book: Book, field: Field) -> _Column:
    return _lean(read.documented(book.take(tuple(field.path.split("."))), field.dtype))


def _new_charge_types(found: _Named, names: Names, notes: list[str]) -> _Named:
    """Give a column to each type of charge that the documentation does not name."""
    if found:
        notes.append(f"{NEW_CHARGES}: {', '.join(found)}")
    return {names.give(("charges", kind)): series for kind, series in found.items()}


def _others(book: Book, made: _Named, register: Register, layout: Layout, notes: list[str]) -> _Named:
    """Give a column to each path that is left: first those of the open maps, sorted, then all others."""
    names, known = Names(made, register), register.names()
    rest = list(book.rest(also_empty=not layout.documented))
    folded: _Named = {}
    for open_map in MAPS if layout.documented else ():
        inside = sorted(path for path in rest if map_of(path) == open_map)
        if surplus := set(beyond(inside, known, open_map)):
            rest = [path for path in rest if path not in surplus]
            stacks = [book.take(path) for path in inside if path in surplus]
            folded[names.give((*open_map, "other"))] = fold(stacks, open_map)
            notes.append(
                f"{dotted(open_map)} has {len(inside)} paths; {MOST_IN_A_MAP} became columns, the other {len(surplus)} "
                f"stand in {next(reversed(folded))} as JSON text"
            )
    crowds = _crowds(book, rest, known, layout)
    apart = set().union(*crowds.values())
    named = {names.give(path): path for path in rest if path not in apart}
    made = _sorted(book, named, folded, layout) | _undocumented(book, named, layout, notes)
    kept = {*crowds, *book.as_text}
    if kept:
        notes.append(f"{AS_TEXT}: {', '.join(sorted(map(dotted, kept)))}")
    return made | {
        names.give((*parent, "other")): fold([book.take(path) for path in paths], parent)
        for parent, paths in crowds.items()
    }


def _crowds(book: Book, rest: Sequence[Path], known: Collection[Path], layout: Layout) -> dict[Path, list[Path]]:
    """Find the objects that must be maps of sorts, so many keys they have; their paths do not become columns.

    Those that are columns of an earlier frame (`known`) stay so.
    """
    left = [path for path in rest if path not in known and not (layout.documented and map_of(path))]
    room = max(0, MOST_PATHS - sum(1 for path in known if not (layout.documented and map_of(path))))
    found: dict[Path, list[Path]] = {}
    while len(left) > room:
        parent = most_crowded(left, OBJECTS if layout.documented else ())
        if parent is None:
            path, why = left[room], f"a frame has room for {MOST_PATHS:,} columns that nobody documented"
            raise unreadable(book.first(path), dotted(path), path[-1], f"that is a key, and {why}")
        found[parent] = [path for path in left if path[: len(parent)] == parent and len(path) > len(parent)]
        left = [path for path in left if path[: len(parent)] != parent or len(path) == len(parent)]
    return found


def _sorted(book: Book, named: dict[str, Path], folded: _Named, layout: Layout) -> _Named:
    """Give the columns of the open maps, by name."""
    inside = {name: path for name, path in named.items() if layout.documented and map_of(path)}
    made = side_by_side({name: partial(_open, book, path) for name, path in inside.items()}, sum(book.heights))
    return dict(sorted((folded | made).items()))


def _open(book: Book, path: Path) -> _Column:
    return _lean(read.open_values(book.take(path)))


def _undocumented(book: Book, named: dict[str, Path], layout: Layout, notes: list[str]) -> _Named:
    """Give the columns that the documentation does not name, in document order."""
    outside = {name: path for name, path in named.items() if not (layout.documented and map_of(path))}
    if outside and layout.documented:
        fields = ", ".join(dotted(path) for path in outside.values())
        notes.append(f"{NEW_FIELDS}: {fields}")
    return {name: _lean(read.free(book.take(path))) for name, path in outside.items()}
