"""Look at a frame once, before anything is computed: which charge types and currencies it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw

from truto_usage_nb.costs.choices import PositiveCredits
from truto_usage_nb.costs.rule import Facts
from truto_usage_nb.costs.totals import is_running_total
from truto_usage_nb.errors import FrameError
from truto_usage_nb.native import Native, collect, require, with_instants
from truto_usage_nb.schema import CHARGE_TYPES
from truto_usage_nb.series import TOTAL_MEANS, TotalMeans

__all__ = ["AMOUNTS", "NOTHING_SAID", "Said", "check_amounts", "look", "mixed"]

AMOUNTS = tuple(f"charges_{kind}" for kind in CHARGE_TYPES)
NEEDED = (
    *AMOUNTS,
    "charges_currency",
    "charges_count",
    "integration",
    "report_type",
    "start_date",
    "end_date",
    "model_id",
)
_NUMBERS = (nw.Float64, nw.Float32, nw.Int64, nw.Int32, nw.Int16, nw.Int8, nw.UInt64, nw.UInt32, nw.UInt16, nw.UInt8)


def mixed() -> nw.Expr:
    """Tell the records charged in several currencies: several charges, no one currency, and no wide amount."""
    silent = nw.all_horizontal(*(nw.col(column).is_null() for column in AMOUNTS), ignore_nulls=False)
    return (nw.col("charges_count").fill_null(0) > 1) & nw.col("charges_currency").is_null() & silent


def unknown_amounts(native: Native) -> tuple[str, ...]:
    """The wide amounts of charge types that the documentation does not name."""
    known = {*AMOUNTS, "charges_currency", "charges_count"}
    return tuple(c for c in native.columns if c.startswith("charges_") and c not in known)


@dataclass(frozen=True, slots=True)
class Said:
    """Hold what the caller says of a vendor's charges: what a total is, and what a positive credit."""

    total_means: Mapping[str, TotalMeans] | None = None
    positive_credits: PositiveCredits = "reduction"

    @classmethod
    def of(cls, choices: Mapping[str, Any]) -> Said:
        return cls(choices.get("total_means"), choices.get("positive_credits", "reduction"))

    def put(self, facts: Facts) -> Facts:
        """What is settled of totals, and what the caller decided."""
        means = {**TOTAL_MEANS, **(self.total_means or {})}
        return replace(facts, total_means=means, credits_as_stated=self.positive_credits == "as_stated")


NOTHING_SAID = Said()


def look(native: Native, *, currencies: bool = True, said: Said = NOTHING_SAID) -> Facts:
    """Look at the amounts of a frame, and at its currencies unless they are settled later: a light pass or two."""
    require(native, NEEDED, "The cost rule")
    unknown = unknown_amounts(native)
    seen = with_instants(native, native.frame, {"__start": "start_date", "__end": "end_date"})
    some = is_running_total().fill_null(False).cast(nw.Int64).sum().alias("__running")
    counts = collect(seen.select(*(nw.col(column).count() for column in (*AMOUNTS, *unknown)), some))
    stated = counts.row(0, named=True) if counts.height else {}
    types = frozenset(kind for kind in CHARGE_TYPES if stated.get(f"charges_{kind}"))
    check_amounts(native, types)
    found = collect(native.frame.select("charges_currency").unique())["charges_currency"] if currencies else ()
    named = tuple(c for c in unknown if stated.get(c))
    running = bool(stated.get("__running"))
    return said.put(Facts(types, named, frozenset(found), running=running))


def check_amounts(native: Native, types: frozenset[str]) -> None:
    """Refuse amounts that are not numbers."""
    dtypes = native.frame.collect_schema()
    for kind in sorted(types):
        dtype = dtypes[f"charges_{kind}"]
        if not dtype.is_numeric():
            raise FrameError(
                f"charges_{kind} holds {dtype}, not numbers. Amounts are read as numbers when a frame is loaded; "
                f"cast the column before asking for costs."
            )
