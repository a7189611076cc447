"""What a reader of the records is told, in the words that a load and a scan share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from truto_usage_nb.format import spans_named
from truto_usage_nb.planning import Period

__all__ = ["MORE_THAN_ASKED", "dateless_told", "outside_told", "overhang_told", "repeats_told", "spans_told"]

MORE_THAN_ASKED = "the service answered with more than was asked"


def overhang_told(count: int, accounts: Iterable[object], period: Period) -> list[str]:
    """Say that records stick out of the period, where some do."""
    if count == 0:
        return []
    names = ", ".join(sorted(map(str, accounts)))
    return [
        f"{count:,} records of {names} stick out of the period ({period}); they are whole, marked "
        "overhangs_period: say overhang='prorate', 'include' or 'drop' before their cost is tabled"
    ]


def outside_told(cut: pl.DataFrame, period: Period, billed: Callable[[pl.DataFrame], str], why: str) -> list[str]:
    """Say what was cut because it lies outside the period, and of whom; `billed` writes its money, or nothing."""
    if not cut.height:
        return []
    names = ", ".join(sorted(map(str, cut["integrated_account_id"].unique())))
    money = f" ({stated})" if (stated := billed(cut)) else ""
    noun, were = ("record", "was") if cut.height == 1 else ("records", "were")
    return [f"{cut.height:,} {noun} of {names}{money} outside the period ({period}) {were} left out: {why}"]


def spans_told(frame: pl.DataFrame) -> list[str]:
    """Say of which days each account's records are, where they differ by more than the last day: without a period
    every account answers for a span of its own."""
    if any(not isinstance(frame.schema.get(name), pl.Datetime) for name in ("start_date", "end_date")):
        return []
    last = pl.max_horizontal("start_date", pl.col("end_date") - pl.duration(microseconds=1))
    dated = frame.filter(pl.col("start_date").is_not_null())
    spans = dated.group_by("integrated_account_id", maintain_order=True).agg(
        pl.col("start_date").min().dt.date().alias("first"), last.max().dt.date().alias("last")
    )
    far = pl.col("first").n_unique() > 1, (pl.col("last").max() - pl.col("last").min()).dt.total_days() > 1
    if spans.height < 2 or not any(spans.select(first=far[0], last=far[1]).row(0)):
        return []
    return [
        "without a period each account answers for a span of its own, and they differ: "
        f"{spans_named(spans.rows())}; period= loads the same days of all"
    ]


def dateless_told(count: int) -> list[str]:
    """Say that records have no start, where some have none."""
    if count == 0:
        return []
    return [f"{count:,} records have no start_date; they are kept, though the period cannot be checked"]


def repeats_told(judged: pl.DataFrame, billed: Callable[[pl.DataFrame], str]) -> list[str]:
    """Say what became of the rows of `repeats.across`; `billed` writes what some of them are billed, or nothing."""
    from truto_usage_nb.repeats import RECORD, VERDICT

    dropped = judged.filter(pl.col(VERDICT).is_in(["same", "restated"]))
    if not dropped.height:
        return _contested_told(judged, billed)
    restated = dropped.filter(pl.col(VERDICT) == "restated")
    less, before = billed(dropped), billed(restated)
    told = f"{dropped.height:,} records came from more than one query; the newest of each is kept"
    told += f" ({less} left out)" if less else ""
    if restated.height:
        now = judged.filter(pl.col(RECORD).is_in(restated[RECORD].implode()), pl.col(VERDICT) == "stands")
        told += f"; {restated.height:,} of them had other figures before"
        told += f" ({before}, now {billed(now) or 'none'})" if before else ""
    return [told, *_contested_told(judged, billed)]


def _contested_told(judged: pl.DataFrame, billed: Callable[[pl.DataFrame], str]) -> list[str]:
    from truto_usage_nb.repeats import RECORD, VERDICT, day, difference

    contested = judged.filter(pl.col(VERDICT) == "contested")[RECORD]
    if not contested.len():
        return []
    kept = judged.filter(pl.col(RECORD).is_in(contested.implode()), pl.col(VERDICT).is_in(["stands", "contested"]))
    first = kept.filter(pl.col(RECORD) == pl.col(RECORD).first())
    record, money = first.row(0, named=True), billed(kept)
    name = f"{record['id']!r} of {record['integrated_account_id']} from {day(record['start_date'])}"
    return [
        f"{contested.n_unique():,} records came from more than one query with other figures, and none is newer: all "
        f"are kept{f', {money} together' if money else ''}, such as {name} ({difference(first)[1]}); cost tables "
        "refuse them until the wrong one is filtered out, or one of them has an id of its own"
    ]
