"""The rows in FOCUS's words and order, with what each costs here, elsewhere and effectively."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from truto_usage_nb.focus.amounts import AMOUNT, PRICE, unit_price
from truto_usage_nb.focus.columns import Column, columns_of, custom_of
from truto_usage_nb.focus.identity import issuer, people, tags_and_resources, who
from truto_usage_nb.focus.options import Options
from truto_usage_nb.focus.reading import Reading
from truto_usage_nb.focus.services import of_service
from truto_usage_nb.focus.skus import words

__all__ = ["DTYPES", "finished"]

DTYPES: dict[str, Any] = {
    "String": pl.String, "JSON": pl.String, "Decimal": AMOUNT, "Price": PRICE, "Boolean": pl.Boolean,
    "Count": pl.Int64, "Time": pl.Datetime("us", "UTC"),
}  # fmt: skip
_TEXT = (
    "purchase", "description", "invoice_id", "service_tier", "context_window", "price_source", "surface", "model_id",
    "model_provider", "report_type", "metric_name", "product_id", "product_name", "user_id", "user_email",
    "usage_unit", "id", "cost_flag", "kind", "resources_id", "resources_name", "resources_workspace_id",
    "resources_workspace_name", "organization_id", "organization_name", "credit_unit",
)  # fmt: skip
_OTHER: dict[str, Any] = {
    "seat_cost": AMOUNT, "effective": AMOUNT, "event_time": DTYPES["Time"], "idle_seat": pl.Boolean,
    "source_row": pl.Int64, "credit_rate": pl.Float64, "prorated": pl.Boolean,
}  # fmt: skip
_SUMS = (
    "BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "PricingQuantity", "ConsumedQuantity",
    "x_BilledElsewhere", "x_Records",
)  # fmt: skip
_SINGLE = ("x_RecordId", "x_SourceRow", "x_EventTime", "x_Resources")
"""What events have each of their own, so that a sum of several has none."""
_ZERO = pl.lit(Decimal(0), dtype=AMOUNT)


def finished(rows: pl.DataFrame, options: Options, reading: Reading) -> pl.DataFrame:
    """Give the dataset: FOCUS's columns of the version, then our own."""
    types = dict.fromkeys(_TEXT, pl.String) | _OTHER
    rows = rows.with_columns(pl.lit(None, dtype=t).alias(n) for n, t in types.items() if n not in rows.columns)
    rows = rows.with_columns(**_costs(options), **who(options), **people(rows, options))
    rows = rows.with_columns(*words(rows), **tags_and_resources(rows, options))
    rows = rows.with_columns(**_plain(options), **_provenance(reading))
    if options.events == "hour":
        rows = _by_hour(rows)
    rows = rows.with_columns(**_prices())
    rows = rows.with_columns(**_pricing_currency(in_credits=rows["x_CreditRate"].null_count() < rows.height))
    wanted = [c for c in columns_of(options.version).values() if c.written]
    ours = [c for c in custom_of().values() if options.emails or c.name != "x_PrincipalEmail"]
    return rows.select(_typed(rows, column) for column in (*wanted, *ours))


def _typed(rows: pl.DataFrame, column: Column) -> pl.Expr:
    found = pl.col(column.name) if column.name in rows.columns else pl.lit(None)
    return found.cast(DTYPES[column.type]).alias(column.name)


def _costs(options: Options) -> dict[str, pl.Expr]:
    """What is billed here, what elsewhere, and what it comes to effectively.

    Tax and credit cost effectively what is billed, by FOCUS's own rule, also where somebody else bills them.
    """
    account, category, amount = pl.col("integrated_account_id"), pl.col("category"), pl.col("billed")
    elsewhere = issuer(options) != of_service("provider") if options.invoice_issuer else pl.lit(value=False)
    drawn = account.is_in(sorted(options.prepaid)) & (category == "Usage")
    aside = category.is_in(["Tax", "Credit"])
    effective = pl.coalesce("effective", amount)
    committed = pl.when(drawn | pl.col("seat_cost").is_not_null()).then(pl.lit("Committed"))
    basis = pl.when(elsewhere).then(pl.lit("another issuer")).when(drawn).then(pl.lit("prepaid"))
    costs = {"EffectiveCost": effective, "ContractedCost": pl.col("contracted"), "ListCost": pl.col("list")}
    billed, others = amount, pl.lit(None, dtype=AMOUNT)
    if options.invoice_issuer or options.prepaid:  # else each is the amount itself, and shares its room
        billed, others = pl.when(elsewhere | drawn).then(_ZERO).otherwise(amount), pl.when(elsewhere).then(amount)
        costs = {name: pl.when(elsewhere & aside).then(_ZERO).otherwise(cost) for name, cost in costs.items()}
    return {
        "BilledCost": billed,
        **costs,
        "x_BilledElsewhere": others,
        "x_BillingBasis": basis.when(pl.col("covered")).then(pl.lit("plan")).otherwise(pl.lit("arrears")),
        "x_CoveredBy": pl.when(pl.col("covered")).then(pl.lit("plan")),
        "PricingCategory": pl.when(~aside).then(committed.otherwise(pl.lit("Standard"))),
    }


def _plain(options: Options) -> dict[str, pl.Expr]:
    """What stands in the rows already, under FOCUS's names."""
    category = pl.col("category")
    used, bought = category == "Usage", category == "Purchase"
    recurring = bought & ((pl.col("purchase") == "seats") | pl.col("purchase").is_null())
    rate = pl.when(used).then(pl.lit("Usage-Based")).when(recurring).then(pl.lit("Recurring"))
    closed = pl.lit(value=False)
    if options.closed_before is not None:
        closed = pl.col("period_end") <= pl.lit(options.closed_before).cast(DTYPES["Time"])
    refund = (used | bought) & (pl.col("quantity") < 0)
    return {
        "BillingCurrency": pl.col("currency"),
        "BillingPeriodStart": pl.col("period_start"),
        "BillingPeriodEnd": pl.col("period_end"),
        "ChargePeriodStart": pl.col("charge_start"),
        "ChargePeriodEnd": pl.col("charge_end"),
        "ChargeCategory": category,
        "ChargeClass": pl.when(refund & closed).then(pl.lit("Correction")),
        "ChargeFrequency": rate.otherwise(pl.lit("One-Time")),
        "PricingQuantity": pl.when(used | bought).then(_pricing_quantity()),
        "PricingUnit": pl.when(used | bought).then(pl.col("pricing_unit")),
        "ConsumedQuantity": pl.when(used).then(pl.col("quantity")),
        "ConsumedUnit": pl.when(used).then(pl.col("unit")),
        "InvoiceId": pl.col("invoice_id"),
    }


def _pricing_quantity() -> pl.Expr:
    millionth = pl.lit(Decimal("0.000001"), dtype=AMOUNT)
    return pl.when(pl.col("unit") == "Tokens").then(pl.col("quantity") * millionth).otherwise(pl.col("quantity"))


def _provenance(reading: Reading) -> dict[str, pl.Expr]:
    account = pl.col("integrated_account_id")
    settled = pl.lit(None, dtype=DTYPES["Time"])
    if reading.settled:
        settled = account.replace_strict(dict(reading.settled), default=None, return_dtype=DTYPES["Time"])
    own = {
        "x_IntegratedAccountId": "integrated_account_id", "x_Integration": "integration", "x_ReportType": "report_type",
        "x_RecordId": "id", "x_SourceRow": "source_row", "x_CostFlag": "cost_flag", "x_CostBasis": "cost_basis",
        "x_IdleSeat": "idle_seat", "x_QuantityKnown": "quantity_known", "x_ListCostKnown": "list_known",
        "x_AllocatedByListPrice": "allocated", "x_SourceUnit": "usage_unit", "x_Surface": "surface",
        "x_ModelId": "model_id", "x_ModelProvider": "model_provider", "x_ContextWindow": "context_window",
        "x_EventTime": "event_time", "x_CreditRate": "credit_rate",
    }  # fmt: skip
    source = pl.when(pl.col("allocated") | (pl.col("cost_basis") == "estimated")).then(pl.col("price_source"))
    return {name: pl.col(column) for name, column in own.items()} | {
        "x_Prorated": pl.col("prorated").fill_null(value=False),
        "x_PriceSource": source,
        "x_Records": pl.when(pl.col("source_row").is_not_null()).then(1),
        "x_SettledUntil": settled,
        "x_FetchedAt": _moment(reading.fetched),
    }


def _moment(value: datetime | None) -> pl.Expr:
    return pl.lit(value).cast(DTYPES["Time"])


def _by_hour(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the events of an hour up where everything but their id, instant and amount is the same."""
    known = {c for c in (*columns_of("1.4"), *columns_of("1.2"), *custom_of(), "credit_unit") if c in rows.columns}
    events = rows.filter(pl.col("event_time").is_not_null())
    key = [c for c in rows.columns if c in known and c not in (*_SUMS, *_SINGLE)]
    # A refund keeps a row of its own, for a quantity and its price have one sign.
    key_of_sign = (pl.col("PricingQuantity") < 0).alias("__refund")
    summed = events.group_by(*key, key_of_sign, maintain_order=True).agg(
        *(pl.when(pl.col(c).is_not_null().any()).then(pl.col(c).sum()).alias(c) for c in _SUMS),
    )
    rest = rows.filter(pl.col("event_time").is_null())
    return pl.concat([rest, summed.drop("__refund")], how="diagonal_relaxed")


def _prices() -> dict[str, pl.Expr]:
    there = pl.col("PricingQuantity").is_not_null()
    return {
        "ListUnitPrice": pl.when(there).then(unit_price("ListCost", "PricingQuantity")),
        "ContractedUnitPrice": pl.when(there).then(unit_price("ContractedCost", "PricingQuantity")),
    }


def _pricing_currency(*, in_credits: bool) -> dict[str, pl.Expr]:
    """In what a row was priced: in credits, or in the currency it is billed in."""
    rate = pl.col("x_CreditRate").cast(pl.Float64).fill_null(1.0)
    stays = pl.col("x_CreditRate").is_null()

    def priced(name: str, dtype: pl.DataType) -> pl.Expr:
        if not in_credits:
            return pl.col(name).cast(dtype)
        return (
            pl.when(stays).then(pl.col(name).cast(dtype)).otherwise((pl.col(name).cast(pl.Float64) / rate).cast(dtype))
        )

    return {
        "PricingCurrency": pl.coalesce("credit_unit", "BillingCurrency"),
        "PricingCurrencyEffectiveCost": priced("EffectiveCost", AMOUNT),
        "PricingCurrencyListUnitPrice": priced("ListUnitPrice", PRICE),
        "PricingCurrencyContractedUnitPrice": priced("ContractedUnitPrice", PRICE),
    }
