"""What a month and a quarter will come to, part by part, and how well the same forecast did before.

The running month is `pace`'s. A quarter adds its closed months and those that have not begun: days by the rhythm of the
days known, and of longer records what is fixed as it last was and what grows at the rate of a day.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any, Literal, Unpack

import polars as pl

from truto_usage_nb.checks import one_of
from truto_usage_nb.clock import month_start
from truto_usage_nb.costs.choices import Choices, by_columns
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.digest import OVERHANG
from truto_usage_nb.errors import InputError, hearing, tell
from truto_usage_nb.native import Native, collect, enter, require
from truto_usage_nb.questions.daily import Days, RowKey, Span, Stream, View, money_days, opened
from truto_usage_nb.questions.forecast import grown, mark_growing, root_mean_square
from truto_usage_nb.questions.pacing import Ahead, Row, sticks_out
from truto_usage_nb.questions.tables import moment_named

__all__ = ["forecast_costs"]

Horizon = Literal["month", "quarter"]
_NAMES = ("currency", "horizon", "period_start", "period_end", "to_date", "projected", "low", "high",
          "backtests", "backtest_error", "backtest_bias", "backtest_held", "note")  # fmt: skip
_ENOUGH = 56
"""Days of records that a quarter needs, where months of it have not begun: a weekday's worth is read from as many."""
_BACK = 6
"""Earlier months that the same forecast is made in."""
_MONTHLY = 3
"""Months in which a day must cost more than those around it to be expected to do so again."""
_WILD = 0.5
_FOUR_IN_FIVE = 1.2816
_TESTED = 3
"""Earlier months from which on their misses say how wide a range is."""
_TARGET = "target"
_DAY = timedelta(days=1)


def forecast_costs(
    frame: Any,
    by: str | Sequence[str] | None = None,
    *,
    horizon: Horizon = "month",
    allocated: Any = None,
    now: date | str | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say what each part of the bill will come to in this month or quarter, and how well the same forecast did before.

    `frame` and `now` are as for `pace`, which is the forecast of the running month. `by` names the parts: "integration"
    for vendors, a column of `with_labels` for teams. Or `allocated` is a table of `allocate`: then parts are its
    targets, each with its share of what is allocated in that currency, of the newest month where it has months.

    Comes back as the kind that came in, a row a part and currency: `horizon`, `period_start`, `period_end` (excluded),
    `to_date` (billed since the period began), `projected`, `low` and `high` (four outcomes in five). Parts add up to
    the whole: what is to come of each is scaled so that it does. Ranges do not: parts do not go wrong together, nor
    each for itself, so the whole's is made of what all missed on the same days. A target's range is as wide, in
    proportion, as the whole's; that shares move is not in it.

    **A quarter** is its closed months as billed, the running month, and the months not begun. For these a day costs
    what its weekday does at the level of the last three weeks; what records of a month fix (commitments, fees) stays as
    it last was, and what grows in them costs by day what it cost before. What came on the same day of three months,
    such as a charge for support, comes again. No growth, no season and no price change is assumed. Its range is no
    narrower than what the backtest missed by, in proportion to what is to come, where three or more were made.

    **The backtest** is beside it: the same forecast made with what was there on the same day of up to six earlier
    months (three months ahead for a quarter, not only of the calendar's), against what became of it. `backtests` is how
    many, `backtest_error` the sum of what they missed by, either way, over what came, `backtest_bias` the same with
    sign (above 0: too high), `backtest_held` the share of ranges that held the truth, a quarter's widened by the other
    tests alone. A record of a month is taken to have grown evenly, since nobody knows what it said then: of those alone
    an error is too kind. `note` says what is missing.

    Raises InputError for a quarter whose first day is not in the frame, or with months to begin and less than eight
    weeks of records; where a part has less than a week, it has no projection, which is told.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period=("2026-10-01", "2026-11-09"))
    >>> table = tu.forecast_costs(usage, "integration")
    >>> table.select("integration", "period_start", "backtests").row(0)
    ('cursor', datetime.date(2026, 11, 1), 1)
    """
    one_of("horizon", horizon, ("month", "quarter"))
    names = by_columns(by)
    if allocated is not None and names:
        raise InputError("by= and allocated= both say what the parts are; give one of them.")
    native, result = opened(frame)
    at = moment_named(now, "now") if now is not None else None
    require(native, (), "forecast_costs", also=(OVERHANG, "created_at", "updated_at"))
    if OVERHANG in native.columns and "overhang" not in choices and sticks_out(native):
        choices = {**choices, "overhang": "include"}
    whole = _days(native, (), choices)
    with hearing():  # the same as of the whole
        parts = _days(native, names, choices) if names else whole
    view = View.of(native, whole, result, at)
    span = _Stretch.of(view, horizon)
    _refuse_short(whole, view, span)
    shares = None if allocated is None else _Shares.of(allocated)
    table = _table(_Forecast(whole, parts, span, shares), view, names)
    _tell_of_unknown(table, names or ((_TARGET,) if shares is not None else ()))
    return native.leave(table)


def _days(native: Native, names: tuple[str, ...], choices: Mapping[str, Any]) -> Days:
    days = money_days(native, names, choices, _NAMES)
    mark_growing(days, native)
    return days


# how far to look ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Say which months are looked at: `first` to `end` (excluded), of which `month` runs."""

    horizon: Horizon
    first: date
    month: date
    end: date

    @classmethod
    def of(cls, view: View, horizon: Horizon) -> _Stretch:
        month = view.first
        if horizon == "month":
            return cls(horizon, month, month, month_start(month, 1))
        first = month.replace(month=(month.month - 1) // 3 * 3 + 1)
        return cls(horizon, first, month, month_start(first, 3))

    def earlier(self, months: int) -> _Stretch:
        return replace(self, **{name: month_start(getattr(self, name), -months) for name in ("first", "month", "end")})

    @property
    def months(self) -> int:
        """How many months there are from the running one on."""
        return (self.end.year - self.month.year) * 12 + self.end.month - self.month.month


def _refuse_short(days: Days, view: View, span: _Stretch) -> None:
    if span.horizon == "month":
        return
    first = _first_day(days)
    if first is None or first > span.first:
        raise InputError(
            f"The quarter begins on {span.first}, and this frame on {first}: its closed months are not in it. Load "
            f"from {span.first} on, or ask for horizon='month'."
        )
    held = (view.today - first).days
    if span.months > 1 and held < _ENOUGH:
        raise InputError(
            f"Months of this quarter have not begun, and {held} days of records are too few to say what they come to; "
            f"load at least {_ENOUGH} days, or ask for horizon='month'."
        )


def _first_day(days: Days) -> date | None:
    """The first day on which anything is held."""
    found = [min(held) for held in days.held.values() if held]
    found += [span.start for streams in days.streams.values() for each in streams for span in each.spans]
    return min(found, default=None)


# a forecast of several months -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Months(Ahead):
    """Work the rows of the running month and of those after it out."""

    months: int = 1
    rates: dict[tuple[RowKey, str | None], tuple[float, float]] = field(default_factory=dict)
    """By key and account: what a day of a longer record costs, and how far off that was of one record."""

    @property
    def _end(self) -> date:
        return month_start(self._first, self.months)

    def rows(self) -> dict[RowKey, Row]:
        latest: dict[tuple[RowKey, str | None], tuple[date, float]] = {}
        past: dict[tuple[RowKey, str | None], list[float]] = defaultdict(list)
        for key, account, growth in grown(self.days.streams, self.view.seen):
            if growth.counted:
                past[key, account].append(growth.money / growth.counted)
            if growth.start >= latest.get((key, account), (date.min, 0.0))[0]:
                latest[key, account] = growth.start, growth.rate or growth.money / growth.length
        for of, (_, rate) in latest.items():
            self.rates[of] = rate, max((abs(one - rate) for one in past[of]), default=rate)
        return Ahead.rows(self)

    def _add_days(self, row: Any, key: RowKey, stream: Stream) -> None:
        Ahead._add_days(self, row, key, stream)
        held = {day for day in self.days.held.get(stream.account, ()) if day < self.view.today}
        if self.months == 1 or not held or not stream.days or self._has_ended(key, stream, max(held)):
            return
        monthly = _once_a_month(stream, held, self._first)
        for later in range(1, self.months):
            for number, money in monthly.items():
                day = month_start(self._first, later) + (number - 1) * _DAY
                if day < month_start(self._first, later + 1):
                    row.coming[day] = row.coming.get(day, 0.0) + money

    def _add_fixed(self, row: Any, stream: Stream) -> None:
        Ahead._add_fixed(self, row, stream)
        if not stream.spans or self.months == 1:
            return
        until = max(span.until for span in stream.spans)
        if until <= self._first:  # it has ended, or has not said anything of the running month
            row.known &= until < self._first
            return
        key = next(key for key, streams in self.days.streams.items() if any(one is stream for one in streams))
        rate, off = self.rates.get((key, stream.account), (0.0, 0.0))
        fixed, month = math.fsum(span.money - span.grows for span in stream.spans if span.until == until), until
        while month < self._end:
            days = (month_start(month, 1) - month).days
            row.coming[month] = row.coming.get(month, 0.0) + fixed + rate * days
            row.unsure += off * days
            month = month_start(month, 1)
        row.touches = True


def _once_a_month(stream: Stream, held: set[date], month: date) -> dict[int, float]:
    """What comes on a day of its own in each of three months, such as a charge for support, beyond the days around it.

    The weekday's worth leaves such days aside as wild: a month that runs has them in what is billed, a later one not.
    """
    beyond: dict[int, list[float]] = defaultdict(list)
    for back in range(_MONTHLY + 1):
        first, after = month_start(month, -back), month_start(month, 1 - back)
        for day in (first + i * _DAY for i in range((after - first).days)):
            around = [stream.days.get(day + i * _DAY, 0.0) for i in range(-3, 4) if i and day + i * _DAY in held]
            if day in held and around:
                usual, money = median(around), stream.days.get(day, 0.0)
                beyond[day.day].append(money - usual if money > usual * (1 + _WILD) else 0.0)
    return {
        number: median(amounts[:_MONTHLY])
        for number, amounts in beyond.items()
        if len(amounts) >= _MONTHLY and all(amounts[:_MONTHLY])
    }


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a part is forecast to come to, as of a day."""

    to_date: float
    projected: float | None
    half: float
    floor: float | None
    """What it cannot fall below."""

    def range(self) -> tuple[float | None, float | None, float | None]:
        if self.projected is None:
            return None, None, None
        low = self.projected - self.half
        return self.projected, low if self.floor is None else max(low, self.floor), self.projected + self.half


@dataclass(frozen=True, slots=True)
class _Forecast:
    """Make the forecast of all parts, as of any day."""

    whole: Days
    parts: Days
    span: _Stretch
    shares: _Shares | None

    def at(self, view: View, span: _Stretch, back: int = 0) -> dict[RowKey, _Outcome]:
        """The outcomes by part, with what was there `back` months ago."""
        whole = _outcomes(_cut(self.whole, view) if back else self.whole, view, span)
        if self.shares is not None:
            return dict(self.shares.of_whole(whole, span.month))
        if self.parts is self.whole:
            return whole
        return _scaled(_outcomes(_cut(self.parts, view) if back else self.parts, view, span), whole)

    def truth(self, span: _Stretch) -> dict[RowKey, float]:
        """What became of each part."""
        came = {key: _billed(streams, span.first, span.end) for key, streams in self.parts.streams.items()}
        return came if self.shares is None else dict(self.shares.came(span))


def _outcomes(days: Days, view: View, span: _Stretch) -> dict[RowKey, _Outcome]:
    """Each part by itself: closed months, the running one by `pace`, and those after it."""
    near = _Months(days, view).rows()
    far = _Months(days, view, months=span.months).rows() if span.months > 1 else near
    made = {}
    for key in days.streams:
        closed = _billed(days.streams[key], span.first, span.month)
        if key not in near and key not in far:
            if closed:
                made[key] = _Outcome(closed, closed, 0.0, closed)
            continue
        row = near.get(key)
        longer = far.get(key) or near[key]
        to_date = closed + (row.to_date if row is not None else 0.0)
        end = month_start(span.month, 1)
        coming = math.fsum(row.coming.values()) if row is not None else 0.0
        if span.months > 1:
            coming += math.fsum(money for day, money in longer.coming.items() if day >= end)
        known = longer.known and (row is None or row.known)
        projected = round(to_date + coming, 9) if known else None
        made[key] = _Outcome(to_date, projected, longer.half, to_date if longer.never_less else None)
    return made


def _billed(streams: Iterable[Stream], start: date, end: date) -> float:
    """What was billed of some months; of a longer record its share by days."""
    amounts = []
    for stream in streams:
        amounts += [money for day, money in stream.days.items() if start <= day < end]
        for span in stream.spans:
            inside = (min(span.until, end) - max(span.start, start)).days
            if inside > 0:
                amounts.append(span.money * inside / (span.until - span.start).days)
    return math.fsum(amounts)


def _scaled(parts: dict[RowKey, _Outcome], whole: Mapping[RowKey, _Outcome]) -> dict[RowKey, _Outcome]:
    """Scale what is to come of the parts so that they add up to the whole, currency by currency."""
    made = dict(parts)
    for currency in {key[-1] for key in parts}:
        own = {key: one for key, one in parts.items() if key[-1] == currency}
        total = whole.get((currency,))
        if total is None or total.projected is None or any(one.projected is None for one in own.values()):
            continue
        coming = math.fsum((one.projected or 0.0) - one.to_date for one in own.values())
        wanted = total.projected - total.to_date
        if coming > 0 and wanted >= 0:
            factor = wanted / coming
            for key, one in own.items():
                projected = one.to_date + ((one.projected or 0.0) - one.to_date) * factor
                made[key] = replace(one, projected=projected, half=one.half * max(factor, 1.0))
            continue
        weights = [max(one.to_date, 0.0) for one in own.values()]  # what no part expects goes by what they cost so far
        weights = weights if any(weights) else [1.0] * len(own)
        for (key, one), weight in zip(own.items(), weights, strict=True):
            more = (wanted - coming) * weight / math.fsum(weights)
            made[key] = replace(one, projected=(one.projected or 0.0) + more, half=one.half + abs(more))
    return made


def _cut(days: Days, view: View) -> Days:
    """What was there on an earlier day: a longer record that ran has grown evenly up to it."""
    streams = {key: [_stream_until(one, view) for one in of] for key, of in days.streams.items()}
    held = {account: {day for day in of if day < view.today} for account, of in days.held.items()}
    return replace(days, streams=streams, held=held)


def _stream_until(stream: Stream, view: View) -> Stream:
    cut = Stream(stream.account, stream.integration)
    for name in ("days", "taken_back"):
        getattr(cut, name).update({day: money for day, money in getattr(stream, name).items() if day < view.today})
    for span in stream.spans:
        if span.until <= view.today:
            cut.spans.append(replace(span, updated=None))
        elif span.start < view.today:
            grows = span.grows * (view.today - span.start).days / (span.until - span.start).days
            fixed = span.money - span.grows
            cut.spans.append(Span(span.start, span.until, fixed + grows, grows, view.seen))
    return cut


# shares of an allocation ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shares:
    """Hold what an allocation gave each target, by month (None where it has none), currency and target."""

    costs: Mapping[date | None, Mapping[str | None, Mapping[str | None, float]]]

    @classmethod
    def of(cls, allocated: Any) -> _Shares:
        native = enter(allocated)
        require(native, (_TARGET, "currency", "cost"), "forecast_costs on allocated=")
        dated = "period_start" in native.columns
        table = collect(native.frame.select(_TARGET, "currency", "cost", *(["period_start"] if dated else [])))
        if not dated:
            table = table.with_columns(period_start=pl.lit(None, pl.Date))
        table = table.filter(pl.col("cost").is_not_null()).with_columns(pl.col("period_start").cast(pl.Date))
        sums = table.group_by("period_start", "currency", _TARGET).agg(pl.col("cost").sum())
        made: dict[Any, dict[Any, dict[Any, float]]] = defaultdict(lambda: defaultdict(dict))
        for month, currency, target, cost in sums.iter_rows():
            made[month][currency][target] = cost
        return cls(made)

    def _before(self, month: date) -> Mapping[str | None, Mapping[str | None, float]]:
        """The newest month's that had ended before this one, else this one's own."""
        dated = sorted(one for one in self.costs if one is not None)
        if not dated:
            return self.costs.get(None, {})
        ended = [one for one in dated if one < month]
        return self.costs[ended[-1]] if ended else self.costs[dated[0]] if dated[0] == month else {}

    def of_whole(self, whole: Mapping[RowKey, _Outcome], month: date) -> Iterator[tuple[RowKey, _Outcome]]:
        for (currency,), one in whole.items():
            shares = self._before(month).get(currency, {})
            total = math.fsum(shares.values())
            for target, cost in shares.items():
                part = cost / total if total else 0.0
                projected = None if one.projected is None else one.projected * part
                floor = None if one.floor is None else one.floor * part
                yield (target, currency), _Outcome(one.to_date * part, projected, abs(one.half * part), floor)

    def came(self, span: _Stretch) -> Iterator[tuple[RowKey, float]]:
        """What each target was given in a stretch, where all of its months are known."""
        months = [month_start(span.first, i) for i in range(3 if span.horizon == "quarter" else 1)]
        if any(month not in self.costs for month in months):
            return
        sums: dict[RowKey, float] = defaultdict(float)
        for month in months:
            for currency, targets in self.costs[month].items():
                for target, cost in targets.items():
                    sums[target, currency] += cost
        yield from sums.items()


# how it did before ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Test:
    """A forecast of an earlier month, what became of it, and how much of it was still to come."""

    outcome: _Outcome
    came: float

    @property
    def missed(self) -> float:
        return (self.outcome.projected or 0.0) - self.came

    @property
    def coming(self) -> float:
        return abs((self.outcome.projected or 0.0) - self.outcome.to_date)


def _half_tested(one: _Outcome, tests: Sequence[_Test]) -> _Outcome:
    """Make a range no narrower than what the same forecast missed before, in proportion to what is to come."""
    shares = [test.missed / test.coming for test in tests if test.coming]
    if len(shares) < _TESTED or one.projected is None:
        return one
    return replace(one, half=max(one.half, _FOUR_IN_FIVE * root_mean_square(shares) * abs(one.projected - one.to_date)))


def _figures(tests: Sequence[_Test], *, widened: bool) -> tuple[int, float | None, float | None, float | None]:
    """How many tests, and what they say: a range that tests widen is held against each by the others alone."""
    whole = math.fsum(test.came for test in tests)
    if not tests or whole <= 0:
        return len(tests), None, None, None
    held = 0
    for place, test in enumerate(tests):
        others = [*tests[:place], *tests[place + 1 :]] if widened else []
        _, low, high = _half_tested(test.outcome, others).range()
        slack = 1e-9 * max(1.0, abs(test.came))
        held += low is not None and high is not None and low - slack <= test.came <= high + slack
    missed = [test.missed for test in tests]
    return len(tests), math.fsum(map(abs, missed)) / whole, math.fsum(missed) / whole, held / len(tests)


def _tests(forecast: _Forecast, view: View) -> dict[RowKey, list[_Test]]:
    """Make the same forecast on the same day of earlier months, as far as what became of it is known."""
    first, into = _first_day(forecast.whole), (view.today - forecast.span.month).days
    tests: dict[RowKey, list[_Test]] = defaultdict(list)
    made = 0
    for back in range(1, _BACK + forecast.span.months):
        span = forecast.span.earlier(back)
        today = min(span.month + into * _DAY, month_start(span.month, 1))
        enough = _ENOUGH if span.months > 1 else 1
        if first is None or span.first < first or (today - first).days < enough or made == _BACK:
            break
        if span.end > view.today:
            continue
        made += 1
        truth = forecast.truth(span)
        for key, one in forecast.at(View(today, datetime.combine(today, time(), UTC), {}), span, back).items():
            if one.projected is not None and key in truth:
                tests[key].append(_Test(one, truth[key]))
    return tests


def _table(forecast: _Forecast, view: View, names: tuple[str, ...]) -> pl.DataFrame:
    span, past = forecast.span, _tests(forecast, view)
    rows, widened = [], span.months > 1
    for key, one in forecast.at(view, span).items():
        tests = past.get(key, [])
        notes = [] if one.projected is not None else ["too little is known to say what it will come to"]
        notes += [] if tests else ["no earlier month to test it on"]
        ranged = _half_tested(one, tests) if widened else one
        rows.append((*key, span.horizon, span.first, span.end, one.to_date, *ranged.range(),
                     *_figures(tests, widened=widened), "; ".join(notes) or None))  # fmt: skip
    parts = {_TARGET: pl.String()} if forecast.shares is not None else forecast.parts.dtypes
    kinds = {"currency": pl.String(), "horizon": pl.String(), "period_start": pl.Date(), "period_end": pl.Date(),
             "backtests": pl.Int64(), "note": pl.String()}  # fmt: skip
    schema = pl.Schema({**parts, **{name: kinds.get(name, pl.Float64()) for name in _NAMES}})
    table = pl.DataFrame(rows, schema=schema, orient="row")
    order = [*(names or parts)]
    keys = [in_blocks(table, "projected"), "currency", "projected", *order]
    return table.sort(keys, descending=[False, False, True, *[False] * len(order)], nulls_last=True)


def _tell_of_unknown(table: pl.DataFrame, names: tuple[str, ...]) -> None:
    short = table.filter(pl.col("projected").is_null())
    if short.height:
        said = sorted(" ".join(str(part) for part in row) for row in short.select(*names, "currency").iter_rows())
        more = ", …" if len(said) > 3 else ""
        tell(f"no projection for {', '.join(said[:3])}{more}: too few days are known of an account there.")
