"""What the columns of a caller's frame hold: made as documented where that loses nothing, else refused by name.

A column without any value has no type of its own in some libraries, and texts may come as categories, which each
engine compares and joins by rules of its own. Both enter as the documentation has them (`as_documented`). All else that
is of another kind than documented is refused before it is reckoned with (`wrongly`), by the schema alone.

Each engine adds, compares and mixes decimals by rules of its own, and DuckDB gives even integer sums back as such. So
the figures of a record enter once as numbers that all engines know (`figures_as_numbers`), and results come back so
(`collect`): to the nearest float, with every digit of a count, or as an error. A table of the caller's own keeps its
decimals (`kept`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.errors import FrameError
from truto_usage_nb.schema import field

__all__ = [
    "Frame",
    "as_documented",
    "as_given",
    "as_it_is",
    "collect",
    "decimals_in",
    "figures_as_numbers",
    "kept",
    "wrongly",
]

Frame = nw.LazyFrame[Any] | nw.DataFrame[Any]

_ADDED = {"overhangs_period": "Boolean", "prorated_share": "Float64"}
"""What a load adds to the documented columns."""
_TYPES: dict[str, Any] = {
    "String": nw.String(), "JSON": nw.String(), "Int64": nw.Int64(), "Float64": nw.Float64(), "Boolean": nw.Boolean(),
    "Datetime": nw.Datetime("us", "UTC"),
}  # fmt: skip


def _documented(column: str) -> str | None:
    known = field(column)
    return _ADDED.get(column) if known is None else known.dtype


def as_documented(frame: Frame) -> Frame:
    """Give documented columns of nothing their type, and categories of texts as texts; the rest stays as it is."""
    types = frame.collect_schema()
    if _is_pandas(frame):
        frame = _with_types(frame, [name for name, dtype in types.items() if _is_empty(frame, name, dtype)])
    made = {}
    for name, dtype in types.items():
        if (wanted := _TYPES.get(_documented(name) or "")) is None:
            continue
        if (dtype in (nw.Categorical, nw.Enum) and wanted == nw.String()) or _is_null(frame, name, dtype):
            made[name] = nw.col(name).cast(wanted)
    return frame.with_columns(**made) if made else frame


def as_given(frame: Frame, came: Frame) -> Frame:
    """Give what were categories as such again."""
    types, had = frame.collect_schema(), came.collect_schema()
    categories = {name: dtype for name, dtype in had.items() if dtype in (nw.Categorical, nw.Enum)}
    made = {name: nw.col(name).cast(dtype) for name, dtype in categories.items() if types.get(name) == nw.String}
    return frame.with_columns(**made) if made else frame


def _is_null(frame: Frame, name: str, dtype: Any) -> bool:
    """Whether a column is of the type that has no value."""
    if dtype != nw.Unknown:
        return False
    native: Any = frame.to_native()
    if frame.implementation.is_pyarrow():
        return str(native.schema.field(name).type) == "null"
    found = native.collect_schema()[name] if hasattr(native, "collect_schema") else getattr(native, "dtypes", {})[name]
    return str(found).lower().startswith("null")


def _is_empty(frame: Frame, name: str, dtype: Any) -> bool:
    """Whether pandas, which has nothing to tell by, holds a column of nothing as objects, texts or NaN."""
    wanted = _documented(name)
    others = (nw.Object, nw.String, nw.Float64) if wanted == "Boolean" else (nw.Object, nw.String)
    if wanted not in _PANDAS or dtype not in others:
        return False
    native: Any = frame.to_native()[name]
    is_plain = wanted != "String" or native.dtype == object
    return is_plain and not native.iloc[:1].notna().any() and bool(native.isna().all())


_PANDAS = {
    "String": "string", "Int64": "Int64", "Float64": "float64", "Boolean": "boolean", "Datetime": "datetime64[us, UTC]",
}  # fmt: skip


def _with_types(frame: Frame, names: Sequence[str]) -> Frame:
    """Give pandas' columns of nothing their types: a cast of narwhals' would make them False."""
    if not names:
        return frame
    native: Any = frame.to_native()
    made: Frame = nw.from_native(native.astype({name: _PANDAS[_documented(name) or ""] for name in names}))
    return made


# what is refused ------------------------------------------------------------------------------------------------------


def wrongly(frame: Frame, columns: Iterable[str]) -> Iterator[tuple[str, Any, str]]:
    """Give those of the columns that are there and hold something else than documented: name, type and what is needed.

    Of pandas' objects a few are looked at, for they have no type to tell by.
    """
    types = frame.collect_schema()
    for column in columns:
        if column not in types or (known := _HELD.get(_documented(column) or "")) is None:
            continue
        held, (kind, fits, objects) = types[column], known
        if held == nw.Unknown:  # some engines have types of their own, and others none that fits
            is_right = not (frame.implementation.is_polars() or frame.implementation.is_pyarrow() or _is_pandas(frame))
        else:
            is_right = fits(held) and (held != nw.Object or _holds(frame, column, objects))
        if not (is_right or (_is_pandas(frame) and frame.to_native()[column].isna().all())):
            yield column, held, kind


def _is_pandas(frame: Frame) -> bool:
    return frame.implementation.is_pandas()


def _holds(frame: Frame, column: str, kinds: frozenset[str]) -> bool:
    if not _is_pandas(frame):
        return True
    from pandas.api.types import infer_dtype

    return infer_dtype(frame.to_native()[column].dropna().head(100), skipna=True) in kinds | {"empty"}


def _is_number(held: Any) -> bool:
    return not (
        held in (nw.String, nw.Categorical, nw.Enum, nw.Binary, nw.Time) or held.is_temporal() or held.is_nested()
    )


def _is_text(held: Any) -> bool:
    return not (held in (nw.Boolean, nw.Binary, nw.Time) or held.is_numeric() or held.is_temporal() or held.is_nested())


def _is_time(held: Any) -> bool:
    return held in (nw.Datetime, nw.Date, nw.Unknown, nw.Object)


def _is_flag(held: Any) -> bool:
    return held in (nw.Boolean, nw.Unknown, nw.Object)


_NUMBERS = frozenset({"integer", "floating", "mixed-integer-float", "decimal", "boolean"})
_HELD: Mapping[str, tuple[str, Callable[[Any], bool], frozenset[str]]] = {
    "Int64": ("numbers", _is_number, _NUMBERS),
    "Float64": ("numbers", _is_number, _NUMBERS),
    "String": ("texts", _is_text, frozenset({"string"})),
    "Boolean": ("flags (true or false)", _is_flag, frozenset({"boolean"})),
    "Datetime": ("times", _is_time, frozenset({"datetime", "datetime64", "date"})),
}
"""By a field's type what may stand in its column, as a type and as pandas' objects: nothing but null is of any type."""


# decimals -------------------------------------------------------------------------------------------------------------

_FIGURES = ("charges_", "usage_")
_SURE = 18  # so many digits always fit 63 bits


def decimals_in(frame: Frame) -> dict[str, Any]:
    """Give the figures of a record that a frame holds as decimals: their types by name."""
    found = {name: dtype for name, dtype in frame.collect_schema().items() if name.startswith(_FIGURES)}
    return {name: dtype for name, dtype in found.items() if _is_decimal(frame, name, dtype)}


def figures_as_numbers(frame: Frame, decimals: dict[str, Any]) -> Frame:
    """Give a record's figures as the cost rule reckons with them: amounts Float64, whole counts Int64.

    Raises FrameError for a count beyond 63 bits.
    """
    wide = [name for name, dtype in decimals.items() if _is_whole(name, dtype) and _digits(dtype) > _SURE]
    if wide:
        _refuse_beyond(frame, wide)
    # Arrow makes floats of decimals by a multiplication, which misses the nearest one; their text does not.
    by_text = frame.implementation.is_pyarrow() or frame.implementation.is_pandas_like()
    return frame.with_columns(**{name: _as_number(name, dtype, by_text) for name, dtype in decimals.items()})


def _is_decimal(frame: Frame, name: str, dtype: Any) -> bool:
    """Whether a column holds decimals; DuckDB's integers beyond 64 bits leave it as such.

    pandas has them as objects, and figures of which it has none as objects or texts, for it has nothing to tell by.
    """
    if dtype in (nw.Decimal, nw.Int128, nw.UInt128):
        return True
    if dtype not in (nw.Object, nw.String) or not isinstance(frame, nw.DataFrame):
        return False
    known = field(name)
    if dtype == nw.String and (known is None or known.dtype not in ("Int64", "Float64")):
        return False
    stated = frame[name].drop_nulls()
    return isinstance(stated[0], Decimal) if len(stated) else known is not None and known.dtype != "Boolean"


def _is_whole(name: str, dtype: Any) -> bool:
    """Whether a column holds counts, not amounts, and they have no decimals."""
    known = field(name)
    is_count = known.dtype == "Int64" if known is not None else name.startswith("usage_")
    return is_count and (dtype in (nw.Int128, nw.UInt128) or getattr(dtype, "scale", None) == 0)


def _digits(dtype: Any) -> int:
    return getattr(dtype, "precision", 38)


def _as_number(name: str, dtype: Any, by_text: bool) -> nw.Expr:
    column = nw.col(name)
    if _is_whole(name, dtype):
        return column.cast(nw.Int64())
    return (column.cast(nw.String()) if by_text and dtype == nw.Decimal else column).cast(nw.Float64())


def _refuse_beyond(frame: Frame, names: Sequence[str]) -> None:
    """Refuse counts that 63 bits cannot hold before an engine meets them: some would wrap, some give null."""
    ends = {f"{name}:min": nw.col(name).min() for name in names} | {f"{name}:max": nw.col(name).max() for name in names}
    found = as_it_is(frame.select(**ends))
    for name, value in found.row(0, named=True).items() if found.height else ():
        if value is not None and not -(2**63) <= value < 2**63:
            raise _beyond(name.partition(":")[0], value)


def _beyond(name: str, value: object) -> FrameError:
    return FrameError(
        f"{name} holds {value}, and a count has 63 bits. Look at the records behind it: no vendor counts so far; "
        f"cast the column to floats if it is no count."
    )


def collect(frame: Frame) -> pl.DataFrame:
    """Bring a result into polars: decimals become whole numbers where they have no places, else floats.

    Raises FrameError for a whole number beyond 63 bits.
    """
    table = as_it_is(frame)
    decimals = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Decimal)]
    return table.with_columns(_as_floats(table[name]) for name in decimals) if decimals else table


def _as_floats(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if not isinstance(dtype, pl.Decimal) or dtype.scale:
        return column.cast(pl.Float64)
    whole = column.cast(pl.Int64, strict=False)
    beyond = column.filter(whole.is_null() & column.is_not_null())
    if beyond.len():
        raise _beyond(column.name, beyond[0])
    return whole


def kept(frame: Frame) -> pl.DataFrame:
    """Bring a caller's own table into polars: decimals keep their places, those without any are whole numbers again."""
    table = as_it_is(frame)
    whole = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Decimal) and dtype.scale == 0]
    made = [table[name].cast(pl.Int64, strict=False) for name in whole]
    return table.with_columns(each for each in made if each.null_count() == table[each.name].null_count())


def as_it_is(frame: Frame) -> pl.DataFrame:
    """Bring a frame into polars with the types it has, decimals too."""
    local = frame.collect("polars") if isinstance(frame, nw.LazyFrame) else frame
    held: pl.DataFrame = local.to_native() if local.implementation.is_polars() else _arrow_or_pandas(local)
    return held


def _arrow_or_pandas(local: nw.DataFrame[Any]) -> pl.DataFrame:
    return local.to_polars()
