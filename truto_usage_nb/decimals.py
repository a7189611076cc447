"""Decimals: floats and whole numbers where figures are reckoned with, as they are where the table is the caller's own.

Each engine adds, compares and mixes decimals by rules of its own, and DuckDB gives even integer sums back as such. So
the figures of a record enter once as numbers that all engines know (`figures_as_numbers`), and results come back so
(`collect`): to the nearest float, with every digit of a count, or as an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb import schema
from truto_usage_nb.errors import FrameError

Frame = nw.LazyFrame[Any] | nw.DataFrame[Any]

__all__ = ["Frame", "as_it_is", "collect", "decimals_in", "figures_as_numbers", "kept"]

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
    known = schema.field(name)
    if dtype == nw.String and (known is None or known.dtype not in ("Int64", "Float64")):
        return False
    stated = frame[name].drop_nulls()
    return isinstance(stated[0], Decimal) if len(stated) else known is not None and known.dtype != "Boolean"


def _is_whole(name: str, dtype: Any) -> bool:
    """Whether a column holds counts, not amounts, and they have no decimals."""
    known = schema.field(name)
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
