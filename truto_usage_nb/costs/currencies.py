"""Which words are currencies: ISO 4217, as of its amendment 180.

A word that is not in the list is a *virtual* currency, such as `CREDITS`: it has no price of its own. `XXX` is ISO's
own word for "no currency" and stands for a charge that names none.
"""

from __future__ import annotations

from truto_usage_nb.schema import folded_currency

__all__ = ["CREDITS", "ISO_4217", "UNSTATED", "is_virtual"]

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


def is_virtual(currency: str | None) -> bool:
    """Say whether a currency is none that a bank knows.

    >>> is_virtual("CREDITS"), is_virtual("usd"), is_virtual(None)
    (True, False, False)
    """
    word = folded_currency(currency)
    return word is not None and word not in ISO_4217 and word != UNSTATED
