"""The columns of a dataset: the types that hold what stands in several files, their order, and their names on disk.

Nothing is lost or changed, by the rule of one frame: whole numbers beside fractions are fractions. Where a float cannot
hold one of them exactly, a column that nobody documented is text, as it would be in one frame; a documented count
cannot be, so what brings the fraction is refused. A key of a list's items that has a value in one and an object in
another is two fields, the object's with `_` behind it.

On disk names are distinct without regard to case, and none of them is a folder's: DuckDB and Spark know no case, and
`account` and `month` are what the folders say. A frame keeps its names; a column whose name is taken on disk is kept
under another there, and so is a field of a list's items.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, TypeAlias

import polars as pl

from truto_usage_nb.frames import FieldPath, Types, map_of, merged, on_disk
from truto_usage_nb.schema import columns

Leaf: TypeAlias = tuple[str, ...]
"""A column, or a field inside of it: the column's name, then the keys down to it; items of a list have none."""

COUNTS = frozenset(field.column for field in columns(remote_data=True) if field.dtype in ("Int64", "Float64"))
"""The documented columns that hold numbers."""


def joined_types(one: Types, other: Types) -> Types:
    """Give the columns of both, each of the type that holds both.

    >>> old = {"c": pl.List(pl.Struct({"a": pl.Struct({"b": pl.Int64()})}))}
    >>> joined_types(old, {"c": pl.List(pl.Struct({"a": pl.String()}))})
    {'c': List(Struct({'a': String, 'a_': Struct({'b': Int64})}))}
    """
    return {name: _held_by(one.get(name, _UNKNOWN), other.get(name, _UNKNOWN)) for name in {**one, **other}}


_UNKNOWN = pl.Null()


def _held_by(one: Any, other: Any) -> pl.DataType:
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        return pl.List(_held_by(one.inner, other.inner))
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        made: Types = {}
        for each in (*one.fields, *other.fields):
            _put(made, each.name, each.dtype)
        return pl.Struct(made)
    return merged({"": one}, {"": other})[""]


def _put(fields: Types, key: str, dtype: Any) -> None:
    """Put a field among others; a value has its key, an object that meets one there the key with `_` behind it."""
    there = fields.get(key, _UNKNOWN)
    if not _are_apart(there, dtype):
        fields[key] = _held_by(there, dtype)
    elif isinstance(dtype, pl.Struct):
        _put(fields, f"{key}_", dtype)
    else:
        fields[key] = dtype
        _put(fields, f"{key}_", there)


def _are_apart(one: Any, other: Any) -> bool:
    return pl.Null() not in (one, other) and isinstance(one, pl.Struct) != isinstance(other, pl.Struct)


def aligned(frame: pl.DataFrame, types: Mapping[str, Any]) -> pl.DataFrame:
    """Give a frame whose objects stand under the keys that `joined_types` has given them."""
    made = [
        _moved(pl.col(name), dtype, types[name])
        for name, dtype in frame.schema.items()
        if name in types and _renamed(dtype, types[name]) != dtype
    ]
    return frame.with_columns(made) if made else frame


def _renamed(have: Any, want: Any) -> pl.DataType:
    """Give a type with its fields under their keys in another."""
    if isinstance(have, pl.List) and isinstance(want, pl.List):
        return pl.List(_renamed(have.inner, want.inner))
    if not (isinstance(have, pl.Struct) and isinstance(want, pl.Struct)):
        made: pl.DataType = have
        return made
    keys, wanted = _keys(have, want), {each.name: each.dtype for each in want.fields}
    pairs = zip(keys, have.fields, strict=True)
    return pl.Struct({key: _renamed(each.dtype, wanted.get(key, each.dtype)) for key, each in pairs})


def _keys(have: pl.Struct, want: pl.Struct) -> list[str]:
    wanted, keys = {each.name: each.dtype for each in want.fields}, list[str]()
    for each in have.fields:
        key = each.name
        while key in keys or _are_apart(wanted.get(key, _UNKNOWN), each.dtype):
            key += "_"
        keys.append(key)
    return keys


def _moved(column: pl.Expr, have: Any, want: Any) -> pl.Expr:
    if isinstance(have, pl.List) and isinstance(want, pl.List):
        return column.list.eval(_moved(pl.element(), have.inner, want.inner))
    if not (isinstance(have, pl.Struct) and isinstance(want, pl.Struct)):
        return column
    keys, wanted = _keys(have, want), {each.name: each.dtype for each in want.fields}
    inner = [
        _moved(pl.field(each.name), each.dtype, wanted[key])
        for key, each in zip(keys, have.fields, strict=True)
        if key in wanted and _renamed(each.dtype, wanted[key]) != each.dtype
    ]
    column = column.struct.with_fields(inner) if inner else column
    return column.struct.rename_fields(keys)


def plain_leaf(leaf: Leaf) -> Leaf:
    """Give a place as it is called wherever its objects stand."""
    return (leaf[0], *(key.rstrip("_") for key in leaf[1:]))


def of_type(types: Types, wanted: pl.DataType) -> set[Leaf]:
    """Give the columns, and the fields in them, of a type."""
    return {leaf for name, dtype in types.items() for leaf in _leaves((name,), dtype, wanted)}


def whole_leaves(types: Types) -> set[Leaf]:
    """Give the columns, and the fields in them, that hold whole numbers, by their `plain_leaf` names."""
    return set(map(plain_leaf, of_type(types, pl.Int64())))


def _leaves(path: Leaf, dtype: Any, wanted: pl.DataType) -> Iterator[Leaf]:
    if isinstance(dtype, pl.List):
        yield from _leaves(path, dtype.inner, wanted)
    elif isinstance(dtype, pl.Struct):
        for each in dtype.fields:
            yield from _leaves((*path, each.name), each.dtype, wanted)
    elif dtype == wanted:
        yield path


def as_texts(types: Types, leaves: Collection[Leaf]) -> Types:
    """Give the types with text in some places."""
    return {name: _replaced((name,), dtype, leaves) for name, dtype in types.items()}


def _replaced(path: Leaf, dtype: Any, leaves: Collection[Leaf]) -> pl.DataType:
    if path in leaves and not dtype.is_nested():
        return pl.String()
    if isinstance(dtype, pl.List):
        return pl.List(_replaced(path, dtype.inner, leaves))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({each.name: _replaced((*path, each.name), each.dtype, leaves) for each in dtype.fields})
    made: pl.DataType = dtype
    return made


def inexact(frames: Iterable[pl.DataFrame], leaves: Collection[Leaf]) -> set[Leaf]:
    """Give those places where a frame has a whole number that no float holds exactly."""
    found: set[Leaf] = set()
    for frame in frames:
        for leaf in leaves:
            if leaf not in found and any(_is_inexact(each) for each in _values(frame, leaf)):
                found.add(leaf)
    return found


def _values(frame: pl.DataFrame, leaf: Leaf) -> Iterator[pl.Series]:
    """Give what stands in a place, where it is whole numbers."""
    if leaf[0] not in frame.columns:
        return
    series = frame[leaf[0]]
    for key in (*leaf[1:], None):
        while isinstance(series.dtype, pl.List):
            series = series.explode()
        if key is None:
            break
        if not isinstance(series.dtype, pl.Struct) or key not in {each.name for each in series.dtype.fields}:
            return
        series = series.struct.field(key)
    if series.dtype == pl.Int64():
        yield series.drop_nulls()


def _is_inexact(counts: pl.Series) -> bool:
    back = counts.cast(pl.Float64).cast(pl.Int64, strict=False)
    return not back.eq_missing(counts).all()


def as_counts(frame: pl.DataFrame, types: Types) -> pl.DataFrame:
    """Give a frame with whole numbers where they are wanted and stand as floats without a fraction."""
    back = [name for name, dtype in types.items() if dtype == pl.Int64() and frame.schema.get(name) == pl.Float64()]
    whole = frame.select(pl.col(back).cast(pl.Int64, strict=False))
    back = [name for name in back if whole[name].cast(pl.Float64).eq_missing(frame[name]).all()]
    return frame.with_columns(whole.select(back)) if back else frame


_DOCUMENTED = {field.column: place for place, field in enumerate(columns(remote_data=True))}


def in_order(types: Types, names: dict[FieldPath, str]) -> Types:
    """Set columns in order: the documented ones, new types of charges, open maps by name, all others as they came."""
    paths = {name: path for path, name in names.items()}
    came = {name: place for place, name in enumerate(types)}
    return {name: types[name] for name in sorted(types, key=lambda name: _place(name, paths.get(name), came[name]))}


def _place(name: str, path: FieldPath | None, came: int) -> tuple[int, int, str]:
    if name in _DOCUMENTED:
        return 0, _DOCUMENTED[name], ""
    if path is not None and path[0] == "charges":
        return 1, came, ""
    if path is not None and map_of(path) is not None:
        return 2, 0, name
    return 3, came, ""


FOLDERS = ("account", "month")
_WIDEST_JOINT = 4


def kept_as(
    types: Types, paths: Mapping[FieldPath, str], before: Mapping[str, str], held: Iterable[str]
) -> dict[str, str]:
    """Give the names on disk of the columns that have another one there; what is `held` keeps the name of `before`.

    The first to come has its own name; a later one is joined by `__` at every joint, as two paths of one name are, or
    gets a number.

    >>> types = dict.fromkeys(["ext_r", "ext_R", "Month"], pl.Int64())
    >>> kept_as(types, {("ext", "r"): "ext_r", ("ext", "R"): "ext_R"}, {}, [])
    {'ext_R': 'ext__R', 'Month': 'Month__2'}
    """
    made = {name: before.get(name, name) for name in held if name in types}
    used = {name.casefold() for name in (*FOLDERS, *made.values())}
    natural = {name.casefold() for name in types}
    of = {name: path for path, name in paths.items()}
    for name in types:
        if name in made:
            continue
        chosen = name
        if name.casefold() in used:
            free = (each for each in _others(name, of.get(name, ())) if each.casefold() not in used | natural)
            chosen = next(free)
        made[name] = chosen
        used.add(chosen.casefold())
    return {name: made[name] for name in types if made[name] != name}


def _others(name: str, path: FieldPath) -> Iterator[str]:
    keys = [key.replace(".", "_") for key in path]
    if len(keys) > 1:
        yield from (("_" * width).join(keys) for width in range(2, _WIDEST_JOINT + 1))
    yield from (f"{name}__{number}" for number in count(2))


def stored(types: Types, names: Mapping[str, str] | None) -> list[tuple[str, pl.DataType]]:
    """Give the columns as they stand in a file; `names` None: as an earlier version wrote them, under their own."""
    if names is None:
        return [(name, on_disk(dtype)) for name, dtype in types.items()]
    return [(names.get(name, name), _folded(on_disk(dtype))) for name, dtype in types.items()]


def storing(types: Types, names: Mapping[str, str] | None) -> list[pl.Expr]:
    """Give what makes columns of a frame that has been fitted into those that stand in a file."""
    pairs = zip(types.items(), stored(types, names), strict=True)
    return [_with_fields_of(pl.col(name), on_disk(dtype), kept).alias(as_) for (name, dtype), (as_, kept) in pairs]


def restoring(types: Types, names: Mapping[str, str] | None) -> list[pl.Expr]:
    """Give what makes a frame's columns of those that stand in a file."""
    pairs = zip(types.items(), stored(types, names), strict=True)
    return [_with_fields_of(pl.col(as_), kept, on_disk(dtype)).alias(name) for (name, dtype), (as_, kept) in pairs]


def _folded(dtype: Any) -> pl.DataType:
    """Give a type whose structs' fields are distinct without regard to case: a later one gets `_` behind it."""
    if isinstance(dtype, pl.List):
        return pl.List(_folded(dtype.inner))
    if isinstance(dtype, pl.Struct):
        natural, used = {each.name.casefold() for each in dtype.fields}, set[str]()
        fields: dict[str, pl.DataType] = {}
        for each in dtype.fields:
            name = each.name
            while name.casefold() in used or (name != each.name and name.casefold() in natural):
                name += "_"
            used.add(name.casefold())
            fields[name] = _folded(each.dtype)
        return pl.Struct(fields)
    made: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return made


def _with_fields_of(column: pl.Expr, have: Any, want: Any) -> pl.Expr:
    """Give a column with the fields of its structs named as in another type of the same shape."""
    if have == want:
        return column
    if isinstance(have, pl.List):
        return column.list.eval(_with_fields_of(pl.element(), have.inner, want.inner))
    inner = [
        _with_fields_of(pl.field(one.name), one.dtype, two.dtype)
        for one, two in zip(have.fields, want.fields, strict=True)
        if one.dtype != two.dtype
    ]
    column = column.struct.with_fields(inner) if inner else column
    return column.struct.rename_fields([each.name for each in want.fields])


_PLAIN = {
    str(dtype): dtype
    for dtype in (pl.Null(), pl.Boolean(), pl.Int64(), pl.Float64(), pl.String(), pl.Datetime("us", "UTC"))
}


def write_types(types: Types) -> list[Any]:
    """Give columns in order, each with its type.

    >>> write_types({"id": pl.String(), "charges": pl.List(pl.Struct({"amount": pl.Float64()}))})
    [['id', 'String'], ['charges', {'list': {'struct': [['amount', 'Float64']]}}]]
    """
    return [[name, _written(dtype)] for name, dtype in types.items()]


def read_types(said: Any) -> Types:
    """Read what `write_types` wrote; raises ValueError for anything else."""
    found: Types = {}
    for name, dtype in _pairs(said):
        if not isinstance(name, str) or name in found:
            raise ValueError(f"types: {name!r} is no column's name, or is there twice")
        found[name] = _read(dtype)
    return found


def _written(dtype: Any) -> Any:
    if isinstance(dtype, pl.List):
        return {"list": _written(dtype.inner)}
    if isinstance(dtype, pl.Struct):
        return {"struct": [[each.name, _written(each.dtype)] for each in dtype.fields]}
    return str(dtype)


def _read(said: Any) -> pl.DataType:
    if isinstance(said, str) and said in _PLAIN:
        return _PLAIN[said]
    if isinstance(said, dict) and list(said) == ["list"]:
        return pl.List(_read(said["list"]))
    if isinstance(said, dict) and list(said) == ["struct"]:
        return pl.Struct(read_types(said["struct"]))
    raise ValueError(f"types: {str(said)[:80]!r} is no type")


def write_names(names: dict[FieldPath, str]) -> list[Any]:
    """Give the names that paths were given."""
    return [[list(path), name] for path, name in names.items()]


def read_names(said: Any) -> dict[FieldPath, str]:
    """Read what `write_names` wrote; raises ValueError for anything else."""
    found: dict[FieldPath, str] = {}
    for path, name in _pairs(said):
        keys = tuple(path) if isinstance(path, list) else ()
        if not keys or not isinstance(name, str) or not all(isinstance(key, str) for key in keys):
            raise ValueError(f"names: {str(path)[:80]!r} is no path with a name")
        found[keys] = name
    return found


def _pairs(said: Any) -> list[Any]:
    if not isinstance(said, list) or not all(isinstance(each, list) and len(each) == 2 for each in said):
        raise ValueError(f"{str(said)[:80]!r} is no list of pairs")
    return said
