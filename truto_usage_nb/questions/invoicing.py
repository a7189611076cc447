"""Does it match: the user's invoices beside the frame, and the bill beside what its tokens should have cost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import BUCKET, Choices, Question, by_columns, check_dims
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.estimates import estimated, priced_by
from truto_usage_nb.costs.matching import one_name_a_model
from truto_usage_nb.costs.tables import build, matched
from truto_usage_nb.errors import FrameError, InputError, did_you_mean, hearing, tell
from truto_usage_nb.format import decimals
from truto_usage_nb.integrations import INTEGRATIONS, integration_named
from truto_usage_nb.native import Native, enter
from truto_usage_nb.prices import CURRENCY
from truto_usage_nb.questions.tables import (
    DecimalMark,
    Table,
    check_decimal,
    day_named,
    read_amounts,
    read_currencies,
    read_table,
)

__all__ = ["check_prices", "invoice_lines", "reconcile"]

_COLUMNS = (
    "integration",
    "month",
    "currency",
    "metered",
    "credits",
    "expected",
    "invoice",
    "difference",
    "cannot_know",
)
_OF_AN_INVOICE = ["integration", "month", "currency"]
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
    return native.leave(
        _reconciled(native, brought.group_by(_OF_AN_INVOICE).agg(invoice=pl.col("amount").sum()), choices)
    )


def _reconciled(native: Native, invoices: pl.DataFrame, choices: Any) -> pl.DataFrame:
    with hearing() as said:  # both say the same
        metered, payable = (_money(native, measure, choices) for measure in ("billed", "payable"))
    if said:
        tell(said[0])
    frame = metered.join(payable, on=_OF_AN_INVOICE, how="left", nulls_equal=True)
    frame = frame.filter(pl.col("billed").is_not_null())
    table = frame.join(invoices, on=_OF_AN_INVOICE, how="full", nulls_equal=True, coalesce=True)
    table = table.with_columns(invoice=_rounded(pl.col("invoice")))
    beyond = {name: known.beyond for name, known in INTEGRATIONS.items()}
    table = table.with_columns(
        metered=pl.col("billed"),
        credits=pl.col("payable") - pl.col("billed"),
        expected=pl.col("payable"),
        difference=_rounded(pl.col("invoice") - _rounded(pl.col("payable"))),
        cannot_know=pl.col("integration").replace_strict(beyond, default="tax, purchases"),
    )
    return table.select(_COLUMNS).sort(
        in_blocks(table, "expected"), "currency", "month", "expected", "integration",
        descending=[False, False, False, True, False], nulls_last=True,
    )  # fmt: skip


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
    table = table.need(*_OF_AN_INVOICE, "amount")
    texts = table.texts("integration", "month")
    lines = [
        (_integration(table, row, integration), _month(table, row, month))
        for row, integration, month in zip(table.rows, texts["integration"], texts["month"], strict=True)
    ]
    read = pl.DataFrame(lines, schema={"integration": pl.String(), "month": pl.Date()}, orient="row")
    return read.with_columns(read_currencies(table), read_amounts(table, "amount", decimal))


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


# billed money against our own estimate, model by model ----------------------------------------------------------------

_MODEL = "model_id"
_CHECKED = ("month", "currency", "billed", "estimate", "ratio", "reading")
_SUMS = [
    "money",
    "money_n",
    "other",
    "estimate",
    "of_priced",
    "unknown_priced",
    "priced",
    "unpriced",
    "included",
    "known_n",
]
_UNPAID = "tokens without a price: Priority Tier, prepaid or included?"
_BELOW = f"below list price: a discount, or {_UNPAID}"
_ABOVE = "above list price: a long-context tier, fast mode, or a fee?"
_READINGS = (
    (0.47365, _BELOW),
    (0.52635, f"about half of list price: batch or flex, or {_UNPAID}"),
    (0.90365, _BELOW),
    (1.07365, "at list price"),
    (1.12635, "about 1.1 times list price: data residency, a regional endpoint, or a fee?"),
    (47.365, _ABOVE),
    (151.365, "about 100 times list price: cents read as dollars?"),
    (float("inf"), _ABOVE),
)
"""What a ratio below each edge says. No discount in whole or tenths of a percent falls on an edge, nor does one beside
the 1.1 of data residency: how floats round never decides. Half price in cents is a ratio of 50."""


def check_prices(frame: Any, by: str | Sequence[str] | None = "model_id", **choices: Unpack[Choices]) -> Any:
    """Hold what was billed for tokens against what they cost at list price, a line a month, and say what it means.

    Comes back as the kind that came in, a row per value of `by`, `month` (its first day, UTC) and currency: `billed`
    (money that bought tokens), `estimate` (USD, of the tokens that have a price), `ratio` (billed over estimate), and
    `reading`, the ratio in words: about 0.5 is batch or flex, 1.1 data residency, 100 cents read as dollars. The ratio
    is null where there is nothing to compare: another currency, no charge, a refund, or tokens without a list price.
    Prices are those of the usage date and the base tier, as `estimate_costs` has them, without any discount. In lines
    of `model_id` the spellings of a model share one, as in `cost_per_model`.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.check_prices(usage).filter(model_id="claude-opus-5")["reading"].to_list()
    ['at list price']
    """
    native = enter(frame)
    return native.leave(_priced(native, by, choices))


def _priced(native: Native, by: str | Sequence[str] | None, choices: Any) -> pl.DataFrame:
    names = by_columns(by)
    check_dims(names, _CHECKED)
    asked = priced_by(native, names)
    read = matched(native, Question.of(asked, None, "UTC", "billed", choices, kinds=True))
    rows = estimated(read).with_columns(month=pl.col("day").dt.truncate("1mo"))
    if _MODEL in names:  # money and tokens may spell a model in two ways
        rows = one_name_a_model(rows, f"dim_{names.index(_MODEL)}", read.dims[: len(names)])
    return _table(rows, read, names)


def _table(rows: pl.DataFrame, read: Digest, names: tuple[str, ...]) -> pl.DataFrame:
    dims = {f"dim_{read.by.index(name)}": name for name in names}
    table = rows.group_by(*dims, "month", "currency").agg(pl.col(_SUMS).sum()).rename(dims)
    billed = pl.when(pl.col("money_n") > 0).then(pl.col("money") - pl.col("other"))
    worth = pl.when((pl.col("of_priced") > 0) & (pl.col("unknown_priced") == 0)).then(pl.col("of_priced"))
    table = table.with_columns(billed=billed, estimate=worth).with_columns(
        ratio=pl.when((pl.col("currency") == CURRENCY) & (pl.col("billed") >= 0)).then(
            pl.col("billed") / pl.col("estimate")
        )
    )
    bought = pl.col("priced") + pl.col("unpriced") + pl.col("included") > 0
    table = table.filter(bought | (pl.col("billed") != 0)).with_columns(reading=_reading())
    return table.select(*names, *_CHECKED).sort(
        in_blocks(table, "billed"), "currency", "month", "billed", *names,
        descending=[False, False, False, True, *[False] * len(names)], nulls_last=True,
    )  # fmt: skip


def _reading() -> pl.Expr:
    ratio = pl.col("ratio")
    said = pl.lit(None, dtype=pl.String)
    for edge, reading in reversed(_READINGS):
        said = pl.when(ratio < edge).then(pl.lit(reading)).otherwise(said)
    return (
        pl.when(ratio.is_not_null())
        .then(said)
        .when(pl.col("billed").is_null() | (pl.col("priced") == 0))
        .then(pl.lit("tokens without a charge"))
        .when(pl.col("currency").is_null() | (pl.col("currency") != CURRENCY))
        .then(pl.lit("not in USD: the list has no price to compare"))
        .when(pl.col("billed") < 0)
        .then(pl.lit("a refund: more was given back than billed"))
        .otherwise(pl.lit("no list price: a model, or kinds of tokens, that the list does not price"))
    )
