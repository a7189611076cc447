"""From a frame of usage to FOCUS rows: read, pair, part by kind, cut by billing period, name, check, tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import polars as pl

from truto_usage_nb.errors import FrameError, tell
from truto_usage_nb.focus.charges import aside_rows, by_kind, unpriced_rows, used_rows
from truto_usage_nb.focus.checking import SLICE, violations
from truto_usage_nb.focus.finishing import finished
from truto_usage_nb.focus.options import Options
from truto_usage_nb.focus.pairing import Pairs, pair
from truto_usage_nb.focus.periods import corrected, in_billing_periods, with_charge_period
from truto_usage_nb.focus.purchases import covering, drawn_from, purchase_rows, with_seats
from truto_usage_nb.focus.reading import LINE, ROW, Reading, lean, read
from truto_usage_nb.format import number
from truto_usage_nb.native import Native

__all__ = ["export"]


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
        tell("; ".join(told) + ".")
