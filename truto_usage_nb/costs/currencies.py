"""Which words are currencies: ISO 4217, as of its amendment 180.

A word that is not in the list is a *virtual* currency, such as `CREDITS`: it has no price of its own. `XXX` is ISO's
own word for "no currency" and stands for a charge that names none.
"""

from __future__ import annotations

__all__ = ["CREDITS", "ISO_4217", "SPACES", "UNSTATED", "folded_currency", "is_virtual"]

UNSTATED = "XXX"
SPACES = "".join(
    map(chr, (*range(9, 14), *range(28, 33), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288))
)
"""What surrounds a word without belonging to it: every engine is told, since each has its own idea of a space."""

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


def folded_currency(currency: str | None) -> str | None:
    """Give a currency as it is compared: without surrounding spaces, in capitals; an empty one is unstated.

    >>> folded_currency(" usd"), folded_currency(""), folded_currency(None)
    ('USD', None, None)
    """
    return (currency or "").strip(SPACES).upper() or None


def is_virtual(currency: str | None) -> bool:
    """Say whether a currency is none that a bank knows.

    >>> is_virtual("CREDITS"), is_virtual("usd"), is_virtual(None)
    (True, False, False)
    """
    word = folded_currency(currency)
    return word is not None and word not in ISO_4217 and word != UNSTATED
