"""Where the month will end: what is there, what is still to come of it, row by row, and which budget it breaks when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Unpack

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.clock import month_start
from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.digest import OVERHANG
from truto_usage_nb.errors import FrameError, InputError, did_you_mean, tell
from truto_usage_nb.native import Native, collect, require
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.daily import Days, RowKey, Stream, View, money_days, opened, settled_to
from truto_usage_nb.questions.forecast import ENOUGH, RECENT, Growth, Rhythm, grown, mark_growing, root_mean_square
from truto_usage_nb.questions.tables import (
    DecimalMark,
    Table,
    amount_given,
    check_decimal,
    moment_named,
    read_amounts,
    read_currencies,
    read_table,
)
from truto_usage_nb.result import UsageResult

__all__ = [
    "Ahead",
    "GivenBudget",
    "Month",
    "Row",
    "budget_lines",
    "budgets_by_row",
    "pace",
    "paced_month",
    "sticks_out",
]

_COLUMNS = ("currency", "month", "to_date", "settled_to", "projected", "low", "high", "budget", "breaks_on")


def pace(
    frame: Any,
    budget: GivenBudget = None,
    *,
    by: str | Sequence[str] | None = None,
    now: date | str | None = None,
    decimal: DecimalMark | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say where the current month will end, within which range, and on which day a budget breaks.

    `frame` may be a `UsageResult`: its period and the moment it was fetched say which month this is and what of it has
    been seen. Else `now` says it (UTC: a day, or a moment of it), or without it the newest record: the month is that of
    the last day before. Comes back as the kind that came in, a row per value of `by` and currency: `month` (its first
    day), `to_date` (billed so far), `settled_to` (the day before which figures are final, as the vendors state it),
    `projected` (the month's end), `low` and `high` (four outcomes in five), `budget`, `breaks_on` (the day on which the
    budget is, or was, passed; null where it holds).

    **What is there** counts as it stands, refunds too. A day is whole once it has ended and what usually comes late has
    come (as `created_at` tells of earlier days), unless its records were last updated before its end. Last days that
    are not whole are estimated like days to come, never below what is there. Where nothing says when a frame was
    fetched, a last day of hours or moments is not whole. A day inside that nobody told of stays an outage, and so does
    a last one after a week.
    **Days to come.** A weekday is worth the median of its last eight weeks; a day costs that, times how the last three
    weeks stand to theirs, wild days aside (beyond half of it, or thrice the usual spread). Where the same days of last
    month, taken to this month's level, would have told an account's past better, they count instead: allowances run
    out by the month. An account silent for three weeks, or billed in another currency now, has ended.
    **Records longer than a day** count with their share of the month. What is committed, a fee or only a total is fixed
    and there from the first day. On demand grows with the days counted: those passed when it was updated, less what the
    vendor is late by; the others cost what these and the records before cost a day. Running totals (Cursor's spend,
    Datadog's month to date) are days, by what they grew.
    **The range** is 1.28 times the root mean square of what the same forecast, made on each past day for as many days
    ahead, missed all accounts together by; what is unsure of on-demand parts is added as squares are. An account of
    less than three weeks counts with the misses of its days; with less than one, there is no projection.

    `budget` is an amount, or a mapping by currency, value of `by`, or (value, currency), or a file or frame with
    `currency`, `amount` and a column for each of `by`; `decimal`: "." or ",", for amounts written as text. Records
    that stick out of the loaded period are taken whole, unless `overhang=` says otherwise.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period=("2026-11-02", "2026-11-09"))
    >>> tu.pace(usage, 9_000).select("month", "budget").row(0)
    (datetime.date(2026, 11, 1), 9000.0)
    """
    native, result = opened(frame)
    return native.leave(paced_month(native, by, now, choices, result).table(budget, decimal))


@dataclass(frozen=True, slots=True)
class Month:
    """Hold a month and its rows by key: `today` is the day after the last one looked at, `settled` when it was."""

    days: Days
    first: date
    today: date
    settled: datetime
    rows: Mapping[RowKey, Row]

    def table(self, budget: GivenBudget = None, decimal: DecimalMark | None = None) -> pl.DataFrame:
        """Give what `pace` answers."""
        budgets, by = budgets_by_row(budget, list(self.rows), decimal), self.days.by
        rows = [
            (*key, self.first, one.to_date, settled_to(set(one.integrations), self.settled), *one.range(),
             budgets.get(key), one.breaks_on(budgets.get(key)))
            for key, one in self.rows.items()
        ]  # fmt: skip
        money = dict.fromkeys(("projected", "low", "high", "budget"), pl.Float64())
        schema = {
            **self.days.dtypes, "currency": pl.String(), "month": pl.Date(), "to_date": pl.Float64(),
            "settled_to": pl.Date(), **money, "breaks_on": pl.Date(),
        }  # fmt: skip
        table = pl.DataFrame(rows, schema=pl.Schema(schema), orient="row")
        keys = [in_blocks(table, "projected"), "currency", "projected", *by]
        return table.sort(keys, descending=[False, False, True, *[False] * len(by)], nulls_last=True)


def paced_month(
    native: Native,
    by: str | Sequence[str] | None,
    now: date | str | None,
    choices: Mapping[str, Any],
    result: UsageResult | None = None,
) -> Month:
    """Look at records, of a result, as `pace` does, and work its rows out; what has no projection is told."""
    at = moment_named(now, "now") if now is not None else None
    require(native, (), "pace", also=(OVERHANG, "created_at", "updated_at"))
    if OVERHANG in native.columns and "overhang" not in choices and sticks_out(native):
        choices = {**choices, "overhang": "include"}
    days = money_days(native, by, choices, _COLUMNS)
    mark_growing(days, native)
    view = View.of(native, days, result, at)
    rows = Ahead(days, view).rows()
    _tell_of_short(rows)
    settled = view.seen if result is not None else datetime.combine(view.today, time(), UTC)
    return Month(days, view.first, view.today, settled, rows)


def sticks_out(native: Native) -> bool:
    held = native.once("sticks out", lambda: collect(native.frame.filter(nw.col(OVERHANG).fill_null(False)).head(1)))
    return bool(held.height)


def _tell_of_short(rows: Mapping[RowKey, Row]) -> None:
    short = [" ".join(str(part) for part in key) for key, one in rows.items() if not one.known]
    if short:
        names = ", ".join(sorted(short)[:3]) + (", …" if len(short) > 3 else "")
        tell(
            f"no projection for {names}: an account there has less than {ENOUGH} days to read the week from; load an "
            f"earlier month as well.",
        )


# which budget is for which row ----------------------------------------------------------------------------------------

GivenBudget = Any
"""An amount, a mapping of rows to amounts, a file or a frame with `currency` and `amount`, or None."""
_WHAT = "The table of budgets"


def budgets_by_row(budget: GivenBudget, keys: list[RowKey], decimal: DecimalMark | None = None) -> dict[RowKey, float]:
    """Give each row's budget, by its values and currency; a bare amount needs a single row, since it names no currency.

    A file or frame has `amount`, `currency`, and a column for each value of a row. Raises InputError.

    >>> budgets_by_row({"USD": 5}, [("USD",), ("EUR",)])
    {('USD',): 5.0}
    """
    if budget is None:
        return {}
    check_decimal(decimal)
    if _is_table(budget):
        return _of_lines(budget_lines(read_table(budget, _WHAT), decimal), keys)
    if not isinstance(budget, Mapping):
        amount = _amount("budget", budget, decimal)
        if len(keys) != 1:
            raise InputError(_which(budget, keys))
        return {keys[0]: amount}
    named = {key: name for key in keys if (name := _name_in(budget, key)) is not None}
    unknown = [name for name in budget if name not in named.values()]
    if unknown:
        known = list(dict.fromkeys(str(part) for key in keys for part in key))
        raise InputError(
            f"budget names {shown(unknown[0])}, which has no row here.{did_you_mean(unknown[0], known)} "
            f"Rows: {', '.join(known[:12]) or 'none'}."
        )
    return {key: _amount(f"budget[{shown(name)}]", budget[name], decimal) for key, name in named.items()}


def budget_lines(table: Table, decimal: DecimalMark | None = None) -> dict[tuple[str | None, ...], float]:
    """Read budgets by the row's values, in the order of the columns, and currency. Raises FrameError with the row."""
    table = table.need("currency", "amount")
    values = [name for name in table.columns if name not in ("currency", "amount")]
    texts = [table.texts(name)[name].to_list() for name in values]
    read = zip(*texts, read_currencies(table), read_amounts(table, "amount", decimal), strict=True)
    found: dict[tuple[str | None, ...], float] = {}
    for row, (*key, amount) in zip(table.rows, read, strict=True):
        if tuple(key) in found:
            raise FrameError(f"{table.what}, row {row}: {' and '.join(map(str, key))} has a budget already; keep one.")
        found[tuple(key)] = amount
    return found


def _is_table(budget: Any) -> bool:
    if isinstance(budget, str):
        with suppress(OSError, ValueError):
            return Path(budget).is_file()
        return False
    return isinstance(budget, Path) or hasattr(budget, "columns")


def _amount(name: str, value: Any, decimal: DecimalMark | None) -> float:
    try:
        amount = amount_given(name, value, decimal)
    except InputError as problem:
        more = "; nor is it a file" if isinstance(value, str) and name == "budget" else ""
        raise InputError(f"{problem.message.rstrip('.')}{more}.") from None
    if amount < 0 or not math.isfinite(amount):
        raise InputError(f"{name}={shown(value)} is below zero; give what may be spent in the month.")
    return amount


def _of_lines(lines: Mapping[tuple[str | None, ...], float], keys: list[RowKey]) -> dict[RowKey, float]:
    width = {len(key) for key in lines}
    if keys and width != {len(keys[0])}:
        raise FrameError(
            f"{_WHAT} has {width.pop() - 1} columns beside currency and amount, and a row here has {len(keys[0]) - 1} "
            f"values (by=); give a column for each, in their order."
        )
    by_text = {tuple(None if part is None else str(part) for part in key): key for key in keys}
    unknown = [key for key in lines if key not in by_text]
    if unknown:
        known = list(dict.fromkeys(str(part) for key in by_text for part in key))
        wrong = next((part for part in unknown[0] if str(part) not in known), unknown[0][0])
        raise FrameError(
            f"{_WHAT} names {' and '.join(map(str, unknown[0]))}, which has no row here.{did_you_mean(wrong, known)}"
        )
    return {by_text[key]: amount for key, amount in lines.items()}


def _name_in(budget: Mapping[Any, float], key: RowKey) -> Any:
    """How the mapping names a row: (value, currency), the value alone, or where there is none the currency."""
    alone = {1: [key[-1]], 2: [key[0]]}.get(len(key), [])
    names: list[Any] = [key, key[:-1], *alone]
    return next((name for name in names if name in budget), None)


def _which(budget: Any, keys: list[RowKey]) -> str:
    if not keys:
        return f"budget={shown(budget)} has no row to be for: the frame has no cost in this month."
    found = ", ".join(sorted({str(key[-1]) for key in keys}))
    return (
        f"budget={shown(budget)} does not say which of {len(keys)} rows it is for. "
        f"Give a mapping by currency ({found}), "
        f"by value of by=, or by (value, currency), such as {{{keys[0][-1]!r}: {shown(budget)}}}."
    )


# what a month comes to ------------------------------------------------------------------------------------------------

_FOUR_IN_FIVE = 1.2816
"""Standard deviations either side that hold four of five normal outcomes."""
_HISTORY = 120
"""Days that are looked back."""
_WAITED = timedelta(days=7)
"""How long a day that nobody told of is waited for."""
_MOVED = 3
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
        return math.hypot(_FOUR_IN_FIVE * (_together(self.missed) + self.alone), self.unsure)


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

    def rows(self) -> dict[RowKey, Row]:
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
        return month_start(self._first, 1)

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
        until = min(self._end, max(growth.start + timedelta(days=growth.length), self.view.today + _DAY))
        days = [day for day in self._days_from(self.view.today) if day < until] or [self._end - _DAY]
        for day in days if to_come else ():
            _add(row.coming, day, to_come / len(days))
        row.known &= growth.known
        row.unsure += half
        row.touches = True

    def _add_days(self, row: _Row, key: RowKey, stream: Stream) -> None:
        for day, money in stream.days.items():
            if self._first <= day < min(self._end, self.view.today):
                _add(row.spent, day, money)
                row.touches = True
        held = {day for day in self.days.held.get(stream.account, ()) if day < self.view.today}
        if not held or not stream.days or self._has_ended(key, stream, max(held)):
            return
        row.touches |= max(held) >= self._first or bool(self._days_from(self.view.today))
        known = held - self.view.unfinished(stream.account, held)
        since = max(min(stream.days), max(held) - _HISTORY * _DAY)
        self._add_coming(row, stream, {day: stream.days.get(day, 0.0) for day in known if day >= since})

    def _has_ended(self, key: RowKey, stream: Stream, last: date) -> bool:
        """Whether the account is silent, or is billed in another currency now."""
        if (self.view.today - last).days > RECENT:
            return True
        paid = self.paid[stream.account]
        own = paid[key[-1]]
        until = max(own, default=last)
        others = (days for currency, days in paid.items() if currency != key[-1] and not days & own)
        return any(sum(until < day for day in days) >= _MOVED for days in others)

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
        return day >= self.view.today or datetime.combine(day, time(), UTC) + _DAY + _WAITED > self.view.seen

    def _days_from(self, day: date) -> list[date]:
        start = max(day, self._first)
        return [start + timedelta(days=i) for i in range((self._end - start).days)]


def _add(amounts: dict[date, float], day: date, money: float) -> None:
    amounts[day] = amounts.get(day, 0.0) + money
