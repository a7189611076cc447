"""The one door for a caller's frame: every kind comes in, the same kind goes out, and nothing else gets in."""

from datetime import UTC, datetime

import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pytest

from tests.backends_for_tests import KINDS, as_kind, as_polars
from truto_usage_nb.errors import FrameError
from truto_usage_nb.native import collect, enter, only, require, to_polars, with_instants

FRAME = pl.DataFrame({
    "id": ["a", "b", None],
    "count": [1, None, 2**53 + 1],
    "at": [datetime(2026, 10, 1, tzinfo=UTC), None, datetime(2026, 3, 8, 9, 59, 59, 999999, tzinfo=UTC)],
})  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_leaves_as_it_came(kind):
    native = enter(as_kind(FRAME.select("id"), kind))
    assert native.kind == kind
    assert native.columns == ["id"]
    assert enter(native) is native
    left = native.leave(native.frame.with_columns(more=nw.lit(1)))
    assert type(left) is type(as_kind(FRAME.select("id"), kind))
    assert as_polars(left)["more"].to_list() == [1, 1, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_polars_result_becomes_the_caller_s_kind(kind):
    left = enter(as_kind(FRAME.select("id"), kind)).leave(pl.DataFrame({"cost": [0.5, None]}))
    assert type(left) is type(as_kind(FRAME.select("id"), kind))
    assert as_polars(left)["cost"].to_list() == [0.5, None]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "pandas"])
def test_no_digit_of_a_count_is_lost_on_the_way(kind):
    held = to_polars(enter(as_kind(FRAME, kind))).lazy().collect()
    assert held["count"].to_list() == [1, None, 2**53 + 1]


@pytest.mark.parametrize("kind", KINDS)
def test_instants_are_numbers_whatever_zone_a_session_has(kind):
    native = enter(as_kind(FRAME.select("id", "at"), kind))
    found = collect(with_instants(native, native.frame, {"micros": "at"}))["micros"].to_list()
    wanted = [None if at is None else round(at.timestamp() * 1_000_000) for at in FRAME["at"]]
    assert [None if each is None else int(each) for each in found] == wanted


@pytest.mark.parametrize("frame", [None, 7, "usage.parquet", [{"id": 1}], {"id": [1]}, FRAME["id"], object()])
def test_what_is_no_frame_is_refused_by_name(frame):
    with pytest.raises(FrameError, match=r"This is not a polars, pandas, PyArrow, DuckDB, Dask or PySpark frame"):
        enter(frame)


def test_a_missing_column_is_named_with_what_needs_it():
    native = enter(FRAME.rename({"id": "modle_id"}))
    with pytest.raises(FrameError, match=r"A table needs the column model_id.*Did you mean 'modle_id'"):
        require(native, ("model_id", "count"), "A table")
    require(native, ("count",), "A table")


def test_only_keeps_what_is_there_in_the_order_asked():
    assert only(enter(FRAME), ["at", "gone", "id", "at"]).columns == ["at", "id"]


def test_pandas_with_arrow_and_with_numpy_are_told_apart():
    plain = pd.DataFrame({"a": [1]})
    assert enter(plain).kind == "pandas"
    assert enter(plain.convert_dtypes(dtype_backend="pyarrow")).kind == "pandas_arrow"
    assert enter(pd.DataFrame()).kind == "pandas"
