"""Datadog's usage metering: what months cost, what was used by the hour, what months sum up.

Two keys in headers of their own; the host follows the site. Costs are whole months, and of the parent organisation
alone: `historical_cost` once a month is final, `estimated_cost` before. `remote_query={"endpoint": …}` asks another
endpoint by its name: `projected_cost`, `hourly-attribution`, or one of the older ones such as `hosts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from truto_usage_nb.direct.engine import Access, ByToken, DirectVendor, Endpoint, KeyField, VendorRow, not_served
from truto_usage_nb.direct.question import DirectQuestion, day_of
from truto_usage_nb.errors import InvalidRequestError, did_you_mean
from truto_usage_nb.vendors.datadog.mapping import (
    DATADOG_PRODUCTS,
    attribution_record,
    cost_records,
    hourly_records,
    projected_records,
    summary_records,
    v1_records,
)

_V1, _V2 = "/api/v1/usage/", "/api/v2/usage/"
_RFC3339 = {"Accept": "application/json;datetime-format=rfc3339"}  # without it hours come in a form of their own
_FINAL_ON = 16  # the day of the month after on which a month's figures are final
_HOURS = 500
_MONTH_TEXT = len("2026-10")
_SITES = (
    "datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "datadoghq.eu", "ap1.datadoghq.com", "ap2.datadoghq.com",
    "ddog-gov.com",
)  # fmt: skip
_OLDER = (
    "hosts", "logs", "timeseries", "indexed-spans", "aws_lambda", "fargate", "rum", "rum_sessions", "synthetics_api",
    "synthetics_browser", "network_hosts", "network_flows", "profiling", "dbm", "cws", "cspm", "snmp", "iot", "sds",
    "ci-app", "audit_logs", "online-archive", "incident-management", "analyzed_logs", "ingested-spans",
    "logs-by-retention",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Months:
    """Hold the first and the last month asked for, each by its first day; both are covered."""

    first: date
    last: date

    @classmethod
    def of(cls, question: DirectQuestion) -> _Months:
        """Read the dates, which have the resolution of a month: an end on the first ends the month before."""
        first = _first(question.now.date()) if question.start_date is None else _first(_day(question.start_date))
        if question.end_date is None:
            return cls(first, first)
        end = _day(question.end_date)
        whole = len(question.end_date) == _MONTH_TEXT or end == first
        return cls(first, max(first, _first(end if whole else end - timedelta(days=1))))

    def parted(self, now: datetime) -> tuple[_Months | None, _Months | None]:
        """Part them into months that are final and months that are not."""
        newest = _before(_first(now.date()) if now.day >= _FINAL_ON else _before(_first(now.date())))
        final = _Months(self.first, min(self.last, newest)) if self.first <= newest else None
        open_ = _Months(max(self.first, _after(newest)), self.last) if self.last > newest else None
        return final, open_

    def params(self) -> dict[str, str]:
        """Give them in the vendor's words."""
        return {"start_month": f"{self.first:%Y-%m}", "end_month": f"{self.last:%Y-%m}"}


def _day(text: str) -> date:
    return date.fromisoformat(f"{text}-01") if len(text) == _MONTH_TEXT else day_of(text)


def _first(day: date) -> date:
    return day.replace(day=1)


def _before(first: date) -> date:
    return _first(first - timedelta(days=1))


def _after(first: date) -> date:
    return _first(first + timedelta(days=31))


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _data(body: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows; a month without figures yet has none."""
    yield from body["data"]


def _cost(path: str, months: _Months | None, *, open_: bool) -> Endpoint:
    """Describe a cost endpoint; a figure that is not final is as new as the question."""
    asked = {"view": "sub-org", **({} if months is None else months.params())}
    records_of = projected_records if path == "projected_cost" else cost_records

    def read(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:
        computed_at = _stamp(question.now) if open_ else None
        yield from (VendorRow(row, records_of(row, computed_at=computed_at)) for row in _data(body))

    return Endpoint(_V2 + path, lambda _: asked, read, headers=_RFC3339)


def _hours(question: DirectQuestion) -> dict[str, str]:
    """Give the hours of the days asked for, the end excluded; without any they are this month's so far."""
    now = question.now.date()
    start = _first(now) if question.start_date is None else _day(question.start_date)
    end = _after(_first(start)) if question.end_date is None else _day(question.end_date)
    latest = question.now.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    until = min(datetime.combine(max(end, start), time(), UTC), latest)
    return {"start": f"{start}T00", "end": until.strftime("%Y-%m-%dT%H")}


def _hourly_ask(question: DirectQuestion) -> dict[str, Any]:
    return {"filter": {"timestamp": _hours(question), "product_families": "all"}}


def _hourly(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001
    yield from (VendorRow(row, hourly_records(row)) for row in _data(body))


_HOURLY = Endpoint(
    path=_V2 + "hourly_usage",
    ask=_hourly_ask,
    read=_hourly,
    paging=ByToken(("meta", "pagination", "next_record_id"), "page[next_record_id]", size="page[limit]"),
    page_size=_HOURS,
    most=_HOURS,
    headers=_RFC3339,
)


def _v1_ask(question: DirectQuestion) -> dict[str, str]:
    hours = _hours(question)
    return {"start_hr": hours["start"], "end_hr": hours["end"]}


def _summary(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001
    yield VendorRow(body, summary_records(body))


def _summary_of(question: DirectQuestion) -> Endpoint:
    asked = {**_Months.of(question).params(), "include_org_details": "true"}
    return Endpoint(_V1 + "summary", lambda _: asked, _summary, headers=_RFC3339)


def _attribution(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001
    yield from (VendorRow(row, [attribution_record(row)]) for row in body["usage"])


def _attribution_of(question: DirectQuestion) -> Endpoint:
    if "usage_type" not in question.remote_query:
        raise InvalidRequestError(
            f"account {question.integrated_account_id!r}: Datadog attributes one type of usage at a time; name it: "
            "remote_query={'usage_type': 'infra_host_usage'}, and tags by 'tag_breakdown_keys'",
            status=422,
            is_remote=True,
        )
    paging = ByToken(("metadata", "pagination", "next_record_id"), "next_record_id")
    return Endpoint(_V1 + "hourly-attribution", _v1_ask, _attribution, paging, headers=_RFC3339)


def _older(family: str) -> Endpoint:
    def read(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001
        yield from (VendorRow(row, v1_records(row, family)) for row in body["usage"])

    return Endpoint(_V1 + family, _v1_ask, read, headers=_RFC3339)


def _named(question: DirectQuestion, name: str) -> Endpoint:
    """Give the endpoint of a name."""
    months = _Months.of(question)
    by_name: dict[str, Callable[[], Endpoint]] = {
        "historical_cost": partial(_cost, "historical_cost", months, open_=False),
        "estimated_cost": partial(_cost, "estimated_cost", months, open_=True),
        "projected_cost": partial(_cost, "projected_cost", None, open_=True),
        "hourly_usage": lambda: _HOURLY,
        "summary": partial(_summary_of, question),
        "hourly-attribution": partial(_attribution_of, question),
        **{family: partial(_older, family) for family in _OLDER},
    }
    if name not in by_name:
        raise InvalidRequestError(
            f"account {question.integrated_account_id!r}: Datadog has no endpoint {name!r} here."
            f"{did_you_mean(name, by_name)} Known: {', '.join(by_name)}",
            status=422,
            is_remote=True,
        )
    return by_name[name]()


def _plan(question: DirectQuestion) -> tuple[Endpoint, ...]:
    if question.endpoint is not None:
        return (_named(question, question.endpoint),)
    kind = question.report_type
    if kind in (None, "cost"):
        final, open_ = _Months.of(question).parted(question.now)
        historical = () if final is None else (_cost("historical_cost", final, open_=False),)
        return (*historical, *(() if open_ is None else (_cost("estimated_cost", open_, open_=True),)))
    if kind in ("usage", "summary", "project_usage"):
        names = {"usage": "hourly_usage", "summary": "summary", "project_usage": "hourly-attribution"}
        return (_named(question, names[kind]),)
    raise not_served("Datadog", question, ("cost", "usage", "summary", "project_usage"))


def _headers(keys: Mapping[str, str]) -> dict[str, str]:
    return {"DD-API-KEY": keys["api_key"], "DD-APPLICATION-KEY": keys["app_key"]}


VENDOR = DirectVendor(
    name="datadog",
    label="Datadog",
    hears=frozenset({"report_type"}),
    accesses=(
        Access(
            keys=(
                KeyField("api_key", "DD_API_KEY", "an API key of the parent organisation"),
                KeyField(
                    "app_key",
                    "DD_APP_KEY",
                    "an application key of someone there with the permissions usage_read and billing_read",
                ),
            ),
            host=lambda facts: f"api.{facts['site']}",
            headers=_headers,
            plan=_plan,
            products=lambda _: tuple((id_, *said) for id_, said in DATADOG_PRODUCTS.items()),
            facts={"site": "the Datadog site of the organisation"},
            fact_choices={"site": _SITES},
            fact_defaults={"site": "datadoghq.com"},
            fact_variables={"site": "DD_SITE"},
            names_endpoints=True,
            wrong_keys=(("non-parent", "these are the keys of an organisation below the parent, which has no costs"),),
        ),
    ),
)
