"""What each platform takes in, by the rules that it documents; no live import was tried.

The receivers' rules are written here a second time, as checks of a file, so that neither hides the other's mistake.
"""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.frames_for_tests import charged, frame_of
from tests.test_focus import confluent, datadog, event
from truto_usage_nb.errors import InputError, UsageWarning
from truto_usage_nb.focus import export_focus, receivers, to_focus

D = Decimal
NOW = datetime(2026, 11, 5, tzinfo=UTC)
KINDS_OF_VANTAGE = {"Credit", "Discount", "Fee", "Refund", "Tax", "Usage"}


def bought(amount: float, start: str, end: str, **more: Any) -> pl.DataFrame:
    table = {"integrated_account_id": ["confluent-1"], "amount": [amount], "currency": ["USD"], "start_date": [start],
             "end_date": [end]}  # fmt: skip
    return pl.DataFrame(table | {name: [value] for name, value in more.items()})


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Usage, a refund, tax, a credit, a purchase that covers usage and one that covers none, an event, two accounts."""
    records = [
        confluent(0, 5.0, "GB", day=5) | {"charges": charged(total=10.0, tax=2.0, credit=-1.0)},
        confluent(-3.0, 3.0, "GB", day=6),
        datadog(7.0) | {"product": {"id": "apm", "name": 'APM "hosts",\nall'}},
        event("10:00:00", {"output": 10}, total=0.5),
    ]
    frame = frame_of(records).with_columns(team=pl.Series(["data", None, "data", "web"]))
    purchases = pl.concat([
        bought(4.0, "2026-10-01", "2026-11-01", covers_usage=True),
        bought(90.0, "2026-10-07", "2026-10-08", covers_usage=False),
    ])  # fmt: skip
    return to_focus(frame, purchases=purchases, tags=["team"])


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def total(rows: pl.DataFrame, column: str = "BilledCost") -> Decimal:
    return rows[column].sum()


# Vantage --------------------------------------------------------------------------------------------------------------


def vantage_takes(path: Path) -> list[dict[str, str]]:
    assert path.stat().st_size <= 2_000_000
    lines = read(path)
    assert len(lines) <= 10_000
    for line in lines:
        assert line["ChargeCategory"] in KINDS_OF_VANTAGE
        date.fromisoformat(line["ChargePeriodStart"])
        assert line["ServiceName"]
        Decimal(line["BilledCost"])
        assert all(isinstance(value, str) for value in json.loads(line["Tags"]).values())
    return lines


def test_vantage_takes_files_of_ten_thousand_rows_and_two_megabytes(rows, tmp_path):
    (path,) = export_focus(rows, "vantage", tmp_path)
    assert path.name == "vantage_2026-10_USD_001.csv"
    lines = vantage_takes(path)
    assert sum(Decimal(line["BilledCost"]) for line in lines) == total(rows)
    kinds = [(line["ChargeCategory"], Decimal(line["BilledCost"])) for line in lines]
    # The 10 of usage: 4 of it were paid before.
    assert sorted(kinds) == sorted([
        ("Usage", D(0)), ("Usage", D(6)), ("Refund", D(-3)), ("Usage", D(7)), ("Usage", D("0.5")), ("Tax", D(2)),
        ("Credit", D(-1)), ("Fee", D(4)), ("Fee", D(90)),
    ])  # fmt: skip
    assert {name for line in lines for name in line if name.startswith("x_")} == set()
    used = next(line for line in lines if line["BilledCost"] == "6.0")
    assert json.loads(used["Tags"]) == {"account": "confluent-1", "integration": "confluent", "team": "data"}
    assert (used["ChargePeriodStart"], used["ChargePeriodEnd"]) == ("2026-10-05", "2026-10-05")  # the last day is in


def test_what_is_more_goes_into_more_files_and_what_is_left_over_goes(rows, tmp_path):
    many = pl.concat([rows] * 2500)
    paths = export_focus(many, "vantage", tmp_path)
    assert len(paths) > 2
    lines = [line for path in paths for line in vantage_takes(path)]
    assert len(lines) == many.height
    assert sum(Decimal(line["BilledCost"]) for line in lines) == total(rows) * 2500
    before = {path: path.stat().st_mtime_ns for path in paths}
    assert export_focus(many, "vantage", tmp_path) == paths
    assert {path: path.stat().st_mtime_ns for path in paths} == before
    assert export_focus(rows, "vantage", tmp_path) == paths[:1]
    assert sorted(tmp_path.iterdir()) == paths[:1]


def test_each_currency_has_files_of_its_own_and_a_row_too_long_is_refused(rows, tmp_path, monkeypatch):
    euros = rows.with_columns(BillingCurrency=pl.lit("EUR"))
    names = [path.name for path in export_focus(pl.concat([rows, euros]), "vantage", tmp_path)]
    assert names == ["vantage_2026-10_USD_001.csv", "vantage_2026-10_EUR_001.csv"]
    monkeypatch.setattr(receivers, "VANTAGE_BYTES", 600)
    with pytest.raises(InputError, match=r"Vantage takes files of at most 600 bytes, and one row has [\d,]+: shorten"):
        export_focus(rows.with_columns(ChargeDescription=pl.lit("x" * 900)), "vantage", tmp_path)


# Datadog --------------------------------------------------------------------------------------------------------------

OF_DATADOG = ["ProviderName", "ChargeDescription", "ChargePeriodStart", "ChargePeriodEnd", "BilledCost",
              "BillingCurrency"]  # fmt: skip


def datadog_takes(path: Path) -> list[dict[str, str]]:
    lines = read(path)
    for line in lines:
        assert list(line)[:6] == OF_DATADOG
        assert all(line.values())  # no blank
        assert max(map(len, [*line, *line.values()])) <= 1000
        start, end = (date.fromisoformat(line[f"ChargePeriod{side}"]) for side in ("Start", "End"))
        assert start <= end <= NOW.date()
        assert Decimal(line["BilledCost"]).is_finite()
        assert line["BillingCurrency"] == "USD"
    return lines


def test_datadog_takes_dollars_days_and_no_empty_cell(rows, tmp_path):
    paths = receivers.hand_over(rows, "datadog", tmp_path, NOW)
    assert len(paths) > 1  # a file a set of tags
    lines = [line for path in paths for line in datadog_takes(path)]
    assert sum(Decimal(line["BilledCost"]) for line in lines) == total(rows)
    apm = next(line for line in lines if line["ProviderName"] == "Datadog")
    assert (apm["ChargePeriodStart"], apm["ChargePeriodEnd"], apm["team"]) == ("2026-10-01", "2026-10-31", "data")
    assert any("team" not in line for line in lines)


def test_what_datadog_does_not_take_is_refused_with_the_reason(rows, tmp_path):
    with pytest.raises(InputError, match="takes US dollars alone, and these rows are billed in EUR too"):
        export_focus(rows.with_columns(BillingCurrency=pl.lit("EUR")), "datadog", tmp_path)
    with pytest.raises(InputError, match=r"takes no day to come, and \d+ charges begin on 2026-10-01 or later"):
        receivers.hand_over(rows, "datadog", tmp_path, datetime(2026, 9, 30, tzinfo=UTC))
    with pytest.raises(InputError, match="at most 1,000 characters, and ChargeDescription has 1,001 characters"):
        receivers.hand_over(rows.with_columns(ChargeDescription=pl.lit("x" * 1001)), "datadog", tmp_path, NOW)
    tagged = rows.with_columns(Tags=pl.lit('{"BilledCost":"x"}'))
    with pytest.raises(InputError, match="a tag is named BilledCost"):
        receivers.hand_over(tagged, "datadog", tmp_path, NOW)
    assert not list(tmp_path.iterdir())
    year = to_focus(frame_of([confluent(1.0, 1.0, "GB")]), purchases=bought(12.0, "2026-10-01", "2027-10-01"))
    with pytest.warns(UsageWarning, match="1 charges that reach past 2026-11-05 end there"):
        paths = receivers.hand_over(year, "datadog", tmp_path, NOW)
    assert [line["ChargePeriodEnd"] for path in paths for line in datadog_takes(path)] == ["2026-10-05", "2026-11-04"]


# CloudZero ------------------------------------------------------------------------------------------------------------

LINE_ITEMS = {"Usage", "Tax", "Support", "Purchase", "CommittedUsePurchase", "CommittedUseVacancy",
              "CommittedUseRecurringFee", "Discount"}  # fmt: skip


def cloudzero_takes(path: Path) -> dict[str, Any]:
    assert path.stat().st_size <= 5 * 2**20
    body = json.loads(path.read_text(encoding="utf-8"))
    assert set(body) == {"month", "operation", "data"}
    for line in body["data"]:
        assert {"time/usage_start", "cost/cost"} <= set(line)
        assert line["lineitem/type"] in LINE_ITEMS
        start = datetime.fromisoformat(line["time/usage_start"])
        assert (start.minute, start.second) == (0, 0)
        if any(name.startswith("resource/tag:") for name in line):
            assert line["resource/id"]
        if line["lineitem/type"] == "CommittedUsePurchase":
            assert Decimal(line["cost/amortized_cost"]) == 0
        if line["lineitem/type"] == "Discount":
            assert Decimal(line["cost/cost"]) <= 0
    return body


def test_cloudzero_takes_a_month_that_drops_what_was_there(rows, tmp_path, monkeypatch):
    (path,) = export_focus(rows, "cloudzero", tmp_path)
    body = cloudzero_takes(path)
    assert (path.name, body["month"], body["operation"]) == (
        "cloudzero_2026-10_USD_001.json",
        "2026-10",
        "replace_drop",
    )
    data = body["data"]
    assert len(data) == rows.height
    for name, column in (("cost/cost", "BilledCost"), ("cost/amortized_cost", "EffectiveCost"),
                         ("cost/on_demand_cost", "ListCost")):  # fmt: skip
        assert sum(Decimal(line[name]) for line in data) == total(rows, column)
    # CBF: the totals of cost and amortized cost are the same.
    assert total(rows) == total(rows, "EffectiveCost")
    assert [line["lineitem/type"] for line in data].count("CommittedUsePurchase") == 1
    assert {line["lineitem/cloud_provider"] for line in data} == {"Confluent", "Datadog", "Cursor"}
    assert data[0]["resource/tag:team"] == "data"
    monkeypatch.setattr(receivers, "CLOUDZERO_BYTES", 2_000)
    paths = export_focus(rows, "cloudzero", tmp_path)
    bodies = [cloudzero_takes(each) for each in paths]
    assert [each["operation"] for each in bodies] == ["replace_drop", *["sum"] * (len(bodies) - 1)]
    assert sum(len(each["data"]) for each in bodies) == rows.height
    assert len(bodies) > 2


# FinOps hubs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.4", "1.2"])
def test_a_hub_takes_parquet_a_scope_and_its_manifest_last(rows, version, tmp_path, monkeypatch):
    table = rows if version == "1.4" else to_focus(frame_of([confluent(1.0, 1.0, "GB")]), "1.2")
    order: list[str] = []
    real = receivers.write_file
    monkeypatch.setattr(receivers, "write_file", lambda path, compose: (order.append(path.name), real(path, compose)))
    paths = export_focus(table, "finops_hub", tmp_path)
    assert order[-1] == "manifest.json"
    scopes = {str(path.parent.relative_to(tmp_path)) for path in paths}
    expected = {"Costs/2026/10/confluent/confluent-1", "Costs/2026/10/cursor/cursor-1",
                "Costs/2026/10/datadog/datadog-1"}  # fmt: skip
    assert scopes == (expected if version == "1.4" else {"Costs/2026/10/confluent/confluent-1"})
    parts = [path for path in paths if path.suffix == ".parquet"]
    assert all("__" in path.name for path in parts)
    assert len({path.name.partition("__")[0] for path in parts}) == len(scopes)  # an ingestion a scope
    found = pl.concat(pl.read_parquet(path) for path in parts)
    assert {"ProviderName", "PublisherName"} <= set(found.columns)
    assert not {"ServiceProviderName", "HostProviderName", "InvoiceDetailId"} & set(found.columns)
    assert total(found) == total(table)
    order.clear()
    assert export_focus(table, "finops_hub", tmp_path) == paths
    assert not order
    changed = table.with_columns(ChargeDescription=pl.lit("other"))
    again = export_focus(changed, "finops_hub", tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(again)  # the old ingestion is gone


def test_rows_of_something_else_and_other_platforms_are_refused(rows, tmp_path):
    with pytest.raises(InputError, match=r"to='vantag' is not allowed.*Did you mean 'vantage'"):
        export_focus(rows, "vantag", tmp_path)
    with pytest.raises(InputError, match="these rows have no BilledCost"):
        export_focus(pl.DataFrame({"a": [1]}), "vantage", tmp_path)
