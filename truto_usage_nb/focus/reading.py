"""From a caller's frame to the records that state money and those that state tokens, each counted once.

The cost rule, the checks and the overlap guard are those of the cost tables, asked record by record, so that an export
and a table can never disagree about what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from truto_usage_nb import schema
from truto_usage_nb.costs.digest import OVERHANG, Digest, digest
from truto_usage_nb.costs.facts import Said
from truto_usage_nb.costs.guard import checked
from truto_usage_nb.costs.lines import cost_lines
from truto_usage_nb.costs.matching import KEY, keyed
from truto_usage_nb.costs.records import within_period
from truto_usage_nb.costs.tokens import KINDS, TOKEN_COLUMNS
from truto_usage_nb.focus.amounts import AMOUNT, exact
from truto_usage_nb.focus.credits import with_credit_rates, with_restatements
from truto_usage_nb.focus.options import Options, known_accounts, tag_column
from truto_usage_nb.focus.refusing import ROW, refuse_what_cannot_be_exported
from truto_usage_nb.focus.searches import with_searches
from truto_usage_nb.native import Native, collect, enter, require

__all__ = ["AMOUNTS", "KEY", "ROW", "Reading", "read"]

AMOUNTS = ("billed", "list", "contracted", "tax", "credit")
_DTYPES: dict[str, Any] = {
    "String": pl.String, "JSON": pl.String, "Int64": pl.Int64, "Float64": pl.Float64, "Boolean": pl.Boolean,
    "Datetime": pl.Datetime("us", "UTC"),
}  # fmt: skip


_EXTRA = (OVERHANG, "service_tier", "speed", "context_window")
_FILLED = dict.fromkeys(
    (
        "product_id", "product_name", "metric_name", "organization_id", "organization_name", "user_id", "user_email",
        "model_provider", "surface", "resources_id", "resources_name", "resources_workspace_id",
        "resources_workspace_name", "usage_unit", "id",
    ),
    pl.String,
) | {"usage_quantity": pl.Float64, "usage_requests_api_key": pl.Int64}  # fmt: skip
"""What a load may have left out (truto_exclude_fields) and an export can do without."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold the two sides. `money`: a row per record and currency that states a bill, with its exact amounts (`billed`,
    `list`, `contracted`, `tax`, `credit`) and its own tokens by kind; `tokens`: a row per record that states tokens and
    no bill. Both have KEY. `told`: what was chosen or left out. `settled` and `fetched` come from a UsageResult.
    """

    money: pl.DataFrame
    tokens: pl.DataFrame
    told: list[str] = field(default_factory=list)
    settled: Mapping[str, datetime] = field(default_factory=dict)
    fetched: datetime | None = None


def read(native: Native, options: Options, result: Any = None) -> Reading:
    """Read a frame for export. Raises FrameError for what FOCUS cannot hold, and what a cost table raises."""
    require(native, ("integrated_account_id", "integration", *options.tags), "to_focus")
    records = _documented(collect(native.frame), options)
    records = records.with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.Int64))
    known_accounts(options, records["integrated_account_id"].unique().to_list())
    records = with_credit_rates(records, options)
    held, told = within_period(enter(records), options.choices.get("overhang"))
    held, counted = checked(held, lambda records, bin: _digest(records, options, bin), options.choices)
    keys = keyed(counted).rename({"dim_0": ROW})
    lines = _lines(collect(held.frame), options)
    refuse_what_cannot_be_exported(lines)
    money = with_searches(_money(lines, keys, options), lines)
    tokens = _tokens(lines, keys, money, options)
    told = [*told, *counted.told, *_credits(lines, options), *_left_out(lines, money, tokens)]
    return Reading(money, tokens, told, dict(getattr(result, "settled_until", {})), getattr(result, "fetched_at", None))


def _documented(records: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The columns that an export reads, typed, and the caller's own ones for Tags under names that meet no other."""
    known = {item.column: _DTYPES.get(item.dtype) for item in schema.columns()}
    wanted = [_typed(records, name, dtype) for name, dtype in known.items() if name in records.columns]
    wanted += [pl.lit(None, dtype=dtype).alias(name) for name, dtype in _FILLED.items() if name not in records.columns]
    more = [c for c in records.columns if c not in known and (c.startswith("charges_") or c in _EXTRA)]
    tags = [pl.col(name).alias(tag_column(name)) for name in options.tags]
    return records.select(*wanted, *more, *tags)


def _typed(records: pl.DataFrame, name: str, dtype: Any) -> pl.Expr:
    """Columns that hold nothing come from some libraries without a type, or with another."""
    found = records.schema[name]
    if dtype is None or found == dtype or (found.is_numeric() and dtype.is_numeric()):
        return pl.col(name)
    return pl.col(name).cast(dtype)


def _digest(records: Native, options: Options, bin: int) -> Digest:
    said, currency = Said.of(options.choices), options.choices.get("billing_currency")
    return digest(records, (ROW,), bin=bin, kinds=True, billing_currency=currency, said=said)


def _lines(records: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The cost rule's lines, with exact amounts."""
    lines: pl.DataFrame = cost_lines(
        records,
        billing_currency=options.choices.get("billing_currency"),
        total_means=options.choices.get("total_means"),
        positive_credits=Said.of(options.choices).positive_credits,
    )
    lines = lines.with_columns(
        billed=pl.col("cost_billed"),
        list=pl.col("cost_list"),
        contracted=pl.col("cost_list") - pl.col("cost_discount").fill_null(0.0),
        tax=pl.col("cost_tax"),
        credit=pl.col("cost_credit"),
    )
    lines = lines.with_columns(exact(lines[name]) for name in AMOUNTS)
    return with_restatements(lines.with_columns(currency=pl.col("cost_currency"), covered=_covered()))


def _covered() -> pl.Expr:
    """Whether a plan covers the record: the cost rule's clause."""
    others = ("charges_on_demand", "charges_committed", "charges_usage_based", "charges_net")
    silent = pl.all_horizontal(*(pl.col(name).is_null() for name in others))
    return (pl.col("charges_included").fill_null(0) != 0) & silent & pl.col("cost_billed").is_not_null()


def _money(lines: pl.DataFrame, keys: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The lines whose money counts, with their own tokens."""
    counts = keys.filter(pl.col("money_n") > 0)
    money = lines.join(_stated(counts), on=[ROW, "currency"], how="inner", nulls_equal=True)
    money = money.filter(pl.col("billed").is_not_null())
    seated = pl.col("integrated_account_id").is_in(sorted(options.seated))
    money = money.with_columns(pl.when(~seated).then(pl.col(k)).otherwise(0.0).alias(k) for k in (*KINDS, "unkind"))
    return money.with_row_index("money_row").with_columns(pl.col("money_row").cast(pl.Int64))


def _stated(keys: pl.DataFrame) -> pl.DataFrame:
    """A row per record and currency: its key, and its tokens by kind, charged or covered; `unkind` have no kind."""
    every = {kind: (pl.col(kind) + pl.col(f"covered_{kind}")).fill_null(0).cast(pl.Float64) for kind in KINDS}
    whole = (pl.col("tokens") + pl.col("covered_tokens")).fill_null(0).cast(pl.Float64)
    rows = keys.select(ROW, "currency", *(c for c in KEY if c != "integrated_account_id"), unkind=whole, **every)
    return rows.with_columns(unkind=pl.col("unkind") - pl.sum_horizontal(*KINDS))


def _tokens(lines: pl.DataFrame, keys: pl.DataFrame, money: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The records whose tokens count and whose money, if any, did not pay for them."""
    seated = pl.col("integrated_account_id").is_in(sorted(options.seated))
    rest = keys.join(money.filter(~seated).select(ROW), on=ROW, how="anti")
    some = _stated(rest).filter(pl.sum_horizontal(*KINDS, "unkind") != 0).drop("currency")
    first = lines.unique(ROW, keep="first", maintain_order=True)
    return first.join(some, on=ROW, how="inner").with_columns(
        pl.lit(None, dtype=AMOUNT).alias(name) for name in AMOUNTS
    )


def _left_out(lines: pl.DataFrame, money: pl.DataFrame, tokens: pl.DataFrame) -> list[str]:
    """Say what states no money and no tokens that count, and what a vendor only estimates."""
    told = []
    estimates = lines.filter(pl.col("cost_vendor_estimate").is_not_null())
    if estimates.height:
        told.append(f"left out: {_records(estimates.height)} with a vendor's estimate of what another view bills")
    seen = pl.concat([money.select(ROW), tokens.select(ROW), estimates.select(ROW)])
    without = (pl.col("charges_count").fill_null(0) == 0) & ~pl.any_horizontal(
        pl.col(name).fill_null(0) != 0 for name in TOKEN_COLUMNS
    )
    silent = lines.filter(without).join(seen, on=ROW, how="anti").height
    if silent:
        told.append(f"left out: {_records(silent)} with neither money nor tokens, which FOCUS has no place for")
    return told


def _credits(lines: pl.DataFrame, options: Options) -> list[str]:
    """Say how positive credits were read: no source tells a reduction from the correction of a credit."""
    count = lines.filter(pl.col("charges_credit") > 0).height
    if not count:
        return []
    if Said.of(options.choices).positive_credits == "as_stated":
        return [f"positive credits exported as corrections of credits: {count:,}"]
    return [f"positive credits taken as reductions, as in payable: {count:,} (positive_credits='as_stated' does not)"]


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"
