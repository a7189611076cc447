"""Models that the team uses in Cursor, how often, and what their tokens cost."""

from __future__ import annotations

from dataclasses import dataclass

TOKEN_FEE_CENTS = "1.18"  # Cursor's own fee on one event of another provider's model
INCLUDED_REQUEST_CENTS = 8  # what a request-priced row says it is worth


@dataclass(frozen=True, slots=True)
class Model:
    """One model: how often it is picked, and USD per million tokens by kind; a null price is a kind it does not have.

    `third_party` models carry Cursor's fee; Cursor's own and the free-form `auto` do not.
    """

    name: str
    weight: int
    input: float
    output: float
    cache_read: float
    cache_write: float | None = None
    third_party: bool = True


MODELS: tuple[Model, ...] = (
    Model("claude-4.5-sonnet", 30, 3.0, 15.0, 0.3, 3.75),
    Model("auto", 22, 1.25, 6.0, 0.25, 1.25, third_party=False),
    Model("gpt-5.3-codex", 15, 1.75, 14.0, 0.175),
    Model("composer-2.5", 14, 0.5, 2.5, 0.2, third_party=False),
    Model("claude-opus-5", 11, 5.0, 25.0, 0.5, 6.25),
    Model("gemini-3-pro-preview", 5, 2.0, 12.0, 0.2),
    Model("grok-4.5", 3, 2.0, 6.0, 0.5),
)
REQUEST_PRICED = "claude-4-sonnet-thinking"  # an older model still priced by request, so without tokens
BY_WEIGHT: tuple[Model, ...] = tuple(model for model in MODELS for _ in range(model.weight))
THIRD_PARTY: tuple[Model, ...] = tuple(model for model in BY_WEIGHT if model.third_party)
