"""Datadog's usage endpoints as unified records: the hourly ones, v1 and v2, and the monthly summary.

They state quantities and no money, and say the same ones again at several levels. The embedded service serves the cost
endpoints; these map rows that were had elsewhere.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.seeds import token_id
from truto_usage_nb.sandbox.vendors.datadog.catalog import unit_of
from truto_usage_nb.sandbox.vendors.datadog.months import Month

Records = list[dict[str, Any]]

_ROW_FACTS = frozenset({"hour", "org_name", "public_id", "region", "account_name", "account_public_id", "id", "name"})
_ROLL_UPS = ("_sum", "_agg", "_avg")


def unify_hourly(raw: Raw, ask: Ask) -> Records:  # noqa: ARG001  # the row names its own organisation
    """Map one row of v2 `hourly_usage` to a record per measurement; a null stays null, for it is not 0."""
    facts = raw.row["attributes"]
    account = {"id": facts.get("account_public_id"), "name": facts.get("account_name")}
    return [
        {
            "id": f"{raw.row['id']}-{measured['usage_type']}",
            "product": {"id": facts["product_family"]},
            "metric_name": measured["usage_type"],
            "resources": [{"workspace": account}],
            "organization": {"id": facts["public_id"], "name": facts["org_name"]},
            "usage": _usage(measured["usage_type"], measured["value"]),
            **_hour(facts["timestamp"]),
        }
        for measured in facts["measurements"]
    ]


def unify_v1(raw: Raw, ask: Ask) -> Records:  # noqa: ARG001  # the row names its own organisation
    """Map one hour of a v1 endpoint, such as `/api/v1/usage/hosts`, to a record per quantity it states."""
    row = raw.row
    family = raw.endpoint.rsplit("/", 1)[-1]
    return [
        {
            "id": token_id(0, "hour-", row["public_id"], row["hour"], family, metric),
            "product": {"id": family},
            "metric_name": metric,
            "organization": {"id": row["public_id"], "name": row["org_name"]},
            "usage": _usage(metric, value),
            **_hour(row["hour"]),
        }
        for metric, value in row.items()
        if metric not in _ROW_FACTS
    ]


def unify_summary(raw: Raw, ask: Ask) -> Records:
    """Map a whole answer of v1 `summary` to a record per quantity, each stated once.

    The sub-organisations of a month come first; what only the month states is the account's, and so is what only the
    whole range states.
    """
    whole, account = raw.row, {"id": ask.account.organization_id, "name": ask.account.organization_name}
    stated: set[str] = set()
    records: Records = []
    for month in whole.get("usage") or []:
        orgs = month.get("orgs") or []
        of_orgs = {_stem(metric) for org in orgs for metric in _metrics(org)}
        for org in orgs:
            records += _quantities(_metrics(org), {"id": org["public_id"], "name": org["name"]}, _month(month["date"]))
        records += _quantities(_beyond(month, of_orgs), account, _month(month["date"]))
        stated |= of_orgs | {_stem(metric) for metric in _metrics(month)}
    span = {"start_date": whole["start_date"], "end_date": whole["end_date"]}
    records += _quantities(_beyond(whole, stated), account, span)
    return [{**record, "updated_at": whole["last_updated"]} for record in records]


def _metrics(level: dict[str, Any]) -> dict[str, Any]:
    """Return the quantities of one level: its numbers, and nulls, which are quantities not known yet."""
    named = ((name, value) for name, value in level.items() if name not in _ROW_FACTS)
    return {name: value for name, value in named if value is None or isinstance(value, int | float)}


def _beyond(level: dict[str, Any], stated: set[str]) -> dict[str, Any]:
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


def _quantities(metrics: dict[str, Any], organization: dict[str, Any], span: dict[str, str]) -> Records:
    return [
        {
            "id": token_id(0, "sum-", organization["id"], span["start_date"], span["end_date"], metric),
            "product": {"id": metric},
            "metric_name": metric,
            "organization": organization,
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
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _month(start: str) -> dict[str, str]:
    after = Month.of(date.fromisoformat(start[:10])).next
    return {"start_date": start, "end_date": f"{after}-01T00:00:00Z"}
