"""The products of Datadog by the name its bill gives them, and the units its metric names give away."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.company import Account

_PRODUCTS: tuple[tuple[str, str, str], ...] = (
    ("infra_host", "Infrastructure Hosts", "Hosts that run the agent"),
    ("infra_container", "Containers", "Containers beyond those that come with a host"),
    ("apm_host", "APM Hosts", "Hosts that send traces"),
    ("apm_fargate", "APM Fargate", "Fargate tasks that send traces"),
    ("logs_indexed", "Indexed Logs", "Log events kept for search"),
    ("logs_ingested", "Ingested Logs", "Logs taken in"),
    ("custom_timeseries", "Custom Metrics", "Time series beyond those that come with a host"),
    ("rum", "Real User Monitoring", "Sessions of browsers and phones"),
    ("synthetics_api", "Synthetic API Tests", "Runs of API tests"),
    ("synthetics_browser", "Synthetic Browser Tests", "Runs of browser tests"),
    ("llm_observability", "LLM Observability", "Spans of calls to language models"),
    ("serverless", "Serverless Monitoring", "Functions and their invocations"),
    ("dbm_host", "Database Monitoring", "Database hosts"),
    ("npm_host", "Cloud Network Monitoring", "Hosts whose network is watched"),
    ("sensitive_data_scanner", "Sensitive Data Scanner", "Data scanned for secrets"),
    ("incident_management", "Incident Management", "People who handle incidents"),
    ("data_jobs_monitoring", "Data Jobs Monitoring", "Hosts that run data jobs"),
    ("cloud_cost_management", "Cloud Cost Management", "Hosts whose cloud bill is read"),
    ("ci_visibility", "CI Pipeline Visibility", "People who commit to watched pipelines"),
    ("ci_testing", "Test Optimization", "People who commit to watched tests"),
    ("error_tracking", "Error Tracking", "Errors kept"),
    ("on_call", "On-Call", "People on call"),
)

NAMES: dict[str, str] = {id_: name for id_, name, _ in _PRODUCTS}

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


def products(account: Account) -> list[dict[str, Any]]:
    """Return the unified products of an account."""
    return [
        {
            "id": id_,
            "name": name,
            "description": description,
            "created_at": account.created_at,
            "updated_at": account.created_at,
        }
        for id_, name, description in _PRODUCTS
    ]
