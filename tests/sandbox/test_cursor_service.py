"""What the Cursor team serves: its events, its plan, its windows, its answer key."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from truto_usage_nb.sandbox.ask import Ask, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors import cursor
from truto_usage_nb.sandbox.vendors.cursor.raw import spend_page
from truto_usage_nb.sandbox.vendors.cursor.story import _few_days, cycle_start, day_events, moment_of
from truto_usage_nb.vendors.cursor.mapping import spend_record

ACCOUNT = {account.id: account for account in ACCOUNTS}
NOW = datetime(2026, 11, 23, tzinfo=UTC)
WORLD = World(seed=7, now=NOW, scale=1.0)


def ask(start=None, end=None, world=WORLD, account="cursor", **more):
    return Ask(world, ACCOUNT[account], start_date=start, end_date=end, **more)


def rows(start=None, end=None, **more):
    return [raw.row for raw in cursor.raw_rows(ask(start, end, **more))]


def records(start, end, **more):
    question = ask(start, end, **more)
    return [record for raw in cursor.raw_rows(question) for record in cursor.unify(raw, question)]


@pytest.fixture(scope="module")
def october():
    first = records("2026-10-01", "2026-10-30T23:59:59.999Z")
    return records("2026-10-31", "2026-10-31T23:59:59.999Z") + first


@pytest.fixture(scope="module")
def october_rows():
    return rows("2026-10-31", "2026-10-31T23:59:59.999Z") + rows("2026-10-01", "2026-10-30T23:59:59.999Z")


def test_october_has_the_size_of_the_story(october):
    assert 8_000 < len(october) < 12_000
    assert len({record["id"] for record in october}) == len(october)
    billed = sum(charge["amount"] for record in october for charge in record["charges"] if charge["type"] == "total")
    assert 6_000 < billed < 8_000


def test_newest_first_and_every_record_has_what_is_required(october):
    assert [record["start_date"] for record in october] == sorted((r["start_date"] for r in october), reverse=True)
    assert all(record["product"]["id"] == "cursor" and record["start_date"] == record["end_date"] for record in october)


def test_the_same_rows_whatever_report_type_and_for_the_account_linked_twice():
    day = ("2026-10-05", "2026-10-05T23:59:59.999Z")
    assert rows(*day) == rows(*day, report_type="summary") == rows(*day, account="cursor-relinked")
    assert rows(*day) != rows(*day, world=World(8, NOW))


def test_the_awkward_rows_are_there(october_rows):
    def some(want):
        return any(want(row) for row in october_rows)

    assert some(lambda row: row["kind"] == "Errored, Not Charged" and row["chargedCents"] == 0)
    assert some(lambda row: row["kind"] == "User API Key" and row["chargedCents"] == row["cursorTokenFee"])
    assert some(lambda row: row["model"] == "auto" and "cursorTokenFee" not in row)
    assert some(lambda row: "serviceAccountId" in row and row["isHeadless"])
    assert some(lambda row: "userEmail" not in row and "serviceAccountId" not in row)
    assert some(lambda row: "discountPercentOff" in row.get("tokenUsage", {}) and "cursorTokenFee" in row)
    assert some(lambda row: row["chargedCents"] == 8 and "tokenUsage" not in row and not row["isChargeable"])
    assert some(lambda row: row.get("userEmail") == "Amara.Okafor@Tidewheel.Example.Com")
    assert {type(row["timestamp"]) for row in october_rows} == {str}


def test_charged_cents_follow_the_vendors_arithmetic(october_rows):
    # chargedCents = totalCents x (1 - discountPercentOff / 100) + cursorTokenFee, except where nothing is charged.
    for row in october_rows:
        if "tokenUsage" not in row or row["kind"].startswith("Errored"):
            continue
        usage = row["tokenUsage"]
        gross, percent = Decimal(str(usage["totalCents"])), usage.get("discountPercentOff", 0)
        expected = gross * (100 - percent) / 100 + Decimal(str(row.get("cursorTokenFee", 0)))
        assert Decimal(str(row["chargedCents"])) == expected


def test_parts_of_every_charged_record_come_to_its_total(october):
    for record in october:
        amounts = {charge["type"]: Decimal(str(charge["amount"])) for charge in record["charges"]}
        if "usage_based" in amounts:
            total = amounts.pop("total")
            assert abs(sum(amounts.values()) - total) < Decimal("1e-9")
        else:
            assert amounts["total"] == 0


def test_the_plan_pays_until_its_allowance_is_used():
    # 14 September to 13 October is one cycle: a member's priced events are included while less than $70.00 is used.
    used, last = defaultdict(Decimal), None
    for offset in range(45):
        day = date(2026, 9, 14) + timedelta(days=offset)
        if cycle_start(day) != last:
            used, last = defaultdict(Decimal), cycle_start(day)
        for event in day_events(7, day, 1.0):
            if event.tokens is None or event.kind.value not in {"Usage-based", "Included in Business"}:
                continue
            plan = 0 if event.member.is_service else 7000
            assert event.covered == (used[event.member.key] < plan)
            used[event.member.key] += event.gross
    assert last == date(2026, 10, 14)


def test_someone_who_left_and_idle_seats_have_no_events():
    late = [event.member.key for event in day_events(7, date(2026, 10, 20), 1.0)]
    assert "yuki.tanabe" not in late
    assert "rosalind.quaye" not in late
    assert "yuki.tanabe" in [event.member.key for event in day_events(7, date(2026, 10, 16), 1.0)]


@pytest.mark.parametrize(
    "now", [datetime(2026, 10, 13, 23, 59, 59, tzinfo=UTC), datetime(2026, 10, 20, 9, 30, tzinfo=UTC)]
)
def test_spend_is_the_sum_of_the_cycles_events_to_the_last_digit(now):
    world = World(7, now)
    page = spend_page(world)
    start = moment_of(page["subscriptionCycleStart"])
    assert start.day == 14
    events = rows(start.isoformat(), now.isoformat(), world=world)
    owed = sum(Decimal(str(row["chargedCents"])) for row in events if row["isChargeable"])
    worth = sum(Decimal(str(row["chargedCents"])) for row in events)
    spend = page["teamMemberSpend"]
    assert sum(Decimal(str(row["spendCents"])) for row in spend) == owed
    assert sum(Decimal(str(row["overallSpendCents"])) for row in spend) == worth
    assert all(spend_record(row, page["subscriptionCycleStart"], now)["charges"] for row in spend)


def test_both_ends_of_the_window_are_included():
    newest, *_, oldest = rows("2026-10-05", "2026-10-05T23:59:59.999Z")
    first, last = (moment_of(row["timestamp"]).isoformat() for row in (oldest, newest))
    assert rows(first, last) == rows("2026-10-05", "2026-10-05T23:59:59.999Z")
    assert rows(first, first) == [oldest]
    assert rows(first.replace("+00:00", "Z"), first.replace("+00:00", "Z")) == [oldest]


def test_an_end_without_a_time_is_its_midnight():
    assert rows("2026-10-05", "2026-10-06")[0]["timestamp"] <= "1791244800000"  # 2026-10-06T00:00Z


def test_the_window_by_default():
    assert cursor.request(ask())["body"] == {
        "startDate": 1792800000000,  # 2026-10-24T00:00Z, 30 days before now
        "endDate": 1795392000000,
        "pageSize": 100,
    }
    assert cursor.request(ask("2026-09-01"))["body"]["endDate"] == 1790812800000  # 2026-10-01T00:00Z
    assert cursor.request(ask("2026-11-20"))["body"]["endDate"] == 1795392000000  # never past now


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2026-10-01", "2026-10-31T00:00:00.001Z", "exceed 30 days"),
        ("2026-10-05", "2026-10-04", "before"),
        ("last week", None, "startDate is not a valid date: 'last week'"),
        (None, "0001-01-02", "endDate is out of range: '0001-01-02'"),
        ("9999-12-30", None, "startDate is out of range"),
    ],
)
def test_what_cursor_refuses(start, end, says):
    with pytest.raises(Refused) as refused:
        cursor.raw_rows(ask(start, end))
    assert refused.value.status == 400
    assert refused.value.body["error"] == "Bad Request"
    assert says in refused.value.body["message"]


def test_thirty_days_exactly_are_fine():
    assert rows("2026-10-01", "2026-10-31")


def test_the_future_is_empty_and_the_last_hour_comes_late():
    day = ("2026-10-20", "2026-10-20T23:59:59.999Z")
    early, late = (World(7, datetime(2026, 10, 20, hour, minute, tzinfo=UTC)) for hour, minute in ((15, 20), (16, 5)))
    before, after = records(*day, world=early), records(*day, world=late)
    assert before == after[len(after) - len(before) :]
    assert all(record["start_date"] < "2026-10-20T15" for record in before)
    came = after[: len(after) - len(before)]
    assert came
    assert {record["updated_at"] for record in came} == {"2026-10-20T16:00:00.000Z"}
    assert rows("2026-11-24", "2026-11-30") == []


def test_filters_pass_through_to_the_provider():
    day = ("2026-10-05", "2026-10-05T23:59:59.999Z")
    someone = next(row["userEmail"] for row in rows(*day) if "userEmail" in row)
    found = rows(*day, remote_query={"email": someone})
    assert {row["userEmail"] for row in found} == {someone}
    assert cursor.request(ask(*day, remote_query={"email": someone}))["body"]["email"] == someone


def test_the_answer_key_agrees_with_the_records(october):
    answer = cursor.answer_key(ACCOUNT["cursor"], date(2026, 10, 1), date(2026, 11, 1), WORLD)
    (money,) = answer.money
    billed = listed = Decimal(0)
    models = defaultdict(Decimal)
    for record in october:
        amounts = {charge["type"]: Decimal(str(charge["amount"])) for charge in record["charges"]}
        billed += amounts["total"]
        listed += amounts["total"] - amounts.get("discount", 0) + amounts.get("included", 0)
        if "usage_based" in amounts:
            models[record["model"]["id"], "USD"] += amounts["total"]
    assert (money.currency, money.billed, money.listed, money.records) == ("USD", billed, listed, len(october))
    assert answer.cost_by_model == models
    assert answer.requests == len(october)
    for kind, total in answer.tokens.items():
        assert total == sum(record["usage"].get("tokens", {}).get(kind, 0) for record in october)
    assert answer.idle_people == ["rosalind.quaye@tidewheel.example.com", "saoirse.ohanrahan@tidewheel.example.com"]
    assert len(answer.active_people) == 16
    assert answer.unusual_days[0][0] == date(2026, 10, 14)
    assert answer.gaps == []


def test_a_large_company_is_made_a_day_at_a_time():
    _few_days.cache_clear()
    large = ask("2026-10-01", "2026-10-30T23:59:59.999Z", world=World(7, NOW, 100.0))
    next(iter(cursor.raw_rows(large)))
    assert _few_days.cache_info().misses == 1
    assert 30_000 < len(day_events(7, date(2026, 10, 30), 100.0)) < 60_000


def test_a_small_company_still_has_some_events():
    assert 100 < len(records("2026-10-01", "2026-10-30", world=World(7, NOW, 0.05))) < 900


def test_products_and_request_carry_no_secret():
    (product,) = cursor.products(ACCOUNT["cursor"])
    assert product["id"] == "cursor"
    assert cursor.request(ask("2026-10-01", "2026-10-02", limit=5000))["body"]["pageSize"] == 1000
    assert cursor.request(ask())["headers"] == {"content-type": "application/json"}
