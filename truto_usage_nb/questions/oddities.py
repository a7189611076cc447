"""Days on which something cost what it usually does not, by a rule that can be done by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.errors import FrameError
from truto_usage_nb.native import enter
from truto_usage_nb.questions.daily import Days, Key, money_days

__all__ = ["unusual"]

COLUMNS = ("day", "currency", "cost", "usual_low", "usual_high", "excess")
WINDOW = timedelta(days=28)
ENOUGH = 5
"""Other days of the same kind that a usual range needs."""
SPREADS = 5.0
SHARE = 0.25
FLOOR = 0.02
"""Of what the currency costs on an average day: nobody is woken for less."""
MAD_TO_DEVIATION = 1.4826
WEEKEND = 5


def unusual(frame: Any, by: str | Sequence[str] | None = None, **choices: Unpack[Choices]) -> Any:
    """Find the days on which something cost far more, or less, than it usually does.

    Comes back as the kind that came in, a row per unusual day, value of `by` and currency, by day: `cost` (billed),
    `usual_low` and `usual_high`, and `excess`, how far the cost lies beyond the nearer of the two (negative below).
    A frame without unusual days gives no rows.

    The rule: a working day is held against the other working days of the four weeks before and after, a Saturday or
    Sunday against the other Saturdays and Sundays. The usual range is their median, give or take the larger of five
    times their spread (the median distance from the median, times 1.4826) and a quarter of the median. One runaway
    does not widen it, since medians do not follow outliers. What costs nothing on most days is held against its days
    with a cost, where there are five, and nothing is usual too. A day that lies beyond its range by less than two
    percent of what the currency costs on an average day is not told.
    Records longer than a day have no days and are left out; so are days on which an account concerned has no record at
    all, which `coverage` lists, or is billed in another currency.

    Raises FrameError where no key has six days of a kind.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("claude-console", period="2026-10")
    >>> unusual(usage)["day"].dt.day().to_list()
    [19, 20, 21, 24, 25, 26, 28]
    """
    native = enter(frame)
    days = money_days(native, by, choices, COLUMNS)
    return native.leave(_unusual(days))


def _unusual(days: Days) -> pl.DataFrame:
    series = {key: one for key in days.streams if (one := _series(days, key))}
    floors = _floors(series)
    found, judged = [], False
    for key, values in series.items():
        for day, cost in values.items():
            usual = _usual(day, values)
            judged |= usual is not None
            if usual is None or usual[0] <= cost <= usual[1]:
                continue
            excess = cost - usual[1] if cost > usual[1] else cost - usual[0]
            if abs(excess) >= floors[key[-1]]:
                found.append((day, *key, cost, *usual, excess))
    if not judged:
        longest = max((len(values) for values in series.values()), default=0)
        raise FrameError(
            f"unusual needs {ENOUGH + 1} working days or {ENOUGH + 1} weekend days of one key to tell what is usual; "
            f"the longest has {longest} days with a cost. Load a month or more."
        )
    schema = {"day": pl.Date(), **days.dtypes, "currency": pl.String(), **dict.fromkeys(COLUMNS[2:], pl.Float64())}
    table = pl.DataFrame(found, schema=pl.Schema(schema), orient="row").with_columns(size=pl.col("excess").abs())
    down = [False, False, True, *[False] * len(days.by)]
    return table.sort("day", "currency", "size", *days.by, descending=down, nulls_last=True).drop("size")


def _series(days: Days, key: Key) -> dict[date, float]:
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


def _floors(series: dict[Key, dict[date, float]]) -> dict[str | None, float]:
    """Two percent of an average day's whole cost, by currency."""
    totals: dict[str | None, float] = {}
    seen: dict[str | None, set[date]] = {}
    for key, values in series.items():
        totals[key[-1]] = totals.get(key[-1], 0.0) + math.fsum(values.values())
        seen.setdefault(key[-1], set()).update(values)
    return {currency: FLOOR * abs(total) / len(seen[currency]) for currency, total in totals.items()}


def _usual(day: date, values: dict[date, float]) -> tuple[float, float] | None:
    weekend = day.weekday() >= WEEKEND
    others = [
        cost for other, cost in values.items()
        if other != day and (other.weekday() >= WEEKEND) == weekend and abs(other - day) <= WINDOW
    ]  # fmt: skip
    if len(others) < ENOUGH:
        return None
    middle = median(others)
    active = [cost for cost in others if cost]
    comes_and_goes = middle == 0 and len(active) >= ENOUGH
    if comes_and_goes:
        others, middle = active, median(active)
    spread = MAD_TO_DEVIATION * median(abs(cost - middle) for cost in others)
    give = max(SPREADS * spread, SHARE * abs(middle))
    return (min(0.0, middle - give) if comes_and_goes else middle - give), middle + give
