"""The questions beyond the cost tables: who, why, where it goes, what went wild, and does it match the invoice."""

from truto_usage_nb.questions.caching import cache_advice
from truto_usage_nb.questions.changes import cost_change
from truto_usage_nb.questions.committed import commitment_curve, commitments
from truto_usage_nb.questions.horizons import forecast_costs
from truto_usage_nb.questions.invoicing import check_prices, reconcile
from truto_usage_nb.questions.labelling import with_labels, with_models
from truto_usage_nb.questions.oddities import unusual
from truto_usage_nb.questions.outcome_costs import outcomes
from truto_usage_nb.questions.pacing import pace
from truto_usage_nb.questions.people import seats
from truto_usage_nb.questions.per_unit import unit_costs
from truto_usage_nb.questions.scenarios import what_if

__all__ = [
    "cache_advice",
    "check_prices",
    "commitment_curve",
    "commitments",
    "cost_change",
    "forecast_costs",
    "outcomes",
    "pace",
    "reconcile",
    "seats",
    "unit_costs",
    "unusual",
    "what_if",
    "with_labels",
    "with_models",
]
