"""What a period is compared with: the one before it, and of one that runs the same days of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import polars as pl

from truto_usage_nb.native import Native
from truto_usage_nb.planning import Period
from truto_usage_nb.questions.changes import Sides, held_to
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.records import Records

__all__ = ["Comparison", "compare", "days_alone", "is_running", "of_longer"]

_DAY = timedelta(days=1)
_DUST = 1e-9


@dataclass(frozen=True)
class Comparison:
    """The days that are compared. `so_far`: the period runs, so they are those of it that every account holds, and as
    many of the period before; what is stated for longer than a day is left out of both, for nobody knows its days."""

    now: Period
    before: Period
    so_far: bool

    @property
    def sides(self) -> Sides:
        return Sides((self.before.start, self.before.end), (self.now.start, self.now.end), by_day=self.so_far)

    def cut(self, bill: pl.DataFrame, *, earlier: bool = False) -> pl.DataFrame:
        """Keep what of a bill by day is compared."""
        if not self.so_far:
            return bill
        span = self.before if earlier else self.now
        day = pl.col("period_start")
        return days_alone(bill.filter((day >= span.start) & (day < span.end)))


def is_running(records: Records) -> bool:
    """Whether the period had not ended when the records were loaded."""
    return records.result.fetched_at < records.period.end


def compare(records: Records) -> Comparison | None:
    """Say which days are compared; None where there is nothing to compare, or nothing to compare it with."""
    if records.before is None or not _frame(records.before).height:
        return None
    period, before = records.period, period_before(records.period)
    if not is_running(records):
        return Comparison(period, before, so_far=False)
    spans = (
        _frame(records.plain)
        .select("integrated_account_id", begin="start_date", finish=pl.coalesce("end_date", "start_date"))
        .filter(pl.col("finish") - pl.col("begin") <= _DAY)
    )
    until = held_to(spans, period.start, period.end, records.result.fetched_at)
    if until is None:
        return None
    days = min(until - period.start, before.end - before.start)
    return Comparison(Period(period.start, period.start + days), Period(before.start, before.start + days), so_far=True)


def _frame(records: Native) -> pl.DataFrame:
    return cast("pl.DataFrame", records.original)


def days_alone(bill: pl.DataFrame) -> pl.DataFrame:
    """Take out of a bill by day what is spread over days from a longer record."""
    spread = pl.col("spread_cost").fill_null(0.0)
    rest = pl.col("cost") - spread
    return bill.filter((spread == 0) | (rest.abs() > _DUST)).with_columns(cost=rest)


def of_longer(bill: pl.DataFrame) -> pl.DataFrame:
    """What of a bill by day is stated for longer than a day, by vendor and currency."""
    spread = bill.filter(pl.col("spread_cost").fill_null(0.0) != 0)
    return spread.group_by("integration", "currency").agg(pl.col("spread_cost").sum().alias("cost"))
