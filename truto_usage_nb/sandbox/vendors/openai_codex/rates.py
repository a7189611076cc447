"""What OpenAI charges: USD per million tokens by model and kind, per piece for the rest, and the euro's rate."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

_MILLION = Decimal(1_000_000)
EUR_PER_USD = Decimal("0.92")
USD_PER_CREDIT = Decimal("0.04")
BATCH_SHARE = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Disjoint token counts: `input` is what was neither read from the cache nor written to it."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens; a null price is a kind that the model does not have."""

    input: Decimal
    cached: Decimal | None = None
    written: Decimal | None = None
    output: Decimal | None = None

    def parts(self, tokens: Tokens) -> dict[str, tuple[int, Decimal]]:
        """Return count and USD for each kind the model has."""
        found = {}
        for kind in ("input", "cached", "written", "output"):
            price, count = getattr(self, kind), getattr(tokens, kind)
            if price is not None:
                found[kind] = (count, count * price / _MILLION)
        return found

    def of(self, tokens: Tokens) -> Decimal:
        """Return USD for all kinds together.

        >>> MODELS["gpt-5-2025-08-07"].of(Tokens(input=1_000_000, output=100_000))
        Decimal('2.250')
        """
        return sum((usd for _, usd in self.parts(tokens).values()), Decimal(0))


def _price(input_: str, cached: str | None = None, written: str | None = None, output: str | None = None) -> Price:
    return Price(Decimal(input_), *(None if text is None else Decimal(text) for text in (cached, written, output)))


MODELS: dict[str, Price] = {
    "gpt-5-2025-08-07": _price("1.25", "0.125", None, "10"),
    "gpt-5-mini-2025-08-07": _price("0.25", "0.025", None, "2"),
    "gpt-4o-2024-08-06": _price("2.5", "1.25", None, "10"),
    "gpt-6-astra": _price("10", "1", "12.5", "50"),
    "gpt-5.3-codex": _price("1.75", "0.175", None, "14"),
    "gpt-5.4": _price("2.5", "0.25", None, "15"),
    "gpt-5.1-codex-mini": _price("0.25", "0.025", None, "2"),
    "text-embedding-3-large": _price("0.13"),
}
UNKNOWN = MODELS["gpt-5.3-codex"]  # what a model is charged at when the report calls it `other`
PIECES: dict[str, tuple[str, Decimal]] = {
    "images": ("Image models", Decimal("0.04")),
    "web_search_calls": ("Web search tool calls", Decimal("0.01")),
    "code_interpreter_sessions": ("Code interpreter sessions", Decimal("0.03")),
}
