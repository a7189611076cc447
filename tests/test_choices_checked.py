"""Every argument that names an account, a currency, a rate, a period or a column is checked, with the choices."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb.errors import FrameError, InputError, IntegrationUnknownError, PeriodError, QueryError, hearing
from truto_usage_nb.planning import Period


def frame():
    return frame_of([record("u1", "cursor", "2026-10-05", "2026-10-05", charges=charged(total=2))])


ACCOUNT = record("u1", "cursor", "2026-10-05", "2026-10-05")["integrated_account_id"]


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (
            {"contract": {"nobody": "prepaid"}},
            rf"contract names 'nobody', which is none of the accounts.* It has {ACCOUNT}",
        ),
        ({"contract": {ACCOUNT: "prepayed"}}, "'prepayed' is not allowed. Did you mean 'prepaid'.*arrears, prepaid"),
        ({"contract": "prepaid"}, "contract='prepaid' is no mapping"),
        ({"keep_account": "nobody"}, f"keep_account names 'nobody', which is none .* It has {ACCOUNT}"),
        ({"keep_account": 5}, "keep_account=5 is no account"),
        ({"billing_currency": "ZZZZ"}, "billing_currency='ZZZZ' is no currency of ISO 4217, such as USD"),
        ({"billing_currency": 5}, "billing_currency=5 is no currency"),
        ({"keep": "x"}, r"keep='x' is no mapping; write it like keep=\{'claude'"),
        ({"keep": {"cursor": "x"}}, r"keep\['cursor'\]='x' is no mapping"),
        ({"total_means": "list"}, "total_means='list' is no mapping"),
        ({"input_includes_cache": True}, "input_includes_cache=True is no mapping"),
        ({"mesure": "list"}, "mesure is not a choice of a cost table. Did you mean 'measure'.* Choices: by, every"),
        ({"measure": "net"}, "measure='net' is not allowed.*billed, list, payable"),
        ({"every": 5}, "every=5 is not allowed.*1h, 1d"),
        ({"time_zone": None}, "time_zone=None is no time zone"),
        ({"time_zone": "Europe"}, "time_zone='Europe' is no time zone"),
        ({"time_zone": "Europe/Berln"}, "is no time zone.*Did you mean 'Europe/Berlin'"),
        ({"by": 5}, "by=5 is no column's name"),
        ({"by": True}, "by=True is no column's name"),
        ({"by": ["surface", None]}, "is no column's name"),
        ({"by": {"surface": 1}}, "is no column's name"),
        ({"by": "surfce"}, "by= needs the column surfce, which this frame does not have. Did you mean 'surface'"),
        ({"exchange_rates": 1.08}, r"exchange_rates=1.08 names no currencies; write it like \{\('EUR', 'USD'\): 1.08"),
        ({"exchange_rates": {"EURUSD": 1.08}}, "'EURUSD', which is no pair of currencies"),
        ({"exchange_rates": {("USD", "EUR"): -1}}, r"exchange_rates\[\('USD', 'EUR'\)\]=-1 is no rate"),
        ({"exchange_rates": {("USD", "EUR"): 0}}, "=0 is no rate"),
        ({"exchange_rates": {("USD", "EUR"): math.nan}}, "=nan is no rate"),
        ({"exchange_rates": {("USD", "EUR"): math.inf}}, "=inf is no rate"),
        ({"exchange_rates": {("USD", "EUR"): "1,08"}}, "='1,08' is no rate"),
        ({"exchange_rates": {("USD", "EUR"): True}}, "=True is no rate"),
        ({"exchange_rates": {("USD", "ZZZZ"): 1}}, "exchange_rates: to='ZZZZ' is no currency"),
        ({"exchange_rates": {("USDD", "EUR"): 1, ("USD", "EUR"): 1}}, "from='USDD' is no currency.*Did you mean 'USD'"),
        ({"exchange_rates": {("usd", "EUR"): 1, ("USD", "EUR"): 2}}, "a rate from USD to EUR twice"),
    ],
)
def test_a_cost_table_refuses_what_decides_nothing(words, match):
    with pytest.raises(InputError, match=match):
        tu.cost_per(frame(), **words)


def test_what_is_named_rightly_counts():
    words = {"contract": {ACCOUNT: "arrears"}, "keep_account": ACCOUNT, "billing_currency": " usd "}
    table = tu.cost_per(frame(), exchange_rates={("usd", "EUR"): (0.5, "by hand"), ("GBP", "EUR"): 2}, **words)
    assert table.select("cost", "converted_cost", "exchange_source").rows() == [(2.0, 1.0, "by hand")]
    assert tu.cost_per(frame().clear(), contract={"nobody": "prepaid"}).height == 0  # of nothing, nobody is misspelt


def test_a_missing_column_is_named_with_what_comes_near_and_not_with_sixty():
    bare = pl.DataFrame({"integration": ["cursor"], "charges_totl": [1.0]})
    with pytest.raises(FrameError) as caught:
        tu.cost_per(bare)
    assert "needs the columns charges_" in str(caught.value)
    assert " more, which this frame does not have." in str(caught.value)
    assert len(str(caught.value)) < 300
    with pytest.raises(FrameError, match=r"needs the column charges_total, .* Did you mean 'charges_totl'\?"):
        tu.cost_per(frame().rename({"charges_total": "charges_totl"}))


def test_a_result_and_a_frame_without_times_say_what_to_give(tmp_path):
    result = tu.sandbox().fetch_usage("cursor", period="2026-10-05")
    with pytest.raises(FrameError, match=r"UsageResult\. Give its frame: result\.polars"):
        tu.cost_per(result)
    flat = frame().with_columns(pl.col("start_date", "end_date").cast(pl.String))
    for one in (flat, flat.to_pandas()):
        with pytest.raises(FrameError, match="start_date holds String, not times, as after a CSV"):
            tu.cost_per(one)


@pytest.mark.parametrize(
    ("start", "end", "match"),
    [
        (datetime(2026, 10, 1), datetime(2026, 10, 2), "has no time zone; add one"),  # noqa: DTZ001
        (datetime(2026, 10, 2, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC), "is empty: its end"),
        (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC), "is empty: its end"),
        ("2026-10-01", "2026-10-02", "is not a datetime; Period.parse reads"),
    ],
)
def test_a_period_made_by_hand_is_checked(start, end, match):
    with pytest.raises(PeriodError, match=match):
        Period(start, end)


def test_a_period_is_in_utc_and_days_that_are_none_say_so():
    there = timezone(timedelta(hours=2))
    assert Period(datetime(2026, 10, 1, 2, tzinfo=there), datetime(2026, 11, 1, 2, tzinfo=there)) == Period.parse(
        "2026-10"
    )
    for text, match in (("2026-10-00", "day"), ("2026-00", "month must be in 1..12"), ("2026-02-30", "day")):
        with pytest.raises(PeriodError, match=f"period='{text}' is not a period: .*{match}"):
            Period.parse(text)


@pytest.mark.parametrize(
    ("what", "words", "error", "match"),
    [
        ({"a": None}, {}, QueryError, "'a' names no account: None; give an account id"),
        ({"a": [None]}, {}, QueryError, "'a' names no account"),
        ({"a": 5}, {}, QueryError, r"5 \(int\) cannot be loaded"),
        ({"a": {"b": "cursor"}}, {}, QueryError, r"\(dict\) cannot be loaded"),
        ("claude", {"report_type": []}, QueryError, r"report_type=\[\] names none; leave it out.*Allowed: .*usage"),
        ("claude", {"report_type": 5}, QueryError, "report_type=5 is not allowed.*Allowed: "),
        ("datadog", {"integration": {"datadgo": "datadog"}}, IntegrationUnknownError,
         "integration= names 'datadgo', which is no account of this load. Did you mean .datadog.*Its accounts: d"),
    ],
)  # fmt: skip
def test_a_load_refuses_what_names_nobody(what, words, error, match):
    with pytest.raises(error, match=match):
        tu.sandbox().load_usage(what, period="2026-10", **words)


@pytest.mark.parametrize(
    "ask",
    [
        lambda one: tu.token_mix(one, 5),
        lambda one: tu.cache_savings(one, 5),
        lambda one: tu.estimate_costs(one, 5),
        lambda one: tu.check_prices(one, 5),
        lambda one: tu.unit_costs(one, "request", by=5),
        lambda one: tu.unusual(one, 5),
        lambda one: tu.cost_change(one, 5),
        lambda one: tu.pace(one, by=5),
    ],
)
def test_every_helper_refuses_what_is_no_column(ask):
    with pytest.raises(InputError, match=r"by=5 is no column's name; give one or a list of them"):
        ask(frame())


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda one: tu.remote_field(one, 5), "remote_field.5.: write a field's name"),
        (lambda one: tu.unit_costs(one, []), r"per=\[\] is no unit.*Allowed: "),
        (lambda one: tu.pace(one, "160k"), "budget='160k' is no number; write it like 1080.50; nor is it a file"),
        (lambda one: tu.pace(one, True), "budget=True is no number"),
        (lambda one: tu.with_labels(one, pl.DataFrame({"email": ["a"], "t": ["b"]}), 5), "on=5 is no column's name"),
        (lambda one: tu.to_focus(one, contract={"nobody": "prepaid"}), "names 'nobody', which is not an account"),
        (lambda one: tu.to_focus(one, billing_currency="ZZZZ"), "billing_currency='ZZZZ' is no currency"),
        (lambda one: tu.cost_lines(one, billing_currency="ZZZZ"), "billing_currency='ZZZZ' is no currency"),
    ],
)
def test_no_argument_ends_in_an_error_of_python(ask, match):
    with hearing(), pytest.raises(InputError, match=match):
        ask(frame())


@pytest.mark.parametrize("kind", ["x", 1, 0, None, [], "True", pl.DataFrame({"x": [1]})])
def test_a_switch_is_true_or_false_and_nothing_that_looks_like_it(kind):
    with pytest.raises(InputError, match=r"kind=.* is not allowed\. Allowed: True, False"):
        tu.cost_per_token(frame(), kind=kind)


LONG = [pl.DataFrame({"x": [1]}), pl.Series(["billed"]), 10**5000, "x" * 1_000_000]


@pytest.mark.parametrize("measure", LONG, ids=["frame", "series", "digits", "text"])
def test_a_refusal_is_short_whatever_was_given(measure):
    with pytest.raises(InputError, match=r"measure=.* is not allowed.*Allowed: billed, list, payable") as caught:
        tu.cost_per(frame(), measure=measure)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_by_is_a_list_that_ends():
    for by in (itertools.count(), pl.DataFrame(), frame(), iter(["surface"])):
        with pytest.raises(InputError, match=r"by=.* is no column's name; give one or a list of them"):
            tu.cost_per(frame(), by)
