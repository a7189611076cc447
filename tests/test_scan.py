"""A scan from end to end: the same frame as a load, fetched once, gone on with, and never from a damaged directory."""

import asyncio
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from tests.vendor_for_tests import NOW, TOKEN, Vendor, client, day, expected, refusal
from truto_usage_nb.errors import (
    DatasetError,
    InputError,
    InvalidRequestError,
    PartialLoadError,
    PeriodError,
    QueryError,
    UnreadableValueError,
    UsageWarning,
    hearing,
)
from truto_usage_nb.sandbox.faults import Fault

OCTOBER = expected("c", day(10, 1), day(11, 1))
FIVE = ["claude-console", "codex", "cursor", "confluent", "datadog"]


def ids(frame):
    return frame.select("id").collect()["id"].to_list()


def files(directory):
    return sorted(Path(directory, "records").rglob("*.parquet"))


@pytest.fixture(scope="module")
def sandbox():
    return tu.sandbox()


def test_a_scan_of_five_vendors_is_the_load_of_five_vendors_to_the_last_value(sandbox, tmp_path):
    period = ("2026-10-26", "2026-11-03")
    with pytest.warns(UsageWarning) as of_load:
        loaded = sandbox.load_usage(FIVE, period=period)
    with pytest.warns(UsageWarning) as of_scan:
        scanned = sandbox.scan_usage(FIVE, tmp_path, period=period)
    assert scanned.collect().equals(loaded)
    assert {str(each.message) for each in of_scan} == {str(each.message) for each in of_load}
    told = tu.coverage(scanned.filter(~pl.col("overhangs_period"))).accounts
    assert told.collect()["records"].sum() == loaded.filter(~pl.col("overhangs_period")).height


def test_the_cost_tables_of_a_scan_are_those_of_a_load(sandbox, tmp_path):
    scanned = sandbox.scan_usage(["confluent", "claude-console"], tmp_path, period="2026-10-05")
    loaded = sandbox.load_usage(["confluent", "claude-console"], period="2026-10-05")
    table = tu.cost_per_model(loaded)
    assert_frame_equal(tu.cost_per_model(scanned).collect(), table, rel_tol=1e-12)  # the order of adding up is free
    read = tu.read_usage(tmp_path)
    assert_frame_equal(tu.cost_per_model(read), table, rel_tol=1e-12)
    one = tu.read_usage(files(tmp_path)[0])
    assert 0 < one.height < read.height


@pytest.mark.parametrize(
    "option",
    [
        {"truto_response_format": "raw"},
        {"truto_ignore_remote_data": False},
        {"truto_exclude_fields": ["start_date", "usage"]},
        {"truto_key_by": "id"},
    ],
)
def test_whatever_shape_is_asked_for_a_scan_holds_what_a_load_holds(sandbox, tmp_path, option):
    with hearing():
        scanned = sandbox.scan_usage(["claude-console", "confluent"], tmp_path, period="2026-10-05", **option).collect()
        loaded = sandbox.load_usage(["claude-console", "confluent"], period="2026-10-05", **option)
    assert set(scanned.columns) == set(loaded.columns)
    assert scanned.select(loaded.columns).equals(loaded)


@pytest.mark.parametrize("overhang", ["prorate", "include", "drop"])
def test_what_sticks_out_is_settled_as_in_a_load(sandbox, tmp_path, overhang):
    week = ("2026-10-05", "2026-10-12")
    loaded = sandbox.load_usage("datadog", period=week, overhang=overhang)
    scanned = sandbox.scan_usage("datadog", tmp_path, period=week, overhang=overhang).collect()
    counts = [name for name in loaded.columns if loaded.schema[name] != scanned.schema[name]]
    assert scanned.with_columns(loaded[name].cast(scanned.schema[name]) for name in counts).equals(
        loaded.with_columns(pl.col(counts).cast(pl.Float64))
    )


def test_a_second_call_asks_nothing_and_a_longer_one_only_what_is_missing(tmp_path):
    vendor = Vendor({"c": "cursor"})
    assert ids(client(vendor).scan_usage("c", tmp_path, period=("2026-10-05", "2026-10-12"))) == expected(
        "c", day(10, 5), day(10, 12)
    )
    first = len(vendor.asked)
    client(vendor).scan_usage("c", tmp_path, period=("2026-10-06", "2026-10-08"))
    assert len(vendor.asked) == first
    assert ids(client(vendor).scan_usage("c", tmp_path, period="2026-10")) == OCTOBER
    asked = {(each["start_date"], each["end_date"]) for each in vendor.asked[first:]}
    assert asked == {("2026-10-01", "2026-10-04T23:59:59.999Z"), ("2026-10-12", "2026-10-31T23:59:59.999Z")}
    assert len(files(tmp_path)) == 3


def test_what_was_not_final_is_fetched_again_and_takes_the_place_of_the_old(tmp_path):
    # Cursor's figures are final after an hour: of a scan at noon, today's are not
    vendor = Vendor({"c": "cursor"})
    client(vendor).scan_usage("c", tmp_path, period="2026-10")
    with pytest.warns(UsageWarning, match="after now"):
        client(vendor).scan_usage("c", tmp_path, period="2026-11")
    names, until_today = files(tmp_path), ("2026-10-01", "2026-11-24")
    asked = len(vendor.asked)
    vendor.more = lambda record: {"metric_name": "restated"}
    with pytest.warns(UsageWarning, match="after now"):
        later = client(vendor, now=NOW + timedelta(hours=7)).scan_usage("c", tmp_path, period=until_today)
    frame = later.collect()
    assert {each["start_date"] for each in vendor.asked[asked:]} == {"2026-11-01"}
    november = frame.filter(pl.col("start_date") >= day(11, 1))
    assert november["metric_name"].unique().to_list() == ["restated"]
    assert frame["id"].to_list() == expected("c", day(10, 1), NOW)
    assert files(tmp_path) == names  # the same names: a reader of the files never sees a record twice
    held = {path: path.stat().st_mtime_ns for path in names}
    client(vendor, now=NOW + timedelta(days=9)).scan_usage("c", tmp_path, period=until_today)
    settled = len(vendor.asked)
    client(vendor, now=NOW + timedelta(days=10)).scan_usage("c", tmp_path, period=until_today)
    assert len(vendor.asked) == settled
    assert held[names[0]] == names[0].stat().st_mtime_ns


def interrupted(directory, at, **options):
    """Scan until the request number `at`, which fails; gives the vendor."""
    vendor = Vendor({"c": "cursor"}, fail=lambda _: refusal(400, "no") if len(vendor.asked) == at else None)
    with pytest.raises(InvalidRequestError):
        client(vendor, concurrency=1, **options).scan_usage("c", directory, period="2026-10")
    vendor.fail = None
    vendor.asked.clear()
    return vendor


def test_an_interrupted_scan_goes_on_from_the_last_page(tmp_path):
    vendor = interrupted(tmp_path, at=10)
    assert not files(tmp_path)  # a window that is not whole is nobody's figure yet
    assert ids(client(vendor, concurrency=1).scan_usage("c", tmp_path, period="2026-10")) == OCTOBER
    # October is 93 records: 90 in the window of thirty days, 23 pages of four, and one page for the last day
    assert len(vendor.asked) == 23 - 9 + 1
    assert vendor.asked[0]["next_cursor"].startswith("36.")


def test_it_goes_on_with_the_pages_it_began_with(tmp_path):
    vendor = interrupted(tmp_path, at=10, records_per_page=3)
    again = client(vendor, records_per_page=2, concurrency=1)
    assert ids(again.scan_usage("c", tmp_path, period="2026-10")) == OCTOBER
    assert vendor.asked[0]["limit"] == "3"  # a cursor is good with its own query alone


def test_windows_that_were_done_are_not_asked_for_when_an_interrupted_scan_goes_on(tmp_path):
    vendor = Vendor(
        {"o": "openai_codex"}, fail=lambda each: refusal(400, "no") if each["date"] > "2026-11-20" else None
    )
    late = {"now": day(11, 22), "concurrency": 1}
    with pytest.raises(InvalidRequestError):
        client(vendor, **late).scan_usage("o", tmp_path, period=("2026-11-18", "2026-11-22"))
    vendor.fail, done = None, [each["date"] for each in vendor.asked]
    client(vendor, **late).scan_usage("o", tmp_path, period=("2026-11-18", "2026-11-22"))
    assert sorted({each["date"] for each in vendor.asked[len(done) :]}) == ["2026-11-21"]


@pytest.mark.parametrize("status", [410, 422])
def test_an_expired_cursor_starts_its_window_again(tmp_path, status):
    vendor = interrupted(tmp_path, at=10)
    gone = []

    def expired(params):
        if "next_cursor" in params and not gone:
            gone.append(params)
            return refusal(status, "expired")
        return None

    vendor.fail = expired
    assert ids(client(vendor, concurrency=1).scan_usage("c", tmp_path, period="2026-10")) == OCTOBER
    assert len(vendor.asked) == 1 + 23 + 1


def test_the_sandbox_lets_a_cursor_expire_and_the_scan_starts_that_window_again(tmp_path):
    faults = [Fault("expired_cursor", account="confluent", at=2)]
    asking = tu.sandbox(faults=faults, records_per_page=20)
    seen = []
    frame = asking.scan_usage("confluent", tmp_path, period=("2026-10-01", "2026-10-04"), progress=seen.append)
    loaded = tu.sandbox().load_usage("confluent", period=("2026-10-01", "2026-10-04"))
    assert frame.collect().equals(loaded)
    assert seen[-1].pages == 2 + -(-loaded.height // 20)  # two pages, then all of them


def test_a_scan_that_is_called_off_leaves_nothing_running_and_goes_on_later(tmp_path):
    vendor = Vendor({"c": "cursor"})

    async def called_off():
        asking = client(vendor, concurrency=1)
        work = asyncio.ensure_future(asking.ascan_usage("c", tmp_path, period="2026-10"))
        vendor.fail = lambda _: work.cancel() and None if len(vendor.asked) == 8 else None
        with pytest.raises(asyncio.CancelledError):
            await work
        await asking.aclose()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert not asyncio.run(called_off())
    had = len(vendor.asked)
    assert ids(client(vendor, concurrency=1).scan_usage("c", tmp_path, period="2026-10")) == OCTOBER
    assert len(vendor.asked) - had < 24 - 4


def test_a_refusal_of_the_query_itself_is_not_taken_for_an_expired_cursor(tmp_path):
    vendor = Vendor({"c": "cursor"}, fail=lambda _: refusal(422, "no such range"))
    with pytest.raises(InvalidRequestError, match="no such range"):
        client(vendor, concurrency=1).scan_usage("c", tmp_path, period="2026-10-05")
    assert len(vendor.asked) == 1
    vendor.fail = lambda each: refusal(410, "expired") if "next_cursor" in each else None
    vendor.per_page = 1
    with pytest.raises(tu.errors.CursorExpiredError):
        client(vendor, concurrency=1).scan_usage("c", tmp_path, period="2026-10-05")


def test_a_window_whose_cursors_keep_expiring_is_begun_three_times_and_no_more(tmp_path):
    vendor = Vendor({"c": "cursor"}, fail=lambda each: refusal(410, "expired") if "next_cursor" in each else None)
    vendor.per_page = 1
    with pytest.raises(tu.errors.CursorExpiredError):
        client(vendor, concurrency=1).scan_usage("c", tmp_path, period="2026-10-05")
    assert sum("next_cursor" not in each for each in vendor.asked) == 3


def test_what_an_interrupted_scan_had_two_days_ago_does_not_mix_with_figures_of_today(tmp_path):
    early = day(11, 20)
    vendor = Vendor({"c": "cursor"}, fail=lambda _: refusal(400, "no") if len(vendor.asked) == 4 else None)
    with pytest.raises(InvalidRequestError):
        client(vendor, now=early, concurrency=1).scan_usage("c", tmp_path, period="2026-11")
    vendor.fail, vendor.more = None, lambda record: {"metric_name": "restated"}
    with pytest.warns(UsageWarning):
        frame = client(vendor).scan_usage("c", tmp_path, period="2026-11").collect()
    assert frame["metric_name"].unique().to_list() == ["restated"]
    assert frame["id"].to_list() == expected("c", day(11, 1), NOW)


def test_accounts_that_fail_do_not_lose_the_others(tmp_path):
    accounts = {"c": "cursor", "f": "confluent"}
    vendor = Vendor(accounts, fail=lambda p: refusal(400, "no") if p["integrated_account_id"] == "f" else None)
    with pytest.raises(PartialLoadError, match="1 of 2 accounts failed") as problem:
        client(vendor).scan_usage(["c", "f"], tmp_path, period="2026-10")
    assert ids(problem.value.result) == OCTOBER
    with pytest.warns(UsageWarning, match="f: UsageQuery.* failed"):
        frame = client(vendor).scan_usage(["c", "f"], tmp_path, period="2026-10", on_error="warn")
    assert ids(frame) == OCTOBER
    vendor.fail = None
    asked = len(vendor.asked)
    assert len(ids(client(vendor).scan_usage(["c", "f"], tmp_path, period="2026-10"))) == 2 * len(OCTOBER)
    assert {each["integrated_account_id"] for each in vendor.asked[asked:]} == {"f"}


def test_a_record_that_two_queries_state_counts_once(tmp_path):
    vendor = Vendor({"f": "confluent"})
    vendor.more = lambda _: {
        "updated_at": "2026-11-02",
        "product": {"id": "p", "name": vendor.asked[-1]["report_type"]},
    }
    asked = {"period": "2026-10", "report_type": ["usage", "cost"], "progress": False}
    with pytest.warns(UsageWarning) as told:
        scanned = client(vendor, concurrency=1).scan_usage("f", tmp_path, **asked)
    assert any("93 records came from more than one query" in str(each.message) for each in told)
    with pytest.warns(UsageWarning):
        loaded = client(vendor, concurrency=1).load_usage("f", **asked)
    assert scanned.collect().equals(loaded)
    assert loaded["product_name"].unique().to_list() == ["cost"]  # of equally new ones, the last asked for
    assert tu.read_usage(tmp_path).height == 93


def stated(amount, updated_at=None, **more):
    return {"charges": [{"type": "net", "amount": amount, "currency": "USD"}], "updated_at": updated_at, **more}


OLDER, NEWER = "2026-11-01", "2026-11-02"
JUDGED = {  # what two queries state of 93 records; the amounts that stay of each, and what is told
    "the same": (stated(1), stated(1), [1.0], r"93 records .* is kept \(\$93\.00 left out\)$"),
    "restated": (
        stated(1, OLDER), stated(2, NEWER), [2.0],
        r"\(\$93\.00 left out\); 93 of them had other figures before \(\$93\.00, now \$186\.00\)$",
    ),
    "restated, and the older asked for last": (
        stated(2, NEWER), stated(1, OLDER), [2.0], r"other figures before \(\$93\.00, now \$186\.00\)$"
    ),
    "nobody can tell": (
        stated(1), stated(2), [1.0, 2.0],
        r"93 records .* other figures, .* all are kept, \$279\.00 together, such as .*charges_net 1\.0 and 2\.0",
    ),
    "other records": (stated(1, metric_name="a"), stated(2, metric_name="b"), [1.0, 2.0], None),
}  # fmt: skip


@pytest.mark.parametrize("what", JUDGED)
def test_a_scan_judges_what_two_queries_state_as_a_load_does(tmp_path, what):
    first, second, amounts, words = JUDGED[what]
    vendor = Vendor({"f": "confluent"})
    vendor.more = lambda _: {"usage": first, "cost": second}[vendor.asked[-1]["report_type"]]
    asked = {"period": "2026-10", "report_type": ["usage", "cost"], "progress": False}
    with hearing() as of_scan:
        scanned = client(vendor, concurrency=1).scan_usage("f", tmp_path, **asked).collect()
    with hearing() as of_load:
        loaded = client(vendor, concurrency=1).load_usage("f", **asked)
    assert scanned.equals(loaded)
    assert loaded["charges_net"].value_counts().sort("charges_net").rows() == [(amount, 93) for amount in amounts]
    told = [[text for text in said if "more than one query" in text] for said in (of_scan, of_load)]
    assert told[0] == told[1]
    assert len(told[0]) == (words is not None)
    assert words is None or re.search(words, told[0][0])


def test_a_call_sees_its_own_queries_and_the_directory_keeps_all(tmp_path):
    vendor = Vendor({"c": "cursor", "f": "confluent"})
    client(vendor).scan_usage("c", tmp_path, period="2026-10")
    frame = client(vendor).scan_usage("f", tmp_path, period="2026-10-05")
    assert ids(frame) == expected("f", day(10, 5), day(10, 6))
    assert tu.read_usage(tmp_path)["integrated_account_id"].value_counts().sort("count")["count"].to_list() == [3, 93]
    assert tu.read_usage(tmp_path, backend="pandas").shape[0] == 96


def test_nothing_to_be_had_is_an_empty_frame_with_every_column(tmp_path):
    vendor = Vendor({"c": "cursor"})
    frame = client(vendor).scan_usage("c", tmp_path, period="2025-10").collect()
    assert frame.height == 0
    assert {"charges_net", "usage_tokens_total", "overhangs_period"} <= set(frame.columns)
    asked = len(vendor.asked)
    client(vendor).scan_usage("c", tmp_path, period="2025-10")
    assert len(vendor.asked) == asked


def test_no_file_holds_the_token(tmp_path):
    interrupted(tmp_path, at=10)
    vendor = Vendor({"f": "confluent"})
    client(vendor).scan_usage("f", tmp_path, period="2026-10")
    everything = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) > 10
    assert not any(TOKEN.encode() in content for content in everything)


def test_progress_counts_windows_pages_and_records(tmp_path):
    seen = []
    client(Vendor({"c": "cursor"})).scan_usage("c", tmp_path, period="2026-10", progress=seen.append)
    last = seen[-1]
    assert (last.done, last.total, last.pages, last.records) == (2, 2, 24, 93)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({}, PeriodError, "a scan needs a period"),
        ({"period": "2026-13"}, PeriodError, "2026-13"),
        ({"period": "2027"}, PeriodError, "lies in the future"),
        ({"period": "2026-10", "limit": 5}, QueryError, r"limit=5 would leave a window cut.*\.head\(n\)"),
        ({"period": "2026-10", "start_date": "2026-10-01"}, PeriodError, "both given"),
        ({"period": "2026-10", "overhang": "dorp"}, InputError, "Did you mean 'drop'"),
        ({"period": "2026-10", "on_error": "ignore"}, InputError, "on_error='ignore' is not allowed"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_asked_or_written(tmp_path, options, error, says):
    vendor = Vendor({"c": "cursor"})
    with pytest.raises(error, match=says):
        client(vendor).scan_usage("c", tmp_path / "new", **options)
    assert not vendor.asked


# --- directories that are not what they should be


@pytest.fixture
def kept(tmp_path):
    vendor = Vendor({"c": "cursor"})
    directory = tmp_path / "kept"
    client(vendor).scan_usage("c", directory, period="2026-10")
    return directory


def refused(directory, says):
    with pytest.raises(DatasetError, match=says):
        client(Vendor({"c": "cursor"})).scan_usage("c", directory, period="2026-10")


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    refused(tmp_path, "not a dataset of scan_usage: it holds 'thesis.docx'")
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.docx"]
    refused(tmp_path / "thesis.docx", "is a file")


def test_a_truncated_journal_is_an_error_that_says_so(kept):
    journal = kept / "journal.json"
    content = journal.read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 3):
        journal.write_bytes(content[:length])
        refused(kept, "journal.json is damaged")
    journal.write_bytes(content.replace(b'"records": 90', b'"records": 91'))
    refused(kept, "does not match its hash")
    journal.write_bytes(content.replace(b'"truto_usage_dataset": 1', b'"truto_usage_dataset": 2'))
    refused(kept, "is of format 2")
    journal.unlink()
    refused(kept, "no journal.json")
    journal.write_bytes(content)
    assert ids(client(Vendor({"c": "cursor"})).scan_usage("c", kept, period="2026-10")) == OCTOBER


def test_a_truncated_missing_or_foreign_parquet_file_is_an_error_that_says_so(kept):
    path = files(kept)[0]
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    refused(kept, "is damaged: it has")
    with pytest.raises(DatasetError, match="is damaged"):
        tu.read_usage(kept)
    path.write_bytes(content[:-20] + b"x" * 20)
    refused(kept, "is damaged")
    path.unlink()
    refused(kept, "is missing, with 90 records")
    path.write_bytes(content)
    (path.parent / "mine.parquet").write_bytes(content)
    refused(kept, r"mine.parquet is not a file of this dataset")


def test_a_damaged_page_is_an_error_that_says_so(tmp_path):
    vendor = interrupted(tmp_path, at=10)
    pages = sorted(tmp_path.rglob("*.page"))
    content = pages[4].read_bytes()
    pages[4].write_bytes(content[:50])
    refused(tmp_path, r"000005.page is damaged .*; delete .* and scan again")
    pages[4].unlink()
    refused(tmp_path, "does not hold the first pages of a walk")
    pages[4].write_bytes(content)
    assert ids(client(vendor).scan_usage("c", tmp_path, period="2026-10")) == OCTOBER


_HOLD = """
import sys
from pathlib import Path
from truto_usage_nb.dataset.files import locked
with locked(Path(sys.argv[1], "lock"), Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_scans_of_one_directory_at_once_are_an_error_and_a_killed_one_holds_nothing(kept):
    other = subprocess.Popen([sys.executable, "-c", _HOLD, str(kept)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"held\n"
        refused(kept, "another scan is at work in")
    finally:
        other.kill()
        other.communicate()
    assert ids(client(Vendor({"c": "cursor"})).scan_usage("c", kept, period="2026-10")) == OCTOBER


# --- columns that appear and widen


def drifting(vendor, changes):
    """Have fields change from a day on: by day, a function of the record's number."""

    def more(record):
        made = {}
        for since, change in changes.items():
            if record["start_date"] >= since:
                made |= change(int(record["id"].split("-")[1]))
        return made

    vendor.more = more
    return vendor


WHOLE = {"2026-10-01": lambda n: {"score": n}}
FRACTION = WHOLE | {"2026-10-15": lambda n: {"score": n + 0.5}}
TEXT = FRACTION | {"2026-10-25": lambda n: {"score": f"n{n}", "extra": {"seen": n % 2 == 0}}}


@pytest.mark.parametrize("changes", [WHOLE, FRACTION, TEXT])
def test_a_field_that_appears_or_widens_ends_in_one_frame_as_in_a_load(tmp_path, changes):
    vendor = drifting(Vendor({"f": "confluent"}), changes)
    with pytest.warns(UsageWarning, match="does not name became columns"):
        loaded = client(vendor).load_usage("f", period="2026-10")
    for first, last in ((1, 10), (10, 20), (20, 32)):  # a window each
        until = day(10, last) if last < 32 else day(11, 1)
        with pytest.warns(UsageWarning, match="does not name became columns: score"):
            client(vendor).scan_usage("f", tmp_path, period=(day(10, first), until))
        assert len({tuple(pl.read_parquet_schema(path).items()) for path in files(tmp_path)}) == 1
    scanned = client(vendor).scan_usage("f", tmp_path, period="2026-10").collect()
    assert scanned.equals(loaded.select(scanned.columns))
    assert set(scanned.columns) == set(loaded.columns)


def test_columns_stand_in_the_order_of_a_load_however_they_came(tmp_path):
    def more(n):
        code = {"tool_actions": {f"tool_{n % 7}": {"accepted": n}}}
        charge = [{"type": f"kind_{n % 3}", "amount": 1, "currency": "USD", "note": n}]
        return {"usage": {"code": code}, "charges": charge, f"field_{n % 2}": n}

    vendor = drifting(Vendor({"f": "confluent"}, per_page=1), {"2026-10-01": more})
    with hearing():
        loaded = client(vendor).load_usage("f", period=("2026-10-01", "2026-10-05"))
        client(vendor).scan_usage("f", tmp_path, period=("2026-10-03", "2026-10-05"))
        scanned = client(vendor).scan_usage("f", tmp_path, period=("2026-10-01", "2026-10-05")).collect()
    tools = [name for name in scanned.columns if "tool_" in name]
    assert tools == [name for name in loaded.columns if "tool_" in name] == sorted(tools)
    assert scanned.select(loaded.columns).equals(loaded)


def test_two_paths_that_would_share_a_name_keep_apart_over_pages_and_calls(tmp_path):
    changes = {"2026-10-01": lambda n: {"a": {"b_c": n}}, "2026-10-03": lambda n: {"a": None, "a_b": {"c": f"x{n}"}}}
    vendor = drifting(Vendor({"f": "confluent"}, per_page=1), changes)
    with hearing():
        client(vendor).scan_usage("f", tmp_path, period=("2026-10-01", "2026-10-03"))
        client(vendor).scan_usage("f", tmp_path, period=("2026-10-04", "2026-10-05"))
        frame = client(vendor).scan_usage("f", tmp_path, period=("2026-10-01", "2026-10-05")).collect()
    first = frame["start_date"] < day(10, 3)
    assert frame.schema["a_b_c"] == pl.Int64
    assert frame.filter(first)["a_b_c"].null_count() == 0 == frame.filter(~first)["a_b__c"].null_count()
    assert frame.filter(first)["a_b__c"].null_count() == 6 == frame.filter(~first)["a_b_c"].null_count()


def test_a_list_whose_items_gain_a_field_is_widened_too(tmp_path):
    def charge(**more):
        return lambda _: {"charges": [{"type": "net", "amount": 2.5, "currency": "USD", **more}]}

    changes = {"2026-10-01": charge(), "2026-10-02": charge(tier=1), "2026-10-03": charge(tier=1.5, deep={"a": "b"})}
    vendor = drifting(Vendor({"f": "confluent"}), changes)
    for number in (1, 2, 3):
        client(vendor).scan_usage("f", tmp_path, period=f"2026-10-0{number}")
    frame = client(vendor).scan_usage("f", tmp_path, period=("2026-10-01", "2026-10-04")).collect()
    items = frame["charges"].explode().struct.unnest()
    assert items["tier"].to_list() == [None] * 3 + [1.0] * 3 + [1.5] * 3
    assert items["deep"].struct.field("a").to_list() == [None] * 6 + ["b"] * 3
    assert frame["charges_net"].to_list() == [2.5] * 9


def test_a_count_that_a_float_cannot_hold_is_an_error_not_another_number(tmp_path):
    changes = {"2026-10-01": lambda n: {"usage": {"tokens": {"input": 2**53 + 1}}}}
    vendor = drifting(Vendor({"f": "confluent"}), changes)
    client(vendor).scan_usage("f", tmp_path, period="2026-10-01")
    vendor.more = lambda _: {"usage": {"tokens": {"input": 1.5}}}
    with pytest.raises(UnreadableValueError, match="usage_tokens_input is 9007199254740993"):
        client(vendor).scan_usage("f", tmp_path, period="2026-10-02")
