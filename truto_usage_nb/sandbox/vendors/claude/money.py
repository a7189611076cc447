"""From a line to money: the cost parts the vendor would state, in exact cents."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from truto_usage_nb.sandbox.vendors.claude import prices
from truto_usage_nb.sandbox.vendors.claude.line import Counts, Line

TOKEN_TYPES = (
    "uncached_input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
)
"""The vendor's names of the token kinds, in the order of `Counts`."""


class Part(NamedTuple):
    """One amount of a line: cents charged and cents at list price; requests are on one part of a line only."""

    cost_type: str
    token_type: str | None
    model: str | None
    cents: Decimal
    list_cents: Decimal
    requests: int


def parts(line: Line, counts: Counts, kind: str) -> Iterator[Part]:
    """Yield what these counts of a line cost on an account of this kind; nothing where no cost row exists."""
    if not line.billable:
        return
    factor = prices.after_discount(kind, line.day)
    requests = counts.requests
    for cost_type, token_type, model, list_cents in _list_amounts(line, counts):
        yield Part(cost_type, token_type, model, list_cents * factor, list_cents, requests)
        requests = 0


def _list_amounts(line: Line, counts: Counts) -> Iterator[tuple[str, str | None, str | None, Decimal]]:
    if line.model is not None and counts.tokens:
        rates = prices.cents_per_token(line.model, line.day, line.tier, line.context)
        for token_type, tokens, rate in zip(TOKEN_TYPES, counts, rates, strict=False):
            if tokens:
                yield "tokens", token_type, line.model, tokens * rate
    if counts.searches:
        yield "web_search", None, None, counts.searches * prices.SEARCH_CENTS
    if counts.units:
        yield line.cost_type, None, line.model, counts.units * line.unit_cents


def plain(cents: Decimal) -> str:
    """Write cents as the vendor does: a decimal string, six places, more only where the exact value has more.

    >>> plain(Decimal("219.25")), plain(Decimal("0.00031875"))
    ('219.250000', '0.00031875')
    """
    exact = cents.normalize()
    exponent = exact.as_tuple().exponent
    places = max(6, -exponent) if isinstance(exponent, int) else 6
    return f"{cents:.{places}f}"
