"""Where the month will end: what is there, and the rhythm of the week for the days to come."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.errors import InputError, tell
from truto_usage_nb.native import enter
from truto_usage_nb.questions.age import settled_to
from truto_usage_nb.questions.budgets import Budget, budgets_by_row
from truto_usage_nb.questions.daily import Days, Key, Stream, money_days
from truto_usage_nb.questions.moments import day_named, first_of_next

__all__ = ["pace"]

COLUMNS = ("currency", "month", "to_date", "settled_to", "projected", "low", "high", "budget", "breaks_on")
HISTORY = 56
"""Days that the rhythm is read from."""
ENOUGH = 7
FOUR_IN_FIVE = 1.2816
"""Standard deviations either side that hold four of five normal outcomes."""
_DAY = timedelta(days=1)


def pace(
    frame: Any,
    budget: Budget = None,
    *,
    by: str | Sequence[str] | None = None,
    now: date | str | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say where the current month will end, within which range, and on which day a budget breaks.

    The month is that of the last day before `now` (UTC; without it, the last day that any record covers). Comes back
    as the kind that came in, a row per value of `by` and currency: `month` (its first day), `to_date` (billed so far),
    `settled_to` (the day before which figures are final, as the vendors state it), `projected` (the month's end),
    `low` and `high` (four outcomes in five), `budget`, `breaks_on` (the day on which the budget is, or was, passed;
    null where it holds).

    The rule: each account's coming day costs the median of the same weekday over the last eight weeks, or of all days
    where a weekday was seen only once. The range is 1.28 times the root mean square of what the past days missed that
    figure by, times the root of n + n²/m for n days to come and m past ones; accounts count as independent. A record
    longer than a day (Datadog's month, a commitment) counts with its share of this month, whole and from its first day,
    and is never extrapolated: an open month's on-demand part may still grow. Where an account's last days are late they
    are estimated like days to come. With less than a week of days there is no projection.

    `budget` is an amount, or a mapping by currency, value of `by`, or (value, currency).

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period=("2026-11-02", "2026-11-09"))
    >>> pace(usage, 9_000).select("month", "budget").row(0)
    (datetime.date(2026, 11, 1), 9000.0)
    """
    native = enter(frame)
    days = money_days(native, by, choices, COLUMNS)
    return native.leave(_pace(days, budget, now))


def _pace(days: Days, budget: Budget, now: date | str | None) -> pl.DataFrame:
    today = _today(days, now)
    month = (today - _DAY).replace(day=1)
    outlooks = {key: _outlook(streams, days.held, month, today) for key, streams in days.streams.items()}
    outlooks = {key: one for key, one in outlooks.items() if one.touches}
    _tell_of_short(outlooks)
    budgets = budgets_by_row(budget, list(outlooks))
    moment = datetime.combine(today, time(), UTC)
    rows = [
        (*key, month, one.to_date, settled_to({s.integration for s in days.streams[key]}, moment),
         *one.range(), budgets.get(key), one.breaks_on(budgets.get(key)))
        for key, one in outlooks.items()
    ]  # fmt: skip
    money = dict.fromkeys(("projected", "low", "high", "budget"), pl.Float64())
    schema = {
        **days.dtypes, "currency": pl.String(), "month": pl.Date(), "to_date": pl.Float64(), "settled_to": pl.Date(),
        **money, "breaks_on": pl.Date(),
    }  # fmt: skip
    table = pl.DataFrame(rows, schema=pl.Schema(schema), orient="row")
    return table.sort(
        "currency", "projected", *days.by, descending=[False, True, *[False] * len(days.by)], nulls_last=True
    )


def _today(days: Days, now: date | str | None) -> date:
    if now is not None:
        return day_named(now, "now")
    ends = [span[1] for streams in days.streams.values() for s in streams for span in s.spans]
    last = days.last or (max(ends) - _DAY if ends else None)
    if last is None:
        raise InputError("pace needs at least one record with a date and a charge; this frame has none.")
    return last + _DAY


@dataclass(slots=True)
class _Outlook:
    """What a month comes to: by day so far, by day to come, and how far the past missed its own rhythm."""

    spent: dict[date, float] = field(default_factory=dict)
    coming: dict[date, float] = field(default_factory=dict)
    variance: float = 0.0
    known: bool = True
    never_less: bool = True
    touches: bool = False

    @property
    def to_date(self) -> float:
        return math.fsum(self.spent.values())

    def range(self) -> tuple[float | None, float | None, float | None]:
        if not self.known:
            return None, None, None
        end = self.to_date + math.fsum(self.coming.values())
        half = FOUR_IN_FIVE * math.sqrt(self.variance)
        low = end - half
        return end, max(low, self.to_date) if self.never_less else low, end + half

    def breaks_on(self, budget: float | None) -> date | None:
        if budget is None:
            return None
        running = 0.0
        for day in sorted({*self.spent, *self.coming}):
            running += self.spent.get(day, 0.0) + self.coming.get(day, 0.0)
            if running > budget:
                return day
        return None


def _outlook(streams: list[Stream], held: dict[str | None, set[date]], month: date, today: date) -> _Outlook:
    end = first_of_next(month)
    outlook = _Outlook()
    for stream in streams:
        _add_spans(outlook, stream, month, end)
        past = {day: stream.days.get(day, 0.0) for day in _history(stream, held.get(stream.account, set()), today)}
        for day, money in stream.days.items():
            if month <= day < min(end, today):
                _add(outlook.spent, day, money)
        outlook.touches |= any(month <= day < end for day in past) or any(month <= d < today for d in stream.days)
        if past:
            _add_coming(outlook, past, month, end)
    return outlook


def _add(amounts: dict[date, float], day: date, money: float) -> None:
    amounts[day] = amounts.get(day, 0.0) + money


def _add_spans(outlook: _Outlook, stream: Stream, month: date, end: date) -> None:
    for first, until, money in stream.spans:
        inside = (min(until, end) - max(first, month)).days
        if inside > 0:
            _add(outlook.spent, max(first, month), money * inside / (until - first).days)
            outlook.touches = True


def _history(stream: Stream, held: set[date], today: date) -> list[date]:
    """The days on which the account has records, from the stream's first on, of the last eight weeks."""
    days = [day for day in held if day < today]
    if not days or not stream.days:
        return []
    first = max(min(stream.days), max(days) - timedelta(days=HISTORY - 1))
    return sorted(day for day in days if day >= first)


def _add_coming(outlook: _Outlook, past: dict[date, float], month: date, end: date) -> None:
    """Expect each day after the account's last one; the misses of the past widen the range."""
    start = max(max(past) + _DAY, month)
    coming = [start + timedelta(days=i) for i in range((end - start).days)]
    if not coming:
        return
    if len(past) < ENOUGH:
        outlook.known = False
        return
    usual = _rhythm(past)
    for day in coming:
        _add(outlook.coming, day, usual[day.weekday()])
    missed = math.fsum((money - usual[day.weekday()]) ** 2 for day, money in past.items()) / len(past)
    outlook.variance += missed * (len(coming) + len(coming) ** 2 / len(past))
    outlook.never_less &= min(past.values()) >= 0


def _rhythm(past: dict[date, float]) -> dict[int, float]:
    """The median of each weekday; of all days for a weekday seen once or never."""
    of = {weekday: [m for day, m in past.items() if day.weekday() == weekday] for weekday in range(7)}
    whole = median(past.values())
    return {weekday: median(seen) if len(seen) > 1 else whole for weekday, seen in of.items()}


def _tell_of_short(outlooks: Mapping[Key, _Outlook]) -> None:
    short = [" ".join(str(part) for part in key) for key, one in outlooks.items() if not one.known]
    if short:
        names = ", ".join(sorted(short)[:3]) + (", …" if len(short) > 3 else "")
        tell(
            f"no projection for {names}: an account there has less than {ENOUGH} days to read the week from; load an "
            f"earlier month as well.",
            stacklevel=4,
        )
