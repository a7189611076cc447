"""A result says what was asked, of whom, what came and what is missing; a snapshot keeps it all."""

from datetime import UTC, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from truto_usage_nb.errors import DatasetError
from truto_usage_nb.result import UsageResult, read_result

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EVIL = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def october():
    with tu.sandbox() as client:
        return client.fetch_usage(["cursor", "confluent"], period="2026-09-14")


def test_it_says_what_was_asked_of_whom_and_what_came(october):
    assert repr(october).startswith(f"UsageResult({october.polars.height:,} records of cursor, confluent, 2026-09-14")
    html = october._repr_html_()
    for word in ("cursor", "confluent", "2026-09-14 to 2026-09-15", "complete", "yes", "start_date=", "2 sent"):
        assert word in html, word
    assert october.pages > 2
    assert set(october.settled_until) == {"cursor", "confluent"}
    assert october.settled_until["cursor"] == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert set(october.rate_limit) >= {"cursor", "confluent"}
    assert not october.partial


def test_both_libraries_hold_the_same(october):
    pandas = october.to_pandas()
    assert list(pandas.columns) == october.frame.columns
    assert len(pandas) == october.frame.height
    assert str(pandas["usage_tokens_input"].dtype) == "int64[pyarrow]"


def test_pandas_keeps_and_reads_it_and_every_way_back_costs_the_same(october, tmp_path):
    """Without `dtype_backend` pandas gives lists as objects where a file lets it, and refuses its own of lists."""
    pandas = pytest.importorskip("pandas")
    october.to_pandas().to_parquet(tmp_path / "own.parquet")
    october.save(tmp_path / "kept.parquet")
    frames = [
        pandas.read_parquet(tmp_path / "own.parquet", dtype_backend="pyarrow"),
        pandas.read_parquet(tmp_path / "kept.parquet"),
        pandas.read_parquet(tmp_path / "kept.parquet", dtype_backend="numpy_nullable"),
    ]
    assert [str(each["charges"].dtype)[:10] for each in frames] == ["large_list", "object", "object"]
    cost = tu.cost_per_model(october.polars)["cost"].drop_nulls().to_list()
    assert cost
    for each in frames:
        assert tu.cost_per_model(each)["cost"].dropna().tolist() == pytest.approx(cost, rel=1e-12)
        assert tu.charges(each).shape[0] == tu.charges(october.polars).height
    with pytest.raises(DatasetError, match=r"is not a snapshot; .*dtype_backend='pyarrow'"):
        tu.read_usage(tmp_path / "own.parquet")


def test_nothing_and_everything_missing_is_said():
    query = tu.UsageQuery(integrated_account_id=EVIL)
    result = UsageResult(
        pl.DataFrame(), (query,), NOW, partial=True, told=(EVIL, "told"), notes=("note",), gaps=(EVIL,),
        settled_until={EVIL: NOW},
    )  # fmt: skip
    html = result._repr_html_()
    assert "<script" not in html
    assert html.count("told") == 1
    assert "no, see below" in html
    assert "0 in 0 pages" in html
    assert "partial" in repr(result)


def test_many_queries_are_shown_in_part():
    queries = tuple(tu.UsageQuery(integrated_account_id="a", date=f"2026-10-{day:02}") for day in range(1, 32)) * 2
    html = UsageResult(pl.DataFrame(), queries, NOW)._repr_html_()
    assert "62 sent" in html
    assert "and 12 more" in html


def test_a_snapshot_holds_the_whole_result(october, tmp_path):
    path = october.save(tmp_path / "new" / "kept.parquet")
    again = read_result(path)
    assert_frame_equal(again.polars, october.polars)
    for name in ("queries", "fetched_at", "pages", "partial", "period", "settled_until", "told", "notes", "gaps"):
        assert getattr(again, name) == getattr(october, name), name
    assert [each.name for each in path.parent.iterdir()] == ["kept.parquet"]


def test_saving_twice_gives_the_same_hash_and_replaces_the_file(october, tmp_path):
    from truto_usage_nb.result.snapshot import content_hash

    path = october.save(tmp_path / "kept.parquet")
    first = content_hash(pl.read_parquet(path))
    assert content_hash(pl.read_parquet(october.save(path))) == first


def test_a_snapshot_that_was_changed_or_is_none_is_refused(october, tmp_path):
    path = october.save(tmp_path / "kept.parquet")
    said = pl.read_parquet_metadata(path)["truto_usage_nb"]
    changed = pl.read_parquet(path).with_columns(pl.col("charges_total") + 0.01)
    changed.write_parquet(path, metadata={"truto_usage_nb": said})
    with pytest.raises(DatasetError, match="was changed after it was saved"):
        read_result(path)
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(DatasetError, match="is not a snapshot"):
        read_result(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match="is not a snapshot"):
        read_result(path)
