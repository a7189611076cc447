"""What was bought and of whom: the SKU, as a key that stays the same from month to month, the service, and words.

All of it follows from a few columns, in which most rows are alike: it is written once for each that is different.
"""

from __future__ import annotations

import json

import polars as pl

from truto_usage_nb.focus.reading import is_alike
from truto_usage_nb.focus.services import of_service, service_names, token_words

__all__ = ["words"]

_OF = (
    "integration", "category", "purchase", "kind", "metric_name", "unit", "usage_unit", "model_id", "product_id",
    "product_name", "service_tier", "description",
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
    parts = [_plain(each) for each in (pl.col("integration"), thing, metric, tier)]
    return pl.concat_str(*parts, separator=":", ignore_nulls=True)


def _plain(text: pl.Expr) -> pl.Expr:
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
