"""Which words are currencies, and other currencies by rates that somebody gave.

The codes are those of ISO 4217, as of its amendment 180. A word that is not in the list is a *virtual* currency, such
as `CREDITS`: it has no price of its own. `XXX` is ISO's own word for "no currency" and stands for a charge that names
none. Converted amounts stand beside the stated ones, never instead of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from truto_usage_nb.checks import is_number
from truto_usage_nb.errors import FrameError, InputError, did_you_mean
from truto_usage_nb.format import decimals
from truto_usage_nb.outside import shown
from truto_usage_nb.schema import folded_currency

__all__ = ["CREDITS", "ISO_4217", "UNSTATED", "Rates", "check_currency", "in_blocks", "is_virtual", "with_rates"]

UNSTATED = "XXX"

ISO_4217 = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH
    UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905  # as words these read like the standard's own list
)
"""The codes of money in use."""


CREDITS = frozenset({"CREDITS"})
"""Words that vendors count in instead of money: such a charge has no price of its own, and that is no mistake."""


_Rate = float | tuple[float, str]
Rates = Mapping[tuple[str, str], _Rate]
GIVEN = "given by the caller"
_LIKE = "{('EUR', 'USD'): 1.08}"


def is_virtual(currency: str | None) -> bool:
    """Say whether a currency is none that a bank knows.

    >>> is_virtual("CREDITS"), is_virtual("usd"), is_virtual(None)
    (True, False, False)
    """
    word = folded_currency(currency)
    return word is not None and word not in ISO_4217 and word != UNSTATED


def in_blocks(table: pl.DataFrame, amount: str) -> pl.Expr:
    """Give where the block of a line's currency stands: that of the largest amount first, one that nobody stated last.

    Amounts are held against each other in the smallest unit of each, so that yen are not taken for dollars.
    """
    stated = table.filter(pl.col(amount).is_not_null(), pl.col("currency").is_not_null())
    sums = dict(stated.group_by("currency").agg(pl.col(amount).sum().abs().round(6)).iter_rows())
    order = sorted(sums, key=lambda one: (one == UNSTATED, -sums[one] * 10.0 ** decimals(one), one))
    places = dict(zip(order, range(len(order)), strict=True))
    known = pl.col("currency").replace_strict(places, default=len(places), return_dtype=pl.Int64) if places else 0
    return pl.when(pl.col("currency").is_not_null()).then(known)  # what has no currency comes last


def check_currency(name: str, currency: object) -> None:
    """Refuse a currency that does not exist."""
    if currency is None:
        return
    word = folded_currency(currency) if isinstance(currency, str) else None
    if word is None or word not in ISO_4217 | {UNSTATED}:
        near = did_you_mean(word or "", ISO_4217)
        raise InputError(f"{name}={shown(currency)} is no currency of ISO 4217, such as USD.{near}")


def with_rates(table: pl.DataFrame, rates: Rates | None) -> pl.DataFrame:
    """Add `converted_currency`, `converted_cost`, `exchange_rate` and `exchange_source` to a cost table.

    `rates` maps (from, to) to a rate, or to a rate and where it comes from. All must lead to one currency; its own
    lines convert at 1. A currency without a rate is an error, because a converted column with gaps adds up wrongly.
    """
    if rates is None:
        return table
    given = _checked(rates, set(table["currency"].drop_nulls()))
    target = _target(given)
    known = {source: rate for (source, _), rate in given.items()} | {target: (1.0, "the same currency")}
    missing = sorted(
        {c for c in table.filter(pl.col("cost").is_not_null())["currency"] if c is not None and c not in known}
    )
    if missing:
        raise FrameError(
            f"exchange_rates has no rate from {', '.join(missing)} to {target}. "
            f"Add {{({missing[0]!r}, {target!r}): rate}}."
        )
    found = pl.DataFrame(
        [(currency, target, rate, source) for currency, (rate, source) in known.items()],
        schema=["currency", "converted_currency", "exchange_rate", "exchange_source"], orient="row",
    )  # fmt: skip
    joined = table.join(found, on="currency", how="left", maintain_order="left")
    return joined.with_columns(converted_cost=pl.col("cost") * pl.col("exchange_rate")).select(
        *table.columns, "converted_currency", "converted_cost", "exchange_rate", "exchange_source"
    )


def _checked(rates: Any, held: set[str]) -> dict[tuple[str, str], tuple[float, str]]:
    """The rates with their currencies as codes. Raises InputError for what is no rate between two currencies."""
    if not isinstance(rates, Mapping):
        raise InputError(f"exchange_rates={shown(rates)} names no currencies; write it like {_LIKE}.")
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for pair, rate in rates.items():
        if not isinstance(pair, tuple) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
            said = shown(pair)
            raise InputError(f"exchange_rates has {said}, which is no pair of currencies; write it like {_LIKE}.")
        codes = (folded_currency(pair[0]) or "", folded_currency(pair[1]) or "")
        for name, code, known in zip(("from", "to"), codes, (held | CREDITS, ()), strict=True):
            if code not in known:
                check_currency(f"exchange_rates: {name}", code)
        if codes in found:
            raise InputError(f"exchange_rates has a rate from {codes[0]} to {codes[1]} twice; keep one.")
        found[codes] = _pair(pair, rate)
    return found


def _target(rates: Mapping[tuple[str, str], object]) -> str:
    targets = {to for _, to in rates}
    if len(targets) != 1:
        raise InputError(f"exchange_rates must lead to one currency, not to {', '.join(sorted(targets)) or 'none'}.")
    return targets.pop()


def _pair(pair: tuple[str, str], given: Any) -> tuple[float, str]:
    rate, source = given if isinstance(given, tuple) and len(given) == 2 else (given, GIVEN)
    if not is_number(rate) or not float(rate) > 0 or not isinstance(source, str):
        said = f"exchange_rates[{pair!r}]={shown(given)}"
        raise InputError(f"{said} is no rate; give a number above 0, or (rate, where it comes from).")
    return float(rate), source
