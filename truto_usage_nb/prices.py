"""List prices by model and day, offline: the one room that knows `genai-prices`.

A price here is a *unit price of the base tier*: long-context tiers go by the size of a single request, which an
aggregated record does not tell. Asked once per model and day, never once per record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

from truto_usage_nb.errors import MissingExtraError

__all__ = ["UnitPrices", "known_as", "price_source", "unit_prices"]

CURRENCY = "USD"
_PROBE = 1000
"""Tokens of the question asked: far below every long-context tier, and enough for a price of a thousandth of a cent."""

_PROVIDERS = {"anthropic": "anthropic", "openai": "openai", "cursor": "cursor", "google": "google", "xai": "x-ai"}
_EFFORT = re.compile(r"-(thinking|high|medium|low|xhigh|max|fast|minimal|none)$")
_CURSOR_CLAUDE = re.compile(r"^claude-(\d+)(?:\.(\d+))?-(opus|sonnet|haiku)$")


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """Hold what one token of each kind cost on a day, in USD, and the price list's own name of the model."""

    model: str
    input: float
    output: float
    cache_read: float
    cache_write_5m: float
    cache_write_1h: float

    @property
    def cache_write(self) -> float:
        """Writes whose lifetime is not stated are taken for the shorter one, which is the default everywhere."""
        return self.cache_write_5m


def known_as(model: str) -> tuple[str, ...]:
    """Give the names under which a price list may know a model, the vendor's own first.

    Cursor writes Claude's version before its family, and the effort behind every name.

    >>> known_as("claude-4.5-sonnet-thinking")
    ('claude-4.5-sonnet-thinking', 'claude-4.5-sonnet', 'claude-sonnet-4-5')
    """
    names = [model]
    while (shorter := _EFFORT.sub("", names[-1])) != names[-1]:
        names.append(shorter)
    if found := _CURSOR_CLAUDE.match(names[-1]):
        major, minor, family = found.groups()
        names.append(f"claude-{family}-{major}-{minor or 0}")
    return tuple(names)


@cache
def unit_prices(model: str, provider: str | None, day: date) -> UnitPrices | None:
    """Give a model's base-tier prices of a day (UTC), or None for a model that the list does not know.

    >>> from datetime import date
    >>> unit_prices("claude-sonnet-4-0", "anthropic", date(2026, 10, 5)).cache_read * 1_000_000
    0.3
    >>> unit_prices("auto", "cursor", date(2026, 10, 5)) is None
    True
    """
    moment = datetime.combine(day, time(12), tzinfo=UTC)
    for name in known_as(model):
        for asked in dict.fromkeys((_PROVIDERS.get(provider or ""), None)):
            found = _asked(name, asked, moment)
            if found is not None:
                return found
    return None


def _asked(model: str, provider: str | None, moment: datetime) -> UnitPrices | None:
    try:
        prices = [_price(model, provider, moment, tokens) for tokens in _questions()]
    except LookupError:
        return None
    per_token = [float(price.total_price / _PROBE) for price in prices]
    return UnitPrices(prices[0].model.id, *per_token)


def _questions() -> Iterable[dict[str, int]]:
    """In the order of UnitPrices' fields; `input_tokens` is all input, cached or not."""
    yield {"input_tokens": _PROBE}
    yield {"output_tokens": _PROBE}
    yield {"input_tokens": _PROBE, "cache_read_tokens": _PROBE}
    yield {"input_tokens": _PROBE, "cache_write_tokens": _PROBE}
    yield {"input_tokens": _PROBE, "cache_write_tokens": _PROBE, "cache_write_1h_tokens": _PROBE}


def _price(model: str, provider: str | None, moment: datetime, tokens: dict[str, int]) -> Any:
    library = _library()
    usage = library.Usage(**tokens)
    return library.calc_price(usage, model_ref=model, provider_id=provider, genai_request_timestamp=moment)


@cache
def _library() -> Any:
    try:
        import genai_prices
    except ImportError as error:
        raise MissingExtraError("Estimates need genai-prices. Run: pip install genai-prices") from error
    return genai_prices


def price_source() -> str:
    """Name the price list and its version, as it belongs beside every estimate.

    >>> price_source().split()[0]
    'genai-prices'
    """
    return f"genai-prices {_library().__version__}"
