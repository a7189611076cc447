"""The rows in FOCUS's words and order: costs, who bills whom, what was bought, and how each figure came about."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from truto_usage_nb.focus.amounts import AMOUNT, PRICE, in_batches, prices_of_units
from truto_usage_nb.focus.columns import Column, columns_of, custom_of
from truto_usage_nb.focus.options import Options, tag_column
from truto_usage_nb.focus.reading import Reading, is_alike
from truto_usage_nb.integrations import INTEGRATIONS, integrations_that

__all__ = ["DTYPES", "finished"]

DTYPES: dict[str, Any] = {
    "String": pl.String, "JSON": pl.String, "Decimal": AMOUNT, "Price": PRICE, "Boolean": pl.Boolean,
    "Count": pl.Int64, "Time": pl.Datetime("us", "UTC"),
}  # fmt: skip
_TEXT = (
    "purchase", "description", "invoice_id", "service_tier", "context_window", "price_source", "surface", "model_id",
    "model_provider", "report_type", "metric_name", "product_id", "product_name", "user_id", "user_email",
    "usage_unit", "id", "cost_flag", "kind", "resources_id", "resources_name", "resources_workspace_id",
    "resources_workspace_name", "organization_id", "organization_name", "credit_unit", "sku", "commitment",
    "commitment_name", "commitment_status",
)  # fmt: skip
_OTHER: dict[str, Any] = {
    "seat_cost": AMOUNT, "effective": AMOUNT, "event_time": DTYPES["Time"], "idle_seat": pl.Boolean,
    "source_row": pl.Int64, "credit_rate": pl.Float64, "prorated": pl.Boolean, "correction": pl.Boolean,
}  # fmt: skip
_SUMS = (
    "BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "PricingQuantity", "ConsumedQuantity",
    "x_BilledElsewhere", "x_Records", "CommitmentDiscountQuantity",
)  # fmt: skip
_SINGLE = ("x_RecordId", "x_SourceRow", "x_EventTime", "x_Resources")
"""What events have each of their own, so that a sum of several has none."""
_ZERO = pl.lit(Decimal(0), dtype=AMOUNT)
_FLAT = bool | int | float | str


def finished(rows: pl.DataFrame, options: Options, reading: Reading) -> pl.DataFrame:
    """Give the dataset: FOCUS's columns of the version, then our own."""
    types = dict.fromkeys(_TEXT, pl.String) | _OTHER
    rows = rows.with_columns(pl.lit(None, dtype=t).alias(n) for n, t in types.items() if n not in rows.columns)
    rows = rows.with_columns(**_costs(options), **who(options), **people(rows, options))
    rows = rows.with_columns(*words(rows), **tags_and_resources(rows, options))
    rows = rows.with_columns(**_plain(), **_provenance(reading))
    if rows["commitment"].null_count() < rows.height:
        rows = rows.with_columns(**_commitment())
    if options.events == "hour":
        rows = _by_hour(rows)
    rows = _priced(rows)
    if rows["x_CreditRate"].null_count() < rows.height:
        rows = _priced_in_credits(rows)
    wanted = [c for c in columns_of(options.version).values() if c.written or options.conditional_columns]
    ours = [c for c in custom_of().values() if options.emails or c.name != "x_PrincipalEmail"]
    return rows.select(_typed(rows, column) for column in (*wanted, *ours))


def _typed(rows: pl.DataFrame, column: Column) -> pl.Expr:
    found = pl.col(column.name) if column.name in rows.columns else pl.lit(None)
    return found.cast(DTYPES[column.type]).alias(column.name)


def _costs(options: Options) -> dict[str, pl.Expr]:
    """What is billed here, what elsewhere, and what it comes to effectively.

    What somebody else bills is 0 here, and costs effectively what it is, credits and tax too: the bill of the other
    covers it. A credit's list and contracted cost are its billed cost (FOCUS, ListCost and ContractedCost).
    """
    account, category, amount = pl.col("integrated_account_id"), pl.col("category"), pl.col("billed")
    elsewhere = issuer(options) != of_service("provider") if options.invoice_issuer else pl.lit(value=False)
    drawn = (account.is_in(sorted(options.prepaid)) | pl.col("commitment").is_not_null()) & (category == "Usage")
    aside = category.is_in(["Tax", "Credit"])
    effective = pl.coalesce("effective", amount)
    committed = pl.when(pl.col("commitment").is_not_null() & (category == "Usage")).then(pl.lit("Committed"))
    basis = pl.when(elsewhere).then(pl.lit("another issuer")).when(drawn).then(pl.lit("prepaid"))
    costs = {"EffectiveCost": effective, "ContractedCost": pl.col("contracted"), "ListCost": pl.col("list")}
    billed, others = amount, pl.lit(None, dtype=AMOUNT)
    if options.invoice_issuer or options.prepaid or options.purchases is not None:
        # else each is the amount itself, and shares its room
        billed, others = (
            pl.when(elsewhere | drawn).then(_ZERO).otherwise(amount),
            pl.when(elsewhere & ~drawn).then(amount),
        )
        gone = elsewhere & (category == "Credit")
        costs |= {name: pl.when(gone).then(_ZERO).otherwise(costs[name]) for name in ("ContractedCost", "ListCost")}
    return {
        "BilledCost": billed,
        **costs,
        "x_BilledElsewhere": others,
        "x_BillingBasis": basis.when(pl.col("covered")).then(pl.lit("plan")).otherwise(pl.lit("arrears")),
        "x_CoveredBy": pl.when(pl.col("covered")).then(pl.lit("plan")),
        "PricingCategory": pl.when(~aside).then(committed.otherwise(pl.lit("Standard"))),
    }


def _plain() -> dict[str, pl.Expr]:
    """What stands in the rows already, under FOCUS's names."""
    category = pl.col("category")
    used, bought = category == "Usage", category == "Purchase"
    consumed = used & (pl.col("commitment_status") != "Unused").fill_null(value=True)
    recurring = bought & ((pl.col("purchase") == "seats") | pl.col("purchase").is_null())
    rate = pl.when(consumed).then(pl.lit("Usage-Based")).when(recurring).then(pl.lit("Recurring"))
    return {
        "BillingCurrency": pl.col("currency"),
        "BillingPeriodStart": pl.col("period_start"),
        "BillingPeriodEnd": pl.col("period_end"),
        "ChargePeriodStart": pl.col("charge_start"),
        "ChargePeriodEnd": pl.col("charge_end"),
        "ChargeCategory": category,
        "ChargeClass": pl.when("correction").then(pl.lit("Correction")),
        "ChargeFrequency": rate.otherwise(pl.lit("One-Time")),
        "PricingQuantity": pl.when(used | bought).then(_pricing_quantity()),
        "PricingUnit": pl.when(used | bought).then(pl.col("pricing_unit")),
        "ConsumedQuantity": pl.when(consumed).then(pl.col("quantity")),
        "ConsumedUnit": pl.when(consumed).then(pl.col("unit")),
        "InvoiceId": pl.col("invoice_id"),
    }


def _commitment() -> dict[str, pl.Expr]:
    """What is paid before and drawn from is a commitment to spend, in the currency of the bill; null elsewhere."""
    there = pl.col("commitment").is_not_null()
    return {
        "CommitmentDiscountId": pl.col("commitment"),
        "CommitmentDiscountName": pl.col("commitment_name"),
        "CommitmentDiscountStatus": pl.col("commitment_status"),
        "CommitmentDiscountCategory": pl.when(there).then(pl.lit("Spend")),
        "CommitmentDiscountType": pl.when(there).then(pl.lit("Prepayment")),
        "CommitmentDiscountQuantity": pl.when(there).then("billed"),
        "CommitmentDiscountUnit": pl.when(there).then("currency"),
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
        *(pl.when(pl.col(c).is_not_null().any()).then(pl.col(c).sum()).alias(c) for c in _SUMS if c in rows.columns),
    )
    rest = rows.filter(pl.col("event_time").is_null())
    return pl.concat([rest, summed.drop("__refund")], how="diagonal_relaxed")


_COSTS = ("ListCost", "ContractedCost")
_PRICES = ("ListUnitPrice", "ContractedUnitPrice")


def _priced(rows: pl.DataFrame) -> pl.DataFrame:
    """Add unit prices, and the same in the currency of the prices: that of the bill."""
    rows = in_batches(rows, _COSTS, "PricingQuantity", "PricingUnit")
    prices = [
        each.alias(name) for each, name in zip(prices_of_units(rows, _COSTS, "PricingQuantity"), _PRICES, strict=True)
    ]
    there = pl.col("PricingQuantity").is_not_null()
    rows = rows.with_columns(prices).with_columns(pl.when(there).then(pl.col(_PRICES)))
    return rows.with_columns(
        PricingCurrency=pl.coalesce("credit_unit", "BillingCurrency"),
        PricingCurrencyEffectiveCost=pl.col("EffectiveCost"),
        **{f"PricingCurrency{name}": pl.col(name) for name in _PRICES},
    )


def _priced_in_credits(rows: pl.DataFrame) -> pl.DataFrame:
    """Say in credits what is priced in credits."""
    rate, credits = pl.col("x_CreditRate").cast(pl.Float64), pl.col("x_CreditRate").is_not_null()
    in_credits = rows.with_columns((pl.col(name).cast(pl.Float64) / rate).alias(name) for name in _COSTS)
    prices = prices_of_units(in_credits, _COSTS, "PricingQuantity")
    rows = rows.with_columns(price.alias(f"__{name}") for price, name in zip(prices, _PRICES, strict=True))
    effective = (pl.col("EffectiveCost").cast(pl.Float64) / rate).round(10)
    there = credits & pl.col("PricingQuantity").is_not_null()
    own = {f"PricingCurrency{name}": pl.when(there).then(pl.col(f"__{name}")).otherwise(name) for name in _PRICES}
    return rows.with_columns(
        PricingCurrencyEffectiveCost=pl.when(credits).then(effective.cast(AMOUNT)).otherwise("EffectiveCost"),
        **own,
    )


def who(options: Options) -> dict[str, pl.Expr]:
    """Name accounts, issuer, sub-account and resource."""
    account, organization = pl.col("integrated_account_id"), pl.col("organization_id")
    blank = organization.is_null() | (organization.str.strip_chars() == "")
    kind = pl.when(blank).then(pl.lit("Integrated Account")).otherwise(pl.lit("Organization"))
    return {
        "BillingAccountId": pl.when(blank).then(account).otherwise(organization),
        "BillingAccountName": pl.coalesce("organization_name", account),
        "BillingAccountType": kind,
        "InvoiceIssuerName": issuer(options),
    } | _places()


def issuer(options: Options) -> pl.Expr:
    """Name who sends the bill: the provider, unless the caller says that somebody else does."""
    provider = of_service("provider")
    if not options.invoice_issuer:
        return provider
    said = pl.col("integrated_account_id").replace_strict(
        dict(options.invoice_issuer), default=None, return_dtype=pl.String
    )
    return pl.coalesce(said, provider)


def _places() -> dict[str, pl.Expr]:
    workspace, name = pl.col("resources_workspace_id"), pl.col("resources_name")
    provisions = pl.col("integration").is_in(integrations_that(lambda each: each.service.provisions))
    resource = pl.when(provisions).then(pl.col("resources_id"))
    there, placed = resource.is_not_null(), workspace.is_not_null()
    return {
        "SubAccountId": workspace,
        "SubAccountName": pl.when(placed).then(pl.coalesce("resources_workspace_name", workspace)),
        "SubAccountType": pl.when(placed).then(of_service("sub_account")),
        "ResourceId": resource,
        "ResourceName": pl.when(there & (name != resource)).then(name),
        "ResourceType": pl.when(there).then(pl.coalesce("product_name", "product_id", pl.lit("Resource"))),
    }


def people(rows: pl.DataFrame, options: Options) -> dict[str, pl.Expr]:
    """The person by an opaque id; an e-mail alone becomes a digest, the same for every spelling of its letters."""
    mails = {mail for name in ("user_email", "user_id") for mail in rows[name].unique().to_list() if mail}
    digests = {mail: _digest(mail) for mail in mails if "@" in mail}
    own = pl.col("user_id").cast(pl.String)
    plain = pl.when(~own.str.contains("@", literal=True)).then(own)
    hashed = [
        pl.col(name).cast(pl.String).replace_strict(digests, default=None, return_dtype=pl.String)
        for name in ("user_id", "user_email")
        if digests
    ]
    found = {"x_PrincipalId": pl.coalesce(plain, *hashed)}
    return found | ({"x_PrincipalEmail": pl.col("user_email")} if options.emails else {})


def _digest(mail: str) -> str:
    return "sha256:" + hashlib.sha256(mail.strip().lower().encode()).hexdigest()[:24]


def tags_and_resources(rows: pl.DataFrame, options: Options) -> dict[str, pl.Series]:
    """The caller's columns as Tags, and a record's resources, both as JSON, written once for each that is alike."""
    found = {}
    if options.tags:
        columns = [tag_column(name) for name in options.tags]
        found["Tags"] = _once_each(rows.select(columns), "Tags", lambda each: _tags(options.tags, each))
    if "resources" in rows.columns:
        found["x_Resources"] = _once_each(rows.select("resources"), "x_Resources", lambda each: _resources(each[0]))
    return found


def _once_each(rows: pl.DataFrame, name: str, write: Callable[[tuple[Any, ...]], str | None]) -> pl.Series:
    """Write each different row once: most are alike, and Python writes them one by one."""
    key = rows.select(pl.struct(pl.all()).struct.json_encode()).to_series().alias("key")
    first = key.to_frame().with_row_index("at").group_by("key").agg(pl.col("at").first())
    texts = pl.Series(name, [write(each) for each in rows[first["at"]].iter_rows()], dtype=pl.String)
    return key.to_frame().join(first.with_columns(texts), on="key", how="left", maintain_order="left")[name]


def _tags(names: Sequence[str], values: tuple[Any, ...]) -> str | None:
    said = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return _json({name: value if isinstance(value, _FLAT) else _json_value(value) for name, value in said.items()})


def _resources(value: Any) -> str | None:
    return _json({"resources": value} if value else None)


def _json(value: dict[str, Any] | None) -> str | None:
    """Write JSON. It knows no NaN, which is a value that is not there, and no infinity, which becomes a text."""
    if not value:
        return None
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_json_value, allow_nan=False)
    except ValueError:
        return _json(_finite(value))


def _json_value(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) and value.is_finite() else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        kept = {name: _finite(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


_OF = (
    "integration", "category", "purchase", "kind", "metric_name", "unit", "usage_unit", "model_id", "product_id",
    "product_name", "service_tier", "description", "sku",
)  # fmt: skip
"""What these words follow from."""

_LABELS = {
    "input": "input tokens", "cache_read": "cache read tokens", "cache_write": "cache write tokens",
    "cache_write_5m": "cache write tokens (5 minutes)", "cache_write_1h": "cache write tokens (1 hour)",
    "output": "output tokens", "tokens": "tokens",
}  # fmt: skip


def words(rows: pl.DataFrame) -> list[pl.Series]:
    """Give the columns of SKU, service and description for rows."""
    by = [name for name in _OF if not is_alike(rows[name])] or ["integration"]
    known = rows.unique(by).select(_OF).with_columns(**_skus(), **_services())
    known = known.with_columns(_price_details(known)).drop(name for name in _OF if name not in by)
    found = rows.select(by).join(known, on=by, how="left", nulls_equal=True, maintain_order="left")
    return found.drop(by).get_columns()


def _services() -> dict[str, pl.Expr]:
    provider = of_service("provider")
    return {
        **dict.fromkeys(("ServiceProviderName", "HostProviderName", "ProviderName", "PublisherName"), provider),
        "ServiceName": service_names(),
        "ServiceCategory": of_service("category"),
        "ServiceSubcategory": of_service("subcategory"),
    }


def _skus() -> dict[str, pl.Expr]:
    """Name the SKU, its meter and tier, and describe the charge. Tax and credit have no SKU."""
    aside = pl.col("category").is_in(["Tax", "Credit"])
    spoken = token_words()
    metered = pl.when(pl.col("purchase").is_null()).then(pl.coalesce(spoken["SkuMeter"], "metric_name", "unit"))
    sku = pl.when(~aside).then(_sku())
    return {
        "SkuId": sku,
        "SkuPriceId": sku,
        "SkuMeter": pl.when(~aside).then(pl.coalesce(metered, "unit")),
        "ChargeDescription": _description(aside),
        "x_ServiceTier": _tier(),
    } | {name: spoken[name] for name in ("x_TokenDirection", "x_TokenCacheAction", "x_CacheTtl")}


def _tier() -> pl.Expr:
    """The tier that the record states, else batch where the vendor writes it into the metric or the product."""
    names = pl.concat_str(pl.col("metric_name").fill_null(""), pl.col("product_id").fill_null(""), separator=" ")
    batch = pl.when(names.str.to_lowercase().str.contains("batch", literal=True)).then(pl.lit("batch"))
    return pl.coalesce(pl.col("service_tier").cast(pl.String), batch)


def _sku() -> pl.Expr:
    """`<integration>:<model or product>:<kind or metric>[:<tier>]`."""
    thing = pl.coalesce("purchase", "model_id", "product_id", pl.lit("usage"))
    metric = pl.coalesce("kind", "metric_name", "usage_unit", pl.lit("usage"))
    metric = pl.when(pl.col("purchase").is_not_null()).then(pl.lit("fee")).otherwise(metric)
    tier = pl.when(_tier() != "standard").then(_tier())
    parts = [_slug(each) for each in (pl.col("integration"), thing, metric, tier)]
    return pl.coalesce("sku", pl.concat_str(*parts, separator=":", ignore_nulls=True))


def _slug(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.String).str.strip_chars().str.replace_all(r"[\s:]+", "-")


def _description(aside: pl.Expr) -> pl.Expr:
    """`<model> <kind>`, `<product> <metric>`, or what the purchase, tax or credit is; never null."""
    service, kind = service_names(), pl.col("kind")
    labels = kind.replace_strict(_LABELS, default=None, return_dtype=pl.String)
    seats = pl.when(pl.col("purchase") == "seats").then(pl.concat_str(service, pl.lit("seats"), separator=" "))
    bought = pl.when(pl.col("purchase").is_not_null()).then(pl.concat_str(service, pl.lit("purchase"), separator=" "))
    thing = pl.coalesce("model_id", "product_name", service)
    of_tokens = pl.when(kind.is_not_null()).then(pl.concat_str(thing, labels, separator=" "))
    whole = pl.concat_str(service, pl.col("category").str.to_lowercase(), separator=" ")
    other = pl.concat_str(thing, "metric_name", separator=" ", ignore_nulls=True)
    return pl.coalesce("description", seats, bought, pl.when(aside).then(whole), of_tokens, other)


def _price_details(rows: pl.DataFrame) -> pl.Series:
    """What a token's price depends on, as JSON; null for rows that are not of tokens."""
    columns = ("kind", "model_id", "x_TokenDirection", "x_TokenCacheAction", "x_CacheTtl", "x_ServiceTier")
    names = ("x_ModelId", *columns[2:])
    texts = []
    for kind, *words in rows.select(columns).iter_rows():
        stated = {name: value for name, value in zip(names, words, strict=True) if value is not None}
        texts.append(json.dumps(stated, ensure_ascii=False) if kind is not None and stated else None)
    return pl.Series("SkuPriceDetails", texts, dtype=pl.String)


# What a vendor is in FOCUS's words ------------------------------------------------------------------------------------


def of_service(field: str) -> pl.Expr:
    """Give a field of a row's service, by its integration."""
    values = {name: getattr(known.service, field) for name, known in INTEGRATIONS.items()}
    return pl.col("integration").replace_strict(values, default=None, return_dtype=pl.String)


def service_names() -> pl.Expr:
    """Name the service of a row: the vendor's one name, or the vendor's name and the product's.

    One service name has one category, so a surface stays in x_Surface.
    """
    name = pl.lit(None, dtype=pl.String)
    for integration, known in INTEGRATIONS.items():
        service, own = known.service, pl.lit(known.service.name)
        if service.by_product:
            product = pl.col("product_name")
            told = product.str.to_lowercase().str.starts_with(service.name.lower())
            own = pl.when(told).then(product).otherwise(pl.concat_str(own, product, separator=" "))
            own = pl.when(product.is_null()).then(pl.lit(service.name)).otherwise(own)
        name = pl.when(pl.col("integration") == integration).then(own).otherwise(name)
    return name


METERS = {
    "input": ("Input Tokens", "Input", "Uncached", None),
    "cache_read": ("Cache Read Input Tokens", "Input", "Read", None),
    "cache_write_5m": ("Cache Write Input Tokens", "Input", "Write", "5m"),
    "cache_write_1h": ("Cache Write Input Tokens", "Input", "Write", "1h"),
    "cache_write": ("Cache Write Input Tokens", "Input", "Write", None),
    "output": ("Output Tokens", "Output", None, None),
    "tokens": ("Tokens", None, None, None),
}
"""By kind of token: meter, direction, cache action, lifetime. `tokens` are tokens whose kinds cannot be told apart."""


def token_words() -> dict[str, pl.Expr]:
    """Say what a row's kind of token is in FOCUS's words."""
    names = ("SkuMeter", "x_TokenDirection", "x_TokenCacheAction", "x_CacheTtl")
    words = {name: {kind: row[i] for kind, row in METERS.items() if row[i] is not None} for i, name in enumerate(names)}
    return {
        name: pl.col("kind").replace_strict(known, default=None, return_dtype=pl.String)
        for name, known in words.items()
    }
