"""What a type checker sees of the public face. Checked by mypy and pyright (`make lint`), never run."""

from __future__ import annotations

from datetime import UTC, date, datetime
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


def refused(client: tu.Client) -> None:
    client.load_usage("cursor", backend="dask")  # type: ignore[call-overload]
    client.load_usage("cursor", report_type="costs")  # type: ignore[arg-type]
    client.fetch_usage("cursor", on_error="ignore")  # type: ignore[arg-type]
