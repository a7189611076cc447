"""Confluent's seeded rows: window rules, stories, late data, and the answer key against rows and records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from truto_usage_nb.sandbox.ask import Ask, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors import VENDORS, confluent

ACCOUNT = next(account for account in ACCOUNTS if account.id == "confluent")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-11-01"}


def ask(now=NOW, scale=1.0, seed=7, **params):
    return Ask(World(seed, now, scale), ACCOUNT, **params)


def rows(**params):
    return [raw.row for raw in confluent.raw_rows(ask(**params))]


def records(**params):
    asked = ask(**params)
    return [record for raw in confluent.raw_rows(asked) for record in confluent.unify(raw, asked)]


def total(found, kind):
    amounts = (charge["amount"] for record in found for charge in record["charges"] if charge["type"] == kind)
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0))


def october_answer(**world):
    (money,) = confluent.answer_key(ACCOUNT, date(2026, 10, 1), date(2026, 11, 1), ask(**world).world).money
    return money


def refusal(**params):
    with pytest.raises(Refused) as refused:
        confluent.raw_rows(ask(**params))
    assert refused.value.status == 400
    (error,) = refused.value.body["errors"]
    assert set(error) == {"id", "status", "code", "detail"}
    assert error["status"] == "400"
    return error["detail"]


def days(found):
    return sorted({row["start_date"] for row in found})


def test_it_is_the_registered_vendor():
    assert VENDORS["confluent"] is confluent


def test_without_dates_it_is_this_month_and_without_an_end_the_month_of_the_start():
    assert days(rows())[0] == "2026-11-01"
    assert days(rows(start_date="2026-10-20")) == [f"2026-10-{day}" for day in range(20, 32)]
    assert days(rows(end_date="2026-11-03")) == ["2026-11-01", "2026-11-02"]


def test_the_end_is_exclusive_and_an_instant_counts_by_its_day():
    assert days(rows(start_date="2026-10-05T13:00:00Z", end_date="2026-10-07")) == ["2026-10-05", "2026-10-06"]


def test_remote_dates_reach_the_provider_first():
    found = rows(**OCTOBER, remote_query={"start_date": "2026-09-03", "end_date": "2026-09-04"})
    assert days(found) == ["2026-09-03"]


def test_the_windows_confluent_refuses():
    assert "one month" in refusal(start_date="2026-09-01", end_date="2026-10-02")
    assert "too far in the past" in refusal(start_date="2025-11-22")
    assert "after start date" in refusal(start_date="2026-10-02", end_date="2026-10-02")
    assert "YYYY-MM-DD" in refusal(start_date="October")


def test_the_longest_windows_it_serves():
    assert len(days(rows(**OCTOBER))) == 31
    assert days(rows(start_date="2025-11-23", end_date="2025-11-24")) == ["2025-11-23"]
    assert len(days(rows(start_date="2026-01-31", end_date="2026-02-28"))) == 28


def test_the_future_is_empty():
    assert rows(start_date="2026-12-01", end_date="2027-01-01") == []
    assert confluent.answer_key(ACCOUNT, date(2026, 12, 1), date(2027, 1, 1), ask().world).money == []


def test_the_same_seed_gives_the_same_rows_and_another_gives_others():
    assert rows(**OCTOBER) == rows(**OCTOBER)
    assert rows(**OCTOBER) != rows(**OCTOBER, seed=8)


def test_a_day_is_the_same_in_whatever_window_it_is_asked_for():
    alone = rows(start_date="2026-10-09", end_date="2026-10-10")
    assert alone == [row for row in rows(**OCTOBER) if row["start_date"] == "2026-10-09"]


def test_rows_arrive_within_three_days_and_stay_as_they_are():
    early = {"now": datetime(2026, 10, 11, 12, tzinfo=UTC)}
    late = {"now": datetime(2026, 10, 14, tzinfo=UTC)}
    day = {"start_date": "2026-10-10", "end_date": "2026-10-11"}
    first, then, after_years = rows(**day, **early), rows(**day, **late), rows(**day)
    assert 0 < len(first) < len(then)
    assert [row for row in then if row in first] == first
    assert then == after_years


def test_late_rows_carry_a_later_time():
    updated = {record["updated_at"] for record in records(start_date="2026-10-10", end_date="2026-10-11")}
    assert min(updated) < "2026-10-11T12:00:00Z" < max(updated) < "2026-10-14T00:00:00Z"


def test_october_has_every_awkward_row_of_the_vendor():
    found = rows(**OCTOBER)
    assert {row.get("product") for row in found} >= {
        "KAFKA",
        "CONNECT",
        "CUSTOM_CONNECT",
        "KSQL",
        "FLINK",
        "STREAM_GOVERNANCE",
        "CLUSTER_LINK",
        "TABLEFLOW",
        "AUDIT_LOG",
        "SUPPORT_CLOUD_BUSINESS",
        None,
    }
    assert any("id" not in row for row in found)
    assert any("resource" in row and row["resource"] is None and row["product"] == "AUDIT_LOG" for row in found)
    legacy = [row for row in found if "environment" in row]
    assert legacy
    assert all(row["resource"]["environment"] == row["environment"]["id"] for row in legacy)


def test_every_row_is_list_less_discount_and_price_times_quantity():
    for row in rows(**OCTOBER):
        listed, off, net = (Decimal(str(row[name])) for name in ("original_amount", "discount_amount", "amount"))
        assert listed - off == net
        if "price" in row:
            worked = Decimal(str(row["price"])) * Decimal(str(row["quantity"]))
            assert abs(worked - listed) <= Decimal("0.00005")


def test_the_promotion_runs_out_mid_month_and_part_of_it_is_taken_back():
    credits = [row for row in rows(**OCTOBER) if row["line_type"] == "PROMO_CREDIT"]
    drawn = [row for row in credits if row["amount"] < 0]
    assert sum(Decimal(str(row["amount"])) for row in drawn) == Decimal(-500)
    assert drawn[0]["start_date"] == "2026-10-04"
    assert "2026-10-11" < drawn[-1]["start_date"] < "2026-10-20"
    (taken_back,) = [row for row in credits if row["amount"] > 0]
    assert (taken_back["start_date"], taken_back["amount"]) == ("2026-10-22", 40.0)
    # -500 used, 40 taken back: -460 stays.
    assert october_answer().credit == Decimal(-460)


def test_support_is_a_tenth_of_last_month_posted_on_one_day():
    (fee,) = [row for row in rows(**OCTOBER) if row.get("product") == "SUPPORT_CLOUD_BUSINESS"]
    september = rows(start_date="2026-09-01", end_date="2026-10-01")
    metered = sum(Decimal(str(row["amount"])) for row in september if "price" in row)
    assert fee["start_date"] == "2026-10-01"
    assert Decimal(str(fee["amount"])) == (metered / 10).quantize(Decimal("0.01"))


def test_the_cluster_is_resized_on_the_20th_of_the_quarters_first_month():
    def sizes(**dates):
        return {row["start_date"]: row["quantity"] for row in rows(**dates) if row["line_type"] == "KAFKA_NUM_CKUS"}

    october = sizes(**OCTOBER)
    assert (october["2026-10-19"], october["2026-10-20"]) == (144.0, 216.0)  # 6 and 9 CKUs for 24 hours
    assert set(sizes(start_date="2026-09-01").values()) == {216.0}
    assert (date(2026, 10, 20), "orders-dedicated resized from 6 to 9 CKUs") in confluent.answer_key(
        ACCOUNT, date(2026, 10, 1), date(2026, 11, 1), ask().world
    ).unusual_days


@pytest.mark.parametrize("now", [NOW, datetime(2026, 10, 17, 9, tzinfo=UTC)], ids=["closed", "open"])
def test_the_answer_key_is_what_the_records_come_to(now):
    answer, found = october_answer(now=now), records(**OCTOBER, now=now)
    assert total(found, "net") == answer.billed
    assert total(found, "total") == answer.listed
    assert total(found, "credit") == answer.credit
    assert total(found, "discount") == answer.listed - answer.billed
    assert answer.payable == answer.billed + answer.credit
    assert answer.records == len(found)


def test_the_month_is_as_large_as_the_company():
    assert 33_000 < october_answer().billed < 39_000
    assert 9 < october_answer(scale=10).billed / october_answer().billed < 11


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.4])
def test_ids_are_unique_and_every_record_has_what_is_required(scale):
    found = records(**OCTOBER, scale=scale)
    assert len({(record["id"], record["start_date"]) for record in found}) == len(found)
    assert len({record["id"] for record in found}) == len(found)
    assert all(record["product"]["id"] and record["metric_name"] and record["charges"] for record in found)
    assert all(record["updated_at"] <= "2026-11-23" for record in found)


def test_every_product_on_the_bill_is_in_the_list_of_products():
    listed = {product["id"] for product in confluent.products(ACCOUNT)}
    assert {record["product"]["id"] for record in records(**OCTOBER)} <= listed


def test_the_request_says_what_was_sent_and_no_secret():
    sent = confluent.request(ask(**OCTOBER, remote_query={"page_size": "10"}))
    assert sent["url"] == (
        "https://api.confluent.cloud/billing/v1/costs?start_date=2026-10-01&end_date=2026-11-01&page_size=10"
    )
    assert "Authorization" not in sent["headers"]
