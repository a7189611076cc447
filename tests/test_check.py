"""A check for the schedule: what is breached, what could not be judged, and what a build server reads of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.backends_for_tests import as_kind
from tests.frames_for_tests import frame_of
from tests.test_allocation import record
from truto_usage_nb.allocation.check import Checks, exit_code, read_checks, span_to_load
from truto_usage_nb.cli import main
from truto_usage_nb.errors import InputError
from truto_usage_nb.planning import Period

FRAME = frame_of([record("a", 60, integration="datadog"), record("b", 40.5), record("b", 7, currency="EUR")])


def budget(**given: Any) -> dict[str, Any]:
    return {"amount": "100", "currency": "USD", "period": "month", **given}


def judged(frame: Any, **checks: Any) -> list[tuple[Any, ...]]:
    table = tu.check_usage(frame, {"version": 1, **checks})
    return [(row["name"], row["status"], row["value"]) for row in table.iter_rows(named=True)]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"total": True}, ("total", "breached", 100.5)),
        ({"total": True, "tolerance": "0.5 %"}, ("total", "ok", 100.5)),  # to 100.50
        ({"total": True, "tolerance": "0.4 %"}, ("total", "breached", 100.5)),
        ({"total": True, "amount": "100.5"}, ("total", "ok", 100.5)),
        ({"total": True, "currency": "EUR", "amount": 6}, ("total", "breached", 7.0)),
        ({"vendor": "datadog", "amount": 59}, ("datadog", "breached", 60.0)),
        ({"vendor": "confluent"}, ("confluent", "ok", 40.5)),
        ({"team": "x", "amount": 40}, ("x", "breached", 40.5)),
        ({"team": "y"}, ("y", "ok", 60.0)),
    ],
)
def test_budgets_of_all_of_a_vendor_and_of_a_team(given: dict[str, Any], found: tuple[Any, ...]) -> None:
    rules = [{"to": "x", "match": {"account": "b"}}, {"to": "y", "match": "all"}]
    assert judged(FRAME, budgets=[budget(**given)], rules=rules) == [found]


def test_each_month_that_the_period_touches_has_its_budget() -> None:
    frame = frame_of([record("a", 120, month=9), record("a", 60)])
    table = tu.check_usage(frame, {"version": 1, "budgets": [budget(total=True)]}, period=("2026-09-15", "2026-10-15"))
    assert table.select("status", "message").rows() == [
        ("breached", "$120.00 of $100.00 in 2026-09 (120 %)"), ("ok", "$60.00 of $100.00 in 2026-10 (60 %)"),
    ]  # fmt: skip
    yearly = {"version": 1, "budgets": [budget(total=True, period="year")]}
    assert tu.check_usage(frame, yearly, period="2026-10")["value"].to_list() == [180.0]


def test_limits_on_unit_prices_know_what_was_not_used_and_what_has_no_price() -> None:
    frame = frame_of([
        record("a", 3, model={"id": "m1"}, tokens=1_000_000, integration="cursor"),
        record("a", None, model={"id": "m2"}, tokens=5, integration="cursor"),
    ])  # fmt: skip
    prices = [{"model": name, "per_million_tokens": "2.50", "currency": "USD"} for name in ("M1", "m2", "m3")]
    assert judged(frame, unit_prices=prices) == [
        ("model M1", "breached", 3.0), ("model m2", "not judged", None), ("model m3", "ok", None),
    ]  # fmt: skip


def test_missing_days_and_unusual_ones_of_the_sandbox() -> None:
    client = tu.sandbox()
    result = client.fetch_usage(["claude-console", "openai-api-eu", "codex"], period=("2026-10-01", "2026-11-12"))
    table = tu.check_usage(
        result, {"version": 1, "missing": True, "unusual": "true"}, period=("2026-11-01", "2026-11-12")
    )
    missing = {row["name"]: row for row in table.filter(check="missing").iter_rows(named=True)}
    assert missing["openai-api-eu"]["status"] == "breached"
    assert missing["openai-api-eu"]["message"] == "5 days missing: 2026-11-05..2026-11-09"
    assert missing["codex"]["status"] == "ok"
    lenient = tu.check_usage(result, {"version": 1, "missing": {"days": 5}}, period=("2026-11-01", "2026-11-12"))
    assert set(lenient["status"]) == {"ok"}
    october = tu.check_usage(result, {"version": 1, "unusual": {"by": "account", "at_least": 100}}, period="2026-10")
    days = october.filter(pl.col("status") == "breached").filter(name="claude-console")["message"].str.head(10)
    assert {"2026-10-20", "2026-10-24", "2026-10-25"} <= set(days)


def test_money_without_a_past_is_not_judged_or_as_agreed_only_told() -> None:
    """Of Datadog's month there is no earlier one here to hold it against."""
    result = tu.sandbox().fetch_usage(["datadog", "cursor"], period="2026-10")
    everything = {"version": 1, "unusual": True}
    strict = tu.check_usage(result, everything, period="2026-10").row(
        by_predicate=pl.col("name") == "without a past", named=True
    )
    assert strict["status"] == "not judged"
    assert "$80,690" in strict["message"]  # with its money
    agreed = {"version": 1, "unusual": {"unjudged": "tell"}}
    told = tu.check_usage(result, agreed, period="2026-10").row(
        by_predicate=pl.col("name") == "without a past", named=True
    )
    assert (told["status"], told["message"]) == ("ok", f"not judged, as agreed: {strict['message']}")


def test_where_nothing_can_be_judged_no_agreement_makes_it_well() -> None:
    result = tu.sandbox().fetch_usage("datadog", period="2026-10")
    table = tu.check_usage(result, {"version": 1, "unusual": {"unjudged": "tell"}}, period="2026-10")
    assert table["status"].to_list() == ["not judged"]


def test_nobody_is_missed_on_a_day_that_is_not_due() -> None:
    """It is 23 November; a bill of yesterday may come three days late, and Datadog's comes with its month."""
    client = tu.sandbox()
    accounts = ["datadog", "confluent", "cursor"]
    every_day = {"version": 1, "missing": True, "accounts": accounts}
    yesterday = tu.check_usage(
        client.fetch_usage(accounts, period="yesterday", overhang="prorate"), every_day, period="2026-11-22"
    )
    assert yesterday["status"].to_list() == ["ok"] * 3
    old = client.fetch_usage(accounts, period="2026-11-10", overhang="prorate")
    gone = replace(old, polars=old.polars.filter(pl.col("integrated_account_id") != "cursor"))
    assert ("cursor", "breached", None) in [
        row for row in judged(gone, missing=True, accounts=accounts) if row[1] == "breached"
    ]


def test_an_account_that_delivered_nothing_is_missing_and_one_that_failed_is_not_judged() -> None:
    result = tu.sandbox().fetch_usage(["confluent"], period="2026-10-05")
    empty = replace(result, polars=result.polars.clear())
    assert ("confluent", "breached", None) in judged(empty, missing=True)
    failed = replace(empty, gaps=(f"confluent: {result.queries[0]!r} failed: 503",), partial=True)
    assert judged(failed, missing=True) == [("confluent", "not judged", None)]
    assert judged(failed, budgets=[budget(total=True)]) == [("total", "not judged", 0.0)]
    spent = replace(result, gaps=failed.gaps)
    assert judged(spent, budgets=[budget(total=True)]) == [("total", "breached", 957.521)]  # whatever else is missing
    assert judged(spent, budgets=[budget(vendor="datadog")]) == [("datadog", "ok", 0.0)]


def test_one_breach_outranks_what_could_not_be_judged() -> None:
    assert [exit_code(each) for each in (["ok"], ["not judged", "ok"], ["not judged", "breached"])] == [0, 2, 1]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "checks nothing"),
        ({"budget": []}, "Did you mean 'budgets'"),
        ({"budgets": [{"total": True, "amount": 5, "currency": "USD"}]}, "budget 1 states no period"),
        ({"budgets": [budget(total=True, currency="DOLLAR")]}, "is no currency"),
        ({"budgets": [budget(total=True, amount="5,00")]}, "say which"),
        ({"budgets": [budget(total=True, amount=-5)]}, "not above zero"),
        ({"budgets": [budget(total=True, vendor="cursor")]}, "give one of total"),
        ({"budgets": [budget(vendor="datadg")]}, "Did you mean 'datadog'"),
        ({"budgets": [budget(team="x")]}, "no rules say what a team pays"),
        ({"budgets": [budget(team="z")], "rules": [{"to": "zz", "match": "all"}]}, "assigns anything to 'z'"),
        ({"budgets": [budget(total=True, period="mounth")]}, "Did you mean 'month'"),
        ({"budgets": [budget(total=True, tolerance="5")]}, "write it like 5 %"),
        ({"unit_prices": [{"model": "m", "currency": "USD"}]}, "per_million_tokens"),
        ({"unit_prices": [{"per_million_tokens": 5, "currency": "USD"}]}, "says not of what"),
        ({"missing": {"days": "x"}}, "is no number of days"),
        ({"unusual": {"least": 5}}, "Known: by, at_least"),
        ({"unusual": {"unjudged": "tel"}}, "Did you mean 'tell'"),
        ({"unusual": True, "period": "last-mont"}, "is not a period"),
        ({"unusual": True, "rules": [{"to": "x", "match": {"acount": "a"}}]}, "Did you mean 'account'"),
    ],
)
def test_a_file_is_checked_before_anything_is_loaded(given: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_checks({"version": 1, **given})


def test_what_is_loaded_holds_the_budgets_period_and_a_past() -> None:
    day = Period.parse("2026-11-22")
    assert span_to_load(Checks("x"), day) == day
    monthly = read_checks({"version": 1, "budgets": [budget(total=True)]})
    assert span_to_load(monthly, day) == Period.parse(("2026-11-01", "2026-11-23"))
    unusual = read_checks({"version": 1, "unusual": "true"})
    assert span_to_load(unusual, day) == Period.parse(("2026-10-01", "2026-11-23"))


@pytest.mark.parametrize("kind", ["polars_lazy", "pandas", "duckdb"])
def test_any_frame_is_judged(kind: str) -> None:
    table = tu.check_usage(as_kind(FRAME, kind), {"version": 1, "budgets": [budget(total=True)]})
    from truto_usage_nb.native import collect, enter

    assert collect(enter(table).frame)["status"].to_list() == ["breached"]


# The command

CHECK = """
version: 1
accounts: [confluent]
budgets:
  - {total: true, amount: 900, currency: USD, period: period}
"""


@pytest.fixture
def check(tmp_path: Path) -> Path:
    path = tmp_path / "check.yml"
    path.write_text(CHECK, encoding="utf-8")
    return path


def test_the_command_prints_lines_and_its_exit_code_says_what_happened(check: Path, capsys: Any) -> None:
    typed = ["check", str(check), "--sandbox", "-q", "--period", "2026-10-05"]
    assert main(typed) == 1
    assert capsys.readouterr().out.splitlines() == [
        "2026-10-05: 1 breached, 0 not judged, 0 ok",
        "BREACHED    budget total: $957.52 of $900.00 in 2026-10-05 (106 %)",
    ]
    check.write_text(CHECK.replace("900", "1000"), encoding="utf-8")
    assert main(typed) == 0
    assert main(["check", str(check), "--sandbox", "-q", "--period", "2026-10-05", "--accounts", "nobody",
                 "--integration", "confluent"]) == 2  # fmt: skip
    assert "NOT JUDGED" in capsys.readouterr().out


def test_the_command_writes_json_and_junit(check: Path, tmp_path: Path, capsys: Any) -> None:
    kept, junit = tmp_path / "day.parquet", tmp_path / "check.xml"
    assert main(["load", "confluent", "--sandbox", "--period", "2026-10-05", "-q", "-o", str(kept)]) == 0
    assert (
        main(["check", str(check), "--snapshot", str(kept), "--period", "2026-10-05", "--json", "--junit", str(junit)])
        == 1
    )
    said = json.loads(capsys.readouterr().out)
    assert (said["status"], said["exit_code"], said["period"]["so_far"]) == ("breached", 1, False)
    assert said["checks"][0] == {
        "check": "budget", "name": "total", "status": "breached", "currency": "USD", "value": 957.521, "limit": 900.0,
        "message": "$957.52 of $900.00 in 2026-10-05 (106 %)",
    }  # fmt: skip
    suite = ElementTree.fromstring(junit.read_text(encoding="utf-8"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    assert suite.find("testcase/failure") is not None


def test_a_file_that_says_nothing_clear_loads_nothing(check: Path, capsys: Any) -> None:
    check.write_text(CHECK.replace("amount", "amuont"), encoding="utf-8")
    assert main(["check", str(check), "--period", "2026-10-05"]) == 2  # there is no token, and none is missed
    assert "has 'amuont', which means nothing here. Did you mean 'amount'" in capsys.readouterr().err


def test_the_command_hands_a_bill_out(tmp_path: Path, capsys: Any) -> None:
    rules = tmp_path / "rules.csv"
    rules.write_text("to,account\n00420,confluent\n", encoding="utf-8")
    typed = ["allocate", str(rules), "--sandbox", "-q", "--period", "2026-10-05", "--accounts", "confluent"]
    assert main(typed) == 0
    assert "957.52" in capsys.readouterr().out
    book, ledger = tmp_path / "x.xlsx", tmp_path / "x.csv"
    assert main([*typed, "-o", str(book), "--ledger", str(ledger)]) == 0
    assert "2026-10-05,usage,00420,957.52,USD,Usage 2026-10-05" in ledger.read_text(encoding="utf-8")
    assert main([*typed, "-o", str(tmp_path / "x.ods")]) == 2
    assert main([*typed, "--ledger", str(ledger)]) == 2
    for name in ("y.csv", "y.parquet"):
        assert main([*typed, "-o", str(tmp_path / name)]) == 0
    assert pl.read_parquet(tmp_path / "y.parquet")["cost"].to_list() == [957.52]


def test_the_command_adds_seats_and_commitments_and_reads_them_first(tmp_path: Path, capsys: Any) -> None:
    """A day of Confluent is 957.52; one seat of Cursor is 40 a month and there is one month: 997.52 in all.

    7 CKU held at 1.50 an hour are 168 CKU-hours a day, of which 144 are used: 24 x 1.50 = 36 are in no record.
    """
    rules, seats = tmp_path / "rules.csv", tmp_path / "seats.csv"
    rules.write_text("to,account\n00420,confluent\n", encoding="utf-8")
    seats.write_text("integration,email\ncursor,someone@example.com\n", encoding="utf-8")
    typed = ["allocate", str(rules), "--sandbox", "-q", "--period", "2026-10-05", "--accounts", "confluent"]
    out = tmp_path / "made.parquet"
    prices = ["--seat-prices", '{"cursor": [40, "USD"]}']
    assert main([*typed, "--seats", str(seats), *prices, "-o", str(out)]) == 0
    assert round(pl.read_parquet(out)["cost"].sum(), 2) == 997.52
    held = tmp_path / "held.csv"
    names = "account,product,quantity,unit,price,start,end,currency,basis"
    held.write_text(f"{names}\nconfluent,KAFKA_NUM_CKUS,7,CKU,1.5,2026-01-01,2027-01-01,USD,hourly\n", encoding="utf-8")
    assert main([*typed, "--commitments", str(held), "-o", str(out)]) == 0
    assert round(pl.read_parquet(out)["cost"].sum(), 2) == 993.52
    capsys.readouterr()
    for wrong, said in (
        (["--seats", str(seats)], "--seats says whose seats there are"),
        (["--seats", str(seats), "--seat-prices", "40"], "--seat-prices '40' is no JSON of prices"),
        (["--commitments", str(tmp_path / "none.csv")], "none.csv"),
    ):
        assert (
            main(["allocate", str(rules), "--period", "2026-10-05", *wrong]) == 2
        )  # there is no token, and none is missed
        assert said in capsys.readouterr().err


def test_a_chart_of_checks_draws_shares_of_limits_and_counts_the_others() -> None:
    table = tu.check_usage(
        FRAME, {"version": 1, "missing": True, "budgets": [budget(total=True), budget(vendor="datadog")]}
    )
    ax = tu.plots.checks(table)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["budget total", "budget datadog"]
    assert [round(bar.get_width(), 3) for bar in ax.patches] == [1.005, 0.6]
    said = " ".join(text.get_text().replace("\\", "") for text in ax.texts)
    assert "3 hold, 1 breached" in said
    assert "$60.00 of $100.00" in said
