"""FOCUS's Cost and Usage columns, once: order, type, whether null is allowed, allowed values, versions.

Source: the FOCUS specification 1.2 and 1.4, dataset Cost and Usage (1.2 knows it as the FOCUS dataset). Columns that
say nothing about these five vendors (regions, zones, allocation of shared cost) are known to the check, and written
empty on request (`conditional_columns=True`), for queries that name them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CATEGORIES", "COLUMNS", "CUSTOM", "SUBCATEGORIES", "VERSIONS", "Column", "columns_of", "custom_of"]

Type = Literal["String", "Decimal", "Price", "Time", "JSON", "Boolean", "Count"]
VERSIONS = ("1.4", "1.2")


@dataclass(frozen=True, slots=True)
class Column:
    """Describe a column: `needed` in the dataset, `nullable` where it is there, `written` by this library."""

    name: str
    type: Type = "String"
    nullable: bool = True
    needed: bool = False
    allowed: tuple[str, ...] = ()
    versions: tuple[str, ...] = VERSIONS
    written: bool = True


def _must(name: str, type: Type = "String", *, nullable: bool = False, **more: tuple[str, ...]) -> Column:
    return Column(name, type, nullable, needed=True, **more)  # type: ignore[arg-type]


def _may(name: str, type: Type = "String", **more: object) -> Column:
    return Column(name, type, **more)  # type: ignore[arg-type]


def _other(name: str, type: Type = "String", **more: object) -> Column:
    return Column(name, type, written=False, **more)  # type: ignore[arg-type]


_PARENTS: dict[str, str] = {
    "AI and Machine Learning": "AI Platforms|Bots|Generative AI|Machine Learning|Natural Language Processing",
    "Analytics": "Analytics Platforms|Business Intelligence|Data Processing|Search|Streaming Analytics",
    "Business Applications": "Productivity and Collaboration",
    "Compute": "Containers|End User Computing|Quantum Compute|Serverless Compute|Virtual Machines",
    "Databases": "Caching|Data Warehouses|Ledger Databases|NoSQL Databases|Relational Databases|Time Series Databases",
    "Developer Tools": "Continuous Integration and Deployment|Developer Platforms|Development Environments"
    "|Quality Assurance|Source Code Management",
    "Multicloud": "Multicloud Integration",
    "Identity": "Identity and Access Management",
    "Integration": "API Management|Messaging|Workflow Orchestration",
    "Internet of Things": "IoT Analytics|IoT Platforms",
    "Management and Governance": "Architecture|Compliance|Cost Management|Data Governance|Disaster Recovery"
    "|Endpoint Management|Observability|Support",
    "Media": "Content Creation|Gaming|Media Streaming|Mixed Reality",
    "Migration": "Data Migration|Resource Migration",
    "Mobile": "",
    "Networking": "Application Networking|Content Delivery|Network Connectivity|Network Infrastructure"
    "|Network Routing|Network Security",
    "Security": "Secret Management|Security Posture Management|Threat Detection and Response",
    "Storage": "Backup Storage|Block Storage|File Storage|Object Storage|Storage Platforms",
    "Web": "Application Platforms",
    "Other": "",
}
CATEGORIES = tuple(_PARENTS)
SUBCATEGORIES: dict[str, str] = {
    sub: category
    for category, subs in _PARENTS.items()
    for sub in (*filter(None, subs.split("|")), f"Other ({category})")
}
"""Each subcategory's one category."""

NEW = ("1.4",)
OLD = ("1.2",)

COLUMNS: tuple[Column, ...] = (
    _must("BillingAccountId"),
    _must("BillingAccountName", nullable=True),
    _may("BillingAccountType", nullable=False),
    _must("BillingCurrency"),
    _must("BillingPeriodStart", "Time"),
    _must("BillingPeriodEnd", "Time"),
    _must("ChargePeriodStart", "Time"),
    _must("ChargePeriodEnd", "Time"),
    _must("ChargeCategory", allowed=("Usage", "Purchase", "Tax", "Credit", "Adjustment")),
    _must("ChargeClass", nullable=True, allowed=("Correction",)),
    _must("ChargeDescription", nullable=True),
    _may("ChargeFrequency", nullable=False, allowed=("One-Time", "Recurring", "Usage-Based")),
    _must("BilledCost", "Decimal"),
    _must("EffectiveCost", "Decimal"),
    _must("ContractedCost", "Decimal"),
    _must("ListCost", "Decimal"),
    _may("ContractedUnitPrice", "Price"),
    _may("ListUnitPrice", "Price"),
    _must("PricingQuantity", "Decimal", nullable=True),
    _must("PricingUnit", nullable=True),
    _may("PricingCategory", allowed=("Standard", "Dynamic", "Committed", "Other")),
    _may("PricingCurrency", nullable=False),
    _may("PricingCurrencyEffectiveCost", "Decimal", nullable=False),
    _may("PricingCurrencyContractedUnitPrice", "Price"),
    _may("PricingCurrencyListUnitPrice", "Price"),
    _may("ConsumedQuantity", "Decimal"),
    _may("ConsumedUnit"),
    _must("ServiceProviderName", versions=NEW),
    _must("HostProviderName", nullable=True, versions=NEW),
    _must("ProviderName", versions=OLD),
    _must("PublisherName", versions=OLD),
    _must("InvoiceIssuerName"),
    _may("InvoiceId"),
    _may("InvoiceDetailId", versions=NEW),
    _must("ServiceName"),
    _must("ServiceCategory", allowed=CATEGORIES),
    _may("ServiceSubcategory", nullable=False, allowed=tuple(SUBCATEGORIES)),
    _may("SkuId"),
    _may("SkuMeter"),
    _may("SkuPriceId"),
    _may("SkuPriceDetails", "JSON"),
    _may("SubAccountId"),
    _may("SubAccountName"),
    _may("SubAccountType"),
    _may("ResourceId"),
    _may("ResourceName"),
    _may("ResourceType"),
    _may("Tags", "JSON"),
    _may("CommitmentDiscountCategory", allowed=("Spend", "Usage")),
    _may("CommitmentDiscountId"),
    _may("CommitmentDiscountName"),
    _may("CommitmentDiscountQuantity", "Decimal"),
    _may("CommitmentDiscountStatus", allowed=("Used", "Unused")),
    _may("CommitmentDiscountType"),
    _may("CommitmentDiscountUnit"),
    _other("AvailabilityZone"),
    _other("RegionId"),
    _other("RegionName"),
    _other("CapacityReservationId"),
    _other("CapacityReservationStatus", allowed=("Used", "Unused")),
    _other("AllocatedMethodId", versions=NEW),
    _other("AllocatedMethodDetails", "JSON", versions=NEW),
    _other("AllocatedResourceId", versions=NEW),
    _other("AllocatedResourceName", versions=NEW),
    _other("AllocatedTags", "JSON", versions=NEW),
    _other("CommitmentProgramEligibilityDetails", "JSON", versions=NEW),
    _other("ContractApplied", "JSON", versions=NEW),
)  # fmt: skip
"""In the order in which they are written."""

CUSTOM: tuple[tuple[Column, str], ...] = (
    (_may("x_IntegratedAccountId"), "The account that was asked."),
    (_may("x_Integration"), "claude, openai_codex, confluent, cursor or datadog."),
    (_may("x_ReportType"), "The view the record came from, where the vendor honours one."),
    (_may("x_RecordId"), "The usage record's own id."),
    (_may("x_SourceRow", "Count"), "The record's position in the frame, from 0: rows of one record add up to it."),
    (_may("x_Records", "Count"), "How many records stand behind the row."),
    (_may("x_CostFlag"), "The cost rule's reasons, as in cost_flag."),
    (_may("x_CostBasis"), "billed, credit_rate, estimated or unpriced: where the amount comes from."),
    (_may("x_BillingBasis"), "arrears, prepaid, plan or another issuer: why BilledCost is what it is."),
    (_may("x_BilledElsewhere", "Decimal"), "What another invoice issuer bills for the row; BilledCost is 0 there."),
    (_may("x_Correction"), "reversal or restatement, where a delivery corrects what an earlier one stated."),
    (_may("x_CoveredBy"), "plan, where a plan covers the usage."),
    (_may("x_IdleSeat", "Boolean"), "Whether a seat purchase covers no usage in the frame."),
    (_may("x_QuantityKnown", "Boolean"), "Whether the quantity is the vendor's; else it is 1, and so is the price."),
    (_may("x_ListCostKnown", "Boolean"), "Whether the vendor states a list price; else ListCost repeats the cost."),
    (_may("x_AllocatedByListPrice", "Boolean"), "Whether one amount was split over token kinds by list price."),
    (_may("x_PriceSource"), "The price list behind a split or an estimate, with its version."),
    (_may("x_Prorated", "Boolean"), "Whether a charge was cut at a billing period's end, by time."),
    (_may("x_SourceUnit"), "The unit as the vendor writes it."),
    (_may("x_Surface"), "The product surface, such as claude_code or ide."),
    (_may("x_ModelId"), "The model as the vendor names it."),
    (_may("x_ModelProvider"), "Who made the model."),
    (_may("x_TokenDirection"), "Input or Output."),
    (_may("x_TokenCacheAction"), "Uncached, Read or Write, on input tokens."),
    (_may("x_CacheTtl"), "5m or 1h, on cache writes that state it."),
    (_may("x_ServiceTier"), "The service tier, such as batch."),
    (_may("x_ContextWindow"), "The context window, where the frame has it."),
    (_may("x_PrincipalId"), "The person, opaque: the vendor's id, else a digest of the e-mail."),
    (_may("x_PrincipalEmail"), "The e-mail, on request only (emails=True)."),
    (_may("x_EventTime", "Time"), "The instant of an event; its charge period is the hour around it."),
    (_may("x_Resources", "JSON"), "The record's resources as JSON."),
    (_may("x_CreditRate", "Price"), "What one credit was said to cost (credit_rate=)."),
    (_may("x_SettledUntil", "Time"), "Up to when the account's figures are final."),
    (_may("x_FetchedAt", "Time"), "When the records were loaded."),
)  # fmt: skip
"""The columns of our own, with what they mean, after FOCUS's."""


def columns_of(version: str) -> dict[str, Column]:
    """Give a version's columns by name, in order."""
    return {column.name: column for column in COLUMNS if version in column.versions}


def custom_of() -> dict[str, Column]:
    """Give our own columns by name, in order."""
    return {column.name: column for column, _ in CUSTOM}
