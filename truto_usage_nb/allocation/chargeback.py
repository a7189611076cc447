"""An allocation as files for the books: a workbook with a sheet a team, and a journal that balances."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from truto_usage_nb.allocation.tables import ALLOCATED
from truto_usage_nb.checks import a_path, a_text
from truto_usage_nb.clock import month_start
from truto_usage_nb.errors import FrameError, InputError, WriteError
from truto_usage_nb.format import decimals
from truto_usage_nb.native import collect, enter, require
from truto_usage_nb.planning import Period
from truto_usage_nb.spreadsheets import Sheet, check_workbook, write_book, write_csv

__all__ = ["UNALLOCATED", "write_chargeback"]

UNALLOCATED = "(unallocated)"
"""How what no rule reached is called where a table is shown."""
_AMOUNTS = ("direct_cost", "shared_cost", "purchased_cost", "cost")


def write_chargeback(
    allocated: Any,
    path: str | Path,
    *,
    period: Any = None,
    ledger: str | Path | None = None,
    account: str = "usage",
    contra_account: str = "clearing",
) -> Path:
    """Write an allocation as a workbook for finance, and give the path.

    `allocated` is a table of `allocate`; with `explain=True` its sheets say which rule placed what. The sheet `summary`
    has a row per cost centre and currency with totals, each cost centre has a sheet of its own, and `notes` says by
    which rules (SHA-256) it was made. Cost centres are text (`00420` stays), amounts and days have formats, and cents
    add up. `period`, as `load_usage` takes it, is written as days; a table with `period_start` needs none.

    `ledger` is the path of a CSV to import as a journal: `date` (the period's last day), `account`, `cost_center`,
    `amount` (positive a debit), `currency`, `text`; a line per cost centre on `account`, and one per currency on
    `contra_account` that takes it back, so that each currency comes to nothing.

    Raises FrameError for a table that is no allocation, InputError for a ledger without a period and a path that ends
    in something else.

    >>> import tempfile, truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-10-05")
    >>> made = tu.allocate(usage, [{"to": "00420", "match": {"account": "confluent"}}])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     book, csv = f"{folder}/october.xlsx", f"{folder}/october.csv"
    ...     path = tu.write_chargeback(made, book, period="2026-10-05", ledger=csv)
    ...     open(csv, encoding="utf-8").read().splitlines()[1]
    '2026-10-05,usage,00420,957.52,USD,Usage 2026-10-05'
    """
    to = a_path("path", path, WriteError)
    check_workbook(to)
    a_text("account", account, "the account that is debited, such as '6500'")
    a_text("contra_account", contra_account, "the account that is credited, such as '2900'")
    table = _read(allocated, period)
    summary = _summary(table)
    if ledger is not None:
        journal = pl.DataFrame(
            list(_journal(summary, account, contra_account)),
            schema=dict.fromkeys(("date", "account", "cost_center", "amount", "currency", "text"), pl.String),
            orient="row",
        )
        if journal.height and journal["date"].null_count():
            raise InputError("ledger= needs the period that is booked; give period='2026-10', or allocate by month.")
        journal = journal.with_columns(pl.col("date").str.to_date(), pl.col("amount").cast(pl.Decimal(38, 3)))
    centers = summary.sort(pl.col("cost_center") == UNALLOCATED, maintain_order=True)["cost_center"]
    sheets = [Sheet("summary", summary, total=True)]
    sheets += [
        Sheet(name, _own(table, summary, name), total=True) for name in centers.unique(maintain_order=True).to_list()
    ]
    written = write_book(to, sheets, list(_notes(table)))
    if ledger is not None:
        write_csv(journal, ledger)
    return written


def _read(allocated: Any, period: Any) -> pl.DataFrame:
    """The table with `period_start` and `period_end` (days, both included) where the period is known."""
    native = enter(allocated)
    require(native, ALLOCATED, "write_chargeback")
    table = collect(native.frame)
    odd = [name for name in _AMOUNTS if not table.schema[name].is_numeric()]
    if odd:
        raise FrameError(f"{odd[0]} holds {table.schema[odd[0]]}, no amounts; give a table of allocate as it is.")
    if "period_start" in table.columns:
        start = pl.col("period_start").cast(pl.Date)
        return table.with_columns(period_start=start, period_end=start.dt.month_end())
    first, last = None, None
    if period is not None:
        span = Period.parse(period)
        first, last = span.start.date(), (span.end - timedelta(microseconds=1)).date()
    return table.with_columns(period_start=pl.lit(first, pl.Date), period_end=pl.lit(last, pl.Date))


def _summary(table: pl.DataFrame) -> pl.DataFrame:
    keys = ["period_start", "period_end", "target", "currency"]
    sums = table.group_by(keys, maintain_order=True).agg(
        *(pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).round(6).alias(name) for name in _AMOUNTS),
        pl.col("tokens").sum(),
    )
    made = sums.with_columns(cost_center=pl.col("target").cast(pl.String).fill_null(UNALLOCATED))
    return made.select("cost_center", "period_start", "period_end", "currency", *_AMOUNTS, "tokens")


def _own(table: pl.DataFrame, summary: pl.DataFrame, center: str) -> pl.DataFrame:
    """What stands on a cost centre's sheet: what each rule placed there, or what the summary says of it."""
    if "rule" not in table.columns:
        return summary.filter(pl.col("cost_center") == center)
    own = table.filter(pl.col("target").cast(pl.String).fill_null(UNALLOCATED) == center)
    return own.select("rule", "reason", "period_start", "period_end", "currency", *_AMOUNTS, "tokens")


def _journal(summary: pl.DataFrame, account: str, contra: str) -> Iterator[tuple[str | None, ...]]:
    """The journal's lines: amounts as decimal texts, so that they add up to nothing exactly."""
    taken: dict[tuple[date | None, date | None, str], Decimal] = {}
    for row in summary.iter_rows(named=True):
        currency, cost = row["currency"], row["cost"]
        if not cost or currency is None:
            continue
        amount = Decimal(f"{cost:.{decimals(currency)}f}")
        key = (row["period_start"], row["period_end"], currency)
        taken[key] = taken.get(key, Decimal(0)) + amount
        yield _line(key, account, row["cost_center"], amount)
    for key, amount in taken.items():
        if amount:
            yield _line(key, contra, "", -amount)


def _line(
    key: tuple[date | None, date | None, str], account: str, center: str, amount: Decimal
) -> tuple[str | None, ...]:
    start, end, currency = key
    day = end.isoformat() if end is not None else None
    return day, account, center, f"{amount:f}", currency, f"Usage {_named(start, end)}"


def _named(start: date | None, end: date | None) -> str:
    """Name a period: a month as 2026-10, a day as itself, else its first and last day."""
    if start is None or end is None:
        return ""
    is_month = start.day == 1 and end == month_start(start, 1) - timedelta(days=1)
    return f"{start:%Y-%m}" if is_month else f"{start}" if start == end else f"{start} to {end}"


def _notes(table: pl.DataFrame) -> Iterator[tuple[str, str]]:
    yield "what this is", "an allocation: who pays for what was used, by rules"
    spans = table.select("period_start", "period_end").drop_nulls().unique().sort("period_start")
    yield "period", ", ".join(_named(*row) for row in spans.iter_rows()) or "not stated"
    if "rules_sha256" in table.columns:
        yield "rules", f"SHA-256 {', '.join(map(str, table['rules_sha256'].drop_nulls().unique().sort()))}"
    yield "direct_cost", "placed by a rule, after credits and tax"
    yield "shared_cost", "taken from a shared pool; below zero where a pool was handed out"
    yield "purchased_cost", "seats and purchases that were given, and what was committed to, in no record, and not used"
    yield "cost", "the sum of the three, rounded so that all of it adds up to the bill; currencies are never added"
    yield UNALLOCATED, "what no rule reached"
