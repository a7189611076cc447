"""From a caller's frame to the small polars table a chart draws."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from truto_usage_nb.checks import a_whole_number
from truto_usage_nb.costs.choices import By
from truto_usage_nb.errors import InputError, UsageWarning
from truto_usage_nb.native import collect, enter
from truto_usage_nb.outside import shown
from truto_usage_nb.plots.wording import NO_MODEL, NOT_ATTRIBUTED

__all__ = ["NAME", "By", "asked", "asked_again", "by_rank", "check_top", "named", "table_of", "top_names"]

NAME = "__name"


def asked(helper: Callable[..., Any], frame: Any, *arguments: Any, **options: Any) -> pl.DataFrame:
    """Ask a helper for its table as polars; what it tells reaches the caller of the chart that calls this."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        table = table_of(helper(frame, *arguments, **options))
    for each in told:
        warnings.warn(each.message, each.category, stacklevel=3)
    return table


def asked_again(helper: Callable[..., Any], frame: Any, *arguments: Any, **options: Any) -> pl.DataFrame:
    """Ask a helper of a frame that `asked` has read: what there is to tell of it was told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        return table_of(helper(frame, *arguments, **options))


def table_of(table: Any) -> pl.DataFrame:
    """Bring a table into polars, whatever holds it."""
    return table if isinstance(table, pl.DataFrame) else collect(enter(table).frame)


def named(table: pl.DataFrame, by: By) -> pl.DataFrame:
    """Add the one name that the dimensions of a line make; a null is nobody's, and of models none's."""
    names = [by] if isinstance(by, str) else list(by or ())
    nobody = {name: NO_MODEL if name == "model_id" else NOT_ATTRIBUTED for name in names}
    parts = [pl.col(name).cast(pl.String).fill_null(nobody[name]) for name in names]
    return table.with_columns((pl.concat_str(parts, separator=" · ") if parts else pl.lit("cost")).alias(NAME))


def top_names(table: pl.DataFrame, value: str, top: int) -> list[str]:
    """Give the names with the largest amounts, refunds by their size; ties by name."""
    sums = table.group_by(NAME).agg(pl.col(value).sum()).with_columns(size=pl.col(value).abs())
    return list(sums.sort(["size", NAME], descending=[True, False]).head(top)[NAME])


def by_rank(table: pl.DataFrame, value: str, top: int, currencies: Sequence[str]) -> list[str]:
    """Give the names that panels will show, the first of each panel first, so that colours go by rank."""
    ranked = [top_names(table.filter(pl.col("currency") == each), value, top) for each in currencies]
    return list(dict.fromkeys(name for names in ranked for name in names))


_MOST = 1_000


def check_top(top: object) -> None:
    """Refuse a number of names that is none."""
    a_whole_number("top", top)
    if int(top) > _MOST:  # type: ignore[call-overload]  # it is a number by now
        raise InputError(f"top={shown(top)} is not allowed; no chart shows more than {_MOST:,} names.")
