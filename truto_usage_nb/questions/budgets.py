"""Which budget is for which row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from truto_usage_nb.errors import FrameError, InputError, did_you_mean
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.amounts import DecimalMark, amount_given, amounts, check_decimal, currencies
from truto_usage_nb.questions.daily import Key
from truto_usage_nb.questions.tables import Table, read_table

__all__ = ["Budget", "budget_lines", "budgets_by_row"]

Budget = Any
"""An amount, a mapping of rows to amounts, a file or a frame with `currency` and `amount`, or None."""
_WHAT = "The table of budgets"


def budgets_by_row(budget: Budget, keys: list[Key], decimal: DecimalMark | None = None) -> dict[Key, float]:
    """Give each row's budget, by its values and currency; a bare amount needs a single row, since it names no currency.

    A file or frame has `amount`, `currency`, and a column for each value of a row. Raises InputError.

    >>> budgets_by_row({"USD": 5}, [("USD",), ("EUR",)])
    {('USD',): 5.0}
    """
    if budget is None:
        return {}
    check_decimal(decimal)
    if _is_table(budget):
        return _of_lines(budget_lines(read_table(budget, _WHAT), decimal), keys)
    if not isinstance(budget, Mapping):
        amount = _amount("budget", budget, decimal)
        if len(keys) != 1:
            raise InputError(_which(budget, keys))
        return {keys[0]: amount}
    named = {key: name for key in keys if (name := _name_in(budget, key)) is not None}
    unknown = [name for name in budget if name not in named.values()]
    if unknown:
        known = list(dict.fromkeys(str(part) for key in keys for part in key))
        raise InputError(
            f"budget names {shown(unknown[0])}, which has no row here.{did_you_mean(unknown[0], known)} "
            f"Rows: {', '.join(known[:12]) or 'none'}."
        )
    return {key: _amount(f"budget[{shown(name)}]", budget[name], decimal) for key, name in named.items()}


def budget_lines(table: Table, decimal: DecimalMark | None = None) -> dict[tuple[str | None, ...], float]:
    """Read budgets by the row's values, in the order of the columns, and currency. Raises FrameError with the row."""
    table = table.need("currency", "amount")
    values = [name for name in table.columns if name not in ("currency", "amount")]
    texts = [table.texts(name)[name].to_list() for name in values]
    read = zip(*texts, currencies(table), amounts(table, "amount", decimal), strict=True)
    found: dict[tuple[str | None, ...], float] = {}
    for row, (*key, amount) in zip(table.rows, read, strict=True):
        if tuple(key) in found:
            raise FrameError(f"{table.what}, row {row}: {' and '.join(map(str, key))} has a budget already; keep one.")
        found[tuple(key)] = amount
    return found


def _is_table(budget: Any) -> bool:
    if isinstance(budget, str):
        with suppress(OSError, ValueError):
            return Path(budget).is_file()
        return False
    return isinstance(budget, Path) or hasattr(budget, "columns")


def _amount(name: str, value: Any, decimal: DecimalMark | None) -> float:
    try:
        amount = amount_given(name, value, decimal)
    except InputError as problem:
        more = "; nor is it a file" if isinstance(value, str) and name == "budget" else ""
        raise InputError(f"{problem.message.rstrip('.')}{more}.") from None
    if amount < 0 or not math.isfinite(amount):
        raise InputError(f"{name}={shown(value)} is below zero; give what may be spent in the month.")
    return amount


def _of_lines(lines: Mapping[tuple[str | None, ...], float], keys: list[Key]) -> dict[Key, float]:
    width = {len(key) for key in lines}
    if keys and width != {len(keys[0])}:
        raise FrameError(
            f"{_WHAT} has {width.pop() - 1} columns beside currency and amount, and a row here has {len(keys[0]) - 1} "
            f"values (by=); give a column for each, in their order."
        )
    by_text = {tuple(None if part is None else str(part) for part in key): key for key in keys}
    unknown = [key for key in lines if key not in by_text]
    if unknown:
        known = list(dict.fromkeys(str(part) for key in by_text for part in key))
        wrong = next((part for part in unknown[0] if str(part) not in known), unknown[0][0])
        raise FrameError(
            f"{_WHAT} names {' and '.join(map(str, unknown[0]))}, which has no row here.{did_you_mean(wrong, known)}"
        )
    return {by_text[key]: amount for key, amount in lines.items()}


def _name_in(budget: Mapping[Any, float], key: Key) -> Any:
    """How the mapping names a row: (value, currency), the value alone, or where there is none the currency."""
    alone = {1: [key[-1]], 2: [key[0]]}.get(len(key), [])
    names: list[Any] = [key, key[:-1], *alone]
    return next((name for name in names if name in budget), None)


def _which(budget: Any, keys: list[Key]) -> str:
    if not keys:
        return f"budget={shown(budget)} has no row to be for: the frame has no cost in this month."
    found = ", ".join(sorted({str(key[-1]) for key in keys}))
    return (
        f"budget={shown(budget)} does not say which of {len(keys)} rows it is for. "
        f"Give a mapping by currency ({found}), "
        f"by value of by=, or by (value, currency), such as {{{keys[0][-1]!r}: {shown(budget)}}}."
    )
