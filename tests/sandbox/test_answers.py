"""The answer key: periods, sums that never cross a currency, twins left out."""

from datetime import date
from decimal import Decimal

import pytest

from truto_usage_nb.sandbox.answers import AnswerKey, period_days
from truto_usage_nb.sandbox.app import DEFAULT_WORLD
from truto_usage_nb.sandbox.ask import MoneyAnswer, Tally
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


def test_a_key_is_added_up_as_things_happen():
    """3 + 4 billed of 5 + 4 at list price, 2 taken off as credit; the euro by itself; tokens by model where one is."""
    tally = Tally("input", "output", currencies=["USD"])
    tally.bill("USD", billed=Decimal(3), listed=Decimal(5), model="a")
    tally.bill("USD", billed=Decimal(4), listed=Decimal(4), model="a")
    tally.bill("USD", credit=Decimal(-2))
    tally.bill("EUR", billed=Decimal(1), listed=Decimal(1), records=0, model="b")
    tally.use((10, 1), model="b", requests=2)
    tally.use((5, 0), model="b")
    tally.use((100, 7))
    tally.use((), requests=1)
    key = tally.answer(notes=["a note"])
    assert key.money == [
        MoneyAnswer("USD", Decimal(7), Decimal(9), credit=Decimal(-2), payable=Decimal(5), records=3),
        MoneyAnswer("EUR", Decimal(1), Decimal(1), payable=Decimal(1), records=0),
    ]
    assert key.cost_by_model == {("a", "USD"): Decimal(7), ("b", "EUR"): Decimal(1)}
    assert (key.tokens, key.tokens_by_model) == ({"input": 115, "output": 8}, {"b": {"input": 15, "output": 1}})
    assert (key.requests, key.notes) == (3, ["a note"])
    assert Tally(currencies=["USD"]).answer().money == [MoneyAnswer("USD")]
    assert Tally().answer().money == []
