"""From a frame of usage to FOCUS rows: read, pair, part by kind, cut by billing period, name, check, tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import polars as pl

from truto_usage_nb.errors import FrameError, tell
from truto_usage_nb.focus.amounts import split
from truto_usage_nb.focus.charges import aside_rows, by_kind, unpriced_rows, used_rows
from truto_usage_nb.focus.checking import violations
from truto_usage_nb.focus.finishing import finished
from truto_usage_nb.focus.options import Options
from truto_usage_nb.focus.pairing import Pairs, pair
from truto_usage_nb.focus.purchases import covering, drawn_from, period_bounds, purchase_rows, with_seats
from truto_usage_nb.focus.reading import LINE, ROW, Reading, lean, read
from truto_usage_nb.format import number
from truto_usage_nb.native import Native

__all__ = ["export"]

SLICE = 2**16
"""So many rows are made at a time: wide rows of a whole export would take many times the room of what comes out."""


def export(native: Native, options: Options, result: Any = None) -> pl.DataFrame:
    """Make the rows, check every one of them, and say once what was chosen and what was left out."""
    reading = read(native, options, result)
    pairs = pair(reading, options)
    currencies, accounts = _currencies(reading.money, options), _accounts(reading)
    reading = replace(reading, money=reading.money.clear(), tokens=reading.tokens.clear())  # they stand in the pairs
    bought = purchase_rows(options, accounts)
    rows: Iterator[pl.DataFrame] = chain(_rows(reading, pairs, currencies, options), [bought] if bought.height else [])
    if options.seat_prices or options.events == "hour" or covering(bought):  # sums over all of them
        together = pl.concat(rows, how="diagonal_relaxed")
        rows = iter([with_seats(drawn_from(together, reading.spans, options.billing_day), options)])
    table = pl.concat([lean(finished(each, options, reading)) for each in rows])
    told = [*reading.told, *_unpriced(reading, pairs, currencies, options), *_cut(table, options)]
    del reading, pairs, rows  # the check needs their room
    _check(table, options.version)
    _tell(told)
    return table


def _rows(reading: Reading, pairs: Pairs, currencies: pl.DataFrame, options: Options) -> Iterator[pl.DataFrame]:
    """Give the rows a slice at a time: usage and purchases, then tax, then credits, then what nobody paid for."""
    for rows in chain(_charged(reading, pairs), _unpaid(reading, pairs, currencies, options)):
        yield corrected(in_billing_periods(with_charge_period(rows), options.billing_day), options)


def _charged(reading: Reading, pairs: Pairs) -> Iterator[pl.DataFrame]:
    for charges in _slices(pairs.money):
        for part in _slices(by_kind(charges, reading.lines)):
            yield used_rows(part, reading.lines)
    for name in ("tax", "credit"):
        stated = reading.lines[f"cost_{name}"].gather(pairs.money[LINE]).fill_null(0) != 0
        if stated.any():
            for charges in _slices(pairs.money.filter(stated)):
                yield aside_rows(charges, name, reading.lines)


def _unpaid(reading: Reading, pairs: Pairs, currencies: pl.DataFrame, options: Options) -> Iterator[pl.DataFrame]:
    if options.unpriced == "zero":
        for left in _slices(pairs.left.sort(ROW, "kind")):
            yield unpriced_rows(left, currencies, reading.lines)


def _slices(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows, so many at a time; an empty slice of none."""
    return rows.iter_slices(SLICE) if rows.height else iter([rows])


def _currencies(money: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The currency an account is charged in, where it is one: by its charges, else as the caller said."""
    one = money.group_by("integrated_account_id").agg(pl.col("currency").unique())
    one = one.filter(pl.col("currency").list.len() == 1).with_columns(pl.col("currency").list.first())
    said = {account: code for account, (code, _) in options.credit_rate.items()}
    more = pl.DataFrame(list(said.items()), schema=one.schema, orient="row")
    return pl.concat([one, more]).unique("integrated_account_id", keep="first")


def _accounts(reading: Reading) -> pl.DataFrame:
    who = reading.lines.select("integrated_account_id", "integration", "organization_id", "organization_name")
    both = [who[side[LINE]].unique("integrated_account_id", keep="first") for side in (reading.money, reading.tokens)]
    return pl.concat(both).unique("integrated_account_id", keep="first", maintain_order=True)


def _check(table: pl.DataFrame, version: str) -> None:
    found = violations(table, version)
    if found.height:
        first = found.row(0, named=True)
        raise FrameError(
            f"{found.height} cells of this export break FOCUS {version}; the first: row {first['row']}, "
            f"{first['column']}={first['value']!r}: {first['rule']}. This frame holds something that to_focus does not "
            f"foresee; leave these records out, and report it.",
            details=found.head(100).to_dicts(),
        )


def _unpriced(reading: Reading, pairs: Pairs, currencies: pl.DataFrame, options: Options) -> list[str]:
    """Say whose tokens have no price, and whether they are written at 0 or left out."""
    left = pairs.left.with_columns(reading.lines["integrated_account_id"].gather(pairs.left[LINE]))
    if options.unpriced == "zero":
        nowhere = left.join(currencies, on="integrated_account_id", how="anti")
        written = left.join(currencies, on="integrated_account_id", how="semi")
        return [
            *_counted(written, "are written at a billed cost of 0"),
            *_counted(nowhere, "are left out: their account is charged in no currency, or in several"),
        ]
    return _counted(left, "are left out (unpriced='zero' writes them)")


def _counted(left: pl.DataFrame, what: str) -> list[str]:
    if not left.height:
        return []
    accounts = ", ".join(sorted(left["integrated_account_id"].unique()))
    return [f"{number(float(left['n'].sum()))} tokens of {accounts} have no price and {what}"]


def _cut(table: pl.DataFrame, options: Options) -> list[str]:
    """Say what billing periods did: charges cut at their ends, and seats of periods that the frame holds in part."""
    count = int(table["x_Prorated"].sum())
    told = [f"{count:,} rows are parts of charges that reach over a billing period's end (x_Prorated)"] if count else []
    moved = sorted(account for account in options.seat_prices if options.billing_day.get(account, 1) != 1)
    if moved:
        told.append(f"the seats of {', '.join(moved)} are written in full for every billing period: load whole ones")
    return told


def _tell(told: list[str]) -> None:
    if told:
        tell("; ".join(told) + ".", stacklevel=4)


_PARTS = ("billed", "list", "contracted", "quantity")


def with_charge_period(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `charge_start` and `charge_end`: an instant is charged in the hour that holds it, `event_time` keeps it.

    FOCUS's instants have whole seconds, so a charge period begins with the second that holds its beginning, and ends
    with the one that holds its end: 0.8 seconds are no empty period.
    """
    start, end = pl.col("start_date"), pl.col("end_date")
    instant = start == end
    hour = start.dt.truncate("1h")
    if rows.select(pl.any_horizontal((start.dt.microsecond() != 0).any(), (end.dt.microsecond() != 0).any())).item():
        whole = end.dt.truncate("1s")
        start, end = start.dt.truncate("1s"), pl.when(whole == end).then(end).otherwise(whole.dt.offset_by("1s"))
    return rows.with_columns(
        event_time=pl.when(instant).then(pl.col("start_date")),
        charge_start=pl.when(instant).then(hour).otherwise(start),
        charge_end=pl.when(instant).then(hour.dt.offset_by("1h")).otherwise(end),
    )


def corrected(rows: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Bill the refunds of invoiced billing periods in the first that is open; their charge periods stay what they were.

    FOCUS, CorrectionHandling: BillingPeriodStart and BillingPeriodEnd are those of a subsequent open billing period,
    ChargePeriodStart and ChargePeriodEnd those in which the cost was originally incurred.
    """
    if options.closed_before is None:
        return rows.with_columns(correction=pl.lit(value=False))
    refund = pl.col("category").is_in(["Usage", "Purchase"]) & (pl.col("quantity") < 0)
    correction = refund & (pl.col("period_end") <= pl.lit(options.closed_before))
    rows = rows.with_columns(correction=correction.fill_null(value=False), __open=pl.lit(options.closed_before))
    start, end = period_bounds(options.billing_day, "__open")
    return rows.with_columns(
        period_start=pl.when("correction").then(start).otherwise("period_start"),
        period_end=pl.when("correction").then(end).otherwise("period_end"),
    ).drop("__open")


def in_billing_periods(rows: pl.DataFrame, days: Mapping[str, int]) -> pl.DataFrame:
    """Add `period_start` and `period_end`, and cut a row that reaches into the next period in proportion to time."""
    start, end = period_bounds(days, "charge_start")
    over = pl.col("charge_end") > pl.col("period_end")
    rows = rows.with_columns(period_start=start, period_end=end)
    if not rows.select(over.any()).item():
        return rows.with_columns(charge_end=pl.min_horizontal("charge_end", "period_end"), prorated=pl.lit(value=False))
    rows = rows.with_row_index("__whole")
    done: list[pl.DataFrame] = []
    rest = rows
    while rest.height or not done:
        rest = rest.with_columns(period_start=start, period_end=end)
        done.append(rest.with_columns(charge_end=pl.min_horizontal("charge_end", "period_end"), over=over))
        rest = rest.filter(over).with_columns(charge_start=pl.col("period_end"))
    cut = pl.concat(done, how="diagonal_relaxed").sort("__whole", "charge_start", maintain_order=True)
    cut = cut.with_columns(prorated=pl.len().over("__whole") > 1)
    whole, parts = cut.filter(~pl.col("prorated")), cut.filter(pl.col("prorated"))
    parts = parts.with_columns(__time=(pl.col("charge_end") - pl.col("charge_start")).dt.total_microseconds())
    parts = split(parts.with_columns(pl.col("__time").cast(pl.Float64)), _PARTS, "__whole", "__time")
    together = pl.concat([whole, parts], how="diagonal_relaxed").sort("__whole", "charge_start", maintain_order=True)
    return together.drop([name for name in ("__whole", "__time", "over") if name in together.columns])
