"""What an earlier version wrote opens, goes on from where it stood, and gives the same values."""

from datetime import UTC, datetime, timedelta

import pytest

import truto_usage_nb as tu
from tests.earlier_for_tests import EARLIER, EXPECTED, Tape, figures, unpacked
from tests.vendor_for_tests import NOW, Vendor, client
from truto_usage_nb.errors import hearing

SANDBOX_NOW = datetime(2026, 11, 23, tzinfo=UTC)


def number(record):
    return int(record["id"].split("-")[1])


def pages(record):
    n = number(record)
    code = {"tool_actions": {"edit": {"accepted": n}}}
    return {"usage": {"tokens": {"input": n}, "code": code}, "note": {"text": f"n{n}", "seen": n % 2 == 0}}


def drifted(record):
    n, day = number(record), record["start_date"][:10]
    charge = {"type": "net", "amount": n / 4, "currency": "USD", "tier": n}
    fresh = {"type": "fresh", "amount": n / 8, "currency": "USD", "tier": "gold", "deep": {"b": n}}
    return {
        "2026-10-01": {"score": n, "deep": {"a": [1, n]}},
        "2026-10-02": {"score": n + 0.5, "charges": [charge]},
        "2026-10-03": {"score": f"n{n}", "charges": [fresh]},
    }[day]


FIRST_DAYS = ("2026-10-01", "2026-10-04")
LATER = NOW + timedelta(hours=2)
CASES = {
    "half": ({"c": "cursor"}, pages, FIRST_DAYS, NOW),
    "whole": ({"c": "cursor"}, pages, FIRST_DAYS, NOW),
    "drift": ({"c": "cursor"}, drifted, FIRST_DAYS, NOW),
    "widening": ({"c": "cursor"}, drifted, FIRST_DAYS, NOW),
    "leaving": ({"f": "confluent"}, None, ("2026-11-20", "2026-11-24"), LATER),
}


@pytest.mark.parametrize("name", CASES)
def test_a_scan_that_was_cut_short_goes_on_and_gives_the_same(name, tmp_path):
    accounts, more, period, now = CASES[name]
    directory, vendor = unpacked(name, tmp_path), Vendor(accounts, per_page=3, more=more)
    with hearing():
        frame = client(vendor, now=now, concurrency=1).scan_usage(list(accounts), directory, period=period)
    assert figures(frame) == EXPECTED[name]["resumed"]
    assert len(vendor.asked) == EXPECTED[name]["asked"]
    assert figures(tu.read_usage(directory)) == EXPECTED[name]["kept"]
    assert not [*directory.rglob("*.page"), *directory.rglob("*.part")]


def test_a_scan_of_the_sandbox_goes_on_from_its_last_page(tmp_path):
    directory, tape = unpacked("sandbox", tmp_path), Tape("sandbox")
    assert figures(tu.read_usage(directory)) == EXPECTED["sandbox"]["opened"]
    asking = tu.Client(
        "sandbox-token", base_url="http://127.0.0.1:1", transport=tape, clock=lambda: SANDBOX_NOW, retries=0,
        records_per_page=10,
    )  # fmt: skip
    accounts = ["claude-console", "codex", "confluent"]
    with hearing():
        frame = asking.scan_usage(accounts, directory, period=("2026-10-05", "2026-10-07"))
    assert figures(frame) == EXPECTED["sandbox"]["resumed"]
    assert tape.asked == EXPECTED["sandbox"]["asked"] == 9  # of 21 pages, 12 were there
    assert figures(tu.read_usage(directory)) == EXPECTED["sandbox"]["kept"]


@pytest.mark.parametrize("name", ["drift", "leaving", "names"])
def test_a_dataset_opens_as_it_was(name, tmp_path):
    assert figures(tu.read_usage(unpacked(name, tmp_path))) == EXPECTED[name]["opened"]


@pytest.mark.parametrize("name", ["polars", "pandas", "partial"])
def test_a_snapshot_opens_as_it_was(name):
    path = EARLIER / f"{name}.parquet"
    said, result = EXPECTED[path.name], tu.read_result(path)
    assert figures(result.polars) == figures(tu.read_usage(path)) == said["figures"]
    assert [query.given() for query in result.queries] == [tu.UsageQuery(**each).given() for each in said["queries"]]
    assert result.fetched_at.isoformat() == said["fetched_at"]
    assert (None if result.period is None else str(result.period)) == said["period"]
    assert {name: until.isoformat() for name, until in result.settled_until.items()} == said["settled_until"]
    for fact in ("pages", "partial", "backend"):
        assert getattr(result, fact) == said[fact], fact
    for texts in ("told", "notes", "gaps"):
        assert list(getattr(result, texts)) == said[texts], texts
