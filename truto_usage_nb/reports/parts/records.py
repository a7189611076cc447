"""A snapshot's records as the parts of a report ask them: cut to what each question is of, the rule applied once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import polars as pl

from truto_usage_nb.costs.lines import as_frame, precomputed
from truto_usage_nb.errors import FrameError
from truto_usage_nb.native import Native
from truto_usage_nb.planning import Period
from truto_usage_nb.reports.loading import BY_USER, period_before
from truto_usage_nb.result import UsageResult

__all__ = ["BY_USER", "Records", "cut"]


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
        return cut(self._all, self.period, undated=True)

    @cached_property
    def _plain(self) -> pl.DataFrame:
        return self._now.filter(~pl.col("report_type").is_in(BY_USER).fill_null(value=False))

    @cached_property
    def _before(self) -> pl.DataFrame | None:
        held, wanted = self.result.period, period_before(self.period)
        if held is None or held.start > wanted.start:
            return None
        return cut(self._all, wanted, undated=False)


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    nameless = pl.col("charges").list.eval(pl.element().struct.field("currency").is_null()).list.any()
    return frame.filter(~nameless.fill_null(value=False))


def cut(frame: pl.DataFrame, span: Period, *, undated: bool) -> pl.DataFrame:
    """Keep the records that start in a period, and those without a start where asked."""
    start = pl.col("start_date")
    inside = (start >= span.start) & (start < span.end)
    return frame.filter(inside.fill_null(value=undated))
