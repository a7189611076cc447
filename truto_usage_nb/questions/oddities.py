"""Days on which something cost what it usually does not, by a rule that can be done by hand."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.errors import FrameError, tell
from truto_usage_nb.format import money
from truto_usage_nb.native import Native, enter
from truto_usage_nb.questions.daily import Days, RowKey, Stream, money_days, seen_at

__all__ = ["Judged", "judged", "unusual"]

_COLUMNS = ("day", "currency", "cost", "usual_low", "usual_high", "excess")
_WINDOW = timedelta(days=28)
_YEAR = timedelta(days=366)
_ENOUGH = 5
"""Other days of the same kind that a usual range needs."""
_SPREADS = 5.0
_SHARE = 0.25
_FLOOR = 0.02
"""Of what the line itself costs on an average day: nobody is woken for less."""
_SMALL = 1.0
"""Nor for less than this of any currency, or for two percent of an average day where all of it is small money."""
_MAD_TO_DEVIATION = 1.4826
_WEEKEND = 5


def unusual(frame: Any, by: str | Sequence[str] | None = None, **choices: Unpack[Choices]) -> Any:
    """Find the days on which something cost far more, or less, than it usually does.

    Comes back as the kind that came in, a row per unusual day, value of `by` and currency, by day: `cost` (billed),
    `usual_low` and `usual_high`, and `excess`, how far the cost lies beyond the nearer of the two (negative below).
    A frame without unusual days gives no rows.

    The rule: each line (value of `by` and currency) is judged by its own past. A working day is held against the other
    working days of the four weeks before and after, a Saturday or Sunday against the other Saturdays and Sundays. The
    usual range is their median, give or take the larger of five times their spread (the median distance from the
    median, times 1.4826) and a quarter of the median. One runaway does not widen it, since medians do not follow
    outliers. What costs nothing on most days is held against its days with a cost, where there are five, and nothing is
    usual too. A day that lies beyond its range by less than two percent of the line's own average day is not told, nor
    one by less than 1 of its currency (where a whole average day is small money: two percent of it), nor, where nothing
    is usual, one of less than half of what the line's other days with a cost come to.
    Records longer than a day, such as Datadog's months, are held in the same way against those of the same length of
    the year before them, and stand under their first day; one that is still open is judged only upwards. Days on which
    an account concerned has no record at all, which `coverage` lists, or is billed in another currency are left out.

    Warns with UsageWarning of what could not be judged, with its number and money: days with fewer than five others of
    their kind, records longer than a day without an earlier one.

    Raises FrameError where nothing could be judged: no line has six days of a kind, or a longer record before another.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("claude-console", period="2026-10")
    >>> tu.unusual(usage)["day"].dt.day().to_list()
    [19, 20, 21, 24, 25, 26, 28]
    """
    native = enter(frame)
    found = judged(native, by, choices)
    if found.told:
        tell(f"{found.told}.")
    return native.leave(found.table)


@dataclass(frozen=True, slots=True)
class Judged:
    """The table of `unusual`, the last day of each of its rows (`until`, in its order), and what was not judged."""

    table: pl.DataFrame
    until: list[date]
    told: str


@dataclass(slots=True)
class _Left:
    """What could not be judged: how many on which lines, and their money by currency."""

    count: int = 0
    lines: set[RowKey] = field(default_factory=set)
    money: dict[str | None, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, key: RowKey, cost: float) -> None:
        if cost:
            self.count += 1
            self.lines.add(key)
            self.money[key[-1]] += cost

    def told(self, one: str, many: str, why: str) -> str:
        sums = " and ".join(money(cost, currency or "XXX") for currency, cost in sorted(self.money.items(), key=str))
        lines = f"{len(self.lines):,} line{'s' if len(self.lines) > 1 else ''}"
        return f"{self.count:,} {one if self.count == 1 else many} on {lines}, {sums} ({why})"


@dataclass(slots=True)
class _Bench:
    """Where lines are judged: what is found, and what could not be judged."""

    matters: Callable[[date, date], bool]
    found: list[tuple[Any, ...]] = field(default_factory=list)
    short: _Left = field(default_factory=_Left)
    long: _Left = field(default_factory=_Left)
    any_judged: bool = False

    def judge(
        self, key: RowKey, first: date, last: date, cost: float, *, usual: tuple[float, float], floor: float
    ) -> None:
        self.any_judged = True
        if not self.matters(first, last) or usual[0] <= cost <= usual[1]:
            return
        excess = cost - usual[1] if cost > usual[1] else cost - usual[0]
        if abs(excess) >= floor:
            self.found.append((first, *key, cost, *usual, excess, last))

    @property
    def told(self) -> str:
        parts = []
        if self.long.count:
            why = "no earlier one of the same length to hold them against"
            parts.append(
                self.long.told("amount stated for longer than a day", "amounts stated for longer than a day", why)
            )
        if self.short.count:
            why = f"fewer than {_ENOUGH} other days of their kind within four weeks"
            parts.append(self.short.told("day", "days", why))
        return f"not judged: {'; '.join(parts)}" if parts else ""


def judged(
    native: Native,
    by: str | Sequence[str] | None,
    choices: Mapping[str, Any] | None = None,
    within: tuple[date, date] | None = None,
) -> Judged:
    """Judge the lines; `within` is the first and last day of which anything is told, the past before it counts."""
    days = money_days(native, by, choices or {}, _COLUMNS)

    def matters(first: date, last: date) -> bool:
        return within is None or (first <= within[1] and last >= within[0])

    bench = _Bench(matters)
    series = {key: one for key in days.streams if (one := _series(days, key))}
    small = _small(series)
    for key, values in series.items():
        _judge_days(bench, key, values, small.get(key[-1], _SMALL))
    _judge_spans(bench, days, seen_at(native), small)
    if not bench.any_judged:
        longest = max((len(values) for values in series.values()), default=0)
        raise FrameError(
            f"unusual needs {_ENOUGH + 1} working days or {_ENOUGH + 1} weekend days of one key to tell what is usual; "
            f"the longest has {longest} days with a cost. Load a month or more."
            + (f" {bench.told[0].upper()}{bench.told[1:]}." if bench.long.count else "")
        )
    schema = {"day": pl.Date(), **days.dtypes, "currency": pl.String(), **dict.fromkeys(_COLUMNS[2:], pl.Float64())}
    table = pl.DataFrame(bench.found, schema=pl.Schema(schema | {"__until": pl.Date()}), orient="row")
    down = [False, False, True, *[False] * len(days.by)]
    table = table.with_columns(__size=pl.col("excess").abs()).sort(
        "day", "currency", "__size", *days.by, descending=down, nulls_last=True
    )
    return Judged(table.drop("__size", "__until"), table["__until"].to_list(), bench.told)


def _judge_days(bench: _Bench, key: RowKey, values: dict[date, float], small: float) -> None:
    floor = max(_FLOOR * abs(math.fsum(values.values())) / len(values), small)
    for day, cost in values.items():
        usual = _usual(day, values)
        if usual is not None:
            least = max(floor, _half_a_day(day, values)) if usual == (0.0, 0.0) else floor
            bench.judge(key, day, day, cost, usual=usual, floor=least)
        elif bench.matters(day, day):
            bench.short.add(key, cost)


def _half_a_day(day: date, values: dict[date, float]) -> float:
    """Half of what the line costs on a day of use: who works on a Saturday for once is no oddity for a few dollars."""
    active = [abs(cost) for other, cost in values.items() if cost and other != day]
    return median(active) / 2 if active else 0.0


_Stretch = tuple[date, date]
"""The first day of a record longer than a day, and the day after its last."""


def _judge_spans(bench: _Bench, days: Days, seen: datetime | None, small: Mapping[str | None, float]) -> None:
    """Hold what is stated for longer than a day against what the same line cost before, in stretches as long.

    A stretch that an account states for any line is one of all its lines, in which some cost nothing.
    """
    of_account: dict[tuple[str | None, str | None], set[_Stretch]] = defaultdict(set)
    for key, streams in days.streams.items():
        for stream in streams:
            of_account[stream.account, key[-1]] |= {stretch for stretch, _ in _stretches(stream)}
    for key, streams in days.streams.items():
        accounts = {stream.account for stream in streams if stream.spans}
        costs = {stretch: 0.0 for account in accounts for stretch in of_account[account, key[-1]]}
        for stream in streams:
            for stretch, cost in _stretches(stream):
                costs[stretch] += cost
        for (start, until), cost in sorted(costs.items()):
            last = until - timedelta(days=1)
            past = [
                each for (begin, end), each in costs.items()
                if start - _YEAR <= begin < start and end <= start and _length(begin, end) == _length(start, until)
            ]  # fmt: skip
            if not past:
                if bench.matters(start, last):
                    bench.long.add(key, cost)
                continue
            low, high = _range(past)
            if seen is not None and seen < datetime.combine(until, time(), UTC):  # more of it may come
                low = -math.inf if cost < low else low
            floor = max(_FLOOR * abs(median(past)), small.get(key[-1], _SMALL))
            bench.judge(key, start, last, cost, usual=(low, high), floor=floor)


def _stretches(stream: Stream) -> Iterator[tuple[_Stretch, float]]:
    for span in stream.spans:
        yield (span.start, span.until), span.money


def _length(start: date, until: date) -> int:
    """How long a stretch is in days; a month is a month, whatever its length."""
    days = (until - start).days
    return 30 if 28 <= days <= 31 else days


def _range(values: Sequence[float]) -> tuple[float, float]:
    middle = median(values)
    spread = _MAD_TO_DEVIATION * median(abs(value - middle) for value in values)
    give = max(_SPREADS * spread, _SHARE * abs(middle))
    return middle - give, middle + give


def _series(days: Days, key: RowKey) -> dict[date, float]:
    """A key's cost on each day, from its first, on which all its accounts have records; 0 where it has none itself.

    A day on which one of its accounts is billed in another currency instead is no day of this one.
    """
    streams = [stream for stream in days.streams[key] if stream.days]
    if not streams:
        return {}
    first = min(min(stream.days) for stream in streams)
    lasts = [max(days.held[stream.account]) for stream in streams]
    otherwise = {day for s in streams for day in days.billed_otherwise(s.account, key[-1])}
    whole = [first + timedelta(days=i) for i in range((min(lasts) - first).days + 1)]
    return {
        day: math.fsum(stream.days.get(day, 0.0) for stream in streams)
        for day in whole
        if day not in otherwise
        and all(day in days.held[s.account] or not min(days.held[s.account]) <= day for s in streams)
    }


def _small(series: dict[RowKey, dict[date, float]]) -> dict[str | None, float]:
    """What is too little to be told, by currency: 1, or two percent of an average day's whole cost if that is less."""
    totals: dict[str | None, float] = defaultdict(float)
    seen: dict[str | None, set[date]] = defaultdict(set)
    for key, values in series.items():
        totals[key[-1]] += math.fsum(values.values())
        seen[key[-1]].update(values)
    return {currency: min(_SMALL, _FLOOR * abs(total) / len(seen[currency])) for currency, total in totals.items()}


def _usual(day: date, values: dict[date, float]) -> tuple[float, float] | None:
    weekend = day.weekday() >= _WEEKEND
    others = [
        cost for other, cost in values.items()
        if other != day and (other.weekday() >= _WEEKEND) == weekend and abs(other - day) <= _WINDOW
    ]  # fmt: skip
    if len(others) < _ENOUGH:
        return None
    middle = median(others)
    active = [cost for cost in others if cost]
    comes_and_goes = middle == 0 and len(active) >= _ENOUGH
    if not comes_and_goes:
        return _range(others)
    low, high = _range(active)
    return min(0.0, low), high
