"""List prices by model and day, offline: the one room that knows `genai-prices`.

A price here is a *unit price of the base tier*: long-context tiers go by the size of a single request, which an
aggregated record does not tell. The list is asked once per model, and once more for each price that the model has had;
a day only says which of these prices is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
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


@lru_cache(maxsize=65_536)
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
            found = _listed(name, asked)
            if found is not None:
                return found.on(moment)
    return None


class _Listed:
    """A model of the list, and what a token cost at each price that it has had; most days share one."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.prices: list[tuple[Any, UnitPrices]] = []

    def on(self, moment: datetime) -> UnitPrices:
        price = self.model.get_prices(moment)
        for held, units in self.prices:
            if held is price:
                return units
        units = UnitPrices(self.model.id, *(_per_token(price, tokens) for tokens in _questions()))
        self.prices.append((price, units))
        return units


@lru_cache(maxsize=4_096)
def _listed(model: str, provider: str | None) -> _Listed | None:
    library = _library()
    try:
        found = library.calc_price(library.Usage(input_tokens=_PROBE), model_ref=model, provider_id=provider)
    except LookupError:
        return None
    return _Listed(found.model)


def _per_token(price: Any, tokens: dict[str, int]) -> float:
    whole = price.calc_price(_library().Usage(**tokens))["total_price"]
    return float(whole / _PROBE)


def _questions() -> Iterable[dict[str, int]]:
    """In the order of UnitPrices' fields; `input_tokens` is all input, cached or not."""
    yield {"input_tokens": _PROBE}
    yield {"output_tokens": _PROBE}
    yield {"input_tokens": _PROBE, "cache_read_tokens": _PROBE}
    yield {"input_tokens": _PROBE, "cache_write_tokens": _PROBE}
    yield {"input_tokens": _PROBE, "cache_write_tokens": _PROBE, "cache_write_1h_tokens": _PROBE}


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
