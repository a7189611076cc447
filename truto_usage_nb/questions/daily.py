"""Money by day: what pacing and the search for unusual days stand on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from truto_usage_nb.costs.choices import Question, check_dims
from truto_usage_nb.costs.digest import Digest, DigestPlan, digest, reduced
from truto_usage_nb.costs.series_of_record import DAY, is_running_total
from truto_usage_nb.costs.tables import matched
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.native import Native, with_instants

__all__ = ["Days", "Key", "Span", "Stream", "money_days"]

Key = tuple[Any, ...]
"""The values of `by`, then the currency."""
_EPOCH = date(1970, 1, 1)


@dataclass(slots=True)
class Span:
    """Money of records longer than a day, [start, until).

    `grows` is the part of it that grows with the days counted, `updated` when they were counted, where that is known.
    """

    start: date
    until: date
    money: float
    grows: float = 0.0
    updated: datetime | None = None


@dataclass(slots=True)
class Stream:
    """One account's money under one key: by day, and by span where a record is longer.

    `taken_back` is the part of a day's money that is negative: refunds, and the like.
    """

    account: str | None
    integration: str | None
    days: dict[date, float] = field(default_factory=lambda: defaultdict(float))
    spans: list[Span] = field(default_factory=list)
    taken_back: dict[date, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, day: date, money: float) -> None:
        self.days[day] += money
        if money < 0:
            self.taken_back[day] += money


@dataclass(frozen=True, slots=True)
class Days:
    """Hold every stream by key, the days on which each account has any record of a day or less, and `by`'s dtypes.

    `totalled` says up to when (microseconds since 1970) the running totals of an account tell, which has no other
    money: they are its days by what they grew.
    """

    by: tuple[str, ...]
    dtypes: dict[str, pl.DataType]
    streams: dict[Key, list[Stream]]
    held: dict[str | None, set[date]]
    totalled: dict[str | None, int]

    def billed_otherwise(self, account: str | None, currency: str | None) -> set[date]:
        """The days on which an account is billed, but not in this currency: it has moved on, or not come yet."""
        own: set[date] = set()
        others: set[date] = set()
        for key, streams in self.streams.items():
            days = {
                day for stream in streams if stream.account == account for day, money in stream.days.items() if money
            }
            (own if key[-1] == currency else others).update(days)
        return others - own

    @property
    def last(self) -> date | None:
        """The last day on which any account has a record."""
        return max((max(days) for days in self.held.values() if days), default=None)


def money_days(
    native: Native, by: str | Sequence[str] | None, choices: Mapping[str, Any], reserved: tuple[str, ...]
) -> Days:
    """Read a frame's billed money a day, each counted once; what was chosen is told in one warning.

    Where an account's only money are running totals, a day's is what they grew by.
    """
    question = Question.of(by, None, "UTC", "billed", choices)
    check_dims(question.by, reserved)
    read = matched(native, question)
    rows = read.rows.filter(pl.col("start").is_not_null())
    sums = _Sums()
    totals = _running_totals(native, question, read)
    columns = [*read.dims, "currency", "integrated_account_id", "integration", "start", "end", "money", "money_n"]
    day, a_day = lru_cache(read.date), DAY // read.bin  # thousands of rows are of a few days
    for *key, account, integration, start, end, money, stated in rows.select(columns).iter_rows():
        last = max(end if end is not None else start, start + 1)
        first, single = day(start), last - start <= a_day
        if account in totals:
            continue
        if single:
            sums.held[account].add(first)
        if not stated:
            continue
        stream = sums.stream(tuple(key), account, integration)
        if single:
            stream.add(first, money)
        else:
            stream.spans.append(Span(first, max(day(last), first + timedelta(days=1)), money))
    for growth in totals.values():
        growth.into(sums)
    dtypes = {name: rows.schema[dim] for name, dim in zip(read.by, read.dims, strict=True)}
    return Days(read.by, dtypes, sums.grouped(), dict(sums.held), {a: one.until for a, one in totals.items()})


@dataclass(slots=True)
class _Sums:
    """What is added up on the way."""

    streams: dict[tuple[Key, str | None], Stream] = field(default_factory=dict)
    held: dict[str | None, set[date]] = field(default_factory=lambda: defaultdict(set))

    def stream(self, key: Key, account: str | None, integration: str | None) -> Stream:
        return self.streams.setdefault((key, account), Stream(account, integration))

    def grouped(self) -> dict[Key, list[Stream]]:
        grouped: dict[Key, list[Stream]] = defaultdict(list)
        for (own, _), stream in self.streams.items():
            grouped[own].append(stream)
        return dict(grouped)


@dataclass(slots=True)
class _Growth:
    """The states of one account's running totals: what each cycle had come to by when, in microseconds."""

    account: str | None
    integration: str
    states: dict[tuple[Key, int, str], dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    """By key, where the cycle begins, and what is totalled."""

    @property
    def until(self) -> int:
        return max(moment for states in self.states.values() for moment in states)

    def into(self, sums: _Sums) -> None:
        for (key, begin, _), states in self.states.items():
            stream, earlier, money = sums.stream(key, self.account, self.integration), begin, 0.0
            for moment, state in sorted(states.items()):
                for day, share in _spread(earlier, moment):
                    stream.add(day, (state - money) * share)
                    sums.held[self.account].add(day)
                earlier, money = moment, state


def _spread(start: int, end: int) -> Iterator[tuple[date, float]]:
    """Yield the days between two instants and the share of the time that each has; the day itself where there is none.

    >>> [(f"{day:%d}", share) for day, share in _spread(0, 5 * DAY // 2)]
    [('01', 0.4), ('02', 0.4), ('03', 0.2)]
    """
    if end <= start:
        yield _day(max(end - 1, 0) // DAY), 1.0
        return
    for number in range(start // DAY, (end - 1) // DAY + 1):
        inside = min(end, (number + 1) * DAY) - max(start, number * DAY)
        yield _day(number), inside / (end - start)


def _running_totals(native: Native, question: Question, read: Digest) -> dict[str | None, _Growth]:
    """Read what each state of a running total says, for the accounts that have no money but running totals."""
    in_cycles = integrations_that(lambda each: each.cycle)
    stating = read.rows.filter((pl.col("money_n") > 0) & pl.col("integration").is_in(in_cycles))
    if not stating.height:
        return {}
    states = _states(native, question)
    if not states.rows.height:
        return {}
    spans = set(_when(states, states.rows))
    found = _grown(states)
    for account, *span in _when(read, stating):
        if (account, *span) not in spans:  # it has money beside
            found.pop(account, None)
    return found


def _when(read: Digest, rows: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    days = (pl.col(name) * read.bin // DAY for name in ("start", "end"))
    return rows.select("integrated_account_id", *days).iter_rows()


def _states(native: Native, question: Question) -> Digest:
    whole = reduced(native, question.by)
    columns = whole.columns
    seen = with_instants(whole, whole.frame, {"__start": "start_date", "__end": "end_date"})
    running = seen.filter(is_running_total(columns)).select(*columns)
    return digest(replace(whole, frame=running), DigestPlan.of(question.by, question.choices))


def _grown(states: Digest) -> dict[str | None, _Growth]:
    found: dict[str | None, _Growth] = {}
    rows = states.rows.filter((pl.col("money_n") > 0) & pl.col("cycle").is_not_null() & pl.col("start").is_not_null())
    columns = [*states.dims, "currency", "integrated_account_id", "integration", "series", "cycle", "start", "seen"]
    for *key, account, integration, series, cycle, start, seen, money in rows.select(*columns, "money").iter_rows():
        begin = states.date(start)
        first = begin if series == "spend" else begin.replace(day=1)
        growth = found.setdefault(account, _Growth(account, integration))
        of = growth.states[tuple(key), (first - _EPOCH).days * DAY, cycle]
        of[seen] = of.get(seen, 0.0) + money
    return found


def _day(number: int) -> date:
    return _EPOCH + timedelta(days=number)
