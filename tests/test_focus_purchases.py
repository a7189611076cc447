"""What was bought, credited, taxed and corrected: every figure worked by hand, and sums that hold whatever comes in."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from tests.test_focus import claude_cost, claude_usage, confluent, datadog, event, record, rows_of
from truto_usage_nb.costs import total_cost, with_costs
from truto_usage_nb.errors import FrameError, UsageWarning
from truto_usage_nb.focus import check_focus, focus_billing_periods, to_focus, write_focus

D = Decimal
ACCOUNT = "confluent-1"
FEE = pl.col("ChargeCategory") == "Purchase"


def at(month: int, day: int = 1, year: int = 2026) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def bought(*rows: tuple[Any, str, str], account: str = ACCOUNT, currency: str = "USD", **more: Any) -> pl.DataFrame:
    amounts, starts, ends = zip(*rows, strict=True)
    same = {"integrated_account_id": account, "currency": currency} | more
    table = {name: value if isinstance(value, list) else [value] * len(rows) for name, value in same.items()}
    return pl.DataFrame({"amount": list(amounts), "start_date": list(starts), "end_date": list(ends)} | table)


def usage(*days: tuple[int, float], month: int = 10) -> pl.DataFrame:
    """Gigabytes at a dollar each, a record a day."""
    dates = [{"start_date": f"2026-{month:02}-{d:02}", "end_date": f"2026-{month:02}-{d + 1:02}"} for d, _ in days]
    return frame_of([confluent(n, n, "GB") | when for (_, n), when in zip(days, dates, strict=True)])


# Purchases ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prepaid", [[], [ACCOUNT]])
@pytest.mark.parametrize("amount", [120000.0, 120000, D("120000")])
def test_a_purchase_is_one_row_billed_where_its_term_begins(prepaid, amount):
    """BilledCost includes what is invoiced in the billing period; EffectiveCost is 0 where it covers usage."""
    table = to_focus(usage((5, 1.0)), prepaid=prepaid, purchases=bought((amount, "2026-10-01", "2027-10-01")))
    fee = table.filter(FEE)
    columns = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "BilledCost",
               "EffectiveCost", "ListCost", "ContractedCost", "x_Prorated")  # fmt: skip
    effective = D(0) if prepaid else D(120000)
    whole = D(120000)
    assert rows_of(fee, *columns) == [
        (at(10), at(11), at(10), at(10, year=2027), whole, effective, whole, whole, False)
    ]  # fmt: skip


def test_the_last_cent_of_a_decimal_purchase_is_billed():
    # As a float 12345678901234567.89 would be 12345678901234568.
    for amount in (D("1234.56"), D("12345678901234567.89")):
        fee = to_focus(usage((5, 1.0)), purchases=bought((amount, "2026-10-01", "2026-11-01"))).filter(FEE)
        assert fee["BilledCost"].to_list() == fee["EffectiveCost"].to_list() == [amount]


def test_a_purchase_has_a_quantity_a_unit_a_list_price_and_a_sku_of_its_own():
    # 100,000 credits at $0.04 are $4,000; at $0.05, the list price, $5,000.
    purchases = bought(
        (4000.0, "2026-10-01", "2027-10-01"), (900.0, "2026-10-07", "2026-10-08"),
        quantity=[100_000, None], unit=["credits", None], sku=["CRED-100K", "TRAINING-DAY"], list_amount=[5000.0, None],
        covers_usage=[True, False], description=["100,000 credits", "A training day"],
    )  # fmt: skip
    table = to_focus(usage((5, 17.0)), purchases=purchases)
    columns = ("SkuId", "PricingQuantity", "PricingUnit", "ContractedUnitPrice", "ListUnitPrice", "BilledCost",
               "EffectiveCost", "ListCost", "CommitmentDiscountId", "ChargeDescription")  # fmt: skip
    assert rows_of(table.filter(FEE), *columns) == [
        ("CRED-100K", D(100_000), "Credits", D("0.04"), D("0.05"), D(4000), D(0), D(5000),
         "confluent-1:CRED-100K:2026-10-01", "100,000 credits"),
        ("TRAINING-DAY", D(1), "Units", D(900), D(900), D(900), D(900), D(900), None, "A training day"),
    ]  # fmt: skip


def test_a_purchase_is_billed_in_the_period_that_it_says():
    # SaaS examples: A3, licences bought in June for a year from April; B, a year billed in its last month.
    terms = [(1000.0, "2026-04-01", "2027-04-01"), (50000.0, "2025-11-01", "2026-11-01")]
    table = to_focus(usage((5, 1.0)), purchases=bought(*terms, billed_on=["2026-06-01", "2026-10-31"]))
    assert rows_of(table.filter(FEE), "BillingPeriodStart", "ChargePeriodStart", "BilledCost") == [
        (at(6), at(4), D(1000)),
        (at(10), at(11, year=2025), D(50000)),
    ]
    moved = to_focus(usage((5, 1.0)), purchases=bought(terms[0]), billing_day={ACCOUNT: 14}).filter(FEE)
    assert rows_of(moved, "BillingPeriodStart", "BillingPeriodEnd") == [(at(3, 14), at(4, 14))]


def test_usage_draws_on_a_purchase_until_it_is_spent_and_what_nobody_drew_is_a_row_at_the_end():
    """EffectiveCost of Usage with a CommitmentDiscountId equals BilledCost of its Purchase: 30 + 20 + 10 + 5 = 65."""
    frame = usage((1, 30.0), (2, 20.0), (3, 10.0), (30, 0.0001))
    frame = frame.with_columns(
        end_date=pl.when(pl.col("usage_quantity") < 1).then(at(11)).otherwise(pl.col("end_date"))
    )
    table = to_focus(frame, purchases=bought((65.0001, "2026-10-01", "2026-11-01"), covers_usage=True))
    columns = ("ChargeCategory", "CommitmentDiscountStatus", "PricingCategory", "BilledCost", "EffectiveCost",
               "CommitmentDiscountQuantity", "CommitmentDiscountUnit", "ConsumedQuantity")  # fmt: skip
    assert rows_of(table, *columns) == [
        ("Usage", "Used", "Committed", D(0), D(30), D(30), "USD", D(30)),
        ("Usage", "Used", "Committed", D(0), D(20), D(20), "USD", D(20)),
        ("Usage", "Used", "Committed", D(0), D(10), D(10), "USD", D(10)),
        ("Usage", "Used", "Committed", D(0), D("0.0001"), D("0.0001"), "USD", D("0.0001")),
        ("Purchase", None, "Standard", D("65.0001"), D(0), D("65.0001"), "USD", None),
        ("Usage", "Unused", "Committed", D(0), D(5), D(5), "USD", None),
    ]
    assert table["CommitmentDiscountId"].unique().to_list() == ["confluent-1:purchase:2026-10-01"]
    assert set(table["CommitmentDiscountType"]) == {"Prepayment"}


def test_a_row_that_draws_the_last_of_a_purchase_is_parted_there():
    # $35 pay for $30 and for 5 of the next 20; 15 of it and the third day are billed.
    table = to_focus(
        usage((1, 30.0), (2, 20.0), (3, 10.0)), purchases=bought((35.0, "2026-10-01", "2026-11-01"), covers_usage=True)
    )
    columns = ("BilledCost", "EffectiveCost", "ConsumedQuantity", "CommitmentDiscountStatus", "x_BillingBasis")
    assert rows_of(table.filter(~FEE), *columns) == [
        (D(0), D(30), D(30), "Used", "prepaid"),
        (D(0), D(5), D(5), "Used", "prepaid"),
        (D(15), D(15), D(15), None, "arrears"),
        (D(10), D(10), D(10), None, "arrears"),
    ]
    assert table["BilledCost"].sum() == table["EffectiveCost"].sum() == D(60)


def test_what_expires_first_is_drawn_first_and_only_in_its_term_and_currency():
    purchases = pl.concat([
        bought((100.0, "2026-10-01", "2027-10-01"), (10.0, "2026-10-02", "2026-11-01"), covers_usage=True),
        bought((50.0, "2026-10-01", "2026-11-01"), currency="EUR", covers_usage=True),
    ])  # fmt: skip
    table = to_focus(usage((1, 4.0), (2, 7.0), (5, 6.0)), purchases=purchases).filter(~FEE)
    assert rows_of(table, "CommitmentDiscountId", "EffectiveCost") == [
        ("confluent-1:purchase:2026-10-01", D(4)),
        ("confluent-1:purchase:2026-10-02", D(7)),
        ("confluent-1:purchase:2026-10-02", D(3)),
        ("confluent-1:purchase:2026-10-01", D(3)),
    ]


def test_usage_that_is_prepaid_by_nobody_knows_what_names_no_commitment():
    table = to_focus(usage((1, 30.0)), prepaid=[ACCOUNT])
    columns = ("BilledCost", "EffectiveCost", "PricingCategory", "CommitmentDiscountId", "CommitmentDiscountStatus")
    assert rows_of(table, *columns) == [(D(0), D(30), "Standard", None, None)]
    plan = to_focus(
        frame_of([event("10:00:00", {"output": 9}, included=1.2)]), seat_prices={"cursor-1": (1, 40, "USD")}
    )
    assert set(plan["PricingCategory"]) == {"Standard"}


def test_seats_are_of_the_months_of_usage_alone():
    """A purchase for a year, or a correction in an open month, is no month of seats."""
    frame = frame_of([event("10:00:00", {"output": 9}, included=1.2), event("11:00:00", total=-0.5)])
    table = to_focus(
        frame, seat_prices={"cursor-1": (1, 40.0, "USD")}, closed_before="2026-11-01",
        purchases=bought((5.0, "2026-01-01", "2027-01-01"), account="cursor-1"),
    )  # fmt: skip
    seats = table.filter(pl.col("SkuId") == "cursor:seats:fee")
    assert rows_of(seats, "BillingPeriodStart", "BilledCost") == [(at(10), D(40))]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"quantity": [0]}, "a quantity of 0, which is not above 0"),
        ({"quantity": ["many"]}, "quantities of type String, not numbers"),
        ({"quantity": [float("nan")]}, "quantity nan, which is not an amount"),
        ({"list_amount": [-5.0]}, "list_amount of another sign"),
        ({"covers_usage": ["yes"]}, "covers_usage of type String, not true or false"),
        ({"cover_usage": [True]}, "column 'cover_usage', which nothing reads. Did you mean 'covers_usage'"),
        ({"billed_on": ["soon"]}, "billed_on 'soon', which is not a date"),
    ],
)
def test_what_cannot_be_read_of_a_purchase_is_refused(more, message):
    with pytest.raises(FrameError, match=message):
        to_focus(usage((5, 1.0)), purchases=bought((20.0, "2026-10-01", "2026-11-01"), **more))


# Amounts and prices ---------------------------------------------------------------------------------------------------


def test_amounts_as_decimals_come_to_the_same():
    frame = frame_of([confluent(1234.5678, 10.0, "GB"), datadog(0.0001), claude_cost(8.25, 10.5, model=None)])
    columns = [name for name in frame.columns if name.startswith("charges_") and frame.schema[name] == pl.Float64]
    exact = frame.with_columns(pl.col(columns).cast(pl.Decimal(18, 4)))
    expected = to_focus(frame)
    assert expected["BilledCost"].sum() == D("1242.8179")  # 1234.5678 + 0.0001 + 8.25
    assert to_focus(exact).equals(expected)
    held = exact.to_pandas()
    assert isinstance(held["charges_total"].dropna().iloc[0], D)
    assert D(str(to_focus(held)["BilledCost"].sum())) == D("1242.8179")
    literal = duckdb.sql("SELECT '2026-10-01' AS start_date, '2026-11-01' AS end_date, 1234.56 AS amount, "
                         "'USD' AS currency, 'datadog-1' AS integrated_account_id")  # fmt: skip
    assert to_focus(frame, purchases=literal).filter(FEE)["BilledCost"].to_list() == [D("1234.56")]
    objects = pd.DataFrame({"integrated_account_id": ["datadog-1"], "amount": [D("1234.56")], "currency": ["USD"],
                            "start_date": ["2026-10-01"], "end_date": ["2026-11-01"]})  # fmt: skip
    assert to_focus(frame, purchases=objects).filter(FEE)["BilledCost"].to_list() == [D("1234.56")]


@pytest.mark.parametrize(
    ("amount", "quantity", "price", "unit", "pricing_quantity"),
    [
        # 172 TB at $0.10 a TB, counted in bytes
        (17.20, 172e12, D("0.1"), "1000000000000 B", D(172)),
        (0.5, 1e9, D("0.0005"), "1000000 B", D(1000)),
        (123456.78, 9.87e27, None, "1000000000000000000 B", D("9870000000")),
        (1e-7, 1.7e18, None, "1000000000000000000000000 B", D("0.0000017")),
        (3.0, 2e6, D("0.0000015"), "B", D(2_000_000)),
    ],
)
def test_what_is_cheap_is_priced_by_the_million_or_more(amount, quantity, price, unit, pricing_quantity):
    table = to_focus(frame_of([confluent(amount, quantity, "bytes")]))
    found = table.select("ContractedCost", "ListUnitPrice", "PricingUnit", "PricingQuantity", "ConsumedQuantity").row(0)
    assert found[2:] == (unit, pricing_quantity, D(repr(quantity)))
    assert found[1] == price or price is None
    assert abs(found[1] * found[3] - found[0]) <= max(D("5e-11"), found[0] * D("1e-12"))


@pytest.mark.parametrize(("amount", "quantity", "named"), [(1.0, 1e28, "usage_quantity"), (-1e28, 1.0, "cost_billed")])
def test_what_a_decimal_has_no_room_for_is_refused_by_name(amount, quantity, named):
    with pytest.raises(FrameError, match=rf"confluent-1, such as 'r1', has {named} .*room for 28 digits"):
        to_focus(frame_of([confluent(amount, quantity, "GB", id="r1")]))


def test_a_price_is_the_shortest_decimal_that_gives_the_cost():
    # 2.09 a gigabyte: 0.7 x 2.09 = 1.463, 1.1 x 2.09 = 2.299, 19.9 x 2.09 = 41.591; in floats none divides to 2.09.
    used = [confluent(cost, quantity, "GB") for quantity, cost in ((0.7, 1.463), (1.1, 2.299), (19.9, 41.591))]
    assert to_focus(frame_of(used))["ListUnitPrice"].unique().to_list() == [D("2.09")]
    # A third has no shortest one: so many places as give 1 to ten places, 3 x 0.33333333333 = 0.99999999999.
    assert to_focus(frame_of([confluent(1.0, 3.0, "GB")]))["ListUnitPrice"].to_list() == [D("0.33333333333")]
    credits = record("codex-1", "openai_codex", tokens={"input": 100}, charges=charged("CREDITS", usage_based=10.0))
    row = to_focus(frame_of([credits]), credit_rate={"codex-1": ("USD", 0.04)}).row(0, named=True)
    # 10 credits for 100 tokens are 100,000 a million, and $4,000.
    assert row["PricingCurrencyListUnitPrice"] == D(100_000)
    assert row["ListUnitPrice"] == D(4000)


def test_sizes_in_words_become_their_abbreviations():
    spelled = {"bytes": "B", "gigabytes": "GB", "GiB-hours": "GiB-Hours", "Megabit": "Mb", "byte-hour": "B-Hours"}
    for unit, wanted in spelled.items():
        assert to_focus(frame_of([confluent(2.0, 4.0, unit)]))["ConsumedUnit"].to_list() == [wanted]


# Tax, credits, corrections, instants ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amounts", "listed", "contracted"),
    [
        # 20 % of 80, where list is 100: 20 of 100, and 16 of 80.
        ({"total": 100.0, "net": 80.0, "discount": 20.0, "tax": 16.0}, D(20), D(16)),
        ({"total": 80.0, "tax": 16.0}, D(16), D(16)),
        ({"tax": 16.0}, D(16), D(16)),
        # A refund: -8 net of -10 list, tax back -1.6: -2 of list.
        ({"total": -10.0, "net": -8.0, "tax": -1.6}, D(-2), D("-1.6")),
    ],
)
def test_list_and_contracted_cost_of_tax_follow_from_its_charge(amounts, listed, contracted):
    table = to_focus(frame_of([datadog(0) | {"charges": charged(**amounts)}])).filter(pl.col("ChargeCategory") == "Tax")
    tax = D(str(amounts["tax"]))
    columns = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    assert rows_of(table, *columns) == [(tax, tax, listed, contracted)]


def test_what_another_issuer_bills_adds_up_to_the_payable():
    charges = charged(total=100.0, net=90.0, discount=10.0, tax=18.0, credit=-54.0)
    frame = frame_of([datadog(0) | {"charges": charges}])
    table = to_focus(frame, invoice_issuer={"datadog-1": "AWS Marketplace"})
    assert rows_of(table, "ChargeCategory", "BilledCost", "EffectiveCost", "ListCost", "x_BilledElsewhere") == [
        ("Usage", D(0), D(90), D(100), D(90)),
        ("Tax", D(0), D(18), D(20), D(18)),
        ("Credit", D(0), D(-54), D(0), D(-54)),
    ]
    assert table["EffectiveCost"].sum() == D(54) == D(str(total_cost(frame, measure="payable")))


@pytest.mark.parametrize(
    ("closed_before", "billing_day", "period"),
    [("2026-11-01", {}, (at(11), at(12))), ("2026-11-20", {}, (at(11), at(12))),
     ("2026-11-14", {"confluent-1": 14}, (at(11, 14), at(12, 14)))],
)  # fmt: skip
def test_a_correction_is_billed_in_an_open_period_and_charged_in_its_own(closed_before, billing_day, period):
    """CorrectionHandling: BillingPeriodStart of a subsequent open period, ChargePeriodStart as originally incurred."""
    frame = frame_of([confluent(-12.5, 125.0, "GB", day=20), confluent(8.0, 80.0, "GB", day=20)])
    table = to_focus(frame, closed_before=closed_before, billing_day=billing_day)
    back, plain = table.row(0, named=True), table.row(1, named=True)
    assert back["ChargeClass"] == "Correction"
    assert (back["BillingPeriodStart"], back["BillingPeriodEnd"]) == period
    assert (back["ChargePeriodStart"], back["ChargePeriodEnd"]) == (at(10, 20), at(10, 21))
    assert plain["ChargeClass"] is None
    assert plain["BillingPeriodStart"] < back["BillingPeriodStart"]


def test_of_a_refund_over_two_months_the_closed_part_is_a_correction():
    # October and November are 61 days: 61 = 31 + 30.
    with pytest.warns(UsageWarning, match="2 rows are parts"):
        table = to_focus(frame_of([datadog(-61.0, end_date="2026-12-01")]), closed_before="2026-11-01")
    columns = ("BilledCost", "ChargeClass", "ChargePeriodStart", "BillingPeriodStart")
    assert rows_of(table, *columns) == [(D(-31), "Correction", at(10), at(11)), (D(-30), None, at(11), at(11))]


def test_money_back_for_a_purchase_of_a_closed_period_is_a_correction():
    purchases = bought((-20.0, "2026-09-01", "2026-10-01"), (-5.0, "2026-11-03", "2026-11-04"), account="datadog-1")
    table = to_focus(frame_of([datadog(1.0)]), purchases=purchases, closed_before="2026-11-01").filter(FEE)
    columns = ("BilledCost", "ChargeClass", "ChargePeriodStart", "BillingPeriodStart", "PricingQuantity")
    assert rows_of(table, *columns) == [
        (D(-20), "Correction", at(9), at(11), D(-1)),
        (D(-5), None, at(11, 3), at(11), D(-1)),
    ]


def test_a_fraction_of_a_second_is_kept_in_files_and_makes_no_empty_period(tmp_path):
    short = confluent(1.0, 1.0, "GB") | {"start_date": "2026-10-05T10:00:00.100Z", "end_date": "2026-10-05T10:00:00.9Z"}
    table = to_focus(frame_of([event("13:46:59.479", total=1.0), event("13:46:59", total=1.0), short]))
    assert rows_of(table[2:], "ChargePeriodStart", "ChargePeriodEnd") == [
        (datetime(2026, 10, 5, 10, tzinfo=UTC), datetime(2026, 10, 5, 10, 0, 1, tzinfo=UTC))
    ]
    text = pl.read_csv(write_focus(table, tmp_path / "focus.csv"), infer_schema=False)
    assert text["x_EventTime"].to_list() == ["2026-10-05T13:46:59.479Z", "2026-10-05T13:46:59Z", None]
    assert check_focus(text).height == 0
    assert set(text["ChargePeriodEnd"]) == {"2026-10-05T14:00:00Z", "2026-10-05T10:00:01Z"}


def test_a_tag_that_json_does_not_know_is_left_out_or_a_text():
    frame = frame_of([datadog(1.0)]).with_columns(
        x=pl.lit(float("nan")), y=pl.lit(float("inf")), z=pl.lit(0.5), d=pl.lit(D("1.5"))
    )
    assert to_focus(frame, tags=["x", "y", "z", "d"])["Tags"].to_list() == ['{"y":"inf","z":0.5,"d":1.5}']
    assert to_focus(frame, tags=["x"])["Tags"].to_list() == [None]


def test_columns_that_say_nothing_are_written_on_request():
    frame = frame_of([datadog(1.0)])
    for version, count in (("1.4", 65), ("1.2", 57)):
        table = to_focus(frame, version, conditional_columns=True)
        own = [name for name in table.columns if not name.startswith("x_")]
        assert len(own) == count
        assert table["RegionId"].null_count() == table["CapacityReservationStatus"].null_count() == 1
        assert "RegionId" not in to_focus(frame, version).columns


# Whatever comes in ----------------------------------------------------------------------------------------------------

CENTS = st.integers(1, 10**7).map(lambda n: n / 10**4)
TERMS = st.sampled_from([("2026-10-01", "2026-11-01"), ("2026-10-01", "2027-10-01"), ("2026-10-03", "2026-10-20")])


@st.composite
def months(draw: st.DrawFn) -> pl.DataFrame:
    """October of an account of Confluent and one of Cursor: usage, taxes and credits, on all of its days' edges."""
    days = [1, *draw(st.lists(st.integers(2, 29), max_size=4)), 31]
    records = []
    for day in days:
        amounts = {"total": draw(CENTS)} | draw(
            st.fixed_dictionaries({}, optional={"tax": CENTS, "credit": CENTS.map(lambda n: -n)})
        )
        currency = draw(st.sampled_from(["USD", "EUR"]))
        one = confluent(0, draw(CENTS), "GB", day=day) | {"charges": charged(currency, **amounts)}
        records.append(one | ({"end_date": "2026-11-01"} if day == 31 else {}))
    events = draw(st.lists(st.tuples(CENTS, st.sampled_from(["included", "usage_based"])), max_size=3))
    records += [event(f"1{n}:00:00", {"output": 9}, **{kind: cost}) for n, (cost, kind) in enumerate(events)]
    return frame_of(records)


@st.composite
def deals(draw: st.DrawFn) -> pl.DataFrame:
    count = draw(st.integers(0, 3))
    rows = [(D(draw(st.integers(1, 10**12))).scaleb(-8), *draw(TERMS)) for _ in range(count)]
    if not rows:
        return bought((D(1), "2026-10-01", "2026-11-01")).clear()
    covers = [draw(st.booleans()) for _ in rows]
    return bought(*rows, currency=draw(st.sampled_from(["USD", "EUR"])), covers_usage=covers)


def summed(table: pl.DataFrame, *key: str, of: str) -> dict[Any, Decimal]:
    found = table.group_by(key).agg(pl.col(of).sum())
    return {row[:-1]: row[-1] for row in found.iter_rows() if row[-1]}


@settings(max_examples=15)
@given(months(), deals(), st.booleans(), st.sampled_from([None, (3, 9.99, "USD")]))
def test_bills_add_up_to_what_is_payable_and_purchases_to_what_they_cost(frame, purchases, elsewhere, seats):
    has_cursor = "cursor-1" in frame["integrated_account_id"]
    said: dict[str, Any] = {"seat_prices": {"cursor-1": seats}} if seats and has_cursor else {}
    said |= {"invoice_issuer": {"cursor-1": "AWS"} if has_cursor else {ACCOUNT: "AWS"}} if elsewhere else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        table = to_focus(frame, purchases=purchases, **said)
    own = table.filter(pl.col("x_SourceRow").is_not_null())
    fees, lapsed = table.filter(FEE), table.filter(pl.col("CommitmentDiscountStatus") == "Unused")
    # In all, what is spent is what is payable by the records, and what was bought; to the last decimal, by currency.
    costs = with_costs(frame).select("cost_currency", "cost_billed", "cost_tax", "cost_credit")
    payable: dict[Any, Decimal] = {}
    for currency, *amounts in costs.iter_rows():
        payable[currency,] = payable.get((currency,), D(0)) + sum(D(repr(a)) for a in amounts)
    drawn = summed(own.filter(pl.col("CommitmentDiscountStatus") == "Used"), "BillingCurrency", of="EffectiveCost")
    covered = summed(own.filter(pl.col("x_CoveredBy") == "plan"), "BillingCurrency", of="EffectiveCost")
    for currency, amount in payable.items():
        spread = covered.get(currency, D(0))  # a seat's cost on what it covers, which its own records bill at 0
        assert summed(own, "BillingCurrency", of="EffectiveCost").get(currency, D(0)) - spread == amount
        others = summed(own, "BillingCurrency", of="x_BilledElsewhere").get(currency, D(0))
        billed = summed(own, "BillingCurrency", of="BilledCost").get(currency, D(0))
        assert billed + others + drawn.get(currency, D(0)) == amount
    # Each purchase, over its life: what drew on it and what lapsed, or all of it at once.
    for (name,), bill in summed(fees, "CommitmentDiscountId", of="CommitmentDiscountQuantity").items():
        usage = table.filter((pl.col("CommitmentDiscountId") == name) & ~FEE)
        assert (usage["EffectiveCost"].sum() or D(0)) <= bill
        if whole_term(fees, name):
            assert usage["EffectiveCost"].sum() == bill
    assert lapsed["BilledCost"].sum() == D(0)
    bills = summed(table, "BillingPeriodStart", "BillingCurrency", of="BilledCost")
    assert sum(bills.values()) == table["BilledCost"].sum()
    assert {period for period, _ in bills} <= {at(10), at(11)}


def whole_term(fees: pl.DataFrame, name: str) -> bool:
    """Whether October, which is all that there is, is all of a purchase's term."""
    return bool((fees.filter(pl.col("CommitmentDiscountId") == name)["ChargePeriodEnd"] <= at(11)).all())


def test_both_sides_of_an_open_year_are_open_periods():
    table = to_focus(usage((5, 1.0)), purchases=bought((5.0, "2026-04-01", "2027-04-01")), closed_before="2026-10-01")
    assert focus_billing_periods(table, closed_before="2026-10-01")["BillingPeriodStatus"].to_list() == [
        "Closed",
        "Open",
    ]


def test_tokens_that_draw_on_a_purchase_are_all_there():
    used = frame_of([claude_cost(3.0, metric_name="input"), claude_usage({"input": 1_000_000})])
    table = to_focus(used, purchases=bought((1.0, "2026-10-01", "2026-11-01"), account="claude-1", covers_usage=True))
    tokens = table.filter(pl.col("ConsumedUnit") == "Tokens")
    # A third of three dollars is a third of a million tokens.
    assert rows_of(tokens, "EffectiveCost", "BilledCost", "ConsumedQuantity") == [
        (D(1), D(0), D("333333.3333333333")), (D(2), D(2), D("666666.6666666667")),
    ]  # fmt: skip
