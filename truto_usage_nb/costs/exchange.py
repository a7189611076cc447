"""Other currencies, by rates that somebody gave: beside the amounts, never instead of them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from truto_usage_nb.errors import FrameError, InputError

Rate = float | tuple[float, str]
Rates = Mapping[tuple[str, str], Rate]

__all__ = ["Rate", "Rates", "with_rates"]

GIVEN = "given by the caller"


def with_rates(table: pl.DataFrame, rates: Rates | None) -> pl.DataFrame:
    """Add `converted_currency`, `converted_cost`, `exchange_rate` and `exchange_source` to a cost table.

    `rates` maps (from, to) to a rate, or to a rate and where it comes from. All must lead to one currency; its own
    lines convert at 1. A currency without a rate is an error, because a converted column with gaps adds up wrongly.
    """
    if rates is None:
        return table
    target = _target(rates)
    known = {source.upper(): _pair(rate) for (source, _), rate in rates.items()} | {target: (1.0, "the same currency")}
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


def _target(rates: Rates) -> str:
    targets = {to.upper() for _, to in rates}
    if len(targets) != 1:
        raise InputError(f"exchange_rates must lead to one currency, not to {', '.join(sorted(targets)) or 'none'}.")
    return targets.pop()


def _pair(rate: Rate) -> tuple[float, str]:
    return (float(rate[0]), rate[1]) if isinstance(rate, tuple) else (float(rate), GIVEN)
