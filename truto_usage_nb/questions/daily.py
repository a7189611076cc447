"""Money by day: what pacing and the search for unusual days stand on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from truto_usage_nb.costs.building import Question, matched
from truto_usage_nb.costs.digest import check_dims
from truto_usage_nb.native import Native

__all__ = ["Days", "Key", "Stream", "money_days"]

Key = tuple[Any, ...]
"""The values of `by`, then the currency."""
_EPOCH = date(1970, 1, 1)


@dataclass(slots=True)
class Stream:
    """One account's money under one key: by day, and by span (start, end exclusive) where a record is longer."""

    account: str | None
    integration: str | None
    days: dict[date, float] = field(default_factory=lambda: defaultdict(float))
    spans: list[tuple[date, date, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Days:
    """Hold every stream by key, the days on which each account has any record of a day or less, and `by`'s dtypes."""

    by: tuple[str, ...]
    dtypes: dict[str, pl.DataType]
    streams: dict[Key, list[Stream]]
    held: dict[str | None, set[date]]

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
    """Read a frame's billed money a day, each counted once; what was chosen is told in one warning."""
    question = Question.of(by, None, "UTC", "billed", choices)
    check_dims(question.by, reserved)
    read = matched(native, question)
    rows = read.rows.filter(pl.col("start").is_not_null())
    streams: dict[tuple[Key, str | None], Stream] = {}
    held: dict[str | None, set[date]] = defaultdict(set)
    columns = [*read.dims, "currency", "integrated_account_id", "integration", "start", "end", "money", "money_n"]
    day = lru_cache(_day)  # thousands of rows are of a few days
    for *key, account, integration, start, end, money, stated in rows.select(columns).iter_rows():
        last = max(end if end is not None else start, start + 1)
        first, single = day(start), last - start <= 1
        if single:
            held[account].add(first)
        if not stated:
            continue
        stream = streams.setdefault((tuple(key), account), Stream(account, integration))
        if single:
            stream.days[first] += money
        else:
            stream.spans.append((first, day(last), money))
    grouped: dict[Key, list[Stream]] = defaultdict(list)
    for (own, _), stream in streams.items():
        grouped[own].append(stream)
    dtypes = {name: rows.schema[dim] for name, dim in zip(read.by, read.dims, strict=True)}
    return Days(read.by, dtypes, dict(grouped), dict(held))


def _day(number: int) -> date:
    return _EPOCH + timedelta(days=number)
