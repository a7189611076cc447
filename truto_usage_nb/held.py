"""What the columns of a caller's frame hold: made as documented where that loses nothing, else refused by name.

A column without any value has no type of its own in some libraries, and texts may come as categories, which each
engine compares and joins by rules of its own. Both enter as the documentation has them (`as_documented`). All else that
is of another kind than documented is refused before it is reckoned with (`wrongly`), by the schema alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

from truto_usage_nb.decimals import Frame
from truto_usage_nb.schema import field

__all__ = ["as_documented", "as_given", "wrongly"]

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
