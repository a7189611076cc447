"""What an outcome of yours cost: pull requests, tickets or features by person and day or week, beside the bill."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import BUCKET, Choices, Question, check_choices
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.tables import build
from truto_usage_nb.errors import FrameError, InputError, hearing, tell
from truto_usage_nb.native import Native, enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.tables import Table, day_named, folded, header_named, read_amounts, read_table

__all__ = ["outcomes"]

_WHAT = "The table of outcomes"
_GRAINS = {"1d": "day", "1w": "week", "1mo": "month"}
_REST = "(no outcome)"
_ALL = "outcome"
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})")
_COLUMNS = (
    "outcome", "currency", "cost", "outcomes", "cost_per_outcome", "cost_at_least", "cost_at_most", "people", "grain",
)  # fmt: skip
_DUST = 9


def outcomes(frame: Any, table: Any, of: str | None = None, **choices: Unpack[Choices]) -> Any:
    """Say what your own outcomes cost: the bill of those who made them, in the days or weeks in which they did.

    `table` is a file (CSV, workbook, Parquet) or a frame, a row an outcome, or `count` of them where it has that
    column: `day` (2026-10-05) or `week` (2026-W41, or a day of it; weeks begin on Monday, UTC), and `email` of the
    person, compared without capitals. Without `email` an outcome is everybody's. `of` names a column by whose values
    outcomes are told apart, such as a kind, a repository or a feature.

    Comes back as the kind that came in, a row per value of `of` (`outcome`) and currency, and one of `(no outcome)`:
    what was billed to people, days and records with none, so that `cost` adds up to the bill. What a person cost in a
    day or week is shared among all outcomes of it, each alike; no record says which request went into which outcome,
    so there is no cost of a single one. `cost_at_least` holds only what no other row shares, `cost_at_most` all of
    what is shared with others: the truth lies between. `outcomes` are those within the frame's days, `people` who made
    them, `cost_per_outcome` = cost / outcomes. `grain` is how finely people, time and bill could be set side by side:
    where a person is billed by the week or month, outcomes are counted by it.

    A UsageWarning says which outcomes lie outside the frame's days, and whose person no record names.

    Raises FrameError for a table that lacks a column, or a row without a day, and what `cost_per` raises.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> merged = pl.DataFrame({"day": ["2026-10-05"] * 2, "email": ["priya.raghunathan@tidewheel.example.com"] * 2})
    >>> tu.outcomes(usage, merged).filter(outcome="outcome")["cost_per_outcome"].round(2).to_list()
    [24.76]
    """
    check_choices(choices, "billed")
    native = enter(frame)
    brought = read_table(table, _WHAT)
    items, grain, by_person = _items(brought, of)
    if by_person:
        require(native, ("user_email",), "outcomes by person")
    grain, money = _bill(native, grain, by_person, choices)
    items = items.with_columns(pl.col("day").dt.truncate(grain).alias("day"))
    items, told = _within(items, money, by_person)
    if told:
        tell("; ".join(told) + ".")
    name = f"person and {_GRAINS[grain]}" if by_person else _GRAINS[grain]
    return native.leave(_shared(items, money).with_columns(grain=pl.lit(name)).select(_COLUMNS))


# what was brought -----------------------------------------------------------------------------------------------------


def _items(table: Table, of: str | None) -> tuple[pl.DataFrame, str, bool]:
    """The outcomes by day, person and kind, how finely they are dated, and whether they name people."""
    found = {name: header_named(name, table.columns, _WHAT) for name in ("day", "week", "email", "count")}
    time = "day" if found["day"] is not None else "week"
    wanted = [time, *(name for name in ("email", "count") if found[name] is not None)]
    table = table.need(*wanted)
    if of is not None and (not isinstance(of, str) or header_named(of, table.columns, _WHAT) is None):
        raise InputError(f"of={shown(of)} is no column of {_WHAT[0].lower()}{_WHAT[1:]}; it has {_few(table.columns)}.")
    header = None if of is None else header_named(of, table.columns, _WHAT)
    days = [_day(table, row, time, text) for row, text in zip(table.rows, table.texts(time)[time], strict=True)]
    made = pl.DataFrame({"day": days}, schema={"day": pl.Date()})
    counts = (
        read_amounts(table, "count", None) if "count" in wanted else pl.Series([1.0] * made.height, dtype=pl.Float64)
    )
    _refuse_counts(table, counts)
    kinds = pl.Series([_ALL] * made.height) if header is None else table.texts(header)[header].fill_null("(none)")
    people = table.texts("email")["email"] if "email" in wanted else pl.Series([None] * made.height, dtype=pl.String)
    for row, person in zip(table.rows, people, strict=True):
        if person is None and "email" in wanted:
            raise FrameError(
                f"{table.what}, row {row}: it lacks its email; give whose outcome it is, or drop the column."
            )
    made = made.with_columns(kinds.alias("outcome"), counts.alias("n"), people.alias("email"))
    made = made.with_columns(who=folded("email")).drop("email")
    return made.filter(pl.col("n") > 0), "1d" if time == "day" else "1w", "email" in wanted


def _few(columns: Sequence[str]) -> str:
    return ", ".join(columns[:12])


def _day(table: Table, row: int, name: str, text: str | None) -> date:
    try:
        if name == "week" and (found := _WEEK.fullmatch((text or "").strip().upper())):
            return date.fromisocalendar(int(found[1]), int(found[2]), 1)
        return day_named((text or "").partition(" ")[0].partition("T")[0], name)
    except ValueError as problem:  # a week that the year has not
        why = problem if isinstance(problem, InputError) else f"{name}={shown(text)} is no week of that year."
        raise FrameError(f"{table.what}, row {row}: {why}") from None


def _refuse_counts(table: Table, counts: pl.Series) -> None:
    for row, count in zip(table.rows, counts, strict=True):
        if count < 0 or count != int(count):
            raise FrameError(f"{table.what}, row {row}: count={count:g} is no number of outcomes; give a whole number.")


# beside the bill ------------------------------------------------------------------------------------------------------


def _bill(native: Native, grain: str, by_person: bool, choices: Any) -> tuple[str, pl.DataFrame]:
    """What each person, or everybody, was billed by day, week or month: the finest in which no bill is spread."""
    by = ("user_email",) if by_person else ()
    who = folded("user_email") if by_person else pl.lit(None, pl.String)
    grains = list(_GRAINS)
    for each in grains[grains.index(grain) :]:
        with hearing() as said:
            table = build(native, Question.of(by, each, "UTC", "billed", choices))
        money = table.filter(pl.col("cost").is_not_null()).select(
            "currency", "cost", who.alias("who"), pl.col(BUCKET).dt.date().alias("day"), spread="spread_cost"
        )
        own = money.filter(pl.col("who").is_not_null()) if by_person else money
        if each == grains[-1] or not own["spread"].abs().sum():
            break
    if said:
        tell(said[0])
    return each, money.group_by("who", "day", "currency").agg(pl.col("cost").sum())


def _within(items: pl.DataFrame, money: pl.DataFrame, by_person: bool) -> tuple[pl.DataFrame, list[str]]:
    """The outcomes of the frame's time, and what is to be told of the others."""
    first, last = money["day"].min(), money["day"].max()
    inside = items.filter(pl.col("day").is_between(pl.lit(first, pl.Date), pl.lit(last, pl.Date)))
    told = []
    if outside := _count(items) - _count(inside):
        told.append(f"{outside:,} outcomes lie outside the days of this frame and are left out")
    if by_person:
        unseen = inside.filter(~pl.col("who").is_in(money["who"].drop_nulls().unique().implode()).fill_null(False))
        if nobody := _count(unseen):
            told.append(f"{nobody:,} outcomes are of people whom no record here names, and count with no cost")
    return inside, told


def _count(items: pl.DataFrame) -> int:
    return int(items["n"].sum())


def _shared(items: pl.DataFrame, money: pl.DataFrame) -> pl.DataFrame:
    """Share each person's day, or everybody's, among its outcomes; what has none stands by itself."""
    place = ["who", "day"]
    kinds = items.group_by(*place, "outcome").agg(pl.col("n").sum())
    kinds = kinds.with_columns(part=pl.col("n") / pl.col("n").sum().over(place), kinds=pl.len().over(place))
    met = money.join(kinds, on=place, how="left", nulls_equal=True)
    met = met.with_columns(
        outcome=pl.col("outcome").fill_null(_REST),
        share=pl.col("cost") * pl.col("part").fill_null(1.0),
        alone=pl.when(pl.col("kinds").fill_null(1) == 1).then("cost").otherwise(0.0),
    )
    costs = met.group_by("outcome", "currency").agg(
        cost=pl.col("share").sum(), cost_at_least=pl.col("alone").sum(), cost_at_most=pl.col("cost").sum()
    )
    made = items.group_by("outcome").agg(
        outcomes=pl.col("n").sum().cast(pl.Int64), people=pl.col("who").drop_nulls().n_unique().cast(pl.Int64)
    )
    rows = made.join(money.select("currency").unique(), how="cross").join(
        costs, on=["outcome", "currency"], how="full", nulls_equal=True, coalesce=True
    )
    rows = rows.with_columns(
        pl.col("cost", "cost_at_least", "cost_at_most").fill_null(0.0), pl.col("outcomes", "people").fill_null(0)
    )
    rows = rows.with_columns(cost_per_outcome=pl.when(pl.col("outcomes") > 0).then(pl.col("cost") / pl.col("outcomes")))
    order = [in_blocks(rows, "cost"), "currency", pl.col("cost").round(_DUST), "outcome"]
    return rows.sort(order, descending=[False, False, True, False], nulls_last=True)
