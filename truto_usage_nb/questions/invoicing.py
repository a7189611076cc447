"""The user's invoices beside the frame: what agrees, what does not, and what no API here could know."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import BUCKET, Choices, Question
from truto_usage_nb.costs.tables import build
from truto_usage_nb.errors import FrameError, InputError, did_you_mean, hearing, tell
from truto_usage_nb.format import decimals
from truto_usage_nb.integrations import INTEGRATIONS, integration_named
from truto_usage_nb.native import Native, enter
from truto_usage_nb.questions.amounts import DecimalMark, amounts, check_decimal, currencies
from truto_usage_nb.questions.moments import day_named
from truto_usage_nb.questions.tables import Table, read_table

__all__ = ["invoice_lines", "reconcile"]

COLUMNS = ("integration", "month", "currency", "metered", "credits", "expected", "invoice", "difference", "cannot_know")
_KEY = ["integration", "month", "currency"]
_MONTH = re.compile(r"(\d{4}-\d\d(?:-\d\d)?)(?:[ T]00:00(?::00(?:\.0+)?)?(?:Z|\+00:?00)?)?")
"""A month, a day of it, or a day as databases write one."""


def reconcile(frame: Any, invoices: Any, *, decimal: DecimalMark | None = None, **choices: Unpack[Choices]) -> Any:
    """Put the user's own invoices beside what the records come to, month by month.

    `invoices` is a file (CSV, workbook, Parquet) or a frame with `integration`, `month` ("2026-10" or a date),
    `currency` and `amount`; several lines of one month add up. An amount may be text with its currency's sign and marks
    between thousands; where it can be read in two ways, such as "1.080" or "1,08", `decimal` ("." or ",") says which
    mark stands before the decimals.

    Comes back as the kind that came in, a row per integration, month (its first day, UTC) and currency of either side:
    `metered` (billed after discounts, before credits and tax), `credits` (credits, and tax where a vendor states it),
    `expected` = metered + credits, `invoice`, `difference` = invoice - expected as the currency's decimals write both
    (cents, where it has two), and `cannot_know`: what that vendor's invoice may hold that its API does not tell. Where
    one side is missing its figures and the difference are null, never 0.

    Raises FrameError for a table without its columns, and for a month, an integration, a currency or an amount that
    cannot be read in one way, with its row.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("datadog", period="2026-10")
    >>> bill = pl.DataFrame({"integration": "datadog", "month": "2026-10", "currency": "USD", "amount": 80690.40})
    >>> tu.reconcile(usage, bill)["difference"][0]
    0.0
    """
    check_decimal(decimal)
    native = enter(frame)
    brought = invoice_lines(read_table(invoices, "The table of invoices"), decimal)
    return native.leave(_reconciled(native, brought.group_by(_KEY).agg(invoice=pl.col("amount").sum()), choices))


def _reconciled(native: Native, invoices: pl.DataFrame, choices: Any) -> pl.DataFrame:
    with hearing() as said:  # both say the same
        metered, payable = (_money(native, measure, choices) for measure in ("billed", "payable"))
    if said:
        tell(said[0], stacklevel=3)
    frame = metered.join(payable, on=_KEY, how="left", nulls_equal=True)
    frame = frame.filter(pl.col("billed").is_not_null())
    table = frame.join(invoices, on=_KEY, how="full", nulls_equal=True, coalesce=True)
    table = table.with_columns(invoice=_rounded(pl.col("invoice")))
    beyond = {name: known.beyond for name, known in INTEGRATIONS.items()}
    table = table.with_columns(
        metered=pl.col("billed"),
        credits=pl.col("payable") - pl.col("billed"),
        expected=pl.col("payable"),
        difference=_rounded(pl.col("invoice") - _rounded(pl.col("payable"))),
        cannot_know=pl.col("integration").replace_strict(beyond, default="tax, purchases"),
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


def _rounded(amount: pl.Expr) -> pl.Expr:
    """To the decimals of the row's currency; nothing is 0.0 and never -0.0."""
    places = pl.col("currency").map_elements(decimals, pl.Int64)
    by_places = {n: amount.round(n) + 0.0 for n in (0, 2, 3)}
    return pl.when(places == 0).then(by_places[0]).when(places == 3).then(by_places[3]).otherwise(by_places[2])


def invoice_lines(table: Table, decimal: DecimalMark | None = None) -> pl.DataFrame:
    """Read invoices: `integration`, `month` (its first day), `currency`, `amount`. Raises FrameError with the row."""
    table = table.need(*_KEY, "amount")
    texts = table.texts("integration", "month")
    lines = [
        (_integration(table, row, integration), _month(table, row, month))
        for row, integration, month in zip(table.rows, texts["integration"], texts["month"], strict=True)
    ]
    read = pl.DataFrame(lines, schema={"integration": pl.String(), "month": pl.Date()}, orient="row")
    return read.with_columns(currencies(table), amounts(table, "amount", decimal))


def _integration(table: Table, row: int, name: str | None) -> str:
    found = integration_named(name or "")
    if found is None:
        raise FrameError(
            f"{table.what}, row {row}: an invoice is of {name!r}, which is no integration."
            f"{did_you_mean(name, INTEGRATIONS)} Known: {', '.join(INTEGRATIONS)}."
        )
    return found.name


def _month(table: Table, row: int, month: str | None) -> date:
    found = _MONTH.fullmatch(month or "")
    try:
        return day_named(found[1] if found else month or "", "month").replace(day=1)
    except InputError as problem:
        raise FrameError(f"{table.what}, row {row}: {problem}") from None
