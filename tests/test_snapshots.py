"""A snapshot: one Parquet file that says where its frame came from, and that nobody changed it since."""

import json
import random
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import duckdb
import polars as pl
import pytest

import truto_usage_nb as tu
from tests.vendor_for_tests import NOW, TOKEN, Vendor, client, refusal
from truto_usage_nb.errors import DatasetError, hearing

KEY = "truto_usage_nb"
ACCOUNTS = {"c": "cursor", "f": "confluent"}


def fetched(vendor=None, what=("c", "f"), **options):
    with hearing():
        vendor = vendor or Vendor(ACCOUNTS)
        return client(vendor, records_per_page=options.pop("size", None)).fetch_usage(
            list(what), period="2026-10", **options
        )


def facts(path):
    return json.loads(pl.read_parquet_metadata(path)[KEY])


@pytest.fixture
def saved(tmp_path):
    result = fetched()
    return result, result.save(tmp_path / "deep" / "october.parquet")


def test_the_facts_are_in_the_file(saved):
    result, path = saved
    said = facts(path)
    assert [tu.UsageQuery(**each) for each in said["queries"]] == list(result.queries)
    assert {each["integrated_account_id"] for each in said["queries"]} == {"c", "f"}
    assert said["versions"] == {"truto-usage-nb": version("truto-usage-nb"), "polars": pl.__version__}
    assert said["fetched_at"] == NOW.isoformat()
    assert said["period"] == ["2026-10-01T00:00:00+00:00", "2026-11-01T00:00:00+00:00"]
    assert said["settled_until"]["c"] == (NOW - timedelta(hours=1)).isoformat()
    assert (said["pages"], said["partial"], said["gaps"]) == (result.pages, False, [])
    assert len(bytes.fromhex(said["content_hash"])) == 32
    assert [each.name for each in path.parent.iterdir()] == ["october.parquet"]
    assert TOKEN.encode() not in path.read_bytes()


def test_it_is_a_parquet_file_like_any_other(saved):
    result, path = saved
    ((count, total),) = duckdb.sql(f"select count(*), sum(charges_total) from '{path}'").fetchall()
    assert (count, total) == (result.polars.height, result.polars["charges_total"].sum())


def test_it_comes_back_as_it_was(saved):
    result, path = saved
    again = tu.read_result(path)
    assert again.polars.equals(result.polars)
    for name in ("queries", "fetched_at", "pages", "partial", "period", "settled_until", "told", "notes", "gaps"):
        assert getattr(again, name) == getattr(result, name), name
    assert tu.read_usage(path).equals(result.polars)
    assert tu.coverage(again).accounts.equals(tu.coverage(result).accounts)
    assert facts(again.save(path.with_name("again.parquet"))) == facts(path)


def test_what_was_missing_is_still_said(tmp_path):
    vendor = Vendor(ACCOUNTS, fail=lambda p: refusal(403, "no") if p["integrated_account_id"] == "f" else None)
    again = tu.read_result(fetched(vendor, on_error="warn").save(tmp_path / "part.parquet"))
    assert again.partial
    assert len(again.gaps) == 1
    assert again.gaps[0].startswith("f: UsageQuery(integrated_account_id='f'")


def test_the_same_records_have_the_same_hash_in_whatever_pages_they_came(tmp_path):
    hashes = {facts(fetched(size=size).save(tmp_path / f"{size}.parquet"))["content_hash"] for size in (None, 1, 3)}
    assert len(hashes) == 1
    restated = Vendor(ACCOUNTS, more=lambda record: {"metric_name": "x"} if record["id"] == "c-900" else {})
    other = facts(fetched(restated).save(tmp_path / "other.parquet"))["content_hash"]
    assert other not in hashes


CHANGES = {
    "a value": lambda frame: frame.with_columns(charges_total=pl.col("charges_total") + 0.0001),
    "a value of the list": lambda frame: frame.with_columns(charges=pl.col("charges").shift(1)),
    "the order": lambda frame: frame.reverse(),
    "a row less": lambda frame: frame.head(-1),
    "a name": lambda frame: frame.rename({"metric_name": "metric"}),
    "a type": lambda frame: frame.with_columns(pl.col("usage_tokens_input").cast(pl.Float64)),
    "a null": lambda frame: frame.with_columns(pl.col("surface").fill_null("")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found(saved, change):
    result, path = saved
    said = {KEY: pl.read_parquet_metadata(path)[KEY]}
    pl.read_parquet(path).write_parquet(path, metadata=said, compression="snappy")
    assert tu.read_result(path).polars.equals(result.polars)  # written anew, nothing changed
    CHANGES[change](pl.read_parquet(path)).write_parquet(path, metadata=said)
    with pytest.raises(DatasetError, match="was changed after it was saved"):
        tu.read_result(path)


def test_a_truncated_file_and_another_file_are_refused(saved):
    _, path = saved
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="is not a snapshot"):
        tu.read_result(path)
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(DatasetError, match="is not a snapshot"):
        tu.read_result(path)
    with pytest.raises(tu.UsageError):
        tu.read_usage(path)


def damaged(path, content, says):
    """Each reader says in one line which file it is and what is wrong with it."""
    path.write_bytes(content)
    for read in (tu.read_result, tu.read_usage):
        with pytest.raises(DatasetError, match=says) as told:
            read(path)
        assert str(path) in str(told.value)
        assert "\n" not in str(told.value)


def test_a_file_that_is_empty_or_cut_short_says_so(saved):
    _, path = saved
    content = path.read_bytes()
    damaged(path, b"", r"is empty \(0 bytes\)")
    for length in (1, 4, 12, len(content) // 2, len(content) - 8, len(content) - 1):
        damaged(path, content[:length], "is not a snapshot, or no longer a whole one")
    damaged(path, b"PK\x03\x04" + content[4:-9], "it does not begin as a Parquet file does")
    damaged(path, content[:-4] + b"PAR2", "cut short or damaged")


@pytest.mark.parametrize("seed", range(40))
def test_bits_that_flipped_are_found_or_change_nothing(saved, seed):
    """In the records as in what is said of them: an error of ours, or the very same result."""
    result, path = saved
    rng, content = random.Random(seed), bytearray(path.read_bytes())
    foot = len(content) - int.from_bytes(content[-8:-4], "little") - 8  # where what is said begins
    place = rng.randrange(foot, len(content)) if seed % 2 else rng.randrange(4, foot)
    content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    said, again = "", None
    try:
        again = tu.read_result(path)
    except DatasetError as problem:
        said = str(problem)
    if again is None:
        assert str(path) in said
        assert "\n" not in said
    else:
        assert again.polars.equals(result.polars)
        for name in ("queries", "fetched_at", "pages", "partial", "period", "settled_until", "told", "notes", "gaps"):
            assert getattr(again, name) == getattr(result, name), name


def resaid(path, change, *, hashed=True):
    """Change what is said of the records, and keep them; `hashed` as whoever changes it on purpose would."""
    from truto_usage_nb.result.snapshot import _provenance_hash

    said, frame = facts(path), pl.read_parquet(path)
    change(said)
    if hashed and "provenance_hash" in said:
        said["provenance_hash"] = _provenance_hash(said)
    frame.write_parquet(path, metadata={KEY: json.dumps(said)})


PROVENANCE = {
    "a period": lambda said: said.update(period=["2026-09-01T00:00:00+00:00", "2026-10-01T00:00:00+00:00"]),
    "a gap less": lambda said: said.update(partial=True, gaps=["f: failed"]),
    "another query": lambda said: said["queries"][0].update(integrated_account_id="d"),
    "no hash": lambda said: said.pop("provenance_hash"),
    "another hash": lambda said: said.update(content_hash="0" * 64),
}


@pytest.mark.parametrize("change", PROVENANCE)
def test_where_the_records_came_from_is_under_the_hash_too(saved, change):
    _, path = saved
    resaid(path, lambda said: None)
    tu.read_result(path)
    resaid(path, PROVENANCE[change], hashed=False)
    with pytest.raises(DatasetError, match=r"was changed after it was saved|is damaged: .*provenance_hash") as told:
        tu.read_result(path)
    assert str(path) in str(told.value)


WRONG = {
    "format 99": (lambda said: said.update(format=99), "is a snapshot of format 99, and this version reads 1 to 2"),
    "format text": (lambda said: said.update(format="new"), "is a snapshot of format new"),
    "format true": (lambda said: said.update(format=True), "is a snapshot of format True"),
    "no format": (lambda said: said.pop("format"), "cannot be read .*format"),
    "pages": (lambda said: said.update(pages="three"), r"\(pages: Input should be a valid integer\)"),
    "pages below 0": (lambda said: said.update(pages=-1), "pages: .*greater than or equal to 0"),
    "partial": (lambda said: said.update(partial="no"), "partial: "),
    "backend": (lambda said: said.update(backend="spark"), "backend: Input should be 'polars' or 'pandas'"),
    "told": (lambda said: said.update(told="a text"), "told: Input should be a valid array"),
    "a moment": (lambda said: said.update(fetched_at="yesterday"), "fetched_at: "),
    "a moment without a zone": (lambda said: said.update(fetched_at="2026-11-23T12:00:00"), "fetched_at: .*timezone"),
    "settled": (lambda said: said.update(settled_until={"c": 7}), "settled_until.c: "),
    "a period": (lambda said: said.update(period=["2026-10-01T00:00:00Z"]), "period"),
    "a period the wrong way": (lambda said: said["period"].reverse(), "or its period, is none .*is empty"),
    "a query": (lambda said: said.update(queries=[{"modle_ids": ["a"]}]), "a query in it, or its period, is none"),
    "queries": (lambda said: said.update(queries={"a": 1}), "queries: "),
    "missing": (lambda said: said.pop("gaps"), "gaps: Field required"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("version_of", [1, 2])
def test_what_cannot_be_is_named(saved, wrong, version_of):
    _, path = saved
    change, says = WRONG[wrong]
    if version_of == 1:
        resaid(path, lambda said: said.update(format=1) or said.pop("provenance_hash"))
    resaid(path, change)
    with pytest.raises(DatasetError, match=says) as told:
        tu.read_result(path)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("said", ["", "[]", "7", "null", "{", '{"format": 1}', "[" * 50_000])
def test_what_is_no_provenance_at_all_is_said(saved, said):
    _, path = saved
    pl.read_parquet(path).write_parquet(path, metadata={KEY: said})
    with pytest.raises(DatasetError, match=r"october\.parquet is damaged: what it says of where its records came from"):
        tu.read_result(path)


def test_half_a_surrogate_in_what_was_told_does_not_lose_the_snapshot(tmp_path):
    from dataclasses import replace

    path = replace(fetched(), gaps=("f: the service said \ud83d",)).save(tmp_path / "kept.parquet")
    assert tu.read_result(path).gaps == ("f: the service said ?",)


def test_a_report_of_a_damaged_snapshot_says_so_before_anything_runs(saved, tmp_path):
    _, path = saved
    path.write_bytes(path.read_bytes()[:-9])
    from truto_usage_nb.reports.parts.book import open_book

    with pytest.raises(DatasetError, match="is not a snapshot, or no longer a whole one"):
        open_book(path)
    assert not Path(tmp_path, "page.html").exists()
