"""What past days say of the days to come: a rhythm of days, and what grows of records that are longer than one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from statistics import median
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.series_of_record import DAY
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, nothing_like, with_instants
from truto_usage_nb.questions.daily import Days, RowKey, Span, Stream

__all__ = ["ENOUGH", "RECENT", "Growth", "Rhythm", "grown", "mark_growing", "root_mean_square"]

_WEEKS = 56
"""Days that a weekday's worth is read from."""
RECENT = 21
"""Days that the level is read from."""
ENOUGH = 7
"""Days below which nothing is said."""
_TRAINED = 14
"""Days that a past forecast is made from, at least."""
_WILD = 0.5
"""How far beyond what is usual a day may lie, as a share of it, where its account's days do not differ by more."""
_COMES = 5
"""Days with a cost that what comes and goes needs to be expected."""
_AROUND = 3
"""Days before and after the same day last month."""
_SPREADS = 3 * 1.4826
"""Three usual spreads: the median distance from the usual, times 1.4826, is a standard deviation where it is normal."""
_Worth = tuple[float, ...]
"""What a day is worth, Monday first."""


@dataclass(slots=True)
class _Tally:
    """Hold running sums of some days' money, and of how many they are, by weekday."""

    money: list[float]
    counts: list[list[int]]

    @classmethod
    def of(cls, days: Sequence[date], money: Sequence[float], chosen: Sequence[bool]) -> _Tally:
        sums = accumulate((m if c else 0.0 for m, c in zip(money, chosen, strict=True)), initial=0.0)
        weekdays = [[c and d.weekday() == w for d, c in zip(days, chosen, strict=True)] for w in range(7)]
        return cls(list(sums), [list(accumulate(map(int, of), initial=0)) for of in weekdays])

    def sum(self, start: int, end: int) -> float:
        return self.money[end] - self.money[start]

    def count(self, start: int, end: int) -> int:
        return sum(of[end] - of[start] for of in self.counts)

    def worth(self, worth: _Worth, start: int, end: int) -> float:
        """What these days are worth together."""
        return math.fsum(w * (of[end] - of[start]) for w, of in zip(worth, self.counts, strict=True))


@dataclass(slots=True)
class Rhythm:
    """Read the rhythm of an account's known days, `{day: money}`, and forecast by it.

    **The week.** A weekday is worth the median of its last eight weeks; a day to come costs that, times how the last
    three weeks stand to theirs.
    **The month.** Where an allowance runs out, a day is like the same day last month: the median of the seven days
    around it, each taken to an average weekday, times its own weekday's share, times how this month so far stands to
    the same days of the last (with a week's worth added to both, lest the first days decide).
    `misses` takes the one that would have missed the sums of past days by less.

    A wild day, beyond half of its weekday's worth or three usual spreads and not like last month either, is left out of
    what is learned, unless most days of the last week are wild: that is how things are now.
    """

    known: dict[date, float]
    by_month: bool = field(init=False, default=False)
    _days: list[date] = field(init=False)
    _worth: _Worth = field(init=False)
    _shares: _Worth = field(init=False)
    _heights: list[float | None] = field(init=False)
    """The days' money, each taken to an average weekday."""
    _all: _Tally = field(init=False)
    _calm: _Tally = field(init=False)
    _is_like: list[bool] = field(init=False)
    _like: dict[tuple[int, int], float | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        first, last = min(self.known), max(self.known)
        self._days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        self._worth = self._worth_at(len(self._days))
        held = [day in self.known for day in self._days]
        money = [self.known.get(day, 0.0) for day in self._days]
        worth = [self._worth[day.weekday()] for day in self._days]
        levels = [m / w for m, w, h in zip(money, worth, held, strict=True) if h and w > 0]
        give, comes = _give(levels), _comes_and_goes(self.known.values())
        self._shares = _shares(self._days, self.known)
        shares = [self._shares[day.weekday()] for day in self._days]
        self._heights = [m / s if h and s > 0 else None for m, s, h in zip(money, shares, held, strict=True)]
        near = [comes or abs(m - w) <= give * w for m, w in zip(money, worth, strict=True)]
        self._is_like = [h and (near[i] or self._is_as_last_month(i, give)) for i, h in enumerate(held)]
        self._all, self._calm = (_Tally.of(self._days, money, chosen) for chosen in (held, self._is_like))

    def forecast(self, days: Sequence[date]) -> list[float]:
        """Say what each of these days to come will cost."""
        now = len(self._days)
        month = self._month(now, days) if self.by_month else None
        if month is not None:
            return month
        level = self._level(now, self._worth)
        return [level * self._worth[day.weekday()] for day in days]

    def misses(self, ahead: int) -> dict[date, float]:
        """Choose the rhythm for so many days to come, and give what it would have missed them by: by the last day then
        known, what the days after it came to less the forecast, without wild days.

        Where fewer days are known since, at least a week (or all that are asked for), the miss is taken to `ahead` in
        proportion. Where last month was not known yet, the week's rhythm stands for the month's.
        """
        week: dict[date, float] = {}
        month: dict[date, float] = {}
        for at in range(_TRAINED, len(self._days)):
            until = min(at + ahead, len(self._days))
            if until - at < min(ahead, ENOUGH):
                break
            came, whole = self._calm.sum(at, until), ahead / (until - at)
            worth = self._worth_at(at)
            week[self._days[at - 1]] = whole * (came - self._level(at, worth) * self._calm.worth(worth, at, until))
            by_month = self._month(at, [self._days[i] for i in range(at, until) if self._is_like[i]])
            if by_month is not None:
                month[self._days[at - 1]] = whole * (came - math.fsum(by_month))
        nearer = root_mean_square(month.values()) < root_mean_square(week[day] for day in month) * (1 - 1e-9)
        self.by_month = len(month) >= ENOUGH and nearer
        return {**week, **month} if self.by_month else week

    def spread(self) -> float:
        """The root mean square of what the known days missed their forecast by, wild ones aside."""
        level = self._level(len(self._days), self._worth)
        calm = [day for day, like in zip(self._days, self._is_like, strict=True) if like]
        return root_mean_square(self.known[day] - level * self._worth[day.weekday()] for day in calm)

    def _worth_at(self, at: int) -> _Worth:
        """What weekdays were worth before a place."""
        days = self._days[max(at - _WEEKS, 0) : at]
        return _worth({day: self.known[day] for day in days if day in self.known})

    def _level(self, at: int, worth: _Worth) -> float:
        """How the last three weeks before a place stand to their weekdays' worth."""
        start, tally = max(at - RECENT, 0), self._calm if self._is_calm(at) else self._all
        beside = tally.worth(worth, start, at)
        return tally.sum(start, at) / beside if beside > 0 else 0.0

    def _is_calm(self, at: int) -> bool:
        """Whether most of the last week's days are like their kind."""
        start = max(at - ENOUGH, 0)
        held = self._all.count(start, at)
        return 2 * self._calm.count(start, at) > held or held == 0

    def _is_as_last_month(self, place: int, give: float) -> bool:
        height, like = self._heights[place], self._like_last_month(len(self._days), self._days[place])
        return height is not None and like is not None and abs(height - like) <= give * like

    def _month(self, at: int, days: Sequence[date]) -> list[float] | None:
        """What each of these days costs by the month's rhythm, as known before a place; None without last month."""
        like = [one for day in days if (one := self._like_last_month(at, day)) is not None]
        if not like or len(like) < len(days):
            return None
        factor = self._month_so_far(at, days[0])
        return [factor * one * self._shares[day.weekday()] for one, day in zip(like, days, strict=True)]

    def _month_so_far(self, at: int, day: date) -> float:
        """How the days of a month before a place stand to what the month before says of them."""
        came = expected = 0.0
        for i in range(max((day.replace(day=1) - self._days[0]).days, 0), at):
            like = self._like_last_month(at, self._days[i])
            if like is not None and self._is_like[i]:
                came += self.known[self._days[i]]
                expected += like * self._shares[self._days[i].weekday()]
        more = math.fsum(self._worth)
        return (came + more) / (expected + more) if expected + more > 0 else 0.0

    def _like_last_month(self, at: int, day: date) -> float | None:
        """The median of the seven days around the same day last month, where four are known before a place."""
        middle = (_last_month(day) - self._days[0]).days
        start, end = max(middle - _AROUND, 0), max(min(middle + _AROUND + 1, at), 0)
        if (start, end) not in self._like:
            heights = [height for height in self._heights[start:end] if height is not None]
            self._like[start, end] = median(heights) if len(heights) > _AROUND else None
        return self._like[start, end]


@lru_cache(maxsize=512)
def _last_month(day: date) -> date:
    """The same day last month, or its last where it had no such day."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


def _worth(known: dict[date, float]) -> _Worth:
    """The median of each weekday; of all days for a weekday seen once or never.

    What comes and goes has no week: a day is worth the mean of all, or nothing where fewer than five cost anything.
    """
    if not known:
        return (0.0,) * 7
    if _comes_and_goes(known.values()):
        often = sum(map(bool, known.values())) >= _COMES
        return (math.fsum(known.values()) / len(known) if often else 0.0,) * 7
    whole = median(known.values())
    seen = [[money for day, money in known.items() if day.weekday() == weekday] for weekday in range(7)]
    return tuple(median(each) if len(each) > 1 else whole for each in seen)


def _comes_and_goes(money: Iterable[float]) -> bool:
    """Whether fewer than half of the days cost anything."""
    costs = [bool(one) for one in money]
    return 2 * sum(costs) < len(costs)


def _shares(days: Sequence[date], known: dict[date, float]) -> _Worth:
    """What a weekday costs beside the mean of the seven days around it: the median, or 1 where no such day is known."""
    seen: list[list[float]] = [[] for _ in range(7)]
    for day in days[_AROUND : len(days) - _AROUND]:
        week = [known[one] for i in range(-_AROUND, _AROUND + 1) if (one := day + timedelta(days=i)) in known]
        if day in known and len(week) > 2 * _AROUND and math.fsum(week) > 0:
            seen[day.weekday()].append(known[day] * len(week) / math.fsum(week))
    return tuple(median(each) if each else 1.0 for each in seen)


def _give(levels: Sequence[float]) -> float:
    """How far from its weekday's worth a day may lie, as a share of it."""
    away = [abs(level - 1) for level in levels[-_WEEKS:]]
    return max(_WILD, _SPREADS * median(away)) if away else _WILD


def root_mean_square(values: Iterable[float]) -> float:
    """Give the root of the mean of the squares, 0 of nothing."""
    squares = [value**2 for value in values]
    return math.sqrt(math.fsum(squares) / len(squares)) if squares else 0.0


# records longer than a day: what of them is fixed, and what grows with the days that are counted ----------------------

_GROWS = ("charges_on_demand", "charges_usage_based")
_FIXED = ("charges_committed", "charges_platform_fee")
_OPEN_ENOUGH = 7
"""Days that an open record needs to speak for itself, where none came before it."""
_MIDDLE = 0.8
"""The middle part of an even spread that holds four of five outcomes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


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
    rows = rows.filter((nw.col("__end") - nw.col("__start") > DAY).fill_null(False))
    amounts = [name for name in (*_GROWS, *_FIXED) if name in have]
    names = list(dict.fromkeys((*by, "integrated_account_id", *amounts)))
    held = collect(rows.select(*names, "__start", "__end", "__updated"))
    keys = {f"k{i}": pl.col(name) for i, name in enumerate((*by, "integrated_account_id"))}
    first = pl.col("__start") // DAY
    length = (pl.col("__end") - pl.col("__start") + (DAY - 1)) // DAY
    keys |= {"first": first, "until": first + length}
    sums = {
        part: pl.sum_horizontal(pl.lit(0.0), *(pl.col(c).cast(pl.Float64).fill_null(0.0) for c in kinds if c in have))
        for part, kinds in (("grows", _GROWS), ("fixed", _FIXED))
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
    money: dict[RowKey, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def length(self) -> int:
        return (self.until - self.start).days

    def add(self, key: RowKey, span: Span) -> None:
        self.money[key] += span.grows
        if span.updated is not None:
            self.updated = max(self.updated or span.updated, span.updated)

    def bounds(self, seen: datetime, late: timedelta) -> tuple[float, float]:
        """The fewest and the most days that may be counted: the vendor is late by so much, or not at all."""
        passed = ((self.updated or seen) - datetime.combine(self.start, time(), UTC)) / _DAY
        least, most = (min(max(days, 0.0), float(self.length)) for days in (passed - late / _DAY, passed))
        return least, most


def grown(streams: dict[RowKey, list[Stream]], seen: datetime) -> Iterator[tuple[RowKey, str | None, Growth]]:
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


def _growth(cycle: _Cycle, before: list[_Cycle], key: RowKey, bounds: tuple[float, float]) -> Growth:
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
    half = math.hypot(off, rate * _MIDDLE * (most - least) / 2)
    return Growth(cycle.start, length, money, counted, rate, half, known=True)


def _alone(cycle: _Cycle, money: float, least: float, most: float) -> Growth:
    """The outlook of a record that none came before."""
    counted = (least + most) / 2
    known = most >= _OPEN_ENOUGH and least > 0
    rate = money / counted if counted else 0.0
    half = _MIDDLE * (money / least - money / most) * cycle.length / 2 if known else 0.0
    return Growth(cycle.start, cycle.length, money, counted, rate, half, known)
