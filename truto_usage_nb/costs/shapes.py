"""Which series a record belongs to, and how long it is: what the checks need to know of each record."""

from __future__ import annotations

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.totals import is_spend
from truto_usage_nb.integrations import INTEGRATIONS, integrations_that

__all__ = ["LENGTHS", "OWN_KEY", "SHAPE_COLUMNS", "length", "named", "shape"]

HOUR, DAY = 3_600_000_000, 86_400_000_000
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
CYCLE, BY_MODEL, BY_SURFACE, IN_ALL, CHARGED, COUNTS = range(1, len(_SHAPES))
OWN_KEY = 8
"""Added to the number of a request made with the customer's own key."""


def shape() -> nw.Expr:
    """Number what shows which series a record belongs to; needs `__charged`, `__tokens` and `__is_running_total`.

    A number, because names are only needed once a group: `named` gives them.
    """
    counted = nw.any_horizontal(*(~nw.col(f"usage_requests_{n}").is_null() for n in _DAILY), ignore_nulls=False)
    daily = nw.when(counted & nw.col("__tokens").is_null()).then(nw.lit(COUNTS)).otherwise(nw.lit(0))
    other = nw.when(nw.col("__charged")).then(nw.lit(CHARGED)).otherwise(daily)
    number = nw.when(_is_broken_down()).then(_breakdown()).otherwise(other)
    number = nw.when(nw.col("__is_running_total") | is_spend()).then(nw.lit(CYCLE)).otherwise(number)
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
    by_surface = nw.when(~nw.col("surface").is_null()).then(nw.lit(BY_SURFACE)).otherwise(nw.lit(IN_ALL))
    return nw.when(~nw.col("model_id").is_null() | whole).then(nw.lit(BY_MODEL)).otherwise(by_surface)


def named(shape: str = "shape", integration: str = "integration", report_type: str = "report_type") -> pl.Expr:
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


def length() -> nw.Expr:
    """Number how long a record is, as an index into LENGTHS; null where it has no start or end."""
    span = nw.col("__end") - nw.col("__start")
    number = nw.when(span > 31 * DAY).then(nw.lit(6)).otherwise(nw.lit(5))
    for limit, value in ((28 * DAY, 4), (2 * DAY, 3), (DAY, 2), (HOUR, 1)):
        number = nw.when(span < limit).then(nw.lit(value)).otherwise(number)
    number = nw.when(span <= 0).then(nw.lit(0)).otherwise(number)
    return nw.when(~span.is_null()).then(number)
