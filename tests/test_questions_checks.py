"""Unit costs, seats, the price check and the invoices: each by hand."""

from __future__ import annotations

import itertools
import random
from datetime import date

import polars as pl
import pytest

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.errors import FrameError, InputError, UsageWarning
from truto_usage_nb.questions.invoicing import _READINGS as READINGS

M = 1_000_000
OPUS = {"id": "claude-opus-4-5", "provider": "anthropic"}


def event(email, day="05", money=1.0, **usage):
    at = f"2026-10-{day}T09:00:00Z"
    return record("u", "cursor", at, at, user={"email": email}, charges=charged(total=money), usage=usage)


def claude(report, day="05", **fields):
    return record("c", "claude", f"2026-10-{day}", f"2026-10-{int(day) + 1:02}", report_type=report, **fields)


def test_requests_that_two_reports_state_count_once():
    """Claude says 4 requests in usage, in cost and in user_usage: $10 for 4."""
    frame = frame_of([
        claude("usage", usage={"requests": {"total": 4}, "tokens": {"total": M}}),
        claude("cost", charges=charged(net=10), usage={"requests": {"total": 4}}),
        claude("skill_usage", usage={"requests": {"total": 99}}),
    ])  # fmt: skip
    row = questions.unit_costs(frame, "request").row(0, named=True)
    assert row == {"currency": "USD", "cost": 10.0, "units": 4, "cost_per_unit": 2.5, "unit": "request"}


def test_money_of_accounts_that_do_not_count_the_unit_is_left_out_and_told():
    other = record("d", "datadog", "2026-10-01", "2026-11-01", charges=charged(committed=900))
    frame = frame_of([event("a@x.com", money=3, code={"commits": 2}), other])
    with pytest.warns(UsageWarning, match="d: no commits are counted there, so their cost is left out"):
        assert questions.unit_costs(frame, "commit").select("cost", "units", "cost_per_unit").row(0) == (3, 2, 1.5)


CODE, API = {"id": "claude_code", "name": "Claude Code"}, {"id": "messages_api", "name": "Messages API"}


def test_products_that_made_none_of_the_units_are_told_with_their_money():
    """Five pull requests by Claude Code, which cost $10; the account's API cost $90: $20 each, or $2 by its maker."""
    frame = frame_of([
        claude("cost", charges=charged(net=10), product=CODE),
        claude("cost", charges=charged(net=90), product=API),
        claude("activity", product=CODE, usage={"code": {"pull_requests": 5}}),
    ])  # fmt: skip
    told = (
        "the cost per pull request of c is all that it bills: Claude Code \\$10.00, which made the pull requests, and "
        "Messages API \\$90.00, which made none. To narrow it, filter the frame by product_name first."
    )
    with pytest.warns(UsageWarning, match=told):
        assert questions.unit_costs(frame, "pull_request")["cost_per_unit"].to_list() == [20]
    made = frame.filter(pl.col("product_name") == "Claude Code")
    assert questions.unit_costs(made, "pull_request")["cost_per_unit"].to_list() == [2]


def test_where_no_record_says_which_product_made_the_units_all_are_listed():
    frame = frame_of([
        claude("cost", charges=charged(net=10), product=CODE),
        claude("cost", charges=charged(net=90), product=API),
        claude("activity", product={"id": "claude", "name": "Claude"}, usage={"code": {"pull_requests": 5}}),
    ])  # fmt: skip
    told = r"bills: Messages API \$90.00, Claude Code \$10.00; its records do not say which of them made the pull req"
    with pytest.warns(UsageWarning, match=told):
        questions.unit_costs(frame, "pull_request")
    by_product = questions.unit_costs(frame, "pull_request", "product_name")  # each product has a row: nothing to tell
    assert by_product.select("product_name", "cost", "units").rows() == [
        ("Messages API", 90, None), ("Claude Code", 10, None), ("Claude", None, 5),
    ]  # fmt: skip


def test_units_take_their_accounts_currency_or_their_days():
    def bill(day, currency, account="o"):
        span = (f"2026-10-{day}", f"2026-10-{int(day) + 1:02}")
        usage = record(account, "openai_codex", *span, usage={"requests": {"total": 10}})
        return [usage, record(account, "openai_codex", *span, charges=charged(currency, total=5))]

    frame = frame_of([*bill("05", "USD"), *bill("06", "EUR"), *bill("07", "EUR"), *bill("07", "EUR", "e")])
    table = questions.unit_costs(frame, "request")
    assert table.select("currency", "cost", "units").rows() == [("EUR", 15, 30), ("USD", 5, 10)]


def test_a_null_where_there_is_nothing_to_divide_by():
    frame = frame_of([event("a@x.com", code={"commits": 2}), event("b@x.com")])
    table = questions.unit_costs(frame, "commit", "user_email")
    assert table.select("user_email", "units", "cost_per_unit").rows() == [("a@x.com", 2, 0.5), ("b@x.com", None, None)]


def test_active_people_are_distinct_over_the_whole_row_and_by_whatever_spelling():
    frame = frame_of([event("a@x.com"), event("A@X.com ", "06"), event("b@x.com", "06"), event(None, "07")])
    assert questions.unit_costs(frame, "active_user").select("cost", "units", "cost_per_unit").row(0) == (4, 2, 2)


def test_distinct_counts_are_never_added():
    """Two days of 5 sessions may be 5 sessions or 10: refused with the remedy; one record is its own count."""
    frame = frame_of([event("a@x.com", sessions={"distinct": 5}), event("a@x.com", "06", sessions={"distinct": 5})])
    with pytest.raises(FrameError, match=r'u has up to 2 such records.*ask per="active_user" or per="request"'):
        questions.unit_costs(frame, "session")
    one = frame_of([event("a@x.com", sessions={"distinct": 5})])
    assert questions.unit_costs(one, "session")["cost_per_unit"].to_list() == [0.2]
    threads = frame_of([event("a@x.com", d, conversations={"thread_count": 2, "distinct": 1}) for d in ("05", "06")])
    assert questions.unit_costs(threads, "conversation")["units"].to_list() == [4]  # threads add up


def test_units_nobody_knows():
    frame = frame_of([event("a@x.com")])
    with pytest.raises(InputError, match=r"per='commits' is no unit. Did you mean 'commit'"):
        questions.unit_costs(frame, "commits")
    with pytest.raises(FrameError, match=r"No record here counts pull requests \(usage_code_pull_requests\)"):
        questions.unit_costs(frame, "pull_request")
    with pytest.raises(FrameError, match="by='units' is also a column"):
        questions.unit_costs(frame, "request", "units")


ROSTER = pl.DataFrame(
    {"integration": ["Cursor"] * 3 + ["claude"], "email": ["Ann@x.com", "bob@x.com ", "eve@x.com", "ann@x.com"]}
)


def people():
    tokens, at = {"tokens": {"total": 5}}, "2026-10-20T09:00:00Z"
    return frame_of([
        event("ann@x.com", "20", **tokens), event("ann@x.com", "05", **tokens), event("bob@x.com", "02", **tokens),
        event("Out@x.com", "19", **tokens), record("u", "cursor", at, at, user={"email": "eve@x.com"}),
    ])  # fmt: skip


def test_seats_active_idle_never_seen_and_off_the_roster():
    """Cursor's last day is the 20th: Bob was last there on the 2nd, 18 days before; Eve has a record but no use."""
    table = questions.seats(people(), ROSTER, {"cursor": (40, "usd")})
    assert table.select(
        "integration", "email", "status", "last_active", "idle_days", "idle_cost", "currency"
    ).rows() == [
        ("claude", "ann@x.com", "never seen", None, None, None, None),
        ("cursor", "ann@x.com", "active", date(2026, 10, 20), 0, 0.0, "USD"),
        ("cursor", "bob@x.com", "idle", date(2026, 10, 2), 18, 40.0, "USD"),
        ("cursor", "eve@x.com", "never seen", None, None, 40.0, "USD"),
        ("cursor", "out@x.com", "seen, not on the roster", date(2026, 10, 19), 1, None, None),
    ]


def test_without_a_roster_they_are_people_seen():
    with pytest.warns(UsageWarning, match="without a roster these are people seen, not seats"):
        table = questions.seats(people(), price=(40, "USD"))
    assert table.select("email", "status", "idle_cost").rows() == [
        ("ann@x.com", "active", None), ("out@x.com", "active", None), ("bob@x.com", "idle", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("roster", "price", "error", "match"),
    [
        (ROSTER.rename({"email": "mail"}), None, FrameError, "needs the column email; it has integration, mail"),
        (
            ROSTER.with_columns(integration=pl.lit("curser")),
            None,
            InputError,
            "'curser' is unknown. Did you mean 'cursor'",
        ),
        (ROSTER, 40, InputError, r"price=40 names no currency"),
        (ROSTER, {"slack": (8, "USD")}, InputError, "price names 'slack', which is no integration"),
    ],
)
def test_rosters_and_prices_that_cannot_be_used(roster, price, error, match):
    with pytest.raises(error, match=match):
        questions.seats(people(), roster, price)


def priced(money, month="10", currency="USD", model=OPUS, **tokens):
    at = f"2026-{month}-05T09:00:00Z"
    charges = None if money is None else charged(currency, total=money)
    return record("u", "cursor", at, at, model=model, charges=charges, usage={"tokens": tokens or {"input": M}})


@pytest.mark.parametrize(
    ("money", "ratio", "reading"),
    [
        (5, 1.0, "at list price"),
        (4.6, 0.92, "at list price"),
        (4.25, 0.85, "tokens without a price: Priority Tier, prepaid or included?"),
        (4.5, 0.9, "below list price: a discount"),
        (2.5, 0.5, "batch or flex"),
        (5.5, 1.1, "data residency"),
        (4.675, 0.935, "at list price"),  # 1.1 for residency, 15 % less
        (6, 1.2, "above list price"),
        (10, 2.0, "above list price: a long-context tier, fast mode, or a fee?"),
        (500, 100.0, "cents read as dollars"),
        (250, 50.0, "cents read as dollars"),  # of a batch
        (550, 110.0, "cents read as dollars"),
        (750, 150.0, "cents read as dollars"),
    ],
)
def test_a_million_tokens_of_input_list_at_five_dollars(money, ratio, reading):
    row = questions.check_prices(frame_of([priced(money)])).row(0, named=True)
    assert (row["model_id"], row["month"], row["billed"]) == ("claude-opus-4-5", date(2026, 10, 1), money)
    assert row["estimate"] == pytest.approx(5)
    assert row["ratio"] == pytest.approx(ratio)
    assert reading in row["reading"]


def test_no_noise_of_floats_decides_a_reading():
    """Every discount in whole percents, alone, beside 1.1, and in cents: a millionth more or less reads the same."""
    edges = [edge for edge, _ in READINGS]
    assert edges == sorted(edges)
    for percents, factor in itertools.product(range(1, 201), (1, 1.1, 100, 110)):
        ratio = percents / 100 * factor
        assert all(abs(ratio / edge - 1) > 1e-5 for edge in edges), ratio


def test_a_tenth_more_always_reads_as_residency():
    """Input at $5 and output at $25 a million, times 1.1, rounded to a millionth of a dollar."""
    numbers = random.Random(1)
    for _ in range(12):
        fresh, out = numbers.randrange(M), numbers.randrange(M // 10)
        money = round((fresh * 5 + out * 25) / M * 1.1, 6)
        row = questions.check_prices(frame_of([priced(money, input=fresh, output=out)])).row(0, named=True)
        assert "data residency" in row["reading"], row


def test_a_refund_has_no_ratio():
    """$5 for a million tokens, and $8 given back on the same day: -3 over 5 is no price."""
    frame = frame_of([priced(5), priced(-8, input=0)])
    row = questions.check_prices(frame, overlap="allow").row(0, named=True)
    assert (row["billed"], row["ratio"]) == (-3, None)
    assert row["reading"] == "a refund: more was given back than billed"


def test_what_cannot_be_compared_is_null_and_said():
    frame = frame_of([priced(5, currency="EUR"), priced(None, "08"), priced(7, "07", model={"id": "auto"})])
    table = questions.check_prices(frame, overlap="allow")
    assert table["ratio"].null_count() == 3
    said = dict(table.select("month", "reading").iter_rows())
    assert said[date(2026, 10, 1)] == "not in USD: the list has no price to compare"
    assert said[date(2026, 8, 1)] == "tokens without a charge"
    assert said[date(2026, 7, 1)].startswith("no list price")
    with pytest.raises(FrameError, match="by='reading' is also a column"):
        questions.check_prices(frame, "reading")


def test_invoices_by_hand(tmp_path):
    """Confluent: 100 metered, a credit of 30; the invoice says 75.50 in two lines: 5.50 that no record explains."""
    frame = frame_of([
        record("k", "confluent", "2026-10-05", "2026-10-06", charges=charged(total=100)),
        record("k", "confluent", "2026-10-06", "2026-10-07", charges=charged(credit=-30)),
        record("u", "cursor", "2026-09-05", "2026-09-05", charges=charged(total=7)),
    ])  # fmt: skip
    path = tmp_path / "invoices.csv"
    lines = [
        "integration,month,currency,amount",
        "Confluent,2026-10,usd,70",
        "confluent,2026-10-31,USD,5.5",
        "claude,2026-10,USD,9",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    table = questions.reconcile(frame, path)
    assert table.select("integration", "month", "metered", "credits", "expected", "invoice", "difference").rows() == [
        ("cursor", date(2026, 9, 1), 7.0, 0.0, 7.0, None, None),
        ("confluent", date(2026, 10, 1), 100.0, -30.0, 70.0, 75.5, 5.5),
        ("claude", date(2026, 10, 1), None, None, None, 9.0, None),
    ]
    assert "commitment" in table["cannot_know"][1]
    assert "seats" in table["cannot_know"][2]


@pytest.mark.parametrize(
    ("row", "error", "match"),
    [
        (("curser", "2026-10", "USD", 1), InputError, "'curser', which is no integration. Did you mean 'cursor'"),
        (("cursor", "October", "USD", 1), InputError, "month='October' is no day"),
        (("cursor", "2026-10", None, 1), FrameError, "lacks its currency"),
        (("cursor", "2026-10", "USD", "ten"), FrameError, "has the amount 'ten', which is no number"),
    ],
)
def test_invoices_that_cannot_be_read(row, error, match):
    table = pl.DataFrame([row], schema=["integration", "month", "currency", "amount"], orient="row")
    with pytest.raises(error, match=match):
        questions.reconcile(frame_of([event("a@x.com")]), table)
