"""Records longer than a day: what of them is fixed, and what grows with the days that are counted."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, nothing_like, with_instants
from truto_usage_nb.questions.daily import Days, Key, Span, Stream

__all__ = ["Growth", "grown", "mark_growing"]

GROWS = ("charges_on_demand", "charges_usage_based")
FIXED = ("charges_committed", "charges_platform_fee")
ENOUGH = 7
"""Days that an open record needs to speak for itself, where none came before it."""
FOUR_IN_FIVE = 0.8
"""The middle part of an even spread that holds four of five outcomes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_MICROSECONDS = 86_400_000_000


def mark_growing(days: Days, native: Native) -> None:
    """Set on each span how much of it grows, by the kinds of its charges, and when its records were last updated."""
    spans = [
        (key, stream, span) for key, streams in days.streams.items() for stream in streams for span in stream.spans
    ]
    if not spans:
        return
    found = _kinds(native, days.by)
    for key, stream, span in spans:
        share, span.updated = found.get((*key[:-1], stream.account, span.start, span.until), (0.0, None))
        span.grows = share * span.money


def _kinds(native: Native, by: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[float, datetime | None]]:
    """By the values of `by`, account, first day and end: the growing share of what is charged, and the last update."""
    have = native.columns
    moments = {"__start": "start_date", "__end": "end_date", "__updated": "updated_at"}
    rows = with_instants(native, native.frame, {name: column for name, column in moments.items() if column in have})
    if "updated_at" not in have:
        rows = rows.with_columns(__updated=nothing_like("__start"))
    rows = rows.filter((nw.col("__end") - nw.col("__start") > _MICROSECONDS).fill_null(False))
    amounts = [name for name in (*GROWS, *FIXED) if name in have]
    names = list(dict.fromkeys((*by, "integrated_account_id", *amounts)))
    held = collect(rows.select(*names, "__start", "__end", "__updated"))
    keys = {f"k{i}": pl.col(name) for i, name in enumerate((*by, "integrated_account_id"))}
    first = pl.col("__start") // _MICROSECONDS
    length = (pl.col("__end") - pl.col("__start") + (_MICROSECONDS - 1)) // _MICROSECONDS
    keys |= {"first": first, "until": first + length}
    sums = {
        part: pl.sum_horizontal(pl.lit(0.0), *(pl.col(c).cast(pl.Float64).fill_null(0.0) for c in kinds if c in have))
        for part, kinds in (("grows", GROWS), ("fixed", FIXED))
    }
    table = held.select(**keys, **sums, updated="__updated").group_by(*keys)
    found = {}
    for *key, first, until, grows, fixed, updated in table.agg(
        pl.col("grows", "fixed").sum(), pl.col("updated").max()
    ).iter_rows():
        share = min(max(grows / (grows + fixed), 0.0), 1.0) if grows + fixed else 0.0
        at = None if updated is None else _EPOCH + timedelta(microseconds=updated)
        found[*key, _EPOCH.date() + first * _DAY, _EPOCH.date() + until * _DAY] = (share, at)
    return found


@dataclass(frozen=True, slots=True)
class Growth:
    """Say what the growing part of one key's records of one account and span has come to, and will.

    `counted` are the days (of `length`) that are in `money`, `rate` is what a day to come costs, `half` how far four
    outcomes in five may lie from the whole, either side. It is not `known` where too few days speak for it.
    """

    start: date
    length: int
    money: float
    counted: float
    rate: float
    half: float
    known: bool

    def by_day(self, first: date, today: date, end: date) -> tuple[dict[date, float], float, float]:
        """Give of the days from first to end (excluded): the money of each before today, evenly over those counted,
        what is to come, and the half that belongs to it.
        """
        begin, stop = (first - self.start).days, min((end - self.start).days, self.length)
        counted = [min(1.0, self.counted - i) for i in range(max(math.ceil(self.counted), 0))]
        shares = {i: self.money * share / self.counted for i, share in enumerate(counted) if begin <= i < stop}
        if len(shares) == len(counted) > 0:  # the days of a whole record add up to it, to the last digit
            shares[len(counted) - 1] = self.money - math.fsum(list(shares.values())[:-1])
        spent = {day: money for i, money in shares.items() if (day := self.start + timedelta(days=i)) < today}
        left, ahead = self.length - self.counted, max(stop - max(begin, self.counted), 0.0)
        to_come = self.rate * ahead + math.fsum(shares.values()) - math.fsum(spent.values())
        return spent, to_come, self.half * ahead / left if left else 0.0


@dataclass(slots=True)
class _Cycle:
    """Hold what grows of one account's records of one span, by key."""

    start: date
    until: date
    updated: datetime | None = None
    money: dict[Key, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def length(self) -> int:
        return (self.until - self.start).days

    def add(self, key: Key, span: Span) -> None:
        self.money[key] += span.grows
        if span.updated is not None:
            self.updated = max(self.updated or span.updated, span.updated)

    def bounds(self, seen: datetime, late: timedelta) -> tuple[float, float]:
        """The fewest and the most days that may be counted: the vendor is late by so much, or not at all."""
        passed = ((self.updated or seen) - datetime.combine(self.start, time(), UTC)) / _DAY
        least, most = (min(max(days, 0.0), float(self.length)) for days in (passed - late / _DAY, passed))
        return least, most


def grown(streams: dict[Key, list[Stream]], seen: datetime) -> Iterator[tuple[Key, str | None, Growth]]:
    """Yield what becomes of every growing part: by key, account and span.

    The days counted are as many as the daily rate of the records before would need for what is stated so far, all keys
    of the account together: no more than had passed when it was stated, and no fewer than the vendor's lateness leaves.
    A day to come costs what the days counted and those of the records before cost, together. Without a record before,
    the days counted are the middle between the two bounds.
    Four in five: over the days to come, the rate is off by as much as that of this record or of one before differs
    from all before; and the days counted lie evenly between their bounds.
    """
    accounts: dict[tuple[str | None, str | None], list[_Cycle]] = {}
    late: dict[str | None, timedelta] = {}
    for key, of_key in streams.items():
        for stream in of_key:
            known = INTEGRATIONS.get(stream.integration or "")
            late[stream.account] = known.late if known else timedelta(0)
            for span in stream.spans:
                if span.grows:
                    _cycle(accounts.setdefault((stream.account, key[-1]), []), span).add(key, span)
    for (account, _), cycles in accounts.items():
        for cycle in cycles:
            before = [other for other in cycles if other.until <= cycle.start]
            bounds = cycle.bounds(seen, late[account])
            for key in cycle.money:
                yield key, account, _growth(cycle, before, key, bounds)


def _cycle(cycles: list[_Cycle], span: Span) -> _Cycle:
    found = next((one for one in cycles if (one.start, one.until) == (span.start, span.until)), None)
    if found is None:
        found = _Cycle(span.start, span.until)
        cycles.append(found)
    return found


def _growth(cycle: _Cycle, before: list[_Cycle], key: Key, bounds: tuple[float, float]) -> Growth:
    least, most = bounds
    money, length = cycle.money[key], cycle.length
    if least >= length:
        return Growth(cycle.start, length, money, length, 0.0, 0.0, known=True)
    days = sum(one.length for one in before)
    if not days:
        return _alone(cycle, money, least, most)
    whole, earlier = math.fsum(cycle.money.values()), math.fsum(m for one in before for m in one.money.values())
    counted = min(max(whole * days / earlier if earlier > 0 else most, least), most)
    past = math.fsum(one.money.get(key, 0.0) for one in before)
    rate = (money + past) / (counted + days)
    rates = [one.money.get(key, 0.0) / one.length for one in before] + ([money / counted] if counted else [])
    off = max(abs(one - past / days) for one in rates) * (length - counted)
    half = math.hypot(off, rate * FOUR_IN_FIVE * (most - least) / 2)
    return Growth(cycle.start, length, money, counted, rate, half, known=True)


def _alone(cycle: _Cycle, money: float, least: float, most: float) -> Growth:
    """The outlook of a record that none came before."""
    counted = (least + most) / 2
    known = most >= ENOUGH and least > 0
    rate = money / counted if counted else 0.0
    half = FOUR_IN_FIVE * (money / least - money / most) * cycle.length / 2 if known else 0.0
    return Growth(cycle.start, cycle.length, money, counted, rate, half, known)
