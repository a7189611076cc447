"""FOCUS rows from records by hand: every figure here was worked out on paper."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.errors import FrameError, InputError, OverlapError, UsageWarning
from truto_usage_nb.focus import check_focus, checking, exporting, focus_billing_periods, to_focus
from truto_usage_nb.focus.amounts import exact

M = 1_000_000
D = Decimal


def record(account: str, integration: str, *, day: int = 5, tokens: Any = None, **fields: Any) -> dict[str, Any]:
    """One record of a day in October 2026."""
    usage = fields.pop("usage", {}) | ({"tokens": tokens} if tokens else {})
    dates = {"start_date": f"2026-10-{day:02}", "end_date": f"2026-10-{day + 1:02}"}
    return {"integrated_account_id": account, "integration": integration, **dates, "usage": usage} | fields


def claude_cost(net: float, total: float | None = None, **fields: Any) -> dict[str, Any]:
    amounts = {"net": net, "total": total, "discount": total - net} if total is not None else {"total": net}
    fields = {"model": {"id": "claude-sonnet-4-0", "provider": "anthropic"}, "metric_name": "cost"} | fields
    return record("claude-1", "claude", report_type="cost", charges=charged(**amounts), **fields)


def claude_usage(tokens: dict[str, int], **fields: Any) -> dict[str, Any]:
    fields = {"model": {"id": "claude-sonnet-4-0", "provider": "anthropic"}, "metric_name": "tokens"} | fields
    return record("claude-1", "claude", report_type="usage", tokens=tokens, **fields)


def confluent(amount: float, quantity: float | None = None, unit: str | None = None, **fields: Any) -> dict[str, Any]:
    usage = {"quantity": quantity, "unit": unit}
    fields = {"metric_name": "KAFKA_STORAGE", "product": {"id": "KAFKA", "name": "Kafka"}} | fields
    return record("confluent-1", "confluent", usage=usage, charges=charged(total=amount), **fields)


def datadog(amount: float, **fields: Any) -> dict[str, Any]:
    month = {"start_date": "2026-10-01", "end_date": "2026-11-01", "metric_name": "apm_host"}
    return record("datadog-1", "datadog", charges=charged(total=amount), product={"id": "apm_host"}) | month | fields


def event(hour: str, /, tokens: dict[str, int] | None = None, **amounts: float) -> dict[str, Any]:
    moment = f"2026-10-05T{hour}Z"
    fields = {"model": {"id": "claude-4.5-sonnet", "provider": "anthropic"}, "charges": charged(**amounts)}
    return record("cursor-1", "cursor", tokens=tokens, **fields) | {"start_date": moment, "end_date": moment}


def rows_of(table: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return table.select(*columns).rows()


def test_money_and_tokens_of_two_records_meet_and_each_kind_is_a_row():
    # $3, $3.75, $0.30 and $15 a million: 0.5 M + 2 M + 8 M + 1.5 M tokens are 1.50 + 7.50 + 2.40 + 22.50 = 33.90.
    # The bill is half of that, 16.95, so each kind costs half its list worth.
    tokens = {"input": M // 2, "cache_write_ephemeral_5m": 2 * M, "cache_read": 8 * M, "output": 3 * M // 2}
    table = to_focus(frame_of([claude_cost(16.95), claude_usage(tokens)]))
    assert rows_of(table, "SkuMeter", "ConsumedQuantity", "ConsumedUnit", "BilledCost") == [
        ("Input Tokens", D(500_000), "Tokens", D("0.75")),
        ("Cache Read Input Tokens", D(8_000_000), "Tokens", D("1.2")),
        ("Cache Write Input Tokens", D(2_000_000), "Tokens", D("3.75")),
        ("Output Tokens", D(1_500_000), "Tokens", D("11.25")),
    ]
    assert table["PricingUnit"].unique().to_list() == ["1000000 Tokens"]
    assert table["PricingQuantity"].to_list() == [D("0.5"), D(8), D(2), D("1.5")]
    assert [round(price, 12) for price in table["ListUnitPrice"]] == [D("1.5"), D("0.15"), D("1.875"), D("7.5")]
    assert table["x_AllocatedByListPrice"].all()
    assert table["x_TokenDirection"].to_list() == ["Input", "Input", "Input", "Output"]
    assert table["x_TokenCacheAction"].to_list() == ["Uncached", "Read", "Write", None]
    assert table["x_CacheTtl"].to_list() == [None, None, "5m", None]
    assert table["SkuId"].to_list()[:2] == ["claude:claude-sonnet-4-0:input", "claude:claude-sonnet-4-0:cache_read"]


def test_money_by_kind_takes_its_own_kind_alone_and_is_not_split():
    kinds = [("uncached_input_tokens", 3.0), ("output_tokens", 15.0), ("cache_creation.ephemeral_1h_input_tokens", 6.0)]
    bill = [claude_cost(amount, metric_name=name) for name, amount in kinds]
    tokens = {"input": M, "output": M, "cache_write_ephemeral_1h": M}
    table = to_focus(frame_of([*bill, claude_usage(tokens)]))
    assert rows_of(table, "SkuMeter", "ConsumedQuantity", "BilledCost", "x_CacheTtl", "x_AllocatedByListPrice") == [
        ("Input Tokens", D(M), D(3), None, False),
        ("Output Tokens", D(M), D(15), None, False),
        ("Cache Write Input Tokens", D(M), D(6), "1h", False),
    ]


def test_tokens_go_to_the_money_of_their_own_product_and_what_is_left_to_the_key():
    chat, code = {"product": {"id": "chat"}}, {"product": {"id": "code"}}
    bill = [claude_cost(6.0, metric_name="input", **chat), claude_cost(3.0, metric_name="input", **code)]
    used = [claude_usage({"input": 4 * M}, **chat), claude_usage({"input": M}, **code), claude_usage({"input": 300})]
    table = to_focus(frame_of([*bill, *used]))
    # The 300 tokens without a product are shared 6 to 3.
    assert table["ConsumedQuantity"].to_list() == [D(4 * M + 200), D(M + 100)]


def test_equal_charges_share_their_tokens_equally():
    # 0.11 of 0.22 is half, 3,519 of 7,038; in floats 7038 * 0.11 / 0.22 is 3518.9999999999995
    used = frame_of([claude_cost(0.11, id="a"), claude_cost(0.11, id="b"), claude_usage({"input": 7038})])
    assert to_focus(used)["ConsumedQuantity"].to_list() == [3519, 3519]


def test_a_charge_that_counts_its_own_tokens_keeps_its_count_and_they_are_not_counted_again():
    line = record(
        "openai-1", "openai_codex", metric_name="gpt-5, input_tokens", usage={"quantity": 2 * M, "unit": "tokens"},
        charges=charged(total=2.5), model={"id": "gpt-5", "provider": "openai"},
    )  # fmt: skip
    used = record("openai-1", "openai_codex", tokens={"input": 2 * M}, model={"id": "gpt-5", "provider": "openai"})
    table = to_focus(frame_of([line, used]))
    assert rows_of(table, "ConsumedQuantity", "BilledCost", "SkuMeter") == [(D(2 * M), D("2.5"), "Input Tokens")]


def test_a_model_the_price_list_does_not_know_is_one_row_of_all_its_tokens():
    table = to_focus(
        frame_of([event("10:00:00", {"input": 70, "output": 30}, total=1.0)]).with_columns(model_id=pl.lit("auto"))
    )
    assert rows_of(table, "ConsumedQuantity", "SkuMeter", "x_TokenDirection", "x_QuantityKnown") == [
        (D(100), "Tokens", None, True)
    ]
    assert table["SkuId"].to_list() == ["cursor:auto:tokens"]


def test_without_a_quantity_it_is_one_and_said_so():
    table = to_focus(frame_of([datadog(1000.0), claude_cost(5.0, model=None, metric_name="code_execution")]))
    columns = ("PricingQuantity", "PricingUnit", "ConsumedQuantity", "ConsumedUnit", "x_QuantityKnown", "SkuId")
    assert rows_of(table, *columns) == [
        (D(1), "Months", D(1), "Months", False, "datadog:apm_host:apm_host"),
        (D(1), "Units", D(1), "Units", False, "claude:usage:code_execution"),
    ]
    assert table["SkuId"].to_list() == table["SkuPriceId"].to_list()


def test_searches_are_counted_in_requests_where_their_day_counts_them():
    searches = claude_cost(0.5, model=None, metric_name="web_search")
    other_day = claude_cost(0.1, model=None, metric_name="web_search", day=6)
    used = claude_usage({"input": M}, usage={"tools": {"web_search_count": 50}}, model={"id": "other"})
    with pytest.warns(UsageWarning, match="1,000,000 tokens of claude-1 have no price"):
        table = to_focus(frame_of([searches, other_day, used]))
    assert rows_of(table, "ConsumedQuantity", "ConsumedUnit", "x_QuantityKnown") == [
        (D(50), "Requests", True),
        (D(1), "Units", False),
    ]


def test_prepaid_usage_bills_nothing_and_costs_what_it_draws():
    bought = pl.DataFrame({
        "integrated_account_id": ["confluent-1"], "amount": [5000.0], "currency": ["usd"],
        "start_date": ["2026-10-01"], "end_date": ["2026-11-01"], "invoice_id": ["INV-7"],
    })  # fmt: skip
    used = frame_of([confluent(17.20, 172.0, "GB-hour")])
    table = to_focus(used, prepaid=["confluent-1"], purchases=bought)
    columns = ("ChargeCategory", "BilledCost", "EffectiveCost", "PricingCategory", "x_BillingBasis", "InvoiceId")
    assert rows_of(table, *columns) == [
        ("Usage", D(0), D("17.2"), "Committed", "prepaid", None),
        ("Purchase", D(5000), D(0), "Standard", "arrears", "INV-7"),
    ]
    assert rows_of(to_focus(used), *columns)[0] == ("Usage", D("17.2"), D("17.2"), "Standard", "arrears", None)
    assert to_focus(used, contract={"confluent-1": "prepaid"})["BilledCost"].to_list() == [D(0)]


def seats_frame() -> pl.DataFrame:
    plan = [
        event("10:00:00", {"input": 90, "output": 10}, included=1.20),
        event("11:00:00", {"input": 90}, included=2.80),
    ]
    return frame_of([*plan, event("12:00:00", {"input": 90}, usage_based=0.90)])


def test_usage_that_a_plan_covers_bills_nothing_and_keeps_its_unit_price():
    table = to_focus(seats_frame())
    plan = table.filter(pl.col("x_CoveredBy") == "plan")
    assert plan["BilledCost"].sum() == plan["EffectiveCost"].sum() == D(0)
    assert plan["ContractedCost"].sum() == plan["ListCost"].sum() == D("4")
    assert (plan["ContractedUnitPrice"] > 0).all()
    assert table["BilledCost"].sum() == D("0.9")


def test_seat_prices_are_a_purchase_that_is_spread_over_what_the_plan_covers():
    # One seat of $40; the plan covers $1.20 and $2.80 of list value: 12 and 28. On demand stays 0.90.
    table = to_focus(seats_frame(), seat_prices={"cursor-1": (1, 40.0, "USD")})
    seat = table.filter(pl.col("ChargeCategory") == "Purchase")
    columns = ("BilledCost", "EffectiveCost", "PricingQuantity", "PricingUnit", "ChargeFrequency", "x_IdleSeat")
    assert rows_of(seat, *columns) == [(D(40), D(0), D(1), "Users", "Recurring", False)]
    plan = table.filter(pl.col("x_CoveredBy") == "plan").group_by("x_SourceRow").agg(pl.col("EffectiveCost").sum())
    assert dict(plan.iter_rows()) == {0: D(12), 1: D(28)}
    assert table["BilledCost"].sum() == table["EffectiveCost"].sum() == D("40.9")


def test_seats_that_cover_nothing_are_idle_and_keep_their_cost():
    table = to_focus(frame_of([event("12:00:00", usage_based=0.90)]), seat_prices={"cursor-1": (2, 20.0, "USD")})
    seat = table.filter(pl.col("ChargeCategory") == "Purchase")
    assert rows_of(seat, "BilledCost", "EffectiveCost", "ListUnitPrice", "x_IdleSeat") == [(D(40), D(40), D(20), True)]


def test_tokens_without_a_price_are_counted_and_written_at_zero_on_request():
    used = frame_of(
        [claude_cost(3.0, metric_name="input"), claude_usage({"input": M}), claude_usage({"output": M}, day=7)]
    )
    with pytest.warns(UsageWarning, match=r"1,000,000 tokens of claude-1 have no price and are left out \(unpriced="):
        assert to_focus(used).height == 1
    with pytest.warns(UsageWarning, match="are written at a billed cost of 0"):
        table = to_focus(used, unpriced="zero")
    # One million tokens of output are $15 at list price.
    assert rows_of(table, "BilledCost", "EffectiveCost", "ListCost", "ConsumedQuantity", "x_CostBasis") == [
        (D(3), D(3), D(3), D(M), "billed"),
        (D(0), D(0), D(15), D(M), "estimated"),
    ]


@pytest.mark.parametrize(("currency", "named"), [("CREDITS", "are charged in CREDITS"), (None, "name no currency")])
def test_what_has_no_currency_of_a_bank_is_refused_by_name_with_the_remedy(currency, named):
    used = record("codex-1", "openai_codex", tokens={"input": 100}, charges=charged(currency, usage_based=10.0))
    with pytest.raises(FrameError, match=rf"codex-1 {named}.*credit_rate=\{{'codex-1'"):
        to_focus(frame_of([used]))
    table = to_focus(frame_of([used, datadog(5.0)]), credit_rate={"codex-1": ("USD", 0.04)})
    columns = ("BilledCost", "BillingCurrency", "PricingCurrency", "PricingCurrencyEffectiveCost", "x_CostBasis")
    assert rows_of(table, *columns) == [
        (D("0.4"), "USD", "CREDITS", D(10), "credit_rate"),
        (D(5), "USD", "USD", D(5), "billed"),
    ]
    assert table["x_CreditRate"].to_list() == [D("0.04"), None]


def test_credits_beside_money_are_a_second_name_for_it():
    both = charged("USD", total=490.0) + charged("CREDITS", total=245.0)
    table = to_focus(frame_of([record("codex-1", "openai_codex", charges=both)]))
    assert rows_of(table, "BilledCost", "PricingCurrency", "PricingCurrencyEffectiveCost", "x_CostBasis") == [
        (D(490), "CREDITS", D(245), "billed")
    ]


def test_a_charge_in_two_currencies_waits_for_the_billed_one():
    both = charged("USD", total=100.0, net=90.0) + charged("EUR", total=92.0, net=82.80)
    used = frame_of([record("claude-1", "claude", report_type="cost", charges=both)])
    with pytest.raises(FrameError, match=r"one charge in EUR and USD.*billing_currency="):
        to_focus(used)
    table = to_focus(used, billing_currency="EUR")
    assert rows_of(table, "BilledCost", "ListCost", "BillingCurrency") == [(D("82.8"), D(92), "EUR")]


def test_two_currencies_of_one_record_are_rows_that_never_meet():
    used = frame_of([record("claude-1", "claude", charges=charged(total=100.0) + charged("EUR", tax=19.0))])
    assert rows_of(to_focus(used), "ChargeCategory", "BilledCost", "BillingCurrency") == [
        ("Usage", D(100), "USD"),
        ("Tax", D(19), "EUR"),
    ]


def test_columns_that_may_not_be_null_have_a_value_on_every_row():
    table = to_focus(frame_of([datadog(1.0) | {"charges": charged(total=1.0, tax=2.0, credit=-3.0)}]))
    names = ("BillingAccountType", "ChargeFrequency", "ServiceSubcategory", "PricingCurrency")
    names = (*names, "PricingCurrencyEffectiveCost")
    assert [table[name].null_count() for name in names] == [0] * 5
    emptied = table.with_columns(pl.lit(None, dtype=table.schema[name]).alias(name) for name in names)
    assert sorted(check_focus(emptied)["column"].unique()) == sorted(names)


def test_an_instant_is_charged_in_its_hour_and_keeps_its_time():
    table = to_focus(frame_of([event("13:46:59.479", total=1.0)]))
    start, end, moment = table.select("ChargePeriodStart", "ChargePeriodEnd", "x_EventTime").row(0)
    assert (start, end) == (datetime(2026, 10, 5, 13, tzinfo=UTC), datetime(2026, 10, 5, 14, tzinfo=UTC))
    assert moment == datetime(2026, 10, 5, 13, 46, 59, 479000, tzinfo=UTC)


def test_events_of_an_hour_add_up_on_request():
    events = [event("13:01:00", {"output": 10}, total=0.10), event("13:59:00", {"output": 30}, total=0.20)]
    table = to_focus(frame_of([*events, event("14:00:00", {"output": 5}, total=0.5)]), events="hour")
    assert rows_of(table, "BilledCost", "ConsumedQuantity", "x_Records", "x_RecordId") == [
        (D("0.3"), D(40), 2, None),
        (D("0.5"), D(5), 1, None),
    ]
    assert not check_focus(table).height


def test_a_refund_has_a_negative_quantity_and_a_price():
    used = frame_of([confluent(-12.50, 125.0, "GB"), datadog(-3.0)])
    table = to_focus(used)
    assert rows_of(table, "BilledCost", "ConsumedQuantity", "ListUnitPrice", "ChargeClass") == [
        (D("-12.5"), D(-125), D("0.1"), None),
        (D(-3), D(-1), D(3), None),
    ]
    assert to_focus(used, closed_before="2026-11-01")["ChargeClass"].to_list() == ["Correction", "Correction"]
    assert to_focus(used, closed_before="2026-10-31")["ChargeClass"].to_list() == [None, None]


def test_tax_and_credit_are_rows_of_their_own():
    charges = charged(total=100.0, discount=10.0, net=90.0, credit=-5.0, tax=17.0)
    table = to_focus(frame_of([confluent(0, 50.0, "GB") | {"charges": charges}]))
    columns = (
        "ChargeCategory",
        "BilledCost",
        "EffectiveCost",
        "ListCost",
        "PricingQuantity",
        "SkuId",
        "ChargeFrequency",
    )
    assert rows_of(table, *columns) == [
        ("Usage", D(90), D(90), D(100), D(50), "confluent:KAFKA:KAFKA_STORAGE", "Usage-Based"),
        # ListCost and ContractedCost, Tax: as the charge's own. 17 of 90 is 18.888… of 100, and 17 of 90.
        ("Tax", D(17), D(17), D("18.8888888889"), None, None, "One-Time"),
        ("Credit", D(-5), D(-5), D(-5), None, None, "One-Time"),
    ]
    assert table["ContractedCost"].to_list() == [D(90), D(17), D(-5)]
    assert table["BilledCost"].sum() == D(102)


def test_a_positive_credit_is_a_reduction_unless_it_is_taken_as_stated():
    used = frame_of([confluent(0) | {"charges": charged(credit=40.0)}])
    with pytest.warns(UsageWarning, match="positive credits taken as reductions, as in payable: 1 "):
        assert rows_of(to_focus(used), "ChargeCategory", "BilledCost") == [("Credit", D(-40))]
    with pytest.warns(UsageWarning, match="exported as corrections of credits: 1"):
        assert to_focus(used, positive_credits="as_stated")["BilledCost"].to_list() == [D(40)]


@pytest.mark.parametrize(
    ("unit", "spelled"),
    [("CSU-hour", "CSU-Hours"), ("Task-hour", "Task-Hours"), ("request_units", "Request Units"), ("GB", "GB"),
     ("invocations", "Invocations"), ("GB-hour", "GB-Hours"), ("Hour", "Hours"), ("50%", "Units"),
     ("query", "Queries")],
)  # fmt: skip
def test_units_are_spelled_as_focus_does_and_the_vendors_stay(unit, spelled):
    table = to_focus(frame_of([confluent(2.0, 4.0, unit)]))
    assert rows_of(table, "ConsumedUnit", "PricingUnit", "x_SourceUnit") == [(spelled, spelled, unit)]


def test_a_billing_day_moves_the_period_and_a_charge_across_it_is_cut_by_time():
    # October 1 to 14 are 13 of 31 days: 310 x 13 / 31 = 130, and 180 after.
    with pytest.warns(UsageWarning, match="2 rows are parts of charges"):
        table = to_focus(frame_of([datadog(310.0)]), billing_day={"datadog-1": 14})
    days = [(9, 14, 10, 14), (10, 14, 11, 14)]
    assert rows_of(table, "BillingPeriodStart", "BillingPeriodEnd") == [
        (datetime(2026, a, b, tzinfo=UTC), datetime(2026, c, d, tzinfo=UTC)) for a, b, c, d in days
    ]
    assert [round(q, 6) for q in table["ConsumedQuantity"]] == [D("0.419355"), D("0.580645")]
    assert table["BilledCost"].to_list() == [D(130), D(180)]
    assert table["ConsumedQuantity"].sum() == D(1)
    assert table["x_Prorated"].all()


def test_a_record_of_two_months_is_cut_at_the_month():
    with pytest.warns(UsageWarning, match="2 rows are parts"):
        table = to_focus(frame_of([datadog(61.0, end_date="2026-12-01")]))
    assert table["BilledCost"].to_list() == [D(31), D(30)]
    assert table["ChargePeriodEnd"].dt.date().cast(pl.String).to_list() == ["2026-11-01", "2026-12-01"]


def test_the_billing_account_is_the_organisation_else_the_account():
    used = [datadog(1.0, organization={"id": "org-1", "name": "Org"}), datadog(2.0, organization={"id": " "})]
    table = to_focus(frame_of(used))
    assert rows_of(table, "BillingAccountId", "BillingAccountType") == [
        ("org-1", "Organization"), ("datadog-1", "Integrated Account"),
    ]  # fmt: skip


def test_what_a_marketplace_bills_is_not_billed_here():
    charges = charged(total=10.0, credit=-1.0)
    table = to_focus(frame_of([datadog(0) | {"charges": charges}]), invoice_issuer={"datadog-1": "Amazon Web Services"})
    columns = ("InvoiceIssuerName", "BilledCost", "EffectiveCost", "x_BilledElsewhere", "x_BillingBasis")
    assert rows_of(table, *columns) == [
        ("Amazon Web Services", D(0), D(10), D(10), "another issuer"),
        ("Amazon Web Services", D(0), D(-1), D(-1), "another issuer"),
    ]
    assert table["ListCost"].to_list() == table["ContractedCost"].to_list() == [D(10), D(0)]


def test_a_list_price_that_nobody_stated_says_so():
    table = to_focus(frame_of([datadog(5.0), claude_cost(8.0, 10.0, model=None)]))
    assert rows_of(table, "ListCost", "ContractedCost", "x_ListCostKnown") == [(D(5), D(5), False), (D(10), D(8), True)]


def test_the_extra_columns_keep_what_focus_has_no_place_for():
    used = event("10:00:00", {"output": 10}, total=0.5) | {
        "id": "event-1", "surface": "ide", "user": {"email": "Ada@Example.com"},
        "resources": [{"id": "thread-1"}, {"id": "thread-2"}],
    }  # fmt: skip
    frame = frame_of([used]).with_columns(team=pl.lit("platform"), service_tier=pl.lit("priority"))
    row = to_focus(frame, tags=["team"]).row(0, named=True)
    assert (row["x_RecordId"], row["x_SourceRow"], row["x_Surface"], row["x_ModelId"]) == (
        "event-1", 0, "ide", "claude-4.5-sonnet",
    )  # fmt: skip
    assert json.loads(row["Tags"]) == {"team": "platform"}
    assert [each["id"] for each in json.loads(row["x_Resources"])["resources"]] == ["thread-1", "thread-2"]
    assert row["SkuId"] == "cursor:claude-4.5-sonnet:output:priority"
    assert json.loads(row["SkuPriceDetails"])["x_TokenDirection"] == "Output"
    assert row["x_PrincipalId"].startswith("sha256:")
    assert "x_PrincipalEmail" not in row
    told = to_focus(frame, emails=True).row(0, named=True)
    assert told["x_PrincipalEmail"] == "Ada@Example.com"
    lower = frame.with_columns(user_email=pl.lit("ada@example.com"))
    assert to_focus(lower).row(0, named=True)["x_PrincipalId"] == row["x_PrincipalId"]


def test_a_vendors_estimate_is_never_exported():
    guess = record("claude-1", "claude", report_type="activity", charges=charged(usage_based=1.86), tokens={"input": 5})
    bill = claude_cost(2.0, model=None)
    with pytest.warns(UsageWarning, match="left out: 1 record with a vendor's estimate") as told:
        table = to_focus(frame_of([guess, bill]))
    assert table["BilledCost"].to_list() == [D(2)]
    assert len(told) == 1


def test_parts_of_one_amount_add_up_to_it_to_the_last_place():
    # A third of a cent each way would be lost: 0.0100000001 over three equal kinds.
    tokens = {"input": 10, "cache_read": 100, "cache_write_ephemeral_5m": 8, "output": 2}
    table = to_focus(frame_of([claude_cost(0.0100000001), claude_usage(tokens)]))
    assert table.height == 4
    assert table["BilledCost"].sum() == table["ListCost"].sum() == D("0.0100000001")


def test_open_and_closed_months_are_a_dataset():
    table = to_focus(frame_of([datadog(1.0), claude_cost(1.0, model=None)]))
    periods = focus_billing_periods(table)
    assert rows_of(periods, "InvoiceIssuerName", "BillingPeriodStatus") == [("Anthropic", "Open"), ("Datadog", "Open")]
    closed = focus_billing_periods(table, closed_before="2026-11-01")
    assert closed["BillingPeriodStatus"].to_list() == ["Closed", "Closed"]


def test_what_is_not_money_or_tokens_is_counted_and_left_out():
    lines = record("cursor-1", "cursor", usage={"code": {"lines_added": 5}, "requests": {"chat": 1}})
    with pytest.warns(UsageWarning, match="left out: 1 record with neither money nor tokens"):
        table = to_focus(frame_of([lines, event("10:00:00", total=1.0)]))
    assert table.height == 1


def test_support_is_bought():
    fee = confluent(100.0, metric_name="SUPPORT", product={"id": "SUPPORT_CLOUD_BUSINESS", "name": "Business support"})
    table = to_focus(frame_of([fee]))
    columns = ("ChargeCategory", "ChargeFrequency", "PricingUnit", "ConsumedQuantity", "BilledCost", "EffectiveCost")
    assert rows_of(table, *columns) == [("Purchase", "Recurring", "Months", None, D(100), D(100))]


def test_one_measure_from_two_series_is_refused_as_in_a_cost_table():
    hours = {"start_date": "2026-10-05T00:00Z", "end_date": "2026-10-05T01:00Z"}
    used = frame_of([claude_cost(1.0), claude_cost(1.0) | hours])
    with pytest.raises(OverlapError, match="granularity="):
        to_focus(used)
    with pytest.warns(UsageWarning, match="only the records by day count"):
        assert to_focus(used, granularity="day").height == 1


def test_money_without_dates_and_unknown_vendors_are_refused():
    with pytest.raises(FrameError, match="such as 'r1', have no start_date"):
        to_focus(frame_of([datadog(1.0) | {"start_date": None, "id": "r1"}]))
    with pytest.raises(FrameError, match="'stripe' has no place in FOCUS"):
        to_focus(frame_of([record("s", "stripe", charges=charged(total=1.0))]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"version": "1.3"}, "version='1.3' is not allowed"),
        ({"unpriced": "zeros"}, "Did you mean 'zero'"),
        ({"prepaid": ["datadog"]}, "Did you mean 'datadog-1'"),
        ({"billing_day": {"datadog-1": 31}}, "not a day from 1 to 28"),
        ({"seat_prices": {"datadog-1": 40}}, "seats, price of one"),
        ({"credit_rate": {"datadog-1": ("CREDITS", 1)}}, "not of ISO 4217"),
        ({"credit_rate": {"datadog-1": ("USD", 0)}}, "needs no rate"),
        ({"closed_before": "soon"}, "not a date"),
        ({"tags": ["tema"]}, "tema"),
        ({"purchases": pl.DataFrame({"amount": [1.0]})}, "integrated_account_id"),
        ({"keeps": {}}, "keeps is not a choice"),
    ],
)
def test_words_that_mean_nothing_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        to_focus(frame_of([datadog(1.0)]), **given)


def test_an_empty_frame_is_an_empty_dataset_of_all_columns():
    table = to_focus(frame_of([datadog(1.0)]).clear())
    assert table.height == 0
    assert {"BilledCost", "ServiceProviderName", "x_SourceRow"} <= set(table.columns)
    assert not check_focus(table).height


def test_the_two_versions_differ_in_who_provides():
    old = to_focus(frame_of([datadog(1.0)]), "1.2")
    new = to_focus(frame_of([datadog(1.0)]))
    assert set(old.columns) - set(new.columns) == {"ProviderName", "PublisherName"}
    assert set(new.columns) - set(old.columns) == {"ServiceProviderName", "HostProviderName", "InvoiceDetailId"}


def test_tokens_that_seats_paid_for_take_no_part_of_an_overage():
    used = frame_of(
        [claude_cost(4.0, metric_name="input"), claude_usage({"input": M}), event("10:00:00", {"output": 9}, total=1.0)]
    )
    with pytest.warns(UsageWarning, match="1,000,009 tokens of claude-1, cursor-1 have no price"):
        table = to_focus(used, contract={"claude-1": "seat_overage", "cursor-1": "seat_overage"})
    assert rows_of(table, "BilledCost", "ConsumedQuantity", "ConsumedUnit") == [
        (D(4), D(1), "Units"),
        (D(1), D(1), "Units"),
    ]


def test_a_vendor_named_as_its_own_issuer_bills_as_before():
    table = to_focus(frame_of([datadog(10.0)]), invoice_issuer={"datadog-1": "Datadog"})
    assert rows_of(table, "InvoiceIssuerName", "BilledCost", "x_BillingBasis") == [("Datadog", D(10), "arrears")]


def test_columns_of_the_callers_own_never_meet_the_exports():
    frame = frame_of([datadog(10.0)])
    names = ("kind", "currency", "category", "list", "billed", "quantity", "unit", "n", "day", "covered")
    own = frame.with_columns(pl.lit("mine").alias(name) for name in names)
    expected = to_focus(frame)
    assert to_focus(own).equals(expected)
    tagged = to_focus(own, tags=["kind", "currency"])
    assert json.loads(tagged["Tags"][0]) == {"kind": "mine", "currency": "mine"}
    assert tagged.drop("Tags").equals(expected.drop("Tags"))


def test_what_is_told_is_told_once_at_the_callers_line():
    with pytest.warns(UsageWarning) as told:
        to_focus(frame_of([claude_usage({"input": 5}), datadog(1.0)]))
    assert [each.filename for each in told] == [__file__]


def test_tokens_of_a_day_that_is_charged_in_two_currencies_stay_without_a_price():
    euros = claude_cost(2.0) | {"charges": charged("EUR", total=2.0)}
    with pytest.warns(UsageWarning, match="1,000,000 tokens of claude-1 have no price"):
        table = to_focus(frame_of([claude_cost(3.0), euros, claude_usage({"input": M})]))
    assert rows_of(table, "BilledCost", "BillingCurrency", "ConsumedUnit") == [
        (D(3), "USD", "Units"),
        (D(2), "EUR", "Units"),
    ]


def test_of_two_series_that_state_one_bill_one_is_exported():
    people = claude_cost(2.0, user={"id": "u1"}) | {"report_type": "user_cost"}
    with pytest.warns(UsageWarning, match="user_cost left out: the same"):
        table = to_focus(frame_of([claude_cost(3.0), people]))
    assert rows_of(table, "BilledCost", "x_ReportType") == [(D(3), "cost")]


def test_tokens_that_another_series_states_are_told_as_that_and_not_as_nothing():
    people = claude_usage({"input": M}, user={"id": "u1"}) | {"report_type": "user_usage"}
    with pytest.warns(UsageWarning, match="user_usage left out: the same 1,000,000 tokens") as told:
        table = to_focus(frame_of([claude_cost(3.0), claude_usage({"input": M}), people]))
    assert "neither money nor tokens" not in str(told[0].message)
    assert rows_of(table, "BilledCost", "ConsumedQuantity") == [(D(3), D(M))]


def test_of_a_running_total_the_latest_state_is_exported():
    days = [datadog(10.0 * d, start_date=f"2026-10-0{d}", end_date=f"2026-10-0{d + 1}") for d in (1, 2, 3)]
    with pytest.warns(UsageWarning, match="running totals count once: 2 earlier states left out"):
        table = to_focus(frame_of(days))
    assert table["BilledCost"].to_list() == [D(30)]


def test_purchases_of_an_account_billed_in_arrears_cost_what_they_bill():
    bought = pl.DataFrame({
        "integrated_account_id": ["datadog-1"], "amount": [-20.0], "currency": ["USD"], "kind": ["x"],
        "start_date": [date(2026, 10, 1)], "end_date": [date(2026, 11, 1)], "description": ["Training, returned"],
    })  # fmt: skip
    table = to_focus(frame_of([datadog(1.0)]), purchases=bought).filter(pl.col("ChargeCategory") == "Purchase")
    columns = ("BilledCost", "EffectiveCost", "PricingQuantity", "ListUnitPrice", "ChargeDescription", "x_CostBasis")
    assert rows_of(table, *columns) == [(D(-20), D(-20), D(-1), D(20), "Training, returned", "given")]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("integrated_account_id", "datadog-2", "'datadog-2', which is not an account"),
        ("currency", "CREDITS", "not a currency of ISO 4217"),
        ("amount", None, "no amount on 1 of its rows"),
        ("amount", "12", "not numbers"),
        ("start_date", "October", "start_date 'October', which is not a date"),
        ("end_date", "2026-10-01", "ends on 2026-10-01, not after it starts"),
    ],
)
def test_purchases_that_cannot_be_read_are_refused(column, value, message):
    bought = {
        "integrated_account_id": ["datadog-1"], "amount": [20.0], "currency": ["USD"],
        "start_date": ["2026-10-01"], "end_date": ["2026-11-01"],
    } | {column: [value]}  # fmt: skip
    with pytest.raises(FrameError, match=message):
        to_focus(frame_of([datadog(1.0)]), purchases=pl.DataFrame(bought))


@given(st.lists(st.one_of(st.none(), st.floats(-1e15, 1e15), st.decimals(-9999, 9999, places=11).map(float))))
def test_an_amount_is_read_by_its_decimal_text_halves_to_even(amounts):
    context = Context(prec=60, rounding=ROUND_HALF_EVEN)
    wanted = [None if a is None else D(repr(a)).quantize(D("1e-10"), context=context) for a in amounts]
    assert exact(pl.Series("amount", amounts, dtype=pl.Float64)).to_list() == wanted


def test_an_amount_between_two_tenth_places_goes_to_the_even_one():
    # 0.00000000005 lies between 0 and 1e-10, 0.00000000015 between 1e-10 and 2e-10: both go to the even digit.
    amounts = pl.Series([0.00000000005, 0.00000000015, -0.00000000025, 1e-7])
    assert exact(amounts).to_list() == [D(0), D("2e-10"), D("-2e-10"), D("1e-7")]


@pytest.mark.filterwarnings("ignore::truto_usage_nb.errors.UsageWarning")
@pytest.mark.parametrize("options", [{}, {"unpriced": "zero"}, {"events": "hour"}, {"billing_day": {"claude-1": 5}}])
def test_an_export_does_not_depend_on_how_many_rows_are_made_at_a_time(monkeypatch, options):
    usage = [claude_usage({"input": 10 * n, "output": n}, day=n, surface=f"s{n % 2}") for n in range(1, 9)]
    money = [claude_cost(n / 7, n / 6, day=n) for n in range(1, 8)]
    aside = [record("confluent-1", "confluent", day=n, charges=charged(total=n / 3, tax=n / 9)) for n in (1, 2, 3)]
    frame = frame_of([*money, *usage, *aside])
    whole = to_focus(frame, **options)
    monkeypatch.setattr(exporting, "SLICE", 3)
    monkeypatch.setattr(checking, "SLICE", 2)
    assert to_focus(frame, **options).equals(whole)


def test_a_broken_cell_is_named_by_its_row_however_far_down_it_stands(monkeypatch):
    monkeypatch.setattr(checking, "SLICE", 2)
    found = check_focus(pl.DataFrame({"BillingCurrency": ["USD", "EUR", "USD", "EUR", "XXX"]}))
    broken = [(4, "BillingCurrency", "is not a currency of ISO 4217", "XXX")]
    assert found.filter(pl.col("row").is_not_null()).rows() == broken
    two = pl.DataFrame({"ServiceName": ["A", "B", "A"], "ServiceCategory": ["Other", "Other", "Web"]})
    rule = "must be one for a ServiceName"
    assert check_focus(two).filter(pl.col("rule") == rule)["row"].to_list() == [0, 2]


def test_the_row_with_the_largest_weight_takes_what_does_not_divide():
    """10 by one and two: 3.3333333333 and 6.6666666666, and the last 0.0000000001 to the larger."""
    from truto_usage_nb.focus.amounts import AMOUNT, split

    whole = pl.Series([Decimal(10)] * 2, dtype=AMOUNT)
    less, more = "3.3333333333", "6.6666666667"
    for weights, parts in (([1.0, 2.0], [less, more]), ([2.0, 1.0], [more, less])):
        made = split(pl.DataFrame({"key": [1, 1], "cost": whole, "weight": weights}), ["cost"], "key", "weight")
        assert made["cost"].to_list() == list(map(Decimal, parts))
