"""A snapshot's records as the parts of a report ask them, and what a period is compared with.

Cut to what each question is of, the rule applied once; compared with the period before, and of one that runs with the
same days of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import cast

import polars as pl

from truto_usage_nb.costs.lines import as_frame, precomputed
from truto_usage_nb.errors import FrameError
from truto_usage_nb.native import Native
from truto_usage_nb.planning import Period
from truto_usage_nb.questions.changes import Sides, held_to
from truto_usage_nb.reports.loading import BY_USER, period_before
from truto_usage_nb.result import UsageResult

__all__ = ["Comparison", "Records", "compare", "is_running", "of_longer", "starting_in"]


@dataclass(frozen=True)
class Records:
    """Hold the records of a period, and of the one before, ready to be asked.

    Every helper takes one of these for a frame. What is found of it stays found, so ask the same one again; its
    `original` is the frame alone. `lines` are for a question of some of the records: filter them, then ask.
    """

    result: UsageResult
    period: Period

    @cached_property
    def _all(self) -> pl.DataFrame:
        try:
            return precomputed(self.result.polars)
        except FrameError:  # a frame without all columns: who asks what cannot be known is told so
            return self.result.polars

    @cached_property
    def now(self) -> Native:
        """The records of the period."""
        return as_frame(self._now)

    @cached_property
    def plain(self) -> Native:
        """Those without Claude's views by user, which state the same again."""
        return as_frame(self._plain)

    @cached_property
    def drawable(self) -> Native:
        """Those whose charges name their currency, which is what a chart can draw."""
        return as_frame(self.lines)

    @cached_property
    def before(self) -> Native | None:
        """The records of the period before; None where the snapshot does not reach back."""
        return None if self._before is None else as_frame(self._before)

    @cached_property
    def both(self) -> Native | None:
        """The records of the period and of the one before, without views by user."""
        if self._before is None:
            return None
        return as_frame(pl.concat([self._before, self._plain], how="diagonal_relaxed"))

    def both_without(self, accounts: Sequence[str]) -> Native | None:
        """Give `both` without some accounts: those of which one of the two periods has nothing."""
        if not accounts or self.both is None:
            return self.both
        frame = pl.concat([cast("pl.DataFrame", self._before), self._plain], how="diagonal_relaxed")
        return as_frame(frame.filter(~pl.col("integrated_account_id").is_in(accounts).fill_null(value=False)))

    @cached_property
    def lines(self) -> pl.DataFrame:
        """What `drawable` holds, with what the rule says of each: to be filtered and given to `asked`."""
        return _named(self._plain)

    @cached_property
    def drawable_both(self) -> Native:
        """`drawable`, and such records of the period before, where the snapshot reaches back."""
        if self._before is None:
            return self.drawable
        return as_frame(pl.concat([_named(self._before), self.lines], how="diagonal_relaxed"))

    @cached_property
    def _now(self) -> pl.DataFrame:
        return starting_in(self._all, self.period, undated=True)

    @cached_property
    def _plain(self) -> pl.DataFrame:
        return self._now.filter(~pl.col("report_type").is_in(BY_USER).fill_null(value=False))

    @cached_property
    def _before(self) -> pl.DataFrame | None:
        held, wanted = self.result.period, period_before(self.period)
        if held is None or held.start > wanted.start:
            return None
        return starting_in(self._all, wanted, undated=False)


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    nameless = pl.col("charges").list.eval(pl.element().struct.field("currency").is_null()).list.any()
    return frame.filter(~nameless.fill_null(value=False))


def starting_in(frame: pl.DataFrame, span: Period, *, undated: bool) -> pl.DataFrame:
    """Keep the records that start in a period, and those without a start where asked."""
    start = pl.col("start_date")
    inside = (start >= span.start) & (start < span.end)
    return frame.filter(inside.fill_null(value=undated))


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
    if records.before is None or not _original(records.before).height:
        return None
    period, before = records.period, period_before(records.period)
    if not is_running(records):
        return Comparison(period, before, so_far=False)
    spans = (
        _original(records.plain)
        .select("integrated_account_id", begin="start_date", finish=pl.coalesce("end_date", "start_date"))
        .filter(pl.col("finish") - pl.col("begin") <= _DAY)
    )
    until = held_to(spans, period.start, period.end, records.result.fetched_at)
    if until is None:
        return None
    days = min(until - period.start, before.end - before.start)
    return Comparison(Period(period.start, period.start + days), Period(before.start, before.start + days), so_far=True)


def _original(records: Native) -> pl.DataFrame:
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
