"""Whatever comes, the next scan goes on: types widen as in a load, and a window that cannot be kept fails alone."""

import errno
import json
import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.earlier_for_tests import unpacked
from tests.vendor_for_tests import NOW, Vendor, client, day, expected, refusal
from truto_usage_nb import writing
from truto_usage_nb.bridge import run
from truto_usage_nb.dataset import Scanner
from truto_usage_nb.dataset.files import Disk
from truto_usage_nb.errors import (
    DatasetError,
    PartialLoadError,
    UnreadableValueError,
    UsageWarning,
    WriteError,
    hearing,
)

BIG = 1_144_055_012_345_678_901  # no float holds it: the nearest is …678,976
EXACT = 2**60  # a float does
DAYS = ("2026-10-01", "2026-10-02", "2026-10-03")
ALL = ("2026-10-01", "2026-10-04")


def by_day(*changes):
    """Give records a field that changes from day to day."""
    return lambda record: changes[DAYS.index(record["start_date"][:10])]


def charge(**more):
    return {"charges": [{"type": "net", "amount": 2.5, "currency": "USD", **more}]}


def resource(**more):
    return {"resources": [{"id": "r", "name": "R", **more}]}


def extension(value):
    return {"usage": {"code": {"file_extensions": {"py": value}}}}


PLACES = {
    "an undocumented field": lambda value: {"score": value},
    "a field deep down": lambda value: {"a": {"b": {"c": value}}},
    "a charge": lambda value: charge(tier=value),
    "an object of a charge": lambda value: charge(deep={"tier": value, "other": 1}),
    "a resource": lambda value: resource(size=value),
    "an open map": extension,
}
VALUES = {
    "a large number, then a fraction": (BIG, 0.5, 7),
    "a fraction, then a large number": (0.5, BIG, 7),
    "in the last window alone": (7, 8, 0.5),
    "a large number that a float holds": (EXACT, 0.5, 7),
    "whole, large, fraction": (7, BIG, 0.5),
    "fraction, whole, large": (0.5, 7, BIG),
    "the largest": (2**63 - 1, 0.5, -(2**63)),
    "then a text": (BIG, 0.5, "none"),
    "then a flag": (BIG, True, 0.5),
    "nothing first": (None, BIG, 0.5),
    "an object, then a text": ({"b": BIG}, "x", {"b": 0.5}),
    "a text, then objects": ("x", {"b": 1}, {"c": {"d": 2.5}}),
    "objects within objects": ({"b": 1}, {"b": {"c": 2}}, {"b": "t"}),
    "objects that grow": ({"b": 1}, {"c": 2}, 7),
    "an empty object": ({}, {"b": 1}, "x"),
    "a list": ([1, 2], "x", {"b": 1}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("values", VALUES)
def test_a_column_that_would_be_text_in_a_load_is_text_in_a_dataset(place, values, tmp_path):
    vendor = Vendor({"f": "confluent"}, more=by_day(*map(PLACES[place], VALUES[values])))
    with hearing():
        loaded = client(vendor).load_usage("f", period=ALL)
        for each in DAYS:
            client(vendor).scan_usage("f", tmp_path, period=each)
        asked = len(vendor.asked)
        scanned = client(vendor).scan_usage("f", tmp_path, period=ALL).collect()
    assert scanned.equals(loaded.select(scanned.columns))
    assert set(scanned.columns) == set(loaded.columns)
    assert len(vendor.asked) == asked
    assert tu.read_usage(tmp_path).equals(scanned.drop("overhangs_period"))
    files = list(Path(tmp_path, "records").rglob("*.parquet"))
    assert len({tuple(pl.read_parquet_schema(path).items()) for path in files}) == 1


def test_the_figures_of_one_column_by_hand(tmp_path):
    vendor = Vendor({"f": "confluent"}, more=by_day({"score": BIG}, {"score": 0.5}, {"score": 7}))
    with hearing():
        client(vendor).scan_usage("f", tmp_path, period="2026-10-01")
        assert tu.read_usage(tmp_path)["score"].to_list() == [BIG] * 3
        client(vendor).scan_usage("f", tmp_path, period="2026-10-02")
        assert tu.read_usage(tmp_path)["score"].to_list() == ["1144055012345678901"] * 3 + ["0.5"] * 3
        client(vendor).scan_usage("f", tmp_path, period="2026-10-03")
    assert tu.read_usage(tmp_path)["score"].to_list() == ["1144055012345678901"] * 3 + ["0.5"] * 3 + ["7"] * 3


def test_a_page_alone_is_widened_before_its_window_is_written(tmp_path):
    """One window, a record a page: its pages disagree among themselves."""
    vendor = Vendor({"f": "confluent"}, per_page=1, more=by_day({"score": BIG}, {"score": 0.5}, {"score": 7}))
    with hearing():
        frame = client(vendor).scan_usage("f", tmp_path, period=ALL).collect()
    assert frame["score"].to_list() == ["1144055012345678901"] * 3 + ["0.5"] * 3 + ["7"] * 3


@pytest.mark.parametrize("name", ["bricked", "bricked_count"])
def test_a_dataset_that_an_earlier_version_could_not_go_on_with_goes_on(name, tmp_path):
    """It stands at `widening`, and the file of the first day cannot be widened: no scan of that version ended."""
    directory = unpacked(name, tmp_path)
    is_count = name == "bricked_count"
    path = "usage_tokens_input" if is_count else "score"
    values = ({"usage": {"tokens": {"input": BIG}}}, {"usage": {"tokens": {"input": 0.5}}}, {})
    vendor = Vendor({"c": "cursor", "f": "confluent"}, per_page=3)
    vendor.more = by_day(*(values if is_count else ({"score": BIG}, {"score": 0.5}, {})))
    with hearing():
        other = client(vendor).scan_usage("f", directory, period="2026-10-03").collect()
    assert other["id"].to_list() == expected("f", day(10, 3), day(10, 4))
    held = tu.read_usage(directory).filter(integrated_account_id="c")
    if not is_count:
        assert held[path].to_list() == ["1144055012345678901"] * 3  # what comes next is text as well
        with hearing():
            frame = client(vendor).scan_usage("c", directory, period=("2026-10-01", "2026-10-03")).collect()
        assert frame[path].to_list() == ["1144055012345678901"] * 3 + ["0.5"] * 3
        return
    assert held[path].to_list() == [BIG] * 3
    for _ in range(2):  # the second day fails, and fails alone, each time it is asked for
        with pytest.raises(UnreadableValueError, match=f"usage_tokens_input is {BIG}"):
            client(vendor).scan_usage("c", directory, period=("2026-10-01", "2026-10-03"))
        assert tu.read_usage(directory).filter(integrated_account_id="c")[path].to_list() == [BIG] * 3
    vendor.more = by_day(values[0], {"usage": {"tokens": {"input": 8}}}, {})
    with hearing():
        frame = client(vendor).scan_usage("c", directory, period=("2026-10-01", "2026-10-03")).collect()
    assert frame[path].to_list() == [BIG] * 3 + [8] * 3


# --- a window that cannot be kept fails alone


def tokens(value):
    return {"usage": {"tokens": {"input": value}}}


def state(directory):
    return {path.relative_to(directory): path.read_bytes() for path in Path(directory, "records").rglob("*.parquet")}


def test_a_count_that_cannot_be_kept_loses_its_window_and_nothing_else(tmp_path):
    vendor = Vendor({"o": "openai_codex", "f": "confluent"}, more=by_day(tokens(2**53 + 1), tokens(1.5), tokens(7)))
    client(vendor).scan_usage("o", tmp_path, period="2026-10-01")
    before = state(tmp_path)
    with hearing() as told:
        frame = client(vendor).scan_usage(["o", "f"], tmp_path, period=ALL, on_error="warn").collect()
    lost = [text for text in told if "failed: " in text]
    assert [text[:2] for text in lost] == ["o:", "f:"]
    assert "2026-10-02" in lost[0].partition("failed: ")[0]
    assert all("usage_tokens_input is 9007199254740993" in text.replace(".", "_") for text in lost)
    of = {name: frame.filter(integrated_account_id=name) for name in ("o", "f")}
    assert of["o"]["id"].to_list() == expected("o", *map(day, (10, 10), (1, 2))) + expected("o", day(10, 3), day(10, 4))
    assert of["o"]["usage_tokens_input"].to_list() == [2**53 + 1] * 3 + [7] * 3
    assert before.items() <= state(tmp_path).items()  # not a byte of what was there
    # the other account's window holds both, so it fails too, whole; a period of its own does not
    assert of["f"].height == 0
    with hearing():
        frame = client(vendor).scan_usage("f", tmp_path, period="2026-10-03").collect()
    assert frame["usage_tokens_input"].to_list() == [7] * 3


def test_a_window_that_fails_among_many_is_the_only_one(tmp_path):
    """Of thirty-one days, asked side by side and published together, one brings a fraction beside a large count."""

    def more(record):
        value = {"2026-10-01": 2**53 + 1, "2026-10-20": 0.5}.get(record["start_date"][:10], 1)
        return tokens(value)

    vendor = Vendor({"o": "openai_codex"}, more=more)
    now = {"now": day(11, 5)}
    client(vendor, **now).scan_usage("o", tmp_path, period="2026-10-01")
    with pytest.warns(UsageWarning, match="9007199254740993") as told:
        frame = client(vendor, **now).scan_usage("o", tmp_path, period="2026-10", on_error="warn").collect()
    assert len([each for each in told if "failed" in str(each.message)]) == 1
    lost = set(expected("o", day(10, 20), day(10, 21)))
    assert set(frame["id"]) == set(expected("o", day(10, 1), day(11, 1))) - lost
    assert not list(tmp_path.rglob("*.page"))
    asked = len(vendor.asked)
    vendor.more = lambda record: tokens(2**53 + 1 if record["start_date"] < "2026-10-02" else 1)
    frame = client(vendor, **now).scan_usage("o", tmp_path, period="2026-10").collect()
    assert [each["date"] for each in vendor.asked[asked:]] == ["2026-10-20"]  # asked for anew, and it alone
    assert set(frame["id"]) == set(expected("o", day(10, 1), day(11, 1)))


def test_one_accounts_fault_is_raised_with_the_rest_in_hand(tmp_path):
    vendor = Vendor({"o": "openai_codex", "f": "confluent"})
    vendor.more = lambda record: tokens("many") if record["id"].startswith("o") else tokens(1)
    with pytest.raises(PartialLoadError, match=r"usage\.tokens\.input is 'many'") as failed:
        client(vendor).scan_usage(["o", "f"], tmp_path, period="2026-10-01")
    assert set(failed.value.errors) == {"o"}
    assert failed.value.result.collect()["id"].to_list() == expected("f", day(10, 1), day(10, 2))
    assert tu.read_usage(tmp_path)["id"].to_list() == expected("f", day(10, 1), day(10, 2))


def test_what_a_failed_window_would_have_added_is_not_there(tmp_path):
    vendor = Vendor({"o": "openai_codex"}, more=by_day(tokens(2**53 + 1), tokens(1.5) | {"fresh": 1}, tokens(7)))
    client(vendor).scan_usage("o", tmp_path, period="2026-10-01")
    with hearing() as told:
        frame = client(vendor).scan_usage("o", tmp_path, period=ALL, on_error="warn").collect()
    assert "fresh" not in frame.columns
    assert not any("does not name became columns" in text for text in told)


class FullDisk(Disk):
    """Have no room for files whose path holds a word."""

    def __init__(self, word):
        self.word = word

    def place(self, path, write):
        if self.word in str(path):
            with writing.telling(path):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().place(path, write)


def scan(vendor, accounts, directory, period, disk, **options):
    asking = client(vendor, concurrency=1)
    scanner = Scanner(asking._transport, asking.now, asking._integrations, None, disk)
    return run(scanner.scan(accounts, directory, period=period, **options)).collect()


def test_a_full_disk_is_one_sentence_and_what_was_fetched_stays(tmp_path):
    vendor = Vendor({"c": "cursor", "f": "confluent"}, more=by_day({}, {"fresh": 1}, {}))
    with hearing():
        client(vendor).scan_usage(["c", "f"], tmp_path, period="2026-10-01")
        before = state(tmp_path)
        with pytest.raises(PartialLoadError, match="no space left on device; make room") as failed:
            scan(vendor, ["c", "f"], tmp_path, "2026-10-02", FullDisk("prepared"))
    assert set(failed.value.errors) == {"c", "f"}
    assert all(isinstance(each, WriteError) for each in failed.value.errors.values())
    assert state(tmp_path) == before
    assert not list(tmp_path.rglob("*.new"))
    assert "fresh" not in tu.read_usage(tmp_path).columns
    asked = len(vendor.asked)
    with hearing():
        frame = client(vendor).scan_usage(["c", "f"], tmp_path, period=("2026-10-01", "2026-10-03")).collect()
    assert len(vendor.asked) == asked  # what had been fetched was kept
    assert frame["fresh"].to_list() == ([None] * 3 + [1] * 3) * 2


def test_a_disk_with_room_for_one_account_loses_the_other_alone(tmp_path):
    vendor = Vendor({"c": "cursor", "f": "confluent"})
    with pytest.warns(UsageWarning, match="c: .* failed: .* cannot be written: no space left on device"):
        frame = scan(vendor, ["c", "f"], tmp_path, "2026-10-02", FullDisk("account=c"), on_error="warn")
    assert frame["id"].to_list() == expected("f", day(10, 2), day(10, 3))
    with pytest.raises(WriteError, match=r"journal\.json cannot be written: no space left on device"):
        scan(vendor, "c", tmp_path, "2026-10-02", FullDisk("journal.json"))
    assert client(vendor).scan_usage("c", tmp_path, period="2026-10-02").collect().height == 3


def test_an_account_whose_folder_cannot_be_made_fails_alone(tmp_path):
    long = "c" * 300  # longer than a folder's name may be
    vendor = Vendor({long: "cursor", "f": "confluent"})
    with pytest.warns(UsageWarning, match="file name too long; give it a shorter name"):
        frame = client(vendor).scan_usage([long, "f"], tmp_path, period="2026-10-02", on_error="warn").collect()
    assert frame["id"].to_list() == expected("f", day(10, 2), day(10, 3))


def test_a_new_column_that_is_published_beside_a_failing_one_is_there(tmp_path):
    """Two windows of one batch: the one that fails does not take the other's new column with it."""
    vendor = Vendor({"f": "confluent", "c": "cursor"})
    vendor.more = lambda record: tokens(2**53 + 1) if record["id"].startswith("c") else tokens(1)
    client(vendor).scan_usage("c", tmp_path, period="2026-10-01")
    vendor.more = lambda record: tokens(0.5) if record["id"].startswith("c") else tokens(1) | {"fresh": "new"}
    with hearing():
        frame = client(vendor).scan_usage(["c", "f"], tmp_path, period=DAYS[1], on_error="warn").collect()
    assert frame.select("integrated_account_id", "fresh").rows() == [("f", "new")] * 3


def test_a_window_in_the_way_of_older_ones_is_asked_for_anew(tmp_path):
    """Pages that are whole, but of a window that would tear one that is held: they go, and the scan goes on."""
    vendor = Vendor({"c": "cursor"})
    with pytest.raises(WriteError):
        scan(vendor, "c", tmp_path, ("2026-10-01", "2026-10-04"), FullDisk("prepared"))
    (folder,) = (tmp_path / "pages").iterdir()
    other = tmp_path / "other"
    client(vendor).scan_usage("c", other, period=("2026-10-02", "2026-10-09"))
    kept = other / "pages" / folder.name
    kept.mkdir(parents=True)
    for page in folder.iterdir():
        (kept / page.name).write_bytes(page.read_bytes())
    frame = client(vendor).scan_usage("c", other, period=("2026-10-01", "2026-10-10")).collect()
    assert frame["id"].to_list() == expected("c", day(10, 1), day(10, 10))
    assert not list(other.rglob("*.page"))


def test_lists_beside_texts_are_json(tmp_path):
    """The unified records and the provider's own in one dataset: charges are a list in the one, text in the other."""
    vendor = Vendor({"f": "confluent"})
    with hearing():
        client(vendor).scan_usage("f", tmp_path, period="2026-10-01")
        client(vendor).scan_usage("f", tmp_path, period="2026-10-01", truto_response_format="raw")
    held = tu.read_usage(tmp_path)["charges"].to_list()
    assert len(held) == 6
    assert all(json.loads(text)[0]["currency"] == "USD" for text in held)


def test_a_reader_beside_a_scan_that_widens_sees_one_state_or_is_told_to_wait(tmp_path):
    """At every step on disk of a scan that gives all files a new column."""
    vendor = Vendor({"c": "cursor"}, more=by_day({}, {"fresh": 1}, {"fresh": "x"}))
    with hearing():
        client(vendor).scan_usage("c", tmp_path, period="2026-10-01")
    seen = []

    class Watched(Disk):
        def _look(self):
            try:
                seen.append(tu.read_usage(tmp_path).height)
            except DatasetError as problem:
                seen.append("scan again" in str(problem))

        def place(self, path, write):
            size = super().place(path, write)
            self._look()
            return size

        def move(self, path, to):
            super().move(path, to)
            self._look()

    with hearing():
        scan(vendor, "c", tmp_path, ("2026-10-01", "2026-10-04"), Watched())
    assert set(seen) <= {3, 9, True}
    assert {3, 9, True} == set(seen)


def test_a_dangling_link_as_directory_makes_what_it_points_to(tmp_path):
    vendor = Vendor({"c": "cursor"})
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "far" / "kept")
    assert client(vendor).scan_usage("c", link, period="2026-10-02").collect().height == 3
    assert link.is_symlink()
    assert (tmp_path / "far" / "kept" / "journal.json").is_file()
    assert tu.read_usage(link).height == 3
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises((WriteError, DatasetError), match="loop cannot be"):
        client(vendor).scan_usage("c", loop, period="2026-10-02")
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written: not a directory"):
        client(vendor).scan_usage("c", tmp_path / "file" / "kept", period="2026-10-02")


def test_what_a_later_version_asked_is_fetched_anew(tmp_path, monkeypatch):
    """Pages of a query that this version does not know: they go, and their window is asked for."""
    vendor = Vendor({"c": "cursor"}, fail=lambda _: refusal(400, "no") if len(vendor.asked) == 3 else None, per_page=2)
    with pytest.raises(tu.UsageError):
        client(vendor, concurrency=1).scan_usage("c", tmp_path, period=ALL)
    assert list(tmp_path.rglob("*.page"))
    vendor.fail = None
    for page in tmp_path.rglob("*.page"):
        said = json.loads(pl.read_parquet_metadata(page)["truto_usage_page"])
        said["errand"]["query"] = json.dumps({"integrated_account_id": "c", "of_a_later_version": 1})
        pl.read_parquet(page).write_parquet(page, metadata={"truto_usage_page": json.dumps(said)})
    frame = client(vendor, concurrency=1, now=NOW + timedelta(hours=1)).scan_usage("c", tmp_path, period=ALL).collect()
    assert frame["id"].to_list() == expected("c", day(10, 1), day(10, 4))
