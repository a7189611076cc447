"""Rows whose key may be there twice: every repeat is among them, whatever is null."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truto_usage_nb.native import collect, enter, suspects

KEY = ("account", "id", "day")
keys = st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["x", "y", ""]), st.sampled_from([1, 2, None]))


@pytest.mark.parametrize("lazy", [False, True])
@given(st.lists(keys, max_size=12))
def test_every_repeated_row_is_a_suspect_and_rows_alone_are_let_go(lazy, rows):
    frame = pl.DataFrame(rows, schema={"account": pl.String, "id": pl.String, "day": pl.Int64}, orient="row")
    found = collect(suspects(enter(frame.lazy() if lazy else frame), KEY).frame)
    repeated = [row for row in rows if rows.count(row) > 1]
    assert found.rows() == repeated
