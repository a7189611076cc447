"""The door to pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from truto_usage_nb.forks import refuse_if_cut_off

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """Give a frame as pandas holds it without loss: Arrow-backed, so counts with nulls stay whole numbers.

    >>> to_pandas(pl.DataFrame({"usage_requests_total": [1, None]})).dtypes.iloc[0]
    int64[pyarrow]
    """
    refuse_if_cut_off()
    return frame.to_pandas(use_pyarrow_extension_array=True)
