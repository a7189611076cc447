"""What a month comes to, row by row: the money there is, what of it is still to come, and the days ahead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from truto_usage_nb.questions.daily import Days, Key, Stream
from truto_usage_nb.questions.growing import Growth, grown
from truto_usage_nb.questions.looking import View
from truto_usage_nb.questions.moments import first_of_next
from truto_usage_nb.questions.rhythm import ENOUGH, RECENT, Rhythm, root_mean_square

__all__ = ["Ahead", "Row"]

FOUR_IN_FIVE = 1.2816
"""Standard deviations either side that hold four of five normal outcomes."""
HISTORY = 120
"""Days that are looked back."""
WAITED = timedelta(days=7)
"""How long a day that nobody told of is waited for."""
MOVED = 3
"""Days billed in another currency since the last in this one, never in both, after which an account has moved."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Row:
    """Hold what one row's month comes to: by day so far, by day to come, and how far either side four in five lie.

    `ahead` is what counts on its first day because it is stated for longer than a day. Without `known` there is no
    projection.
    """

    spent: Mapping[date, float]
    coming: Mapping[date, float]
    half: float
    ahead: float
    known: bool
    never_less: bool
    integrations: frozenset[str | None]

    @property
    def to_date(self) -> float:
        return math.fsum(self.spent.values())

    def range(self) -> tuple[float | None, float | None, float | None]:
        if not self.known:
            return None, None, None
        end = round(math.fsum([*self.spent.values(), *self.coming.values()]), 9)  # threads add in any order
        low = end - self.half
        return end, max(low, self.to_date) if self.never_less else low, end + self.half

    def breaks_on(self, budget: float | None) -> date | None:
        if budget is None:
            return None
        running = 0.0
        for day in sorted({*self.spent, *self.coming}):
            running += self.spent.get(day, 0.0) + self.coming.get(day, 0.0)
            if running > budget:
                return day
        return None


@dataclass(slots=True)
class _Row:
    """Gather a row."""

    spent: dict[date, float] = field(default_factory=dict)
    coming: dict[date, float] = field(default_factory=dict)
    ahead: float = 0.0
    missed: list[dict[date, float]] = field(default_factory=list)
    alone: float = 0.0
    unsure: float = 0.0
    known: bool = True
    never_less: bool = True
    touches: bool = False

    def half(self) -> float:
        return math.hypot(FOUR_IN_FIVE * (_together(self.missed) + self.alone), self.unsure)


def _together(missed: list[dict[date, float]]) -> float:
    """The root mean square of what accounts missed on the same days together.

    An account that shares fewer than a week of such days with those before it (the longest first) is added as it is.
    """
    shared: set[date] = set()
    sums: dict[date, float] = {}
    apart = 0.0
    for one in sorted(missed, key=len, reverse=True):
        common = shared & one.keys() if sums else set(one)
        if sums and len(common) < min(ENOUGH, len(shared)):
            apart += root_mean_square(one.values())
            continue
        shared = common
        sums = {day: sums.get(day, 0.0) + one[day] for day in common}
    return root_mean_square(sums.values()) + apart


@dataclass(frozen=True, slots=True)
class Ahead:
    """Work the rows of a month out."""

    days: Days
    view: View
    paid: dict[str | None, dict[str | None, set[date]]] = field(default_factory=dict)
    """The days on which an account is billed, by currency."""

    def rows(self) -> dict[Key, Row]:
        made = {key: _Row() for key in self.days.streams}
        for key, streams in self.days.streams.items():
            for stream in streams:
                days = {day for day, money in stream.days.items() if money and day < self.view.today}
                self.paid.setdefault(stream.account, {}).setdefault(key[-1], set()).update(days)
        for key, streams in self.days.streams.items():
            for stream in streams:
                self._add_fixed(made[key], stream)
                self._add_days(made[key], key, stream)
        for key, _, growth in grown(self.days.streams, self.view.seen):
            self._add_growth(made[key], growth)
        return {
            key: Row(
                row.spent, row.coming, row.half(), row.ahead, row.known, row.never_less,
                frozenset(stream.integration for stream in self.days.streams[key]),
            )
            for key, row in made.items()
            if row.touches
        }  # fmt: skip

    @property
    def _first(self) -> date:
        return self.view.first

    @property
    def _end(self) -> date:
        return first_of_next(self._first)

    def _add_fixed(self, row: _Row, stream: Stream) -> None:
        for span in stream.spans:
            inside = (min(span.until, self._end) - max(span.start, self._first)).days
            if inside > 0:
                share = (span.money - span.grows) * inside / (span.until - span.start).days
                _add(row.spent, max(span.start, self._first), share)
                row.ahead += share
                row.touches = True

    def _add_growth(self, row: _Row, growth: Growth) -> None:
        """Put what has grown on the days counted, and the rest on those to come."""
        if growth.start >= self._end or growth.start + timedelta(days=growth.length) <= self._first:
            return
        spent, to_come, half = growth.by_day(self._first, self.view.today, self._end)
        for day, money in spent.items():
            _add(row.spent, day, money)
        days = self._days_from(self.view.today) or [self._end - _DAY]
        for day in days if to_come else ():
            _add(row.coming, day, to_come / len(days))
        row.known &= growth.known
        row.unsure += half
        row.touches = True

    def _add_days(self, row: _Row, key: Key, stream: Stream) -> None:
        for day, money in stream.days.items():
            if self._first <= day < min(self._end, self.view.today):
                _add(row.spent, day, money)
                row.touches = True
        held = {day for day in self.days.held.get(stream.account, ()) if day < self.view.today}
        if not held or not stream.days or self._has_ended(key, stream, max(held)):
            return
        row.touches |= max(held) >= self._first or bool(self._days_from(self.view.today))
        known = held - self.view.unfinished(stream.account, held)
        since = max(min(stream.days), max(held) - HISTORY * _DAY)
        self._add_coming(row, stream, {day: stream.days.get(day, 0.0) for day in known if day >= since})

    def _has_ended(self, key: Key, stream: Stream, last: date) -> bool:
        """Whether the account is silent, or is billed in another currency now."""
        if (self.view.today - last).days > RECENT:
            return True
        paid = self.paid[stream.account]
        own = paid[key[-1]]
        until = max(own, default=last)
        others = (days for currency, days in paid.items() if currency != key[-1] and not days & own)
        return any(sum(until < day for day in days) >= MOVED for days in others)

    def _add_coming(self, row: _Row, stream: Stream, known: dict[date, float]) -> None:
        coming = [day for day in self._days_from(max(known) + _DAY if known else self._first) if self._may_come(day)]
        if not coming:
            return
        if len(known) < ENOUGH:
            row.known = False
            return
        rhythm = Rhythm(known)
        missed = rhythm.misses(len(coming))
        for day, money in zip(coming, rhythm.forecast(coming), strict=True):
            there = stream.days.get(day, 0.0) - stream.taken_back.get(day, 0.0) if day < self.view.today else 0.0
            _add(row.coming, day, max(money - there, 0.0) if there else money)
        if missed:
            row.missed.append(missed)
        else:
            row.alone += rhythm.spread() * math.sqrt(len(coming) + len(coming) ** 2 / len(known))
        row.never_less &= min(known.values()) >= 0

    def _may_come(self, day: date) -> bool:
        """Whether a day is still to come, or was not told of and may still be."""
        return day >= self.view.today or datetime.combine(day, time(), UTC) + _DAY + WAITED > self.view.seen

    def _days_from(self, day: date) -> list[date]:
        start = max(day, self._first)
        return [start + timedelta(days=i) for i in range((self._end - start).days)]


def _add(amounts: dict[date, float], day: date, money: float) -> None:
    amounts[day] = amounts.get(day, 0.0) + money
