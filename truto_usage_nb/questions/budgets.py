"""Which budget is for which row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.questions.daily import Key

__all__ = ["Budget", "budgets_by_row"]

Budget = float | Mapping[Any, float] | None


def budgets_by_row(budget: Budget, keys: list[Key]) -> dict[Key, float]:
    """Give each row's budget, by its values and currency; a bare amount needs a single row, since it names no currency.

    >>> budgets_by_row({"USD": 5}, [("USD",), ("EUR",)])
    {('USD',): 5.0}
    """
    if budget is None:
        return {}
    if not isinstance(budget, Mapping):
        if len(keys) != 1:
            raise InputError(_which(budget, keys))
        return {keys[0]: float(budget)}
    named = {key: name for key in keys if (name := _name_in(budget, key)) is not None}
    unknown = [name for name in budget if name not in named.values()]
    if unknown:
        known = [str(part) for key in keys for part in key]
        raise InputError(f"budget names {unknown[0]!r}, which has no row here.{did_you_mean(unknown[0], known)}")
    return {key: float(budget[name]) for key, name in named.items()}


def _name_in(budget: Mapping[Any, float], key: Key) -> Any:
    """How the mapping names a row: (value, currency), the value alone, or where there is none the currency."""
    alone = {1: [key[-1]], 2: [key[0]]}.get(len(key), [])
    names: list[Any] = [key, key[:-1], *alone]
    return next((name for name in names if name in budget), None)


def _which(budget: float, keys: list[Key]) -> str:
    if not keys:
        return f"budget={budget!r} has no row to be for: the frame has no cost in this month."
    found = ", ".join(sorted({str(key[-1]) for key in keys}))
    return (
        f"budget={budget!r} does not say which of {len(keys)} rows it is for. Give a mapping by currency ({found}), by "
        f"value of by=, or by (value, currency), such as {{{keys[0][-1]!r}: {budget!r}}}."
    )
