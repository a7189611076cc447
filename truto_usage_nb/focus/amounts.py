"""Exact amounts with their exact splitting, and units in FOCUS's spelling.

Amounts are decimals of ten places. Parts add up to the whole, always: each is cut towards zero and the row with the
largest weight takes the rest, so no part ever has another sign than the whole. Units are plural, capitalised, composed
with a hyphen (source: the FOCUS attribute Unit Format); a vendor's own word stays beside it in x_SourceUnit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import polars as pl

__all__ = ["AMOUNT", "PRICE", "TOKENS", "TOKEN_BATCH", "exact", "focus_unit", "is_focus_unit", "split", "unit_price"]

AMOUNT, PRICE = pl.Decimal(38, 10), pl.Decimal(38, 18)
_SHARE = "__share"


def exact(values: pl.Series) -> pl.Series:
    """Read floats by their decimal text, to ten places."""
    if not (values != 0).any():  # as most taxes and credits are
        return values.cast(AMOUNT)
    return values.cast(pl.String).cast(AMOUNT)


def split(rows: pl.DataFrame, columns: Sequence[str], key: str, weight: str) -> pl.DataFrame:
    """Replace whole amounts, repeated on the rows of one `key`, by parts in proportion to `weight` (not negative).

    Where all weights of a key are 0 its first row takes the whole.
    """
    if not rows.height:
        return rows
    whole = pl.col(weight).sum().over(key)
    first = pl.int_range(pl.len()).over(key) == 0
    share = pl.when(whole > 0).then(pl.col(weight) / whole).otherwise(first.cast(pl.Float64))
    rows = rows.with_columns(share.alias(_SHARE)).with_columns(
        __takes_rest=pl.int_range(pl.len()).over(key) == pl.col(_SHARE).arg_max().over(key)
    )
    for column in columns:
        part = (pl.col(column).cast(pl.Float64) * pl.col(_SHARE) * 1e10).truncate() / 1e10
        rows = rows.with_columns(__part=part.cast(AMOUNT))
        rest = pl.col(column) - pl.col("__part").sum().over(key)
        own = pl.col("__part") + pl.when(pl.col("__takes_rest")).then(rest).otherwise(pl.lit(Decimal(0), dtype=AMOUNT))
        rows = rows.with_columns(own.alias(column))
    return rows.drop(_SHARE, "__takes_rest", "__part")


def unit_price(cost: str, quantity: str) -> pl.Expr:
    """Give the price that, times the quantity, is the cost; 0 where there is no quantity."""
    amount, number = pl.col(cost).cast(pl.Float64), pl.col(quantity).cast(pl.Float64)
    price = pl.when(number != 0).then(amount / number).otherwise(0.0)
    return price.abs().cast(PRICE)


TOKENS, TOKEN_BATCH = "Tokens", "1000000 Tokens"
"""What is consumed, and what a price is for."""

_KNOWN = {
    "tokens": "Tokens", "requests": "Requests", "request_units": "Request Units", "invocations": "Invocations",
    "credits": "Credits", "images": "Images", "seconds": "Seconds", "minutes": "Minutes", "hour": "Hours",
    "hours": "Hours", "days": "Days", "months": "Months", "calls": "Calls", "searches": "Searches",
    "sessions": "Sessions", "hosts": "Hosts", "events": "Events", "spans": "Spans", "containers": "Containers",
    "bytes": "Bytes", "characters": "Characters", "percent": "Percents",
}  # fmt: skip
_SIZE = re.compile(r"^([KMGTPE]i?[Bb]|[Bb])$")
_PART = re.compile(r"^(\d+ )?[A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*([-/][A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*)*$")


def focus_unit(unit: str) -> str:
    """Write a unit as FOCUS does.

    >>> focus_unit("CSU-hour"), focus_unit("request_units"), focus_unit("GB"), focus_unit("GB-hour")
    ('CSU-Hours', 'Request Units', 'GB', 'GB-Hours')
    """
    plain = unit.strip()
    if plain.lower() in _KNOWN:
        return _KNOWN[plain.lower()]
    parts = [part for part in re.split(r"-", plain.replace("_", " ")) if part.strip()]
    words = [_word(part.strip()) for part in parts]
    spelled = "-".join([*words[:-1], _plural(words[-1])]) if words else ""
    return spelled if is_focus_unit(spelled) else "Units"


def _word(part: str) -> str:
    """Capitalise each word, and leave alone what is written in capitals (CSU) or is a size (GiB)."""
    kept = [re.sub(r"[^A-Za-z0-9]", "", word) for word in part.split()]
    return " ".join(w if _SIZE.match(w) or w.isupper() else w[:1].upper() + w[1:] for w in kept if w)


def _plural(word: str) -> str:
    last = word.rsplit(" ", 1)[-1]
    if _SIZE.match(last) or last.endswith("s"):
        return word
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", last) else f"{word}s"


def is_focus_unit(unit: str) -> bool:
    """Say whether a unit is spelled as FOCUS asks.

    >>> is_focus_unit("1000000 Tokens"), is_focus_unit("CSU-hour"), is_focus_unit("request_units")
    (True, False, False)
    """
    if not _PART.match(unit):
        return False
    last = re.split(r"[ /-]", unit.split("/", maxsplit=1)[0])[-1]
    return bool(_SIZE.match(last)) or last.endswith("s")
