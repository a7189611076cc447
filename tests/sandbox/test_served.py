"""All accounts and report types through the whole service: pages, formats, fields, bytes, past and future."""

import json
from datetime import date

import pytest

from truto_usage_nb.sandbox.answers import TOKEN_KINDS, AnswerKey
from truto_usage_nb.sandbox.app import DEFAULT_WORLD, create_app
from truto_usage_nb.sandbox.ask import REPORT_TYPES
from truto_usage_nb.sandbox.company import ACCOUNTS

from .conftest import AUTH, USAGE, send

RECORD = {
    *("id", "product", "metric_name", "resources", "organization", "user", "model", "charges", "usage", "surface"),
    *("start_date", "end_date", "created_at", "updated_at", "remote_data"),
}
USAGE_GROUPS = {
    *("quantity", "unit", "requests", "sessions", "conversations", "code", "tokens", "tools", "activity"),
}
TOKENS = {
    *("input", "output", "cache_read", "cache_write"),
    *("cache_write_ephemeral_5m", "cache_write_ephemeral_1h", "total"),
}
CHARGES = {
    *("total", "net", "on_demand", "committed", "included"),
    *("usage_based", "discount", "tax", "credit", "platform_fee"),
}

VIEWS = [
    (account, report_type)
    for account in ACCOUNTS
    for report_type in (REPORT_TYPES if account.integration == "claude" else (None,))
]
SILENT = {("claude-console", view) for view in ("connector_usage", "project_usage", "skill_usage", "summary")}
"""Engagement views that only Claude Enterprise has."""


@pytest.fixture(scope="module")
def service():
    return create_app()


def window(account, first, last):
    """Spell a stretch of days in the words of the account's integration."""
    if account.integration == "openai_codex":
        return [("date", first)]
    return [("start_date", first), ("end_date", last)]


def query(account, report_type=None, first="2026-10-20", last="2026-10-22"):
    pairs = [("integrated_account_id", account.id), *window(account, first, last)]
    return pairs if report_type is None else [*pairs, ("report_type", report_type)]


def pages(app, pairs):
    found = [send(app, USAGE, pairs).json()]
    while found[-1]["next_cursor"]:
        found.append(send(app, USAGE, [*pairs, ("next_cursor", found[-1]["next_cursor"])]).json())
    return [record for page in found for record in page["result"]]


@pytest.mark.parametrize(("account", "report_type"), VIEWS, ids=lambda one: getattr(one, "id", one) or "bill")
def test_every_view_of_every_account(service, account, report_type):
    pairs = query(account, report_type)
    records = pages(service, [*pairs, ("limit", "1000")])
    assert bool(records) == ((account.id, report_type) not in SILENT)
    for record in records:
        check(record)
    few = pages(service, [*pairs, ("limit", str(max(1, len(records) // 3)))])
    assert few == records
    streamed = send(service, USAGE, [*pairs, ("truto_response_format", "stream")]).text.splitlines()
    assert [json.loads(line) for line in streamed] == records
    plain = pages(service, [*pairs, ("truto_response_format", "normalized")])
    assert plain == [{key: value for key, value in record.items() if key != "remote_data"} for record in records]


def check(record):
    """A record has documented fields alone, of documented kinds."""
    assert record.keys() <= RECORD
    assert isinstance(record["id"], str)
    assert record["id"]
    assert record.get("usage", {}).keys() <= USAGE_GROUPS
    assert record.get("usage", {}).get("tokens", {}).keys() <= TOKENS
    for charge in record.get("charges", []):
        assert charge["type"] in CHARGES
        assert isinstance(charge["amount"], int | float)
    assert isinstance(record["remote_data"], dict)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda one: one.id)
def test_debug_and_raw_show_the_same_provider(service, account):
    pairs = [*query(account), ("limit", "50")]
    debug = send(service, USAGE, [*pairs, ("truto_response_format", "debug")]).json()
    raw = pages(service, [*query(account), ("truto_response_format", "raw")])
    rows = debug["debug"]["data"]
    assert rows == [row for row in raw if row in rows][: len(rows)]
    assert debug["debug"]["requestUrl"].startswith("https://")
    assert "Bearer" not in json.dumps(debug["debug"]["requestOptions"])


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda one: one.id)
def test_bytes_past_future_and_products(service, account):
    pairs = query(account, first="2025-12-02", last="2025-12-04")
    past = send(service, USAGE, pairs)
    assert past.content == send(create_app(), USAGE, pairs).content
    assert past.status_code == 200
    assert past.json()["result"]
    future = send(service, USAGE, query(account, first="2031-01-01", last="2031-01-03"))
    assert future.status_code == 422 or future.json()["result"] == []
    products = send(service, "/unified/usage-metering/products", [("integrated_account_id", account.id)]).json()
    assert all(product["id"] and product["name"] for product in products["result"])
    assert products["result"]


def test_a_second_link_to_one_organisation_repeats_every_record(service):
    by_id = {account.id: account for account in ACCOUNTS}
    twin, origin = (send(service, USAGE, query(by_id[one])).json() for one in ("cursor-relinked", "cursor"))
    assert twin["result"] == origin["result"]
    assert twin["next_cursor"] == origin["next_cursor"]


def test_the_answer_key_of_october():
    key = AnswerKey.build("2026-10", DEFAULT_WORLD)
    assert (key.start, key.end) == (date(2026, 10, 1), date(2026, 11, 1))
    dollars = {row["integration"]: row["billed"] for row in key.totals() if row["currency"] == "USD"}
    assert dollars.keys() == {"claude", "openai_codex", "cursor", "confluent", "datadog"}
    assert 150_000 < sum(dollars.values()) < 210_000  # about $180k a month
    assert max(dollars, key=dollars.__getitem__) == "datadog"
    assert all(answer.tokens.keys() <= set(TOKEN_KINDS) for answer in key.accounts.values())
    assert key.unusual()
    assert key.idle()


def test_the_token_is_the_one_documented():
    assert AUTH == {"authorization": "Bearer sandbox-token"}
