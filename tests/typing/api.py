"""What a type checker sees of the public face. Checked by mypy and pyright (`make lint`), never run."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, assert_type

import pandas as pd
import polars as pl

import truto_usage_nb as tu


def waited(client: tu.Client) -> None:
    assert_type(tu.load_usage("cursor", period="2026-10"), pl.DataFrame)
    assert_type(tu.load_usage("cursor", period="2026-10", backend="pandas", client=client), pd.DataFrame)
    assert_type(client.load_usage(["cursor", "claude"], period=(date(2026, 10, 1), datetime.now(UTC))), pl.DataFrame)
    assert_type(client.load_usage({"Ours": "claude"}, report_type=["usage", "cost"], backend="pandas"), pd.DataFrame)
    assert_type(client.fetch_usage(tu.UsageQuery(integrated_account_id="datadog"), on_error="warn"), tu.UsageResult)
    assert_type(client.fetch_usage("datadog").polars, pl.DataFrame)
    assert_type(client.scan_usage("cursor", "usage", period="2026", overhang="drop"), pl.LazyFrame)
    assert_type(client.list_accounts(), pl.DataFrame)


async def awaited(client: tu.Client) -> None:
    assert_type(await tu.aload_usage("cursor", start_date="2026-10-01", group_by=["model"]), pl.DataFrame)
    assert_type(await client.aload_usage("cursor", backend="pandas", progress=print), pd.DataFrame)
    assert_type(await client.afetch_usage("claude", period=tu.Period.parse("2026-10"), users=True), tu.UsageResult)


def chosen(usage: pl.DataFrame) -> None:
    choices: tu.Choices = {"overlap": "allow", "contract": {"confluent": "prepaid"}}
    tu.cost_per(usage, "model_id", **choices)
    tu.plots.cost_bars(usage, "model_id", **choices)
    tu.cost_per(usage, "model_id", overlap="ignore")  # type: ignore[arg-type]
    tu.cost_per(usage, "model_id", overlaps="allow")  # type: ignore[call-arg]


def named(usage: pl.DataFrame) -> None:
    assert_type(tu.columns.model_id, Literal["model_id"])
    assert_type(usage.select(pl.col(tu.columns.model_id), tu.columns.charges_total), pl.DataFrame)
    tu.cost_per(usage, [tu.columns.integration, tu.columns.model_id]).filter(pl.col(tu.columns.cost) > 0)
    pl.col(tu.columns.modle_id)  # type: ignore[attr-defined]


def asked(usage: pl.DataFrame, result: tu.UsageResult, table: pl.DataFrame) -> None:
    tu.what_if(usage, {"claude-opus-5": "claude-sonnet-5"}, prices={"gpt-5": {"input": 1.0}}, batch=0.3, cache_hit=0.8)
    tu.cache_advice(usage, ["resources_workspace_id", "model_id"], overlap="allow")
    tu.commitments(result, "commitments.csv", every="1d", decimal=",")
    tu.commitment_curve(usage, table)
    tu.forecast_costs(result, "integration", horizon="quarter", now=date(2026, 11, 16))
    tu.forecast_costs(usage, allocated=table, horizon="month")
    tu.outcomes(usage, table, "kind")
    tu.forecast_costs(usage, horizon="year")  # type: ignore[arg-type]
    tu.commitments(usage, table, decimal=";")  # type: ignore[arg-type]
    tu.commitments(usage, table, every="1w")  # type: ignore[arg-type]


def paid(usage: pl.DataFrame, table: pl.DataFrame) -> None:
    prices = {"cursor": (40.0, "USD")}
    made = tu.allocate(
        usage, "rules.yml", seats=table, seat_prices=prices, commitments=table, every="1mo", explain=True
    )
    tu.check_allocation(usage, {"version": 1, "rules": []}, commitments=table)
    tu.suggest_rules(usage, [{"to": "web", "match": "all"}])
    tu.allocation_change(made, made)
    assert_type(tu.write_chargeback(made, "october.xlsx", period="2026-10"), Path)
    tu.allocate(usage, "rules.yml", commitment=table)  # type: ignore[call-arg]


def drawn(table: pl.DataFrame) -> None:
    tu.plots.commitments(table, "rum")
    tu.plots.commitment_curve(table)
    tu.plots.what_if(table, top=5, currency="USD")
    tu.plots.cache_advice(table)
    tu.plots.forecast_costs(table)
    tu.plots.outcomes(table)
    tu.plots.allocation(table, budgets={"web": 9_000.0})
    tu.plots.commitments(table, colour="red")  # type: ignore[call-arg]


def refused(client: tu.Client) -> None:
    client.load_usage("cursor", backend="dask")  # type: ignore[call-overload]
    client.load_usage("cursor", report_type="costs")  # type: ignore[arg-type]
    client.fetch_usage("cursor", on_error="ignore")  # type: ignore[arg-type]
