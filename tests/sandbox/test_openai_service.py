"""What the Codex workspace and the API organisations serve: a day an ask, two currencies, gaps, late rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

import pytest

from truto_usage_nb.sandbox.ask import Ask, Refused, World
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors import openai_codex
from truto_usage_nb.sandbox.vendors.openai_codex.story import requested_day

ACCOUNT = {account.id: account for account in ACCOUNTS}
OPENAI = [account.id for account in ACCOUNTS if account.integration == "openai_codex"]
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
WORLD = World(seed=7, now=NOW, scale=1.0)


def ask(account, day=None, world=WORLD, **more):
    return Ask(world, ACCOUNT[account], date=day, **more)


def raws(account, day=None, **more):
    return list(openai_codex.raw_rows(ask(account, day, **more)))


def records(account, day=None, **more):
    question = ask(account, day, **more)
    return [record for raw in openai_codex.raw_rows(question) for record in openai_codex.unify(raw, question)]


def month(account, first=date(2026, 10, 1), length=31, **more):
    every = (first + timedelta(days=offset) for offset in range(length))
    return [record for day in every for record in records(account, day.isoformat(), **more)]


@pytest.fixture(scope="module")
def october():
    return {account: month(account) for account in OPENAI}


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        ({}, date(2026, 11, 22)),  # yesterday
        ({"date": "2026-10-05"}, date(2026, 10, 5)),
        ({"start_date": "2026-10-06T23:30:00-08:00"}, date(2026, 10, 6)),  # the day portion alone
        ({"date": "2026-10-05", "start_date": "2026-10-06", "end_date": "2026-10-09"}, date(2026, 10, 5)),
    ],
)
def test_one_day_an_ask(sent, day):
    assert requested_day(Ask(WORLD, ACCOUNT["codex"], **sent)) == day


def test_text_that_is_no_day_is_refused_at_once():
    with pytest.raises(Refused) as refused:
        openai_codex.raw_rows(ask("codex", "yesterday"))
    assert refused.value.status == 400
    assert refused.value.body["error"]["message"] == "Invalid 'date': expected YYYY-MM-DD, got 'yesterday'."


@pytest.mark.parametrize("account", OPENAI)
def test_every_record_has_an_id_a_product_and_its_day(october, account):
    found = october[account]
    assert len({record["id"] for record in found}) == len(found)
    assert {record["product"]["id"] for record in found} == {"codex" if account == "codex" else "openai_api"}
    assert all(record["start_date"].startswith("2026-10-") for record in found)
    assert records(account, "2026-10-05") == records(account, "2026-10-05", report_type="summary")
    assert records(account, "2026-10-05") != records(account, "2026-10-05", world=World(8, NOW))


def test_a_codex_record_per_user_day_and_model(october):
    keys = [
        (record["user"]["id"], record["start_date"], record.get("model", {}).get("id")) for record in october["codex"]
    ]
    assert len(set(keys)) == len(keys)


def test_codex_activity_stands_once_a_user_and_day(october):
    turns = 0
    for _, day in groupby(october["codex"], key=lambda record: (record["user"]["id"], record["start_date"])):
        first, *others = day
        assert "requests" in first["usage"]
        assert not any("requests" in record["usage"] or "code" in record["usage"] for record in others)
        turns += first["usage"]["requests"]["agent"]
    key = openai_codex.answer_key(ACCOUNT["codex"], date(2026, 10, 1), date(2026, 11, 1), WORLD)
    assert turns == key.requests


def test_the_awkward_codex_rows_are_there(october):
    found = october["codex"]
    currencies = {charge.get("currency") for record in found for charge in record.get("charges", [])}
    assert currencies == {"USD", "CREDITS", None}
    assert any("model" not in record and record["usage"].get("quantity") for record in found)
    assert any("tokens" not in record["usage"] for record in found)
    assert any("code" not in record["usage"] and "requests" in record["usage"] for record in found)
    assert any(record.get("model", {}).get("id") == "other" and "charges" not in record for record in found)
    assert any("email" not in record["user"] for record in found)
    assert any(record["user"].get("email") == "hpak+codex@tidewheel.example.com" for record in found)


def test_a_gap_has_no_row_and_a_quiet_day_has_rows_of_zero(october):
    assert raws("codex", "2026-10-13") == raws("codex", "2026-10-14") == []
    quiet = [record for record in october["codex"] if record["usage"].get("requests", {}).get("total") == 0]
    assert quiet
    assert all(datetime.fromisoformat(record["start_date"]).weekday() > 4 for record in quiet)
    assert all(record["usage"]["quantity"] == 0 for record in quiet)


def test_codex_breakdowns_are_of_the_same_totals():
    for raw in raws("codex", "2026-10-21"):
        row = raw.row
        for breakdown in (row["models"], row["clients"]):
            for name in ("credits", "text_total_tokens"):
                parts = [part[name] for part in breakdown or () if part.get(name) is not None]
                if parts:
                    assert sum(Decimal(str(part)) for part in parts) == Decimal(str(row["totals"][name]))


def test_codex_states_money_for_a_part_only(october):
    def usd(first, last):
        days = {f"2026-10-{day:02}" for day in range(first, last + 1)}
        return [
            charge["amount"]
            for record in october["codex"]
            if record["start_date"][:10] in days
            for charge in record.get("charges", [])
            if charge.get("currency") == "USD"
        ]

    assert usd(1, 9) == []
    assert 1_200 < sum(usd(10, 31)) < 2_500


def test_api_serves_usage_first_and_costs_after():
    endpoints = [endpoint for endpoint, _ in groupby(raw.endpoint for raw in raws("openai-api", "2026-10-05"))]
    assert endpoints == [
        "/v1/organization/usage/completions",
        "/v1/organization/usage/embeddings",
        "/v1/organization/usage/images",
        "/v1/organization/usage/web_search_calls",
        "/v1/organization/usage/code_interpreter_sessions",
        "/v1/organization/costs",
    ]


def test_api_input_contains_what_was_cached():
    for raw in raws("openai-api", "2026-10-05"):
        row = raw.row
        if raw.endpoint.endswith("completions"):
            cached, written = row["input_cached_tokens"], row["input_cache_write_tokens"]
            assert row["input_tokens"] == row["input_uncached_tokens"] + cached + written


def test_api_amounts_are_strings_now_and_then_and_agree_with_price_times_quantity():
    costs = [raw.row for raw in raws("openai-api", "2026-10-05") if raw.endpoint.endswith("costs")]
    assert {type(row["amount"]["value"]) for row in costs} == {str, float}
    assert all(row["user_id"] is None for row in costs)
    prices = {  # USD per million tokens; batch is half of it
        "gpt-5-2025-08-07, input_tokens": "1.25",
        "gpt-5-2025-08-07, cached_input_tokens": "0.125",
        "gpt-5-mini-2025-08-07, batch_output_tokens": "1",
        "gpt-4o-2024-08-06, output": "10",
        "gpt-6-astra, cache_write_tokens": "12.5",
        "text-embedding-3-large, input": "0.13",
    }
    seen = set()
    for row in costs:
        if row["line_item"] in prices:
            expected = Decimal(str(row["quantity"])) * Decimal(prices[row["line_item"]]) / 1_000_000
            assert float(row["amount"]["value"]) == pytest.approx(float(expected), rel=1e-12)
            seen.add(row["line_item"])
    assert seen == prices.keys()
    searches = next(row for row in costs if row["line_item"] == "Web search tool calls")
    assert (searches["quantity"], searches["quantity_unit"]) == (None, None)


def test_the_tokens_of_usage_are_those_that_costs_bill():
    day = records("openai-api", "2026-10-05")
    used = sum(record.get("usage", {}).get("tokens", {}).get("total", 0) for record in day)
    paid = sum(record["usage"]["quantity"] for record in day if record.get("usage", {}).get("unit") == "tokens")
    assert used == paid


@pytest.mark.parametrize(
    ("account", "day", "currency"),
    [
        ("openai-api", "2026-10-15", "USD"),
        ("openai-api-eu", "2026-10-14", "EUR"),
        ("openai-api-moved", "2026-10-14", "USD"),
        ("openai-api-moved", "2026-10-15", "EUR"),
        ("openai-api-moved", "2026-12-31", "EUR"),
        ("openai-api-moved", "2026-07-01", "USD"),
    ],
)
def test_the_currency_of_an_account(account, day, currency):
    world = World(7, datetime(2027, 1, 5, tzinfo=UTC))
    found = records(account, day, world=world)
    assert {charge["currency"] for record in found for charge in record.get("charges", [])} == {currency}


def test_the_outage_is_a_gap():
    assert [day for day in range(1, 15) if not raws("openai-api-eu", f"2026-11-{day:02}")] == [5, 6, 7, 8, 9]
    answer = openai_codex.answer_key(ACCOUNT["openai-api-eu"], date(2026, 11, 1), date(2026, 11, 15), WORLD)
    assert answer.gaps == [date(2026, 11, day) for day in range(5, 10)]


def test_filters_narrow_usage_and_costs():
    everything = raws("openai-api", "2026-10-05")
    key = everything[0].row["api_key_id"]
    for_key = raws("openai-api", "2026-10-05", api_key_id=key)
    assert {raw.row["api_key_id"] for raw in for_key} == {key}
    assert {raw.endpoint.rpartition("/")[2] for raw in for_key} == {"completions", "web_search_calls", "costs"}
    user = next(raw.row["user_id"] for raw in everything if raw.row.get("user_id"))
    assert {raw.endpoint for raw in raws("openai-api", "2026-10-05", user_id=user)} == {
        "/v1/organization/usage/completions"
    }
    someone = raws("codex", "2026-10-05")[0].row["user_id"]
    assert [raw.row["user_id"] for raw in raws("codex", "2026-10-05", user_id=someone)] == [someone]
    assert raws("codex", "2026-10-05", api_key_id=key) == []


def test_codex_comes_up_to_twelve_hours_late():
    def at(hour):
        return records("codex", "2026-10-20", world=World(7, datetime(2026, 10, 21, hour, tzinfo=UTC)))

    early, later, whole = at(0), at(6), at(12)
    assert len(early) < len(later) < len(whole)
    assert [record for record in whole if record in later] == later
    late = [record["updated_at"] for record in whole if record not in later]
    assert min(late) > "2026-10-21T06:00:00.000Z"
    assert max(late) <= "2026-10-21T12:00:00.000Z"


def test_api_costs_come_after_usage_and_the_future_is_empty():
    def endpoints(moment):
        return {raw.endpoint.split("/")[3] for raw in raws("openai-api", "2026-10-20", world=World(7, moment))}

    assert endpoints(datetime(2026, 10, 21, 0, 10, tzinfo=UTC)) == set()
    assert endpoints(datetime(2026, 10, 21, 1, tzinfo=UTC)) == {"usage"}
    assert endpoints(datetime(2026, 10, 21, 6, tzinfo=UTC)) == {"usage", "costs"}
    assert all(raws(account, day) == [] for account in OPENAI for day in ("2026-11-23", "2027-03-01", "9999-12-31"))
    assert all(raws(account, "0001-01-01") for account in OPENAI)


@pytest.mark.parametrize("account", OPENAI)
def test_the_answer_key_agrees_with_the_records(october, account):
    answer = openai_codex.answer_key(ACCOUNT[account], date(2026, 10, 1), date(2026, 11, 1), WORLD)
    money, records_, models = defaultdict(Decimal), defaultdict(int), defaultdict(Decimal)
    tokens, tokens_by_model, requests = defaultdict(int), defaultdict(lambda: defaultdict(int)), 0
    for record in october[account]:
        model = record.get("model", {}).get("id")
        for charge in record.get("charges", []):
            if charge["type"] == "total":
                money[charge["currency"]] += Decimal(str(charge["amount"]))
                records_[charge["currency"]] += 1
                name = model if account == "codex" else model or record["metric_name"]
                models[name, charge["currency"]] += Decimal(str(charge["amount"]))
        for kind, count in record.get("usage", {}).get("tokens", {}).items():
            if kind != "total":
                tokens[kind] += count
                tokens_by_model[model][kind] += count
        requests += record.get("usage", {}).get("requests", {}).get("total", 0)
    models.pop((None, "USD"), None)  # Codex use without a model is in no entry by model
    assert {one.currency: float(one.billed) for one in answer.money} == pytest.approx(
        {currency: float(amount) for currency, amount in money.items()}, rel=1e-12
    )
    assert {one.currency: one.records for one in answer.money} == records_
    assert all(one.listed == one.payable == one.billed for one in answer.money)
    assert {key: float(cost) for key, cost in answer.cost_by_model.items()} == pytest.approx(
        {key: float(cost) for key, cost in models.items()}, rel=1e-12
    )
    assert {kind: count for kind, count in answer.tokens.items() if count} == {k: v for k, v in tokens.items() if v}
    for model, counts in answer.tokens_by_model.items():
        assert {kind: tokens_by_model[model][kind] for kind in counts} == counts
    assert answer.requests == requests


def test_october_comes_to_about_sixteen_thousand_dollars():
    keys = [openai_codex.answer_key(ACCOUNT[one], date(2026, 10, 1), date(2026, 11, 1), WORLD) for one in OPENAI]
    total = {"USD": Decimal(0), "EUR": Decimal(0)}
    for money in (money for key in keys for money in key.money):
        total[money.currency] += money.billed
    assert 14_000 < total["USD"] + total["EUR"] / Decimal("0.92") < 18_000
    assert len(keys[0].active_people) == 22
    assert keys[0].gaps == [date(2026, 10, 13), date(2026, 10, 14)]
    assert keys[OPENAI.index("openai-api-moved")].unusual_days == [(date(2026, 10, 15), "billed in EUR from this day")]


def test_a_larger_company_has_more_rows_and_more_money():
    large = World(7, NOW, 20.0)
    assert len(raws("openai-api", "2026-10-05", world=large)) > 10 * len(raws("openai-api", "2026-10-05"))
    assert len(raws("codex", "2026-10-05", world=large)) > 10 * len(raws("codex", "2026-10-05"))
    small = openai_codex.answer_key(ACCOUNT["openai-api"], date(2026, 10, 5), date(2026, 10, 6), World(7, NOW, 0.1))
    whole = openai_codex.answer_key(ACCOUNT["openai-api"], date(2026, 10, 5), date(2026, 10, 6), WORLD)
    assert float(small.money[0].billed) == pytest.approx(float(whole.money[0].billed) / 10, rel=0.02)


@pytest.mark.parametrize(
    ("account", "start"),
    [
        ("codex", "https://api.chatgpt.com/v1/analytics/codex/workspaces/org-Tw4xCodexWorkspace01/usage?start_time="),
        ("openai-api", "https://api.openai.com/v1/organization/usage/completions?start_time=1791158400&"),
    ],
)
def test_the_request_carries_no_secret(account, start):
    sent = openai_codex.request(ask(account, "2026-10-05", user_id="user-x"))  # 1791158400 = 2026-10-05T00:00Z
    assert sent["url"].startswith(start)
    assert sent["headers"] == {"accept": "application/json"}
    assert ("user_ids[]=user-x" in sent["url"]) == (account == "openai-api")
    assert len(openai_codex.products(ACCOUNT[account])) == 1
