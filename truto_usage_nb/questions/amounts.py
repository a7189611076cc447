"""Amounts as people write them: what can be read in two ways is refused, with its row."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import polars as pl

from truto_usage_nb.costs.currencies import CREDITS, ISO_4217, UNSTATED
from truto_usage_nb.errors import FrameError, InputError, did_you_mean
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.tables import Table, cell_text
from truto_usage_nb.schema import folded_currency

__all__ = ["DecimalMark", "amount_given", "amounts", "check_decimal", "currencies", "currency_given"]

DecimalMark = Literal[".", ","]
"""The mark before the decimals."""

_SIGNS = {
    "$": "USD AUD BBD BMD BND BSD BZD CAD CLP COP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD TTD TWD XCD",
    "€": "EUR", "£": "GBP EGP FKP GIP SHP", "¥": "JPY CNY", "₹": "INR", "₩": "KRW", "US$": "USD", "R$": "BRL",
    "zł": "PLN",
}  # fmt: skip
"""The currencies that a sign beside an amount may stand for."""
_SIGN = re.compile(r"US\$|R\$|zł|[€£¥₹₩$]|[A-Za-z]{3}")
_MINUS = re.compile("[-\u2212\u2013]")
_BLANK = "[ \u00a0\u2007\u2009\u202f'\u2019]"
_LONE_COMMA = re.compile("[0-9]*,[0-9]*")
"""Which of two marks it is, nothing else says."""


def amounts(table: Table, column: str, decimal: DecimalMark | None) -> pl.Series:
    """Read a column of amounts, each with its row's `currency` where the table has one.

    Raises FrameError, which names the row, for what is missing, no number, no finite one, or can be read in two ways
    while `decimal` does not say which mark stands before the decimals.
    """
    money = table.texts("currency")["currency"] if "currency" in table.columns else [None] * table.frame.height
    read = []
    for row, value, currency in zip(table.rows, table.frame[column].to_list(), money, strict=True):
        with _told(FrameError, f"{table.what}, row {row}: "):
            if cell_text(value) is None and not _is_nan(value):
                raise ValueError(f"it lacks its {column}; give a number, such as 1080.50")
            read.append(_amount(value, f"it has the {column} {shown(value)}, which", decimal, currency))
    return pl.Series(column, read, pl.Float64)


def currencies(table: Table, column: str = "currency") -> pl.Series:
    """Read a column of currencies. Raises FrameError, which names the row, for a word that is none."""
    read = []
    for row, value in zip(table.rows, table.texts(column)[column], strict=True):
        with _told(FrameError, f"{table.what}, row {row}: "):
            if value is None:
                raise ValueError(f"it lacks its {column}; give a code of ISO 4217, such as USD")
            read.append(_currency(value, f"it has the {column} {shown(value)}, which"))
    return pl.Series(column, read, pl.String)


def amount_given(name: str, value: Any, decimal: DecimalMark | None = None) -> float:
    """Read an amount that is an argument: a number, or one as text. Raises InputError.

    >>> amount_given("budget", 160_000), amount_given("budget", "160,000.50")
    (160000.0, 160000.5)
    """
    with _told(InputError):
        return _amount(value, f"{name}={shown(value)}", decimal, None)


def currency_given(name: str, value: Any) -> str:
    """Read a currency that is an argument. Raises InputError."""
    with _told(InputError):
        return _currency(value, f"{name}={shown(value)}")


def check_decimal(decimal: object) -> None:
    """Refuse a decimal mark that is none."""
    if decimal is not None and not (isinstance(decimal, str) and decimal in (".", ",")):
        said = shown(decimal)
        raise InputError(f"decimal={said} is not allowed. Allowed: '.' and ',', the mark before the decimals.")


@contextmanager
def _told(error: type[InputError], where: str = "") -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        text = str(problem)
        raise error(f"{where}{text}{'' if text.endswith('?') else '.'}") from None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _currency(value: Any, subject: str) -> str:
    word = folded_currency(value) if isinstance(value, str) else None
    if word is None or (word not in ISO_4217 and word not in CREDITS and word != UNSTATED):
        raise ValueError(f"{subject} is no currency of ISO 4217, such as USD.{did_you_mean(word, ISO_4217)}".strip("."))
    return word


def _amount(value: Any, subject: str, decimal: DecimalMark | None, currency: str | None) -> float:
    if isinstance(value, str):
        return _number(value.strip(), subject, decimal, currency)
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ValueError(f"{subject} is no number; write it like 1080.50")
    try:
        read = float(value)
    except (TypeError, OverflowError):
        read = math.inf
    if not math.isfinite(read):
        raise ValueError(f"{subject} is no finite number; write it like 1080.50")
    return read


def _number(text: str, subject: str, decimal: DecimalMark | None, currency: str | None) -> float:
    """Read a number as text. Raises ValueError."""
    body, negative = _bare(text, subject, currency)
    readings = {mark: found for mark in (".", ",") if (found := _by_mark(body, mark)) is not None}
    if decimal is not None and decimal not in readings:
        like = "1080.50 or 1,080.50" if decimal == "." else "1080,50 or 1.080,50"
        raise ValueError(f"{subject} is no number with decimal={shown(decimal)}; write it like {like}")
    if not readings:
        raise ValueError(f"{subject} is no number; write it like 1080.50")
    if decimal is None and (len(set(readings.values())) > 1 or _LONE_COMMA.fullmatch(body)):
        ways = " and ".join(f"{value:.15g} with decimal={mark!r}" for mark, value in readings.items())
        raise ValueError(f"{subject} is {ways}; say which")
    found = readings[decimal] if decimal is not None else next(iter(readings.values()))
    return -found if negative else found


def _bare(text: str, subject: str, currency: str | None) -> tuple[str, bool]:
    """The digits and what parts them, and whether the amount is below zero: `-5`, `5-` and `(5)` are."""
    body = text
    negative = body.startswith("(") and body.endswith(")")
    if negative:
        body = body[1:-1].strip()
    signs = _SIGN.findall(body)
    if len(signs) == 1:
        _check_sign(signs[0], subject, currency)
        body = _SIGN.sub("", body).strip()
    marks = _MINUS.findall(body)
    if len(marks) == 1 and not negative and (_MINUS.match(body[0]) or _MINUS.match(body[-1])):
        return _MINUS.sub("", body).strip(), True
    return body.removeprefix("+").strip(), negative


def _check_sign(sign: str, subject: str, currency: str | None) -> None:
    fits = _SIGNS.get(sign, sign.upper()).split()
    if fits[0] not in ISO_4217:
        raise ValueError(f"{subject} is no number; write it like 1080.50")
    word = folded_currency(currency)
    if word is not None and word not in fits:
        raise ValueError(f"{subject} is in {fits[0]}, and its currency is {word}; correct one of them")


def _by_mark(body: str, mark: str) -> float | None:
    """What a text is where this mark stands before the decimals, and the other, or blanks, between thousands."""
    other = re.escape("," if mark == "." else ".")
    part = rf"(?P<part>{other}|{_BLANK})"
    whole = rf"[0-9]+|[1-9][0-9]{{0,2}}{part}[0-9]{{3}}(?:(?P=part)[0-9]{{3}})*"
    form = re.fullmatch(rf"(?P<whole>{whole})?(?:{re.escape(mark)}(?P<rest>[0-9]*))?", body)
    if form is None or not (form["whole"] or form["rest"]):
        return None
    return float(f"{re.sub('[^0-9]', '', form['whole'] or '0')}.{form['rest'] or '0'}")
