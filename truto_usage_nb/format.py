"""Money, numbers, days and HTML, written for people. Rounding happens here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

__all__ = ["NO_FORMULA", "amount_at", "decimals", "digits_of", "escape", "money", "number", "percent", "spans_named"]

NO_FORMULA = "tex2jax_ignore mathjax_ignore"
"""Classes that keep a notebook from setting what stands between two signs of dollars as mathematics."""
_DUST = 5e-11
"""What ten decimals write as nothing: left over from adding floats."""
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_WITHOUT_CENTS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_WITH_MILLS = "BHD IQD JOD KWD LYD OMR TND"
_DIGITS = dict.fromkeys(_WITHOUT_CENTS.split(), 0) | dict.fromkeys(_WITH_MILLS.split(), 3)
"""The decimals of ISO 4217 where they are not two."""


def decimals(currency: str | None) -> int:
    """Give how many decimals a currency has.

    >>> decimals("USD"), decimals("JPY"), decimals("KWD"), decimals("CREDITS")
    (2, 0, 3, 2)
    """
    return _DIGITS.get(currency or "", 2)


def money(amount: float | None, currency: str | None, *, digits: int | None = None) -> str:
    """Write an amount with its currency: to the currency's own decimals, cents left off from a thousand on.

    >>> money(6250.4, "USD"), money(-3.5, "EUR"), money(0.00021, "USD"), money(12, "CHF"), money(None, "USD")
    ('$6,250', '-€3.50', '$0.00021', 'CHF 12.00', '–')
    >>> money(-1e-13, "USD")
    '$0.00'
    """
    if amount is None:
        return "–"
    if digits is None:
        digits = digits_of(abs(amount), currency)
    text = f"{abs(amount):,.{digits}f}"
    sign = "-" if amount < 0 and text.strip("0.,") else ""
    return f"{sign}{_SYMBOLS[currency]}{text}" if currency in _SYMBOLS else f"{sign}{currency or 'XXX'} {text}"


def amount_at(amount: float, currency: str | None, digits: int | None) -> str:
    """Write an amount to stand beside others of `digits` decimals, which None leaves to `money`; no currency is none.

    What is too small for them, and is not nothing, is said to be less than the least of them.

    >>> amount_at(863.98, "USD", 0), amount_at(0.21, "USD", 0), amount_at(-0.21, "USD", 0), amount_at(0.0, "USD", 0)
    ('$864', '<$1', '-<$1', '$0')
    >>> amount_at(684.35, None, 2), amount_at(3.0, "CHF", 0)
    ('684.35', 'CHF 3')
    """
    least = 10.0**-digits if digits is not None else 0.0
    if _DUST < abs(amount) < least / 2:
        return f"{'-' if amount < 0 else ''}<{amount_at(least, currency, digits)}"
    written = money(amount, currency, digits=digits)
    return written.replace("XXX ", "") if currency is None else written


def digits_of(size: float, currency: str | None) -> int:
    """Give the decimals that an amount of a size is written with, and whatever stands beside it as the largest does.

    >>> digits_of(1000, "USD"), digits_of(999, "USD"), digits_of(0.00021, "USD"), digits_of(12, "JPY")
    (0, 2, 5, 0)
    """
    usual = decimals(currency)
    if size >= 1000:
        return 0
    if usual == 0 or size < _DUST or size >= 0.01:
        return usual
    return min(10, next(d for d in range(3, 400) if size >= 10.0 ** -(d - 1) or d >= 10))


def number(value: float | None) -> str:
    """Write a count with thousands marked.

    >>> number(1234567), number(None)
    ('1,234,567', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def percent(share: float | None) -> str:
    """Write a share; what is neither nothing nor everything never reads as 0 % or 100 %.

    >>> percent(0.714), percent(0.0004), percent(0.9999), percent(1.0), percent(None)
    ('71 %', '<1 %', '>99 %', '100 %', '–')
    """
    if share is None:
        return "–"
    if 0 < share < 0.01:
        return "<1 %"
    if 0.99 < share < 1:
        return ">99 %"
    return f"{share * 100:.0f} %"


def spans_named(spans: Sequence[tuple[str | None, date, date]]) -> str:
    """Write the first and the last day of each account, the first twenty of them.

    >>> spans_named([("a", date(2026, 10, 1), date(2026, 10, 31)), ("b", date(2026, 10, 5), date(2026, 10, 5))])
    'a 2026-10-01 to 2026-10-31, b 2026-10-05'
    """
    said = [f"{name} {first}" if first == last else f"{name} {first} to {last}" for name, first, last in spans[:20]]
    return ", ".join([*said, *([f"and {len(spans) - 20} more"] if len(spans) > 20 else [])])
