"""October of all five vendors as FOCUS rows: nothing lost, to the cent and to the token; both public tools agree."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import time
import warnings
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.backends_for_tests import CLUSTERS, KINDS, as_kind, as_polars, kind_name
from truto_usage_nb.errors import FrameError, OverlapError, UsageWarning
from truto_usage_nb.focus import check_focus, focus_billing_periods, to_focus, write_focus
from truto_usage_nb.focus.delivery import as_text

ACCOUNTS = [
    "claude-console",
    "claude-enterprise",
    "codex",
    "openai-api",
    "openai-api-eu",
    "cursor",
    "confluent",
    "datadog",
]
RATE = {"codex": ("USD", 0.04)}
CENT = Decimal("0.005")


@pytest.fixture(scope="module")
def october():
    return tu.sandbox().fetch_usage(ACCOUNTS, period="2026-10")


@pytest.fixture(scope="module")
def usage(october):
    """All but the records that no FOCUS row can hold: credits."""
    credits = pl.col("charges_count").gt(0) & pl.col("charges_currency").fill_null("CREDITS").eq("CREDITS")
    return october.frame.filter(~credits)


@pytest.fixture(scope="module")
def rows(usage):
    with pytest.warns(UsageWarning, match="tokens of .* have no price and are left out"):
        return to_focus(usage)


def sums(table: pl.DataFrame, key: str, column: str) -> dict[object, Decimal]:
    return dict(table.group_by(key).agg(pl.col(column).sum()).iter_rows())


def test_credits_are_refused_by_name(october):
    with pytest.raises(FrameError, match=r"27 records of codex are charged in CREDITS.*credit_rate=\{'codex': "):
        to_focus(october)


def test_what_is_billed_is_the_payable_of_each_currency_to_the_cent(usage, rows):
    with pytest.warns(UsageWarning):
        payable = tu.cost_per(usage, measure="payable")
    expected = {currency: Decimal(repr(cost)) for currency, cost in payable.select("currency", "cost").iter_rows()}
    for column in ("BilledCost", "EffectiveCost"):
        found = sums(rows, "BillingCurrency", column)
        assert set(found) == {"USD", "EUR"} == set(expected)
        assert all(abs(found[c] - expected[c]) < CENT for c in found), (found, expected)


def test_what_is_billed_is_the_answer_key_of_each_account(rows):
    key = tu.sandbox().answers("2026-10")
    found = rows.group_by("x_IntegratedAccountId", "BillingCurrency").agg(pl.col("BilledCost").sum())
    for account, currency, billed in found.iter_rows():
        payable = next(m.payable for m in key.of(account).money if m.currency == currency)
        # A positive credit of 40 is a reduction by the rule, and the correction of a credit by the key: twice 40.
        assert abs(billed - payable + (80 if account == "confluent" else 0)) < CENT, (account, billed, payable)


def test_positive_credits_as_stated_meet_the_answer_key(october):
    confluent = october.frame.filter(pl.col("integrated_account_id") == "confluent")
    with pytest.warns(UsageWarning, match="corrections of credits"):
        table = to_focus(confluent, positive_credits="as_stated")
    assert abs(table["BilledCost"].sum() - Decimal("34922.4153")) < CENT


def test_the_rows_of_each_record_add_up_to_it(usage, rows):
    payable = (pl.col("cost_billed") + pl.col("cost_tax") + pl.col("cost_credit")).alias("payable")
    costs = tu.with_costs(usage).with_row_index("row").select(pl.col("row").cast(pl.Int64), payable).drop_nulls()
    found = sums(rows, "x_SourceRow", "EffectiveCost")
    expected = {row: Decimal(repr(amount)) for row, amount in costs.iter_rows()}
    assert {row for row, amount in expected.items() if amount} <= set(found)
    assert max(abs(found[row] - expected[row]) for row in found) < Decimal("1e-9")


def test_every_token_is_exported_once_or_told(usage):
    with pytest.warns(UsageWarning, match="have no price") as told:
        rows = to_focus(usage)
    with pytest.warns(UsageWarning, match="with your own key"):
        table = tu.cost_per(usage)
    message = str(told[0].message)
    left_out = int(re.search(r"([\d,]+) tokens of [\w, -]+ have no price", message).group(1).replace(",", ""))
    tokens = rows.filter(pl.col("ConsumedUnit") == "Tokens")["ConsumedQuantity"].sum()
    stated = int(table.select(pl.sum_horizontal("tokens", "unpriced_tokens", "included_tokens").sum()).item())
    assert int(tokens) + left_out == stated


def test_the_query_for_the_price_of_a_million_tokens_agrees_with_the_cost_table(usage, rows):
    enterprise = pl.col("integrated_account_id") == "claude-enterprise"
    table = tu.cost_per(usage.filter(enterprise), "model_id").filter(pl.col("tokens") > 0)
    asked = (
        rows.filter((pl.col("x_IntegratedAccountId") == "claude-enterprise") & (pl.col("ConsumedUnit") == "Tokens"))
        .group_by("x_ModelId")
        .agg(pl.col("EffectiveCost", "ConsumedQuantity").sum())
    )
    found = {model: float(cost) * 1e6 / float(n) for model, cost, n in asked.iter_rows()}
    assert set(found) == set(table["model_id"])
    for model, per_million in table.select("model_id", "cost_per_million_tokens").iter_rows():
        assert found[model] == pytest.approx(per_million, rel=1e-9)


def test_the_linter_for_1_4_finds_nothing(rows, tmp_path):
    from focus_data_toolkit.model.validator import lint_focus_1_4_structure

    found = lint(write_focus(rows, tmp_path / "focus.csv"))
    assert not found
    assert not lint_focus_1_4_structure(
        "Billing Period", read(write_focus(focus_billing_periods(rows), tmp_path / "periods.csv"))
    ).violations


@pytest.fixture(scope="module")
def fewer(october):
    """The same with five days of Cursor's events, around the day on which its cycle begins: lints in seconds."""
    some = pl.col("start_date").dt.day().is_between(12, 16)
    return replace(october, polars=october.polars.filter((pl.col("integration") != "cursor") | some))


def test_with_credits_the_linter_knows_no_virtual_currency_and_nothing_else_is_amiss(fewer, tmp_path):
    with pytest.warns(UsageWarning):
        table = to_focus(fewer, credit_rate=RATE, events="hour", unpriced="zero")
    # FOCUS allows a virtual currency as PricingCurrency; the linter takes only ISO 4217 there.
    assert set(lint(write_focus(table, tmp_path / "focus.csv"))) == {("PricingCurrency", "bad_currency")}
    in_credits = table.filter(pl.col("x_CostBasis") == "credit_rate")
    # 10.5 credits are 42 cents: the 27 records in CREDITS and the 11 without a currency.
    credits = Decimal(
        repr(
            fewer.frame.filter(pl.col("charges_currency").fill_null("CREDITS") == "CREDITS")[
                "charges_usage_based"
            ].sum()
        )
    )
    assert abs(in_credits["BilledCost"].sum() - credits * Decimal("0.04")) < CENT
    assert abs(in_credits["PricingCurrencyEffectiveCost"].sum() - credits) < CENT


def test_every_argument_at_once_passes_the_checks(fewer, tmp_path):
    bought = pl.DataFrame({
        "integrated_account_id": ["confluent"], "amount": [100_000.0], "currency": ["USD"],
        "start_date": ["2026-10-01"], "end_date": ["2027-10-01"],
    })  # fmt: skip
    with pytest.warns(UsageWarning, match="reach over a billing period's end"):
        table = to_focus(
            fewer, credit_rate=RATE, prepaid=["confluent"], purchases=bought,
            seat_prices={"cursor": (30, 40.0, "USD")}, billing_day={"cursor": 14, "datadog": 14},
            invoice_issuer={"openai-api-eu": "Microsoft"},
            closed_before="2026-11-01", unpriced="zero", tags=["surface"], emails=True,
        )  # fmt: skip
    assert {column for column, _ in lint(write_focus(table, tmp_path / "focus.csv"))} == {"PricingCurrency"}
    seats = table.filter(pl.col("SkuId") == "cursor:seats:fee")
    assert seats["BilledCost"].to_list() == [Decimal(1200), Decimal(1200)]
    covered = table.filter(pl.col("x_CoveredBy") == "plan")
    assert covered["EffectiveCost"].sum() == Decimal(2400)


def test_a_month_is_closed_when_its_invoices_are_issued_and_is_never_opened_again(rows):
    """BillingPeriodStatus: Closed when all anticipated invoices are issued; MUST NOT be Open when it was Closed."""
    some = rows.filter(pl.col("x_Integration").is_in(["confluent", "datadog"]))

    def status(**said: object) -> list[str]:
        return focus_billing_periods(some, **said)["BillingPeriodStatus"].to_list()

    assert status() == status(closed_before="2026-10-31") == ["Open", "Open"]
    closed = focus_billing_periods(some, closed_before="2026-11-01")
    assert closed["BillingPeriodStatus"].to_list() == ["Closed", "Closed"]
    confluent = closed.filter(pl.col("InvoiceIssuerName") == "Confluent")
    assert status(previous=confluent) == ["Closed", "Open"]
    begun, ended, told = (f"2026-{day}T00:00:00Z" for day in ("10-01", "11-01", "11-05"))
    texts = pl.DataFrame([["Datadog", begun, ended, "Closed", begun, told]], schema=closed.columns, orient="row")
    assert status(previous=texts) == ["Open", "Closed"]
    gone = focus_billing_periods(some.clear(), previous=closed)
    assert gone.equals(closed)


def test_two_links_to_one_organisation_are_refused_until_one_is_picked(october):
    twin = october.frame.filter(pl.col("integrated_account_id") == "cursor")
    both = pl.concat([twin, twin.with_columns(integrated_account_id=pl.lit("cursor-again"))])
    with pytest.raises(OverlapError, match="keep_account="):
        to_focus(both)


def test_the_export_takes_seconds(usage):
    started = time.perf_counter()
    with pytest.warns(UsageWarning):
        to_focus(usage)
    assert time.perf_counter() - started < 20  # about 3 on two idle cores


@pytest.mark.parametrize("kind", [*KINDS, *CLUSTERS])
def test_the_callers_kind_of_frame_comes_back_with_decimals(october, kind):
    some = [october.frame.filter(pl.col("integrated_account_id") == name).head(5) for name in ("datadog", "confluent")]
    frame = pl.concat(some)
    held = as_kind(frame, kind)
    table = to_focus(held)
    assert kind_name(table) == kind_name(held)
    found = as_polars(table)
    expected = to_focus(frame)
    assert found.height == expected.height
    assert Decimal(str(found["BilledCost"].cast(pl.Decimal(38, 10)).sum())) == expected["BilledCost"].sum()
    assert as_polars(check_focus(table)).height == 0


def test_what_is_written_reads_back_and_passes(rows, tmp_path):
    some = rows.head(300)
    path = write_focus(some, tmp_path / "focus.csv")
    text = pl.read_csv(path, infer_schema=False)
    assert check_focus(text).height == 0
    assert text["ChargePeriodStart"][0].endswith("Z")
    assert {"BilledCost": text["BilledCost"][0]}["BilledCost"].count(".") == 1
    kept = pl.read_parquet(write_focus(some, tmp_path / "focus.parquet"))
    assert kept.equals(some)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["focus.csv", "focus.parquet"]


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a file as the linter takes them: texts, and an empty one for nothing."""
    if path.suffix == ".parquet":
        texts = as_text(pl.read_parquet(path)).fill_null("")
        return texts.to_dicts()
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lint(path: Path) -> dict[tuple[str, str], int]:
    """The linter's violations by column and rule, with unit prices and pricing categories declared."""
    from focus_data_toolkit.model.validator import lint_focus_1_4_structure

    declared = ("SupportsMultiplePricingCategories", "SupportsUnitPricing")
    found = lint_focus_1_4_structure("Cost and Usage", read(path), supported_conditions=declared).violations
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for each in found:
        counted[each.column or "", each.rule] += 1
    return dict(counted)


# The Foundation's own validator --------------------------------------------------------------------------------------

CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED,MULTIPLE_PRICING_CATEGORIES_SUPPORTED,MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED,"
    "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED,NEGOTIATED_PRICING_SUPPORTED,PUBLIC_PRICE_LIST_SUPPORTED,"
    "USAGE_MEASUREMENT_SUPPORTED,UNIT_PRICING_SUPPORTED,SUB_ACCOUNT_SUPPORTED,"
    "PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED,TAGGING_SUPPORTED,COMMITMENT_DISCOUNT_SUPPORTED"
)
TOLERATED = {
    # Two branches of one "or", which the validator tries both: one of them fails whatever the column holds.
    "InvoiceId-C-004-C", "InvoiceId-C-005-C",
    # Wants 0 on every purchase; the specification only on purchases that cover other charges. Support covers none.
    "EffectiveCost-C-005-C", "EffectiveCost-C-000-M",
    # Knows the currencies of ISO 4217 alone; FOCUS's CurrencyFormat allows a virtual one, such as credits.
    "PricingCurrency-C-003-M", "PricingCurrency-C-000-C",
    # Wants a status on every row; the specification only on usage with a CommitmentDiscountId.
    "CommitmentDiscountStatus-C-004-C", "CommitmentDiscountStatus-C-002-C", "CommitmentDiscountStatus-C-000-C",
}  # fmt: skip


@pytest.fixture(scope="module")
def validator() -> Path:
    """The validator, installed under a Python of its own: it does not install on older ones, nor beside new NumPy."""
    named = os.environ.get("FOCUS_VALIDATOR")
    found = Path(named) if named else Path(shutil.which("focus-validator") or "none")
    if not found.is_file():
        pytest.skip("needs Python >= 3.12 with focus-validator 2.2 and pyarrow<26; FOCUS_VALIDATOR names its script")
    return found


@pytest.fixture(scope="module")
def everything(fewer) -> dict[str, pl.DataFrame]:
    """Both versions of an export with purchases, some of which cover usage, seats, and refunds of a closed month."""
    bought = pl.DataFrame({
        "integrated_account_id": ["confluent"] * 2, "amount": [30_000.0, 500.0], "currency": ["USD"] * 2,
        "start_date": ["2026-10-01"] * 2, "end_date": ["2026-11-01"] * 2, "covers_usage": [True, False],
        "sku": ["CREDITS", "TRAINING"],
    })  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        return {
            version: to_focus(fewer, version, credit_rate=RATE, purchases=bought, closed_before="2026-11-01",
                              seat_prices={"cursor": (30, 40.0, "USD")}, conditional_columns=True)
            for version in ("1.4", "1.2")
        }  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_linter_finds_nothing_in_a_file_of_1_4_and_of_its_billing_periods(everything, ending, tmp_path):
    from focus_data_toolkit.model.validator import lint_focus_1_4_structure

    # FOCUS allows a virtual currency as PricingCurrency; the linter takes only ISO 4217 there.
    path = write_focus(everything["1.4"], tmp_path / f"focus.{ending}")
    assert set(lint(path)) <= {("PricingCurrency", "bad_currency")}
    periods = focus_billing_periods(everything["1.4"], closed_before="2026-11-01")
    written = write_focus(periods, tmp_path / f"periods.{ending}")
    assert not lint_focus_1_4_structure("Billing Period", read(written)).violations
    assert set(periods["BillingPeriodStatus"]) == {"Closed", "Open"}  # corrections are billed in November


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_official_validator_for_1_2_finds_only_what_cannot_pass(everything, validator, ending, tmp_path):
    path = write_focus(everything["1.2"], tmp_path / f"focus.{ending}")
    # It reads a file of its own relative to where it is run, and answers 0 whatever it finds.
    home = next(validator.resolve().parent.parent.glob("lib/python3.*/site-packages"))
    told = subprocess.run(
        [validator, "--data-file", path, "--block-download", "--validate-version", "1.2.0.1",
         "--applicability-criteria", CRITERIA],
        cwd=home, capture_output=True, text=True, check=True, timeout=280,
    ).stdout  # fmt: skip
    assert re.search(r"Total: \d+ \| Pass: [3-9]\d\d", told), told[-2000:]
    assert set(re.findall(r"^\W*([A-Za-z]+-[A-Z]-\d+-[A-Z]): FAIL", told, re.MULTILINE)) <= TOLERATED
    assert re.search(r"InvoiceId-C-003-C: PASS", told)
