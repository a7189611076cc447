"""Who provides, who bills whom, for which part of the organisation, and which person, in FOCUS's words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from truto_usage_nb.focus.options import Options, tag_column
from truto_usage_nb.focus.services import SERVICES, of_service

__all__ = ["issuer", "people", "tags_and_resources", "who"]


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
    provisions = pl.col("integration").is_in([key for key, service in SERVICES.items() if service.provisions])
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
    return _json({name: _plain(value) for name, value in zip(names, values, strict=True) if value is not None})


def _resources(value: Any) -> str | None:
    return _json({"resources": value} if value else None)


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _json(value: dict[str, Any] | None) -> str | None:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str) if value else None
