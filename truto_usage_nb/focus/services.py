"""What a vendor is in FOCUS's words: who provides, which service, which category, which units."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.integrations import INTEGRATIONS

__all__ = ["METERS", "of_service", "service_names", "token_words"]


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
