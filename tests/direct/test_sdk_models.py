"""What the sandbox's vendor servers answer is what the vendors' own SDKs expect: nothing unknown, nothing missing.

The SDKs are made by the vendors from their own descriptions; nobody here invented them. Anthropic's has no models of
`usage_report/messages`, `cost_report` and `claude_code`; of Cursor and Confluent there is none in Python.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from tests.vendors_for_tests import WORLD
from truto_usage_nb.sandbox.mount import SandboxTransport
from truto_usage_nb.sandbox.raw_server import create_raw_app, keys_of
from truto_usage_nb.vendors.claude.mapping import ClaudeCode, ClaudeCost, Messages
from truto_usage_nb.vendors.confluent import mapping as confluent
from truto_usage_nb.vendors.cursor import mapping as cursor
from truto_usage_nb.vendors.openai_codex.mapping import CodexUserDay

ANTHROPIC = "/v1/organizations/analytics/"
RANGE = [("starting_at", "2026-10-05T00:00:00Z"), ("ending_at", "2026-10-07T00:00:00Z")]
DAY = [("start_time", "1791158400"), ("end_time", "1791244800")]


def headers(vendor: str, way: str) -> dict[str, str]:
    keys = keys_of(vendor)[way]
    if vendor == "claude":
        beta = {"anthropic-version": "2023-06-01", "anthropic-beta": "analytics-usage-cost-2026-08-24"}
        return {"x-api-key": next(iter(keys.values())), **beta}
    if vendor == "datadog":
        return {"dd-api-key": keys["api_key"], "dd-application-key": keys["app_key"]}
    return {"authorization": f"Bearer {next(iter(keys.values()))}"}


def answer(vendor: str, way: str, path: str, params: list[tuple[str, str]]) -> Any:
    async def ask() -> Any:
        transport = SandboxTransport(create_raw_app(vendor, world=WORLD))
        async with httpx.AsyncClient(transport=transport, base_url="http://vendor.localhost") as line:
            found = await line.get(path, params=params, headers=headers(vendor, way))
            assert found.status_code == 200, found.text
            return found.json()

    return asyncio.run(ask())


def unknown(model: Any) -> Iterator[str]:
    """Name the fields that a pydantic model of an SDK does not know, at any depth."""
    if isinstance(model, list | tuple):
        for each in model:
            yield from unknown(each)
    elif hasattr(model, "model_extra"):
        yield from (f"{type(model).__name__}.{name}" for name in model.model_extra or {})
        for name in type(model).model_fields:
            yield from unknown(getattr(model, name))


def check(models: list[Any], rows: list[Any], *, but: frozenset[str] = frozenset()) -> None:
    assert rows
    for row in rows:
        found = [set(unknown(model.model_validate(row))) - but for model in models]
        assert set() in found, found


def anthropic(name: str) -> Any:
    import anthropic.types.beta.organization as general
    from anthropic.types.beta.organization import analytics

    return getattr(analytics, name, None) or getattr(general, name)


@pytest.mark.parametrize("way", ["claude-console", "claude-enterprise"])
@pytest.mark.parametrize(("path", "model"), [("usage", "BetaAnalyticsUsageItem"), ("cost", "BetaAnalyticsCostItem")])
@pytest.mark.parametrize("groups", [[], ["actor", "product", "model"], ["workspace_id", "api_key_id", "session_id"]])
def test_anthropics_newer_reports(way, path, model, groups):
    params = [*RANGE, ("time_bucket_width", "1d"), ("limit", "500"), *(("group_by[]", name) for name in groups)]
    check([anthropic(model)], answer("claude", way, ANTHROPIC + path, params)["data"])


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("users", "BetaAnalyticsUserActivity"),
        ("skills", "BetaAnalyticsSkillActivity"),
        ("connectors", "BetaAnalyticsConnectorActivity"),
        ("apps/chat/projects", "BetaAnalyticsProjectActivity"),
        ("summaries", "BetaAnalyticsSingleDayActivitySummary"),
    ],
)
def test_anthropics_engagement(path, model):
    body = answer("claude", "claude-enterprise", ANTHROPIC + path, [("date", "2026-10-05")])
    check([anthropic(model)], body.get("data", body.get("summaries")))


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("usage_report", "BetaAnalyticsUsageReportTimeBucket"),
        ("cost_report", "BetaAnalyticsCostReportTimeBucket"),
        ("user_usage_report", "BetaAnalyticsUsageUsersItem"),
        ("user_cost_report", "BetaAnalyticsCostUsersItem"),
    ],
)
def test_anthropics_older_enterprise_reports(path, model):
    params = [*RANGE, ("bucket_width", "1d"), ("group_by[]", "model")]
    body = answer("claude", "claude-enterprise", ANTHROPIC + path, params)
    # The address is `email` in what was recorded, and `email_address` in the SDK: the one known difference.
    check([anthropic(model)], body["data"], but=frozenset({"BetaAnalyticsUserActor.email"}))


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("completions", "UsageCompletionsResponse"),
        ("embeddings", "UsageEmbeddingsResponse"),
        ("images", "UsageImagesResponse"),
        ("web_search_calls", "UsageWebSearchCallsResponse"),
        ("code_interpreter_sessions", "UsageCodeInterpreterSessionsResponse"),
    ],
)
def test_openais_usage(kind, model):
    import openai.types.admin.organization as models

    body = answer("openai_codex", "openai-api", f"/v1/organization/usage/{kind}", DAY)
    assert body["data"][0]["results"]
    check([getattr(models, model)], [body])


def test_openais_costs():
    import openai.types.admin.organization as models

    params = [*DAY, ("group_by[]", "line_item"), ("group_by[]", "project_id")]
    check([models.UsageCostsResponse], [answer("openai_codex", "openai-api", "/v1/organization/costs", params)])


def datadog_unknown(model: Any) -> Iterator[str]:
    """Name the fields that a model of Datadog's does not know, at any depth."""
    if isinstance(model, list):
        for each in model:
            yield from datadog_unknown(each)
    elif hasattr(model, "_data_store"):
        assert not getattr(model, "_unparsed", False), model
        if "value" in model._data_store and "value" not in type(model).attribute_map:
            return  # a word of an enumeration
        known = type(model).attribute_map
        yield from (f"{type(model).__name__}.{name}" for name in model._data_store if name not in known)
        for value in model._data_store.values():
            yield from datadog_unknown(value)


MONTH = [("start_month", "2026-10"), ("end_month", "2026-10"), ("view", "sub-org")]
BEYOND_THE_MODELS = {
    "ChargebackBreakdown.last_aggregation_function",  # in the documentation's own sample
    "UsageHostHour.region",  # in the recording of the SDK's own tests
    "UsageAttributionTagNames.team",  # an open map of tags
}
HOURS = [("start_hr", "2026-10-05T00"), ("end_hr", "2026-10-05T05")]


@pytest.mark.parametrize(
    ("path", "params", "version", "model"),
    [
        ("/api/v2/usage/historical_cost", MONTH, 2, "CostByOrgResponse"),
        ("/api/v2/usage/projected_cost", [("view", "sub-org")], 2, "ProjectedCostResponse"),
        (
            "/api/v2/usage/hourly_usage",
            [
                ("filter[timestamp][start]", "2026-10-05T00"),
                ("filter[timestamp][end]", "2026-10-05T05"),
                ("filter[product_families]", "all"),
            ],
            2,
            "HourlyUsageResponse",
        ),
        ("/api/v1/usage/summary", MONTH[:2], 1, "UsageSummaryResponse"),
        ("/api/v1/usage/hosts", HOURS, 1, "UsageHostsResponse"),
        (
            "/api/v1/usage/hourly-attribution",
            [*HOURS, ("usage_type", "infra_host_usage")],
            1,
            "HourlyUsageAttributionResponse",
        ),
    ],
)
def test_datadogs(path, params, version, model):
    import datadog_api_client.v1.models as first
    import datadog_api_client.v2.models as second
    from datadog_api_client import Configuration
    from datadog_api_client.model_utils import validate_and_convert_types

    kind = getattr({1: first, 2: second}[version], model)
    body = answer("datadog", "datadog", path, params)
    read = validate_and_convert_types(body, (kind,), ["answer"], True, True, Configuration())
    assert set(datadog_unknown(read)) <= BEYOND_THE_MODELS


NOVEMBER = {"startDate": 1791158400000, "endDate": 1791244799999, "page": 1, "pageSize": 1000}


def cursors(path: str, field: str) -> list[Any]:
    """Give the rows of an answer of Cursor's, which are asked for by POST but for members."""
    from base64 import b64encode

    async def ask() -> Any:
        transport = SandboxTransport(create_raw_app("cursor", world=WORLD))
        key = b64encode(f"{keys_of('cursor')['cursor']['api_key']}:".encode()).decode()
        async with httpx.AsyncClient(transport=transport, base_url="http://vendor.localhost") as line:
            sent = {"headers": {"authorization": f"Basic {key}"}}
            answered = line.get(path, **sent) if path == "/teams/members" else line.post(path, json=NOVEMBER, **sent)
            return (await answered).json()[field]

    return list(asyncio.run(ask()))


def confluents() -> list[Any]:
    from tests.vendors_for_tests import in_process

    frame = in_process("confluent").fetch_usage(
        "confluent", start_date="2026-10-01", end_date="2026-10-07", truto_response_format="debug"
    )
    return list(frame.debug[0]["data"])


def console(path: str, *more: tuple[str, str]) -> list[Any]:
    body = answer("claude", "claude-console", f"/v1/organizations/{path}", [*RANGE, *more])
    return [row for bucket in body["data"] for row in bucket["results"]]


OWN = {
    "a Cursor event": (cursor.CursorEvent, lambda: cursors("/teams/filtered-usage-events", "usageEvents")),
    "a Cursor day": (cursor.CursorDay, lambda: cursors("/teams/daily-usage-data", "data")),
    "a Cursor spend": (cursor.Spend, lambda: cursors("/teams/spend", "teamMemberSpend")),
    "a Cursor member": (cursor.CursorMember, lambda: cursors("/teams/members", "teamMembers")),
    "a Confluent cost": (confluent.ConfluentCost, confluents),
    "Claude's messages": (Messages, lambda: console("usage_report/messages", ("group_by[]", "model"))),
    "a Claude cost": (ClaudeCost, lambda: console("cost_report", ("group_by[]", "description"))),
    "Claude Code": (
        ClaudeCode,
        lambda: answer(
            "claude", "claude-console", "/v1/organizations/usage_report/claude_code", [("starting_at", "2026-10-05")]
        )["data"],
    ),
    "a Codex day": (
        CodexUserDay,
        lambda: answer("openai_codex", "codex", "/v1/analytics/codex/workspaces/org-Tw4xCodexWorkspace01/usage", DAY)[
            "data"
        ],
    ),
}
"""Rows of which no SDK has a model, by our own types of them."""


@pytest.mark.parametrize("what", OWN)
def test_where_there_is_no_model_rows_are_of_our_own_types(what):
    kind, rows = OWN[what]
    found = rows()
    assert found
    read = TypeAdapter(kind)
    for row in found:
        assert read.validate_python(row) == row  # which leaves out what the type does not name


@pytest.mark.parametrize(
    ("kind", "sample"),
    [
        (cursor.CursorEvent, ("cursor", "C3", "usageEvents")),
        (cursor.CursorDay, ("cursor", "C1", "data")),
        (cursor.CursorMember, ("cursor", "C4", "teamMembers")),
        (cursor.Spend, ("cursor", "C2", "teamMemberSpend")),
        (confluent.ConfluentCost, ("confluent", "F1", "data")),
        (ClaudeCode, ("claude", "A3", "data")),
        (CodexUserDay, ("openai_codex", "O4", "data")),
    ],
)
def test_the_documented_samples_are_of_the_same_types(kind, sample):
    vendor, name, field = sample
    path = Path(__file__).parents[1] / "sandbox" / "fixtures" / vendor / f"{name}.json"
    for row in json.loads(path.read_text(encoding="utf-8"))[field]:
        assert TypeAdapter(kind).validate_python(row) == row


def test_the_check_notices_what_is_unknown_and_what_is_missing():
    item = anthropic("BetaAnalyticsUsageItem")
    params = [*RANGE, ("limit", "1")]
    (row,) = answer("claude", "claude-console", ANTHROPIC + "usage", params)["data"]
    check([item], [row])
    assert list(unknown(item.model_validate({**row, "invented": 1}))) == ["BetaAnalyticsUsageItem.invented"]
    odd = {"timestamp": "0", "invented": 1}
    assert TypeAdapter(cursor.CursorEvent).validate_python(odd) != odd
    with pytest.raises(ValueError, match="usage"):
        item.model_validate({name: value for name, value in row.items() if name != "usage"})
