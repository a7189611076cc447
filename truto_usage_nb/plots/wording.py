"""The words on a chart: names that are never read as mathematics, dimensions, measures, money on an axis."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.format import amount_at, digits_of, money

__all__ = [
    "MEASURE_WORDS",
    "NO_MODEL",
    "OTHER",
    "amount",
    "amounts",
    "bucket",
    "compact",
    "currency_name",
    "day",
    "dimension",
    "label",
    "literal",
    "money_ticks",
    "quantity",
    "span",
    "wrapped",
]

OTHER = "\0other"  # no vendor's name: there are models called "other"
NO_MODEL = "(no model)"
MEASURE_WORDS = {"billed": "billed", "list": "at list price", "payable": "after credits and tax"}
_DIMENSIONS = {
    "integrated_account_id": "account", "integration": "vendor", "charges_currency": "currency",
    "resources_workspace_name": "workspace", "resources_workspace_id": "workspace", "report_type": "report type",
    "metric_name": "metric", "user_email": "user",
}  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST, _STEPS = 34, 6


def literal(text: object) -> str:
    """Keep matplotlib from reading a text as mathematics, and control characters from moving its letters.

    >>> literal("$a_b$"), literal("a\\nb")
    ('\\\\$a_b\\\\$', 'a b')
    """
    shown = "".join(" " if unicodedata.category(each) in ("Cc", "Zl", "Zp") else each for each in str(text))
    return "".join(each for each in shown if unicodedata.category(each) != "Cf").replace("$", r"\$")


def label(name: str) -> str:
    """Give a name as a label: its middle left out where it is long, for both ends tell names apart.

    A text that begins with an underscore would be left out of a legend; it gets a blank in front.

    >>> label("x" * 40) == "x" * 20 + "…" + "x" * 13, label("_a")
    (True, ' _a')
    """
    if name == OTHER:
        return "all other"
    short = name if len(name) <= _LONGEST else f"{name[:20]}…{name[-13:]}"
    shown = literal(short)
    return f" {shown}" if shown.startswith("_") else shown or "(no name)"


def dimension(by: str | Sequence[str] | None) -> str:
    """Name a dimension, or several, in words.

    >>> dimension("model_id"), dimension(["team", "user_email"])
    ('model', 'team and user')
    """
    names = [by] if isinstance(by, str) else list(by or ())
    return " and ".join(_DIMENSIONS.get(name, _word(name)) for name in names)


def _word(name: str) -> str:
    for end in ("_id", "_name", "_email"):
        name = name.removesuffix(end)
    return name.replace("_", " ")


def amount(value: float | None, currency: str) -> str:
    """Write money; an amount of no stated currency is a bare number.

    >>> amount(684.35, "XXX"), amount(684.35, "EUR")
    ('684.35', '€684.35')
    """
    return money(value, currency).replace(f"{UNSTATED} ", "")


def amounts(values: Iterable[float], currency: str) -> Callable[[float], str]:
    """Give what writes amounts that stand beside each other: in whole units where the largest is 1,000 or more.

    >>> written = amounts([2233.4, 801.3, 0.2], "EUR")
    >>> [written(each) for each in (2233.4, 801.3, 0.2, 0.0)]
    ['€2,233', '€801', '<€1', '€0']
    """
    largest = max((abs(each) for each in values), default=0.0)
    digits = digits_of(largest, currency)
    return lambda value: amount_at(value, None if currency == UNSTATED else currency, digits)


def currency_name(currency: str) -> str:
    """Name a currency for an axis."""
    return "no currency stated" if currency == UNSTATED else currency


def wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Break lines where the chart ends; a word is never broken."""
    return [part for line in lines if line for part in textwrap.wrap(line, width, break_long_words=False)]


def compact(count: float) -> str:
    """Write a count of tokens short.

    >>> compact(1_234_000_000), compact(56_000), compact(7)
    ('1.2 B', '56 k', '7')
    """
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            digits = 1 if abs(count) < 10 * size else 0
            return f"{count / size:,.{digits}f} {unit}"
    return f"{count:,.0f}"


def quantity(value: float) -> str:
    """Write how much of something there is, with as many digits as say anything.

    >>> quantity(16_321.4), quantity(1192.9), quantity(14.0712), quantity(6.0)
    ('16,321', '1,193', '14.07', '6')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def day(moment: date, *, year: bool = False) -> str:
    """Write a day in one way on every machine, whatever its language.

    >>> day(datetime(2026, 10, 5)), day(datetime(2026, 10, 5), year=True)
    ('5 Oct', '5 Oct 2026')
    """
    return f"{moment.day} {_MONTHS[moment.month - 1]}" + (f" {moment.year}" if year else "")


def span(start: datetime, end: datetime) -> str:
    """Name a stretch of whole days, its end excluded: a whole month, quarter or year by its name.

    >>> span(datetime(2026, 10, 1), datetime(2026, 11, 1)), span(datetime(2026, 10, 1), datetime(2026, 10, 22))
    ('Oct 2026', '1 to 21 Oct 2026')
    >>> span(datetime(2026, 9, 28), datetime(2026, 10, 5)), span(datetime(2026, 10, 5), datetime(2026, 10, 6))
    ('28 Sep to 4 Oct 2026', '5 Oct 2026')
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    if start.day == 1 == end.day and months in (1, 3, 12) and (start.month - 1) % months == 0:
        return bucket(start, {1: "1mo", 3: "1q", 12: "1y"}[months])
    last = end - timedelta(microseconds=1)
    if start.date() == last.date():
        return day(start, year=True)
    same = (start.year, start.month) == (last.year, last.month)
    first = str(start.day) if same else day(start, year=start.year != last.year)
    return f"{first} to {day(last, year=True)}"


def bucket(moment: datetime, every: str) -> str:
    """Name a bucket of the calendar by its start."""
    if every == "1h":
        return f"{day(moment)} {moment:%H:%M}"
    if every == "1mo":
        return f"{_MONTHS[moment.month - 1]} {moment.year}"
    if every == "1q":
        return f"Q{(moment.month + 2) // 3} {moment.year}"
    return str(moment.year) if every == "1y" else day(moment)


def money_ticks(axis: Any, currency: str) -> None:
    """Write an axis in money, with as many decimals as its steps need."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def written(value: float, _: int | None = None) -> str:
        places = axis.get_majorticklocs()
        step = min((b - a for a, b in pairwise(places) if b > a), default=1.0)
        digits = 0 if step >= 1 else min(10, max(2, -math.floor(math.log10(step))))
        return literal(money(float(value), currency, digits=digits).replace(f"{UNSTATED} ", ""))

    axis.set_major_locator(MaxNLocator(_STEPS, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(written))
