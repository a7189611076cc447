"""What the charges of a record come to, by a stated rule, and what a token cost.

`with_costs` and `cost_lines` put the rule beside the records; the `cost_per…` tables let tokens meet money, add up and
divide. `cost_rule()` is the rule as a card. A table is a walk down these rooms:

1. `native` takes the frame in;
2. `digest` reads it in one pass, with `lines` (the `rule` beside every record) below it;
3. `records` and `overlaps` see that nothing counts twice;
4. `matching` lets tokens meet money;
5. `tables` groups, by `buckets` of the calendar where one is asked for, divides, and gives the table back.
"""

from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.costs.coverage import Coverage, coverage
from truto_usage_nb.costs.estimates import cache_savings, estimate_costs, token_mix
from truto_usage_nb.costs.lines import cost_lines, with_costs
from truto_usage_nb.costs.rule import REASONS, cost_rule
from truto_usage_nb.costs.tables import (
    closing_line,
    cost_per,
    cost_per_model,
    cost_per_surface,
    cost_per_token,
    total_cost,
)
from truto_usage_nb.long_forms import remote_field
from truto_usage_nb.repeats import deduplicate

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
