"""Which window of a query a record is of: the one that holds its start, or else whichever returned it.

A vendor whose days are those of its own zone answers with records that start in the window before, and one that ignores
the dates with all that it has. Such a record stands once: as the window that holds its start returned it, unless
another window returned a newer one; where that window did not return it, as the first that did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from truto_usage_nb.schema import RECORD_DIMENSIONS, RECORD_KEY

__all__ = ["SAME", "identity", "owns", "stands"]

SAME = "__same"
_ALIKE, _UPDATED = "__alike", "__updated"


def owns(opens: Any, shuts: Any) -> pl.Expr:
    """Tell whether a window, from its bounds, holds a record's start; one without a start is of any."""
    start = pl.col("start_date")
    held: pl.Expr = (((start >= opens) & (start < shuts)) | start.is_null()).fill_null(value=False)
    return held


def identity(types: Mapping[str, Any], *apart: str) -> list[pl.Expr]:
    """Give what `stands` looks at, eight bytes each; records that differ in `apart` are never one.

    Columns whose names begin with `__` are none of the record's.
    """
    key = [name for name in (*RECORD_KEY, *RECORD_DIMENSIONS) if name in types]
    flat = [name for name, dtype in types.items() if not dtype.is_nested() and not name.startswith("__")]
    can_be_newer = isinstance(types.get("updated_at"), pl.Datetime) and "id" in types
    updated = pl.when(pl.col("id").is_not_null()).then("updated_at") if can_be_newer else pl.lit(None, dtype=pl.Int64)
    return [
        updated.alias(_UPDATED),
        *(pl.struct(*apart, *names).hash().alias(name) for name, names in ((SAME, key), (_ALIKE, flat))),
    ]


def stands(own: str, window: str) -> pl.Expr:
    """Tell whether a record stands, over all windows; `own` names whether it starts in its window, `window` which."""
    owned = pl.col(own).any().over(SAME)
    newest = pl.col(_UPDATED).filter(pl.col(own)).max().over(SAME)
    newer = (pl.col(_UPDATED) > newest) | (pl.col(_UPDATED).is_not_null() & newest.is_null())
    first = pl.col(window) == pl.col(window).min().over(_ALIKE)  # of those that say all the same
    return pl.col(own) | pl.when(owned).then(newer.fill_null(value=False)).otherwise(first)
