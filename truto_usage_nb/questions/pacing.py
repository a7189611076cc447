"""Where the month will end: what is there, what is still to come of it, and the rhythm of the days ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Unpack

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.costs.digest import OVERHANG
from truto_usage_nb.errors import tell
from truto_usage_nb.native import Native, collect, require
from truto_usage_nb.questions.age import settled_to
from truto_usage_nb.questions.ahead import Ahead, Row
from truto_usage_nb.questions.amounts import DecimalMark
from truto_usage_nb.questions.budgets import Budget, budgets_by_row
from truto_usage_nb.questions.daily import Days, Key, money_days
from truto_usage_nb.questions.growing import mark_growing
from truto_usage_nb.questions.looking import View, opened
from truto_usage_nb.questions.moments import moment_named
from truto_usage_nb.questions.rhythm import ENOUGH
from truto_usage_nb.result import UsageResult

__all__ = ["Month", "month_of", "pace"]

COLUMNS = ("currency", "month", "to_date", "settled_to", "projected", "low", "high", "budget", "breaks_on")


def pace(
    frame: Any,
    budget: Budget = None,
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
    return native.leave(month_of(native, by, now, choices, result).table(budget, decimal))


@dataclass(frozen=True, slots=True)
class Month:
    """Hold a month and its rows by key: `today` is the day after the last one looked at, `settled` when it was."""

    days: Days
    first: date
    today: date
    settled: datetime
    rows: Mapping[Key, Row]

    def table(self, budget: Budget = None, decimal: DecimalMark | None = None) -> pl.DataFrame:
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
        return table.sort("currency", "projected", *by, descending=[False, True, *[False] * len(by)], nulls_last=True)


def month_of(
    native: Native,
    by: str | Sequence[str] | None,
    now: date | str | None,
    choices: Mapping[str, Any],
    result: UsageResult | None = None,
) -> Month:
    """Look at records, of a result, as `pace` does, and work its rows out; what has no projection is told."""
    at = moment_named(now, "now") if now is not None else None
    require(native, (), "pace", also=(OVERHANG, "created_at", "updated_at"))
    if OVERHANG in native.columns and "overhang" not in choices and _sticks_out(native):
        choices = {**choices, "overhang": "include"}
    days = money_days(native, by, choices, COLUMNS)
    mark_growing(days, native)
    view = View.of(native, days, result, at)
    rows = Ahead(days, view).rows()
    _tell_of_short(rows)
    settled = view.seen if result is not None else datetime.combine(view.today, time(), UTC)
    return Month(days, view.first, view.today, settled, rows)


def _sticks_out(native: Native) -> bool:
    held = native.once("sticks out", lambda: collect(native.frame.filter(nw.col(OVERHANG).fill_null(False)).head(1)))
    return bool(held.height)


def _tell_of_short(rows: Mapping[Key, Row]) -> None:
    short = [" ".join(str(part) for part in key) for key, one in rows.items() if not one.known]
    if short:
        names = ", ".join(sorted(short)[:3]) + (", …" if len(short) > 3 else "")
        tell(
            f"no projection for {names}: an account there has less than {ENOUGH} days to read the week from; load an "
            f"earlier month as well.",
            stacklevel=4,
        )
