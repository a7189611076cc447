"""A snapshot: one Parquet file that says where its frame came from, and that nobody changed it since."""

import json
from datetime import timedelta
from importlib.metadata import version

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
