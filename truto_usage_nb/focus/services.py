"""What the five vendors are in FOCUS's words: who provides, which service, which category, which units. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

__all__ = ["METERS", "SERVICES", "Service", "of_service", "service_names", "token_words"]


@dataclass(frozen=True, slots=True)
class Service:
    """Describe a vendor: `prefix` stands before a product's name, unless the name begins with it.

    `sub_account` is what the vendor calls a resource's workspace; `provisions` says that its resources are provisioned,
    so that billing rests on them.
    """

    provider: str
    name: str
    category: str
    subcategory: str
    by_product: bool = False
    sub_account: str = "Workspace"
    provisions: bool = False


SERVICES: dict[str, Service] = {
    "claude": Service("Anthropic", "Claude", "AI and Machine Learning", "Generative AI", by_product=True),
    "openai_codex": Service(
        "OpenAI", "OpenAI", "AI and Machine Learning", "Generative AI", by_product=True, sub_account="Project"
    ),
    "cursor": Service("Cursor", "Cursor", "Developer Tools", "Development Environments"),
    "datadog": Service("Datadog", "Datadog", "Management and Governance", "Observability", by_product=True),
    "confluent": Service(
        "Confluent", "Confluent Cloud", "Analytics", "Streaming Analytics", sub_account="Environment", provisions=True
    ),
}
"""By integration. One service name has one category, so a surface stays in x_Surface."""


def of_service(field: str) -> pl.Expr:
    """Give a field of a row's service, by its integration."""
    values = {name: getattr(service, field) for name, service in SERVICES.items()}
    return pl.col("integration").replace_strict(values, default=None, return_dtype=pl.String)


def service_names() -> pl.Expr:
    """Name the service of a row: the vendor's one name, or the vendor's name and the product's."""
    name = pl.lit(None, dtype=pl.String)
    for integration, service in SERVICES.items():
        own = pl.lit(service.name)
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
