"""Which series of records each vendor serves, what each states, and which one counts where two state the same thing.

A *series* is one way in which a vendor tells what happened: Claude's are its report types; the others are known by the
shape of their records, because their `report_type` says nothing. The question is never whether two series are in one
frame, but whether one *measure* (money, tokens) of one account and day comes from more than one.

Pure data. Sources: the vendors' documentation of their usage, cost and analytics endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Measure = Literal["money", "tokens", "requests"]
TotalMeans = Literal["billed", "list", "with_included"]
Basis = Literal["bill", "estimate", "running total", "none"]

__all__ = [
    "CHOICES",
    "OTHERS_MONEY",
    "SERIES",
    "TOTAL_MEANS",
    "Choice",
    "Series",
    "TotalMeans",
    "apart",
    "choice_for",
]


@dataclass(frozen=True, slots=True)
class Series:
    """Say what a series states, and whether its money is a bill."""

    name: str
    states: frozenset[Measure]
    basis: Basis
    meaning: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Settle which series counts where one contains the other: the first of `order` that is there.

    `by` overrides the order when a dimension is asked for ("user", "model" or "surface"). `remainder` says that the
    chosen series is a part of the other, so what it leaves out is shown as "(not attributed)".
    """

    integration: str
    measure: Measure
    order: tuple[str, ...]
    reason: str
    by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remainder: bool = False

    def preference(self, dimensions: frozenset[str]) -> tuple[str, ...]:
        """Give the order for the dimensions asked for."""
        return next((order for name, order in self.by.items() if name in dimensions), self.order)


def _of(basis: Basis, *rows: tuple[str, str, str]) -> tuple[Series, ...]:
    return tuple(Series(name, frozenset(states.split()), basis, meaning) for name, states, meaning in rows)  # type: ignore[arg-type]


SERIES: dict[str, tuple[Series, ...]] = {
    "claude": (
        *_of(
            "bill",
            ("cost", "money requests", "The bill, discounts taken off, before credits."),
            ("user_cost", "money requests", "The part of the bill that has a person."),
        ),
        *_of(
            "estimate",
            ("activity", "money tokens", "Claude Code's tokens, with an estimate of what cost bills."),
            ("skill_usage", "money", "Calls of skills, with an estimate of what cost bills."),
        ),
        *_of(
            "none",
            ("usage", "tokens requests", "Every token."),
            ("user_usage", "tokens requests", "The tokens that have a person."),
            ("connector_usage", "", "Calls of connectors."),
            ("project_usage", "", "Messages of projects."),
            ("summary", "", "Active people; not additive."),
        ),
    ),
    "openai_codex": (
        *_of(
            "bill",
            ("cost", "money tokens", "The bill by line item; tokens where its quantity was copied there."),
        ),
        *_of(
            "none",
            ("usage", "tokens requests", "Tokens and requests of the API."),
            ("codex_totals", "tokens requests", "A person's day in Codex, not broken down."),
            ("codex_model", "tokens requests", "The same by model."),
            ("codex_client", "tokens requests", "The same by client."),
        ),
    ),
    "cursor": (
        *_of("bill", ("event", "money tokens requests", "One request each, with tokens and charge.")),
        *_of("running total", ("spend", "money", "A person's spend in the billing cycle to date.")),
        *_of("none", ("daily", "requests", "A person's day: requests, lines, tabs.")),
    ),
    "confluent": (
        *_of("bill", ("cost", "money", "A resource's day, with quantity, unit and money.")),
        *_of("none", ("metrics", "", "Quantities by metric.")),
    ),
    "datadog": (
        *_of("bill", ("cost", "money", "A product's month.")),
        *_of("running total", ("cost_to_date", "money", "A product's month to date, a record a day.")),
        *_of("none", ("usage", "", "Quantities by hour or month.")),
    ),
}
"""The series of each integration."""

CHOICES: tuple[Choice, ...] = (
    Choice(
        "claude",
        "money",
        ("cost", "user_cost"),
        "user_cost is the part of cost that has a person",
        by={"user": ("user_cost", "cost")},
        remainder=True,
    ),
    Choice(
        "claude",
        "tokens",
        ("usage", "user_usage", "activity"),
        "user_usage and activity are parts of usage",
        by={"user": ("user_usage", "usage", "activity")},
        remainder=True,
    ),
    Choice("openai_codex", "tokens", ("usage", "cost"), "a cost record repeats the tokens it charges for"),
    Choice(
        "openai_codex",
        "tokens",
        ("codex_totals", "codex_model", "codex_client"),
        "models and clients break the same totals down",
        by={
            "model": ("codex_model", "codex_totals", "codex_client"),
            "surface": ("codex_client", "codex_totals", "codex_model"),
        },
    ),
    Choice("cursor", "money", ("event", "spend"), "spend adds the same events up, and checks them"),
    Choice("datadog", "money", ("cost", "cost_to_date"), "the month contains its days to date"),
)
"""Where one series contains another, the one that counts. Two series in none are refused, unless they are `apart`."""

TOTAL_MEANS: Mapping[str, TotalMeans] = {"confluent": "list"}
"""What a `total` without a net is, where the vendor's documentation settles it: Confluent's is its original amount,
before the discount. Elsewhere it is what is billed; where the parts show a plan's usage in it, that comes off."""

OTHERS_MONEY = r"^ccm_(?:anthropic|openai|confluent|cursor)_.*spend"
"""Datadog metrics whose quantity is another vendor's dollars: never a quantity to add, never cost."""


_CODEX = ("codex_totals", "codex_model", "codex_client")


def apart(one: str, other: str) -> bool:
    """Say whether two series of one account state different things, however alike they look.

    A workspace's Codex and an organisation's API are two products: an API key's use of Codex is in the API alone.

    >>> apart("usage", "codex_model"), apart("usage", "user_usage")
    (True, False)
    """
    return (one in _CODEX) != (other in _CODEX)


def choice_for(integration: str, measure: Measure, names: frozenset[str]) -> Choice | None:
    """Give the choice that settles two or more series of one measure, or None where nothing settles them.

    >>> choice_for("claude", "money", frozenset({"cost", "user_cost"})).order[0]
    'cost'
    """
    return next(
        (c for c in CHOICES if (c.integration, c.measure) == (integration, measure) and names <= frozenset(c.order)),
        None,
    )
