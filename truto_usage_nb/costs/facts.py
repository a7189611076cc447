"""Look at a frame once, before anything is computed: which charge types and currencies it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.choices import PositiveCredits
from truto_usage_nb.costs.rule import Facts, settled_totals
from truto_usage_nb.costs.tokens import CACHED_COLUMNS, TOKEN_COLUMNS, undecided_input
from truto_usage_nb.costs.totals import PRORATED, is_state
from truto_usage_nb.errors import FrameError
from truto_usage_nb.integrations import TotalMeans
from truto_usage_nb.native import Native, collect, require, with_instants
from truto_usage_nb.schema import CHARGE_TYPES

__all__ = [
    "AMOUNTS",
    "COARSE",
    "MOST_TOKENS",
    "NOTHING_SAID",
    "Said",
    "check_amounts",
    "look",
    "mixed",
    "numeric_amounts",
    "refuse_too_many",
    "unknown_amounts",
]

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
READ_TOO = (*TOKEN_COLUMNS, "updated_at", PRORATED)
"""What the rule reads where a frame has it."""
MOST_TOKENS = 2**63 - 1
"""The largest sum that a whole number of 63 bits holds."""


def mixed() -> nw.Expr:
    """Tell the records charged in several currencies: several charges, no one currency, and no wide amount."""
    silent = nw.all_horizontal(*(nw.col(column).is_null() for column in AMOUNTS), ignore_nulls=False)
    return (nw.col("charges_count").fill_null(0) > 1) & nw.col("charges_currency").is_null() & silent


def unknown_amounts(native: Native) -> tuple[str, ...]:
    """The wide amounts of charge types that the documentation does not name."""
    known = {*AMOUNTS, "charges_currency", "charges_count"}
    return tuple(c for c in native.columns if c.startswith("charges_") and c not in known)


def numeric_amounts(native: Native) -> list[str]:
    """A frame's columns but for amounts that are no numbers: those hold nothing, or are refused (`check_amounts`)."""
    dtypes = native.frame.collect_schema()
    return [name for name, dtype in dtypes.items() if name not in AMOUNTS or dtype.is_numeric()]


@dataclass(frozen=True, slots=True)
class Said:
    """Hold what the caller says of a vendor's records: what a total is, a positive credit, and the input of tokens."""

    total_means: Mapping[str, TotalMeans] | None = None
    positive_credits: PositiveCredits = "reduction"
    input_includes_cache: Mapping[str, bool] | None = None

    @classmethod
    def of(cls, choices: Mapping[str, Any]) -> Said:
        return cls(
            choices.get("total_means"),
            choices.get("positive_credits", "reduction"),
            choices.get("input_includes_cache"),
        )

    def put(self, facts: Facts) -> Facts:
        """What is settled of totals, and what the caller decided."""
        means = {**settled_totals(), **(self.total_means or {})}
        return replace(
            facts,
            total_means=means,
            credits_as_stated=self.positive_credits == "as_stated",
            input_includes_cache=self.input_includes_cache or {},
        )


NOTHING_SAID = Said()


def look(native: Native, *, said: Said = NOTHING_SAID) -> Facts:
    """Look at the amounts, tokens and currencies of a frame: a light pass or two, taken once.

    Raises FrameError for amounts that are no numbers, and for more tokens than a whole number of 63 bits holds.
    """
    return said.put(native.once("facts", lambda: _look(native)))


def _look(native: Native) -> Facts:
    require(native, NEEDED, "The cost rule", also=READ_TOO)
    columns = numeric_amounts(native)
    unknown = unknown_amounts(native)
    seen = with_instants(native, native.frame, {"__start": "start_date", "__end": "end_date"})
    some = is_state(columns).fill_null(False).cast(nw.Int64).sum().alias("__running")
    counts = [nw.col(column).count() for column in (*AMOUNTS, *unknown)]
    found = collect(seen.select(*counts, some, *_of_tokens(native)))
    stated = found.row(0, named=True) if found.height else {}
    types = frozenset(kind for kind in CHARGE_TYPES if stated.get(f"charges_{kind}"))
    check_amounts(native, types)
    _check_tokens(native, stated)
    undecided = any(stated.get(f"__most_{c}") for c in CACHED_COLUMNS) and _some_input_is_undecided(native)
    spelled = collect(native.frame.select("charges_currency").unique())["charges_currency"]
    return Facts(
        types,
        tuple(c for c in unknown if stated.get(c)),
        frozenset(spelled.cast(pl.String)),
        running=bool(stated.get("__running")),
        undecided_input=undecided,
    )


def _of_tokens(native: Native) -> list[nw.Expr]:
    """What is asked of the tokens: the largest count of each kind, either way."""
    if not set(TOKEN_COLUMNS) <= set(native.columns):
        return []
    largest = [nw.col(c).max().alias(f"__most_{c}") for c in TOKEN_COLUMNS]
    least = [nw.col(c).min().alias(f"__least_{c}") for c in TOKEN_COLUMNS]
    return [*largest, *least, nw.len().alias("__rows")]


def _some_input_is_undecided(native: Native) -> bool:
    found = collect(native.frame.select(undecided_input().fill_null(False).cast(nw.Int64).sum().alias("n")))
    return bool(found["n"].sum())


COARSE = 2**21
"""Whole numbers are added up in units of so many, which no sum of theirs exceeds."""


def _check_tokens(native: Native, stated: Mapping[str, Any]) -> None:
    """Refuse what would not fit: the largest counts times the records tell mostly, else all are added up coarsely."""
    rows = float(stated.get("__rows") or 0)
    most = {c: max(abs(float(stated.get(f"__{end}_{c}") or 0)) for end in ("most", "least")) for c in TOKEN_COLUMNS}
    if sum(most.values()) * rows < MOST_TOKENS:
        return
    sums = collect(native.frame.select(*((nw.col(c) // COARSE).sum().alias(c) for c in TOKEN_COLUMNS))).row(0)
    *kinds, total = (float(each or 0) * COARSE for each in sums)
    refuse_too_many(sum(map(abs, kinds)))
    refuse_too_many(total)


def refuse_too_many(count: float, what: str = "The tokens") -> None:
    """Refuse sums that a whole number of 63 bits does not hold; `count` is such a sum as a float."""
    if abs(count) >= MOST_TOKENS * (1 - 1e-12):
        raise FrameError(
            f"{what} add up to about {count:.3g}, more than a whole number of 63 bits holds (9.22e18), so a table "
            f"would be wrong. Look for counts that no vendor bills, such as frame['usage_tokens_total'].max()."
        )


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
