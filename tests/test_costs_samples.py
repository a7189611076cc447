"""The vendors' documented rows, from their raw shape through the mapping to what they cost; worked by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.frames_for_tests import frame_of
from truto_usage_nb.costs import with_costs
from truto_usage_nb.sandbox.ask import Ask, Raw, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors import VENDORS
from truto_usage_nb.vendors.claude.mapping import open_envelope
from truto_usage_nb.vendors.cursor.mapping import event_record, spend_record
from truto_usage_nb.vendors.openai_codex.mapping import api_cost_record

FIXTURES = Path(__file__).parent / "sandbox" / "fixtures"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
Record = dict[str, Any]


def sample(vendor: str, name: str) -> Any:
    return json.loads((FIXTURES / vendor / f"{name}.json").read_text())


def ask(account_id: str) -> Ask:
    return Ask(World(7, NOW), next(account for account in ACCOUNTS if account.id == account_id))


def claude(name: str, endpoint: str) -> list[Record]:
    rows = [Raw(row, endpoint, told) for row, told in open_envelope(sample("claude", name))]
    return [record for raw in rows for record in VENDORS["claude"].unify(raw, ask("claude-enterprise"))]


def confluent() -> list[Record]:
    rows = sample("confluent", "F1")["data"]
    unify = VENDORS["confluent"].unify
    return [record for row in rows for record in unify(Raw(row, "/billing/v1/costs", {}), ask("confluent"))]


def datadog() -> list[Record]:
    row = Raw(sample("datadog", "D2")["data"][0], "/api/v2/usage/historical_cost", {})
    return list(VENDORS["datadog"].unify(row, ask("datadog")))


def cursor_events() -> list[Record]:
    return [event_record(event) for event in sample("cursor", "C3")["usageEvents"]]


def cursor_spend() -> list[Record]:
    page = sample("cursor", "C2")
    return [spend_record(row, page["subscriptionCycleStart"], NOW) for row in page["teamMemberSpend"]]


def openai_costs() -> list[Record]:
    bucket = sample("openai_codex", "O2")["data"][0]
    times = {name: bucket[name] for name in ("start_time", "end_time")}
    return [api_cost_record(row, times) for row in bucket["results"]]


def costs(integration: str, report_type: str | None, records: list[Record]) -> list[Record]:
    provenance = {"integration": integration, "report_type": report_type, "integrated_account_id": "a"}
    loaded = [record | provenance | {"charges": _numbers(record["charges"])} for record in records]
    rows = with_costs(frame_of(loaded)).iter_rows(named=True)
    names = ("cost_billed", "cost_list", "cost_credit", "cost_vendor_estimate", "cost_flag")
    return [{name.removeprefix("cost_"): row[name] for name in names} for row in rows]


def _numbers(charges: list[Record]) -> list[Record]:
    return [charge | {"amount": float(charge["amount"])} for charge in charges]


def row(billed: float | None, listed: float | None, flag: str | None, **other: float) -> Record:
    nothing = None if billed is None else 0.0
    stated = {"billed": billed, "list": listed, "credit": nothing, "vendor_estimate": None} | other
    return {k: v if v is None else pytest.approx(v, abs=1e-9) for k, v in stated.items()} | {"flag": flag}


def test_cursors_events():
    assert costs("cursor", None, cursor_events()) == [
        row(0.2136232, 0.2136232, "list_assumed"),  # 0.2018232 + 0.0118
        row(0.3733, 0.413467, None),  # 0.40167 x 0.9 + 0.0118, rounded by the vendor; list is the charge and 0.040167
        row(0.0, 0.08, None),  # not chargeable: what it would have been worth
    ]


def test_cursors_spend():
    # 18.75500123 on demand; overall 32.00750456, so the plan covers 13.25250333
    assert costs("cursor", None, cursor_spend()) == [row(18.75500123, 32.00750456, "running_total")]


def test_claudes_analytics_cost():
    assert costs("claude", "cost", claude("A5", "analytics/cost")) == [row(2.1925, 2.58, None)]  # cents


def test_claudes_legacy_cost_report():
    assert costs("claude", "cost", claude("A2", "cost_report"))[0] == row(1.2378912, 1.2378912, "list_assumed")


def test_claude_code_is_an_estimate():
    records = claude("A3", "usage_report/claude_code")
    assert costs("claude", "activity", records) == [row(None, None, "estimate", vendor_estimate=1.86)]


def test_a_skill_is_an_estimate():
    # $12.504375 of use beyond the plan; its list value, 88.219, is nobody's bill
    (found,) = costs("claude", "skill_usage", claude("A8", "analytics/skills"))
    assert (found["billed"], found["vendor_estimate"], found["flag"]) == (None, pytest.approx(12.504375), "estimate")


def test_confluents_costs_and_promotion():
    assert costs("confluent", "cost", confluent()) == [
        row(6.1344, 6.1344, None),
        row(17.204, 18.7, None),  # 18.7 - 1.496
        row(0.0, 0.0, None, credit=-50.0),  # payable -50, and no negative use
    ]


def test_datadogs_total_is_its_parts():
    assert costs("datadog", "cost", datadog()) == [row(2600.0, 2600.0, "list_assumed")]  # 2500 + 100


def test_openais_costs():
    assert costs("openai_codex", "cost", openai_costs()) == [row(0.06, 0.06, "list_assumed")]
