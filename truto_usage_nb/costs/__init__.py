"""What the charges of a record come to, by a stated rule, and what a token cost.

`with_costs` and `cost_lines` put the rule beside the records; the `cost_per…` tables let tokens meet money, add up and
divide. `cost_rule()` is the rule as a card.
"""

from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.costs.coverage import Coverage, coverage
from truto_usage_nb.costs.duplicates import deduplicate
from truto_usage_nb.costs.estimates import estimate_costs
from truto_usage_nb.costs.lines import cost_lines, with_costs
from truto_usage_nb.costs.mix import cache_savings, token_mix
from truto_usage_nb.costs.reasons import REASONS, cost_rule
from truto_usage_nb.costs.remote import remote_field
from truto_usage_nb.costs.tables import (
    closing_line,
    cost_per,
    cost_per_model,
    cost_per_surface,
    cost_per_token,
    total_cost,
)

__all__ = [
    "REASONS",
    "Choices",
    "Coverage",
    "cache_savings",
    "closing_line",
    "cost_lines",
    "cost_per",
    "cost_per_model",
    "cost_per_surface",
    "cost_per_token",
    "cost_rule",
    "coverage",
    "deduplicate",
    "estimate_costs",
    "remote_field",
    "token_mix",
    "total_cost",
    "with_costs",
]
