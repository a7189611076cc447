"""Datadog's usage metering as it answers: two keys in headers, months of the parent alone, hours in pages.

What was used by the hour is invented beside the bill: it has no bearing on it.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask, Raw, RawAnswer, RawAsk, RawRoute, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.seeds import integer, rng, token_id
from truto_usage_nb.sandbox.vendors.datadog.story import (
    BillingMonth,
    MonthlyCost,
    billed_orgs,
    month_refused,
    monthly_costs,
    months,
    months_asked,
)

HISTORICAL = "/api/v2/usage/historical_cost"
ESTIMATED = "/api/v2/usage/estimated_cost"
MAX_PAGE = 1_000  # the cost endpoints have no pages: the whole answer comes at once
DEFAULT_PAGE = 1_000

_REGION = "us1"
_VIEWS = ("sub-org", "summary")
_AVERAGED = "_host"  # hosts are billed by their average, the rest by what was used


def raw_rows(ask: Ask) -> Iterator[Raw]:
    """Yield a row per sub-organisation and month, oldest month first; `remote_query[view]=summary` asks for the parent.

    The parent's row says again what its sub-organisations say, so the two views are never served together.

    >>> from datetime import UTC, datetime
    >>> from truto_usage_nb.sandbox.company import ACCOUNTS
    >>> account = next(one for one in ACCOUNTS if one.id == "datadog")
    >>> world = World(7, datetime(2026, 11, 23, tzinfo=UTC))
    >>> [raw.row["attributes"]["org_name"] for raw in raw_rows(Ask(world, account, start_date="2026-10-01"))]
    ['Tidewheel Production', 'Tidewheel Data Platform', 'Tidewheel Internal Tools']
    """
    first, last = months_asked(ask)
    if _view(ask) not in _VIEWS:
        raise month_refused(f"view must be one of {', '.join(_VIEWS)}, got {_view(ask)!r}")
    return _rows(ask, first, last)


def request(ask: Ask) -> dict[str, Any]:
    """Return the request that is sent to Datadog for the first month; months still open go to `estimated_cost`."""
    first, last = months_asked(ask)
    query = {"view": "sub-org", "start_month": str(first), "end_month": str(last), **ask.remote_query}
    endpoint = HISTORICAL if first.final(ask.world) else ESTIMATED
    return {
        "url": f"https://api.datadoghq.com{endpoint}?{urlencode(query)}",
        "method": "GET",
        "headers": {"Accept": "application/json;datetime-format=rfc3339"},
        "body": None,
    }


def _view(ask: Ask) -> str:
    return str(ask.remote_query.get("view", "sub-org"))


def _rows(ask: Ask, first: BillingMonth, last: BillingMonth) -> Iterator[Raw]:
    for month in months(first, last, ask.world):
        if _view(ask) == "summary":
            yield _parent(ask, month)
        else:
            yield from _sub_orgs(ask, month)


def _sub_orgs(ask: Ask, month: BillingMonth) -> Iterator[Raw]:
    for org, of_org in groupby(monthly_costs(ask.world, month), key=lambda fact: fact.org):
        yield _raw(ask, month, (org.public_id, org.name), [_charges(_amounts([fact]), fact.product) for fact in of_org])


def _parent(ask: Ask, month: BillingMonth) -> Raw:
    by_product: dict[str, list[MonthlyCost]] = {}
    for fact in monthly_costs(ask.world, month):
        by_product.setdefault(fact.product, []).append(fact)
    charges = [_charges(_amounts(of_product), product) for product, of_product in sorted(by_product.items())]
    return _raw(ask, month, (ask.account.organization_id, ask.account.organization_name), charges)


def _amounts(of_product: Iterable[MonthlyCost]) -> dict[str, Decimal]:
    """Return the three amounts Datadog states; the last is the sum of the other two."""
    amounts = {"committed": Decimal(0), "on_demand": Decimal(0), "total": Decimal(0)}
    for fact in of_product:
        amounts["committed"] += fact.committed
        amounts["on_demand"] += fact.on_demand
        amounts["total"] += fact.total
    return amounts


def _charges(amounts: dict[str, Decimal], product: str) -> list[dict[str, Any]]:
    aggregation = "average" if product.endswith(_AVERAGED) else "sum"
    return [
        {
            "product_name": product,
            "charge_type": kind,
            "cost": float(amount),
            "last_aggregation_function": aggregation,
        }
        for kind, amount in amounts.items()
    ]


def _raw(ask: Ask, month: BillingMonth, org: tuple[str, str], charges: list[list[dict[str, Any]]]) -> Raw:
    """Return the row of one organisation, with the moment its figures were last worked out."""
    public_id, name = org
    flat = [charge for of_product in charges for charge in of_product]
    total = sum((Decimal(str(charge["cost"])) for charge in flat if charge["charge_type"] == "total"), Decimal(0))
    attributes = {
        "account_name": ask.account.organization_name,
        "account_public_id": ask.account.organization_id,
        "org_name": name,
        "public_id": public_id,
        "region": _REGION,
        "total_cost": float(total),
        "date": f"{month}-01T00:00:00Z",
        "charges": flat,
    }
    row = {"type": "cost_by_org", "id": _id(ask.world, public_id, month), "attributes": attributes}
    return Raw(
        row, HISTORICAL if month.final(ask.world) else ESTIMATED, {"computed_at": _computed_at(ask.world, month)}
    )


def _id(world: World, public_id: str, month: BillingMonth) -> str:
    """Return the row's id, the same for the estimate and for what replaces it."""
    return sha256(f"{world.seed}:{public_id}:{month}".encode()).hexdigest()


def _computed_at(world: World, month: BillingMonth) -> str:
    """Return the last midnight, or the moment the month became final."""
    day = month.final_at.date() if month.final(world) else world.now.date()
    return f"{day}T00:00:00Z"


KEYS = {
    "datadog": {
        "api_key": "dd0sandbox0api0key0qx7trn2wpkzm4",
        "app_key": "dd0sandbox0application0key0vb8yd1hs6jf3g",
    },
    "datadog-child": {
        "api_key": "dd0sandbox0child0key0la5ew0ui7rt",
        "app_key": "dd0sandbox0child0application0key0np2bk8x",
    },
}
_ACCOUNT = next(account for account in ACCOUNTS if account.id == "datadog")
_CHILD = "Tidewheel Internal Tools"
_NOT_PARENT = "API called with non-parent org keys. Data is only available at the root level org"
_MOST = 500
_FAMILIES: dict[str, tuple[str, ...]] = {
    "infra_hosts": ("agent_host_count", "aws_host_count", "container_count", "host_count"),
    "logs": ("ingested_events_bytes", "indexed_events_count"),
    "llm_observability": ("llm_observability_span_count",),
}
_UNKNOWN = "container_count"  # not known for hours at night: a null, and no zero


def admit(ask: RawAsk) -> RawAnswer | None:
    """Let in who has both keys of one organisation."""
    sent = {"api_key": ask.headers.get("dd-api-key"), "app_key": ask.headers.get("dd-application-key")}
    return None if sent in KEYS.values() else RawAnswer(error(403), 403)


def error(status: int) -> dict[str, Any]:
    """Return Datadog's error body."""
    said = {401: "Unauthorized", 403: "Forbidden", 404: "Not found", 429: "Too many requests"}
    return {"errors": [said.get(status, "Internal error")]}


def _is_child(ask: RawAsk) -> bool:
    return ask.headers.get("dd-api-key") == KEYS["datadog-child"]["api_key"]


def _refuse_child(ask: RawAsk) -> None:
    if _is_child(ask):
        raise Refused(400, {"errors": [_NOT_PARENT]})


def _cost(endpoint: str) -> Any:
    """Return what answers `historical_cost` (months that are final) or `estimated_cost` (this month and the last)."""

    def answer(ask: RawAsk) -> RawAnswer:
        _refuse_child(ask)
        if (ask.one("start_month") is None) == (ask.one("start_date") is None):
            raise Refused(400, {"errors": ["Exactly one of start_month and start_date is required"]})
        if ask.one("start_month") is None:
            raise Refused(400, {"errors": ["This organisation has no daily figures"]})
        start, end = ask.one("start_month") or "", ask.one("end_month") or ask.one("start_month") or ""
        if endpoint == ESTIMATED and _month(start) < _month(_previous(ask.world.now.date())):
            raise Refused(400, {"errors": ["start_month may be this month or the last one"]})
        asked = {"start_month": start, "end_month": end, "view": ask.one("view") or "summary"}
        rows = raw_rows(Ask(ask.world, _ACCOUNT, remote_query=asked))
        return RawAnswer({"data": [_plain(raw.row) for raw in rows if raw.endpoint == endpoint]})

    return answer


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Write timestamps as the API was seen to: with an offset."""
    attributes = {**row["attributes"], "date": row["attributes"]["date"].replace("Z", "+00:00")}
    return {**row, "attributes": attributes}


def _previous(day: date) -> str:
    return f"{day.replace(day=1) - timedelta(days=1):%Y-%m}"


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text[:7]}-01")
    except ValueError:
        raise Refused(400, {"errors": [f"start_month must be formatted as YYYY-MM, got {text!r}"]}) from None


def _projected(ask: RawAsk) -> RawAnswer:
    """Answer what the running month may come to, dated its last day, without naming an account."""
    _refuse_child(ask)
    month = BillingMonth.of(ask.world.now.date())
    days = len(month.counted_days(ask.world))
    length = calendar.monthrange(month.year, month.month)[1]
    by_org: dict[str, list[MonthlyCost]] = {}
    for fact in monthly_costs(ask.world, month):
        by_org.setdefault(fact.org.public_id, []).append(fact)
    rows = [_projection(month, length, public_id, of_org, days) for public_id, of_org in by_org.items() if days]
    return RawAnswer({"data": rows})


def _projection(
    month: BillingMonth, length: int, public_id: str, of_org: list[MonthlyCost], days: int
) -> dict[str, Any]:
    charges: list[dict[str, Any]] = []
    for fact in of_org:
        on_demand = round(float(fact.on_demand) / days * length, 2)
        committed = float(fact.committed)
        amounts = {"projected_committed": committed, "projected_on_demand": on_demand, "total": committed + on_demand}
        charges += [{"product_name": fact.product, "charge_type": kind, "cost": cost} for kind, cost in amounts.items()]
    attributes = {
        "org_name": of_org[0].org.name,
        "public_id": public_id,
        "region": "us1",
        "projected_total_cost": sum(one["cost"] for one in charges if one["charge_type"] == "total"),
        "date": f"{month}-{length:02}T00:00:00Z",
        "charges": charges,
    }
    return {
        "type": "projected_cost",
        "id": token_id(0, "", "projected", public_id, str(month)),
        "attributes": attributes,
    }


def _hourly(ask: RawAsk) -> RawAnswer:
    """Answer hours of one organisation, or of all below it, a page at a time; the last page has no `meta`."""
    begin, end = _hour(ask, "filter[timestamp][start]"), _hour(ask, "filter[timestamp][end]")
    asked = (ask.one("filter[product_families]") or "").split(",")
    families = list(_FAMILIES) if "all" in asked else [name for name in asked if name in _FAMILIES]
    if not families:
        raise Refused(400, {"errors": ["filter[product_families] is required"]})
    several = ask.one("filter[include_descendants]") == "true"
    if end - begin > (timedelta(hours=24) if several else timedelta(days=62)):
        raise Refused(400, {"errors": ["The range of time is too long"]})
    rows = [
        _hour_row(ask, org, family, begin + timedelta(hours=hour))
        for hour in range(int((end - begin).total_seconds() // 3600))
        for org in _orgs(ask, several=several)
        for family in families
    ]
    size, after = _page(ask)
    body: dict[str, Any] = {"data": rows[after : after + size]}
    if after + size < len(rows):
        body["meta"] = {"pagination": {"next_record_id": f"r{after + size}"}}
    return RawAnswer(body)


def _orgs(ask: RawAsk, *, several: bool) -> Iterator[tuple[str, str]]:
    below = [(org.public_id, org.name) for org in billed_orgs(ask.world)]
    if _is_child(ask):
        yield next(org for org in below if org[1] == _CHILD)
        return
    yield _ACCOUNT.organization_id, _ACCOUNT.organization_name
    if several:
        yield from below


def _hour_row(ask: RawAsk, org: tuple[str, str], family: str, at: datetime) -> dict[str, Any]:
    r = rng(ask.world.seed, "datadog", "hour", org[0], family, at.isoformat())
    measured: list[dict[str, Any]] = [
        {"usage_type": metric, "value": None if metric == _UNKNOWN and at.hour < 4 else integer(r, 1, 400)}
        for metric in _FAMILIES[family]
    ]
    attributes = {
        "org_name": org[1],
        "public_id": org[0],
        "timestamp": at.isoformat(),
        "region": "us1",
        "measurements": measured,
        "product_family": family,
    }
    return {"attributes": attributes, "type": "usage_timeseries", "id": token_id(0, "", org[0], family, at.isoformat())}


def _hosts(ask: RawAsk) -> RawAnswer:
    """Answer the older endpoint of hosts: an hour a row, its quantities beside its names."""
    begin, end = _hour(ask, "start_hr"), _hour(ask, "end_hr")
    org = next(_orgs(ask, several=False))
    rows = [
        _hour_row(ask, org, "infra_hosts", begin + timedelta(hours=hour))["attributes"]
        for hour in range(int((end - begin).total_seconds() // 3600))
    ]
    named = [
        {
            "hour": row["timestamp"],
            **{name: row[name] for name in ("org_name", "public_id", "region")},
            **{one["usage_type"]: one["value"] for one in row["measurements"]},
        }
        for row in rows
    ]
    return RawAnswer({"usage": named})


def _attribution(ask: RawAsk) -> RawAnswer:
    """Answer an hour a row and tag; `updated_at` is an hour without minutes."""
    begin, end, metric = _hour(ask, "start_hr"), _hour(ask, "end_hr"), ask.one("usage_type")
    if metric is None:
        raise Refused(400, {"errors": ["usage_type is required"]})
    org = next(_orgs(ask, several=False))
    rows = []
    for hour in range(int((end - begin).total_seconds() // 3600)):
        at = begin + timedelta(hours=hour)
        for team in ("payments", "search", None):
            r = rng(ask.world.seed, "datadog", "tags", metric, team, at.isoformat())
            rows.append(
                {
                    "hour": at.isoformat(), "org_name": org[1], "public_id": org[0], "region": "us1",
                    "tags": {} if team is None else {"team": [team]}, "tag_config_source": f"{org[1]}:::team",
                    "usage_type": metric, "total_usage_sum": integer(r, 1, 40),
                    "updated_at": f"{ask.world.now:%Y-%m-%dT%H}",
                }
            )  # fmt: skip
    return RawAnswer({"usage": rows, "metadata": {"pagination": {"next_record_id": None}}})


def _summary(ask: RawAsk) -> RawAnswer:
    """Answer whole months: what the range sums up to, beside its months, beside their organisations."""
    _refuse_child(ask)
    first, last = _month(ask.one("start_month") or ""), _month(ask.one("end_month") or ask.one("start_month") or "")
    months: list[dict[str, Any]] = []
    at = first
    while at <= last:
        orgs: list[dict[str, Any]] = [
            {"id": str(number), "name": name, "public_id": public_id, "region": "us1", **_rolled(ask, public_id, at)}
            for number, (public_id, name) in enumerate(list(_orgs(ask, several=True))[1:])
        ]
        total = {name: sum(org[name] for org in orgs) for name in ("infra_host_top99p", "container_avg")}
        months.append({"date": f"{at}T00:00:00Z", **total, "orgs": orgs})
        at = (at + timedelta(days=31)).replace(day=1)
    sums = {f"{name}_sum": sum(month[name] for month in months) for name in ("infra_host_top99p", "container_avg")}
    body: Mapping[str, Any] = {
        "start_date": f"{first}T00:00:00Z",
        "end_date": f"{at}T00:00:00Z",
        "last_updated": f"{ask.world.now:%Y-%m-%dT%H:%M:%SZ}",
        **sums,
        "usage": months,
    }
    return RawAnswer(dict(body))


def _rolled(ask: RawAsk, public_id: str, month: date) -> dict[str, int]:
    r = rng(ask.world.seed, "datadog", "summary", public_id, month.isoformat())
    return {"infra_host_top99p": integer(r, 10, 300), "container_avg": integer(r, 50, 900)}


def _page(ask: RawAsk) -> tuple[int, int]:
    size, token = ask.one("page[limit]") or str(_MOST), (ask.one("page[next_record_id]") or "r0").removeprefix("r")
    if not (size.isdecimal() and 0 < int(size) <= _MOST and token.isdecimal()):
        raise Refused(400, {"errors": [f"page[limit] must be between 1 and {_MOST}"]})
    return int(size), int(token)


def _hour(ask: RawAsk, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(ask.one(name) or "")
    except ValueError:
        raise Refused(400, {"errors": [f"{name} must be formatted as YYYY-MM-DDThh"]}) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _route(path: str, answer: Any) -> RawRoute:
    return RawRoute("GET", path, answer, "60;w=60")


ROUTES = (
    _route(HISTORICAL, _cost(HISTORICAL)),
    _route(ESTIMATED, _cost(ESTIMATED)),
    _route("/api/v2/usage/projected_cost", _projected),
    _route("/api/v2/usage/hourly_usage", _hourly),
    _route("/api/v1/usage/summary", _summary),
    _route("/api/v1/usage/hosts", _hosts),
    _route("/api/v1/usage/hourly-attribution", _attribution),
)
