"""The shapes of FOCUS's own examples pass the check, with their figures; each of them, broken in one place, does not.

The figures are those of the specification's appendix: SaaS examples A to C of simple agreements, of spend agreements
and of virtual currency, and the commitment discount scenarios. Where an example spells something as the specification's
own rules forbid ("$10,000.00", 4/1/25, "Database"), the figures stand and the spelling is the rules'.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from truto_usage_nb.focus import check_focus

TERM = {"ChargePeriodStart": "2025-04-01T00:00:00Z", "ChargePeriodEnd": "2026-04-01T00:00:00Z"}
APRIL = {"BillingPeriodStart": "2025-04-01T00:00:00Z", "BillingPeriodEnd": "2025-05-01T00:00:00Z"}
JUNE = {"BillingPeriodStart": "2025-06-01T00:00:00Z", "BillingPeriodEnd": "2025-07-01T00:00:00Z"}
LAST = {"BillingPeriodStart": "2026-03-01T00:00:00Z", "BillingPeriodEnd": "2026-04-01T00:00:00Z"}
FIRST_MONTH = {"ChargePeriodStart": "2025-04-01T00:00:00Z", "ChargePeriodEnd": "2025-05-01T00:00:00Z"}
FIRST_DAY = {"ChargePeriodStart": "2025-04-01T00:00:00Z", "ChargePeriodEnd": "2025-04-02T00:00:00Z"}
COLUMNS = (
    "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ListUnitPrice", "ContractedUnitPrice",
    "PricingQuantity", "PricingUnit", "ConsumedQuantity", "ConsumedUnit", "PricingCurrency",
    "PricingCurrencyEffectiveCost", "CommitmentDiscountId", "CommitmentDiscountCategory", "CommitmentDiscountType",
    "CommitmentDiscountStatus", "CommitmentDiscountQuantity", "CommitmentDiscountUnit",
)  # fmt: skip


def row(category: str, billed: str, effective: str, /, **cells: Any) -> dict[str, Any]:
    """One row as a file has it: every value a text. List and contracted cost are those of the bill unless said."""
    plain = {
        "BillingAccountId": "12345", "BillingAccountName": "AwesomeCorp", "BillingCurrency": "USD", **APRIL, **TERM,
        "ChargeCategory": category, "ChargeClass": None, "ChargeDescription": "An example",
        "ChargeFrequency": "Usage-Based" if category == "Usage" else "One-Time", "HostProviderName": "ACMECORP",
        "ServiceProviderName": "ACMECORP", "InvoiceIssuerName": "ACMECORP", "ServiceName": "ACMECORP Service",
        "ServiceCategory": "Business Applications", **dict.fromkeys(COLUMNS), "BilledCost": billed,
        "EffectiveCost": effective, "ListCost": billed, "ContractedCost": billed, "PricingCurrency": "USD",
        "PricingCurrencyEffectiveCost": effective,
    }  # fmt: skip
    if category in ("Usage", "Purchase"):
        plain |= {"SkuId": "ACS-001", "SkuPriceId": "ACS-001-0120", "PricingCategory": "Standard"}
    else:
        plain |= dict.fromkeys(("SkuId", "SkuPriceId", "PricingCategory"))
    return plain | cells


def priced(price: str, quantity: str, unit: str = "Count", listed: str | None = None) -> dict[str, str]:
    prices = {"ContractedUnitPrice": price, "ListUnitPrice": listed or price}
    return prices | {"PricingQuantity": quantity, "PricingUnit": unit}


def used(quantity: str, unit: str) -> dict[str, str]:
    return {"ConsumedQuantity": quantity, "ConsumedUnit": unit}


COMMITTED = {
    "CommitmentDiscountId": "commitment-1", "CommitmentDiscountCategory": "Spend",
    "CommitmentDiscountType": "Savings", "CommitmentDiscountUnit": "USD",
}  # fmt: skip
HOUR = {
    "BillingPeriodStart": "2023-01-01T00:00:00Z", "BillingPeriodEnd": "2023-02-01T00:00:00Z",
    "ChargePeriodStart": "2023-01-01T00:00:00Z", "ChargePeriodEnd": "2023-01-01T01:00:00Z",
}  # fmt: skip
YEAR_2023 = HOUR | {"ChargePeriodEnd": "2024-01-01T00:00:00Z"}
SERVER = {"ListCost": "60", "ContractedCost": "48"}
TOKENS = {"PricingCurrency": "Token", "PricingCurrencyEffectiveCost": "245"}

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "A1, a year paid up-front": [row("Purchase", "10000", "10000", **priced("10000", "1"))],
    "A2, 500 licences up-front": [row("Purchase", "50000", "50000", **priced("100", "500"))],
    "A3, ten more in June, for the same year": [row("Purchase", "1000", "1000", **JUNE, **priced("100", "10"))],
    "B, billed at the end of the year": [row("Purchase", "50000", "50000", **LAST, **priced("100", "500"))],
    "C, licences by month": [
        row("Usage", "10100", "10100", **FIRST_MONTH, **priced("20", "505"), **used("505", "Count"))
    ],
    "spend A1, in arrears with a fee for the rest": [
        row("Usage", "48", "48", **FIRST_MONTH, **SERVER, **priced("12", "4", "Server Hours", "15"),
            **used("4", "Server Hours")),
        row("Usage", "972", "972", ChargeFrequency="One-Time", **LAST, **priced("1200", "0.81")),
    ],
    "spend B1, prepaid and drawn": [
        row("Purchase", "1200", "0", **priced("1200", "1")),
        row("Usage", "0", "48", **FIRST_MONTH, **SERVER, **priced("12", "4", "Server Hours", "15"),
            **used("4", "Server Hours")),
        row("Usage", "0", "972", ChargeFrequency="One-Time", **LAST, ListCost="972", ContractedCost="972",
            **priced("1200", "0.81")),
    ],
    "spend B2, prepaid with a minimum by month": [
        row("Usage", "0", "12", ChargeFrequency="One-Time", **FIRST_MONTH, ListCost="12", ContractedCost="12",
            **priced("1200", "0.01")),
    ],
    "tokens A1, 100,000 bought at $2": [row("Purchase", "200000", "0", **priced("2", "100000", "Token"))],
    "tokens A2, 245 executions of a token each": [
        row("Usage", "0", "490", **FIRST_DAY, ListCost="490", ContractedCost="490", **priced("2", "245", "Execution"),
            **used("245", "Execution"), **TOKENS),
        row("Usage", "0", "720", **FIRST_DAY, ListCost="720", ContractedCost="720",
            **priced("6", "120", "Workflow operation"), **used("120", "Workflow operation"),
            **TOKENS | {"PricingCurrencyEffectiveCost": "360"}),
    ],
    "tokens B1, at half the price": [
        row("Purchase", "100000", "0", ListCost="200000", **priced("1", "100000", "Token", "2"))
    ],
    "tokens B3, at a modified rate": [
        row("Usage", "0", "240", **FIRST_DAY, ListCost="720", ContractedCost="240",
            **priced("2", "120", "Workflow operation", "6"), **used("120", "Workflow operation"),
            **TOKENS | {"PricingCurrencyEffectiveCost": "240"}),
    ],
    "tokens C, overage of the half year before": [
        row("Purchase", "3000", "0", **priced("2", "1500", "Token"), BillingPeriodStart="2025-10-01T00:00:00Z",
            BillingPeriodEnd="2025-11-01T00:00:00Z", ChargePeriodEnd="2025-10-01T00:00:00Z"),
    ],
    "commitment, $1 an hour all upfront": [
        row("Purchase", "8760", "0", **YEAR_2023, **COMMITTED, CommitmentDiscountQuantity="8760",
            **priced("8760", "1", "USD")),
    ],
    "commitment, three quarters used": [
        row("Usage", "0", "0.75", **HOUR, **COMMITTED, CommitmentDiscountQuantity="0.75", PricingCategory="Committed",
            CommitmentDiscountStatus="Used", ListCost="1", ContractedCost="1", **priced("1", "1", "Hour"),
            **used("1", "Hour")),
        row("Usage", "0", "0.25", **HOUR, **COMMITTED, CommitmentDiscountQuantity="0.25", PricingCategory="Committed",
            CommitmentDiscountStatus="Unused", ListCost="0.25", ContractedCost="0.25", **priced("0.25", "1", "Hour")),
    ],
    "correction of a closed April in open June": [
        row("Usage", "-48", "-48", ChargeClass="Correction", **JUNE, **FIRST_MONTH, ListCost="-60",
            **priced("12", "-4", "Server Hours", "15"), **used("-4", "Server Hours")),
    ],
    "correction without quantities": [
        row("Usage", "-5", "-5", ChargeClass="Correction", **JUNE, **FIRST_MONTH, SkuId=None, SkuPriceId=None,
            PricingCategory=None),
    ],
    "tax of a purchase that covers a year": [
        row("Purchase", "1200", "0", **priced("1200", "1")),
        row("Tax", "228", "0"),
    ],
    "tax of discounted usage, and a credit": [
        row("Usage", "90", "90", **FIRST_MONTH, ListCost="100", **priced("9", "10", "GB", "10"), **used("10", "GB")),
        row("Tax", "18", "18", **FIRST_MONTH, ListCost="20", ContractedCost="18"),
        row("Credit", "-5", "-5", **FIRST_MONTH),
    ],
    "an adjustment": [row("Adjustment", "-0.01", "-0.01", **FIRST_MONTH)],
}  # fmt: skip


def found(rows: list[dict[str, Any]]) -> set[tuple[int, str]]:
    return set(check_focus(pl.DataFrame(rows, infer_schema_length=None)).select("row", "column").rows())


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_shapes_of_the_specifications_examples_pass(name):
    assert found(EXAMPLES[name]) == set()


BROKEN: list[tuple[str, str, int, dict[str, Any], str]] = [
    # rule of FOCUS, example, row, what is changed, the column that is named
    ("ListCost: product of ListUnitPrice and PricingQuantity", "A2, 500 licences up-front", 0,
     {"PricingQuantity": "499"}, "ListCost"),
    ("ChargeFrequency: not Usage-Based on Purchase", "A1, a year paid up-front", 0, {"ChargeFrequency": "Usage-Based"},
     "ChargeFrequency"),
    ("ConsumedQuantity: not null on Usage", "C, licences by month", 0, {"ConsumedQuantity": None, "ConsumedUnit": None},
     "ConsumedQuantity"),
    ("ConsumedUnit: null exactly when ConsumedQuantity is", "C, licences by month", 0, {"ConsumedUnit": None},
     "ConsumedUnit"),
    ("usage is charged in its billing period", "C, licences by month", 0, JUNE, "ChargePeriodStart"),
    ("ChargePeriodEnd: after its start", "A3, ten more in June, for the same year", 0,
     {"ChargePeriodEnd": "2025-04-01T00:00:00Z"}, "ChargePeriodEnd"),
    ("PricingQuantity: not null on Purchase", "spend B1, prepaid and drawn", 0,
     {"PricingQuantity": None, "PricingUnit": None}, "PricingQuantity"),
    ("ConsumedQuantity: null on Purchase", "tokens A1, 100,000 bought at $2", 0, used("1", "Token"),
     "ConsumedQuantity"),
    ("NumericFormat: no sign for a positive value", "tokens A1, 100,000 bought at $2", 0, {"BilledCost": "+200000"},
     "BilledCost"),
    ("NumericFormat: no commas", "tokens A1, 100,000 bought at $2", 0, {"BilledCost": "200,000"}, "BilledCost"),
    ("NumericFormat: no currency symbols", "tokens A1, 100,000 bought at $2", 0, {"BilledCost": "$200000"},
     "BilledCost"),
    ("NumericFormat: the sign of an exponent only where it is negative", "tokens A1, 100,000 bought at $2", 0,
     {"BilledCost": "2E+5"}, "BilledCost"),
    ("NumericFormat: fractional notation", "tokens A1, 100,000 bought at $2", 0, {"EffectiveCost": "0/1"},
     "EffectiveCost"),
    ("CurrencyFormat: ISO 4217", "tokens A2, 245 executions of a token each", 0, {"PricingCurrency": "usd"},
     "PricingCurrency"),
    ("CurrencyFormat: ISO 4217", "tokens A2, 245 executions of a token each", 1, {"PricingCurrency": "Eur"},
     "PricingCurrency"),
    ("BillingCurrency: national", "tokens A2, 245 executions of a token each", 0, {"BillingCurrency": "Token"},
     "BillingCurrency"),
    ("UnitFormat: capitals", "tokens A2, 245 executions of a token each", 0, {"ConsumedUnit": "execution"},
     "ConsumedUnit"),
    ("UnitFormat: sizes are abbreviated", "tax of discounted usage, and a credit", 0, {"ConsumedUnit": "Gigabytes"},
     "ConsumedUnit"),
    ("UnitFormat: one form for singular and plural", "tax of discounted usage, and a credit", 0,
     {"ConsumedUnit": "GBs"}, "ConsumedUnit"),
    ("CommitmentDiscountStatus: null when CommitmentDiscountId is", "spend B1, prepaid and drawn", 1,
     {"CommitmentDiscountStatus": "Used"}, "CommitmentDiscountStatus"),
    ("CommitmentDiscountType: null when CommitmentDiscountId is", "spend B1, prepaid and drawn", 1,
     {"CommitmentDiscountType": "Prepayment"}, "CommitmentDiscountType"),
    ("CommitmentDiscountCategory: null when CommitmentDiscountId is", "spend B1, prepaid and drawn", 1,
     {"CommitmentDiscountCategory": "Spend"}, "CommitmentDiscountCategory"),
    ("CommitmentDiscountQuantity: null when CommitmentDiscountId is", "spend B1, prepaid and drawn", 1,
     {"CommitmentDiscountQuantity": "1", "CommitmentDiscountUnit": "USD"}, "CommitmentDiscountQuantity"),
    ("PricingCategory: Committed by the CommitmentDiscountId", "spend B1, prepaid and drawn", 1,
     {"PricingCategory": "Committed"}, "PricingCategory"),
    ("CommitmentDiscountStatus: not null on Usage with an id", "commitment, three quarters used", 0,
     {"CommitmentDiscountStatus": None}, "CommitmentDiscountStatus"),
    ("CommitmentDiscountStatus: allowed values", "commitment, three quarters used", 0,
     {"CommitmentDiscountStatus": "used"}, "CommitmentDiscountStatus"),
    ("CommitmentDiscountType: not null with an id", "commitment, $1 an hour all upfront", 0,
     {"CommitmentDiscountType": None}, "CommitmentDiscountType"),
    ("CommitmentDiscountCategory: not null with an id", "commitment, $1 an hour all upfront", 0,
     {"CommitmentDiscountCategory": None}, "CommitmentDiscountCategory"),
    ("CommitmentDiscountQuantity: not null on Purchase with an id", "commitment, $1 an hour all upfront", 0,
     {"CommitmentDiscountQuantity": None, "CommitmentDiscountUnit": None}, "CommitmentDiscountQuantity"),
    ("CommitmentDiscountUnit: not null with a quantity", "commitment, $1 an hour all upfront", 0,
     {"CommitmentDiscountUnit": None}, "CommitmentDiscountUnit"),
    ("PricingCategory: Committed on what a commitment covers", "commitment, three quarters used", 0,
     {"PricingCategory": "Standard"}, "PricingCategory"),
    ("ConsumedQuantity: null on what is Unused", "commitment, three quarters used", 1, used("1", "Hour"),
     "ConsumedQuantity"),
    ("CorrectionHandling: BillingPeriodStart of a subsequent billing period",
     "correction of a closed April in open June", 0, APRIL, "BillingPeriodStart"),
    ("ChargeClass: Correction or null", "correction of a closed April in open June", 0, {"ChargeClass": "Corrected"},
     "ChargeClass"),
    ("a late charge is no Correction by itself", "correction of a closed April in open June", 0, {"ChargeClass": None},
     "ChargePeriodStart"),
    ("ListUnitPrice: null on Tax", "tax of a purchase that covers a year", 1, {"ListUnitPrice": "1"}, "ListUnitPrice"),
    ("SkuId: null on Tax", "tax of a purchase that covers a year", 1, {"SkuId": "T"}, "SkuId"),
    ("EffectiveCost: matches BilledCost where nothing covers", "tax of discounted usage, and a credit", 2,
     {"EffectiveCost": "0"}, "EffectiveCost"),
    ("ListCost: matches BilledCost on Credit", "tax of discounted usage, and a credit", 2, {"ListCost": "0"},
     "ListCost"),
    ("ContractedCost: equals BilledCost on Credit", "tax of discounted usage, and a credit", 2,
     {"ContractedCost": "1"}, "ContractedCost"),
    ("ChargeCategory: allowed values", "an adjustment", 0, {"ChargeCategory": "Refund"}, "ChargeCategory"),
    ("NullHandling: no empty text", "an adjustment", 0, {"BillingAccountId": ""}, "BillingAccountId"),
    ("DateTimeFormat", "an adjustment", 0, {"ChargePeriodStart": "4/1/25"}, "ChargePeriodStart"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("example", "nth", "cells", "column"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN]
)
def test_each_of_them_broken_in_one_place_does_not(example, nth, cells, column):
    rows = [dict(each) for each in EXAMPLES[example]]
    rows[nth] |= cells
    assert (nth, column) in found(rows)


def test_an_absent_column_of_commitments_knows_no_commitment():
    table = pl.DataFrame(EXAMPLES["commitment, three quarters used"]).drop("CommitmentDiscountId")
    columns = check_focus(table).filter(pl.col("row") == 0)["column"].to_list()
    assert "CommitmentDiscountStatus" in columns
    assert "PricingCategory" in columns


@pytest.mark.parametrize(
    "details", ['{"ModelId":"m","TokenDirection":"Input","TokenCacheAction":"Read"}', '{"x_A":null}']
)
def test_the_keys_of_models_and_tokens_are_known_ahead(details):
    rows = [EXAMPLES["C, licences by month"][0] | {"SkuPriceDetails": details}]
    assert found(rows) == set()


@pytest.mark.parametrize(
    "text",
    ['{"a":NaN}', '{"a":Infinity}', '{"a":1,"a":2}', '{"a":[1]}', "{'a':1}", '["a"]', "a"],
)
def test_what_is_not_flat_json_is_found(text):
    rows = [EXAMPLES["C, licences by month"][0] | {"Tags": text}]
    assert found(rows) == {(0, "Tags")}
