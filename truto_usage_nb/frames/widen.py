"""One schema for frames that come one after the other: what holds both of two types, and frames made to fit it.

By the rule of one frame: whole numbers beside fractions are fractions, anything else beside something else is text,
and nothing is lost or changed on the way. A column, or a field of a list's items, that had nothing but nulls so far
is of no type yet (`Null`); on disk it stands as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import polars as pl

from truto_usage_nb.frames.dtypes import is_below, plain_text
from truto_usage_nb.frames.list_columns import nested_lists
from truto_usage_nb.frames.parsed import EXACT_IN_FLOAT, Whose, nulls, unreadable

DataType: TypeAlias = pl.DataType
Types: TypeAlias = dict[str, DataType]
_NUMBERS = (pl.Int64(), pl.Float64())


def wider(one: DataType, other: DataType) -> DataType:
    """Give the type that holds the values of both.

    >>> wider(pl.Int64(), pl.Float64()), wider(pl.Int64(), pl.String()), wider(pl.Null(), pl.Boolean())
    (Float64, String, Boolean)
    """
    if one == other or other == pl.Null():
        return one
    if one == pl.Null():
        return other
    if one in _NUMBERS and other in _NUMBERS:
        return pl.Float64()
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        return pl.List(wider(_made(one.inner), _made(other.inner)))
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        return pl.Struct(merged(_fields(one), _fields(other)))
    return pl.String()


def merged(one: Mapping[str, DataType], other: Mapping[str, DataType]) -> Types:
    """Give the columns of both, each of the type that holds both; what only the other has comes last."""
    return {name: wider(one.get(name, pl.Null()), other.get(name, pl.Null())) for name in {**one, **other}}


def types_of(frame: pl.DataFrame, standard: Mapping[str, DataType]) -> Types:
    """Give a frame's types, `Null` where a column that is not as in `standard` has nothing but nulls."""
    return {name: dtype if standard.get(name) == dtype else _known(frame[name]) for name, dtype in frame.schema.items()}


def on_disk(dtype: DataType) -> DataType:
    """Give the type that stands in a file."""
    if dtype == pl.Null():
        return pl.String()
    if isinstance(dtype, pl.List):
        return pl.List(on_disk(_made(dtype.inner)))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({name: on_disk(inner) for name, inner in _fields(dtype).items()})
    return dtype


def fitted(frame: pl.DataFrame, types: Mapping[str, DataType]) -> pl.DataFrame:
    """Give a frame the columns and types that stand in a file.

    Raises `UnreadableValueError` for a count that would lose digits.
    """
    made = []
    for name, dtype in types.items():
        want = on_disk(dtype)
        if name not in frame.columns:
            made.append(nulls(frame.height, want).alias(name))
            continue
        try:
            made.append(_fit(frame[name], want).alias(name))
        except _Unfit as unfit:
            told = "its column has a fraction elsewhere, and a float cannot hold this count exactly"
            raise unreadable(_whose(frame, unfit.row), name, unfit.value, told) from None
    return pl.DataFrame(made)


def _whose(frame: pl.DataFrame, row: int) -> Whose:
    known = {name: frame[name][row] for name in ("id", "integrated_account_id") if name in frame.columns}
    return Whose(known.get("id", f"number {row + 1}"), known.get("integrated_account_id"))


class _Unfit(Exception):
    def __init__(self, row: int, value: object) -> None:
        super().__init__(value)
        self.row, self.value = row, value


def _fit(series: pl.Series, want: DataType) -> pl.Series:
    have = series.dtype
    if have == want:
        return series
    if series.null_count() == series.len():
        return nulls(series.len(), want)
    if isinstance(want, pl.List):
        lengths = series.list.len().cast(pl.Int64)
        items = series.filter(lengths.fill_null(0) > 0).explode()
        return nested_lists(_fit(items, _made(want.inner)), lengths)
    if isinstance(want, pl.Struct):
        return _fit_struct(series, _fields(want))
    if want == pl.Float64():
        return _floats(series)
    return _texts(series)


def _fit_struct(series: pl.Series, want: Types) -> pl.Series:
    have = series.struct.unnest()
    fields = [
        (_fit(have[name], dtype) if name in have.columns else nulls(series.len(), dtype)).alias(name)
        for name, dtype in want.items()
    ]
    frame = pl.DataFrame([series.is_not_null().alias("\x1f"), *fields])
    return frame.select(pl.when("\x1f").then(pl.struct(list(want))).alias("item"))["item"]


def _floats(series: pl.Series) -> pl.Series:
    if not is_below(series, EXACT_IN_FLOAT):
        for row, value in enumerate(series):
            if value is not None and int(float(value)) != value:
                raise _Unfit(row, value)
    return series.cast(pl.Float64)


def _texts(series: pl.Series) -> pl.Series:
    if isinstance(series.dtype, pl.Struct):
        return series.struct.json_encode()
    values: list[Any] = series.to_list()
    return pl.Series([None if value is None else plain_text(value) for value in values], dtype=pl.String)


def _known(series: pl.Series) -> DataType:
    if series.null_count() == series.len():
        return pl.Null()
    if isinstance(series.dtype, pl.List):
        return pl.List(_known(series.filter(series.list.len().fill_null(0) > 0).explode()))
    if isinstance(series.dtype, pl.Struct):
        return pl.Struct({each.name: _known(each) for each in series.struct.unnest().get_columns()})
    return series.dtype


def _fields(struct: pl.Struct) -> Types:
    return {each.name: _made(each.dtype) for each in struct.fields}


def _made(dtype: Any) -> DataType:
    made: DataType = dtype() if isinstance(dtype, type) else dtype
    return made
