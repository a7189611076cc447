"""Running totals: records that repeat, and enlarge, what an earlier record of their cycle said.

Cursor's spend is a person's billing cycle to date. Whatever Datadog states of a product is a state of its month: a day
holds the month to date, a month the whole of it, and of a month the latest state alone counts. A refund is no state,
and a piece that was cut out of a record (`overhang="prorate"`) is a piece.
"""

from __future__ import annotations

from collections.abc import Collection

import narwhals.stable.v2 as nw

from truto_usage_nb.integrations import integrations_that

__all__ = ["PRORATED", "is_running_total", "is_spend", "is_state"]

DAY = 86_400_000_000
"""Microseconds of a day."""
PRORATED = "prorated_share"
"""The column in which a load says what share of a record is left of it."""


def _given(kind: str) -> nw.Expr:
    return ~nw.col(f"charges_{kind}").is_null()


def _span() -> nw.Expr:
    return nw.col("__end") - nw.col("__start")


def is_spend() -> nw.Expr:
    """Tell a person's spend: on_demand or included over a cycle, with no model; a request states a total.

    Needs the instants `__start` and `__end`.
    """
    either, both = _given("on_demand") | _given("included"), _given("on_demand") & _given("included")
    long = (_span() > DAY).fill_null(False)
    of_people = nw.col("integration").is_in(integrations_that(lambda each: each.cycle == "person")).fill_null(False)
    return of_people & nw.col("model_id").is_null() & (both | (either & long))


def _is_of_month() -> nw.Expr:
    of_products = nw.col("integration").is_in(integrations_that(lambda each: each.cycle == "product")).fill_null(False)
    return of_products & (nw.col("charges_count").fill_null(0) > 0)


def _is_whole(columns: Collection[str]) -> nw.Expr:
    """No refund, and no piece of a longer record."""
    names = (f"charges_{kind}" for kind in ("net", "total", "on_demand", "committed", "usage_based"))
    leading = [nw.col(name).cast(nw.Float64()) for name in names if name in columns]
    whole = nw.coalesce(*leading).fill_null(0.0) >= 0 if leading else nw.lit(True)
    return whole & (nw.col(PRORATED).fill_null(1.0) >= 1) if PRORATED in columns else whole


def is_state(columns: Collection[str]) -> nw.Expr:
    """Tell the records of which only the latest of their cycle counts; `columns` are those of the frame that hold
    anything.
    """
    return (is_spend() | _is_of_month()) & _is_whole(columns)


def is_running_total(columns: Collection[str]) -> nw.Expr:
    """Tell the states that are no whole month: they run up over a cycle."""
    return is_state(columns) & (is_spend() | (_span() < 28 * DAY).fill_null(False))
