"""Charts of what was paid: axes-level functions, `(frame, …, ax=None) -> Axes`.

Any frame that the cost tables take goes in. Without `ax` a figure is made, and its Axes come back: one, or a list with
one for each currency, because amounts in two currencies are never drawn on one scale. `currency=` picks one, which is
also the way to draw a frame of several currencies on an `ax` of one's own. Titles say what is shown, the line under
them what it comes to and what was left out; axes say the unit. Where colours tell values apart, a value has one in
every chart of a session (see `Palette`); bars that stand beside their names have one colour. `save(axes, path)` writes
the same bytes every time.
"""

from truto_usage_nb.plots.bars import allocation, billed_against_list, checks, cost_bars, seats
from truto_usage_nb.plots.figures import Palette, colours, save
from truto_usage_nb.plots.next_term import (
    cache_advice,
    commitment_curve,
    commitments,
    forecast_costs,
    outcomes,
    what_if,
)
from truto_usage_nb.plots.over_time import bridge, cost_over_time, pace
from truto_usage_nb.plots.tokens import cache_savings, price_per_million, token_mix

__all__ = [
    "Palette",
    "allocation",
    "billed_against_list",
    "bridge",
    "cache_advice",
    "cache_savings",
    "checks",
    "colours",
    "commitment_curve",
    "commitments",
    "cost_bars",
    "cost_over_time",
    "forecast_costs",
    "outcomes",
    "pace",
    "price_per_million",
    "save",
    "seats",
    "token_mix",
    "what_if",
]
