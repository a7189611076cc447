"""Datadog's seeded rows: months, estimates and finals, sub-organisations and parent, and the answer key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from truto_usage_nb.sandbox.ask import Ask, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors import VENDORS, datadog

ACCOUNT = next(account for account in ACCOUNTS if account.id == "datadog")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
KINDS = ("committed", "on_demand", "total")


def ask(now=NOW, scale=1.0, seed=7, **params):
    return Ask(World(seed, now, scale), ACCOUNT, **params)


def raws(**params):
    return list(datadog.raw_rows(ask(**params)))


def records(**params):
    asked = ask(**params)
    return [record for raw in datadog.raw_rows(asked) for record in datadog.unify(raw, asked)]


def amounts(record):
    return {charge["type"]: Decimal(str(charge["amount"])) for charge in record["charges"]}


def total(found, kind="total"):
    return sum((amounts(record)[kind] for record in found), Decimal(0))


def answered(start=date(2026, 10, 1), end=date(2026, 11, 1), **world):
    return datadog.answer_key(ACCOUNT, start, end, ask(**world).world)


def months(**params):
    return sorted({raw.row["attributes"]["date"][:7] for raw in raws(**params)})


def refusal(**params):
    with pytest.raises(Refused) as refused:
        datadog.raw_rows(ask(**params))
    assert refused.value.status == 400
    (error,) = refused.value.body["errors"]
    return error


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_it_is_the_registered_vendor():
    assert VENDORS["datadog"] is datadog


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({}, ["2026-11"]),
        ({"start_date": "2026-10-17"}, ["2026-10"]),
        ({"start_date": "2026-10-05", "end_date": "2026-10-06"}, ["2026-10"]),
        ({"start_date": "2026-10-01", "end_date": "2026-10-31"}, ["2026-10"]),
        ({"start_date": "2026-10-01", "end_date": "2026-11-01"}, ["2026-10"]),  # the end is exclusive
        ({"start_date": "2026-10-01", "end_date": "2026-11-02T00:00:00Z"}, ["2026-10", "2026-11"]),
        ({"start_date": "2026-10-01", "end_date": "2026-10-01"}, ["2026-10"]),
        ({"start_date": "2026-09", "end_date": "2026-10"}, ["2026-09", "2026-10"]),
        ({"start_date": "2025-12-01", "end_date": "2026-02-01"}, ["2025-12", "2026-01"]),
        ({"start_date": "2026-11-01", "end_date": "2027-02-01"}, ["2026-11"]),  # the future is empty
        ({"start_date": "2026-12-01"}, []),
        ({"start_date": "2026-10", "remote_query": {"start_month": "2026-08", "end_month": "2026-08"}}, ["2026-08"]),
    ],
)
def test_dates_have_month_resolution(dates, expected):
    assert months(**dates) == expected


def test_what_datadog_refuses():
    assert "'2026-09-01' is before start_month 2026-10" in refusal(start_date="2026-10-01", end_date="2026-09-01")
    assert "YYYY-MM" in refusal(start_date="last month")
    assert "view must be one of" in refusal(remote_query={"view": "connected"})


def test_a_row_is_an_organisation_and_month_with_three_charges_a_product():
    found = raws(**OCTOBER)
    assert [raw.row["attributes"]["org_name"] for raw in found] == [
        "Tidewheel Production",
        "Tidewheel Data Platform",
        "Tidewheel Internal Tools",
    ]
    for raw in found:
        facts = raw.row["attributes"]
        kinds = [charge["charge_type"] for charge in facts["charges"]]
        assert kinds == list(KINDS) * (len(kinds) // 3)
        stated = [Decimal(str(charge["cost"])) for charge in facts["charges"] if charge["charge_type"] == "total"]
        assert sum(stated) == Decimal(str(facts["total_cost"]))
        assert (facts["account_name"], facts["account_public_id"]) == ("Tidewheel", "tw0parent")


def test_every_record_is_committed_plus_on_demand():
    for record in records(**OCTOBER):
        parts = amounts(record)
        assert tuple(parts) == KINDS
        assert parts["committed"] + parts["on_demand"] == parts["total"]


def test_no_record_repeats_another():
    found = records(start_date="2026-08-01", end_date="2026-11-01")
    keys = {(record["organization"]["id"], record["product"]["id"], record["start_date"]) for record in found}
    assert len(keys) == len({record["id"] for record in found}) == len(found) == 90  # 30 products, 3 months
    assert "tw0parent" not in {record["organization"]["id"] for record in found}


def test_the_parent_view_says_the_same_money_once_more():
    parent = records(**OCTOBER, remote_query={"view": "summary"})
    assert {record["organization"]["id"] for record in parent} == {"tw0parent"}
    for kind in KINDS:
        assert total(parent, kind) == total(records(**OCTOBER), kind)


def test_committed_is_constant_and_on_demand_grows():
    by_month = [records(start_date=f"2026-{month:02}-01", end_date=f"2026-{month:02}-28") for month in (1, 10)]
    assert total(by_month[0], "committed") == total(by_month[1], "committed")
    # From 1.0 in January to about 1.14 in October.
    assert Decimal("1.08") < total(by_month[1], "on_demand") / total(by_month[0], "on_demand") < Decimal("1.20")


def test_a_closed_month_is_an_estimate_until_the_16th_and_then_differs_by_one_and_a_half_percent():
    before, after = (records(**OCTOBER, now=at(now)) for now in ("2026-11-15T23:59:59", "2026-11-16T00:00:00"))
    assert [record["id"] for record in before] == [record["id"] for record in after]
    for estimate, final in zip(before, after, strict=True):
        assert amounts(estimate)["committed"] == amounts(final)["committed"]
        assert amounts(estimate)["total"] == (amounts(final)["total"] * Decimal("1.015")).quantize(Decimal("0.01"))
    assert {record["updated_at"] for record in after} == {"2026-11-16T00:00:00Z"}
    assert {record["updated_at"] for record in before} == {"2026-11-15T00:00:00Z"}
    assert {raw.endpoint for raw in raws(**OCTOBER, now=at("2026-11-15"))} == {"/api/v2/usage/estimated_cost"}
    assert {raw.endpoint for raw in raws(**OCTOBER)} == {"/api/v2/usage/historical_cost"}


def test_a_final_month_never_changes():
    assert raws(**OCTOBER) == raws(**OCTOBER, now=at("2028-02-03"))


def test_the_open_month_begins_with_what_is_committed_and_grows():
    on_days = [records(now=at(now)) for now in ("2026-11-01", "2026-11-10", "2026-11-23")]
    assert [len(found) for found in on_days] == [30, 30, 30]
    assert len({total(found, "committed") for found in on_days}) == 1
    # On the 1st no day has ended: committed, and the estimate's 1.5 % of it (a cent of rounding per record).
    over = total(on_days[0], "on_demand") - total(on_days[0], "committed") * Decimal("0.015")
    assert abs(over) <= Decimal("0.30")
    assert (
        total(on_days[0])
        < total(on_days[1])
        < total(on_days[2])
        < total(
            records(
                now=at("2026-12-05"),
                **{
                    "start_date": "2026-11",
                },
            )
        )
    )


def test_the_same_seed_gives_the_same_rows_and_another_gives_others():
    assert raws(**OCTOBER) == raws(**OCTOBER)
    assert raws(**OCTOBER) != raws(**OCTOBER, seed=8)


@pytest.mark.parametrize("now", ["2026-11-23", "2026-11-02", "2026-10-11T08:00:00"])
@pytest.mark.parametrize("scale", [0.1, 1.0, 2.5])
def test_the_answer_key_is_what_the_records_come_to(now, scale):
    world = {"now": at(now), "scale": scale}
    (money,) = answered(**world).money
    found = records(**OCTOBER, **world)
    assert money.billed == money.listed == money.payable == total(found)
    assert money.records == len(found)
    assert (money.credit, money.tax) == (0, 0)


def test_the_answer_says_which_months_are_open():
    answer = answered(end=date(2026, 12, 1))
    assert "2026-11 is an estimate, final on 2026-12-16" in answer.notes
    assert not any(note.startswith("2026-10") for note in answer.notes)


def test_the_answer_takes_months_that_begin_in_the_period():
    assert answered(date(2026, 10, 5), date(2026, 10, 20)).money == []
    assert answered(date(2026, 9, 20), date(2026, 11, 1)).money == answered().money


def test_october_is_as_large_as_the_company():
    assert 78_000 < answered().money[0].billed < 84_000
    assert len(raws(**OCTOBER, scale=4)) == 12
    assert 3.9 < answered(scale=4).money[0].billed / answered().money[0].billed < 4.1


def test_every_product_on_the_bill_is_in_the_list_of_products():
    listed = {product["id"] for product in datadog.products(ACCOUNT)}
    assert {record["product"]["id"] for record in records(**OCTOBER)} <= listed


def test_the_request_says_what_was_sent_and_no_secret():
    sent = datadog.request(ask(**OCTOBER))
    assert sent["url"] == (
        "https://api.datadoghq.com/api/v2/usage/historical_cost?view=sub-org&start_month=2026-10&end_month=2026-10"
    )
    assert "/estimated_cost?" in datadog.request(ask())["url"]
    assert set(sent["headers"]) == {"Accept"}
