"""The check of a FOCUS table, cell by cell: each rule has a row that breaks it, and one that does not."""

from __future__ import annotations

import inspect
import re
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from focus_data_toolkit.model.validator import lint_focus_1_4_structure
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from tests.test_focus import confluent, event
from tests.test_focus_sandbox import read
from truto_usage_nb.costs import with_costs
from truto_usage_nb.errors import FrameError, InputError, UsageWarning
from truto_usage_nb.focus import check_focus, focus_billing_periods, to_focus, write_focus
from truto_usage_nb.focus.amounts import focus_unit, is_focus_unit
from truto_usage_nb.focus.columns import CUSTOM

START, AFTER = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def good() -> pl.DataFrame:
    """A usage row of tokens, one of gigabytes, a tax and a credit."""
    charges = charged(total=10.0, tax=2.0, credit=-1.0)
    usage = [event("10:00:00", {"output": 10}, total=0.5), confluent(0, 5.0, "GB") | {"charges": charges}]
    return to_focus(frame_of(usage))


def changed(good: pl.DataFrame, row: int, cells: dict[str, Any]) -> pl.DataFrame:
    here = pl.int_range(pl.len()) == row
    return good.with_columns(
        pl.when(here).then(pl.lit(value, dtype=good.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in cells.items()
    )


def broken(good: pl.DataFrame, row: int, version: str = "1.4", /, **cells: Any) -> list[tuple[int, str]]:
    """The cells that the check finds wrong, after some were set."""
    found = check_focus(changed(good, row, cells), version)
    return found.select("row", "column").unique(maintain_order=True).rows()


def test_a_good_table_has_no_violation(good):
    assert good["ChargeCategory"].to_list() == ["Usage", "Usage", "Tax", "Credit"]
    assert check_focus(good).height == 0


@pytest.mark.parametrize(
    ("cells", "columns"),
    [
        ({"ConsumedQuantity": None, "ConsumedUnit": None}, {"ConsumedQuantity", "ConsumedUnit"}),
        ({"SkuId": None, "SkuPriceId": None}, {"SkuId", "SkuPriceId"}),
        ({"ChargePeriodEnd": START}, {"ChargePeriodEnd"}),
        ({"BillingCurrency": "XXX"}, {"BillingCurrency"}),
        ({"ConsumedUnit": "CSU-hour"}, {"ConsumedUnit"}),
        ({"PricingUnit": "request_units"}, {"PricingUnit"}),
        ({"ChargePeriodStart": AFTER, "ChargePeriodEnd": AFTER + HOUR}, {"ChargePeriodStart", "ChargePeriodEnd"}),
        ({"ChargeDescription": None}, {"ChargeDescription"}),
    ],
)
def test_what_the_public_linter_passes_is_found_here(good, cells, columns, tmp_path):
    assert {name for _, name in broken(good, 1, **cells)} == columns
    # The day one of these stops passing there, the page on FOCUS has a sentence to change.
    path = write_focus(changed(good, 1, cells), tmp_path / "focus.csv")
    assert list(lint_focus_1_4_structure("Cost and Usage", read(path)).violations) == []


@pytest.mark.parametrize(
    ("row", "cells", "column"),
    [
        (0, {"ChargeCategory": "Tokens"}, "ChargeCategory"),
        (0, {"BillingCurrency": "usd"}, "BillingCurrency"),
        (0, {"BilledCost": None}, "BilledCost"),
        (0, {"BillingAccountId": "  "}, "BillingAccountId"),
        (0, {"ServiceSubcategory": "Observability"}, "ServiceSubcategory"),
        (0, {"ServiceCategory": "Compute"}, "ServiceSubcategory"),
        (0, {"ListUnitPrice": Decimal("1")}, "ListCost"),
        (0, {"ContractedCost": Decimal("0")}, "ContractedCost"),
        (0, {"ListUnitPrice": Decimal("-1")}, "ListUnitPrice"),
        (0, {"ChargeClass": "correction"}, "ChargeClass"),
        (0, {"PricingCategory": None}, "PricingCategory"),
        (0, {"InvoiceIssuerName": "Amazon"}, "BilledCost"),
        (0, {"SkuPriceDetails": '{"Model":"x"}'}, "SkuPriceDetails"),
        (0, {"Tags": "[1]"}, "Tags"),
        (0, {"Tags": '{"a":{"b":1}}'}, "Tags"),
        (0, {"SubAccountName": "no id"}, "SubAccountName"),
        (2, {"SkuId": "a"}, "SkuId"),
        (2, {"PricingCategory": "Standard"}, "PricingCategory"),
        (3, {"EffectiveCost": Decimal("0")}, "EffectiveCost"),
        (3, {"ConsumedQuantity": Decimal(1), "ConsumedUnit": "Tokens"}, "ConsumedUnit"),
    ],
)
def test_one_bad_cell_among_good_ones_is_named(good, row, cells, column):
    assert (row, column) in broken(good, row, **cells)


def test_purchases_are_not_usage_based_and_consume_nothing(good):
    found = broken(good, 0, ChargeCategory="Purchase")
    assert {c for _, c in found} == {"ChargeFrequency", "ConsumedQuantity", "ConsumedUnit"}


def test_missing_and_foreign_columns_are_named_once(good):
    found = check_focus(good.drop("BilledCost").with_columns(Region=pl.lit("eu"))).filter(pl.col("row").is_null())
    assert found.select("column", "rule").rows() == [
        ("BilledCost", "a mandatory column is missing"),
        ("Region", "not a column of FOCUS 1.4; a column of one's own begins with x_"),
    ]
    assert {c for _, c in broken(good, -1, "1.2")} >= {"ProviderName", "ServiceProviderName"}


def test_text_as_a_file_has_it_is_read(good, tmp_path):
    text = pl.read_csv(write_focus(good, tmp_path / "focus.csv"), infer_schema=False)
    assert check_focus(text).height == 0
    bad = text.with_columns(BilledCost=pl.lit("1,000"), ChargePeriodEnd=pl.lit("2026-10-05 10:00"))
    found = check_focus(bad).filter(pl.col("row") == 0).select("column", "rule").rows()
    assert ("BilledCost", "is not a number") in found
    assert ("ChargePeriodEnd", "is not an instant such as 2026-10-01T00:00:00Z") in found


def test_a_wrong_version_or_ending_is_refused(good, tmp_path):
    with pytest.raises(InputError, match=r"version='1\.5'"):
        check_focus(good, "1.5")
    with pytest.raises(InputError, match=r"neither \.csv nor \.parquet"):
        write_focus(good, tmp_path / "focus.xlsx")
    with pytest.raises(FrameError, match="x_SettledUntil"):
        focus_billing_periods(good.drop("x_SettledUntil"))


@given(st.text(max_size=30))
def test_any_unit_ends_up_as_one_that_focus_accepts(unit):
    assert is_focus_unit(focus_unit(unit))


# Algebra --------------------------------------------------------------------------------------------------------------

AMOUNT = st.integers(-(10**7), 10**9).map(lambda n: n / 10**6)
COUNT = st.integers(0, 10**9)
KINDS = ("input", "output", "cache_read", "cache_write_ephemeral_5m", "cache_write_ephemeral_1h", "total")
TYPES = ("total", "net", "on_demand", "included", "usage_based", "discount", "tax", "credit", "platform_fee")


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Any record of any vendor, but for estimates, running totals and currencies that no bank knows."""
    integration, account = draw(
        st.sampled_from([("claude", "c"), ("openai_codex", "o"), ("cursor", "u"), ("confluent", "k")])
    )
    amounts = draw(st.dictionaries(st.sampled_from(TYPES), AMOUNT, max_size=4))
    if integration == "cursor":
        amounts.pop("included", None)  # with on_demand it would be a running total
    currency = draw(st.sampled_from(["USD", "EUR", "JPY"]))
    tokens = draw(st.dictionaries(st.sampled_from(KINDS), COUNT, max_size=4))
    tokens.pop("total", None)
    unit = draw(st.sampled_from([None, "GB", "tokens"]))
    day, length = draw(st.integers(1, 27)), draw(st.sampled_from([0, 1]))
    return {
        "integrated_account_id": account, "integration": integration, "charges": charged(currency, **amounts),
        "report_type": "cost" if integration == "claude" else None,
        "metric_name": draw(st.sampled_from([None, "cost", "web_search", "gpt-5, input_tokens", "output"])),
        "model": {"id": draw(st.sampled_from([None, "claude-sonnet-4-0", "auto"]))},
        "usage": {"tokens": tokens, "quantity": draw(st.none() | AMOUNT), "unit": unit},
        "start_date": f"2026-10-{day:02}", "end_date": f"2026-10-{day + length:02}",
    }  # fmt: skip


FEWER = settings(max_examples=35)
"""A call costs the same for one record as for twenty: fewer calls, of more records each, try as much."""


@pytest.mark.drill
@FEWER
@given(st.lists(records(), min_size=1, max_size=24))
def test_whatever_comes_in_the_rows_add_up_to_the_payable_of_each_record_and_currency(recorded):
    frame = frame_of(recorded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        rows = to_focus(frame, overlap="allow")
    costs = with_costs(frame).with_row_index("row").filter(pl.col("cost_billed").is_not_null())
    expected = {
        (row, currency): sum(map(exact, amounts))
        for row, currency, *amounts in costs.select(
            "row", "cost_currency", "cost_billed", "cost_tax", "cost_credit"
        ).iter_rows()
    }
    found = dict.fromkeys(expected, Decimal(0))
    for row, currency, amount in rows.select("x_SourceRow", "BillingCurrency", "EffectiveCost").iter_rows():
        found[row, currency] += amount
    assert found == expected
    assert rows["BilledCost"].sum() == rows["EffectiveCost"].sum()
    assert (rows["ConsumedQuantity"].drop_nulls() != 0).all()


def exact(amount: float) -> Decimal:
    return Decimal(repr(amount)).quantize(Decimal("1e-10"))


@pytest.mark.drill
@FEWER
@given(st.lists(records(), min_size=1, max_size=18), st.sampled_from(["c", "o", "u", "k"]))
def test_every_argument_keeps_the_money_and_passes_the_check(recorded, account):
    frame = frame_of(recorded)
    if account not in frame["integrated_account_id"]:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        plain = to_focus(frame, overlap="allow")
        moved = to_focus(
            frame, overlap="allow", prepaid=[account], billing_day={account: 14}, unpriced="zero", events="hour",
            closed_before="2026-12-01", seat_prices={account: (3, 9.99, "EUR")},
        )  # fmt: skip
    own = moved.filter(pl.col("SkuId").fill_null("").str.ends_with(":seats:fee").not_())
    seats = moved.filter(pl.col("SkuId").fill_null("").str.ends_with(":seats:fee"))
    for currency in ("USD", "JPY", "EUR"):
        before, after = (
            t.filter(pl.col("BillingCurrency") == currency)["EffectiveCost"].sum() or Decimal(0) for t in (plain, moved)
        )
        seat = seats.filter(pl.col("BillingCurrency") == currency)["BilledCost"].sum() or Decimal(0)
        assert after == before + seat
    used = own.filter((pl.col("x_IntegratedAccountId") == account) & (pl.col("ChargeCategory") == "Usage"))
    assert (used["BilledCost"] == 0).all()


@st.composite
def days_of_claude(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A bill of each day, and tokens on any of them, over a few products and models."""
    kind = st.sampled_from(["uncached_input_tokens", "output_tokens", "cost", None])
    names = {"product": st.sampled_from([None, "chat", "code"]), "model": st.sampled_from(["claude-sonnet-4-0", "new"])}

    def record(view: str, **fields: Any) -> dict[str, Any]:
        day, chosen = draw(st.integers(1, 3)), {key: {"id": draw(values)} for key, values in names.items()}
        dates = {"start_date": f"2026-10-{day:02}", "end_date": f"2026-10-{day + 1:02}"}
        return {"integrated_account_id": "c", "integration": "claude", "report_type": view} | dates | chosen | fields

    positive = st.integers(1, 10**9).map(lambda n: n / 10**6)
    bill = [
        record("cost", charges=charged(net=draw(positive)), metric_name=draw(kind))
        for _ in range(draw(st.integers(1, 10)))
    ]
    counts = st.dictionaries(st.sampled_from(KINDS[:-1]), COUNT, max_size=5)
    used = [record("usage", usage={"tokens": draw(counts)}) for _ in range(draw(st.integers(0, 14)))]
    return bill + used


@pytest.mark.drill
@FEWER
@given(days_of_claude())
def test_no_token_is_lost_and_none_counts_twice(recorded):
    frame = frame_of(recorded)
    columns = [f"usage_tokens_{kind}" for kind in KINDS[:-1]]
    stated = sum(frame[column].sum() or 0 for column in columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        rows = to_focus(frame, unpriced="zero")
    tokens = rows.filter(pl.col("ConsumedUnit") == "Tokens")
    assert int(tokens["ConsumedQuantity"].sum() or 0) == stated
    assert (tokens["BilledCost"] >= 0).all()


# The page on FOCUS ----------------------------------------------------------------------------------------------------

PAGE = (Path(__file__).parent.parent / "docs" / "focus.md").read_text(encoding="utf-8")


def test_the_page_names_every_argument_and_every_column_of_our_own():
    arguments = [name for name in inspect.signature(to_focus).parameters if name not in ("frame", "choices")]
    assert [name for name in arguments if f"| `{name}` |" not in PAGE] == []
    assert [c.name for c, meaning in CUSTOM if f"| `{c.name}` | {meaning} |" not in PAGE] == []


def test_the_page_shows_figures_that_the_sandbox_gives(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
    names: dict[str, Any] = {}
    with pytest.warns(UsageWarning):
        exec(code, names)
    assert f"{names['rows'].height:,} rows of ${names['rows']['BilledCost'].sum():,.2f} here" in PAGE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["focus.csv", "focus_1_2.csv", "periods.csv"]
