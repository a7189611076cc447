"""Running totals: records that repeat, and enlarge, what an earlier record of their cycle said."""

from __future__ import annotations

import narwhals.stable.v2 as nw

__all__ = ["is_running_total"]

DAY = 86_400_000_000
"""Microseconds of a day."""


def is_running_total() -> nw.Expr:
    """Tell the records whose amounts run up over a cycle; needs the instants `__start` and `__end`.

    Cursor's spend states on_demand and included of a person for the billing cycle to date, with no model and no tokens;
    its events state a total. Datadog's estimate by day states the month to date; its months are stated once.
    """
    given = {c: ~nw.col(c).is_null() for c in ("charges_included", "charges_on_demand", "model_id")}
    spend = (nw.col("integration") == "cursor") & given["charges_included"] & given["charges_on_demand"]
    daily = (nw.col("integration") == "datadog") & (nw.col("__end") - nw.col("__start") <= DAY)
    charged = nw.col("charges_count").fill_null(0) > 0
    return (spend & ~given["model_id"]).fill_null(False) | (daily & charged).fill_null(False)
