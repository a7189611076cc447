"""Charts of what was paid: axes-level functions, `(frame, …, ax=None) -> Axes`.

Any frame that the cost tables take goes in. Without `ax` a figure is made, and its Axes come back: one, or a list with
one for each currency, because amounts in two currencies are never drawn on one scale. `currency=` picks one, which is
also the way to draw a frame of several currencies on an `ax` of one's own. Titles say what is shown, the line under
them what it comes to and what was left out; axes say the unit. A value has one colour in every chart of a session:
see `Palette`. `save(axes, path)` writes the same bytes every time.
"""

from truto_usage_nb.plots.ageing import seats
from truto_usage_nb.plots.figures import save
from truto_usage_nb.plots.handing_out import allocation
from truto_usage_nb.plots.kinds import cache_savings, token_mix
from truto_usage_nb.plots.list_price import billed_against_list
from truto_usage_nb.plots.over_time import cost_over_time
from truto_usage_nb.plots.palette import Palette, colours
from truto_usage_nb.plots.prices import price_per_million
from truto_usage_nb.plots.ranking import cost_bars
from truto_usage_nb.plots.run_rate import pace
from truto_usage_nb.plots.waterfall import bridge

__all__ = [
    "Palette",
    "allocation",
    "billed_against_list",
    "bridge",
    "cache_savings",
    "colours",
    "cost_bars",
    "cost_over_time",
    "pace",
    "price_per_million",
    "save",
    "seats",
    "token_mix",
]
