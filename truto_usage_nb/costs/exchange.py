"""Other currencies, by rates that somebody gave: beside the amounts, never instead of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from truto_usage_nb.checks import is_number
from truto_usage_nb.costs.choices import check_currency
from truto_usage_nb.costs.currencies import CREDITS
from truto_usage_nb.errors import FrameError, InputError
from truto_usage_nb.outside import shown
from truto_usage_nb.schema import folded_currency

Rate = float | tuple[float, str]
Rates = Mapping[tuple[str, str], Rate]

__all__ = ["Rate", "Rates", "with_rates"]

GIVEN = "given by the caller"
_LIKE = "{('EUR', 'USD'): 1.08}"


def with_rates(table: pl.DataFrame, rates: Rates | None) -> pl.DataFrame:
    """Add `converted_currency`, `converted_cost`, `exchange_rate` and `exchange_source` to a cost table.

    `rates` maps (from, to) to a rate, or to a rate and where it comes from. All must lead to one currency; its own
    lines convert at 1. A currency without a rate is an error, because a converted column with gaps adds up wrongly.
    """
    if rates is None:
        return table
    given = _checked(rates, set(table["currency"].drop_nulls()))
    target = _target(given)
    known = {source: rate for (source, _), rate in given.items()} | {target: (1.0, "the same currency")}
    missing = sorted(
        {c for c in table.filter(pl.col("cost").is_not_null())["currency"] if c is not None and c not in known}
    )
    if missing:
        raise FrameError(
            f"exchange_rates has no rate from {', '.join(missing)} to {target}. "
            f"Add {{({missing[0]!r}, {target!r}): rate}}."
        )
    found = pl.DataFrame(
        [(currency, target, rate, source) for currency, (rate, source) in known.items()],
        schema=["currency", "converted_currency", "exchange_rate", "exchange_source"], orient="row",
    )  # fmt: skip
    joined = table.join(found, on="currency", how="left", maintain_order="left")
    return joined.with_columns(converted_cost=pl.col("cost") * pl.col("exchange_rate")).select(
        *table.columns, "converted_currency", "converted_cost", "exchange_rate", "exchange_source"
    )


def _checked(rates: Any, held: set[str]) -> dict[tuple[str, str], tuple[float, str]]:
    """The rates with their currencies as codes. Raises InputError for what is no rate between two currencies."""
    if not isinstance(rates, Mapping):
        raise InputError(f"exchange_rates={shown(rates)} names no currencies; write it like {_LIKE}.")
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for pair, rate in rates.items():
        if not isinstance(pair, tuple) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
            said = shown(pair)
            raise InputError(f"exchange_rates has {said}, which is no pair of currencies; write it like {_LIKE}.")
        codes = (folded_currency(pair[0]) or "", folded_currency(pair[1]) or "")
        for name, code, known in zip(("from", "to"), codes, (held | CREDITS, ()), strict=True):
            if code not in known:
                check_currency(f"exchange_rates: {name}", code)
        if codes in found:
            raise InputError(f"exchange_rates has a rate from {codes[0]} to {codes[1]} twice; keep one.")
        found[codes] = _pair(pair, rate)
    return found


def _target(rates: Mapping[tuple[str, str], object]) -> str:
    targets = {to for _, to in rates}
    if len(targets) != 1:
        raise InputError(f"exchange_rates must lead to one currency, not to {', '.join(sorted(targets)) or 'none'}.")
    return targets.pop()


def _pair(pair: tuple[str, str], given: Any) -> tuple[float, str]:
    rate, source = given if isinstance(given, tuple) and len(given) == 2 else (given, GIVEN)
    if not is_number(rate) or not float(rate) > 0 or not isinstance(source, str):
        said = f"exchange_rates[{pair!r}]={shown(given)}"
        raise InputError(f"{said} is no rate; give a number above 0, or (rate, where it comes from).")
    return float(rate), source
