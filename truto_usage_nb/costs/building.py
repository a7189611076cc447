"""From a question to its table: digest, check, match, cut by the calendar, add up, divide, sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from truto_usage_nb.costs.buckets import BUCKET, check_calendar, needs_hours, with_buckets
from truto_usage_nb.costs.choices import Measure, by_columns, check_choices
from truto_usage_nb.costs.digest import DAY, QUARTER_HOUR, Digest, check_dims, digest, reduced
from truto_usage_nb.costs.facts import Said
from truto_usage_nb.costs.guard import checked
from truto_usage_nb.costs.matching import match
from truto_usage_nb.costs.records import within_period
from truto_usage_nb.costs.spans import spans_told
from truto_usage_nb.errors import tell
from truto_usage_nb.native import Native

__all__ = ["RESERVED", "Question", "added_up", "build", "matched", "ordered"]

RESERVED = (
    "currency", "cost", "other_cost", "tokens", "cost_per_million_tokens", "unpriced_tokens", "included_tokens",
    "cost_per_token", "cache_read_share", "kind", BUCKET, "spread_cost",
)  # fmt: skip
"""The columns that a cost table may have beside its dimensions."""

_STACK = 4
"""How far above this room the caller stands: question, table, public function, caller."""


@dataclass(frozen=True, slots=True)
class Question:
    """Hold what a table is asked: the dimensions, the calendar, the measure, and what the caller decided."""

    by: tuple[str, ...]
    every: str | None
    time_zone: str
    measure: Measure
    choices: Mapping[str, Any]
    kinds: bool = False

    @classmethod
    def of(
        cls,
        by: str | Sequence[str] | None,
        every: str | None,
        time_zone: str,
        measure: Measure,
        choices: Mapping[str, Any],
        *,
        kinds: bool = False,
    ) -> Question:
        """Check the words before anything is read."""
        check_choices(choices, measure)
        check_calendar(every, time_zone)
        names = by_columns(by)
        check_dims(names, RESERVED)
        return cls(names, every, time_zone, measure, choices, kinds)


def build(native: Native, question: Question) -> pl.DataFrame:
    """Answer a question with its table."""
    digested = matched(native, question)
    return ordered(added_up(digested, question), question)


def matched(native: Native, question: Question) -> Digest:
    """Read the frame, check it, and let tokens meet money; what was chosen is told in one warning."""
    bin = QUARTER_HOUR if needs_hours(question.every, question.time_zone) else DAY
    asked = ("matched", question.by, question.measure, question.kinds, bin)

    def read() -> Digest:
        return _matched(native, question, bin)

    result = read() if question.choices else native.once(asked, read)
    if result.told:
        tell("; ".join(result.told) + ".", stacklevel=_STACK)
    return result


def _matched(native: Native, question: Question, bin: int) -> Digest:
    choices, whole = question.choices, native
    native, told = within_period(reduced(native, question.by), choices.get("overhang"))

    def read(records: Native, bin: int) -> Digest:
        return digest(
            records,
            question.by,
            measure=question.measure,
            bin=bin,
            kinds=question.kinds,
            billing_currency=choices.get("billing_currency"),
            said=Said.of(choices),
        )

    _, counted = checked(native, read, choices, bin)
    result = match(counted, choices.get("contract"))
    return replace(result, told=(*told, *result.told, *spans_told(whole, counted)))


def added_up(digested: Digest, question: Question, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """Add the matched rows up by bucket, dimensions and currency, and divide."""
    rows, keys = digested.rows, [*digested.dims, *extra]
    if question.every is not None:
        rows, keys = with_buckets(digested, question.every, question.time_zone), [BUCKET, *keys]
    kinds = [c for c in rows.columns if c.startswith(("priced_", "unpriced_", "included_"))]
    sums = ["money", "money_n", "other", "matched_n", "priced", "unpriced", "included", *kinds]
    spread = ["spread"] if question.every is not None else []
    table = rows.group_by(*keys, "currency").agg(pl.col(*sums, *spread).sum())
    return _divided(table, digested, keys, [c for c in kinds if not extra], bool(spread))


def _divided(table: pl.DataFrame, digested: Digest, keys: list[str], kinds: list[str], spread: bool) -> pl.DataFrame:
    stated = pl.col("money_n") > 0
    cost = pl.when(stated).then(pl.col("money"))
    other = pl.when(stated).then(pl.col("other"))
    # A sum of money below zero is a refund of more than was paid here: no price.
    priced = (pl.col("priced") > 0) & (pl.col("matched_n") > 0) & (cost - other >= 0)
    names = dict(zip(digested.dims, digested.by, strict=True))
    table = table.select(
        *(pl.col(key).alias(names.get(key, key)) for key in keys),
        "currency",
        cost.alias("cost"),
        other.alias("other_cost"),
        pl.col("priced").alias("tokens"),
        pl.when(priced).then((cost - other) / pl.col("priced") * 1e6).alias("cost_per_million_tokens"),
        pl.col("unpriced").alias("unpriced_tokens"),
        pl.col("included").alias("included_tokens"),
        *([pl.when(stated).then(pl.col("spread")).alias("spread_cost")] if spread else []),
        *kinds,
    )
    # A line that states neither money nor tokens says nothing.
    tokens = pl.sum_horizontal("tokens", "unpriced_tokens", "included_tokens")
    return table.filter(pl.col("cost").is_not_null() | (tokens != 0))


def ordered(table: pl.DataFrame, question: Question) -> pl.DataFrame:
    """Time first, then currencies in blocks, the largest cost first; ties by tokens, then by the dimensions."""
    first = [BUCKET] if question.every is not None else []
    rest = [c for c in question.by if table.schema[c].is_nested() is False]
    keys = [*first, "currency", "cost", "tokens", "unpriced_tokens", *rest]
    down = [name in ("cost", "tokens", "unpriced_tokens") for name in keys]
    return table.sort(keys, descending=down, nulls_last=True)
