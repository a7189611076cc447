"""Which series a record belongs to, how long it is, and whether it is a state that a later one of its cycle overtakes.

Cursor's spend is a person's billing cycle to date. Whatever Datadog states of a product is a state of its month: a day
holds the month to date, a month the whole of it, and of a month the latest state alone counts. A refund is no state,
and a piece that was cut out of a record (`overhang="prorate"`) is a piece.
"""

from __future__ import annotations

from collections.abc import Collection

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.integrations import INTEGRATIONS, integrations_that

__all__ = [
    "DAY",
    "HOUR",
    "LENGTHS",
    "OWN_KEY",
    "PRORATED",
    "SHAPE_COLUMNS",
    "is_running_total",
    "is_spend",
    "is_state",
    "length_number",
    "series_name",
    "shape",
]

HOUR, DAY = 3_600_000_000, 86_400_000_000
"""Microseconds."""
LENGTHS = ("instant", "minute", "hour", "day", "week", "month", "longer")
"""Names of how long a record is: an instant, under an hour, under a day, under two days, under 28, up to 31, longer."""

SHAPE_COLUMNS = (
    "report_type", "integration", "model_id", "surface", "usage_unit", "usage_requests_composer", "usage_requests_chat",
    "usage_requests_agent", "usage_requests_cmdk", "usage_requests_tab_shown", "usage_requests_api_key",
    "usage_conversations_thread_count", "user_id", "user_email",
)  # fmt: skip

_DAILY = ("composer", "chat", "agent", "cmdk", "tab_shown")


_SHAPES = ("other", "cycle", "by_model", "by_surface", "in_all", "charged", "counts")
"""A record's shapes, by number, as an integration's `shapes` names the series of each."""
_CYCLE, _BY_MODEL, _BY_SURFACE, _IN_ALL, _CHARGED, _COUNTS = range(1, len(_SHAPES))
OWN_KEY = 8
"""Added to the number of a request made with the customer's own key."""


def shape() -> nw.Expr:
    """Number what shows which series a record belongs to; needs `__charged`, `__tokens` and `__is_running_total`.

    A number, because names are only needed once a group: `series_name` gives them.
    """
    counted = nw.any_horizontal(*(~nw.col(f"usage_requests_{n}").is_null() for n in _DAILY), ignore_nulls=False)
    daily = nw.when(counted & nw.col("__tokens").is_null()).then(nw.lit(_COUNTS)).otherwise(nw.lit(0))
    other = nw.when(nw.col("__charged")).then(nw.lit(_CHARGED)).otherwise(daily)
    number = nw.when(_is_broken_down()).then(_breakdown()).otherwise(other)
    number = nw.when(nw.col("__is_running_total") | is_spend()).then(nw.lit(_CYCLE)).otherwise(number)
    theirs = nw.col("integration").is_in(integrations_that(lambda each: each.own_keys))
    own = theirs & (nw.col("usage_requests_api_key").fill_null(0) > 0)
    return number + nw.when(own.fill_null(False)).then(nw.lit(OWN_KEY)).otherwise(nw.lit(0))


def _is_broken_down() -> nw.Expr:
    theirs = nw.col("integration").is_in(integrations_that(lambda each: each.shapes and each.shapes.by_model))
    credits = (nw.col("usage_unit") == "credits").fill_null(False)
    threads = ~nw.col("usage_conversations_thread_count").is_null()
    return (credits | threads) & theirs.fill_null(False)


def _breakdown() -> nw.Expr:
    person = ~nw.col("user_id").is_null() | ~nw.col("user_email").is_null()
    # a person's day whose models the vendor left out stands among those by model: nothing else states it
    whole = person & nw.col("surface").is_null()
    by_surface = nw.when(~nw.col("surface").is_null()).then(nw.lit(_BY_SURFACE)).otherwise(nw.lit(_IN_ALL))
    return nw.when(~nw.col("model_id").is_null() | whole).then(nw.lit(_BY_MODEL)).otherwise(by_surface)


def series_name(shape: str = "shape", integration: str = "integration", report_type: str = "report_type") -> pl.Expr:
    """Name the series of a collected row, by the columns that hold its shape's number and its provenance."""
    number = pl.col(shape) % OWN_KEY
    name = pl.col(report_type)
    for vendor, known in INTEGRATIONS.items():
        if known.shapes is None:
            continue
        names = [getattr(known.shapes, each) or known.shapes.other for each in _SHAPES]
        theirs = number.replace_strict(range(len(names)), names, return_dtype=pl.String)
        name = pl.when(pl.col(integration) == vendor).then(theirs).otherwise(name)
    return name.cast(pl.String)


def length_number() -> nw.Expr:
    """Number how long a record is, as an index into LENGTHS; null where it has no start or end."""
    span = nw.col("__end") - nw.col("__start")
    number = nw.when(span > 31 * DAY).then(nw.lit(6)).otherwise(nw.lit(5))
    for limit, value in ((28 * DAY, 4), (2 * DAY, 3), (DAY, 2), (HOUR, 1)):
        number = nw.when(span < limit).then(nw.lit(value)).otherwise(number)
    number = nw.when(span <= 0).then(nw.lit(0)).otherwise(number)
    return nw.when(~span.is_null()).then(number)


# states of a cycle ----------------------------------------------------------------------------------------------------

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
