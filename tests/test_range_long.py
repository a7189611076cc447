"""Claude over a whole range and by day, through a load: the same money, and tokens that meet it either way."""

import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import OverlapError, hearing
from truto_usage_nb.forms.code import load_code
from truto_usage_nb.forms.state import FormState

ACCOUNTS = ("claude-console", "claude-enterprise", "claude-enterprise-seats")
VERBATIM = {"start_date": "2026-10-01", "end_date": "2026-11-01", "group_by": ["product", "surface", "model"]}
PAIR = {"report_type": ["usage", "cost"]}
FIRST, LAST = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)

each_account = pytest.mark.parametrize("account", ACCOUNTS)


@pytest.fixture(scope="module")
def sandbox():
    return tu.sandbox()


@pytest.fixture(scope="module")
def october(sandbox):
    with hearing():
        return {account: sandbox.fetch_usage(account, period="2026-10") for account in ACCOUNTS}


@each_account
def test_the_default_load_asks_for_days_and_comes_to_the_answer_key(sandbox, october, account):
    result = october[account]
    assert [(each.report_type, each.granularity) for each in result.queries] == [("usage", "day"), ("cost", "day")]
    assert set(result.polars["end_date"] - result.polars["start_date"]) == {LAST - datetime(2026, 10, 31, tzinfo=UTC)}
    key = sandbox.answers("2026-10", [account])
    (bill,) = key.totals()
    assert tu.total_cost(result.polars) == pytest.approx(float(bill["billed"]), abs=1e-6)
    table = tu.cost_per(result.polars, "model_id")
    told = {row["model"]: row["cost"] for row in key.models() if row["cost"] is not None}
    costs = {row["model_id"] or "": row["cost"] for row in table.iter_rows(named=True)}
    assert costs == {model: pytest.approx(float(cost), abs=1e-6) for model, cost in told.items()}
    tokens = table.select(pl.sum_horizontal("tokens", "unpriced_tokens", "included_tokens").sum()).item()
    assert tokens == sum(key.of(account).tokens.values())


@each_account
def test_dates_of_ones_own_get_a_record_a_range_with_the_same_sums(sandbox, october, account):
    whole = sandbox.fetch_usage(account, **VERBATIM, **PAIR)
    assert {each.granularity for each in whole.queries} == {None}
    assert set(whole.polars.select("start_date", "end_date").iter_rows()) == {(FIRST, LAST)}
    by_day = october[account].polars
    assert whole.polars.height < by_day.height / 10
    group = ["report_type", "product_id", "surface", "model_id"]
    assert whole.polars.select(group).is_unique().all()
    for column in ("usage_tokens_total", "usage_tokens_cache_read", "usage_requests_total", "charges_net"):
        sums = (frame.group_by(group).agg(pl.col(column).sum()).sort(group)[column] for frame in (whole.polars, by_day))
        one, other = (each.to_list() for each in sums)
        assert one == pytest.approx(other, rel=1e-12)
    assert not set(whole.polars["id"]) & set(by_day["id"])


@each_account
def test_tokens_meet_money_inside_the_range(sandbox, october, account):
    whole = tu.cost_per_model(sandbox.load_usage(account, **VERBATIM, **PAIR))
    by_day = tu.cost_per_model(october[account].polars)
    assert whole["model_id"].to_list() == by_day["model_id"].to_list()
    assert whole["cost"].to_list() == pytest.approx(by_day["cost"].to_list(), rel=1e-12)
    assert whole["unpriced_tokens"].sum() == 0
    assert whole["tokens"].to_list() == (by_day["tokens"] + by_day["unpriced_tokens"]).to_list()
    models = whole.filter(pl.col("model_id").is_not_null())
    assert models["other_cost"].to_list() == [0.0] * models.height
    for row in models.iter_rows(named=True):
        assert row["cost_per_million_tokens"] == pytest.approx(row["cost"] / row["tokens"] * 1e6)


def test_two_days_by_hand(sandbox):
    """What the vendor's own day rows come to, added here as exact cents, is the one record of both days."""
    two = {"start_date": "2026-10-12", "end_date": "2026-10-14", "report_type": "cost"}
    days = sandbox.load_usage("claude-console", **two, granularity="day", truto_response_format="raw")
    (range_long,) = sandbox.load_usage("claude-console", **two, truto_response_format="raw")["cost_amount"]
    first, second = (Decimal(each) for each in days["cost_amount"])
    assert Decimal(range_long) == first + second
    (charged,) = sandbox.load_usage("claude-console", **two)["charges_net"]
    assert charged == float((first + second) / 100)


def test_a_range_beside_its_days_is_refused(sandbox, october):
    whole = sandbox.load_usage("claude-console", **VERBATIM, report_type="cost")
    by_day = october["claude-console"].polars.filter(report_type="cost")
    with pytest.raises(OverlapError, match="claude-console"):
        tu.cost_per_model(pl.concat([by_day, whole], how="diagonal_relaxed"))


def test_days_by_default_and_days_by_name_are_one_query(sandbox, october):
    with hearing():
        said = sandbox.fetch_usage("claude-console", period="2026-10", granularity="day")
    assert said.queries == october["claude-console"].queries
    assert said.polars.equals(october["claude-console"].polars)
    both = pl.concat([said.polars, october["claude-console"].polars])
    assert tu.total_cost(tu.deduplicate(both)) == pytest.approx(tu.total_cost(said.polars))


@pytest.mark.parametrize(
    ("said", "hours"),
    [({"remote_query": {"time_bucket_width": "1h"}}, 1), ({"granularity": "hour"}, 1), ({"granularity": "day"}, 24)],
)
def test_a_width_that_is_said_is_what_is_served(sandbox, said, hours):
    frame = sandbox.load_usage("claude-console", period="2026-10-05", **said)
    assert Counter((frame["end_date"] - frame["start_date"]).dt.total_hours()) == {hours: frame.height}


def test_by_user_and_with_a_report_of_ones_own_a_period_comes_by_day(sandbox):
    with hearing():
        users = sandbox.fetch_usage("claude-enterprise", period=("2026-10-05", "2026-10-08"), users=True)
        own = sandbox.fetch_usage("claude-enterprise", period=("2026-10-05", "2026-10-08"), group_by=["model"])
        daily = sandbox.fetch_usage("claude-enterprise", period=("2026-10-05", "2026-10-08"), report_type="skill_usage")
    assert [each.granularity for each in (*users.queries, *own.queries, *daily.queries)] == ["day"] * 3 + [None]
    for result in (users, own, daily):
        assert result.polars["start_date"].dt.date().n_unique() == 3


def test_the_code_of_a_form_says_no_more_than_was_clicked(sandbox):
    state = FormState(accounts=("claude-console",), period="2026-10")
    code = load_code(sandbox, state)
    assert code.endswith("usage = tu.load_usage('claude-console', period='2026-10', client=client)")
    assert not re.search("granularity", code)
    assert state.is_plain
