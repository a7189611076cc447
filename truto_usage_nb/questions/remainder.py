"""A bill by person, and what of it has no person.

Claude tells its bill twice: whole in `cost`, and in `user_cost` the part that has a person; tokens likewise in `usage`
and `user_usage`. By person the part counts, and what the whole has beyond it becomes records of nobody, so that
nothing is lost and nothing counts twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs import cost_lines
from truto_usage_nb.errors import FrameError
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, enter, require, to_polars
from truto_usage_nb.schema import SCHEMA

__all__ = ["NOT_ATTRIBUTED", "with_remainder"]

NOT_ATTRIBUTED = "(not attributed)"
_SHARED = (
    "organization_id",
    "organization_name",
    "product_id",
    "product_name",
    "model_id",
    "model_provider",
    "surface",
    "metric_name",
    "resources_workspace_id",
    "resources_workspace_name",
)
_SPAN = ("integrated_account_id", "integration", "start_date", "end_date")
_COUNTS = tuple(
    f.column for f in SCHEMA if f.additivity == "sum" and f.column.startswith("usage_") and f.column != "usage_quantity"
)
_AMOUNTS = {
    "charges_net": "cost_billed",
    "charges_total": "cost_list",
    "charges_tax": "cost_tax",
    "charges_credit": "cost_credit",
}


@dataclass(frozen=True, slots=True)
class _Pair:
    integration: str
    whole: str
    part: str
    measure: str


def _pairs() -> list[_Pair]:
    return [_Pair(name, *of) for name, known in INTEGRATIONS.items() for of in known.remainders()]


def with_remainder(native: Native) -> tuple[Native, list[str]]:
    """Let the part by person take the whole's place, beside records of what the whole has beyond it.

    Also says which accounts lack one of the two. Raises FrameError where the two cannot be compared.
    """
    pairs = _pairs()
    theirs = native.frame.filter(nw.col("integration").is_in(sorted({pair.integration for pair in pairs})))
    held = collect(theirs.select("integrated_account_id", "integration", "report_type").unique())
    told, joined = [], []
    for pair in pairs:
        both, lacking = _accounts(held, pair)
        told += lacking
        joined += [(account, pair) for account in both]
    if not joined:
        return native, told
    require(native, _SPAN, "A bill by person", also=(*_SHARED, *_COUNTS, "query_id"))
    if native.kind in ("dask", "pyspark"):
        raise FrameError(
            f"On {native.kind} the part of {joined[0][1].whole} without a person cannot be told apart. Label "
            f"{INTEGRATIONS[joined[0][1].integration].label}'s records as a polars frame, and the others here."
        )
    records = to_polars(native).lazy().collect()
    money = [account for account, pair in joined if pair.measure == "money"]
    lines = _amounts(records, money) if money else records.clear()
    for account, pair in joined:
        records = _replaced(records, account, pair, lines)
    return replace(native, frame=enter(native.leave(records)).frame), told


def _accounts(held: pl.DataFrame, pair: _Pair) -> tuple[list[str], list[str]]:
    theirs = held.filter(pl.col("integration") == pair.integration)
    of = {
        name: set(theirs.filter(pl.col("report_type") == name)["integrated_account_id"])
        for name in (pair.whole, pair.part)
    }
    both = sorted(of[pair.whole] & of[pair.part])
    if pair.measure != "money":
        return both, []
    lacking = ((pair.whole, pair.part, "its money has no person; load it with users=True too"),
               (pair.part, pair.whole, "what has no person is missing; load it without users=True too"))  # fmt: skip
    told = [
        f"{', '.join(sorted(of[here] - of[lacks]))}: {here} without {lacks}, so {so}"
        for here, lacks, so in lacking
        if of[here] - of[lacks]
    ]
    return both, told


def _replaced(records: pl.DataFrame, account: str, pair: _Pair, lines: pl.DataFrame) -> pl.DataFrame:
    """The records with one account's whole taken out, on the days that its part covers, and the remainder put in."""
    mine = pl.col("integrated_account_id") == account
    day = pl.col("start_date").dt.date()
    is_part = mine & (pl.col("report_type") == pair.part)
    part = records.filter(is_part)
    covered = part.select(day.unique()).to_series()
    taken = (mine & (pl.col("report_type") == pair.whole) & day.is_in(covered.implode())).fill_null(value=False)
    whole = records.filter(taken)
    _refuse_other_lengths(account, pair, whole, part)
    stated = (lines.filter(taken), lines.filter(is_part)) if pair.measure == "money" else None
    rest = _remainder(whole, part, stated)
    return pl.concat([records.filter(~taken), _as_records(rest, part, records)], how="diagonal_relaxed")


def _refuse_other_lengths(account: str, pair: _Pair, whole: pl.DataFrame, part: pl.DataFrame) -> None:
    lengths = [set((t["end_date"] - t["start_date"]).drop_nulls()) for t in (whole, part)]
    if lengths[0] and lengths[0] != lengths[1]:
        raise FrameError(
            f"{account} has {pair.whole} and {pair.part} in records of different length ({_hours(lengths[0])} and "
            f"{_hours(lengths[1])}); load both with one granularity."
        )


def _hours(lengths: set[object]) -> str:
    return ", ".join(sorted(str(length) for length in lengths))


def _remainder(
    whole: pl.DataFrame, part: pl.DataFrame, money: tuple[pl.DataFrame, pl.DataFrame] | None
) -> pl.DataFrame:
    """The whole minus its part by what both state, of their lines of `money` or their tokens.

    Lines that come to nothing are left out.
    """
    keys = [*_SPAN, *(c for c in _SHARED if all(t[c].null_count() < t.height for t in (whole, part)))]
    values = list(_AMOUNTS) if money else [c for c in _COUNTS if whole[c].null_count() < whole.height]
    tables = money or [table.with_columns(charges_currency=pl.lit(None, pl.String)) for table in (whole, part)]
    sides = [
        table.select(*keys, "charges_currency", *(pl.col(c).fill_null(0) * sign for c in values))
        for table, sign in zip(tables, (1, -1), strict=True)
    ]
    rest = (
        pl.concat(sides, how="vertical_relaxed")
        .group_by(*keys, "charges_currency", maintain_order=True)
        .agg(pl.col(values).sum())
    )
    if money:
        rest = rest.with_columns(pl.col(values).round(10))
    return rest.filter(pl.any_horizontal(pl.col(c) != 0 for c in values))


def _amounts(records: pl.DataFrame, accounts: list[str]) -> pl.DataFrame:
    """What each of some accounts' records comes to, a line a currency, in the words of charges that state the same."""
    lines: pl.DataFrame = cost_lines(records.filter(pl.col("integrated_account_id").is_in(accounts)))
    stated = lines.filter(pl.col("cost_billed").is_not_null())
    return stated.with_columns(
        *(pl.col(cost).alias(charge) for charge, cost in _AMOUNTS.items()), charges_currency=pl.col("cost_currency")
    )


def _as_records(rest: pl.DataFrame, part: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Records of nobody: in the part's report, so that they are one series with it, and without an id."""
    users = [c for c in ("user_id", "user_email", "user_name") if c in records.columns]
    rest = rest.with_columns(
        *(pl.lit(NOT_ATTRIBUTED).alias(c) for c in users),
        report_type=pl.lit(part["report_type"][0]),
        query_id=pl.lit(part["query_id"].drop_nulls().min(), pl.String),
        resources_count=pl.lit(0, pl.Int64),
    )
    if "overhangs_period" in records.columns:
        rest = rest.with_columns(overhangs_period=pl.lit(value=False))
    amounts = [c for c in _AMOUNTS if c in rest.columns]
    if not amounts:
        return rest.with_columns(charges_count=pl.lit(0, pl.Int64))
    rest = rest.with_columns(
        pl.when(pl.col(c) != 0).then(pl.col(c)).alias(c) for c in ("charges_tax", "charges_credit")
    )
    given = pl.sum_horizontal(pl.col(c).is_not_null().cast(pl.Int64) for c in amounts)
    rest = rest.with_columns(charges_count=given)
    return (
        rest
        if "charges" not in records.columns
        else rest.with_columns(charges=_charges(amounts, records.schema["charges"]))
    )


def _charges(amounts: list[str], dtype: pl.DataType) -> pl.Expr:
    """The same amounts as a list of charges, with whatever fields the frame's own list has."""
    inner: pl.Struct = dtype.inner  # type: ignore[attr-defined]
    charges = []
    for column in amounts:
        given = {
            "amount": pl.col(column),
            "currency": pl.col("charges_currency"),
            "type": pl.lit(column.removeprefix("charges_")),
        }
        fields = [given.get(f.name, pl.lit(None)).cast(f.dtype).alias(f.name) for f in inner.fields]
        charges.append(pl.when(pl.col(column).is_not_null()).then(pl.struct(fields)))
    return pl.concat_list(charges).list.drop_nulls()
