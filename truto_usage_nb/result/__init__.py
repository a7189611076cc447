"""A load with its provenance: what was asked, of whom, when, and what one must know to read the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from truto_usage_nb.checks import a_path
from truto_usage_nb.errors import WriteError
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.result.page import result_html
from truto_usage_nb.result.snapshot import read_snapshot, write_snapshot

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UsageResult", "read_result"]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class UsageResult:
    """Hold a frame and where it came from.

    `frame` is of the kind that was asked for (`backend`), `to_pandas()` and `polars` give either. `queries` are those
    that were sent, in order; `fetched_at` (UTC); `pages` counts responses; `partial` says that something is known to
    be missing (`gaps` says what failed); `debug` holds the service's debug objects; `rate_limit` the last rate limit
    seen by account; `period` what was planned; `settled_until` up to when each account's figures are final, as the
    vendor states it; `told` what the user was warned of; `notes` what else is worth knowing; `integrations` what stands
    behind each account, as far as it was looked up or said.
    """

    polars: pl.DataFrame
    queries: tuple[UsageQuery, ...]
    fetched_at: datetime
    pages: int = 0
    partial: bool = False
    backend: str = "polars"
    debug: tuple[Any, ...] = ()
    rate_limit: Mapping[str, Any] = field(default_factory=dict)
    period: Period | None = None
    settled_until: Mapping[str, datetime] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    integrations: Mapping[str, str] = field(default_factory=dict)

    @property
    def frame(self) -> Any:
        """Give the records, a row each, as a polars or pandas DataFrame."""
        return self.to_pandas() if self.backend == "pandas" else self.polars

    def to_pandas(self) -> pd.DataFrame:
        """Give the records as a pandas DataFrame with Arrow-backed dtypes.

        What its `to_parquet` wrote is read back with `pd.read_parquet(path, dtype_backend="pyarrow")`: pandas alone
        cannot name the type of a list of objects. A snapshot (`save`) is read by `read_usage`, and by pandas as it is.
        """
        from truto_usage_nb.frames import to_pandas

        return to_pandas(self.polars)

    def save(self, path: str | Path) -> Path:
        """Keep the frame as one Parquet file with its provenance and a hash of its content inside.

        `read_usage(path)` gives the frame back, `read_result(path)` the whole result.
        """
        return write_snapshot(self, a_path("path", path, WriteError))

    def __repr__(self) -> str:
        count, accounts = self.polars.height, self._accounts()
        span = f", {self.period}" if self.period is not None else ""
        partial = ", partial" if self.partial else ""
        names = ", ".join(accounts) or "no account"
        return f"UsageResult({count:,} records of {names}{span}, {self.pages} pages{partial})"

    def _repr_html_(self) -> str:
        return result_html(self)

    def _accounts(self) -> list[str]:
        return list(dict.fromkeys(str(q.integrated_account_id) for q in self.queries))


def read_result(path: str | Path) -> UsageResult:
    """Read a snapshot that `UsageResult.save` wrote; raises `DatasetError` where its content is not what was saved.

    >>> import tempfile, truto_usage_nb as tu
    >>> result = tu.sandbox().fetch_usage("cursor", period="2026-10-05")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tu.read_result(result.save(f"{folder}/day.parquet")).polars.equals(result.polars)
    True
    """
    return UsageResult(**read_snapshot(a_path("path", path)))
