"""The cost rule, row by row: what each vendor charges and what it comes to, worked by hand."""
# ruff: noqa: E501  # a row of the table stays on its line

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

from tests.frames_for_tests import charge, charged, frame_of
from truto_usage_nb.costs import cost_per
from truto_usage_nb.costs.lines import cost_lines, with_costs
from truto_usage_nb.costs.rule import REASONS, cost_rule
from truto_usage_nb.errors import FrameError, InputError
from truto_usage_nb.integrations import INTEGRATIONS

C3_ROW_1 = charged(usage_based=0.2018232, platform_fee=0.0118, total=0.2136232)
C3_ROW_2 = charged(usage_based=0.40167, discount=-0.040167, platform_fee=0.0118, total=0.3733)

# name, record, charges, billed, list, payable, flag
VENDOR_ROWS: list[tuple[str, dict[str, Any], list[dict[str, Any]], Any, Any, Any, str | None]] = [
    ("Cursor spend C2: 18.755 + 13.2525 = 32.0075", {"integration": "cursor"},
     charged(on_demand=18.755, included=13.2525, total=32.0075), 18.755, 32.0075, 18.755, "included_in_total;running_total"),
    ("Cursor included event, token based", {"integration": "cursor"}, charged(included=1.20, total=1.20), 0, 1.20, 0, None),
    ("Cursor included event with fee and discount: 0.40167 + 0.0118", {"integration": "cursor"},
     charged(included=0.40167, discount=-0.040167, platform_fee=0.0118, total=0.3733), 0, 0.41347, 0, None),
    ("Cursor C3 row 3 as mapped: not chargeable", {"integration": "cursor"}, charged(included=0.08, total=0), 0, 0.08, 0, None),
    ("Cursor errored, not charged", {"integration": "cursor"}, charged(usage_based=0.20, total=0), 0, 0, 0, "not_charged"),
    ("Claude Code estimate A3", {"integration": "claude", "report_type": "activity"},
     charged(usage_based=1.86), None, None, None, "estimate"),
    ("Claude skill A8", {"integration": "claude", "report_type": "skill_usage"},
     charged(on_demand=12.504375, total=88.219), None, 88.219, None, "estimate"),
    ("Confluent promotion as total, net and credit", {}, charged(total=-50, net=-50, credit=-50), 0, 0, -50, None),
    ("the same, sign positive", {}, charged(total=50, net=50, credit=50), 0, 0, -50, "credit_sign"),
    ("Confluent promotion as total and net only", {}, charged(total=-50, net=-50), -50, -50, -50, None),
    ("refund in parts: -12.50 + 2.50", {}, charged(usage_based=-12.50, discount=2.50), -10.0, -12.50, -10.0, None),
    ("refund, net and discount", {}, charged(net=-10, discount=-2.50), -10, -12.50, -10, None),
    ("Datadog D2", {"integration": "datadog"}, charged(committed=2500, on_demand=100, total=2600), 2600, 2600, 2600, "list_assumed"),
    ("Claude analytics cost A5: 2.58 - 0.3875", {"integration": "claude", "report_type": "cost"},
     charged(net=2.1925, discount=0.3875, total=2.58), 2.1925, 2.58, 2.1925, None),
    ("Confluent F1 row 2: 18.7 - 1.496", {"integration": "confluent"},
     charged(total=18.7, discount=1.496, net=17.204), 17.204, 18.7, 17.204, None),
    ("Cursor C3 row 1: 0.2018232 + 0.0118", {"integration": "cursor"}, C3_ROW_1, 0.2136232, 0.2136232, 0.2136232, "list_assumed"),
    ("Cursor C3 row 2: the vendor rounds 0.373303 to 0.3733", {"integration": "cursor"}, C3_ROW_2, 0.3733, 0.413467, 0.3733, None),
]  # fmt: skip

# name, charges, billed, list, tax, credit, payable, flag
WORKED = [
    ("committed and on demand", charged(committed=40, on_demand=60, total=100), 100, 100, 0, 0, 100, "list_assumed"),
    ("list and net", charged(total=12.50, net=10), 10, 12.50, 0, 0, 10, None),
    ("a credit of cents, sign positive", charged(total=100, discount=10, net=90, credit=0.5), 90, 100, 0, -0.5, 89.5, "credit_sign"),
    ("parts meet the net", charged(usage_based=100, discount=10, net=90), 90, 100, 0, 0, 90, None),
    ("parts miss the net", charged(usage_based=100, discount=10, net=80), 80, 90, 0, 0, 80, "total_mismatch"),
    ("credit, sign positive", charged(total=100, discount=10, net=90, credit=5), 90, 100, 0, -5, 85, "credit_sign"),
    ("the same and tax", charged(total=100, discount=10, net=90, credit=5, tax=17), 90, 100, 17, -5, 102, "credit_sign"),
    ("use and fee", charged(usage_based=0.84, platform_fee=0.06, total=0.90), 0.90, 0.90, 0, 0, 0.90, "list_assumed"),
    ("included, total 0", charged(included=1.20, total=0), 0, 1.20, 0, 0, 0, None),
    ("included, total the same", charged(included=1.20, total=1.20), 0, 1.20, 0, 0, 0, None),
    ("included only", charged(included=1.20), 0, 1.20, 0, 0, 0, None),
    ("parts: 40 + 60 + 3 - 8", charged(committed=40, on_demand=60, platform_fee=3, discount=-8, tax=19), 95, 103, 19, 0, 114, None),
    ("parts miss the total", charged(committed=40, on_demand=60, total=120), 120, 120, 0, 0, 120, "list_assumed;total_mismatch"),
    ("credit only", charged(credit=-25), 0, 0, 0, -25, -25, None),
    ("tax only", charged(tax=19), 0, 0, 19, 0, 19, None),
    ("refund", charged(total=-12.50, net=-10), -10, -12.50, 0, 0, -10, None),
    ("small", charged(total=0.000375, discount=0.000075, net=0.0003), 0.0003, 0.000375, 0, 0, 0.0003, None),
    ("nothing at all is unknown, not zero", [], None, None, None, None, None, "no_charges"),
]  # fmt: skip


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


def payable(row: dict[str, Any]) -> float | None:
    return None if row["cost_billed"] is None else row["cost_billed"] + row["cost_tax"] + row["cost_credit"]


def cost_of(record: dict[str, Any], charges: list[dict[str, Any]]) -> dict[str, Any]:
    return with_costs(frame_of([record | {"charges": charges}])).row(0, named=True)


@pytest.mark.parametrize(("name", "record", "charges", "billed", "listed", "due", "flag"), VENDOR_ROWS)
def test_a_vendors_row(name, record, charges, billed, listed, due, flag):  # noqa: PLR0917  # a row of the table
    row = cost_of(record, charges)
    assert row["cost_billed"] == near(billed)
    assert row["cost_list"] == near(listed)
    assert payable(row) == near(due)
    assert row["cost_flag"] == flag


@pytest.mark.parametrize(("name", "charges", "billed", "listed", "tax", "credit", "due", "flag"), WORKED)
def test_a_worked_row(name, charges, billed, listed, tax, credit, due, flag):  # noqa: PLR0917  # likewise
    row = cost_of({}, charges)
    found = [row["cost_billed"], row["cost_list"], row["cost_tax"], row["cost_credit"], payable(row)]
    assert found == [near(value) for value in (billed, listed, tax, credit, due)]
    assert row["cost_flag"] == flag


@pytest.mark.parametrize(("name", "charges"), [(row[0], row[1]) for row in WORKED])
def test_the_order_of_charges_does_not_matter(name, charges):
    assert cost_of({}, charges[::-1]) | {"charges": None} == cost_of({}, charges) | {"charges": None}


def test_estimates_stand_beside_the_bill():
    assert cost_of({"integration": "claude", "report_type": "activity"}, charged(usage_based=1.86))[
        "cost_vendor_estimate"
    ] == near(1.86)
    skill = cost_of({"integration": "claude", "report_type": "skill_usage"}, charged(on_demand=12.504375, total=88.219))
    assert skill["cost_vendor_estimate"] == near(12.504375)
    # A view that nobody named counts as a bill, and so do other vendors' views of that name.
    assert cost_of({"integration": "claude"}, charged(usage_based=1.86))["cost_billed"] == near(1.86)
    assert cost_of({"integration": "cursor", "report_type": "activity"}, charged(usage_based=1.86))[
        "cost_billed"
    ] == near(1.86)


def test_what_a_discount_was():
    assert cost_of({}, charged(total=12.5, net=10))["cost_discount"] == near(2.5)
    assert cost_of({}, charged(usage_based=-12.5, discount=2.5))["cost_discount"] == near(-2.5)
    assert cost_of({}, charged(total=10))["cost_discount"] is None  # nobody said what it would have been
    assert cost_of({}, charged(total=10, discount=0))["cost_discount"] == 0


def test_a_credit_that_covers_the_use_is_no_credit_record():
    row = cost_of({}, charged(net=5, credit=-5))
    assert (row["cost_billed"], row["cost_credit"]) == (5, -5)


def test_nothing_included_covers_nothing():
    assert cost_of({"integration": "cursor"}, charged(included=0, total=5))["cost_billed"] == 5


def test_no_negative_zero():
    assert str(cost_of({}, charged(total=5))["cost_credit"]) == "0.0"


def test_currencies():
    assert cost_of({}, charged("usd", total=5))["cost_currency"] == "USD"
    nameless = cost_of({}, charged(None, total=5))
    assert (nameless["cost_currency"], nameless["cost_billed"], nameless["cost_flag"]) == (
        "XXX",
        5,
        "list_assumed;no_currency",
    )
    credits = cost_of({}, charged("CREDITS", usage_based=12.5))
    assert (credits["cost_currency"], credits["cost_billed"], credits["cost_flag"]) == (
        "CREDITS",
        None,
        "virtual_currency",
    )


def test_repeats_of_a_total_count_once_and_of_a_part_each():
    assert cost_of({}, [charge("total", 5), charge("total", 5)])["cost_billed"] == 5
    assert cost_of({}, [charge("on_demand", 5), charge("on_demand", 5)])["cost_billed"] == 10


def test_an_unknown_type_is_told_and_not_counted():
    row = cost_of({}, charged(total=5, surcharge=2))
    assert (row["cost_billed"], row["cost_flag"]) == (5, "list_assumed;unknown_type")


def test_a_record_in_several_currencies():
    frame = frame_of(
        [{"id": "a", "charges": charged(total=100) + charged("EUR", tax=19), "usage": {"tokens": {"total": 7}}}]
    )
    row = with_costs(frame).row(0, named=True)
    assert (row["cost_billed"], row["cost_currency"], row["cost_flag"]) == (None, None, "mixed_currency")
    lines = cost_lines(frame).select(
        "id", "cost_currency", "cost_billed", "cost_tax", "usage_tokens_total", "cost_flag"
    )
    assert lines.rows() == [
        ("a", "USD", 100.0, 0.0, 7, "list_assumed;mixed_currency"),
        ("a", "EUR", 0.0, 19.0, None, "mixed_currency"),
    ]


def test_one_charge_stated_twice():
    twice = charged(total=100, net=90) + charged("EUR", total=92, net=82.8)  # both at 0.92
    frame = frame_of([{"charges": twice}])
    lines = cost_lines(frame)
    assert lines["cost_billed"].to_list() == [None, None]
    assert lines["cost_flag"].unique().to_list() == ["dual_currency;mixed_currency"]
    picked = cost_lines(frame, billing_currency="EUR")
    assert picked.select("cost_currency", "cost_billed", "cost_list").rows() == [
        ("USD", None, None),
        ("EUR", 82.8, 92.0),
    ]


def test_money_beside_a_virtual_currency():
    lines = cost_lines(frame_of([{"charges": charged(total=490) + charged("CREDITS", total=245)}]))
    assert lines.select("cost_currency", "cost_billed").rows() == [("USD", 490.0), ("CREDITS", None)]


def test_lines_keep_the_order_and_every_column():
    records = [{"id": str(i), "charges": charged(total=i)} for i in range(3)]
    records.insert(1, {"id": "m", "charges": charged(total=1) + charged("EUR", total=2, net=1)})
    lines = cost_lines(frame_of(records))
    assert lines["id"].to_list() == ["0", "m", "m", "1", "2"]
    assert lines.columns[: len(frame_of(records).columns)] == frame_of(records).columns


def test_a_lazy_frame_stays_lazy_and_a_second_call_changes_nothing():
    lazy = with_costs(frame_of([{"charges": charged(total=5)}]).lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert with_costs(lazy).collect().columns == lazy.collect().columns


def test_empty_and_all_null_frames():
    assert with_costs(frame_of([])).height == 0
    assert cost_lines(frame_of([])).height == 0
    assert with_costs(frame_of([{}]))["cost_flag"].to_list() == ["no_charges"]


def test_a_frame_that_is_none_of_ours():
    with pytest.raises(FrameError, match=r"charges_total.*Did you mean 'charge_total'"):
        with_costs(frame_of([]).rename({"charges_total": "charge_total"}))
    with pytest.raises(FrameError, match="charges_total holds String, not numbers"):
        with_costs(frame_of([{}]).with_columns(charges_total=pl.lit("12.50")))
    with pytest.raises(FrameError, match="not a polars"):
        with_costs([1, 2])


def test_several_currencies_without_the_list_are_refused_with_their_count():
    frame = frame_of([{"charges": charged(total=100) + charged("EUR", tax=19)}]).drop("charges")
    with pytest.raises(FrameError, match="1 record is charged in several currencies"):
        cost_lines(frame)


def test_the_card_explains_every_word():
    card = cost_rule()
    assert all(f"`{reason}`" in card for reason in REASONS)
    assert card._repr_markdown_() == str(card)
    assert list(REASONS) == sorted(REASONS)


@pytest.mark.parametrize(
    ("integration", "override", "billed", "listed", "flag"),
    [
        # Confluent's total is its original amount: 18.7 - 1.496
        ("confluent", None, 17.204, 18.7, None),
        # elsewhere a total is what is billed, and the discount already off it
        ("openai_codex", None, 18.7, 20.196, None),
        ("openai_codex", "list", 17.204, 18.7, None),
        ("confluent", "billed", 18.7, 20.196, None),
    ],
)
def test_what_a_total_without_a_net_is(integration, override, billed, listed, flag):
    record = {"integration": integration, "charges": charged(total=18.7, discount=1.496)}
    means = {integration: override} if override else None
    for rule in (with_costs, cost_lines):
        row = rule(frame_of([record]), total_means=means).row(0, named=True)
        assert (row["cost_billed"], row["cost_list"], row["cost_flag"]) == (near(billed), near(listed), flag)
    table = cost_per(frame_of([record]), total_means=means) if means else cost_per(frame_of([record]))
    assert table["cost"].to_list() == [near(billed)]


def test_a_total_that_contains_what_the_plan_covers():
    # 18.755 + 13.2525 = 32.0075 shows it by itself; where the vendor rounds too coarsely, the caller says so.
    rough = {"integration": "cursor", "charges": charged(on_demand=18.755, included=13.2525, total=32.1)}
    one = with_costs(frame_of([rough])).row(0, named=True)
    other = with_costs(frame_of([rough]), total_means={"cursor": "with_included"}).row(0, named=True)
    assert (one["cost_billed"], other["cost_billed"]) == (32.1, near(18.8475))
    assert "included_in_total" in other["cost_flag"]
    shown = {"integration": "cursor", "charges": charged(on_demand=18.755, included=13.2525, total=32.0075)}
    billed = with_costs(frame_of([shown]), total_means={"cursor": "billed"})["cost_billed"].to_list()
    assert billed == [near(32.0075)]


def test_a_list_total_is_checked_against_its_parts_before_the_discount():
    parts = charged(usage_based=18.7, discount=1.496, total=18.7)
    row = cost_of({"integration": "confluent"}, parts)
    assert (row["cost_billed"], row["cost_flag"]) == (near(17.204), None)


def test_choices_that_mean_nothing_are_refused():
    frame = frame_of([])
    with pytest.raises(InputError, match=r"integration='confluence' is not allowed.*Did you mean 'confluent'"):
        with_costs(frame, total_means={"confluence": "list"})
    with pytest.raises(InputError, match=r"total_means\['cursor'\]='gross' is not allowed.*billed, list"):
        cost_per(frame, total_means={"cursor": "gross"})
    with pytest.raises(InputError, match=r"keep\['claude'\]\['money'\]='usage' is not allowed.*cost, user_cost"):
        cost_per(frame, keep={"claude": {"money": "usage"}})
    with pytest.raises(InputError, match=r"keep: integration='anthropic' is not allowed"):
        cost_per(frame, keep={"anthropic": {"money": "cost"}})
    with pytest.raises(InputError, match=r"measure='requests' is not allowed"):
        cost_per(frame, keep={"claude": {"requests": "cost"}})


def test_the_page_explains_every_word_and_every_choice(root):
    page = (root / "docs" / "costs.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if line.startswith("| `")}
    assert set(REASONS) <= set(rows)
    assert all(len(rows[reason].split("|")) == 5 and rows[reason].split("|")[3].strip() for reason in REASONS)
    settled = page.partition("## What `total` means")[2].partition("## ")[0]
    assert all(f"| {integration} |" in settled for integration in INTEGRATIONS)
    assert all(f"`{name}`" in page or f"{name}=" in page for name in ("keep_account", "granularity", "total_means"))


def test_the_worked_rows_of_the_page_are_so(root):
    page = (root / "docs" / "costs.md").read_text(encoding="utf-8")
    rows = [
        line.split("|")[1:-1] for line in page.partition("## Worked by hand")[2].splitlines() if line.count("|") == 6
    ]
    checked = 0
    for stated, billed, listed, due, flag in rows[2:]:
        amounts = dict(re.findall(r"(\w+) ([−\d.]+)", stated.partition("(")[0]))
        if "EUR" in stated:
            continue
        row = cost_of({}, charged(**{kind: float(text.replace("−", "-")) for kind, text in amounts.items()}))
        for cell, value in ((billed, row["cost_billed"]), (listed, row["cost_list"]), (due, payable(row))):
            assert value == (None if "null" in cell else near(float(cell.replace("−", "-")))), stated
        assert (row["cost_flag"] or "") == flag.strip(" `"), stated
        checked += 1
    assert checked == 10


def test_a_positive_credit_as_stated_takes_one_back():
    """100 billed, 50 credited, then 40 of it taken back: 90 is payable. Read as a reduction it would be 10."""
    day = {"integration": "confluent", "start_date": "2026-10-01", "end_date": "2026-10-02"}
    frame = frame_of([day | {"charges": charged(**one)} for one in ({"net": 100}, {"credit": -50}, {"credit": 40})])
    assert with_costs(frame)["cost_credit"].to_list() == [0, -50, -40]
    assert cost_per(frame, measure="payable")["cost"].to_list() == [10]
    stated = with_costs(frame, positive_credits="as_stated")
    assert stated["cost_credit"].to_list() == [0, -50, 40]
    assert not stated["cost_flag"].str.contains("credit_sign").any()
    assert cost_lines(frame, positive_credits="as_stated")["cost_credit"].sum() == -10
    assert cost_per(frame, measure="payable", positive_credits="as_stated")["cost"].to_list() == [90]
    with pytest.raises(InputError, match="Did you mean 'as_stated'"):
        cost_per(frame, positive_credits="as_state")


@pytest.mark.parametrize(
    ("total", "missed"),
    [(100.01, False), (100.02, True), (99.991, False), (99.98, True)],
)
def test_parts_agree_with_their_total_within_a_hundredth_of_a_percent(total, missed):
    """40 + 60 is 100: of 100.01 one cent is missing, which is 0.01 %; of 100.02 two."""
    flags = cost_lines(frame_of([{"charges": charged(committed=40, on_demand=60, total=total)}]))["cost_flag"][0]
    assert ("total_mismatch" in flags) is missed


@pytest.mark.parametrize(("total", "missed"), [(0.001009, False), (0.00105, True), (0.000991, False), (0.00095, True)])
def test_parts_of_next_to_nothing_agree_within_a_thousandth_of_a_cent(total, missed):
    """0.0004 + 0.0006 is 0.001: 0.000009 is less than 0.00001, and 0.00005 is more."""
    flags = cost_lines(frame_of([{"charges": charged(committed=0.0004, on_demand=0.0006, total=total)}]))["cost_flag"][
        0
    ]
    assert ("total_mismatch" in flags) is missed


@pytest.mark.parametrize(("net", "one"), [(82.80, True), (82.84, True), (83.20, False)])
def test_two_currencies_state_one_charge_where_their_rates_part_by_less_than_a_thousandth(net, one):
    """92 of 100 is 0.92. Of 90, 82.80 is the same, 82.84 is 0.05 % more, and 83.20 is 0.48 % more."""
    charges = [*charged(total=100, net=90), *charged("EUR", total=92, net=net)]
    flags = cost_lines(frame_of([{"charges": charges}]))["cost_flag"].to_list()
    assert any("dual_currency" in (flag or "") for flag in flags) is one
