"""Datadog's usage metering as unified records: what a month cost, what was used by the hour, what a month sums up.

Amounts are JSON numbers in dollars, without a currency. A cost row states `committed`, `on_demand` and the `total` of
the two for each product; a projected one states the same of a month to come, which is no cost. Usage states quantities
and no money, says the same ones again at several levels, and no unit; a null is a quantity that is not known yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Required

from typing_extensions import TypedDict

from truto_usage_nb.vendors.records import opaque_id, without_nulls

__all__ = [
    "DATADOG_PRODUCTS",
    "Charge",
    "CostAttributes",
    "HourAttributes",
    "attribution_record",
    "cost_records",
    "hourly_records",
    "projected_records",
    "summary_records",
    "unit_of",
    "v1_records",
]

_Row = Mapping[str, Any]
_Records = list[dict[str, Any]]


class Charge(TypedDict, total=False):
    """One amount of one product; `last_aggregation_function` is in the documentation's sample and in no model."""

    product_name: Required[str]
    charge_type: Required[str]
    cost: Required[float]
    last_aggregation_function: str | None


class CostAttributes(TypedDict, total=False):
    """The `attributes` of a row of `historical_cost`, `estimated_cost` or `projected_cost`.

    A projected row has `projected_total_cost`, is dated the month's last day, and names no account.
    """

    account_name: str | None
    account_public_id: str | None
    org_name: str | None
    public_id: Required[str]
    region: str | None
    total_cost: float | None
    projected_total_cost: float | None
    date: Required[str]
    charges: Required[list[Charge]]


class HourAttributes(TypedDict, total=False):
    """The `attributes` of a row of v2 `hourly_usage`."""

    account_name: str | None
    account_public_id: str | None
    org_name: str | None
    public_id: Required[str]
    region: str | None
    product_family: Required[str]
    timestamp: Required[str]
    measurements: Required[list[dict[str, Any]]]


DATADOG_PRODUCTS: dict[str, tuple[str, str]] = {
    "infra_host": ("Infrastructure Hosts", "Hosts that run the agent"),
    "infra_container": ("Containers", "Containers beyond those that come with a host"),
    "apm_host": ("APM Hosts", "Hosts that send traces"),
    "apm_fargate": ("APM Fargate", "Fargate tasks that send traces"),
    "logs_indexed": ("Indexed Logs", "Log events kept for search"),
    "logs_ingested": ("Ingested Logs", "Logs taken in"),
    "custom_timeseries": ("Custom Metrics", "Time series beyond those that come with a host"),
    "rum": ("Real User Monitoring", "Sessions of browsers and phones"),
    "synthetics_api": ("Synthetic API Tests", "Runs of API tests"),
    "synthetics_browser": ("Synthetic Browser Tests", "Runs of browser tests"),
    "llm_observability": ("LLM Observability", "Spans of calls to language models"),
    "serverless": ("Serverless Monitoring", "Functions and their invocations"),
    "dbm_host": ("Database Monitoring", "Database hosts"),
    "npm_host": ("Cloud Network Monitoring", "Hosts whose network is watched"),
    "sensitive_data_scanner": ("Sensitive Data Scanner", "Data scanned for secrets"),
    "incident_management": ("Incident Management", "People who handle incidents"),
    "data_jobs_monitoring": ("Data Jobs Monitoring", "Hosts that run data jobs"),
    "cloud_cost_management": ("Cloud Cost Management", "Hosts whose cloud bill is read"),
    "ci_visibility": ("CI Pipeline Visibility", "People who commit to watched pipelines"),
    "ci_testing": ("Test Optimization", "People who commit to watched tests"),
    "error_tracking": ("Error Tracking", "Errors kept"),
    "on_call": ("On-Call", "People on call"),
}
"""Name and description of what the bill names."""

_CURRENCY = "USD"  # assumed: the API names no currency
_PROJECTED = {"total": "projected_total"}
_ROW_FACTS = frozenset({"hour", "org_name", "public_id", "region", "account_name", "account_public_id", "id", "name"})
_ROLL_UPS = ("_sum", "_agg", "_avg")

# The first part that occurs in a metric's name says what it counts. Other vendors' spend that Datadog passes on is
# money, though it stands where quantities stand.
_UNITS: tuple[tuple[str, str], ...] = (
    ("_spend_", "USD"),
    ("_bytes", "bytes"),
    ("container", "containers"),
    ("host", "hosts"),
    ("custom_ts", "time series"),
)


def unit_of(metric: str) -> str | None:
    """Return the unit a metric's name tells, or None.

    >>> unit_of("apm_host_top99p"), unit_of("ccm_anthropic_spend_last_sum"), unit_of("ai_credits_agg_sum")
    ('hosts', 'USD', None)
    """
    return next((unit for part, unit in _UNITS if part in metric), None)


def cost_records(row: _Row, *, computed_at: str | None = None) -> _Records:
    """Map the row of an organisation and month to a record per product with its three charges, and no total row.

    `total` repeats `committed` and `on_demand`: the three are charges of one record, never records of their own. When
    the figures were worked out is not stated in the row: the caller may know.
    """
    attributes = row["attributes"]
    start = attributes["date"]
    span = {"start_date": start, "end_date": _month_after(start)}
    times = {"created_at": start, "updated_at": computed_at} if computed_at else {}
    return [
        {
            **_product_of(row, attributes, product),
            "charges": [_charge(charge["charge_type"], charge["cost"]) for charge in charges],
            **span,
            **times,
        }
        for product, charges in _by_product(attributes).items()
    ]


def projected_records(row: _Row, *, computed_at: str | None = None) -> _Records:
    """Map the row of a month to come to a record per product and kind of amount.

    A forecast is no charge, or it would stand for the month itself: the amount is a quantity of dollars.
    """
    attributes = row["attributes"]
    start = f"{attributes['date'][:7]}-01T00:00:00Z"
    return [
        {
            **(named := _product_of(row, attributes, product)),
            "id": f"{named['id']}-{charge['charge_type']}",
            "metric_name": _PROJECTED.get(str(charge["charge_type"])) or charge["charge_type"],
            "usage": {"quantity": charge["cost"], "unit": _CURRENCY},
            "start_date": start,
            "end_date": _month_after(start),
            **({"updated_at": computed_at} if computed_at else {}),
        }
        for product, charges in _by_product(attributes).items()
        for charge in charges
    ]


def _by_product(attributes: _Row) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for charge in attributes["charges"]:
        found.setdefault(charge["product_name"], []).append(charge)
    return found


def _product_of(row: _Row, attributes: _Row, product: str) -> dict[str, Any]:
    named = {"id": product, "name": DATADOG_PRODUCTS[product][0]} if product in DATADOG_PRODUCTS else {"id": product}
    return {
        "id": f"{row['id']}-{product}",
        "product": named,
        "metric_name": product,
        "organization": {"id": attributes["public_id"], "name": attributes.get("org_name")},
    }


def _charge(kind: str, amount: float) -> dict[str, Any]:
    return {"type": kind, "amount": amount, "currency": _CURRENCY}


def hourly_records(row: _Row) -> _Records:
    """Map one row of v2 `hourly_usage` to a record per measurement; a null stays null, for it is not 0."""
    facts = row["attributes"]
    account = without_nulls({"id": facts.get("account_public_id"), "name": facts.get("account_name")})
    return [
        {
            "id": f"{row['id']}-{measured['usage_type']}",
            "product": {"id": facts["product_family"]},
            "metric_name": measured["usage_type"],
            **({"resources": [{"workspace": account}]} if account else {}),
            "organization": {"id": facts["public_id"], "name": facts.get("org_name")},
            "usage": _usage(measured["usage_type"], measured["value"]),
            **_hour(facts["timestamp"]),
        }
        for measured in facts["measurements"]
    ]


def v1_records(row: _Row, family: str) -> _Records:
    """Map one hour of a v1 endpoint, such as `/api/v1/usage/hosts`, to a record per quantity it states."""
    return [
        {
            "id": opaque_id("hour-", row["public_id"], row["hour"], family, metric),
            "product": {"id": family},
            "metric_name": metric,
            "organization": {"id": row["public_id"], "name": row.get("org_name")},
            "usage": _usage(metric, value),
            **_hour(row["hour"]),
        }
        for metric, value in row.items()
        if metric not in _ROW_FACTS
    ]


def attribution_record(row: _Row) -> dict[str, Any]:
    """Map one row of v1 `hourly-attribution`: an hour's usage of what carries certain tags.

    A tag is a resource by its name and value; `updated_at` may be an hour without minutes.
    """
    tags = sorted((name, str(value)) for name, values in (row.get("tags") or {}).items() for value in values or ())
    updated = row.get("updated_at")
    metric = row["usage_type"]
    return without_nulls(
        {
            "id": opaque_id("tags-", row["public_id"], row["hour"], metric, *tags),
            "product": {"id": metric.removesuffix("_usage")},
            "metric_name": metric,
            "resources": [{"id": f"{name}:{value}"} for name, value in tags],
            "organization": {"id": row["public_id"], "name": row.get("org_name")},
            "usage": _usage(metric, row.get("total_usage_sum")),
            **_hour(row["hour"]),
            "updated_at": None if updated is None else _instant(datetime.fromisoformat(updated)),
        }
    )


def summary_records(whole: _Row, account: Mapping[str, Any] | None = None) -> _Records:
    """Map a whole answer of v1 `summary` to a record per quantity, each stated once.

    The sub-organisations of a month come first; what only the month states is the account's, and so is what only the
    whole range states. `account` is the account's own organisation, where it is known.
    """
    stated: set[str] = set()
    records: _Records = []
    for month in whole.get("usage") or []:
        orgs = month.get("orgs") or []
        of_orgs = {_stem(metric) for org in orgs for metric in _metrics(org)}
        for org in orgs:
            owner = {"id": org["public_id"], "name": org.get("name")}
            records += _quantities(_metrics(org), owner, _month(month["date"]))
        records += _quantities(_beyond(month, of_orgs), account or {}, _month(month["date"]))
        stated |= of_orgs | {_stem(metric) for metric in _metrics(month)}
    span = {"start_date": whole["start_date"], "end_date": whole["end_date"]}
    records += _quantities(_beyond(whole, stated), account or {}, span)
    return [{**record, "updated_at": whole.get("last_updated")} for record in records]


def _metrics(level: _Row) -> dict[str, Any]:
    """Return the quantities of one level: its numbers, and nulls, which are quantities not known yet."""
    named = ((name, value) for name, value in level.items() if name not in _ROW_FACTS)
    return {name: value for name, value in named if value is None or isinstance(value, int | float)}


def _beyond(level: _Row, stated: set[str]) -> dict[str, Any]:
    """Return the quantities of a level that a finer one does not state."""
    return {metric: value for metric, value in _metrics(level).items() if _stem(metric) not in stated}


def _stem(metric: str) -> str:
    """Return a metric's name without the ways it was rolled up: each level adds an ending to the one below.

    >>> _stem("container_avg_sum"), _stem("container_avg"), _stem("infra_host_top99p_sum")
    ('container', 'container', 'infra_host_top99p')
    """
    while ending := next((ending for ending in _ROLL_UPS if metric.endswith(ending)), None):
        metric = metric.removesuffix(ending)
    return metric


def _quantities(metrics: _Row, organization: Mapping[str, Any], span: dict[str, str]) -> _Records:
    return [
        {
            "id": opaque_id("sum-", organization.get("id"), span["start_date"], span["end_date"], metric),
            "product": {"id": metric},
            "metric_name": metric,
            **({"organization": dict(organization)} if organization else {}),
            "usage": _usage(metric, value),
            **span,
        }
        for metric, value in metrics.items()
    ]


def _usage(metric: str, value: float | None) -> dict[str, Any]:
    """Return quantity and unit; Datadog states no unit, so it is read off the name where the name tells."""
    unit = unit_of(metric)
    return {"quantity": value} if unit is None else {"quantity": value, "unit": unit}


def _hour(start: str) -> dict[str, str]:
    """Return the hour that begins at an instant, to the second."""
    begins = datetime.fromisoformat(start)
    return {"start_date": _instant(begins), "end_date": _instant(begins + timedelta(hours=1))}


def _instant(moment: datetime) -> str:
    """Write a moment; one without an offset is UTC."""
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _month(start: str) -> dict[str, str]:
    return {"start_date": start, "end_date": _month_after(start)}


def _month_after(day: str) -> str:
    """Return the first instant of the month after the one that a date or instant is in."""
    first = date.fromisoformat(day[:10]).replace(day=1)
    return f"{(first + timedelta(days=31)).replace(day=1)}T00:00:00Z"
