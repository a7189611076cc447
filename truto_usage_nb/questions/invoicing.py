"""The user's invoices beside the frame: what agrees, what does not, and what no API here could know."""

from __future__ import annotations

from datetime import date
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.buckets import BUCKET
from truto_usage_nb.costs.building import Question, build
from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.errors import FrameError, InputError, did_you_mean, hearing, tell
from truto_usage_nb.integrations import INTEGRATIONS, integration_named
from truto_usage_nb.native import Native, enter
from truto_usage_nb.questions.moments import day_named
from truto_usage_nb.questions.tables import need_columns, read_table

__all__ = ["CANNOT_KNOW", "reconcile"]

CANNOT_KNOW = {
    "claude": "seats, prepaid credits bought, credits granted, Priority Tier commitments, tax",
    "openai_codex": "seats, credits bought or granted, tax; Codex credits have no price in the API",
    "confluent": "the commitment bought and its drawdown, marketplace bills, tax",
    "cursor": "seats, tax; invoices run from the day of the month the team signed up, not the 1st",
    "datadog": "the commitment's true-up, marketplace bills, tax; an open month is an estimate",
}
"""What an invoice may hold that no record tells, by integration."""
COLUMNS = ("integration", "month", "currency", "metered", "credits", "expected", "invoice", "difference", "cannot_know")
_KEY = ["integration", "month", "currency"]


def reconcile(frame: Any, invoices: Any, **choices: Unpack[Choices]) -> Any:
    """Put the user's own invoices beside what the records come to, month by month.

    `invoices` is the path of a CSV or a frame with `integration`, `month` ("2026-10" or a date), `currency` and
    `amount`; several lines of one month add up. Comes back as the kind that came in, a row per integration, month (its
    first day, UTC) and currency of either side: `metered` (billed after discounts, before credits and tax), `credits`
    (credits, and tax where a vendor states it), `expected` = metered + credits, `invoice`, `difference` = invoice -
    expected, and `cannot_know`: what that vendor's invoice may hold that its API does not tell. Where one side is
    missing its figures and the difference are null, never 0.

    Raises FrameError for a table without its columns, InputError for a month or an integration that cannot be read.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("datadog", period="2026-10")
    >>> bill = pl.DataFrame({"integration": "datadog", "month": "2026-10", "currency": "USD", "amount": 80690.40})
    >>> round(reconcile(usage, bill)["difference"][0], 2)
    0.0
    """
    native = enter(frame)
    return native.leave(_reconciled(native, _invoices(read_table(invoices, "The table of invoices")), choices))


def _reconciled(native: Native, invoices: pl.DataFrame, choices: Any) -> pl.DataFrame:
    with hearing() as said:  # both say the same
        metered, payable = (_money(native, measure, choices) for measure in ("billed", "payable"))
    if said:
        tell(said[0], stacklevel=3)
    frame = metered.join(payable, on=_KEY, how="left", nulls_equal=True)
    frame = frame.filter(pl.col("billed").is_not_null())
    table = frame.join(invoices, on=_KEY, how="full", nulls_equal=True, coalesce=True)
    table = table.with_columns(
        metered=pl.col("billed"),
        credits=pl.col("payable") - pl.col("billed"),
        expected=pl.col("payable"),
        difference=pl.col("invoice") - pl.col("payable"),
        cannot_know=pl.col("integration").replace_strict(CANNOT_KNOW, default="tax, purchases"),
    )
    return table.select(COLUMNS).sort(
        "currency", "month", "expected", "integration", descending=[False, False, True, False], nulls_last=True
    )


def _money(native: Native, measure: Any, choices: Any) -> pl.DataFrame:
    question = Question.of("integration", "1mo", "UTC", measure, choices)
    table = build(native, question)
    return table.select(
        "integration", pl.col(BUCKET).dt.date().alias("month"), "currency", pl.col("cost").alias(measure)
    )


def _invoices(table: pl.DataFrame) -> pl.DataFrame:
    what = "The table of invoices"
    need_columns(table, ("integration", "month", "currency", "amount"), what)
    rows = [_line(row) for row in table.select("integration", "month", "currency", "amount").iter_rows()]
    schema = pl.Schema(
        {"integration": pl.String(), "month": pl.Date(), "currency": pl.String(), "invoice": pl.Float64()}
    )
    return pl.DataFrame(rows, schema=schema, orient="row").group_by(_KEY).agg(pl.col("invoice").sum())


def _line(row: tuple[Any, ...]) -> tuple[str, date, str, float]:
    integration, month, currency, amount = row
    found = integration_named(str(integration))
    if found is None:
        raise InputError(
            f"An invoice is of {integration!r}, which is no integration.{did_you_mean(integration, INTEGRATIONS)}"
        )
    if currency is None or amount is None:
        raise FrameError(
            f"The invoice of {integration} for {month} lacks its {'currency' if currency is None else 'amount'}."
        )
    try:
        value = float(str(amount).replace(",", ""))
    except ValueError as error:
        raise FrameError(
            f"The invoice of {integration} for {month} has the amount {amount!r}, which is no number."
        ) from error
    return found.name, day_named(month, "month").replace(day=1), str(currency).strip().upper(), value
