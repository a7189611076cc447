"""List prices by model and day, offline: the one room that knows `genai-prices`.

A price here is a *unit price of the base tier*, unless the record says which tier it is of: long-context tiers go by
the size of a single request, which an aggregated record does not tell. A name is priced where the list knows it,
spelled so or by its identity (`models`). What may change the price is never taken off a name: a model in fast mode has
the list's fast price of that day, or none. Where the list gives no single number there is no price: unknown, never $0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from typing import Any

import polars as pl

from truto_usage_nb.errors import MissingExtraError
from truto_usage_nb.models import bare_name, cloud_of, family_first, is_global, model_identity

__all__ = ["CURRENCY", "UnitPrices", "price_columns", "price_source", "unit_prices"]

CURRENCY = "USD"
_PER = 1_000_000
"""The list prices a million tokens."""

_Context = tuple[str, str]
"""What the list asks of a request, as it writes it: key and value."""
_Window = tuple[float, float]

_FAST: tuple[_Context, ...] = (("speed", "fast"), ("service_tier", "fast"))
"""How the list names fast mode: Anthropic's is a speed, OpenAI's a service tier."""
_TIERS: dict[str, tuple[_Context, ...]] = {
    "batch": (("processing", "batch"),),
    "flex": (("service_tier", "flex"),),
    "priority": (("service_tier", "priority"),),
    "fast": _FAST,
}
_BASE = frozenset({"", "auto", "default", "none", "normal", "not_available", "null", "standard"})
"""What vendors write where nothing out of the ordinary was asked for."""

_MODE = re.compile(r"-(fast|thinking|xhigh|high|medium|low|minimal|none)$")
"""What Cursor and others write behind a name. An effort changes how many tokens, not what one costs; not so `max`."""
_HAS_EFFORTS = re.compile(r"^(?:claude|codex|composer|gemini|gpt|grok|o\d)")
"""Elsewhere a model that thinks is a model of its own, with a price of its own."""
_BUILD = re.compile(r"(?:[-@](?:preview|beta|latest|v\d|\d{3,4}|\d{8}|\d{2}-\d{2}(?:-\d{4})?|\d{2}-\d{4}))+$")
"""What the list's looser rules may leave of a name: which build of the model it is, and nothing that has a price."""
_LONG = re.compile(r"\[(\d+m)\]$")
"""How Claude Code writes a model that may read up to so many tokens."""
_FINE_TUNED = re.compile(r"^ft:|\.ft-")
"""Behind these stands a name that somebody gave; the list prices all of them alike."""

_MEDIA = ("audio", "image", "video")
_MIXED = re.compile(r"audio|banana|image|live|omni|realtime|sonic|transcribe|tts|voice")
"""Names of models that hear, draw or speak."""
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([km]?)")
_SIZE = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """Hold what one token of each kind cost on a day, in USD, and the price list's own name of the model.

    A kind is None where the list has no price for it, as for the output of an embedding. A cached or written token
    without a price of its own costs what the list says of the kind that holds it: fresh input. A write kept for an hour
    never has the price of a shorter one.
    """

    model: str
    input: float | None
    output: float | None
    cache_read: float | None
    cache_write_5m: float | None
    cache_write_1h: float | None

    @property
    def cache_write(self) -> float | None:
        """Writes whose lifetime is not stated are taken for the shorter one, which is the default everywhere."""
        return self.cache_write_5m


@lru_cache(maxsize=65_536)
def unit_prices(
    model: str,
    provider: str | None,
    day: date,
    *,
    service_tier: str | None = None,
    speed: str | None = None,
    context_window: str | None = None,
) -> UnitPrices | None:
    """Give a model's prices of a day (UTC), or None where the list has no price for it, or not one alone.

    `model` is as the record spells it, `provider` as it states it. `service_tier` ("batch", "flex", "priority"),
    `speed` ("fast") and `context_window` ("200k-1M") are the vendors' own words: the price is then the list's for that
    tier, and None where it lists none on that day; null, "standard", "default" and the like are the base price. Bedrock
    and Vertex have the price of their cloud.

    >>> from datetime import date
    >>> unit_prices("claude-sonnet-4-0", "anthropic", date(2026, 10, 5)).cache_read * 1_000_000
    0.3
    >>> unit_prices("claude-opus-5-fast", "anthropic", date(2026, 10, 5)).input * 1_000_000
    10.0
    >>> unit_prices("auto", "cursor", date(2026, 10, 5)) is None
    True
    """
    if long := _LONG.search(model.strip().lower()):
        model, context_window = model.strip()[: long.start()], context_window or long.group(1)
    found = _find(model, provider)
    if found is None:
        return None
    asked = [_asked(service_tier, _TIERS), _asked(speed, {"fast": _FAST}), _FAST if found.fast else None]
    modes = [mode for mode in dict.fromkeys(asked) if mode is not None]
    if found.is_fast_model:  # its own price is the fast one
        modes = [mode for mode in modes if mode != _FAST]
    if len(modes) > 1:  # no list says what two of them come to
        return None
    price = _price(found, day, modes[0] if modes else None)
    return None if price is None else _units(found.model, price, _window(context_window))


def price_columns(asked: pl.DataFrame, kinds: Sequence[str]) -> pl.DataFrame:
    """Give `price_<kind>` (USD a token) for rows of model, provider and day, in this order, and tiers by their names.

    Null where the list has no price for that kind of that model; further columns are the words of `unit_prices`.
    """
    tiers, rows = asked.columns[3:], []
    for model, provider, day, *words in asked.iter_rows():
        said = {tier: str(word) for tier, word in zip(tiers, words, strict=True) if word is not None}
        found = None if model is None or day is None else unit_prices(model, provider, day, **said)
        rows.append(tuple(None if found is None else getattr(found, kind) for kind in kinds))
    return pl.DataFrame(rows, schema={f"price_{kind}": pl.Float64 for kind in kinds}, orient="row")


@dataclass(frozen=True, slots=True)
class _Found:
    """A model of the list: whether the name asked for its fast mode, and whether its provider lists it itself."""

    model: Any
    fast: bool
    own: bool
    name: str

    @property
    def is_fast_model(self) -> bool:
        return not self.fast and "-fast" in self.name


def _find(model: str, provider: str | None) -> _Found | None:
    everywhere = "global/" if is_global(model) else ""
    for name, fast in _names(model):
        for source in _sources(name, cloud_of(model), provider):
            for own, holder in ((True, source), *((False, other) for other in _behind(source))):
                found = _listed(holder, name, everywhere)
                if found is not None:
                    return _Found(found, fast, own, name)
    return None


def _names(model: str) -> Iterator[tuple[str, bool]]:
    """The names under which the list may know a model, and whether fast mode was taken off: the stated one first."""
    name, fast = bare_name(model), False
    yield name, fast
    name = model_identity(name)
    while found := _MODE.search(name):
        if found.group(1) != "fast" and not _HAS_EFFORTS.match(name):
            return
        fast = fast or found.group(1) == "fast"
        name = model_identity(name[: found.start()])
        yield name, fast


def _sources(name: str, cloud: str | None, provider: str | None) -> Iterator[Any]:
    """The list's providers to ask: a cloud alone where one serves the model, else whoever is stated, then the maker."""
    stated = _provider(cloud or provider)
    if stated is not None:
        yield stated
    if cloud is None and (stated is None or stated.model_match is not None):
        maker = _maker(name)
        if maker is not None and maker is not stated:
            yield maker


def _behind(source: Any) -> Iterator[Any]:
    """Providers whose models another one serves at their own prices, as the list says."""
    for name in source.fallback_model_providers or ():
        yield _provider(name)


@cache
def _provider(name: str | None) -> Any:
    if name is None:
        return None
    from genai_prices.data_snapshot import find_provider_by_id

    return find_provider_by_id(_snapshot().providers, name)


def _maker(name: str) -> Any:
    try:
        return _snapshot().find_provider(name, None, None)
    except LookupError:
        return None


def _listed(provider: Any, name: str, everywhere: str) -> Any:
    """A provider's model of this name: spelled so, or of this identity, or by the list's own looser rule."""
    spelled, identities = _index(provider.id)
    if not everywhere and name in spelled:
        return spelled[name]
    found = identities.get(everywhere + _key(name))
    return found if found is not None or provider.id == "aws" else _by_rule(provider, name)


@cache
def _index(provider: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A provider's models by spelling, and by identity where that means one price."""
    spelled: dict[str, Any] = {}
    identities: dict[str, Any] = {}
    clashes: set[str] = set()
    for model in _provider(provider).models:
        for text in (model.id, *_texts(model.match)):
            spelled.setdefault(text.lower(), model)
            key = ("global/" if is_global(text) else "") + _key(bare_name(text))
            held = identities.setdefault(key, model)
            if held is not model and held.prices != model.prices:
                clashes.add(key)
    return spelled, {key: model for key, model in identities.items() if key not in clashes}


def _key(name: str) -> str:
    return family_first(model_identity(name))


def _texts(rule: Any) -> Iterator[str]:
    """Every name that a rule of the list spells out."""
    for part in (*getattr(rule, "or_", ()), *getattr(rule, "and_", ())):
        yield from _texts(part)
    for kind in ("equals", "starts_with", "contains", "ends_with"):
        if text := getattr(rule, kind, None):
            yield text


def _by_rule(provider: Any, name: str) -> Any:
    found = next((model for model in provider.models if model.is_match(name)), None)
    if found is None or _FINE_TUNED.search(name):
        return found
    heads = (text.lower() for text in _texts(found.match))
    return found if any(name.startswith(head) and _BUILD.fullmatch(name[len(head) :]) for head in heads) else None


def _asked(word: str | None, known: dict[str, tuple[_Context, ...]]) -> tuple[_Context, ...] | None:
    """What a vendor's word asks the list for: None the base price, no context at all what no list has."""
    folded = (word or "").strip().lower()
    return None if folded in _BASE else known.get(folded, ())


def _price(found: _Found, day: date, mode: tuple[_Context, ...] | None) -> Any:
    """The list's price of a day; None where it is not one, or the mode has none."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    if mode is None:
        hours = [noon.replace(hour=hour) for hour in range(24)] if _by_hour(found.model) else [noon]
        prices = [found.model.get_prices(hour) for hour in hours]
        return prices[0] if all(price is prices[0] for price in prices) else None
    if not found.own:  # the list does not say that who serves the model has the maker's modes
        return None
    for context in mode:
        if any(_is_active(variant, context, noon) for variant in found.model.price_variants or ()):
            return found.model.get_prices(noon, dict([context]))
    return None


def _is_active(variant: Any, context: _Context, moment: datetime) -> bool:
    return variant.when == dict([context]) and (variant.constraint is None or bool(variant.constraint.active(moment)))


def _by_hour(model: Any) -> bool:
    """Whether a price goes by the hour: a day's tokens then have no one price."""
    prices = model.prices if isinstance(model.prices, list) else ()
    return any(hasattr(each.constraint, "start_time") for each in prices)


def _units(model: Any, price: Any, window: _Window | None) -> UnitPrices | None:
    stated = {key: value for key, value in vars(price).items() if value is not None}
    if _is_mixed(model.id, stated):
        return None
    amounts = {key.removesuffix("_mtok"): _amount(value, window) for key, value in stated.items() if "_mtok" in key}
    fresh = amounts.get("input")
    read = amounts.get("cache_read", fresh)
    written = amounts.get("cache_write_5m", amounts.get("cache_write", fresh))
    kept = amounts.get("cache_write_1h", None if "cache_write" in amounts else fresh)
    units = (fresh, amounts.get("output"), read, written, kept)
    return None if all(unit is None for unit in units) else UnitPrices(model.id, *units)


def _is_mixed(name: str, stated: dict[str, Any]) -> bool:
    """Whether a model's tokens cost differently by what they carry, sound or pictures, which a count does not tell.

    A text model that can also hear is priced as text.
    """
    others = [key for key in stated if key.endswith("_mtok") and any(medium in key for medium in _MEDIA)]
    if not others:
        return "audio" in name
    return any(key.startswith("output") for key in others) or bool(_MIXED.search(name))


def _amount(value: Any, window: _Window | None) -> float | None:
    """USD a token; of a tiered price the tier that holds the whole window, None where no tier does."""
    if not hasattr(value, "tiers"):
        return float(value / _PER)
    if window is None:
        return float(value.base / _PER)
    low, high = window[0] * 1.01, window[1] * 0.99  # 199,999 and 200,000 are one edge
    if any(low < tier.start < high for tier in value.tiers):
        return None
    held = [tier.price for tier in value.tiers if tier.start <= low]
    return float((held[-1] if held else value.base) / _PER)


def _window(words: str | None) -> _Window | None:
    """Read a context window, such as "200k-1M": tokens of a request, from and to; None where none is stated."""
    folded = (words or "").strip().lower()
    if folded in _BASE:
        return None
    sizes = [float(number) * _SIZE[unit] for number, unit in _NUMBER.findall(folded)]
    if len(sizes) == 2:
        return sizes[0], sizes[1]
    if len(sizes) == 1:
        return (sizes[0], float("inf")) if folded[0] == ">" or folded[-1] == "+" else (0.0, sizes[0])
    return 0.0, float("inf")


@cache
def _library() -> Any:
    try:
        import genai_prices
    except ImportError as error:
        raise MissingExtraError("Estimates need genai-prices. Run: pip install genai-prices") from error
    return genai_prices


@cache
def _snapshot() -> Any:
    _library()
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()


def price_source() -> str:
    """Name the price list and its version, as it belongs beside every estimate.

    >>> price_source().split()[0]
    'genai-prices'
    """
    return f"genai-prices {_library().__version__}"
