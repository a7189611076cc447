"""The answer key: periods, sums that never cross a currency, twins left out."""

from datetime import date

import pytest

from truto_usage_nb.sandbox.answers import AnswerKey, period_days
from truto_usage_nb.sandbox.app import DEFAULT_WORLD
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.vendors import SANDBOX_VENDORS, VENDORS


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("2026", date(2026, 1, 1), date(2027, 1, 1)),
        ("2024-02", date(2024, 2, 1), date(2024, 3, 1)),
        ("2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        ("2026-10-05", date(2026, 10, 5), date(2026, 10, 6)),
        (("2026-10-01", date(2026, 10, 4)), date(2026, 10, 1), date(2026, 10, 4)),
    ],
)
def test_periods(period, start, end):
    assert period_days(period) == (start, end)


@pytest.mark.parametrize("period", ["October", "2026-13", "26", ("2026-10-02", "2026-10-02")])
def test_no_periods(period):
    with pytest.raises(ValueError, match=r".+"):
        period_days(period)


@pytest.fixture
def everywhere(vendor):
    """The tiny vendor behind all five integrations."""
    for name in SANDBOX_VENDORS:
        VENDORS[name] = vendor
    yield vendor
    for name in SANDBOX_VENDORS:
        if name != "claude":  # the vendor fixture takes this one back
            del VENDORS[name]


@pytest.fixture
def key(everywhere):
    return AnswerKey.build("2026-10", DEFAULT_WORLD)


def test_every_account_but_the_twin(key):
    assert [row["account"] for row in key.money()] == [one.id for one in ACCOUNTS if not one.twin_of]
    assert key.of("cursor").requests == 0
    with pytest.raises(KeyError, match="cursor-relinked"):
        key.of("cursor-relinked")


def test_currencies_are_never_added(key):
    billed = {(row["integration"], row["currency"]): row["billed"] for row in key.totals()}
    assert billed["claude", "USD"] == 3 * 31 * 7  # three accounts, 31 days, 7 a day
    assert billed["openai_codex", "EUR"] == 31 * 7
    assert billed["openai_codex", "USD"] == 3 * 31 * 7
    assert key.rows() == key.totals()


def test_chosen_accounts_and_a_twin_is_its_origin(everywhere):
    key = AnswerKey.build("2026-10-05", DEFAULT_WORLD, ["codex", "cursor-relinked"])
    assert [row["account"] for row in key.requests()] == ["codex", "cursor"]
    with pytest.raises(KeyError):
        AnswerKey.build("2026-10-05", DEFAULT_WORLD, ["nobody"])


def test_models_join_tokens_and_cost(everywhere):
    rows = AnswerKey.build("2026-10", DEFAULT_WORLD, ["codex"]).models()
    assert [(row["model"], row["currency"], row["cost"], row["input"]) for row in rows] == [
        ("m", "USD", 3, 5),
        ("m", "EUR", 2, None),  # tokens stand once
        ("n", "USD", 1, None),
    ]


def test_tokens_people_days_and_gaps(key):
    assert key.tokens()[0]["total"] == 7
    assert key.tokens()[0]["cache_read"] == 0
    assert {row["email"] for row in key.idle()} == {"idle@example.com"}
    days = [row["day"] for row in key.unusual()]
    assert days == sorted(days)
    assert key.gaps()[0] == {"integration": "claude", "account": "claude-console", "day": date(2026, 10, 1)}
