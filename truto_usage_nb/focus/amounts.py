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

__all__ = [
    "AMOUNT",
    "PRICE",
    "TOKENS",
    "TOKEN_BATCH",
    "exact",
    "focus_unit",
    "in_batches",
    "is_focus_unit",
    "prices_of_units",
    "split",
]

AMOUNT, PRICE = pl.Decimal(38, 10), pl.Decimal(38, 18)
_SHARE = "__share"
_WHOLE = float(2**63)
_SCALES = pl.Series([10.0**places for places in range(19)])
_FEW = 9
_CHEAP = 1e-6
_BATCHES = tuple("1" + "000000" * steps for steps in range(5))
_MILLIONTH = pl.lit(Decimal("0.000001"), dtype=AMOUNT)


def exact(values: pl.Series) -> pl.Series:
    """Read floats by their decimal text, to ten places; whole numbers and decimals as they are."""
    if values.dtype.is_decimal() or values.dtype.is_integer():
        return values.cast(AMOUNT)
    if not (values != 0).any():  # as most taxes and credits are
        return values.cast(AMOUNT)
    if (values == values.floor()).all() and (values.abs() < _WHOLE).all():  # a float's text costs ten times as much
        return values.cast(pl.Int64).cast(AMOUNT)
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


def prices_of_units(rows: pl.DataFrame, costs: Sequence[str], quantity: str) -> list[pl.Series]:
    """Give the shortest decimals that, times the quantity, are the costs to ten places; 0 without a quantity.

    So that one price is one price: 2.09 in all rows, not 2.0899999999999997 in one and 2.0900000000000003 in another.
    """
    number = rows[quantity].cast(pl.Float64).abs()
    first, *others = (rows[cost].cast(pl.Float64).abs() for cost in costs)
    price = _shortest(first, number)
    return [price.alias(costs[0]), *(_likewise(each, first, price, number) for each in others)]


def _likewise(amount: pl.Series, first: pl.Series, price: pl.Series, number: pl.Series) -> pl.Series:
    """The prices of other costs, which are mostly those of the first: only those that differ are reckoned again."""
    unlike = amount.ne_missing(first)
    if not unlike.any():
        return price.alias(amount.name)
    again = _shortest(amount.filter(unlike), number.filter(unlike))
    places = (unlike.cast(pl.Int64).cum_sum() - 1).clip(lower_bound=0)
    return again.gather(places).zip_with(unlike, price).alias(amount.name)


def _shortest(amount: pl.Series, number: pl.Series) -> pl.Series:
    """A price with as few decimal places as will do: what more places would have changed comes to less than a tenth."""
    exactly = pl.when(pl.col("number") != 0).then(pl.col("amount") / pl.col("number")).otherwise(0.0)
    rows = pl.DataFrame({"amount": amount, "number": number}).with_columns(price=exactly)
    price, slack = pl.col("price"), 5e-11 + pl.col("amount") * 2**-51
    missed = (((price * s).round() / s * pl.col("number") - pl.col("amount")).abs() > slack for s in _SCALES[:-1])
    rows = rows.with_columns(places=pl.sum_horizontal(*missed).cast(pl.UInt8))  # a finer grid is never farther away
    scale = pl.lit(_SCALES).gather(pl.col("places"))
    rows = rows.select(price=(price * scale).round() / scale, places="places")
    short = (pl.col("places") <= _FEW) & (price < 10.0 ** (15 - _FEW))  # so many digits, a float holds exactly
    plain = pl.when(short).then(price).cast(pl.Decimal(38, _FEW)).cast(PRICE)
    return rows.select(pl.coalesce(plain, pl.when(~short).then(price).cast(pl.String).cast(PRICE))).to_series()


def in_batches(rows: pl.DataFrame, costs: Sequence[str], quantity: str, unit: str) -> pl.DataFrame:
    """Price what is cheap by the million, or by more, as tokens are: a price of 18 places has digits to spare then."""
    number = pl.col(quantity).cast(pl.Float64).abs()
    dearest = pl.max_horizontal(pl.col(cost).cast(pl.Float64).abs() for cost in costs) / number
    small = (number > 0) & (dearest > 0) & (dearest < _CHEAP)
    if not rows.select(small.any()).item():
        return rows
    steps = pl.when(small).then(((_CHEAP / dearest).log10() / 6).floor() + 1).otherwise(0).cast(pl.Int64)
    rows = rows.with_columns(__steps=steps.clip(0, len(_BATCHES) - 1))
    for nth, factor in enumerate(_BATCHES[1:], 1):
        here = pl.col("__steps") == nth
        if rows.select(here.any()).item():
            whole = pl.col(unit).str.extract(r"^(\d+) ").fill_null("1") + factor[1:]
            rows = rows.with_columns(
                pl.when(here).then(_divided(quantity, nth)).otherwise(pl.col(quantity)).alias(quantity),
                pl.when(here)
                .then(whole + " " + pl.col(unit).str.replace(r"^\d+ ", ""))
                .otherwise(pl.col(unit))
                .alias(unit),
            )
    return rows.drop("__steps")


def _divided(quantity: str, steps: int) -> pl.Expr:
    """A quantity in millions, millions of millions, and so on, exactly to the tenth place."""
    amount = pl.col(quantity)
    for _ in range(steps):
        amount = amount * _MILLIONTH
    return amount


TOKENS, TOKEN_BATCH = "Tokens", "1000000 Tokens"
"""What is consumed, and what a price is for."""

_KNOWN = {
    "tokens": "Tokens", "requests": "Requests", "request_units": "Request Units", "invocations": "Invocations",
    "credits": "Credits", "images": "Images", "seconds": "Seconds", "minutes": "Minutes", "hour": "Hours",
    "hours": "Hours", "days": "Days", "months": "Months", "calls": "Calls", "searches": "Searches",
    "sessions": "Sessions", "hosts": "Hosts", "events": "Events", "spans": "Spans", "containers": "Containers",
    "characters": "Characters", "percent": "Percents",
}  # fmt: skip
_SIZE = re.compile(r"^([KMGTPE]i?)?[Bb]$")
_PREFIXES = {
    "": "", "kilo": "K", "mega": "M", "giga": "G", "tera": "T", "peta": "P", "exa": "E", "kibi": "Ki", "mebi": "Mi",
    "gibi": "Gi", "tebi": "Ti", "pebi": "Pi", "exbi": "Ei",
}  # fmt: skip
_SIZES = {
    f"{prefix}{name}{plural}": f"{short}{letter}"
    for prefix, short in _PREFIXES.items()
    for name, letter in (("byte", "B"), ("bit", "b"))
    for plural in ("", "s")
}
"""Sizes in words; FOCUS knows their abbreviations alone, the same for one and for many."""
_LISTED = frozenset(
    f"{noun}{plural}"
    for noun in (
        "year", "month", "day", "hour", "minute", "second", "millisecond", "microsecond",
        "count", "unit", "request", "token", "connection", "certificate", "domain", "core",
    )
    for plural in ("", "s")
)  # fmt: skip
"""FOCUS's own nouns, which keep its capitals."""
_UNIT = re.compile(r"([1-9]\d* )?([^/]+)(?:/([1-9]\d* )?([^/]+))?")
_NOUN = re.compile(r"[A-Z][A-Za-z0-9]*( [A-Za-z0-9]+)*")


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
    kept = [_SIZES.get(word.lower(), word) for word in kept]
    return " ".join(w if _SIZE.match(w) or w.isupper() else w[:1].upper() + w[1:] for w in kept if w)


def _plural(word: str) -> str:
    last = word.rsplit(" ", 1)[-1]
    if _SIZE.match(last) or last.endswith("s"):
        return word
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", last) else f"{word}s"


def is_focus_unit(unit: str) -> bool:
    """Say whether a unit is spelled as FOCUS's UnitFormat demands; the plural, and nouns it lists, it only recommends.

    >>> is_focus_unit("1000000 Tokens"), is_focus_unit("CSU-hour"), is_focus_unit("request_units")
    (True, False, False)
    """
    found = _UNIT.fullmatch(unit)
    return found is not None and all(
        _is_base_unit(base) for side in found.group(2, 4) if side is not None for base in side.split("-")
    )


def _is_base_unit(base: str) -> bool:
    if _SIZE.match(base):
        return True
    words = base.split(" ")
    spelled_size = any(word.lower() in _SIZES or (word.endswith("s") and _SIZE.match(word[:-1])) for word in words)
    return _NOUN.fullmatch(base) is not None and not spelled_size and not _LISTED & set(words)
