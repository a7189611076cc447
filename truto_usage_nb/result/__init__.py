"""A load with its provenance: what was asked, of whom, when, and what one must know to read the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from truto_usage_nb.checks import a_path
from truto_usage_nb.errors import UsageError, WriteError
from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.format import NO_FORMULA
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.result.snapshot import read_snapshot, write_snapshot
from truto_usage_nb.unanswered import heard, unanswered

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class UsageResult:
    """Hold a frame and where it came from.

    `frame` is of the kind that was asked for (`backend`), `to_pandas()` and `polars` give either. `queries` are those
    that were sent, in order; `fetched_at` (UTC); `pages` counts responses; `partial` says that something is known to
    be missing (`gaps` says what failed); `debug` holds the service's debug objects; `rate_limit` the last rate limit
    seen by account; `period` what was planned; `settled_until` up to when each account's figures are final, as the
    vendor states it; `told` what the user was warned of; `notes` what else is worth knowing; `integrations` what stands
    behind each account, as far as it was looked up or said; `errors` what ended the accounts behind the gaps, the first
    of each, where it was loaded just now (a snapshot keeps the gaps alone).
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
    errors: Mapping[str, UsageError] = field(default_factory=dict)

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
        return _result_html(self)

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


_STYLE = "border-collapse:collapse;text-align:left"
_CELL = "padding:2px 12px 2px 0;vertical-align:top;text-align:left"


def _result_html(result: UsageResult) -> str:
    """Say in a small table what was asked, of whom, what came, which days it covers, and what is missing."""
    refuse_if_cut_off()
    rows = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{value}</td></tr>'
        for name, value in _rows(result)
    )
    return f'<table class="{NO_FORMULA}" style="{_STYLE}">{rows}</table>'


def _rows(result: UsageResult) -> Iterator[tuple[str, str]]:
    yield "records", f"{result.polars.height:,} in {result.pages:,} pages"
    yield "accounts", escape(", ".join(_accounts_counted(result)))
    if result.period is not None:
        yield "period", escape(str(result.period))
    if (covered := _covered(result)) is not None:
        yield "records cover", escape(covered)
    if result.settled_until:
        settled = (f"{name} until {moment:%Y-%m-%d}" for name, moment in sorted(result.settled_until.items()))
        yield "final", escape("; ".join(settled))
    yield "fetched", escape(f"{result.fetched_at:%Y-%m-%d %H:%M} UTC")
    yield "complete", escape(_complete(result))
    for text in (*result.gaps, *(each for each in result.told if each not in result.gaps), *result.notes):
        yield "", escape(text)
    yield "queries", _queries(result)


def _complete(result: UsageResult) -> str:
    """Whoever delivered nothing may have had nothing, or an outage: that is no complete answer."""
    if result.partial:
        return "no, see below"
    if result.polars.is_empty():
        return "no: no record came at all"
    silent = unanswered(result.queries, heard(result.polars), result.integrations)
    return f"no: {'; '.join(map(str, silent))}" if silent else "yes"


def _accounts_counted(result: UsageResult) -> list[str]:
    frame = result.polars
    if "integrated_account_id" not in frame.columns or frame.is_empty():
        return list(dict.fromkeys(str(query.integrated_account_id) for query in result.queries))
    counts = frame.group_by("integrated_account_id", "integration", maintain_order=True).len().rows()
    return [f"{account} ({integration or 'integration unknown'}, {count:,})" for account, integration, count in counts]


def _covered(result: UsageResult) -> str | None:
    frame = result.polars
    if "start_date" not in frame.columns:
        return None
    first, last = frame["start_date"].min(), frame["start_date"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d} (starts, UTC)"


def _queries(result: UsageResult) -> str:
    shown = "".join(f"<div><code>{escape(repr(query))}</code></div>" for query in result.queries[:50])
    more = len(result.queries) - 50
    rest = f"<div>and {more:,} more</div>" if more > 0 else ""
    return f"<details><summary>{len(result.queries):,} sent</summary>{shown}{rest}</details>"
