"""Charts, asserted on artists and labels: what is drawn adds up, a currency a panel, and names stay as they are."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import truto_usage_nb as tu
from tests.backends_for_tests import as_kind
from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.costs.overlaps import NOT_ATTRIBUTED
from truto_usage_nb.errors import FrameError, InputError, UsageWarning
from truto_usage_nb.planning import Period
from truto_usage_nb.plots.figures import Palette
from truto_usage_nb.plots.wording import NO_MODEL
from truto_usage_nb.result import UsageResult

M = 1_000_000
ACCOUNTS = ["claude-console", "confluent", "openai-api-eu", "datadog"]


@pytest.fixture(scope="module")
def october() -> pl.DataFrame:
    return tu.load_usage(ACCOUNTS, period="2026-10", client=tu.sandbox(), progress=False)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def row(amount: float | None, day: int = 5, currency: str = "USD", tokens: Any = None, **fields: Any) -> dict[str, Any]:
    """One record of a day in October 2026 that states money, tokens or both."""
    stated = {"usage": {"tokens": {"total": tokens} if isinstance(tokens, int) else tokens}} if tokens else {}
    bill = {"charges": charged(currency, total=amount)} if amount is not None else {}
    dates = {"start_date": f"2026-10-{day:02}", "end_date": f"2026-10-{day + 1:02}"}
    base = {"integrated_account_id": "confluent-1", "integration": "confluent", "report_type": "cost"}
    fields.setdefault("id", f"{day}-{amount}-{fields.get('product')}-{fields.get('model')}-{tokens}")
    return base | dates | stated | bill | fields


def product(name: str | None) -> dict[str, Any]:
    return {"product": {"id": name, "name": name}}


def heights(ax: Any) -> float:
    """What the bars of a stack come to."""
    return sum(bar.get_height() for bar in ax.patches)


def widths(ax: Any) -> list[float]:
    return [bar.get_width() for bar in ax.patches]


def names(ax: Any) -> list[str]:
    return [tick.get_text() for tick in ax.get_yticklabels()]


def legend(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def notes(ax: Any) -> str:
    """Every word on a chart beside its axes and title."""
    return " ".join(text.get_text() for text in ax.texts).replace("\n", " ").replace(r"\$", "$")


def colour_of(ax: Any, name: str) -> str:
    place = names(ax).index(name)
    bars = [bar for bar in ax.patches if round(bar.get_y() + bar.get_height() / 2) == -place]
    return mpl.colors.to_hex(bars[-1].get_facecolor())


# --- currencies


def test_each_currency_has_a_panel_of_its_own_and_none_is_mixed(october):
    table = tu.cost_per(october, "integration")
    panels = tu.plots.cost_bars(october, "integration")
    assert isinstance(panels, list)
    assert {ax.get_xlabel() for ax in panels} == {"cost, USD", "cost, EUR"}
    for ax in panels:
        currency = ax.get_xlabel()[-3:]
        cost = table.filter(pl.col("currency") == currency)["cost"].sum()
        assert sum(widths(ax)) == pytest.approx(cost)
        assert ax.get_title(loc="left") == f"Cost by vendor, {currency}"


def test_currency_picks_one_and_then_one_ax_will_do(october):
    _, ax = plt.subplots()
    assert tu.plots.cost_over_time(october, "integration", currency="EUR", ax=ax) is ax
    assert ax.get_ylabel() == "cost a day, EUR"
    assert ax.get_title(loc="left") == "Cost a day by vendor"


@pytest.mark.parametrize("name", ["cost_over_time", "cost_bars", "price_per_million", "billed_against_list", "pace"])
def test_several_currencies_on_one_ax_are_refused_by_name(october, name):
    _, ax = plt.subplots()
    by = {} if name == "pace" else {"by": "integration"}
    with pytest.raises(InputError, match=r"one ax cannot show .*currency='USD'|one ax cannot show .*currency='EUR'"):
        getattr(tu.plots, name)(october, **by, ax=ax)
    assert not ax.patches


def test_a_currency_that_is_not_there_is_named(october):
    with pytest.raises(InputError, match=r"currency='EURO' is not in this frame. Did you mean 'EUR'\? There: USD, EUR"):
        tu.plots.cost_bars(october, "integration", currency="EURO")


# --- cost over time


def test_days_stack_to_the_bill_and_only_the_largest_have_a_name(october):
    table = tu.cost_per(october, "model_id", every="1d").filter(currency="USD")
    ax = tu.plots.cost_over_time(october, "model_id", top=3, currency="USD")
    assert heights(ax) == pytest.approx(table["cost"].sum())
    assert legend(ax) == [NO_MODEL, "claude-sonnet-5-5", "claude-haiku-4-5", "all other"]
    assert len(ax.patches) == 4 * 31


def test_what_is_stated_for_a_month_is_spread_over_its_days_and_said():
    month = row(3100, id="m", integrated_account_id="datadog-1", integration="datadog") | {
        "start_date": "2026-10-01",
        "end_date": "2026-11-01",
    }
    ax = tu.plots.cost_over_time(frame_of([month, row(900, id="d")]))
    assert heights(ax) == pytest.approx(4000)
    assert "$3,100 (78 %) is stated for longer than a day and spread" in notes(ax)
    assert max(bar.get_height() for bar in ax.patches) == pytest.approx(1000)  # 3100 / 31 + 900


def test_hours_of_days_are_refused_naming_who_states_days(october):
    with pytest.raises(FrameError, match=r"every='1h' .* confluent, datadog, openai-api-eu is stated by the day"):
        tu.plots.cost_over_time(october, every="1h")
    cursor = tu.load_usage("cursor", period="2026-10-05", client=tu.sandbox())
    ax = tu.plots.cost_over_time(cursor, every="1h")
    assert ax.get_ylabel() == "cost an hour, USD"
    assert heights(ax) == pytest.approx(tu.total_cost(cursor))


def test_a_refund_hangs_below_the_line():
    frame = frame_of([row(100, 5, id="a"), row(-40, 5, id="b", **product("refund"))])
    ax = tu.plots.cost_over_time(frame, "product_name")
    assert sorted((bar.get_y(), bar.get_height()) for bar in ax.patches) == [(0, -40), (0, 100)]


def test_days_without_records_are_gaps_not_left_out():
    ax = tu.plots.cost_over_time(frame_of([row(1, 1, id="a"), row(2, 9, id="b")]))
    assert [bar.get_height() for bar in ax.patches] == [1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert [tick.get_text() for tick in ax.get_xticklabels()][:2] == ["1 Oct", "3 Oct"]


def test_more_hours_than_bars_can_show_are_one_shape_that_is_as_high():
    hours = [
        row(day, day, id=f"{day}-{hour}", **product("a"))
        | {"start_date": f"2026-10-{day:02}T{hour:02}:00:00Z", "end_date": f"2026-10-{day:02}T{hour:02}:59:59Z"}
        for day in range(1, 22)
        for hour in (0, 12)
    ]
    ax = tu.plots.cost_over_time(frame_of(hours), "product_name", every="1h")
    assert not ax.patches
    assert ax.collections[0].get_datalim(ax.transData).y1 == 21
    assert ax.get_legend() is None  # one series: its name is in the line under the title


def instants(*starts):
    return frame_of([row(2**n, id=str(n)) | {"start_date": at, "end_date": at} for n, at in enumerate(starts)])


def test_a_day_without_a_midnight_has_a_bar_and_an_hour_that_comes_twice_has_two():
    """Cairo's 24 April 2026 begins at 1:00; in Berlin 25 October 2026 has 2:00 twice, which is 0:00Z and 1:00Z."""
    cairo = instants("2026-04-23T12:00:00Z", "2026-04-24T12:00:00Z", "2026-04-26T12:00:00Z")
    ax = tu.plots.cost_over_time(cairo, time_zone="Africa/Cairo")
    assert [bar.get_height() for bar in ax.patches] == [1, 2, 0, 4]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["23 Apr", "24 Apr", "25 Apr", "26 Apr"]
    starting_there = tu.plots.cost_over_time(instants("2026-04-24T12:00:00Z", "2026-04-26T12:00:00Z"),
                                             time_zone="Africa/Cairo")  # fmt: skip
    assert [bar.get_height() for bar in starting_there.patches] == [1, 0, 2]
    berlin = instants("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z")
    ax = tu.plots.cost_over_time(berlin, every="1h", time_zone="Europe/Berlin")
    assert [bar.get_height() for bar in ax.patches] == [1, 2, 4]


def test_a_date_that_is_wrong_by_centuries_is_refused():
    frame = frame_of([row(1, id="a"), row(1, id="b") | {"start_date": "1026-10-05", "end_date": "1026-10-06"}])
    with pytest.raises(FrameError, match=r"every='1d' makes 365,\d+ buckets from 1026-10-05 to 2026-10-05"):
        tu.plots.cost_over_time(frame)


def test_cost_without_a_date_is_said():
    undated = row(7, id="u") | {"start_date": None, "end_date": None}
    ax = tu.plots.cost_over_time(frame_of([row(1, 1, id="a"), undated]))
    assert "$7.00 more has no date" in notes(ax)
    assert "no cost has a date" in notes(tu.plots.cost_over_time(frame_of([undated])))


@pytest.mark.parametrize(
    ("every", "words", "ticks"),
    [
        ("1w", "cost a week, USD", ["5 Oct"]),
        ("1mo", "cost a month, USD", ["Oct 2026"]),
        ("1q", "cost a quarter, USD", ["Q4 2026"]),
    ],
)
def test_longer_buckets_say_what_they_are(every, words, ticks):
    ax = tu.plots.cost_over_time(frame_of([row(1, 6)]), every=every)
    assert ax.get_ylabel() == words
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ticks


# --- ranked bars


def test_bars_stand_by_rank_with_money_and_share_and_add_up():
    frame = frame_of([row(cost, **product(name)) for name, cost in (("a", 10), ("b", 60), ("c", 5), (None, 25))])
    ax = tu.plots.cost_bars(frame, "product_name", top=2)
    assert names(ax) == ["b", NOT_ATTRIBUTED, "all other (2)"]
    assert widths(ax) == [60, 25, 15]
    assert [text.get_text() for text in ax.texts][:3] == [r"\$60.00  60 %", r"\$25.00  25 %", r"\$15.00  15 %"]
    assert ax.get_title(loc="left") == "Cost by product"
    assert "$100.00 billed" in notes(ax)


def test_shares_are_left_out_where_refunds_make_the_whole_nothing():
    ax = tu.plots.cost_bars(frame_of([row(10, **product("a")), row(-10, **product("b"))]), "product_name")
    assert [text.get_text() for text in ax.texts][:2] == [r"\$10.00", r"-\$10.00"]


def test_a_vendor_may_call_a_model_other():
    frame = frame_of([row(cost, **product(name)) for name, cost in (("other", 50), ("a", 30), ("b", 20))])
    assert names(tu.plots.cost_bars(frame, "product_name", top=2)) == ["other", "a", "all other (1)"]
    assert legend(tu.plots.cost_over_time(frame, "product_name", top=1)) == ["other", "all other"]


def test_several_dimensions_make_one_name():
    frame = frame_of([row(10, surface="api", **product("a"))])
    ax = tu.plots.cost_bars(frame, ["product_name", "surface"])
    assert names(ax) == ["a · api"]
    assert ax.get_title(loc="left") == "Cost by product and surface"


def test_the_list_price_has_its_own_word():
    frame = frame_of([row(None, charges=charged(net=80, total=100), **product("a"))])
    assert "$80.00 billed" in notes(tu.plots.cost_bars(frame, "product_name"))
    assert "$100.00 at list price" in notes(tu.plots.cost_bars(frame, "product_name", measure="list"))


@pytest.mark.drill
@given(costs=st.lists(st.integers(-500, 5000), min_size=1, max_size=12), top=st.integers(1, 6))
@settings(max_examples=25)
def test_whatever_is_named_the_parts_add_up_to_the_bill(costs, top):
    frame = frame_of([row(cost, 1 + n % 3, id=str(n), **product(f"p{n % 7}")) for n, cost in enumerate(costs)])
    bars = tu.plots.cost_bars(frame, "product_name", top=top)
    stack = tu.plots.cost_over_time(frame, "product_name", top=top)
    assert sum(widths(bars)) == pytest.approx(sum(costs))
    assert heights(stack) == pytest.approx(sum(costs))
    assert len(names(bars)) <= top + 1
    plt.close("all")


# --- prices, tokens, caches


def claude(cost: float | None, tokens: Any, model: str = "opus", **fields: Any) -> list[dict[str, Any]]:
    base = {"integrated_account_id": "claude-1", "integration": "claude", "model": {"id": model}, **fields}
    bill = [row(cost, **base)] if cost is not None else []
    return [*bill, row(None, tokens=tokens, **base | {"report_type": "usage"})]


def test_the_price_of_a_million_is_worked_by_hand():
    mix = {"input": 20 * M, "cache_read": 60 * M, "output": 20 * M, "total": 100 * M}
    frame = frame_of([*claude(300, mix), *claude(10, 100 * M, "haiku"), *claude(None, 50 * M, "free")])
    ax = tu.plots.price_per_million(frame)
    assert names(ax) == ["opus", "haiku"]
    assert widths(ax) == pytest.approx([3.0, 0.1])
    assert ax.texts[0].get_text() == r"\$3.00  60 % cache reads"
    assert "$310.00 for 200 M tokens with a price" in notes(ax)
    assert "80 % of all tokens have a price; 50 M have none" in notes(ax)


def test_prices_by_kind_stand_on_powers_of_ten():
    usage = tu.load_usage("openai-api-eu", period="2026-10-06", client=tu.sandbox())
    table = tu.cost_per_token(usage, "model_id", kind=True).filter(pl.col("cost_per_million_tokens") > 0)
    ax = tu.plots.price_per_million(usage, kind=True)
    drawn = sorted(float(x) for line in ax.lines for x in line.get_xdata() if line.get_marker() != "None")
    assert drawn == pytest.approx(sorted(table["cost_per_million_tokens"]))
    assert ax.get_xscale() == "log"
    assert [tick.get_text() for tick in ax.get_xticklabels()][:2] == ["€0.01", "€0.1"]
    assert legend(ax) == ["input", "cache read", "output"]


def test_the_mix_of_tokens_adds_up_to_all_of_them():
    mix = {"input": 20 * M, "cache_read": 70 * M, "output": 10 * M, "total": 100 * M}
    frame = frame_of([*claude(None, mix), *claude(None, {"input": 5 * M, "total": 5 * M}, "haiku")])
    ax = tu.plots.token_mix(frame, "model_id")
    assert names(ax) == ["opus", "haiku"]
    assert sum(widths(ax)) == pytest.approx(2.0)
    assert legend(ax) == ["fresh input", "cache reads", "cache writes", "output"]
    assert {"20 %", "70 %", "10 %", "100 M", "5.0 M", "100 %"} <= {text.get_text() for text in ax.texts}
    assert "74 % of all input read from a cache" in notes(ax)  # 70 of 95


def test_what_caching_saved_is_an_estimate_that_names_its_prices(october):
    table = tu.cache_savings(october, "model_id")
    ax = tu.plots.cache_savings(october, top=3)
    first = table.row(0, named=True)
    assert names(ax)[0] == first["model_id"]
    assert widths(ax)[:2] == pytest.approx([first["cost_without_cache"], first["cost_with_cache"]])
    assert "estimate at list prices, genai-prices" in notes(ax)
    unknown = tu.plots.cache_savings(
        frame_of(
            [
                *claude(None, {"input": M, "total": M}, "claude-opus-4-5"),
                *claude(None, {"input": 9 * M, "total": 9 * M}, "no-such-model"),
            ]
        )
    )
    assert "9.0 M tokens of models without a list price are left out" in notes(unknown)


def test_billed_stands_in_front_of_the_list_price():
    discounted = row(None, charges=charged(net=80, total=100), **product("a"))
    ax = tu.plots.billed_against_list(frame_of([discounted, row(30, **product("b"))]), "product_name")
    assert names(ax) == ["a", "b"]
    assert widths(ax) == [100, 80, 30, 30]
    assert "$80.00 of $100.00, 20 % below" in notes(ax)
    assert "$30.00, at list" in notes(ax)
    assert "$110.00 billed of $130.00 at list price (grey), 15 % below" in notes(ax)


# --- the month, the bridge, the seats


def test_the_month_adds_up_to_the_day_its_budget_breaks_and_to_its_expected_end():
    frame = frame_of([row(100, day, id=str(day)) for day in range(1, 11)])
    ax = tu.plots.pace(frame, 750)
    so_far, expected = ax.lines[:2]
    assert list(so_far.get_xdata()) == list(range(11))
    assert list(so_far.get_ydata()) == [100 * n for n in range(11)]
    assert list(expected.get_xdata()) == list(range(10, 32))
    assert list(expected.get_ydata()) == pytest.approx([100 * n for n in range(10, 32)])
    assert "budget $750.00, passed on 8 Oct" in notes(ax)
    assert "$1,000 by 10 Oct 2026, 133 % of $750.00" in notes(ax)
    assert "$3,100 expected by 31 Oct; four times in five $3,100 to $3,100" in notes(ax)
    assert ax.get_ylabel() == "cost since 1 Oct, USD"
    assert "expected to break on 25 Oct" in notes(tu.plots.pace(frame, 2_450))


def test_the_line_of_the_month_ends_where_the_table_does(october):
    table = tu.pace(october)
    for ax in tu.plots.pace(october):
        to_date = table.filter(currency=ax.get_ylabel()[-3:])["to_date"][0]
        assert ax.lines[0].get_ydata()[-1] == pytest.approx(to_date)


def test_a_month_is_whole_from_its_first_day_and_never_extrapolated():
    month = row(3100, id="m", integrated_account_id="datadog-1", integration="datadog")
    month |= {"start_date": "2026-10-01", "end_date": "2026-11-01"}
    ax = tu.plots.pace(frame_of([month, *(row(100, day, id=str(day)) for day in range(1, 11))]))
    assert list(ax.lines[0].get_ydata())[:3] == [0, 3200, 3300]
    assert [ax.lines[1].get_ydata()[place] for place in (0, -1)] == pytest.approx([4100, 6200])
    assert "$3,100 is stated for longer than a day and counts from its first" in notes(ax)


def test_what_grows_of_a_month_is_drawn_on_no_day_to_come():
    """Half committed, half on demand to date: the first half stands on the 1st, the other on the 10 days counted.

    Ten days at 100 and a month that was updated at the end of the 10th. Datadog may be 72 hours late: 7 to 10 days are
    counted, 8.5 in the middle, so the line of what is there ends on the 10th with all that is stated, and no later.
    """
    month = row(None, id="m", integrated_account_id="datadog-1", integration="datadog", updated_at="2026-10-11")
    month |= {"start_date": "2026-10-01", "end_date": "2026-11-01", "charges": charged(committed=850, on_demand=850)}
    ax = tu.plots.pace(frame_of([month, *(row(100, day, id=str(day)) for day in range(1, 11))]))
    so_far, expected = ax.lines[:2]
    assert list(so_far.get_ydata())[:3] == pytest.approx([0, 850 + 100 + 100, 850 + 200 + 200])
    assert so_far.get_ydata()[10] == pytest.approx(1000 + 1700)
    assert so_far.get_xdata()[-1] == 10
    assert expected.get_ydata()[-1] == pytest.approx(3100 + 850 + 3100)
    assert "$850.00 is stated for longer than a day and counts from its first" in notes(ax)


def test_a_result_is_drawn_as_it_was_seen():
    rows = [row(100, day, id=str(day)) for day in range(1, 11)]
    period = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    seen = UsageResult(frame_of(rows), (), datetime(2026, 10, 12, 9, tzinfo=UTC), period=period)
    so_far, expected = tu.plots.pace(seen).lines[:2]
    assert list(so_far.get_ydata())[9:] == [900, 1000, 1000, 1000]  # nothing is there yet of the 11th and 12th
    assert expected.get_ydata()[-1] == pytest.approx(3100)


def test_a_month_that_is_over_is_final_or_not_by_the_day_on_which_it_is_looked_at():
    rows = [row(100, day, id=str(day), integration="openai_codex") for day in range(1, 31)]
    rows.append(rows[-1] | {"id": "31", "start_date": "2026-10-31", "end_date": "2026-11-01"})
    assert "final" not in notes(tu.plots.pace(frame_of(rows)))  # nobody said which day this is
    assert "final up to 31 Oct" in notes(tu.plots.pace(frame_of(rows), now="2026-11-01"))
    assert "final up to 9 Oct" in notes(tu.plots.pace(frame_of(rows[:9])))


def test_the_currency_of_the_most_amounts_comes_first():
    rows = [row(1, day, currency=each, id=f"{day}{each}") for day in range(1, 11) for each in ("USD", "USD", "EUR")]
    rows = [{**each, "id": str(number)} for number, each in enumerate(rows[:-1])]
    assert [ax.get_ylabel()[-3:] for ax in tu.plots.pace(frame_of(rows))] == ["USD", "EUR"]


def test_one_budget_for_two_currencies_is_refused():
    rows = [row(1, day, currency=each, id=f"{day}{each}") for day in range(1, 11) for each in ("USD", "EUR")]
    frame = frame_of(rows)
    with pytest.raises(InputError, match=r"budget=100 does not say which of 2 rows"):
        tu.plots.pace(frame, 100)
    panels = tu.plots.pace(frame, {"EUR": 100})
    assert ["budget" in notes(ax) for ax in panels] == [True, False]
    assert "budget" in notes(tu.plots.pace(frame, 100, currency="USD"))


def change_of(*rows: tuple[Any, ...], currency: str = "USD") -> pl.DataFrame:
    columns = ("model_id", "before", "after", "volume", "rate", "mix", "new", "gone")
    table = pl.DataFrame(rows, schema=columns, orient="row")
    starts = {"before_start": datetime(2026, 9, 1, tzinfo=UTC), "after_start": datetime(2026, 10, 1, tzinfo=UTC)}
    change = pl.col("after").fill_null(0) - pl.col("before").fill_null(0)
    return table.with_columns(change=change, currency=pl.lit(currency), **{k: pl.lit(v) for k, v in starts.items()})


CHANGE = change_of(
    ("opus", 1000.0, 1500.0, 700.0, -200.0, 0.0, None, None),
    ("new", None, 300.0, None, None, None, 300.0, None),
    ("old", 200.0, None, None, None, None, None, -200.0),
)


def test_the_bridge_of_a_real_change_adds_up():
    usage = tu.load_usage("cursor", period=("2026-10-05", "2026-10-08"), client=tu.sandbox())
    change = tu.cost_change(usage, "model_id", every="1d", before="2026-10-05", after="2026-10-06")
    ax = tu.plots.bridge(change)
    steps = widths(ax)[: len(names(ax)) - 2]
    assert change["before"].sum() + sum(steps) == pytest.approx(change["after"].sum(), abs=0.02)


def test_the_steps_of_a_bridge_lead_from_before_to_after():
    ax = tu.plots.bridge(CHANGE)
    assert names(ax)[0] == "from 1 Sep 2026"
    assert [name.split(":")[0] for name in names(ax)[1:-1]] == ["volume", "rate", "new", "gone"]
    moves = widths(ax)[:4]
    assert moves == [700, -200, 300, -200]
    assert 1200 + sum(moves) == 1800
    assert "$1,800 after $1,200: $600.00 more (50.0 %)" in notes(ax)


def test_what_the_effects_leave_over_is_a_step_of_its_own():
    ax = tu.plots.bridge(change_of(("opus", 100.0, 250.0, 100.0, None, None, None, None)))
    assert names(ax)[1:-1] == ["volume: more or less used", "not explained"]
    assert widths(ax)[:2] == [100, 50]


def test_a_bridge_by_value_shows_who_moved_most_and_the_rest():
    ax = tu.plots.bridge(CHANGE, steps="values", top=2)
    assert names(ax)[1:-1] == ["opus", "new", "all others"]
    assert widths(ax)[:3] == [500, 300, -200]


def test_the_bars_of_a_bridge_begin_at_zero_and_its_totals_are_marks():
    """$30,000 became $31,000 by $1,500 more and $500 less: 3 % of it is not to look like a tenth."""
    ax = tu.plots.bridge(change_of(("opus", 30000.0, 31000.0, 1500.0, -500.0, None, None, None)))
    assert [bar.get_x() for bar in ax.patches] == [0, 0]
    assert widths(ax) == [1500, -500]
    marks = [line.get_xdata()[0] for line in ax.lines if len(set(line.get_ydata())) == 2 and line.get_linewidth() > 2]
    assert marks == [0, 1000]
    assert ax.get_xlim()[0] < -500
    assert ax.get_xlabel() == "change since 1 Sep 2026, USD"
    said = [text.get_text() for text in ax.texts]
    assert {r"+\$1,500", r"-\$500", r"\$30,000", r"\$31,000"} <= set(said)


def test_a_table_that_is_no_change_is_refused(october):
    with pytest.raises(FrameError, match=r"A bridge .* needs the columns currency"):
        tu.plots.bridge(october)
    with pytest.raises(InputError, match=r"steps='effect' is not allowed\. Did you mean 'effects'"):
        tu.plots.bridge(CHANGE, steps="effect")


def test_seats_are_counted_and_the_idle_ones_priced():
    table = pl.DataFrame(
        {
            "integration": ["cursor"] * 3 + ["claude"],
            "email": ["a", "b", "c", "d"],
            "status": ["active", "idle", "idle", "active"],
            "idle_cost": [None, 40.0, 40.0, None],
            "currency": ["USD", "USD", "USD", None],
        }
    )
    ax = tu.plots.seats(table)
    assert names(ax) == ["cursor", "claude"]
    assert widths(ax) == [1, 1, 2, 0]
    assert legend(ax) == ["active", "idle"]
    assert "4 seats; $80.00 for idle seats" in notes(ax)


def test_seats_without_a_price_are_not_called_free():
    table = pl.DataFrame({"integration": ["a", "b"], "status": ["never seen", "active"], "idle_cost": [None, None],
                          "currency": [None, None]}, schema_overrides={"idle_cost": pl.Float64})  # fmt: skip
    said = notes(tu.plots.seats(table))
    assert "price of idle seats not known none idle" in said
    assert "2 seats; price of idle seats not known" in said


def test_people_seen_beside_a_roster_are_no_seats():
    """Two seats on a roster, one of them idle at 40; three people beside it; a vendor without any roster."""
    status = ["active", "idle", *["seen, not on the roster"] * 3, "seen, not on the roster"]
    table = pl.DataFrame(
        {
            "integration": ["cursor"] * 5 + ["codex"],
            "status": status,
            "idle_cost": [0.0, 40.0, None, None, None, None],
            "currency": ["USD", "USD", None, None, None, None],
        }
    )
    ax = tu.plots.seats(table)
    assert names(ax) == ["cursor", "codex"]
    assert widths(ax) == [1, 0, 1, 0]
    assert legend(ax) == ["active", "idle"]
    said = notes(ax)
    assert "2 seats; $40.00 for idle seats; 4 people seen beside the roster" in said
    assert "$40.00 for idle seats; 3 people seen beside the roster" in said
    assert "1 person seen beside the roster" in said


def test_without_a_roster_the_bars_are_people_seen():
    table = pl.DataFrame({"integration": ["a", "a"], "status": ["idle", "active"], "idle_cost": [None, None],
                          "currency": [None, None]}, schema_overrides={"idle_cost": pl.Float64})  # fmt: skip
    ax = tu.plots.seats(table, roster=False)
    assert ax.get_xlabel() == "people seen"
    assert "2 people seen; 1 of them idle" in notes(ax)
    assert "seats" not in notes(ax)


# --- names, colours, bytes


NASTY = ["$a_b$", "_private", "<script>", "=cmd()", "a\nb\x07", "\u202egnp.exe", "x" * 60, "عربي", ""]


def test_names_are_drawn_as_they_are_and_never_as_mathematics(tmp_path):
    frame = frame_of([row(100 - n, **product(name)) for n, name in enumerate(NASTY)])
    ax = tu.plots.cost_over_time(frame, "product_name", top=20)
    shown = legend(ax)
    assert shown[:6] == [r"\$a_b\$", " _private", "<script>", "=cmd()", "a b ", "gnp.exe"]
    assert shown[6] == "x" * 20 + "…" + "x" * 13
    assert len(shown) == len(NASTY)
    bars = tu.plots.cost_bars(frame, "product_name", top=20)
    assert len(names(bars)) == len(NASTY)
    drawing = tu.plots.save(bars, tmp_path / "nasty.svg").read_text(encoding="utf-8")
    assert "<script>" not in re.sub("<!--.*?-->", "", drawing, flags=re.DOTALL)


def test_long_names_that_look_alike_stay_two_bars():
    twins = [f"{'x' * 25}{middle}{'y' * 25}" for middle in "ab"]
    ax = tu.plots.cost_bars(frame_of([row(10, **product(name)) for name in twins]), "product_name")
    assert widths(ax) == [10, 10]


def test_a_model_has_one_colour_in_every_chart(october):
    palette = Palette()
    usd = {"currency": "USD", "palette": palette}
    bars = tu.plots.cost_bars(october, "model_id", **usd)
    prices = tu.plots.price_per_million(october, **usd)
    against = tu.plots.billed_against_list(october, **usd)
    stack = tu.plots.cost_over_time(october.filter(integration="claude"), "model_id", **usd)
    for name in ("claude-opus-5-5", "claude-sonnet-5-5"):
        colour = palette.colours([name])[name].lower()
        assert {colour_of(ax, name) for ax in (bars, prices, against)} == {colour}
        handle = stack.get_legend().legend_handles[legend(stack).index(name)]
        assert mpl.colors.to_hex(handle.get_facecolor()) == colour


def test_bars_beside_their_names_have_one_colour(october):
    for chart in (tu.plots.cost_bars, tu.plots.price_per_million, tu.plots.billed_against_list):
        ax = chart(october, "model_id", currency="USD")
        drawn = {colour_of(ax, name) for name in names(ax)} - {"#afb8c1", "#6e7781"}  # all other, and nobody's
        assert drawn == {"#0072b2"}, chart


def test_one_series_alone_needs_no_legend():
    ax = tu.plots.cost_over_time(frame_of([row(10, **product("a"))]), "product_name")
    assert ax.get_legend() is None
    assert "all of it a" in " ".join(notes(ax) if isinstance(notes(ax), list) else [notes(ax)])


def test_more_names_than_colours_differ_by_pattern():
    looks = Palette().looks([f"m{n}" for n in range(20)])
    assert len({(looks[f"m{n}"].colour, looks[f"m{n}"].hatch) for n in range(20)}) == 20


def test_a_chart_of_ones_own_gets_the_same_colours():
    assert tu.plots.colours(["a-model"]) == tu.plots.colours(["a-model"], by="model_id")
    with pytest.raises(InputError, match="is given a text"):
        tu.plots.colours("a-model")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_chart_is_the_same_bytes(suffix, tmp_path):
    frame = frame_of([row(10, **product("a"))])
    with plt.style.context("dark_background"):
        first, second = (
            tu.plots.save(tu.plots.cost_bars(frame, "product_name", palette=Palette()), tmp_path / f"{n}.{suffix}")
            for n in (1, 2)
        )
    assert first.read_bytes() == second.read_bytes()


def test_a_page_in_the_dark_still_gets_dark_on_white():
    with plt.style.context("dark_background"):
        ax = tu.plots.cost_bars(frame_of([row(10, **product("a"))]), "product_name")
        ax.figure.canvas.draw()
    assert mpl.colors.to_hex(ax.figure.get_facecolor()) == "#ffffff"
    assert mpl.colors.to_hex(ax.get_yticklabels()[0].get_color()) == "#1f2328"
    assert mpl.colors.to_hex(ax.texts[0].get_color()) == "#1f2328"


# --- little or nothing to draw


EMPTY = frame_of([row(1)]).head(0)
CHARTS = {
    "cost_over_time": ("model_id",), "cost_bars": ("model_id",), "price_per_million": (), "token_mix": (), "pace": (),
    "billed_against_list": (), "cache_savings": (),
}  # fmt: skip


@pytest.mark.parametrize("name", CHARTS)
def test_an_empty_frame_says_so_in_words(name):
    ax = getattr(tu.plots, name)(EMPTY, *CHARTS[name])
    empty = "no (cost is stated|tokens have a price|tokens are stated by kind|tokens have a list price)"
    assert re.fullmatch(empty, notes(ax))
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", CHARTS)
def test_one_record_is_a_chart(name):
    mix = {"input": 2 * M, "cache_read": M, "output": M, "total": 4 * M}
    frame = frame_of(claude(3, mix, "claude-opus-4-5"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no projection", UsageWarning)
        ax = getattr(tu.plots, name)(frame, *CHARTS[name])
    ax.figure.canvas.draw()
    assert ax.get_title(loc="left")
    assert ax.patches or ax.lines


@pytest.mark.parametrize("kind", ["pandas", "pandas_arrow", "pyarrow", "duckdb", "polars_lazy"])
def test_any_frame_is_drawn_the_same(kind):
    frame = frame_of([row(10, **product("a")), row(5, **product("b"))])
    ax = tu.plots.cost_bars(as_kind(frame, kind), "product_name")
    assert (names(ax), widths(ax)) == (["a", "b"], [10, 5])


def test_what_the_tables_tell_reaches_the_caller_of_the_chart():
    own = {"integrated_account_id": "cursor-1", "integration": "cursor", "model": {"id": "opus"}}
    keyed = row(1, tokens=M, **own) | {"usage": {"tokens": {"total": M}, "requests": {"api_key": 1, "total": 1}}}
    with pytest.warns(UsageWarning) as told:
        tu.plots.cost_bars(frame_of([*claude(10, M), keyed]), "model_id")
    assert len(told) == 1
    assert told[0].filename == __file__


@pytest.mark.parametrize("top", [0, -1, True, 2.5, "3"])
def test_a_number_of_names_that_is_none_is_refused(top):
    with pytest.raises(InputError, match="top="):
        tu.plots.cost_bars(EMPTY, "model_id", top=top)


def test_the_charts_bring_in_matplotlib_only_when_one_is_drawn():
    code = "import sys, truto_usage_nb as tu; tu.plots.colours(['a']); print('matplotlib' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


@pytest.mark.kernel
def test_every_chart_of_a_notebook_is_shown(monkeypatch):
    import nbclient
    import nbformat

    monkeypatch.delenv("MPLBACKEND")

    chart = "tu.plots.cost_bars(table, 'product_name');"
    made = "import truto_usage_nb as tu; table = tu.load_usage('confluent', period='2026-09-14', client=tu.sandbox())"
    cells = [nbformat.v4.new_code_cell(source) for source in (made, chart, chart, "tu.plots.token_mix(table.head(0));")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [sum("image/png" in out.get("data", {}) for out in cell.outputs) for cell in notebook.cells]
    assert shown == [0, 1, 1, 1]
